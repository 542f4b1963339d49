//! Finds the rules of a long chain that can match a packet.

use crate::{Match, Packet, Rule, links::mix};
use std::net::IpAddr;

/// A chain with fewer rules is walked from top to bottom.
pub(super) const LONG: usize = 16;

const NONE: u32 = u32::MAX;
/// The kinds of keys: destination, protocol and port; protocol and port; destination; source.
const KINDS: usize = 4;

/// An index of one chain.
///
/// Every rule is in one list: that of a condition that it makes on the packet's header, hashed, or that of
/// rules which make none. A packet's candidates are the merge of a few lists, in the order of the rules; a
/// rule that got into a list by an equal hash just does not match.
#[derive(Debug)]
pub(super) struct Index {
    /// The first rule of each hashed list.
    heads: Vec<u32>,
    /// Per rule: the next one of its list.
    next: Vec<u32>,
    /// The first rule without a key.
    rest: u32,
    /// Which kinds of keys occur.
    kinds: [bool; KINDS],
}

/// Where a walk through a chain stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cursor {
    /// The next rule.
    Every(u32),
    /// The next rule of each list.
    Lists([u32; KINDS + 1]),
}

impl Index {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let size = (rules.len() * 2).next_power_of_two();
        let mut index = Self {
            heads: vec![NONE; size],
            next: vec![NONE; rules.len()],
            rest: NONE,
            kinds: [false; KINDS],
        };
        // Backwards, so that each list has its rules in order.
        for (i, rule) in (0..u32::try_from(rules.len()).unwrap_or(NONE)).zip(rules).rev() {
            let head = match key(rule) {
                Some(key) => {
                    if let Some(kind) = index.kinds.get_mut(key.kind) {
                        *kind = true;
                    }
                    let slot = slot(key.hash, size);
                    index.heads.get_mut(slot)
                }
                None => Some(&mut index.rest),
            };
            if let (Some(head), Some(next)) = (head, index.next.get_mut(i as usize)) {
                *next = std::mem::replace(head, i);
            }
        }
        index
    }

    /// Begins a walk for a packet.
    pub(super) fn cursor(&self, packet: &Packet) -> Cursor {
        let destination = address(packet.destination);
        let service = u64::from(packet.destination_port) << 8 | packet.protocol as u64;
        let hashes = [
            hash(0, destination, service),
            hash(1, (0, 0), service),
            hash(2, destination, 0),
            hash(3, address(packet.source), 0),
        ];
        let mut lists = [NONE; KINDS + 1];
        for ((list, hash), kind) in lists.iter_mut().zip(hashes).zip(self.kinds) {
            if kind {
                *list = self.heads.get(slot(hash, self.heads.len())).copied().unwrap_or(NONE);
            }
        }
        lists[KINDS] = self.rest;
        Cursor::Lists(lists)
    }

    fn advance(&self, lists: &mut [u32; KINDS + 1]) -> Option<u32> {
        let first = lists.iter().copied().min().filter(|first| *first != NONE)?;
        let next = self.next.get(first as usize).copied().unwrap_or(NONE);
        // Two keys may share a list.
        lists.iter_mut().filter(|list| **list == first).for_each(|list| *list = next);
        Some(first)
    }
}

impl Cursor {
    /// The next rule to examine.
    pub(super) fn next(&mut self, index: Option<&Index>, length: usize) -> Option<u32> {
        match (self, index) {
            (Self::Lists(lists), Some(index)) => index.advance(lists),
            (Self::Every(next), _) if (*next as usize) < length => {
                *next += 1;
                Some(*next - 1)
            }
            _ => None,
        }
    }
}

struct Key {
    kind: usize,
    hash: u64,
}

/// The most telling key that a rule can be found by.
fn key(rule: &Rule) -> Option<Key> {
    let (mut source, mut destination, mut protocol, mut port) = (None, None, None, None);
    let mut pure = true;
    for found in &rule.matches {
        match found {
            Match::Source { not: false, net } => source = source.or(net.single()),
            Match::Destination { not: false, net } => destination = destination.or(net.single()),
            Match::Protocol { not: false, protocol: only } => protocol = protocol.or(Some(*only)),
            // Extensions are evaluated in order: a list of `recent` before the port changes even where the
            // port does not match.
            Match::DestinationPort { not: false, ports } if pure && ports.first == ports.last => {
                port = port.or(Some(ports.first));
            }
            Match::Recent(_) => pure = false,
            _ => {}
        }
    }
    let service = protocol.zip(port).map(|(protocol, port)| u64::from(port) << 8 | protocol as u64);
    let (kind, ip, service) = match (destination, service, source) {
        (Some(ip), Some(service), _) => (0, address(ip), service),
        (None, Some(service), _) => (1, (0, 0), service),
        (Some(ip), None, _) => (2, address(ip), 0),
        (None, None, Some(ip)) => (3, address(ip), 0),
        (None, None, None) => return None,
    };
    Some(Key { kind, hash: hash(kind as u64, ip, service) })
}

fn address(ip: IpAddr) -> (u64, u64) {
    match ip {
        IpAddr::V4(ip) => (0, u64::from(ip.to_bits())),
        IpAddr::V6(ip) => {
            let segments = ip.to_bits();
            #[expect(clippy::cast_possible_truncation, reason = "takes the two halves")]
            ((segments >> 64) as u64, segments as u64)
        }
    }
}

fn hash(kind: u64, ip: (u64, u64), service: u64) -> u64 {
    mix(mix(ip.0, ip.1), service << 2 | kind)
}

fn slot(hash: u64, size: usize) -> usize {
    // The upper half is the well-mixed one; sizes are powers of two.
    usize::try_from(hash >> 32).unwrap_or(0) & (size - 1)
}
