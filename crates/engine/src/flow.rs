//! A flow: who talks to whom.

use model::{Key, KeyError, NodeName, Transport};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};
use wire::Wire;

/// A client on the internet, where nothing depends on which: what `internet` stands for. Of the block
/// TEST-NET-2, whose addresses nobody has (RFC 5737).
pub const INTERNET_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Place {
    /// A bare address.
    Ip(IpAddr),
    /// `pod/NAMESPACE/NAME`.
    Pod(Key),
    /// `node/NAME`: a process on the node.
    Node(NodeName),
    /// `vm/NAME`.
    Vm(String),
    /// `svc/NAMESPACE/NAME`: the address that a client in the sender's place would use.
    Service(Key),
    /// A DNS name.
    Name(String),
}

/// The text names no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceError {
    /// Nothing was given.
    Empty,
    /// What follows `pod/…` or `svc/…` is neither `NAMESPACE/NAME` nor a name.
    Key(KeyError),
    /// `node/` or `vm/` without a name.
    Nameless(String),
    /// `deploy/web`: a kind that neither sends nor receives.
    Kind(String),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an address or a name is missing"),
            Self::Key(error) => error.fmt(f),
            Self::Nameless(text) => write!(f, "\"{text}\" names nothing"),
            Self::Kind(text) => {
                write!(
                    f,
                    "\"{text}\" is no end of a flow: name a pod/…, svc/…, node/… or vm/…, an address or a DNS name"
                )
            }
        }
    }
}

impl std::error::Error for PlaceError {}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let named = |rest: &str| match rest {
            "" => Err(PlaceError::Nameless(text.to_owned())),
            name => Ok(name.to_owned()),
        };
        // As kubectl has it, a name without a namespace is of `default`.
        let key = |rest: &str| match rest {
            "" => Err(PlaceError::Nameless(text.to_owned())),
            name if !name.contains('/') => Ok(Key::new("default", name)),
            key => key.parse().map_err(PlaceError::Key),
        };
        if let Some(rest) = text.strip_prefix("pod/") {
            key(rest).map(Self::Pod)
        } else if let Some(rest) = text.strip_prefix("svc/").or_else(|| text.strip_prefix("service/")) {
            key(rest).map(Self::Service)
        } else if let Some(rest) = text.strip_prefix("node/") {
            named(rest).map(|name| Self::Node(name.into()))
        } else if let Some(rest) = text.strip_prefix("vm/") {
            named(rest).map(Self::Vm)
        } else if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(Self::Ip(ip))
        } else if text == "internet" {
            Ok(Self::Ip(INTERNET_CLIENT))
        } else if text == "localhost" {
            Ok(Self::Ip(Ipv4Addr::LOCALHOST.into()))
        } else if text.contains('/') {
            Err(PlaceError::Kind(text.to_owned()))
        } else if text.is_empty() {
            Err(PlaceError::Empty)
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Pod(key) => write!(f, "pod/{key}"),
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Vm(name) => write!(f, "vm/{name}"),
            Self::Service(key) => write!(f, "svc/{key}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Who talks to whom, and under which condition.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct Flow {
    /// The sender.
    pub from: Place,
    /// The receiver as the sender names it.
    pub to: Place,
    /// The port it sends to, 1 to 65,535; 0 for an echo request, which has none.
    pub port: u16,
    /// The protocol.
    pub protocol: Transport,
    /// HTTP host, for flows through an ingress.
    pub host: Option<String>,
    /// HTTP path, for flows through an ingress.
    pub path: Option<String>,
    /// Condition on the load balancer having picked this node.
    pub via: Option<NodeName>,
}

impl Flow {
    /// A TCP flow without conditions.
    pub fn tcp(from: Place, to: Place, port: u16) -> Self {
        Self { from, to, port, protocol: Transport::Tcp, host: None, path: None, via: None }
    }

    /// The receiver as a person writes it: `svc/default/echo:80`, and without a port for an echo request.
    pub fn receiver(&self) -> String {
        Self::receiver_text(&self.to, self.port)
    }

    /// The receiver as a person writes it: `svc/default/echo:80`, and without a port for an echo request.
    pub(crate) fn receiver_text(to: &Place, port: u16) -> String {
        if port == 0 { to.to_string() } else { format!("{to}:{port}") }
    }
}

/// `DST:PORT` is not of that form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationError {
    /// There is no `:PORT`.
    NoPort(String),
    /// The port is not 1 to 65,535.
    Port(String),
    /// An echo request has no port, and one was given.
    PortOfPing(String),
    /// The part before the port names no place.
    Place(PlaceError),
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPort(text) => write!(f, "\"{text}\" has no port"),
            Self::Port(port) => write!(f, "\"{port}\" is not a port from 1 to 65535"),
            Self::PortOfPing(text) => {
                write!(f, "\"{text}\" has a port, and an echo request of ICMP (ping) has none")
            }
            Self::Place(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DestinationError {}

/// Parses `DST:PORT`; an IPv6 address stands in brackets.
pub fn parse_destination(text: &str) -> Result<(Place, u16), DestinationError> {
    let unbracketed_v6 = !text.starts_with('[') && text.parse::<std::net::Ipv6Addr>().is_ok();
    let (place, port) = match text.rsplit_once(':') {
        Some(parts) if !unbracketed_v6 && !parts.1.ends_with(']') => parts,
        _ => return Err(DestinationError::NoPort(text.to_owned())),
    };
    let port = match port.parse() {
        Ok(port) if port != 0 => port,
        _ => return Err(DestinationError::Port(port.to_owned())),
    };
    Ok((place.parse().map_err(DestinationError::Place)?, port))
}

/// The receiver of a flow as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// What the sender calls.
    pub place: Place,
    /// The port, 1 to 65,535; 0 for an echo request, which has none.
    pub port: u16,
    /// The path, where the text is a URL.
    pub path: Option<String>,
}

/// Parses the receiver of a flow: `DST:PORT`, a URL (`https://shop.example.com/cart`), and for an echo request (`icmp`)
/// `DST` alone.
pub fn parse_receiver(text: &str, transport: Transport) -> Result<Receiver, DestinationError> {
    let plain = |(place, port)| Receiver { place, port, path: None };
    if let Some(url) = Url::split(text).filter(|_| transport != Transport::Icmp) {
        let (place, port) = match parse_destination(url.authority) {
            Err(DestinationError::NoPort(_)) => {
                (url.authority.parse().map_err(DestinationError::Place)?, url.port)
            }
            known => known?,
        };
        return Ok(Receiver { place, port, path: Some(url.path.to_owned()) });
    }
    match (transport, parse_destination(text)) {
        (Transport::Icmp, Err(DestinationError::NoPort(_))) => {
            Ok(plain((text.parse().map_err(DestinationError::Place)?, 0)))
        }
        (Transport::Icmp, Ok(_) | Err(DestinationError::Port(_))) => {
            Err(DestinationError::PortOfPing(text.to_owned()))
        }
        (_, read) => read.map(plain),
    }
}

/// The parts of a URL that a flow has.
struct Url<'a> {
    authority: &'a str,
    /// The scheme's own port.
    port: u16,
    /// Without query and fragment, which no rule of an Ingress looks at.
    path: &'a str,
}

impl<'a> Url<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let port = match scheme.to_ascii_lowercase().as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = path.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");
        Some(Self { authority, port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        let ok = |text| parse_destination(text).map(|(place, port)| (place.to_string(), port));
        for (text, place, port) in [
            ("20.0.0.1:80", "20.0.0.1", 80),
            ("[fd00::1]:443", "fd00::1", 443),
            ("svc/default/echo:80", "svc/default/echo", 80),
            ("svc/echo:80", "svc/default/echo", 80),
            ("service/echo:80", "svc/default/echo", 80),
            ("internet:443", "198.51.100.7", 443),
            ("localhost:80", "127.0.0.1", 80),
            ("pod/default/a:8080", "pod/default/a", 8080),
            ("node/n0:30080", "node/n0", 30080),
            ("echo.default.svc.cluster.local:80", "echo.default.svc.cluster.local", 80),
        ] {
            assert_eq!(ok(text), Ok((place.to_owned(), port)), "{text}");
        }
        for text in [
            "20.0.0.1",
            "fd00::1",
            "[fd00::1]",
            "svc/:80",
            "svc/a/:80",
            "x:0",
            "x:99999",
            "x:",
            ":80",
            "node/:1",
            "deploy/web:80",
            "default/web:80",
        ] {
            assert!(parse_destination(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_ping_has_no_port() {
        let read = |text| parse_receiver(text, Transport::Icmp).map(|own| (own.place.to_string(), own.port));
        for (text, place) in [
            ("20.0.0.1", "20.0.0.1"),
            ("fd00::1", "fd00::1"),
            ("[fd00::1]", "fd00::1"),
            ("svc/default/echo", "svc/default/echo"),
            ("echo.default", "echo.default"),
        ] {
            assert_eq!(read(text), Ok((place.to_owned(), 0)), "{text}");
        }
        for text in ["20.0.0.1:80", "svc/default/echo:80", "x:0", "[fd00::1]:80", "echo:http"] {
            assert_eq!(read(text), Err(DestinationError::PortOfPing(text.to_owned())));
        }
        assert_eq!(
            parse_receiver("20.0.0.1", Transport::Tcp),
            Err(DestinationError::NoPort("20.0.0.1".to_owned()))
        );
    }
    #[test]
    fn a_url_is_a_request() {
        let read = |text| {
            let own = parse_receiver(text, Transport::Tcp).ok()?;
            Some((own.place.to_string(), own.port, own.path?))
        };
        for (text, place, port, path) in [
            ("https://shop.example.com", "shop.example.com", 443, "/"),
            ("http://shop.example.com/cart?item=1#top", "shop.example.com", 80, "/cart"),
            ("HTTP://web.default:8080/a/b", "web.default", 8080, "/a/b"),
            ("https://20.0.0.1?x", "20.0.0.1", 443, "/"),
            ("https://[fd00::1]:8443/", "fd00::1", 8443, "/"),
            ("http://[fd00::1]/", "fd00::1", 80, "/"),
        ] {
            assert_eq!(read(text), Some((place.to_owned(), port, path.to_owned())), "{text}");
        }
        for text in ["https://", "https://:443", "https://x:0/", "ftp://x/", "https:/x"] {
            assert!(parse_receiver(text, Transport::Tcp).is_err(), "{text}");
        }
        assert!(parse_receiver("https://x", Transport::Icmp).is_err(), "a ping has no URL");
    }
}
