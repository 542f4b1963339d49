//! A flow as lessons, expectations and JavaScript write it.

use engine::{DestinationError, Flow, Place, PlaceError, parse_receiver};
use model::Transport;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use wire::Wire;

/// Who talks to whom, in the words of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowSpec {
    /// The sender: an address, `pod/NAMESPACE/NAME`, `node/NAME` or `vm/NAME`.
    pub from: String,
    /// The receiver and its port: an address, a name, or `svc/…`, `pod/…`, `node/…`, then `:PORT`; a URL; no port for `ICMP`.
    pub to: String,
    /// `TCP` (default), `UDP`, `SCTP` or `ICMP` (an echo request, "ping"), in any case.
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
    /// `protocol` is none of the four.
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
            Self::Protocol(word) => write!(f, "protocol: {word:?} is not tcp, udp, sctp or icmp"),
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
        let protocol = match spec.protocol.as_deref().map(str::to_ascii_lowercase) {
            None => Transport::Tcp,
            Some(word) => Transport::from_lower(&word).ok_or(SpecError::Protocol(word))?,
        };
        let to = parse_receiver(&spec.to, protocol).map_err(SpecError::To)?;
        Ok(Self {
            from,
            to: to.place,
            port: to.port,
            protocol,
            host: spec.host.clone(),
            path: spec.path.clone().or(to.path),
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
            "{:?} is not a flow; write FROM -> TO:PORT, then what you need of: udp, icmp (without :PORT), via NODE, host HOST, path PATH",
            self.0
        )
    }
}

impl std::error::Error for NotAFlow {}

impl FromStr for FlowSpec {
    type Err = NotAFlow;

    /// Reads the one-line form: `198.51.100.7 -> svc/default/web:80`, and after it in any order `tcp`, `udp`,
    /// `icmp` (then there is no port), `via NODE`, `host HOST`, `path PATH`.
    fn from_str(text: &str) -> Result<Self, NotAFlow> {
        let wrong = || NotAFlow(text.to_owned());
        let (from, rest) = text.split_once("->").or_else(|| text.split_once('→')).ok_or_else(wrong)?;
        let mut words = rest.split_whitespace();
        let to = words.next().ok_or_else(wrong)?.to_owned();
        let mut spec = Self { from: from.trim().to_owned(), to, ..Self::default() };
        while let Some(word) = words.next() {
            if Transport::from_lower(&word.to_ascii_lowercase()).is_some() {
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
    use super::{Flow, FlowSpec};

    #[test]
    fn one_line_flows() {
        let read = |text: &str| text.parse::<FlowSpec>().ok();
        let plain_of =
            || FlowSpec { from: "198.51.100.7".into(), to: "svc/a/b:80".into(), ..FlowSpec::default() };
        let plain = plain_of();
        assert_eq!(read("198.51.100.7 -> svc/a/b:80"), Some(plain.clone()));
        assert_eq!(read("198.51.100.7→svc/a/b:80"), Some(plain.clone()));
        let more = FlowSpec { via: Some("n0".into()), protocol: Some("udp".into()), ..plain };
        assert_eq!(read("198.51.100.7 -> svc/a/b:80 udp via n0"), Some(more));
        let ping = FlowSpec { to: "svc/a/b".into(), protocol: Some("icmp".into()), ..plain_of() };
        assert_eq!(read("198.51.100.7 -> svc/a/b icmp"), Some(ping.clone()));
        assert!(Flow::try_from(&ping).is_ok_and(|flow| flow.port == 0));
        let with_port = FlowSpec { to: "svc/a/b:80".into(), ..ping };
        assert!(Flow::try_from(&with_port).is_err_and(|error| error.to_string().contains("has none")));
        for text in ["", "a", "a ->", "a -> b:80 via", "a -> b:80 nonsense"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
