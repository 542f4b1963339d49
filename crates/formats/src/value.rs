//! Values that come from another program as values, not as text: JavaScript's objects.

use crate::{
    de::{Dialect, FieldError, read},
    scalar::Scalar,
    tree::{Data, Entry, Node, Position},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
};
use std::fmt;

/// A value of any shape, to be read as a typed one.
///
/// Whatever the other program's values are like, all types are read from this one: typed values read by the other
/// program's deserializer would be compiled once more for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Value(Node);

/// Why a [`Value`] is not of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The path of what does not fit, and why it does not.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.hint)
    }
}

impl std::error::Error for ValueError {}

impl From<FieldError> for ValueError {
    fn from(error: FieldError) -> Self {
        Self { what: error.to_string(), hint: error.hint.clone() }
    }
}

impl Value {
    /// Reads a typed value.
    ///
    /// # Errors
    /// The first thing that does not fit, or a field that the type does not have: a misspelt one would be overlooked.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        let (value, ignored) = read(&self.0, Dialect::Kubernetes)?;
        match ignored.into_iter().next() {
            None => Ok(value),
            Some(field) => Err(ValueError {
                what: format!("{} is not a known field", field.path),
                hint: field.near.map_or_else(|| "take it out".into(), |near| format!("did you mean {near}?")),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

fn value(data: Data) -> Value {
    Value(Node { at: Position::START, data })
}

fn scalar(scalar: Scalar, text: impl ToString) -> Value {
    value(Data::Scalar(scalar, text.to_string()))
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(scalar(Scalar::Null, "null"))
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, given: bool) -> Result<Value, E> {
        Ok(scalar(Scalar::Bool(given), given))
    }

    fn visit_u64<E: de::Error>(self, given: u64) -> Result<Value, E> {
        Ok(scalar(Scalar::Unsigned(given), given))
    }

    fn visit_i64<E: de::Error>(self, given: i64) -> Result<Value, E> {
        let number = u64::try_from(given).map_or(Scalar::Signed(given), Scalar::Unsigned);
        Ok(scalar(number, given))
    }

    fn visit_f64<E: de::Error>(self, given: f64) -> Result<Value, E> {
        Ok(scalar(Scalar::Float(given), given))
    }

    fn visit_str<E: de::Error>(self, given: &str) -> Result<Value, E> {
        Ok(scalar(Scalar::Text, given))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(Value(node)) = items.next_element()? {
            nodes.push(node);
        }
        Ok(value(Data::Sequence(nodes)))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, Value(node))) = fields.next_entry()? {
            entries.push(Entry { key, at: Position::START, value: node });
        }
        Ok(value(Data::Mapping(entries)))
    }
}
