//! Typed ids: a node name is never mistaken for a pool name.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};
use wire::Wire;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&$name> for Arc<str> {
            /// The name as text, shared.
            fn from(name: &$name) -> Self {
                Self::clone(&name.0)
            }
        }
        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }
        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl Default for $name {
            fn default() -> Self {
                Self("".into())
            }
        }
    };
}

name_type! {
    /// The name of a Kubernetes Node, which is also the computer name of its VM.
    NodeName
}
name_type! {
    /// The name of an AKS agent pool (node pool).
    PoolName
}

/// `namespace/name` of a namespaced Kubernetes object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(into = "String", try_from = "String")]
pub struct Key {
    /// The namespace; `default` where a document has none.
    pub namespace: Arc<str>,
    /// The object's name.
    pub name: Arc<str>,
}

impl Key {
    /// Joins a namespace and a name.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// The text is not `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(pub String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not NAMESPACE/NAME", self.0)
    }
}

impl std::error::Error for KeyError {}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self::new(namespace, name))
            }
            _ => Err(KeyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

/// An Azure Resource Manager id, compared without regard to case, as Azure does.
///
/// `/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/loadBalancers/kubernetes/probes/x`
#[derive(Clone, Serialize, Deserialize, Wire)]
#[serde(transparent)]
pub struct ArmId(Arc<str>);

impl ArmId {
    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last path segment: the resource's own name.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The segment that follows `kind` (compared without case), e.g. the scale set's name for
    /// `virtualMachineScaleSets`.
    pub fn segment(&self, kind: &str) -> Option<&str> {
        let mut segments = self.0.split('/');
        segments.by_ref().find(|segment| segment.eq_ignore_ascii_case(kind))?;
        segments.next().filter(|segment| !segment.is_empty())
    }
}

impl From<&str> for ArmId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for ArmId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl PartialEq for ArmId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ArmId {}

impl PartialOrd for ArmId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ArmId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |id: &Self| id.0.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
        lower(self).cmp(&lower(other))
    }
}

impl fmt::Display for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_ids_compare_without_case_and_give_their_parts() {
        let id = ArmId::from(
            "/subscriptions/0/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/aks-p-1-vmss/virtualMachines/3",
        );
        assert_eq!(id.name(), "3");
        assert_eq!(id.segment("virtualmachinescalesets"), Some("aks-p-1-vmss"));
        assert_eq!(id.segment("loadBalancers"), None);
        assert_eq!(id, ArmId::from(id.as_str().to_uppercase()));
    }

    #[test]
    fn keys_are_namespace_slash_name() {
        assert_eq!("default/echo".parse(), Ok(Key::new("default", "echo")));
        for wrong in ["echo", "/echo", "default/", "a/b/c", ""] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
    }
}
