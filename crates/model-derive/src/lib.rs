//! `#[derive(Tagged)]`: how enums are read whose variant is named by a field. `#[derive(Filled)]`: how structs are read.

mod filled;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Lit, Meta, Token, parse_macro_input, punctuated::Punctuated,
};

/// Implements `serde::Deserialize` for an enum with `#[serde(tag = "…")]` or `#[serde(tag = "…", content = "…")]`.
///
/// serde's own derive copies the value into a buffer to find the tag, and the fields are then read from the buffer: the
/// places of the values are lost, and every type inside is compiled once more for the buffer, which doubled the weight
/// of all readers. This one asks for an enum that is called after its tag (`tag:edit`), or after its tag and its content
/// (`tag:kind/object`), and the deserializer, which is to be the one of the crate `formats`, looks the tag up.
#[proc_macro_derive(Tagged)]
pub fn derive_tagged(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    implement(input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Implements `serde::Deserialize`, by `model::Fill`, for a struct with `#[serde(default)]`: it reads what serde's own
/// derive reads, with a third of the code.
#[proc_macro_derive(Filled, attributes(serde))]
pub fn derive_filled(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    filled::implement(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn implement(mut input: DeriveInput) -> Result<TokenStream, syn::Error> {
    let Data::Enum(data) = &mut input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "only an enum has variants to be named"));
    };
    for variant in &mut data.variants {
        keep_serde(&mut variant.attrs);
        variant.fields.iter_mut().for_each(|field| keep_serde(&mut field.attrs));
    }
    let (mut tag, mut content, mut others) = (None, None, Vec::new());
    keep_serde(&mut input.attrs);
    for attribute in &input.attrs {
        for meta in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            match text(&meta) {
                Some(value) if meta.path().is_ident("tag") => tag = Some(value),
                Some(value) if meta.path().is_ident("content") => content = Some(value),
                _ => others.push(meta),
            }
        }
    }
    let Some(tag) = tag else {
        return Err(syn::Error::new_spanned(&input.ident, "there is no #[serde(tag = \"…\")]"));
    };
    let called = content.map_or_else(|| format!("tag:{tag}"), |content| format!("tag:{tag}/{content}"));
    let (name, variants) = (&input.ident, &data.variants);
    let remote = name.to_string();
    Ok(quote! {
        const _: () = {
            #[derive(::serde::Deserialize)]
            #[serde(remote = #remote, rename = #called, #(#others),*)]
            #[allow(dead_code, reason = "it lends its shape alone")]
            enum Shape { #variants }

            impl<'de> ::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                    Shape::deserialize(deserializer)
                }
            }
        };
    })
}

fn keep_serde(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| attribute.path().is_ident("serde"));
}

/// The text of `name = "text"`.
fn text(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
