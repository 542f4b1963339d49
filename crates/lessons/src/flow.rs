//! A flow as lessons, expectations and JavaScript write it.

use engine::{DestinationError, Flow, Place, PlaceError, parse_destination};
use model::kubernetes::Protocol;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who talks to whom, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowSpec {
    /// The sender: an address, `pod/NAMESPACE/NAME`, `node/NAME` or `vm/NAME`.
    pub from: String,
    /// The receiver and its port: an address, a name, or `svc/…`, `pod/…`, `node/…`, then `:PORT`.
    pub to: String,
    /// `TCP` (default), `UDP` or `SCTP`, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// HTTP host, for flows through an ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// HTTP path, for flows through an ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the cases in which the load balancer picks this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// Why a flow cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecError {
    /// `from` names no sender.
    From(PlaceError),
    /// `from` names something that cannot send.
    CannotSend(String),
    /// `to` is not `DST:PORT`.
    To(DestinationError),
    /// `protocol` is none of the three.
    Protocol(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(error) => write!(f, "from: {error}"),
            Self::CannotSend(place) => {
                write!(f, "from: {place} cannot send; write an address, pod/NAMESPACE/NAME or node/NAME")
            }
            Self::To(error) => write!(f, "to: {error}"),
            Self::Protocol(word) => write!(f, "protocol: {word:?} is not tcp, udp or sctp"),
        }
    }
}

impl std::error::Error for SpecError {}

impl TryFrom<&FlowSpec> for Flow {
    type Error = SpecError;

    fn try_from(spec: &FlowSpec) -> Result<Self, SpecError> {
        let from: Place = spec.from.parse().map_err(SpecError::From)?;
        if matches!(from, Place::Service(_) | Place::Name(_)) {
            return Err(SpecError::CannotSend(from.to_string()));
        }
        let (to, port) = parse_destination(&spec.to).map_err(SpecError::To)?;
        let protocol = match spec.protocol.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("tcp") => Protocol::Tcp,
            Some("udp") => Protocol::Udp,
            Some("sctp") => Protocol::Sctp,
            Some(other) => return Err(SpecError::Protocol(other.to_owned())),
        };
        Ok(Self {
            from,
            to,
            port,
            protocol,
            host: spec.host.clone(),
            path: spec.path.clone(),
            via: spec.via.as_deref().map(Into::into),
        })
    }
}
