//! How structs are read all of whose fields may be absent.

use crate::text;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Ident, Meta, Token, punctuated::Punctuated};

/// What serde's attributes say that matters for reading, of a struct or of a field.
#[derive(Default)]
struct Said {
    rename: Option<String>,
    aliases: Vec<String>,
    camel_case: bool,
    default: bool,
    deny_unknown_fields: bool,
}

pub(crate) fn implement(input: &DeriveInput) -> Result<TokenStream, syn::Error> {
    let refused = |why: &str| Err(syn::Error::new_spanned(&input.ident, why));
    let Data::Struct(data) = &input.data else { return refused("only a struct has fields to be filled") };
    let Fields::Named(fields) = &data.fields else { return refused("the fields have no names") };
    let said = said(&input.attrs)?;
    if !said.default {
        return refused("a field may be missing: say #[serde(default)] of the struct");
    }
    let (mut names, mut places, mut arms) = (Vec::new(), Vec::new(), Vec::new());
    for (place, field) in fields.named.iter().enumerate() {
        let spellings = spellings(field, said.camel_case)?;
        places.extend(spellings.iter().map(|_| place));
        names.extend(spellings);
        let ident = &field.ident;
        arms.push(quote!(#place => self.#ident = map.next_value()?));
    }
    let (name, deny) = (&input.ident, said.deny_unknown_fields);
    let called = name.to_string();
    Ok(quote! {
        const _: () = {
            impl ::model::Fill for #name {
                const NAMES: &'static [&'static str] = &[#(#names),*];
                const PLACES: &'static [usize] = &[#(#places),*];
                const DENIES_UNKNOWN: bool = #deny;

                fn fill<'de, A: ::serde::de::MapAccess<'de>>(
                    &mut self,
                    place: usize,
                    map: &mut A,
                ) -> ::std::result::Result<(), A::Error> {
                    match place {
                        #(#arms,)*
                        _ => { map.next_value::<::serde::de::IgnoredAny>()?; }
                    }
                    Ok(())
                }
            }

            impl<'de> ::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                    ::model::filled(#called, deserializer)
                }
            }
        };
    })
}

/// Every spelling of a field, the first one being its name.
fn spellings(field: &Field, camel_case: bool) -> Result<Vec<String>, syn::Error> {
    let said = said(&field.attrs)?;
    if said.default {
        return Err(syn::Error::new_spanned(field, "what the struct has by default is the field's default"));
    }
    let own = field.ident.as_ref().map(Ident::to_string).unwrap_or_default();
    let own = if camel_case { camel(own.trim_start_matches("r#")) } else { own };
    Ok([said.rename.unwrap_or(own)].into_iter().chain(said.aliases).collect())
}

fn said(attributes: &[Attribute]) -> Result<Said, syn::Error> {
    let mut said = Said::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        for meta in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            match (meta.path().get_ident().map(Ident::to_string).as_deref(), text(&meta)) {
                (Some("rename"), Some(name)) => said.rename = Some(name),
                (Some("alias"), Some(name)) => said.aliases.push(name),
                (Some("rename_all"), Some(case)) if case == "camelCase" => said.camel_case = true,
                (Some("default"), None) => said.default = true,
                (Some("deny_unknown_fields"), None) => said.deny_unknown_fields = true,
                // They are of writing.
                (Some("skip_serializing_if"), _) => {}
                _ => {
                    return Err(syn::Error::new_spanned(
                        &meta,
                        "this is not known of a struct that is filled",
                    ));
                }
            }
        }
    }
    Ok(said)
}

/// `cluster_ip` as `clusterIp`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}
