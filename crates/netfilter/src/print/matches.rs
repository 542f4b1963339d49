//! The words of matches.

use super::{Form, Words};
use crate::{
    CtState, CtStates, Family, InterfaceName, Match, PortRange, Recent, RecentAction, Statistic, Transport,
    nft::Side,
};
use std::fmt;

/// In written order.
pub(super) fn restore(words: &mut Words<'_, '_>, matches: &[Match]) -> fmt::Result {
    let mut rest = matches;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            Match::Module(transport) => words.two("-m", &transport.name())?,
            Match::SourcePort { not, ports } => port(words, *not, "--sport", *ports)?,
            Match::DestinationPort { not, ports } => port(words, *not, "--dport", *ports)?,
            Match::TcpFlags { .. } => tcp_flags(words, first)?,
            _ if is_ip(first) => ip(words, first)?,
            _ => rest = extension(words, first, after)?,
        }
    }
    Ok(())
}

/// The conditions of the IP header first in their fixed order, then the extensions as they were loaded.
pub(super) fn save(words: &mut Words<'_, '_>, matches: &[Match]) -> fmt::Result {
    let kinds: [fn(&Match) -> bool; 5] = [
        |m| matches!(m, Match::Source { .. }),
        |m| matches!(m, Match::Destination { .. }),
        |m| matches!(m, Match::InInterface { .. }),
        |m| matches!(m, Match::OutInterface { .. }),
        |m| matches!(m, Match::Protocol { .. } | Match::OtherProtocol { .. }),
    ];
    for kind in kinds {
        for found in matches.iter().filter(|found| kind(found)) {
            ip(words, found)?;
        }
    }
    let mut transport_written = false;
    let mut rest = matches;
    while let [first, after @ ..] = rest {
        rest = after;
        if is_of_transport(first) {
            if !std::mem::replace(&mut transport_written, true) {
                transport(words, matches)?;
            }
        } else if !is_ip(first) {
            // Neighbours are those of the text: what is written already does not stand between them.
            let written = |found: &&Match| is_ip(found) || transport_written && is_of_transport(found);
            let skipped = after.iter().take_while(written).count();
            rest = extension(words, first, after.get(skipped..).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Whether all such conditions are written together, where the first of them stands.
fn is_of_transport(found: &Match) -> bool {
    matches!(
        found,
        Match::Module(_) | Match::SourcePort { .. } | Match::DestinationPort { .. } | Match::TcpFlags { .. }
    )
}

fn is_ip(found: &Match) -> bool {
    matches!(
        found,
        Match::Source { .. }
            | Match::Destination { .. }
            | Match::InInterface { .. }
            | Match::OutInterface { .. }
            | Match::Protocol { .. }
            | Match::OtherProtocol { .. }
    )
}

fn ip(words: &mut Words<'_, '_>, found: &Match) -> fmt::Result {
    match found {
        Match::Source { not, net } => address(words, *not, "-s", *net),
        Match::Destination { not, net } => address(words, *not, "-d", *net),
        Match::InInterface { not, name } => interface(words, *not, "-i", name),
        Match::OutInterface { not, name } => interface(words, *not, "-o", name),
        Match::Protocol { not, protocol } => words.inverted(*not, "-p", &protocol.name()),
        Match::OtherProtocol { not, name } => {
            if *not {
                words.word("!")?;
            }
            words.word("-p")?;
            words.verbatim(name)
        }
        _ => Ok(()),
    }
}

fn address(words: &mut Words<'_, '_>, not: bool, option: &str, net: crate::Net) -> fmt::Result {
    match words.form {
        Form::Restore(_) => words.inverted(not, option, &net),
        Form::Save if net.is_any() && !not => Ok(()),
        Form::Save => words.inverted(not, option, &net.net().trunc()),
    }
}

fn interface(words: &mut Words<'_, '_>, not: bool, option: &str, name: &InterfaceName) -> fmt::Result {
    words.inverted(not, option, &name.as_str())
}

/// `-m tcp` with both of its conditions.
fn transport(words: &mut Words<'_, '_>, matches: &[Match]) -> fmt::Result {
    let module = matches.iter().find_map(|found| match found {
        Match::Module(transport) => Some(*transport),
        _ => None,
    });
    let of_protocol = || {
        matches.iter().find_map(|found| match found {
            Match::Protocol { protocol, .. } => Transport::of(*protocol),
            _ => None,
        })
    };
    words.two("-m", &module.or_else(of_protocol).unwrap_or(Transport::Tcp).name())?;
    for found in matches {
        if let Match::SourcePort { not, ports } = found {
            port(words, *not, "--sport", *ports)?;
        }
    }
    for found in matches {
        if let Match::DestinationPort { not, ports } = found {
            port(words, *not, "--dport", *ports)?;
        }
    }
    matches.iter().try_for_each(|found| tcp_flags(words, found))
}

fn tcp_flags(words: &mut Words<'_, '_>, found: &Match) -> fmt::Result {
    match found {
        Match::TcpFlags { not, mask, set } => {
            words.inverted(*not, "--tcp-flags", mask)?;
            words.word("")?;
            write!(words.f, "{set}")
        }
        _ => Ok(()),
    }
}

fn port(words: &mut Words<'_, '_>, not: bool, option: &str, ports: PortRange) -> fmt::Result {
    words.inverted(not, option, &Ports(ports, ':'))
}

/// One port, or the first and the last with a sign between.
pub(super) struct Ports(pub(super) PortRange, pub(super) char);

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.first)?;
        if self.0.last != self.0.first {
            write!(f, "{}{}", self.1, self.0.last)?;
        }
        Ok(())
    }
}

struct PortList<'a>(&'a [PortRange]);

impl fmt::Display for PortList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ports) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "," }, Ports(*ports, ':'))?;
        }
        Ok(())
    }
}

/// Writes an extension; two neighbours that are one `-m addrtype` are written together. Returns what is left.
fn extension<'m>(
    words: &mut Words<'_, '_>,
    found: &Match,
    after: &'m [Match],
) -> Result<&'m [Match], fmt::Error> {
    match found {
        Match::SourceType { .. } | Match::DestinationType { .. } => {
            return address_types(words, found, after);
        }
        Match::Comment(text) => {
            words.word("-m comment --comment")?;
            words.free(text)?;
        }
        Match::Multiport { not, source, ports } => {
            multiport(words, *not, if *source { "--sports" } else { "--dports" }, ports)?;
        }
        Match::MultiportEither { not, ports } => multiport(words, *not, "--ports", ports)?,
        Match::Mark { not, value, mask } => {
            words.word(if *not { "-m mark ! --mark" } else { "-m mark --mark" })?;
            words.gap()?;
            if *mask == u32::MAX { words.mark(*value)? } else { words.masked(*value, *mask)? }
        }
        Match::CtState { not, states } => {
            words.word("-m conntrack")?;
            words.inverted(*not, "--ctstate", &States(*states))?;
        }
        Match::State { not, states } => {
            words.word("-m state")?;
            words.inverted(*not, "--state", &States(*states))?;
        }
        Match::Statistic(statistic) => write_statistic(words, *statistic)?,
        Match::Recent(recent) => write_recent(words, recent)?,
        Match::Nfacct(name) => {
            words.word("-m nfacct --nfacct-name")?;
            words.free(name)?;
        }
        Match::Set(wanted) => {
            words.word("-m set")?;
            words.inverted(wanted.not, "--match-set", &wanted.name)?;
            let sides = wanted.sides.iter().map(|side| if *side == Side::Source { "src" } else { "dst" });
            words.word(&sides.collect::<Vec<_>>().join(","))?;
        }
        Match::Ipvs(wanted) => {
            let at = wanted.at;
            words.word("-m ipvs")?;
            words.two("--vaddr", &at.ip)?;
            words.two("--vproto", &at.protocol)?;
            words.two("--vport", &at.port)?;
        }
        Match::PhysdevIsIn { not } => {
            words.word(if *not { "-m physdev ! --physdev-is-in" } else { "-m physdev --physdev-is-in" })?;
        }
        Match::Unsupported(text) => words.verbatim(text)?,
        _ => {}
    }
    Ok(after)
}

fn address_types<'m>(
    words: &mut Words<'_, '_>,
    found: &Match,
    after: &'m [Match],
) -> Result<&'m [Match], fmt::Error> {
    let as_option = |found: &Match| match found {
        Match::SourceType { not, kind } => Some((*not, "--src-type", *kind)),
        Match::DestinationType { not, kind } => Some((*not, "--dst-type", *kind)),
        _ => None,
    };
    let first = as_option(found);
    let second = after
        .first()
        .and_then(as_option)
        .filter(|(_, option, _)| first.is_some_and(|(_, first_option, _)| first_option != *option));
    let mut pair = [first, second];
    if words.form == Form::Save && second.is_some_and(|(_, option, _)| option == "--src-type") {
        pair.reverse();
    }
    words.word("-m addrtype")?;
    for (not, option, kind) in pair.into_iter().flatten() {
        words.inverted(not, option, &kind.name())?;
    }
    Ok(if second.is_some() { after.get(1..).unwrap_or_default() } else { after })
}

fn multiport(words: &mut Words<'_, '_>, not: bool, option: &str, ports: &[PortRange]) -> fmt::Result {
    words.word("-m multiport")?;
    words.inverted(not, option, &PortList(ports))
}

struct States(CtStates);

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // kube-proxy writes RELATED,ESTABLISHED(,DNAT), which is also the order of iptables-save.
        let mut first = true;
        for state in CtState::ALL.into_iter().filter(|state| self.0.contains(*state)) {
            write!(f, "{}{}", if first { "" } else { "," }, state.name())?;
            first = false;
        }
        Ok(())
    }
}

fn write_statistic(words: &mut Words<'_, '_>, statistic: Statistic) -> fmt::Result {
    match statistic {
        Statistic::Random { not, probability } => {
            words.word("-m statistic --mode random")?;
            match words.form {
                Form::Restore(_) => words.inverted(not, "--probability", &format_args!("{probability:.10}")),
                Form::Save => {
                    // The kernel keeps a probability as a whole number of 1/2^31.
                    let kept = (probability * KERNEL_ONE).round() / KERNEL_ONE;
                    words.inverted(not, "--probability", &format_args!("{kept:.11}"))
                }
            }
        }
        Statistic::Nth { not, every, packet } => {
            words.word("-m statistic --mode nth")?;
            words.inverted(not, "--every", &every)?;
            words.two("--packet", &packet)
        }
    }
}

const KERNEL_ONE: f64 = 2_147_483_648.0;

fn write_recent(words: &mut Words<'_, '_>, recent: &Recent) -> fmt::Result {
    words.word("-m recent")?;
    let save = words.form == Form::Save;
    if !save {
        // kube-proxy names the list first.
        words.word("--name")?;
        words.free(&recent.name)?;
    }
    if recent.not {
        words.word("!")?;
    }
    words.word(match recent.action {
        RecentAction::Set => "--set",
        RecentAction::Rcheck => "--rcheck",
        RecentAction::Update => "--update",
        RecentAction::Remove => "--remove",
    })?;
    if let Some(seconds) = recent.seconds {
        words.two("--seconds", &seconds)?;
    }
    if recent.reap {
        words.word("--reap")?;
    }
    if let Some(hits) = recent.hitcount {
        words.two("--hitcount", &hits)?;
    }
    if save {
        words.word("--name")?;
        words.free(&recent.name)?;
        let mask = match words.family {
            Family::V4 => "255.255.255.255",
            Family::V6 => "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        };
        words.two("--mask", &mask)?;
    }
    if recent.by_destination {
        words.word("--rdest")
    } else if save {
        words.word("--rsource")
    } else {
        Ok(())
    }
}
