//! Echo requests, answered by a process in the kernel's place: its answer says who it is and whom it saw, as a
//! server's does. Nothing else differs: conntrack and rules look at a message's kind and identifier only.

use crate::{agent::Transport, socket::greeting};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread,
};

/// Kind, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// The question of both families, whose checksum and identifier the kernel fills in.
pub(crate) const ECHO_V4: [u8; HEADER] = [8, 0, 0, 0, 0, 0, 0, 1];
/// The same in ICMPv6.
pub(crate) const ECHO_V6: [u8; HEADER] = [128, 0, 0, 0, 0, 0, 0, 1];

/// A socket that asks, and hears answers to its own questions only.
pub(crate) fn asking(to: IpAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(SocketAddr::new(to, 0)), Type::DGRAM, Some(protocol(to)))
}

/// What an answer says behind its header.
pub(crate) fn said(answer: &[u8]) -> &[u8] {
    answer.get(HEADER..).unwrap_or_default()
}

fn protocol(like: IpAddr) -> Protocol {
    if like.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 }
}

/// Answers from threads of its own; at `::` in both families, else in that of the address. The kernel's own answers
/// are switched off, see [`SYSCTLS`].
pub(crate) fn listen(name: &str, address: IpAddr) -> Result<(), String> {
    let families = match address {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => vec![Ipv4Addr::UNSPECIFIED.into(), address],
        _ => vec![address],
    };
    for own in families {
        let failed = |error: io::Error| format!("listen at {} {own}: {error}", Transport::Icmp);
        let at = SocketAddr::new(own, 0);
        let socket = Socket::new(Domain::for_address(at), Type::RAW, Some(protocol(own))).map_err(failed)?;
        socket.bind(&at.into()).map_err(failed)?;
        let name = name.to_owned();
        thread::spawn(move || serve(&name, &UdpSocket::from(socket)));
    }
    Ok(())
}

/// Who may open a socket that asks, and that the kernel leaves the answers to this process.
pub(crate) const SYSCTLS: [(&str, &str); 3] = [
    ("net/ipv4/ping_group_range", "0 2147483647"),
    ("net/ipv4/icmp_echo_ignore_all", "1"),
    ("net/ipv6/icmp/echo_ignore_all", "1"),
];

fn serve(name: &str, socket: &UdpSocket) {
    let mut buffer = [0; 256];
    loop {
        let Ok((size, peer)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(buffer.get(..size).unwrap_or_default(), peer, name) {
            let _ = socket.send_to(&answer, peer);
        }
    }
}

/// The answer to an echo request; nothing to anything else. In IPv4 such a socket reads the IP header too.
fn answer(message: &[u8], peer: SocketAddr, name: &str) -> Option<Vec<u8>> {
    let (message, asked, kind) = match peer.ip() {
        IpAddr::V4(_) => (message.get(usize::from(message.first()? & 0x0f) * 4..)?, &ECHO_V4, 0),
        IpAddr::V6(_) => (message, &ECHO_V6, 129),
    };
    if message.first() != asked.first() {
        return None;
    }
    let mut answer = vec![kind, 0, 0, 0];
    answer.extend(message.get(4..HEADER)?);
    answer.extend(greeting(name, peer).as_bytes());
    // Of ICMPv6 the kernel computes it, over addresses that it alone knows.
    if peer.is_ipv4() {
        let sum = checksum(&answer).to_be_bytes();
        answer.get_mut(2..4)?.copy_from_slice(&sum);
    }
    Some(answer)
}

/// The internet checksum (RFC 1071).
fn checksum(message: &[u8]) -> u16 {
    let words = message.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}
