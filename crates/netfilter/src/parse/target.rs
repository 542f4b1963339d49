//! Targets and their options.

use super::{
    ParseError,
    matches::{masked, number, port_range},
    rule::{Context, chain_name},
    words::Word,
};
use crate::{ChainName, NatTo, RejectWith, Target};
use std::net::IpAddr;

/// Targets that change nothing that is modelled and let the packet go on.
const CONTINUES: [&str; 17] = [
    "NFLOG",
    "ULOG",
    "TRACE",
    "AUDIT",
    "TCPMSS",
    "TCPOPTSTRIP",
    "CLASSIFY",
    "CHECKSUM",
    "DSCP",
    "TOS",
    "TTL",
    "HL",
    "ECN",
    "LED",
    "RATEEST",
    "SECMARK",
    "CONNSECMARK",
];

/// Targets that decide or change something and have no model.
const OTHERS: [&str; 14] = [
    "QUEUE",
    "NFQUEUE",
    "CT",
    "CONNMARK",
    "TPROXY",
    "NETMAP",
    "SET",
    "TEE",
    "SYNPROXY",
    "CLUSTERIP",
    "HMARK",
    "IDLETIMER",
    "SNPT",
    "DNPT",
];

const NOT_MODELLED: &str = "the target is not modelled; an outcome that depends on it is ambiguous";

/// Reads a target by its name and the words after it; `text` is all of it as written. The second result says
/// why it is kept as text.
pub(super) fn read(
    context: Context,
    name: &str,
    words: &[Word<'_>],
    text: &str,
) -> Result<(Target, Option<&'static str>), ParseError> {
    let words: Vec<&str> = words.iter().map(|word| &*word.text).collect();
    let found = match (name, &*words) {
        ("ACCEPT", []) => Some(Target::Accept),
        ("DROP", []) => Some(Target::Drop),
        ("RETURN", []) => Some(Target::Return),
        ("NOTRACK", []) | ("CT", ["--notrack"]) => Some(Target::Notrack),
        ("LOG", _) => Some(Target::Log(text.strip_prefix("LOG").unwrap_or_default().trim_start().into())),
        ("REJECT", []) => Some(Target::Reject(None)),
        ("REJECT", ["--reject-with", kind]) => {
            RejectWith::from_name(kind, context.family).map(|kind| Target::Reject(Some(kind)))
        }
        ("DNAT", ["--to-destination", to, flags @ ..]) => nat_to(to, flags).map(Target::Dnat),
        ("SNAT", ["--to-source", to, flags @ ..]) => nat_to(to, flags).map(Target::Snat),
        ("REDIRECT", []) => Some(Target::Redirect(None)),
        ("REDIRECT", ["--to-ports", ports]) => {
            port_range(ports, '-').map(|ports| Target::Redirect(Some(ports)))
        }
        ("MASQUERADE", options) => masquerade(options),
        ("MARK", [option, value]) => mark(option, value),
        // Marks of connections are not modelled, nor is any match of them, so that writing one is without effect.
        ("CONNMARK", [first, ..]) if !first.starts_with("--restore") => Some(Target::Continue(text.into())),
        _ if CONTINUES.contains(&name) => Some(Target::Continue(text.into())),
        _ => None,
    };
    if let Some(found) = found {
        return Ok((found, None));
    }
    let modelled =
        ["ACCEPT", "DROP", "RETURN", "NOTRACK", "REJECT", "DNAT", "SNAT", "REDIRECT", "MASQUERADE", "MARK"];
    let is_target = OTHERS.contains(&name) || modelled.contains(&name);
    if is_target || !words.is_empty() {
        if ChainName::new(name).is_none() {
            return Err(context.error(format!("`{}` is not a target", super::shorten(name)), ""));
        }
        return Ok((Target::Unsupported(text.into()), Some(NOT_MODELLED)));
    }
    Ok((Target::Jump(chain_name(context.line, name)?), None))
}

fn masquerade(options: &[&str]) -> Option<Target> {
    let mut random_fully = false;
    let mut to_ports = None;
    let mut rest = options;
    loop {
        rest = match rest {
            [] => return Some(Target::Masquerade { random_fully, to_ports }),
            ["--random-fully", rest @ ..] if !random_fully => {
                random_fully = true;
                rest
            }
            ["--to-ports", ports, rest @ ..] if to_ports.is_none() => {
                to_ports = Some(port_range(ports, '-')?);
                rest
            }
            _ => return None,
        }
    }
}

fn mark(option: &str, value: &str) -> Option<Target> {
    match option {
        "--set-xmark" => masked(value).map(|(value, mask)| Target::SetXmark { value, mask }),
        "--set-mark" => masked(value).map(|(value, mask)| Target::SetXmark { value, mask: mask | value }),
        "--or-mark" => number(value).map(Target::OrMark),
        "--and-mark" => number(value).map(Target::AndMark),
        "--xor-mark" => number(value).map(Target::XorMark),
        _ => None,
    }
}

/// `ADDRESS[-ADDRESS][:PORT[-PORT]]`, IPv6 in brackets where ports follow.
fn nat_to(text: &str, flags: &[&str]) -> Option<NatTo> {
    let mut to =
        NatTo { first: None, last: None, ports: None, random: false, random_fully: false, persistent: false };
    let (addresses, ports) = if let Some(rest) = text.strip_prefix('[') {
        let (addresses, rest) = rest.split_once(']')?;
        (addresses, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else if text.matches(':').count() == 1 {
        let (addresses, ports) = text.split_once(':')?;
        (addresses, Some(ports))
    } else {
        (text, None)
    };
    if !addresses.is_empty() {
        let (first, last) = addresses.split_once('-').unwrap_or((addresses, addresses));
        let (first, last) = (first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?);
        if first > last || first.is_ipv4() != last.is_ipv4() {
            return None;
        }
        to.first = Some(first);
        to.last = Some(last);
    }
    to.ports = match ports {
        Some(ports) => Some(port_range(ports, '-').filter(|ports| ports.first > 0)?),
        None => None,
    };
    if to.first.is_none() && to.ports.is_none() {
        return None;
    }
    for flag in flags {
        match *flag {
            "--random" => to.random = true,
            "--random-fully" => to.random_fully = true,
            "--persistent" => to.persistent = true,
            _ => return None,
        }
    }
    Some(to)
}
