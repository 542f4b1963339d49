//! Teaching: lessons as data, questions that the engine grades, and expectations that it checks.
//!
//! A lesson is a folder of `lessons/`: `lesson.yaml` (captions, changes, questions, expectations) and
//! `cluster.yaml` (the cluster that it begins with). Nothing in it is an answer key: what is right is what the
//! engine computes when the question is asked, and `expect` only holds the text to it.
//!
//! A page runs a lesson so: [`Lesson::model_at`] gives the cluster of a step, [`Step::play`] what becomes of its
//! packet and the options of its question, [`Posed::grade`] the mark. Which lesson comes when stands in [`INDEX`].

//!
//! Without the feature `documents` only what the page and its engine room say to each other is left: an [`Ask`] and the
//! types of its answers. The engine room answers by [`answer`].

#[cfg(feature = "documents")]
mod asked;
#[cfg(feature = "documents")]
mod check;
mod claim;
#[cfg(feature = "documents")]
mod course;
#[cfg(feature = "documents")]
mod expect;
mod flow;
#[cfg(feature = "documents")]
mod held;
#[cfg(feature = "documents")]
mod lesson;
mod page;
mod posed;
#[cfg(feature = "documents")]
mod question;
#[cfg(feature = "documents")]
mod share;

pub use claim::{Claim, ClaimVerdict};
pub use flow::{FlowSpec, NotAFlow, SpecError};
#[cfg(feature = "documents")]
pub use page::answer;
pub use page::{Answered, AnsweredCase, Ask, Begun, Contents, Listed, Sheet, SheetStep};
pub use posed::{Grade, Posed, PosedOption};

#[cfg(feature = "documents")]
mod documents {
    #[cfg(feature = "embedded")]
    pub use crate::course::embedded;
    pub use crate::{
        asked::{ANSWERED, Asked, AskedCase, AskedFlow, AskedLater, AskedOutcome, AskedProbe, AskedRun},
        check::{Check, Checked, Checks},
        course::{Entry, INDEX, find},
        expect::{Expect, LoadBalancerFacts, Mismatch, OneOrMany, RuleFacts, StepPattern, deciding},
        held::Held,
        lesson::{Change, Lesson, LessonError, Played, Step},
        question::{About, Choice, Question},
        share::Share,
    };
}
#[cfg(feature = "documents")]
pub use documents::*;
