//! Names of the chains that kube-proxy makes per service port and per endpoint.

use netfilter::ChainName;
use sha2::{Digest, Sha256};

/// What a generated chain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// `KUBE-SVC-`: spreads over the endpoints of policy Cluster.
    ServiceCluster,
    /// `KUBE-SVL-`: spreads over the endpoints of policy Local.
    ServiceLocal,
    /// `KUBE-EXT-`: where every external destination enters.
    External,
    /// `KUBE-FW-`: the filter of `loadBalancerSourceRanges`.
    Firewall,
    /// `KUBE-SEP-`: one endpoint.
    Endpoint,
}

impl ChainKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::ServiceCluster, Self::ServiceLocal, Self::External, Self::Firewall, Self::Endpoint];

    /// The beginning of the names of such chains.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ServiceCluster => "KUBE-SVC-",
            Self::ServiceLocal => "KUBE-SVL-",
            Self::External => "KUBE-EXT-",
            Self::Firewall => "KUBE-FW-",
            Self::Endpoint => "KUBE-SEP-",
        }
    }

    /// The kind of a generated chain, from its name; `None` for fixed and foreign chains.
    pub fn of(chain: &str) -> Option<Self> {
        Some(match chain.strip_prefix("KUBE-")?.as_bytes() {
            [b'S', b'V', b'C', b'-', ..] => Self::ServiceCluster,
            [b'S', b'V', b'L', b'-', ..] => Self::ServiceLocal,
            [b'E', b'X', b'T', b'-', ..] => Self::External,
            [b'F', b'W', b'-', ..] => Self::Firewall,
            [b'S', b'E', b'P', b'-', ..] => Self::Endpoint,
            _ => return None,
        })
    }
}

/// The hashed part of a chain name: 16 characters of base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash([u8; 16]);

impl ChainHash {
    /// Hashes the parts as if they were one string: base32 of SHA-256, cut to 16 characters.
    pub fn of(parts: &[&str]) -> Self {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let digest = hash.finalize();
        // Sixteen characters of five bits are ten bytes of the digest.
        let mut text = [0_u8; 16];
        for (group, out) in digest.chunks_exact(5).zip(text.chunks_exact_mut(8)) {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for (i, letter) in out.iter_mut().enumerate() {
                // Five bits: always within the alphabet.
                *letter = ALPHABET[usize::from((bits >> (35 - 5 * i)).to_le_bytes()[0] & 31)];
            }
        }
        Self(text)
    }

    /// The characters.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The name of the chain of a kind.
    pub fn chain(self, kind: ChainKind) -> ChainName {
        let prefix = kind.prefix().as_bytes();
        let mut name = [0_u8; 25];
        let (head, tail) = name.split_at_mut(prefix.len());
        head.copy_from_slice(prefix);
        tail.split_at_mut(self.0.len()).0.copy_from_slice(&self.0);
        let length = prefix.len() + self.0.len();
        chain_name(std::str::from_utf8(name.split_at(length).0).unwrap_or_default())
    }
}

/// A chain name known to be short enough.
///
/// # Panics
///
/// Never for the names in this crate: each is a literal or a prefix of 9 bytes and 16 letters.
#[expect(clippy::expect_used, reason = "only called with names of this crate, all at most 25 bytes")]
pub(crate) fn chain_name(name: &str) -> ChainName {
    ChainName::new(name).expect("chain names of kube-proxy fit the kernel's limit")
}
