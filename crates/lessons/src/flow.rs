//! A flow as lessons, expectations and JavaScript write it.

use engine::{DestinationError, Flow, Place, PlaceError, parse_destination};
use model::kubernetes::Protocol;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use wire::Wire;

/// Who talks to whom, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
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

/// The text is not `FROM -> TO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAFlow(String);

impl fmt::Display for NotAFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a flow; write FROM -> TO:PORT, then what you need of: udp, via NODE, host HOST, path PATH",
            self.0
        )
    }
}

impl std::error::Error for NotAFlow {}

impl FromStr for FlowSpec {
    type Err = NotAFlow;

    /// Reads the one-line form: `198.51.100.7 -> svc/default/web:80`, and after it in any order `tcp`, `udp`,
    /// `via NODE`, `host HOST`, `path PATH`.
    fn from_str(text: &str) -> Result<Self, NotAFlow> {
        let wrong = || NotAFlow(text.to_owned());
        let (from, rest) = text.split_once("->").or_else(|| text.split_once('→')).ok_or_else(wrong)?;
        let mut words = rest.split_whitespace();
        let to = words.next().ok_or_else(wrong)?.to_owned();
        let mut spec = Self { from: from.trim().to_owned(), to, ..Self::default() };
        while let Some(word) = words.next() {
            if matches!(word.to_ascii_lowercase().as_str(), "tcp" | "udp" | "sctp") {
                spec.protocol = Some(word.to_owned());
                continue;
            }
            let slot = match word {
                "via" => &mut spec.via,
                "host" => &mut spec.host,
                "path" => &mut spec.path,
                _ => return Err(wrong()),
            };
            *slot = Some(words.next().ok_or_else(wrong)?.to_owned());
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::FlowSpec;

    #[test]
    fn one_line_flows() {
        let read = |text: &str| text.parse::<FlowSpec>().ok();
        let plain = FlowSpec { from: "198.51.100.7".into(), to: "svc/a/b:80".into(), ..FlowSpec::default() };
        assert_eq!(read("198.51.100.7 -> svc/a/b:80"), Some(plain.clone()));
        assert_eq!(read("198.51.100.7→svc/a/b:80"), Some(plain.clone()));
        let more = FlowSpec { via: Some("n0".into()), protocol: Some("udp".into()), ..plain };
        assert_eq!(read("198.51.100.7 -> svc/a/b:80 udp via n0"), Some(more));
        for text in ["", "a", "a ->", "a -> b:80 via", "a -> b:80 nonsense"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
