//! Real sockets: a server that says who it is and whom it saw, and a client that says what it got.

use crate::{agent::Transport, ping};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// What one connection attempt came to, as its client sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A server answered.
    Answered {
        /// The server's name.
        by: String,
        /// The client's address as the server saw it.
        source: IpAddr,
    },
    /// `ECONNREFUSED`: a TCP RST, or an ICMP "port unreachable". A client cannot tell which.
    Refused,
    /// `EHOSTUNREACH` or `ENETUNREACH`: an ICMP error of another kind, or no route from here.
    Unreachable,
    /// Nothing came in time.
    Silence,
    /// Anything else, which no outcome of the engine stands for.
    Other(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { by, source } => write!(f, "{by} saw {source}"),
            Self::Refused => f.write_str("refused"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Silence => f.write_str("silence"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Connections to one destination.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// The protocol.
    pub(crate) transport: Transport,
    /// Where to.
    pub(crate) to: SocketAddr,
    /// Source addresses to use in turn; empty leaves the choice to the kernel.
    pub(crate) from: Vec<IpAddr>,
    /// How many clients there are.
    pub(crate) clients: usize,
    /// How many connections each client opens, one after the other; a failed one ends its client.
    pub(crate) repeat: usize,
    /// Type of service (IPv6: traffic class) of what is sent: it picks the load balancer's choice.
    pub(crate) tos: u8,
    /// How long silence is waited for.
    pub(crate) patience_ms: u64,
}

/// Most clients that one namespace runs at a time.
const WORKERS: usize = 64;

/// The answers that each client of a probe got, in client order.
pub(crate) type Answers = Vec<Vec<Answer>>;

/// Runs the probes, many clients at a time.
pub(crate) fn probe(probes: &[Probe]) -> Vec<Answers> {
    let jobs: Vec<(usize, usize)> = (0..)
        .zip(probes)
        .flat_map(|(at, probe)| (0..probe.clients).map(move |client| (at, client)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&(at, client)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(probe) = probes.get(at) {
                done.push(((at, client), client_answers(probe, client)));
            }
        }
        done
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS.min(jobs.len())).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    done.sort_unstable_by_key(|(job, _)| *job);
    let mut answers = vec![Vec::new(); probes.len()];
    for ((at, _), of_client) in done {
        if let Some(all) = answers.get_mut(at) {
            all.push(of_client);
        }
    }
    answers
}

fn client_answers(probe: &Probe, client: usize) -> Vec<Answer> {
    let from = (!probe.from.is_empty()).then(|| probe.from.get(client % probe.from.len())).flatten();
    let mut answers = Vec::new();
    for _ in 0..probe.repeat {
        let answer = connect(probe, from.copied()).unwrap_or_else(|error| classify(&error));
        let go_on = matches!(answer, Answer::Answered { .. });
        answers.push(answer);
        if !go_on {
            break;
        }
    }
    answers
}

fn connect(probe: &Probe, from: Option<IpAddr>) -> io::Result<Answer> {
    let patience = Duration::from_millis(probe.patience_ms);
    let domain = Domain::for_address(probe.to);
    let socket = match probe.transport {
        Transport::Tcp => Socket::new(domain, Type::STREAM, None)?,
        Transport::Udp => Socket::new(domain, Type::DGRAM, None)?,
        Transport::Icmp => ping::asking(probe.to.ip())?,
    };
    if probe.to.is_ipv4() {
        socket.set_tos_v4(probe.tos.into())?;
    } else {
        socket.set_tclass_v6(probe.tos.into())?;
    }
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&probe.to.into(), patience)?;
    socket.set_read_timeout(Some(patience))?;
    let mut text = String::new();
    match probe.transport {
        Transport::Tcp => {
            // A server that is connected to and then silent is none of the engine's outcomes.
            if let Err(error) = TcpStream::from(socket).read_to_string(&mut text) {
                return Ok(Answer::Other(format!("connected, then {error}")));
            }
        }
        Transport::Udp => text = words(&ask(&UdpSocket::from(socket), b"?", patience)?),
        Transport::Icmp => {
            let echo = if probe.to.is_ipv4() { ping::ECHO_V4 } else { ping::ECHO_V6 };
            text = words(ping::said(&ask(&UdpSocket::from(socket), &echo, patience)?));
        }
    }
    let parsed = text.split_once('|').and_then(|(by, source)| Some((by.to_owned(), source.parse().ok()?)));
    Ok(match parsed {
        Some((by, source)) => Answer::Answered { by, source },
        None => Answer::Other(format!("an answer that says {text:?}")),
    })
}

fn words(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

/// How often a datagram is sent before silence is believed: a busy server loses some.
const ATTEMPTS: u32 = 4;

/// Sends a datagram until something answers.
fn ask(socket: &UdpSocket, question: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    socket.set_read_timeout(Some(patience / ATTEMPTS))?;
    let mut buffer = [0; 256];
    let mut last = ErrorKind::TimedOut.into();
    for _ in 0..ATTEMPTS {
        // A rule of the sender's own host that drops or rejects makes `send` fail. Only what comes back tells which.
        match socket.send(question) {
            Err(error) if error.kind() != ErrorKind::PermissionDenied => return Err(error),
            Ok(_) | Err(_) => {}
        }
        match socket.recv(&mut buffer) {
            Ok(size) => {
                return Ok(buffer.get(..size).unwrap_or_default().to_vec());
            }
            Err(error) => last = error,
        }
        if !matches!(last.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) {
            break;
        }
    }
    Err(last)
}

fn classify(error: &io::Error) -> Answer {
    match error.kind() {
        ErrorKind::ConnectionRefused => Answer::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Answer::Unreachable,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Answer::Silence,
        _ => Answer::Other(error.to_string()),
    }
}

/// Opens the sockets and serves them from threads of their own until the process ends.
pub(crate) fn listen(name: &str, at: &[(Transport, SocketAddr)]) -> Result<(), String> {
    for &(transport, address) in at {
        let failed = |error: io::Error| format!("listen at {transport} {address}: {error}");
        let name = name.to_owned();
        match transport {
            Transport::Tcp => {
                let listener = bind_tcp(address).map_err(failed)?;
                thread::spawn(move || serve_tcp(&name, &listener));
            }
            Transport::Udp => {
                let socket = UdpSocket::bind(address).map_err(failed)?;
                thread::spawn(move || serve_udp(&name, &socket));
            }
            Transport::Icmp => ping::listen(&name, address.ip())?,
        }
    }
    Ok(())
}

/// How many connections wait to be accepted: every client of every host at once. What finds the queue full is dropped,
/// and tries again after a second.
const BACKLOG: i32 = 4096;

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What a server says: who it is, and whom it saw.
pub(crate) fn greeting(name: &str, peer: SocketAddr) -> String {
    format!("{name}|{}", peer.ip().to_canonical())
}

fn serve_tcp(name: &str, listener: &TcpListener) {
    loop {
        // A client that went away before it was greeted is no concern of the server.
        if let Ok((mut stream, peer)) = listener.accept() {
            let _ = stream.write_all(greeting(name, peer).as_bytes());
        }
    }
}

fn serve_udp(name: &str, socket: &UdpSocket) {
    let mut buffer = [0; 16];
    loop {
        if let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(greeting(name, peer).as_bytes(), peer);
        }
    }
}
