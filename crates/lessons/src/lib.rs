//! Teaching: lessons as data, questions that the engine grades, and expectations that it checks.
//!
//! A lesson is a folder of `lessons/`: `lesson.yaml` (captions, changes, questions, expectations) and
//! `cluster.yaml` (the cluster that it begins with). Nothing in it is an answer key: what is right is what the
//! engine computes when the question is asked, and `expect` only holds the text to it.
//!
//! A page runs a lesson so: [`Lesson::model_at`] gives the cluster of a step, [`Step::play`] what becomes of its
//! packet and the options of its question, [`Posed::grade`] the mark. Which lesson comes when stands in [`INDEX`].

mod check;
mod course;
mod expect;
mod flow;
mod lesson;
mod question;
mod share;

pub use check::{Check, Checked, Checks};
#[cfg(feature = "embedded")]
pub use course::embedded;
pub use course::{Entry, INDEX, find};
pub use expect::{Expect, LoadBalancerFacts, Mismatch, OneOrMany, RuleFacts, StepPattern, deciding};
pub use flow::{FlowSpec, NotAFlow, SpecError};
pub use lesson::{Change, Claim, ClaimVerdict, Lesson, LessonError, Played, Step};
pub use question::{About, Choice, Grade, Posed, PosedOption, Question};
pub use share::Share;
