//! Address translation.

use super::path::{End, Tracked, Walker};
use crate::{Conntrack, Event, Hook, NatTo, Outcome, Packet, PortRange, TableName, Target};
use std::net::IpAddr;

/// Which side of a packet a hook translates (the kernel's `HOOK2MANIP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

fn side(hook: Hook) -> Side {
    match hook {
        Hook::Prerouting | Hook::Output => Side::Destination,
        Hook::Input | Hook::Forward | Hook::Postrouting => Side::Source,
    }
}

impl Walker<'_> {
    /// The hook's translation: by rules for the first packet of a connection, as the connection says for others.
    pub(super) fn translate(&mut self, hook: Hook) -> Result<(), End> {
        match self.tracked {
            // A chain of nftables was first.
            Tracked::New(_) if self.nft.take_translated() => Ok(()),
            Tracked::New(_) => {
                self.enter(hook, TableName::Nat);
                if self.at.is_none() { self.leave_alone(hook) } else { Ok(()) }
            }
            Tracked::Known { connection, reply: false }
                if side(hook) == Side::Destination && self.is_of_ipvs(&connection) =>
            {
                Ok(())
            }
            Tracked::Known { connection, reply } => {
                let before = self.packet;
                let goal = connection.translated(reply);
                match side(hook) {
                    Side::Source => {
                        self.packet.source = goal.source;
                        self.packet.source_port = goal.source_port;
                    }
                    Side::Destination => {
                        self.packet.destination = goal.destination;
                        self.packet.destination_port = goal.destination_port;
                    }
                }
                if self.packet != before {
                    self.events.push(Event::Translate { before, after: self.packet });
                }
                Ok(())
            }
            Tracked::Unseen | Tracked::Exempt | Tracked::Invalid => Ok(()),
        }
    }

    /// Does what a target of table nat says; `false` if the hook has no such target.
    pub(super) fn translate_as(&mut self, hook: Hook, target: &Target) -> Result<bool, End> {
        let before = self.packet;
        match (target, side(hook)) {
            (Target::Dnat(to), Side::Destination) => self.set_destination(to),
            (Target::Redirect(ports), Side::Destination) => {
                let Some(ip) = self.redirect_address() else { return Err(End(Outcome::Dropped)) };
                self.set_destination(&plain(ip, *ports));
            }
            (Target::Snat(to), Side::Source) => self.set_source(to)?,
            (Target::Masquerade { to_ports, .. }, Side::Source) if hook == Hook::Postrouting => {
                let Some(ip) = self.masquerade_address() else { return Err(End(Outcome::Dropped)) };
                self.set_source(&plain(ip, *to_ports))?;
            }
            _ => return Ok(false),
        }
        let after = self.packet;
        self.events.push(match side(hook) {
            Side::Destination => Event::Dnat { before, after },
            Side::Source => {
                Event::Snat { before, after, masquerade: matches!(target, Target::Masquerade { .. }) }
            }
        });
        Ok(true)
    }

    /// No rule translates. The kernel still sees to it that no two connections have the same answers.
    pub(super) fn leave_alone(&mut self, hook: Hook) -> Result<(), End> {
        let translates = self.ruleset().tables.contains_key(&TableName::Nat) || self.bases().translates();
        if side(hook) == Side::Destination || !translates {
            return Ok(());
        }
        let before = self.packet;
        self.set_source(&plain(before.source, None))?;
        if self.packet != before {
            self.events.push(Event::Translate { before, after: self.packet });
        }
        Ok(())
    }

    fn set_destination(&mut self, to: &NatTo) {
        let tracked = &self.state().conntrack;
        let mut packet = self.packet;
        if let Some((first, last)) = to.first.zip(to.last) {
            packet.destination = pick_address(&self.packet, first, last, to.persistent);
        }
        if let Some(ports) = to.ports {
            let kept = ports.contains(packet.destination_port)
                && (ports.first == ports.last || is_free(tracked, &packet));
            let with = |port| Packet { destination_port: port, ..packet };
            if !kept {
                let free = (ports.first..=ports.last).map(with).find(|packet| is_free(tracked, packet));
                packet = free.unwrap_or_else(|| with(ports.first));
            }
        }
        self.packet = packet;
    }

    /// Finds a source within the wanted addresses and ports with which the answers are no other connection's
    /// (the kernel's `get_unique_tuple`). The port is kept if it can be, under `--random` and `--random-fully`
    /// too, where the kernel would draw one; else the next free one above it is taken. Without any the kernel
    /// drops the packet.
    fn set_source(&mut self, to: &NatTo) -> Result<(), End> {
        let tracked = &self.state().conntrack;
        let here = self.packet;
        let (first, last) = to.first.zip(to.last).unwrap_or((here.source, here.source));
        let in_range = |packet: &Packet| {
            (first..=last).contains(&packet.source)
                && to.ports.is_none_or(|ports| ports.contains(packet.source_port))
        };
        if in_range(&here) {
            if is_free(tracked, &here) {
                return Ok(());
            }
        } else {
            // A sender keeps the source that it was given for another connection.
            let known = tracked.of_sender(self.original()).map(|connection| Packet {
                source: connection.reply.destination,
                source_port: connection.reply.destination_port,
                ..here
            });
            let reused = known.take(1).find(|packet| in_range(packet) && is_free(tracked, packet));
            if let Some(packet) = reused {
                self.packet = packet;
                return Ok(());
            }
        }
        let moved = Packet { source: pick_address(&here, first, last, to.persistent), ..here };
        let ports = to.ports.unwrap_or_else(|| like(moved.source_port));
        let candidates = std::iter::once(moved)
            .chain(after(ports, moved.source_port).map(|port| Packet { source_port: port, ..moved }));
        let has_ports = !matches!(here.protocol, crate::Protocol::Icmp | crate::Protocol::Icmpv6);
        let mut usable = candidates
            .filter(|packet| to.ports.is_none_or(|ports| !has_ports || ports.contains(packet.source_port)))
            .take(if has_ports { usize::MAX } else { 1 });
        self.packet = usable.find(|packet| is_free(tracked, packet)).ok_or(End(Outcome::Dropped))?;
        Ok(())
    }

    /// The connection's first packet as it came.
    fn original(&self) -> Packet {
        match self.tracked {
            Tracked::New(original) => original,
            _ => self.packet,
        }
    }
}

fn plain(ip: IpAddr, ports: Option<PortRange>) -> NatTo {
    NatTo { first: Some(ip), last: Some(ip), ports, random: false, random_fully: false, persistent: false }
}

fn is_free(tracked: &Conntrack, packet: &Packet) -> bool {
    !tracked.is_taken(&packet.reversed())
}

/// The ports that the kernel may choose for a packet of this one: it keeps privileged ones among themselves.
fn like(port: u16) -> PortRange {
    match port {
        0..512 => PortRange { first: 1, last: 511 },
        512..1024 => PortRange { first: 600, last: 1023 },
        1024.. => PortRange { first: 1024, last: u16::MAX },
    }
}

/// All ports of the range, from the one after `port` on and around.
fn after(ports: PortRange, port: u16) -> impl Iterator<Item = u16> {
    let start = if ports.contains(port) { port } else { ports.last };
    (start..=ports.last).skip(1).chain(ports.first..=start)
}

/// One address of a range, as the kernel picks it (`find_best_ips_proto`): by a hash of the source, and unless
/// `--persistent` of the destination.
fn pick_address(packet: &Packet, first: IpAddr, last: IpAddr, persistent: bool) -> IpAddr {
    if first == last {
        return first;
    }
    let seed = if persistent { 0 } else { words(packet.destination).1 };
    let mut hash = jhash(words(packet.source).0, seed);
    let scale = |hash: u32, distance: u32| {
        u32::try_from((u64::from(hash) * u64::from(distance)) >> 32).unwrap_or_default()
    };
    if let (IpAddr::V4(first), IpAddr::V4(last)) = (first, last) {
        let distance = last.to_bits().wrapping_sub(first.to_bits()).wrapping_add(1);
        return IpAddr::V4(first.to_bits().wrapping_add(scale(hash, distance)).into());
    }
    let mut picked = [0_u32; 4];
    let mut full = false;
    let all = words(packet.destination).0;
    for (((slot, low), high), other) in picked.iter_mut().zip(words(first).0).zip(words(last).0).zip(all) {
        let (least, distance) = if full {
            (0, u32::MAX)
        } else {
            let (low, high) = (u32::from_be(low), u32::from_be(high));
            (low, high.wrapping_sub(low).wrapping_add(1))
        };
        *slot = least.wrapping_add(scale(hash, distance));
        full |= slot.to_be() != high;
        if !persistent {
            hash ^= other;
        }
    }
    let [a, b, c, d] = picked.map(u128::from);
    IpAddr::V6((a << 96 | b << 64 | c << 32 | d).into())
}

/// An address as the kernel holds it: four words in network order as a little-endian machine reads them, and
/// the last one in use.
fn words(ip: IpAddr) -> ([u32; 4], u32) {
    match ip {
        IpAddr::V4(ip) => {
            let word = u32::from_le_bytes(ip.octets());
            ([word, 0, 0, 0], word)
        }
        IpAddr::V6(ip) => {
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(ip.octets().chunks_exact(4)) {
                *word = bytes.try_into().map_or(0, u32::from_le_bytes);
            }
            (words, words[3])
        }
    }
}

/// `jhash2` of the kernel (Bob Jenkins' lookup3) over four words.
fn jhash([k0, k1, k2, k3]: [u32; 4], seed: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(4 << 2).wrapping_add(seed);
    let (mut a, mut b, mut c) = (start.wrapping_add(k0), start.wrapping_add(k1), start.wrapping_add(k2));
    macro_rules! step {
        ($x:ident, $y:ident, $turn:literal, $z:ident) => {
            $x = $x.wrapping_sub($y) ^ $y.rotate_left($turn);
            $y = $y.wrapping_add($z);
        };
    }
    step!(a, c, 4, b);
    step!(b, a, 6, c);
    step!(c, b, 8, a);
    step!(a, c, 16, b);
    step!(b, a, 19, c);
    step!(c, b, 4, a);
    a = a.wrapping_add(k3);
    for (x, y, turn) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut state = [a, b, c];
        if let (Some(from), Some(slot)) = (state.get(y).copied(), state.get_mut(x)) {
            *slot = (*slot ^ from).wrapping_sub(from.rotate_left(turn));
        }
        [a, b, c] = state;
    }
    c
}
