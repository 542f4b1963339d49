//! Reading structs all of whose fields may be absent.
//!
//! serde's own derive keeps every field of a struct apart until all are read, with a way out of each place where
//! reading can fail: three to thirty kilobytes of wasm for a struct. Here a struct is made first, and filled.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// A struct that is filled field by field; `model_derive::Filled` implements it.
pub trait Fill: Default {
    /// All spellings of all fields.
    const NAMES: &'static [&'static str];
    /// For each spelling the number of its field.
    const PLACES: &'static [usize];
    /// Whether another field is an error, and not passed over.
    const DENIES_UNKNOWN: bool;

    /// Reads the next value of a map into the field of this number; the value of a field that is not known is passed over.
    fn fill<'de, A: MapAccess<'de>>(&mut self, place: usize, map: &mut A) -> Result<(), A::Error>;
}

/// Reads a struct that its author calls `name`.
pub fn filled<'de, T: Fill, D: Deserializer<'de>>(
    name: &'static str,
    deserializer: D,
) -> Result<T, D::Error> {
    let mut it = T::default();
    deserializer.deserialize_struct(name, T::NAMES, Fields { name, it: &mut it })?;
    Ok(it)
}

struct Fields<'a, T> {
    name: &'static str,
    it: &'a mut T,
}

impl<'de, T: Fill> Visitor<'de> for Fields<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u64;
        let names = Names { names: T::NAMES, denies_unknown: T::DENIES_UNKNOWN };
        while let Some(spelling) = map.next_key_seed(names)? {
            let place = spelling.and_then(|spelling| T::PLACES.get(spelling)).copied().unwrap_or(usize::MAX);
            once(&mut seen, place, spelling.and_then(|spelling| T::NAMES.get(spelling)).copied())?;
            self.it.fill(place, &mut map)?;
        }
        Ok(())
    }
}

/// Refuses a field that was read already.
fn once<E: Error>(seen: &mut u64, place: usize, name: Option<&'static str>) -> Result<(), E> {
    let bit = u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default();
    match name {
        Some(name) if *seen & bit != 0 => Err(E::duplicate_field(name)),
        _ => {
            *seen |= bit;
            Ok(())
        }
    }
}

/// Which of these names a key is.
#[derive(Clone, Copy)]
struct Names {
    names: &'static [&'static str],
    denies_unknown: bool,
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Names {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<usize>, E> {
        match self.names.iter().position(|name| *name == key) {
            None if self.denies_unknown => Err(E::unknown_field(key, self.names)),
            found => Ok(found),
        }
    }
}
