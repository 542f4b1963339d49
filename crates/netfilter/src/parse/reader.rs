//! The words of one rule, from the left: conditions and target.

use super::{
    ParseError, Unmodelled, matches,
    rule::{Context, chain_name},
    shorten, target,
    words::Word,
};
use crate::{Family, InterfaceName, Match, Net, Protocol, RejectWith, Rule, Target, Transport};
use ipnet::IpNet;
use std::net::IpAddr;

/// One line may expand to so many rules by lists of addresses.
const MAX_EXPANSION: usize = 4_096;

/// The options that every rule knows; they end the words of the match or target before them.
fn is_basic(word: &str) -> bool {
    const BASIC: [&str; 25] = [
        "-p",
        "--protocol",
        "--proto",
        "-s",
        "--source",
        "--src",
        "-d",
        "--destination",
        "--dst",
        "-i",
        "--in-interface",
        "-o",
        "--out-interface",
        "-m",
        "--match",
        "-j",
        "--jump",
        "-g",
        "--goto",
        "-f",
        "--fragment",
        "-c",
        "--set-counters",
        "-4",
        "-6",
    ];
    BASIC.contains(&word)
}

/// The words of one rule, read from the left.
struct Reader<'a> {
    context: Context,
    text: &'a str,
    words: &'a [Word<'a>],
    unmodelled: &'a mut Vec<Unmodelled>,
    matches: Vec<Match>,
    target: Option<Target>,
    /// The further addresses of `-s A,B` and `-d A,B`: place in `matches`, and all addresses.
    lists: Vec<(usize, Vec<Net>)>,
    other_family: bool,
}

/// The rules that a line stands for: several where it lists addresses.
pub(super) fn rules<'a>(
    unmodelled: &'a mut Vec<Unmodelled>,
    context: Context,
    text: &'a str,
    words: &'a [Word<'a>],
) -> Result<Vec<Rule>, ParseError> {
    let mut reader = Reader {
        context,
        text,
        words,
        unmodelled,
        matches: Vec::with_capacity(8),
        target: None,
        lists: Vec::new(),
        other_family: false,
    };
    while !reader.words.is_empty() {
        reader.option()?;
    }
    if reader.other_family {
        return Ok(Vec::new());
    }
    reader.check_reset()?;
    reader.matches.shrink_to_fit();
    let rule = Rule { matches: reader.matches, target: reader.target.unwrap_or(Target::None) };
    let mut rules = vec![rule];
    for (place, nets) in reader.lists {
        if rules.len() * nets.len() > MAX_EXPANSION {
            return Err(context
                .error(format!("the lists of addresses stand for more than {MAX_EXPANSION} rules"), ""));
        }
        rules =
            (rules.iter()).flat_map(|rule| nets.iter().map(|net| with_address(rule, place, *net))).collect();
    }
    Ok(rules)
}

fn with_address(rule: &Rule, place: usize, address: Net) -> Rule {
    let mut rule = rule.clone();
    if let Some(Match::Source { net, .. } | Match::Destination { net, .. }) = rule.matches.get_mut(place) {
        *net = address;
    }
    rule
}

/// Rules name sets; `ipset save` would tell what is in them.
const MEMBERS_ELSEWHERE: &str = "the members of the set are not in this text; where the node's own kube-proxy does not keep such a set, an outcome that depends on it is ambiguous";

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a Word<'a>> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn argument(&mut self, option: &str) -> Result<&'a str, ParseError> {
        let word = self.next().filter(|word| !word.is_not());
        word.map(|word| &*word.text)
            .ok_or_else(|| self.context.error(format!("`{option}` lacks its argument"), ""))
    }

    /// The words from here to the next option that every rule knows, or if so wished that tcp knows.
    fn group(&mut self, to_transport: bool) -> &'a [Word<'a>] {
        let ends = |at: usize| {
            let word = |at: usize| self.words.get(at).map_or("", Word::bare);
            let at = if word(at) == "!" { at + 1 } else { at };
            is_basic(word(at)) || (to_transport && matches::transport_arguments(word(at)).is_some())
        };
        let end = (0..self.words.len()).find(|at| ends(*at)).unwrap_or(self.words.len());
        let (group, rest) = self.words.split_at(end);
        self.words = rest;
        group
    }

    /// The line's text from one byte to where the remaining words begin.
    fn text_of(&self, start: usize, words: &[Word<'_>]) -> &'a str {
        let end = words.last().map_or(start, |word| word.end);
        self.text.get(start..end).unwrap_or_default()
    }

    fn keep(&mut self, text: &str, why: &'static str) {
        self.unmodelled.push(Unmodelled { line: self.context.line, text: text.to_owned(), why });
    }

    fn option(&mut self) -> Result<(), ParseError> {
        let start = self.words.first().map_or(0, |word| word.start);
        let mut not = false;
        let mut word = self.next();
        if word.is_some_and(Word::is_not) {
            not = true;
            word = self.next();
        }
        let Some(word) = word else {
            return Err(self.context.error("the line ends after `!`", ""));
        };
        let option = word.bare();
        // The old place of the sign: `-s ! ADDRESS`.
        if self.words.first().is_some_and(Word::is_not) && invertible(option) && !not {
            not = true;
            self.next();
        }
        if not && is_basic(option) && !invertible(option) && !matches!(option, "-f" | "--fragment") {
            return Err(self.context.error(format!("`!` cannot stand before `{option}`"), ""));
        }
        match option {
            "-p" | "--protocol" | "--proto" => self.protocol(not, option)?,
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" => self.address(not, option)?,
            "-i" | "--in-interface" | "-o" | "--out-interface" => {
                let argument = self.argument(option)?;
                let Some(name) = InterfaceName::new(argument) else {
                    return Err(self.context.error(
                        format!("`{}` cannot be the name of an interface", shorten(argument)),
                        "names have 1 to 15 bytes",
                    ));
                };
                self.matches.push(match option {
                    "-i" | "--in-interface" => Match::InInterface { not, name },
                    _ => Match::OutInterface { not, name },
                });
            }
            "-m" | "--match" => self.module(start)?,
            "-j" | "--jump" => {
                let name = self.next();
                let name =
                    name.ok_or_else(|| self.context.error(format!("`{option}` lacks its argument"), ""))?;
                let group = self.group(false);
                let text = self.text_of(name.start, group);
                let text = if group.is_empty() { &*name.text } else { text };
                let (found, why) = target::read(self.context, &name.text, group, text)?;
                if let Some(why) = why {
                    self.keep(text, why);
                }
                self.set_target(found)?;
            }
            "-g" | "--goto" => {
                let name = self.argument(option)?;
                self.set_target(Target::Goto(chain_name(self.context.line, name)?))?;
            }
            "-c" | "--set-counters" => {
                self.argument(option)?;
                self.argument(option)?;
            }
            "-f" | "--fragment" => {
                // Whole packets only are modelled: this is false of all of them, so `! -f` says nothing.
                let text: &'static str = if not { "! -f" } else { "-f" };
                self.matches.push(Match::Unsupported(text.into()));
                self.keep(text, "fragments are not modelled; an outcome that depends on it is ambiguous");
            }
            "-4" => self.other_family |= self.context.family == Family::V6,
            "-6" => self.other_family |= self.context.family == Family::V4,
            _ if option.starts_with("--") => self.loose(start, not, word),
            _ => {
                return Err(self.context.error(format!("`{}` is not understood", shorten(&word.text)), ""));
            }
        }
        Ok(())
    }

    /// Nothing but TCP has resets, and the kernel loads no rule that would send one for anything else.
    fn check_reset(&self) -> Result<(), ParseError> {
        let is_tcp = |found: &Match| matches!(found, Match::Protocol { not: false, protocol: Protocol::Tcp });
        let resets = self.target == Some(Target::Reject(Some(RejectWith::TcpReset)));
        if resets && !self.matches.iter().any(is_tcp) {
            return Err(self
                .context
                .error("`--reject-with tcp-reset` is for TCP only", "the rule needs -p tcp before it"));
        }
        Ok(())
    }

    fn set_target(&mut self, target: Target) -> Result<(), ParseError> {
        if self.target.replace(target).is_some() {
            return Err(self.context.error("the rule has two targets", ""));
        }
        Ok(())
    }

    fn protocol(&mut self, not: bool, option: &str) -> Result<(), ParseError> {
        let name = self.argument(option)?.to_ascii_lowercase();
        let known = match &*name {
            "tcp" | "6" => Protocol::Tcp,
            "udp" | "17" => Protocol::Udp,
            "sctp" | "132" => Protocol::Sctp,
            "icmp" | "1" => Protocol::Icmp,
            "ipv6-icmp" | "icmpv6" | "58" => Protocol::Icmpv6,
            "all" | "0" if !not => return Ok(()),
            _ => {
                let is_other = name.parse::<u8>().is_ok() || matches::OTHER_PROTOCOLS.contains(&&*name);
                if !is_other {
                    return Err(self.context.error(
                        format!("`{}` is not a protocol", shorten(&name)),
                        "unusual protocols can be given by number",
                    ));
                }
                self.matches.push(Match::OtherProtocol { not, name: name.into() });
                return Ok(());
            }
        };
        self.matches.push(Match::Protocol { not, protocol: known });
        Ok(())
    }

    fn address(&mut self, not: bool, option: &str) -> Result<(), ParseError> {
        let argument = self.argument(option)?;
        let source = matches!(option, "-s" | "--source" | "--src");
        let mut nets = Vec::new();
        for text in argument.split(',') {
            match read_net(text) {
                Some(net) if Family::of(net.net().addr()) == self.context.family => nets.push(net),
                Some(_) => {
                    return Err(self.context.error(
                        format!("`{text}` is of the other address family than this file"),
                        "the text of ip6tables-save begins with its own heading, # Generated by ip6tables-save",
                    ));
                }
                None if text.split_once('/').is_some_and(|(address, mask)| {
                    address.parse::<IpAddr>().is_ok() && mask.parse::<IpAddr>().is_ok()
                }) =>
                {
                    let text = format!(
                        "{}{} {argument}",
                        if not { "! " } else { "" },
                        if source { "-s" } else { "-d" }
                    );
                    self.keep(
                        &text,
                        "a mask with gaps is not modelled; an outcome that depends on it is ambiguous",
                    );
                    self.matches.push(Match::Unsupported(text.into()));
                    return Ok(());
                }
                None => {
                    return Err(self.context.error(
                        format!("`{}` is not an address or network", shorten(text)),
                        "names of hosts are not looked up",
                    ));
                }
            }
        }
        let Some(first) = nets.first() else { return Ok(()) };
        if not && nets.len() > 1 {
            return Err(self.context.error(format!("`!` cannot stand before `{option}` with a list"), ""));
        }
        let found =
            if source { Match::Source { not, net: *first } } else { Match::Destination { not, net: *first } };
        if nets.len() > 1 {
            self.lists.push((self.matches.len(), nets));
        }
        self.matches.push(found);
        Ok(())
    }

    /// `-m NAME` and the options that belong to it.
    fn module(&mut self, start: usize) -> Result<(), ParseError> {
        let name = self.argument("-m")?;
        let transport = [Transport::Tcp, Transport::Udp, Transport::Sctp]
            .into_iter()
            .find(|transport| transport.name() == name);
        if let Some(transport) = transport {
            self.matches.push(Match::Module(transport));
            return Ok(());
        }
        // Options of the transport may stand after any module.
        let group = self.group(true);
        let text = if group.is_empty() {
            format!("-m {name}").into()
        } else {
            std::borrow::Cow::Borrowed(self.text_of(start, group))
        };
        let before = self.matches.len();
        match matches::module(self.context.family, name, group, &mut self.matches) {
            Ok(()) => {
                let found = self.matches.get(before..).unwrap_or_default();
                if found.iter().any(|one| matches!(one, Match::Set(_))) {
                    self.keep(&text, MEMBERS_ELSEWHERE);
                }
            }
            Err(why) => {
                self.matches.truncate(before);
                self.matches.push(Match::Unsupported(text.as_ref().into()));
                self.keep(&text, why);
            }
        }
        Ok(())
    }

    /// An option outside a module's words: of the transport, or unknown.
    fn loose(&mut self, start: usize, not: bool, option: &'a Word<'a>) {
        let (name, value) = matches::split_option(option);
        let take = if value.is_some() { 0 } else { matches::transport_arguments(name).unwrap_or(0) };
        if matches::transport_arguments(name).is_some() && self.words.len() >= take {
            let (arguments, rest) = self.words.split_at(take);
            let words: Vec<&str> =
                value.into_iter().chain(arguments.iter().map(|word| &*word.text)).collect();
            if let Some(found) = matches::transport(name, not, &words) {
                self.words = rest;
                self.matches.push(found);
                return;
            }
        }
        let group = self.group_after_option();
        let text = self.text_of(start, group);
        let text = if group.is_empty() { self.text.get(start..option.end).unwrap_or_default() } else { text };
        self.matches.push(Match::Unsupported(text.into()));
        self.keep(text, "the option is not modelled; an outcome that depends on it is ambiguous");
    }

    /// The arguments of an unknown option: the words up to the next option of any kind.
    fn group_after_option(&mut self) -> &'a [Word<'a>] {
        let ends =
            |at: usize| self.words.get(at).is_some_and(|word| word.bare().starts_with('-') || word.is_not());
        let end = (0..self.words.len()).find(|at| ends(*at)).unwrap_or(self.words.len());
        let (group, rest) = self.words.split_at(end);
        self.words = rest;
        group
    }
}

fn invertible(option: &str) -> bool {
    matches!(
        option,
        "-p" | "--protocol"
            | "--proto"
            | "-s"
            | "--source"
            | "--src"
            | "-d"
            | "--destination"
            | "--dst"
            | "-i"
            | "--in-interface"
            | "-o"
            | "--out-interface"
    )
}

/// An address, or a network by length or by mask.
fn read_net(text: &str) -> Option<Net> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(Net::from);
    };
    let address: IpAddr = address.parse().ok()?;
    if let Ok(length) = length.parse::<u8>() {
        return IpNet::new(address, length).ok().map(Net::from);
    }
    let mask: IpAddr = length.parse().ok()?;
    IpNet::with_netmask(address, mask).ok().map(Net::from)
}
