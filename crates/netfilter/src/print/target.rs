//! The words of targets.

use super::{Form, Words, matches::Ports};
use crate::{NatTo, RejectWith, Target};
use std::fmt;

pub(super) fn write(words: &mut Words<'_, '_>, target: &Target) -> fmt::Result {
    match target {
        Target::None => Ok(()),
        Target::Accept => words.word("-j ACCEPT"),
        Target::Drop => words.word("-j DROP"),
        Target::Return => words.word("-j RETURN"),
        Target::Jump(chain) => words.two("-j", chain),
        Target::Goto(chain) => words.two("-g", chain),
        Target::Reject(with) => {
            words.word("-j REJECT")?;
            match (with, words.form) {
                (None, Form::Restore(_)) => Ok(()),
                (with, _) => {
                    let kind = with.unwrap_or(RejectWith::PortUnreachable);
                    words.two("--reject-with", &kind.name(words.family))
                }
            }
        }
        Target::Dnat(to) => nat(words, "-j DNAT --to-destination", to),
        Target::Snat(to) => nat(words, "-j SNAT --to-source", to),
        Target::Redirect(ports) => {
            words.word("-j REDIRECT")?;
            to_ports(words, *ports)
        }
        Target::Masquerade { random_fully, to_ports: ports } => {
            words.word("-j MASQUERADE")?;
            to_ports(words, *ports)?;
            flag(words, *random_fully, "--random-fully")
        }
        Target::SetXmark { value, mask } => set_xmark(words, *value, *mask),
        Target::OrMark(value) => match words.form {
            Form::Restore(_) => mark(words, "-j MARK --or-mark", *value),
            Form::Save => set_xmark(words, *value, *value),
        },
        Target::AndMark(value) => match words.form {
            Form::Restore(_) => mark(words, "-j MARK --and-mark", *value),
            Form::Save => set_xmark(words, 0, !*value),
        },
        Target::XorMark(value) => match words.form {
            Form::Restore(_) => mark(words, "-j MARK --xor-mark", *value),
            Form::Save => set_xmark(words, *value, 0),
        },
        Target::Notrack => words.word("-j NOTRACK"),
        Target::Log(rest) => {
            words.word("-j LOG")?;
            if rest.is_empty() { Ok(()) } else { words.verbatim(rest) }
        }
        Target::Continue(text) | Target::Unsupported(text) => {
            words.word("-j")?;
            words.verbatim(text)
        }
    }
}

fn mark(words: &mut Words<'_, '_>, option: &str, value: u32) -> fmt::Result {
    words.word(option)?;
    words.gap()?;
    words.mark(value)
}

fn set_xmark(words: &mut Words<'_, '_>, value: u32, mask: u32) -> fmt::Result {
    words.word("-j MARK --set-xmark")?;
    words.gap()?;
    words.masked(value, mask)
}

fn to_ports(words: &mut Words<'_, '_>, ports: Option<crate::PortRange>) -> fmt::Result {
    ports.map_or(Ok(()), |ports| words.two("--to-ports", &Ports(ports, '-')))
}

fn flag(words: &mut Words<'_, '_>, set: bool, option: &str) -> fmt::Result {
    if set { words.word(option) } else { Ok(()) }
}

fn nat(words: &mut Words<'_, '_>, option: &str, to: &NatTo) -> fmt::Result {
    words.two(option, to)?;
    flag(words, to.random, "--random")?;
    flag(words, to.random_fully, "--random-fully")?;
    flag(words, to.persistent, "--persistent")
}

impl fmt::Display for NatTo {
    /// `ADDRESS[-ADDRESS][:PORT[-PORT]]`; IPv6 addresses in brackets where ports follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.ports.is_some() && self.first.is_some_and(|ip| ip.is_ipv6());
        if brackets {
            f.write_str("[")?;
        }
        if let Some(first) = self.first {
            write!(f, "{first}")?;
        }
        if let Some(last) = self.last.filter(|last| Some(*last) != self.first) {
            write!(f, "-{last}")?;
        }
        if brackets {
            f.write_str("]")?;
        }
        match self.ports {
            Some(ports) => write!(f, ":{}", Ports(ports, '-')),
            None => Ok(()),
        }
    }
}
