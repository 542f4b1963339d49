//! Share links: `v1.` and base64url of the raw deflate of JSON. The state stands in the link itself.

use crate::{
    de::{Dialect, read},
    tree,
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// Longest link that is read, in characters.
pub const MAX_LINK_CHARS: usize = 1 << 20;
/// Most bytes that a link unpacks to.
const MAX_STATE_BYTES: usize = 8 << 20;
/// Hardest compression: links are made once and are to be short.
const LEVEL: u8 = 9;
const VERSION: &str = "v1";

/// Why a link was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareError {
    /// It does not begin with a version.
    NotALink,
    /// It was made by a later Hopscope.
    TooNew(String),
    /// It is longer, or unpacks to more, than is read; such a link is not written either.
    TooLong,
    /// Part of it is missing or changed.
    Damaged,
    /// It unpacks, but to something else than a state.
    NotAState(String),
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALink => write!(f, "this is not a share link: it does not begin with {VERSION}."),
            Self::TooNew(version) => {
                write!(
                    f,
                    "this link is of version {version}; this Hopscope reads {VERSION} only. Reload the page"
                )
            }
            Self::TooLong => f.write_str("a link that holds so much cannot be opened"),
            Self::Damaged => f.write_str("this link is damaged; was it copied whole?"),
            Self::NotAState(why) => write!(f, "this link does not hold a cluster: {why}"),
        }
    }
}

impl std::error::Error for ShareError {}

/// Packs a state into the text that stands after `#` in a link.
pub fn encode(state: &impl Serialize) -> Result<String, ShareError> {
    // By way of a value, as documents are written: serde compiles every type anew for each way.
    let value = serde_json::to_value(state).map_err(|error| ShareError::NotAState(error.to_string()))?;
    let text = value.to_string();
    drop(value);
    // What nobody can open is not written.
    if text.len() > MAX_STATE_BYTES {
        return Err(ShareError::TooLong);
    }
    let packed = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), LEVEL);
    let link = format!("{VERSION}.{}", to_base64url(&packed));
    if link.len() > MAX_LINK_CHARS { Err(ShareError::TooLong) } else { Ok(link) }
}

/// Unpacks what [`encode`] made; a leading `#` is allowed.
pub fn decode<T: DeserializeOwned>(link: &str) -> Result<T, ShareError> {
    let link = link.trim();
    let link = link.strip_prefix('#').unwrap_or(link);
    if link.len() > MAX_LINK_CHARS {
        return Err(ShareError::TooLong);
    }
    let (version, body) = link.split_once('.').ok_or(ShareError::NotALink)?;
    if version != VERSION {
        let number = version.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
        return Err(number.map_or(ShareError::NotALink, |_| ShareError::TooNew(version.to_owned())));
    }
    let packed = from_base64url(body).ok_or(ShareError::Damaged)?;
    let json =
        miniz_oxide::inflate::decompress_to_vec_with_limit(&packed, MAX_STATE_BYTES).map_err(|error| {
            match error.status {
                miniz_oxide::inflate::TINFLStatus::HasMoreOutput => ShareError::TooLong,
                _ => ShareError::Damaged,
            }
        })?;
    // A field that is not known is of a later Hopscope, whose links of this version can be opened without it.
    let text = std::str::from_utf8(&json).map_err(|error| ShareError::NotAState(error.to_string()))?;
    let (documents, broken) = tree::parse(text);
    match (broken, documents.first()) {
        (Some(broken), _) => Err(ShareError::NotAState(broken.what)),
        (None, None) => Err(ShareError::NotAState("it is empty".into())),
        (None, Some(state)) => read(state, Dialect::Kubernetes)
            .map(|(state, _)| state)
            .map_err(|error| ShareError::NotAState(error.to_string())),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648 section 5, without padding.
fn to_base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.extend(ALPHABET.get(index as usize).map(|letter| char::from(*letter)));
        }
    }
    text
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in chunk {
            let digit = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, group @ ..] = bits.to_be_bytes();
        let whole = chunk.len().checked_sub(1).filter(|whole| *whole > 0)?;
        let (kept, rest) = group.split_at(whole);
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_unpacks_to_too_much_is_refused() {
        let packed = miniz_oxide::deflate::compress_to_vec(&vec![b'0'; MAX_STATE_BYTES + 1], LEVEL);
        let bomb = format!("{VERSION}.{}", to_base64url(&packed));
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(decode::<String>(&bomb), Err(ShareError::TooLong));
    }
}
