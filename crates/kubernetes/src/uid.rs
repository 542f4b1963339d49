//! Unique ids, made from names instead of chance.

use model::Kind;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The uid that an object without one gets: shaped as the API server's random (version 4) UUIDs, but
/// made from kind, namespace and name, so that the same input always gives the same cluster.
pub fn uid_of(kind: Kind, namespace: &str, name: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(kind.to_string());
    hash.update([0]);
    hash.update(namespace);
    hash.update([0]);
    hash.update(name);
    let digest = hash.finalize();
    let mut uid = String::with_capacity(36);
    for (i, byte) in digest.iter().take(16).enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            uid.push('-');
        }
        let byte = match i {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        // Writing to a String cannot fail.
        let _ = write!(uid, "{byte:02x}");
    }
    uid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_have_the_shape_of_version_4_and_differ_by_name() {
        let uid = uid_of(Kind::Service, "default", "echo");
        assert_eq!(uid.len(), 36);
        assert_eq!(uid.as_bytes()[14], b'4');
        assert!(matches!(uid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_eq!(uid, uid_of(Kind::Service, "default", "echo"));
        for other in [uid_of(Kind::Service, "defaultecho", ""), uid_of(Kind::Node, "default", "echo")] {
            assert_ne!(uid, other);
        }
    }
}
