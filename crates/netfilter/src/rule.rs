//! One rule: its matches in written order, and its target.
//!
//! The order of the matches is kept, because the text that kube-proxy feeds to `iptables-restore` has
//! an order of its own. Printing is in `print`.

use crate::{Match, Target};
use arrayvec::ArrayString;
use std::{borrow::Borrow, fmt, ops::Deref};

/// The name of a chain: at most 28 bytes, the limit of `iptables` (`XT_EXTENSION_MAXNAMELEN` less one).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainName(ArrayString<28>);

impl ChainName {
    /// Accepts a name that `iptables` would accept; `None` if it is empty or too long, begins with `-` or
    /// `!`, or has a blank, a quote or a control character.
    pub fn new(name: &str) -> Option<Self> {
        let fits = is_word(name) && !name.starts_with(['-', '!']);
        if fits { ArrayString::from(name).ok().map(Self) } else { None }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the text is one word of restore text, without quotes.
fn is_word(text: &str) -> bool {
    // Names are made by the hundred thousand, and nearly all of them are ASCII.
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"';
    !text.is_empty()
        && (text.as_bytes().iter().all(plain)
            || !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"'))
}

impl Deref for ChainName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChainName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// One rule of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The conditions in written order; all must hold.
    pub matches: Vec<Match>,
    /// What happens then.
    pub target: Target,
}

/// The name of a network interface, or with a trailing `+` a prefix of names. At most 15 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(ArrayString<15>);

impl InterfaceName {
    /// Accepts a name that the kernel would accept; `None` if it is empty or too long, or has a blank, a
    /// quote, a slash or a control character.
    pub fn new(name: &str) -> Option<Self> {
        let fits = is_word(name) && !name.contains('/');
        if fits { ArrayString::from(name).ok().map(Self) } else { None }
    }

    /// Whether this name, taken as a rule's pattern, matches an interface; `None` is no interface, as in
    /// `-o` before routing.
    pub fn matches(&self, interface: Option<&Self>) -> bool {
        let name = interface.map_or("", Self::as_str);
        match self.0.strip_suffix('+') {
            Some(prefix) => name.starts_with(prefix),
            None => name == self.as_str(),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
