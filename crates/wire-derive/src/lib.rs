//! `#[derive(Wire)]`: fields in the order in which they are declared, variants by their position.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, Member, Variant, parse_macro_input};

/// Implements `wire::Wire` for a struct or an enum without generics.
#[proc_macro_derive(Wire)]
pub fn derive_wire(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    implement(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn implement(input: &DeriveInput) -> Result<TokenStream, syn::Error> {
    let (write, read) = match &input.data {
        Data::Struct(data) => {
            let members: Vec<Member> = data.fields.members().collect();
            let write = quote!(#(::wire::Wire::write(&self.#members, out);)*);
            (write, quote!(Self { #(#members: ::wire::Wire::read(input)),* }))
        }
        Data::Enum(data) => {
            let variants: Vec<&Variant> = data.variants.iter().collect();
            let Some((first, rest)) = variants.split_first() else {
                return Err(syn::Error::new_spanned(
                    &input.ident,
                    "an enum without variants has no wire form",
                ));
            };
            if variants.len() > usize::from(u8::MAX) {
                return Err(syn::Error::new_spanned(&input.ident, "more variants than a byte can number"));
            }
            let writes = variants.iter().zip(0_u8..).map(|(variant, tag)| write_variant(variant, tag));
            let (tags, reads) = ((1_u8..), rest.iter().map(|variant| read_variant(variant)));
            let reads = tags.zip(reads).map(|(tag, read)| quote!(#tag => #read));
            let first = read_variant(first);
            let read = quote! {
                match input.tag() {
                    #(#reads,)*
                    tag => {
                        if tag != 0 {
                            input.fail();
                        }
                        #first
                    }
                }
            };
            (quote!(match self { #(#writes)* }), read)
        }
        Data::Union(_) => return Err(syn::Error::new_spanned(&input.ident, "a union has no wire form")),
    };
    let name = &input.ident;
    Ok(quote! {
        impl ::wire::Wire for #name {
            fn write(&self, out: &mut ::std::vec::Vec<u8>) {
                #write
            }

            fn read(input: &mut ::wire::Input<'_>) -> Self {
                #read
            }
        }
    })
}

fn write_variant(variant: &Variant, tag: u8) -> TokenStream {
    let name = &variant.ident;
    let members: Vec<Member> = variant.fields.members().collect();
    let values: Vec<_> = (0..members.len()).map(|at| format_ident!("value_{at}")).collect();
    quote! {
        Self::#name { #(#members: #values),* } => {
            out.push(#tag);
            #(::wire::Wire::write(#values, out);)*
        }
    }
}

fn read_variant(variant: &Variant) -> TokenStream {
    let name = &variant.ident;
    if matches!(variant.fields, Fields::Unit) {
        return quote!(Self::#name);
    }
    let members = variant.fields.members();
    quote!(Self::#name { #(#members: ::wire::Wire::read(input)),* })
}
