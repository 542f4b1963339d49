//! From a tree to typed objects, with the place and the path of whatever does not fit.

mod tagged;

use crate::{
    near::nearest,
    scalar::Scalar,
    tree::{Data, Entry, Node, Position},
};
use serde::{
    Deserialize,
    de::{self, IntoDeserializer, Unexpected, Visitor},
};
use std::{cell::RefCell, fmt, ops::Deref};

/// How documents of one world spell things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As the API server reads: letter case counts, text is not a number and a number is not text.
    Kubernetes,
    /// As Azure's tools have printed over the years: letter case does not count, `properties` may or may not be
    /// flattened away. A number where text is expected is taken as written (`kubernetesVersion: 1.30`).
    Azure,
}

/// A value that does not fit its field. It is one pointer, since every step of reading hands it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError(Box<Misfit>);

/// What a [`FieldError`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) at: Option<Position>,
    /// The path of the field: `spec.ports[0].nodePort`.
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Deref for FieldError {
    type Target = Misfit;

    fn deref(&self) -> &Misfit {
        &self.0
    }
}

/// A field that the types do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    pub(crate) at: Position,
    pub(crate) path: String,
    /// A field that it may have been meant to be.
    pub(crate) near: Option<&'static str>,
}

/// Reads a typed value, and lists the fields that its type does not have.
pub(crate) fn read<'de, T: Deserialize<'de>>(
    node: &'de Node,
    dialect: Dialect,
) -> Result<(T, Vec<Ignored>), FieldError> {
    let context = Context { dialect, ignored: RefCell::default() };
    let value = T::deserialize(At::new(node, &context)).map_err(|error| error.at(node.at))?;
    let mut ignored = context.ignored.into_inner();
    for field in &mut ignored {
        // Paths are collected from the inside out.
        field.path = field.path.trim_start_matches('.').to_owned();
    }
    Ok((value, ignored))
}

struct Context {
    dialect: Dialect,
    ignored: RefCell<Vec<Ignored>>,
}

#[derive(Clone, Copy)]
struct At<'de, 'c> {
    node: &'de Node,
    context: &'c Context,
    /// A key that has been read already, as the tag of the value.
    tag: Option<&'static str>,
}

impl FieldError {
    pub(crate) fn plain(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(Box::new(Misfit { at: None, path: String::new(), what: what.into(), hint: hint.into() }))
    }

    /// Adds the place, unless it is known already.
    fn at(mut self, at: Position) -> Self {
        self.0.at.get_or_insert(at);
        self
    }

    /// Puts a segment before the path.
    fn under(mut self, segment: &str) -> Self {
        self.0.path = join(segment, &self.0.path);
        self
    }
}

fn join(segment: &str, path: &str) -> String {
    if path.is_empty() || path.starts_with('[') {
        format!("{segment}{path}")
    } else {
        format!("{segment}.{path}")
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for FieldError {}

/// What serde calls a type, in words.
fn in_words(expected: &dyn de::Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "i64" | "i32" => "a whole number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "str" => "text".into(),
        "a sequence" => "a list".into(),
        "a map" => "a mapping".into(),
        other if other.starts_with("struct ") => "a mapping".into(),
        other if other.starts_with("enum ") => "a word".into(),
        _ => expected,
    }
}

fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("{value}"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Unit | Unexpected::Option => "nothing".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a mapping".into(),
        other => other.to_string(),
    }
}

impl de::Error for FieldError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        if message.contains("untagged enum IntOrString") {
            return Self::plain(
                "expected a port number from 0 to 65535, or the name of a port",
                "write a number without quotes, or a name in letters",
            );
        }
        Self::plain(message, "correct the value")
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let words = in_words(expected);
        let hint = match unexpected {
            Unexpected::Str(text) if words.contains("number") && text.parse::<f64>().is_ok() => {
                format!("write {text} without quotes")
            }
            Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_)
                if words == "text" =>
            {
                "put the value in quotes; YAML takes yes, no, on, off and numbers for something else than text"
                    .into()
            }
            Unexpected::Str(_) if words == "true or false" => "write true or false without quotes".into(),
            _ => format!("write {words}"),
        };
        Self::plain(format!("expected {words}, found {}", found(unexpected)), hint)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let words = in_words(expected);
        Self::plain(format!("expected {words}, found {}", found(unexpected)), format!("write {words}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.join(", ");
        let hint = match nearest(variant, expected.iter().copied()) {
            Some(near) => format!("did you mean {near}? Known are: {known}"),
            None => format!("known are: {known}"),
        };
        Self::plain(format!("{variant:?} is not a known value"), hint)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.join(", ");
        let hint = match nearest(field, expected.iter().copied()) {
            Some(near) => format!("did you mean {near}? Known are: {known}"),
            None => format!("known are: {known}"),
        };
        Self::plain(format!("{field:?} is not a known field"), hint)
    }

    fn missing_field(field: &'static str) -> Self {
        let hint = match field {
            "effect" => "add `effect: NoSchedule`, PreferNoSchedule or NoExecute".to_owned(),
            _ => format!("add {field}"),
        };
        Self::plain(format!("the field {field} is missing"), hint)
    }
}

impl<'de, 'c> At<'de, 'c> {
    fn new(node: &'de Node, context: &'c Context) -> Self {
        Self { node, context, tag: None }
    }

    fn unexpected(&self) -> Unexpected<'de> {
        match &self.node.data {
            Data::Scalar(scalar, text) => match scalar {
                Scalar::Null => Unexpected::Unit,
                Scalar::Bool(value) => Unexpected::Bool(*value),
                Scalar::Unsigned(value) => Unexpected::Unsigned(*value),
                Scalar::Signed(value) => Unexpected::Signed(*value),
                Scalar::Float(value) => Unexpected::Float(*value),
                Scalar::Text => Unexpected::Str(text),
            },
            Data::Sequence(_) => Unexpected::Seq,
            Data::Mapping(_) => Unexpected::Map,
        }
    }

    fn mismatch(&self, expected: &dyn de::Expected) -> FieldError {
        de::Error::invalid_type(self.unexpected(), expected)
    }

    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match &self.node.data {
            Data::Scalar(scalar, text) => match scalar {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(*value),
                Scalar::Unsigned(value) => visitor.visit_u64(*value),
                Scalar::Signed(value) => visitor.visit_i64(*value),
                Scalar::Float(value) => visitor.visit_f64(*value),
                Scalar::Text => visitor.visit_borrowed_str(text),
            },
            Data::Sequence(items) => visitor.visit_seq(Items { nodes: items, at: 0, context: self.context }),
            Data::Mapping(_) => self.mapping(&[], visitor),
        }
    }

    fn mapping<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self.found(fields) {
            Some(entries) => visitor.visit_map(entries),
            None => Err(self.mismatch(&visitor)),
        }
    }

    /// The entries of a mapping that fill the fields of a type; no fields are those of a map.
    fn found(self, fields: &'static [&'static str]) -> Option<Entries<'de, 'c>> {
        let Data::Mapping(entries) = &self.node.data else { return None };
        let flatten = self.context.dialect == Dialect::Azure && !fields.is_empty();
        let mut found: Vec<(&'de str, &'de Entry)> = Vec::with_capacity(entries.len());
        for entry in entries {
            // The API server and Azure take null for absent.
            if (entry.value.is_null() && !fields.is_empty()) || self.tag == Some(&entry.key) {
                continue;
            }
            if flatten && entry.key.eq_ignore_ascii_case("properties") {
                let inner = entry.value.entries().iter().filter(|entry| !entry.value.is_null());
                found.extend(inner.map(|entry| (self.spelled(entry, fields), entry)));
            } else {
                found.push((self.spelled(entry, fields), entry));
            }
        }
        Some(Entries { of: self.node, found: found.into_iter(), value: None, fields, context: self.context })
    }

    /// The key as the type spells it.
    fn spelled(&self, entry: &'de Entry, fields: &'static [&'static str]) -> &'de str {
        if self.context.dialect == Dialect::Kubernetes || fields.contains(&entry.key.as_str()) {
            return &entry.key;
        }
        fields.iter().copied().find(|field| field.eq_ignore_ascii_case(&entry.key)).unwrap_or(&entry.key)
    }
}

/// The methods of a deserializer, without what is the same in all.
macro_rules! methods {
    ($($method:ident($self:ident, $visitor:ident $(, $argument:ident: $type:ty)*) $body:block)*) => {$(
        fn $method<V: Visitor<'de>>($self $(, $argument: $type)*, $visitor: V) -> Result<V::Value, FieldError> $body
    )*};
}

impl<'de> de::Deserializer<'de> for At<'de, '_> {
    type Error = FieldError;

    methods! {
        deserialize_any(self, visitor) { self.any(visitor) }
        deserialize_bool(self, visitor) { self.any(visitor) }
        deserialize_i8(self, visitor) { self.any(visitor) }
        deserialize_i16(self, visitor) { self.any(visitor) }
        deserialize_i32(self, visitor) { self.any(visitor) }
        deserialize_i64(self, visitor) { self.any(visitor) }
        deserialize_u8(self, visitor) { self.any(visitor) }
        deserialize_u16(self, visitor) { self.any(visitor) }
        deserialize_u32(self, visitor) { self.any(visitor) }
        deserialize_u64(self, visitor) { self.any(visitor) }
        deserialize_f32(self, visitor) { self.any(visitor) }
        deserialize_f64(self, visitor) { self.any(visitor) }
        deserialize_bytes(self, visitor) { self.any(visitor) }
        deserialize_byte_buf(self, visitor) { self.any(visitor) }
        deserialize_seq(self, visitor) { self.any(visitor) }
        deserialize_map(self, visitor) { self.mapping(&[], visitor) }
        deserialize_identifier(self, visitor) { self.any(visitor) }
        deserialize_unit(self, visitor) { self.any(visitor) }
        deserialize_char(self, visitor) { self.deserialize_str(visitor) }
        deserialize_string(self, visitor) { self.deserialize_str(visitor) }
        deserialize_str(self, visitor) {
            match &self.node.data {
                Data::Scalar(Scalar::Null, _) => Err(self.mismatch(&visitor)),
                Data::Scalar(_, text) if self.context.dialect == Dialect::Azure => visitor.visit_borrowed_str(text),
                _ => self.any(visitor),
            }
        }
        deserialize_option(self, visitor) {
            if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
        }
        deserialize_unit_struct(self, visitor, _name: &'static str) { self.any(visitor) }
        deserialize_newtype_struct(self, visitor, _name: &'static str) { visitor.visit_newtype_struct(self) }
        deserialize_tuple(self, visitor, _length: usize) { self.any(visitor) }
        deserialize_tuple_struct(self, visitor, _name: &'static str, _length: usize) { self.any(visitor) }
        deserialize_struct(self, visitor, _name: &'static str, fields: &'static [&'static str]) {
            self.mapping(fields, visitor)
        }
        deserialize_enum(self, visitor, name: &'static str, variants: &'static [&'static str]) {
            if let Some(called) = name.strip_prefix("tag:") {
                return tagged::read(self, called, visitor);
            }
            match &self.node.data {
                Data::Scalar(Scalar::Text, text) => {
                    let known = match self.context.dialect {
                        Dialect::Azure => variants.iter().find(|variant| variant.eq_ignore_ascii_case(text)),
                        Dialect::Kubernetes => None,
                    };
                    visitor.visit_enum(known.copied().unwrap_or(text).into_deserializer())
                }
                Data::Mapping(_) if self.node.entries().len() == 1 => visitor.visit_enum(de::value::MapAccessDeserializer::new(
                    Entries {
                        of: self.node,
                        found: self.node.entries().iter().map(|entry| (entry.key.as_str(), entry)).collect::<Vec<_>>().into_iter(),
                        value: None,
                        fields: &[],
                        context: self.context,
                    },
                )),
                _ => Err(self.mismatch(&visitor)),
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_unit()
    }
}

struct Items<'de, 'c> {
    nodes: &'de [Node],
    at: usize,
    context: &'c Context,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = FieldError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, FieldError> {
        let Some(node) = self.nodes.get(self.at) else { return Ok(None) };
        let step = Step::to(node, Segment::Item(self.at), self.context);
        self.at += 1;
        step.read(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len().saturating_sub(self.at))
    }
}

struct Entries<'de, 'c> {
    of: &'de Node,
    found: std::vec::IntoIter<(&'de str, &'de Entry)>,
    value: Option<&'de Entry>,
    fields: &'static [&'static str],
    context: &'c Context,
}

impl<'de> Entries<'de, '_> {
    /// The next entry; a field that the type does not have is noted.
    fn advance(&mut self) -> Option<(&'de str, &'de Entry)> {
        let (key, entry) = self.found.next()?;
        self.value = Some(entry);
        if !self.fields.is_empty() && !self.fields.contains(&key) && !entry.value.is_empty() {
            // What stands beside it was not meant by it: `started` and `state`.
            let near = nearest(key, self.fields.iter().copied()).filter(|near| self.of.get(near).is_none());
            self.context.ignored.borrow_mut().push(Ignored { at: entry.at, path: key.to_owned(), near });
        }
        Some((key, entry))
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de, '_> {
    type Error = FieldError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FieldError> {
        let Some((key, entry)) = self.advance() else { return Ok(None) };
        let key = de::value::BorrowedStrDeserializer::new(key);
        seed.deserialize(key).map(Some).map_err(|error: FieldError| error.at(entry.at))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FieldError> {
        let Some(entry) = self.value.take() else {
            return Err(FieldError::plain("a value was asked for before its key", "report this as a bug"));
        };
        Step::to(&entry.value, Segment::Field(&entry.key), self.context).read(seed)
    }
}

/// A step from a value to one inside it. What does not depend on the type that is read is compiled once.
struct Step<'de, 'c> {
    node: &'de Node,
    segment: Segment<'de>,
    context: &'c Context,
    /// So many fields were noted before.
    noted: usize,
}

/// A segment of a path.
#[derive(Clone, Copy)]
enum Segment<'de> {
    Field(&'de str),
    Item(usize),
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Item(at) => write!(f, "[{at}]"),
        }
    }
}

impl<'de, 'c> Step<'de, 'c> {
    #[inline(never)]
    fn to(node: &'de Node, segment: Segment<'de>, context: &'c Context) -> Self {
        Self { node, segment, context, noted: context.ignored.borrow().len() }
    }

    /// Reads the value, and says of everything that is reported inside that it is under this segment.
    fn read<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, FieldError> {
        match seed.deserialize(At::new(self.node, self.context)) {
            Ok(value) => {
                self.done();
                Ok(value)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    #[inline(never)]
    fn done(&self) {
        let mut ignored = self.context.ignored.borrow_mut();
        let noted = ignored.get_mut(self.noted..).unwrap_or_default();
        if !noted.is_empty() {
            let segment = self.segment.to_string();
            for ignored in noted {
                ignored.path = join(&segment, &ignored.path);
            }
        }
    }

    #[inline(never)]
    fn failed(&self, error: FieldError) -> FieldError {
        self.done();
        error.at(self.node.at).under(&self.segment.to_string())
    }
}
