//! The options of matches.

use super::words::Word;
use crate::{
    AddressType, CtState, CtStates, Family, Match, PortRange, Recent, RecentAction, SetMatch, Statistic,
    TcpFlags, nft::Side,
};

/// Protocols that no packet here has, by the names of `/etc/protocols` that iptables knows.
pub(super) const OTHER_PROTOCOLS: [&str; 16] = [
    "esp",
    "ah",
    "gre",
    "igmp",
    "udplite",
    "dccp",
    "ipip",
    "ipencap",
    "ipcomp",
    "ospf",
    "pim",
    "vrrp",
    "l2tp",
    "mh",
    "ipv6-mh",
    "mobility-header",
];

const NOT_MODELLED: &str = "the match is not modelled; an outcome that depends on it is ambiguous";
const BAD_VALUE: &str = "the value is not understood; an outcome that depends on it is ambiguous";

/// An option's name, and its value if it is written `--name=value`.
pub(super) fn split_option<'a>(option: &'a Word<'_>) -> (&'a str, Option<&'a str>) {
    match option.bare().split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option.bare(), None),
    }
}

/// How many arguments an option of tcp, udp or sctp takes; `None` if it is not modelled.
pub(super) fn transport_arguments(option: &str) -> Option<usize> {
    match option {
        "--sport" | "--source-port" | "--dport" | "--destination-port" => Some(1),
        "--tcp-flags" => Some(2),
        "--syn" => Some(0),
        _ => None,
    }
}

/// A condition of tcp, udp or sctp; `None` if an argument is not understood.
pub(super) fn transport(option: &str, not: bool, arguments: &[&str]) -> Option<Match> {
    match (option, arguments) {
        ("--sport" | "--source-port", [ports]) => {
            Some(Match::SourcePort { not, ports: port_range(ports, ':')? })
        }
        ("--dport" | "--destination-port", [ports]) => {
            Some(Match::DestinationPort { not, ports: port_range(ports, ':')? })
        }
        ("--tcp-flags", [mask, set]) => {
            Some(Match::TcpFlags { not, mask: TcpFlags::from_names(mask)?, set: TcpFlags::from_names(set)? })
        }
        ("--syn", []) => {
            Some(Match::TcpFlags { not, mask: TcpFlags::from_names("FIN,SYN,RST,ACK")?, set: TcpFlags::SYN })
        }
        _ => None,
    }
}

/// `80`, `80:90`, `:90`, `90:`.
pub(super) fn port_range(text: &str, sign: char) -> Option<PortRange> {
    let Some((first, last)) = text.split_once(sign) else {
        return text.parse::<u16>().ok().map(PortRange::from);
    };
    let first = if first.is_empty() { 0 } else { first.parse().ok()? };
    let last = if last.is_empty() { u16::MAX } else { last.parse().ok()? };
    (first <= last).then_some(PortRange { first, last })
}

/// `16384` or `0x4000`.
pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// `VALUE[/MASK]`.
pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// The options of a module, one by one.
struct Options<'a>(&'a [Word<'a>]);

impl<'a> Options<'a> {
    /// The next option, and whether `!` stands before it.
    fn next(&mut self) -> Option<(bool, &'a str)> {
        let (first, mut rest) = self.0.split_first()?;
        let mut option = first;
        let not = first.is_not();
        if not {
            (option, rest) = rest.split_first()?;
        }
        self.0 = rest;
        Some((not, option.bare()))
    }

    fn value(&mut self) -> Result<&'a str, &'static str> {
        let (first, rest) = self.0.split_first().ok_or(BAD_VALUE)?;
        self.0 = rest;
        Ok(&first.text)
    }

    fn parsed<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<T, &'static str> {
        read(self.value()?).ok_or(BAD_VALUE)
    }
}

/// Reads a module's options into matches. The error says why the module is kept as text.
pub(super) fn module(
    family: Family,
    name: &str,
    words: &[Word<'_>],
    matches: &mut Vec<Match>,
) -> Result<(), &'static str> {
    let mut options = Options(words);
    let before = matches.len();
    match name {
        "recent" => matches.push(recent(&mut options, family)?),
        "statistic" => matches.push(statistic(&mut options)?),
        _ => {
            while let Some((not, option)) = options.next() {
                let found = match (name, option) {
                    ("comment", "--comment") if !not => Match::Comment(options.value()?.into()),
                    ("nfacct", "--nfacct-name") if !not => Match::Nfacct(options.value()?.into()),
                    ("mark", "--mark") => {
                        let (value, mask) = options.parsed(masked)?;
                        Match::Mark { not, value, mask }
                    }
                    ("conntrack", "--ctstate") => {
                        Match::CtState { not, states: options.parsed(|text| states(text, &CtState::ALL))? }
                    }
                    ("state", "--state") => {
                        let old = CtState::ALL.split_at(5).0;
                        Match::State { not, states: options.parsed(|text| states(text, old))? }
                    }
                    ("addrtype", "--src-type") => {
                        Match::SourceType { not, kind: options.parsed(address_type)? }
                    }
                    ("addrtype", "--dst-type") => {
                        Match::DestinationType { not, kind: options.parsed(address_type)? }
                    }
                    ("multiport", "--dports" | "--destination-ports") => {
                        Match::Multiport { not, source: false, ports: options.parsed(port_list)? }
                    }
                    ("multiport", "--sports" | "--source-ports") => {
                        Match::Multiport { not, source: true, ports: options.parsed(port_list)? }
                    }
                    ("multiport", "--ports") => {
                        Match::MultiportEither { not, ports: options.parsed(port_list)? }
                    }
                    ("set", "--match-set") => {
                        let name = options.value()?.into();
                        Match::Set(Box::new(SetMatch { not, name, sides: options.parsed(sides)? }))
                    }
                    ("physdev", "--physdev-is-in") => Match::PhysdevIsIn { not },
                    _ => return Err(NOT_MODELLED),
                };
                matches.push(found);
            }
        }
    }
    if matches.len() == before {
        return Err(NOT_MODELLED);
    }
    Ok(())
}

fn states(text: &str, known: &[CtState]) -> Option<CtStates> {
    text.split(',').map(|word| known.iter().copied().find(|state| state.name() == word)).collect()
}

/// `dst,dst,src`.
fn sides(text: &str) -> Option<Vec<Side>> {
    let side = |word| match word {
        "src" => Some(Side::Source),
        "dst" => Some(Side::Destination),
        _ => None,
    };
    text.split(',').map(side).collect()
}

fn address_type(text: &str) -> Option<AddressType> {
    let all = [AddressType::Local, AddressType::Unicast, AddressType::Broadcast, AddressType::Multicast];
    all.into_iter().find(|kind| kind.name() == text)
}

fn port_list(text: &str) -> Option<Vec<PortRange>> {
    let ports: Vec<PortRange> = text.split(',').map(|ports| port_range(ports, ':')).collect::<Option<_>>()?;
    // The kernel's limit; a range counts twice.
    let slots: usize = ports.iter().map(|ports| if ports.first == ports.last { 1 } else { 2 }).sum();
    (slots <= 15).then_some(ports)
}

fn statistic(options: &mut Options<'_>) -> Result<Match, &'static str> {
    let mut mode = "";
    let mut inverted = false;
    let mut probability = None;
    let mut every = None;
    let mut packet = 0;
    while let Some((not, option)) = options.next() {
        match option {
            "--mode" if !not => mode = options.value()?,
            "--probability" => {
                inverted = not;
                let one = |text: &str| text.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p));
                probability = Some(options.parsed(one)?);
            }
            "--every" => {
                inverted = not;
                every = Some(options.parsed(|text| number(text).filter(|every| *every > 0))?);
            }
            "--packet" if !not => packet = options.parsed(number)?,
            _ => return Err(NOT_MODELLED),
        }
    }
    match (mode, probability, every) {
        ("random", Some(probability), None) => {
            // -0 would print as another text.
            let probability = probability.abs();
            Ok(Match::Statistic(Statistic::Random { not: inverted, probability }))
        }
        ("nth", None, Some(every)) if packet < every => {
            Ok(Match::Statistic(Statistic::Nth { not: inverted, every, packet }))
        }
        _ => Err(BAD_VALUE),
    }
}

fn recent(options: &mut Options<'_>, family: Family) -> Result<Match, &'static str> {
    let mut action = None;
    let mut recent = Recent {
        not: false,
        name: "DEFAULT".into(),
        action: RecentAction::Rcheck,
        seconds: None,
        hitcount: None,
        reap: false,
        by_destination: false,
    };
    while let Some((not, option)) = options.next() {
        let chosen = match option {
            "--set" => Some(RecentAction::Set),
            "--rcheck" => Some(RecentAction::Rcheck),
            "--update" => Some(RecentAction::Update),
            "--remove" => Some(RecentAction::Remove),
            _ => None,
        };
        if let Some(chosen) = chosen {
            recent.not = not;
            if action.replace(chosen).is_some() {
                return Err(BAD_VALUE);
            }
            continue;
        }
        match option {
            _ if not => return Err(BAD_VALUE),
            "--name" => recent.name = options.value()?.into(),
            "--seconds" => recent.seconds = Some(options.parsed(number)?),
            "--hitcount" => recent.hitcount = Some(options.parsed(number)?),
            "--reap" => recent.reap = true,
            "--rsource" => recent.by_destination = false,
            "--rdest" => recent.by_destination = true,
            "--mask" => {
                let whole = match family {
                    Family::V4 => "255.255.255.255",
                    Family::V6 => "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                };
                if options.value()? != whole {
                    return Err(
                        "lists of networks are not modelled; an outcome that depends on it is ambiguous",
                    );
                }
            }
            _ => return Err(NOT_MODELLED),
        }
    }
    recent.action = action.ok_or(BAD_VALUE)?;
    Ok(Match::Recent(Box::new(recent)))
}
