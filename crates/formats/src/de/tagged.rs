//! Enums whose variant is named by a field: `{edit: cordon, node: n, cordoned: true}`. See `model_derive::Tagged`.

use super::{At, FieldError, Segment, Step};
use crate::tree::Node;
use serde::de::{self, Visitor};

/// Reads an enum that is called `tag`, or `tag/content` where the variant's value is a field of its own.
pub(super) fn read<'de, V: Visitor<'de>>(
    at: At<'de, '_>,
    called: &'static str,
    visitor: V,
) -> Result<V::Value, FieldError> {
    let (tag, content) = called.split_once('/').map_or((called, None), |(tag, content)| (tag, Some(content)));
    let value = at.node.get(tag).ok_or_else(|| de::Error::missing_field(tag))?;
    let variant = value.text().ok_or_else(|| {
        FieldError::plain(format!("expected a word that says which {tag}"), "write one word")
            .at(value.at)
            .under(tag)
    })?;
    visitor.visit_enum(Tagged { at: At { tag: Some(tag), ..at }, tag, variant, name: value, content })
}

struct Tagged<'de, 'c> {
    /// The whole mapping.
    at: At<'de, 'c>,
    tag: &'static str,
    variant: &'de str,
    name: &'de Node,
    content: Option<&'static str>,
}

impl<'de> de::EnumAccess<'de> for Tagged<'de, '_> {
    type Error = FieldError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), FieldError> {
        let variant = seed
            .deserialize(de::value::BorrowedStrDeserializer::new(self.variant))
            .map_err(|error: FieldError| error.at(self.name.at).under(self.tag))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Tagged<'de, '_> {
    type Error = FieldError;

    fn unit_variant(self) -> Result<(), FieldError> {
        Ok(())
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, FieldError> {
        let Some(content) = self.content else { return seed.deserialize(self.at) };
        let value = self.at.node.get(content).ok_or_else(|| de::Error::missing_field(content))?;
        Step::to(value, Segment::Field(content), self.at.context).read(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, FieldError> {
        Err(self.at.mismatch(&visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        self.at.mapping(fields, visitor)
    }
}
