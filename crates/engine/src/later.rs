//! What a trace says is written when somebody reads it; until then a step keeps what it speaks of.

use crate::NearMiss;
use serde::{Serialize, Serializer};
use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};
use wire::{Input, Wire, write_text};

/// A value that is made when it is first asked for, and what it is made of.
struct Later<V, M: ?Sized = dyn Fn() -> V + Send + Sync> {
    made: OnceLock<V>,
    make: M,
}

impl<V> Later<V> {
    fn new(make: impl Fn() -> V + Send + Sync + 'static) -> Arc<Self>
    where
        V: 'static,
    {
        Arc::new(Later { made: OnceLock::new(), make })
    }

    fn value(&self) -> &V {
        self.made.get_or_init(&self.make)
    }
}

/// A text of a trace. It reads like a `&str`.
#[derive(Clone)]
pub struct Text(Form);

#[derive(Clone)]
enum Form {
    /// The same whatever happens.
    Fixed(&'static str),
    /// Written already.
    Written(Arc<str>),
    /// Written when it is first read.
    Later(Arc<Later<Box<str>>>),
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

impl<F: Fn() -> String + Send + Sync + 'static> From<Unwritten<F>> for Text {
    fn from(Unwritten(write): Unwritten<F>) -> Self {
        Self(Form::Later(Later::new(move || write().into())))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Form::Fixed(text) => text,
            Form::Written(text) => text,
            Form::Later(later) => later.value(),
        }
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
        Self(Form::Written(text.into()))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(Form::Written(text))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Wire for Text {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        Self(Form::Written(input.text().into()))
    }
}

/// The rules that almost decided, nearest first. They read like a `&[NearMiss]`.
#[derive(Clone, Default)]
pub struct NearMisses(List);

#[derive(Clone, Default)]
enum List {
    #[default]
    None,
    /// Found already.
    Found(Arc<[NearMiss]>),
    /// Found when they are first read.
    Later(Arc<Later<Vec<NearMiss>>>),
}

impl NearMisses {
    /// None.
    pub const NONE: Self = Self(List::None);

    /// Rules that are found when somebody first reads them.
    pub(crate) fn later(find: impl Fn() -> Vec<NearMiss> + Send + Sync + 'static) -> Self {
        Self(List::Later(Later::new(find)))
    }
}

impl Deref for NearMisses {
    type Target = [NearMiss];

    fn deref(&self) -> &[NearMiss] {
        match &self.0 {
            List::None => &[],
            List::Found(misses) => misses,
            List::Later(later) => later.value(),
        }
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
        Self(if misses.is_empty() { List::None } else { List::Found(misses.into()) })
    }
}

impl FromIterator<NearMiss> for NearMisses {
    fn from_iter<I: IntoIterator<Item = NearMiss>>(misses: I) -> Self {
        misses.into_iter().collect::<Vec<_>>().into()
    }
}

impl PartialEq for NearMisses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for NearMisses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for NearMisses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
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
