//! What a trace says is written when somebody reads it; until then a step keeps what it speaks of.

use crate::NearMiss;
use serde::{Serialize, Serializer};
use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};
use wire::{Input, Wire, write_text};

/// Values that are made when one of them is first asked for, and what they are made of. Three are made together: what
/// a rule's step says is one thing to keep, not three.
struct Later<T: ?Sized, M: ?Sized = dyn Fn() -> [Box<T>; 3] + Send + Sync> {
    made: OnceLock<[Box<T>; 3]>,
    make: M,
}

/// Something that a trace tells. It reads like a `&T`.
pub struct Told<T: ?Sized + 'static>(Form<T>);

enum Form<T: ?Sized + 'static> {
    /// The same whatever happens.
    Fixed(&'static T),
    /// Told already.
    Made(Arc<T>),
    /// Made when it is first read: one of three.
    Later(Arc<Later<T>>, Part),
}

#[derive(Clone, Copy)]
enum Part {
    First,
    Second,
    Third,
}

/// A text of a trace.
pub type Text = Told<str>;

/// The rules that almost decided, nearest first.
pub type NearMisses = Told<[NearMiss]>;

impl<T: ?Sized> Told<T> {
    fn made_later(make: impl Fn() -> [Box<T>; 3] + Send + Sync + 'static) -> Arc<Later<T>> {
        Arc::new(Later { made: OnceLock::new(), make })
    }
}

impl<T: ?Sized> Deref for Told<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Form::Fixed(value) => value,
            Form::Made(value) => value,
            Form::Later(later, part) => {
                let [first, second, third] = later.made.get_or_init(&later.make);
                match part {
                    Part::First => first,
                    Part::Second => second,
                    Part::Third => third,
                }
            }
        }
    }
}

impl<T: ?Sized> Clone for Told<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Form::Fixed(value) => Form::Fixed(value),
            Form::Made(value) => Form::Made(Arc::clone(value)),
            Form::Later(later, part) => Form::Later(Arc::clone(later), *part),
        })
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Told<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for Told<T> {}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Told<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + Serialize> Serialize for Told<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl Text {
    /// The text; written now, if nobody has read it yet.
    pub fn as_str(&self) -> &str {
        self
    }
}

/// What writes a text when somebody reads it.
pub(crate) struct Unwritten<F>(F);

/// A text that is written when it is first read. What the function holds should be cheap to hold: shared names, shared
/// objects, addresses.
pub(crate) fn later<F: Fn() -> String + Send + Sync + 'static>(write: F) -> Unwritten<F> {
    Unwritten(write)
}

/// Three texts that are written when one of them is first read.
pub(crate) fn together(write: impl Fn() -> [String; 3] + Send + Sync + 'static) -> [Text; 3] {
    let later = Text::made_later(move || write().map(String::into));
    let text = |part| Told(Form::Later(Arc::clone(&later), part));
    [text(Part::First), text(Part::Second), text(Part::Third)]
}

/// The sentence of a step that names a rule.
pub(crate) trait Sentence {
    /// The sentence, after the two texts of its rule.
    fn beside(self, rule: impl Fn() -> [String; 2] + Send + Sync + 'static) -> [Text; 3];
}

impl<F: Fn() -> String + Send + Sync + 'static> Sentence for Unwritten<F> {
    fn beside(self, rule: impl Fn() -> [String; 2] + Send + Sync + 'static) -> [Text; 3] {
        together(move || {
            let [place, text] = rule();
            [place, text, (self.0)()]
        })
    }
}

impl Sentence for &'static str {
    fn beside(self, rule: impl Fn() -> [String; 2] + Send + Sync + 'static) -> [Text; 3] {
        let [place, text, _] = together(move || {
            let [place, text] = rule();
            [place, text, String::new()]
        });
        [place, text, self.into()]
    }
}

impl<F: Fn() -> String + Send + Sync + 'static> From<Unwritten<F>> for Text {
    fn from(Unwritten(write): Unwritten<F>) -> Self {
        let later = Self::made_later(move || [write().into(), Box::default(), Box::default()]);
        Self(Form::Later(later, Part::First))
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(Form::Fixed(""))
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Form::Fixed(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Form::Made(text.into()))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(Form::Made(text))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl Wire for Text {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        Self(Form::Made(input.text().into()))
    }
}

impl NearMisses {
    /// None.
    pub const NONE: Self = Self(Form::Fixed(&[]));

    /// Rules that are found when somebody first reads them.
    pub(crate) fn later(find: impl Fn() -> Vec<NearMiss> + Send + Sync + 'static) -> Self {
        let later = Self::made_later(move || [find().into(), Box::default(), Box::default()]);
        Self(Form::Later(later, Part::First))
    }
}

impl Default for NearMisses {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a> IntoIterator for &'a NearMisses {
    type Item = &'a NearMiss;
    type IntoIter = std::slice::Iter<'a, NearMiss>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<NearMiss>> for NearMisses {
    fn from(misses: Vec<NearMiss>) -> Self {
        if misses.is_empty() { Self::NONE } else { Self(Form::Made(misses.into())) }
    }
}

impl FromIterator<NearMiss> for NearMisses {
    fn from_iter<I: IntoIterator<Item = NearMiss>>(misses: I) -> Self {
        misses.into_iter().collect::<Vec<_>>().into()
    }
}

impl Wire for NearMisses {
    fn write(&self, out: &mut Vec<u8>) {
        wire::write_number(self.len() as u64, out);
        self.iter().for_each(|miss| miss.write(out));
    }

    fn read(input: &mut Input<'_>) -> Self {
        Vec::read(input).into()
    }
}
