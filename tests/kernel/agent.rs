//! A process inside one network namespace: it configures, listens and connects on request.
//!
//! The test binary starts itself again as `kernel __agent` under `ip netns exec`. One line of JSON on standard
//! input is one [`Request`]; one line on standard output answers it. The process ends with its standard input,
//! so none outlives the test.

use crate::socket::{Answers, Probe, listen, probe};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

/// The argument that turns the test binary into an agent.
pub(crate) const ARGUMENT: &str = "__agent";

/// What an agent is asked to do in its namespace.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Write `/proc/sys/PATH`; a path that the kernel lacks is an error.
    Sysctl(Vec<(String, String)>),
    /// Run a program with this standard input; a failure answers with its standard error.
    Run {
        /// The program and its arguments.
        command: Vec<String>,
        /// Its standard input.
        input: String,
    },
    /// Wait until every link carries packets. The kernel switches them on some time after they were set up.
    AwaitLinks,
    /// Answer every connection and datagram at these places with the name and the sender's address.
    Listen {
        /// Who answers.
        name: String,
        /// Where, by protocol.
        at: Vec<(Transport, SocketAddr)>,
    },
    /// Open connections, all probes at once, and report what came of each.
    Connect(Vec<Probe>),
}

/// The protocols that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Echo requests of ICMP and ICMPv6; their port is 0.
    Icmp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

/// An agent's reply.
#[derive(Debug, Serialize, Deserialize)]
enum Response {
    /// Done; the program's standard output, where one was run.
    Done(String),
    /// Not done, and why.
    Failed(String),
    /// What came of each probe, in order.
    Answers(Vec<Answers>),
}

/// Why an agent did not do what was asked.
#[derive(Debug)]
pub(crate) struct AgentError {
    namespace: String,
    why: String,
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in namespace {}: {}", self.namespace, self.why.trim_end())
    }
}

impl std::error::Error for AgentError {}

/// The test's end of an agent.
#[derive(Debug)]
pub(crate) struct Agent {
    namespace: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Agent {
    /// Starts this binary as an agent in a namespace that exists.
    pub(crate) fn start(namespace: &str) -> Result<Self, AgentError> {
        let error = |why: &dyn fmt::Display| AgentError { namespace: namespace.into(), why: why.to_string() };
        let binary = std::env::current_exe().map_err(|why| error(&why))?;
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(binary)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| error(&why))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or_else(|| error(&"no standard output"))?;
        Ok(Self { namespace: namespace.into(), child, input, output: BufReader::new(output) })
    }

    fn error(&self, why: &dyn fmt::Display) -> AgentError {
        AgentError { namespace: self.namespace.clone(), why: why.to_string() }
    }

    /// Sends a request without waiting for its answer.
    fn send(&mut self, request: &Request) -> Result<(), AgentError> {
        let mut line = serde_json::to_string(request).map_err(|why| self.error(&why))?;
        line.push('\n');
        let Some(input) = &mut self.input else { return Err(self.error(&"closed")) };
        input.write_all(line.as_bytes()).and_then(|()| input.flush()).map_err(|why| self.error(&why))
    }

    fn receive(&mut self) -> Result<Response, AgentError> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|why| self.error(&why))?;
        serde_json::from_str(&line).map_err(|why| self.error(&format!("{why} in {line:?}")))
    }

    /// Does one thing; gives the standard output of a program that was run.
    pub(crate) fn request(&mut self, request: &Request) -> Result<String, AgentError> {
        self.send(request)?;
        match self.receive()? {
            Response::Done(output) => Ok(output),
            Response::Failed(why) => Err(self.error(&why)),
            Response::Answers(_) => Err(self.error(&"answers to another question")),
        }
    }

    /// Runs a program.
    pub(crate) fn run(&mut self, command: &[&str], input: &str) -> Result<String, AgentError> {
        let command = command.iter().map(ToString::to_string).collect();
        self.request(&Request::Run { command, input: input.into() })
    }

    /// Starts the probes; [`Agent::answers`] waits for them.
    pub(crate) fn start_probes(&mut self, probes: Vec<Probe>) -> Result<(), AgentError> {
        self.send(&Request::Connect(probes))
    }

    /// What came of the probes that were started, in their order.
    pub(crate) fn answers(&mut self) -> Result<Vec<Answers>, AgentError> {
        match self.receive()? {
            Response::Answers(answers) => Ok(answers),
            Response::Failed(why) => Err(self.error(&why)),
            Response::Done(_) => Err(self.error(&"no answers")),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends with its input. An error here means that it is gone already.
        let _ = self.child.wait();
    }
}

/// The agent itself: serves requests until standard input ends.
pub(crate) fn serve() {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let response = match serde_json::from_str(&line) {
            Ok(request) => perform(request),
            Err(why) => Response::Failed(why.to_string()),
        };
        let Ok(line) = serde_json::to_string(&response) else { return };
        let mut output = std::io::stdout().lock();
        if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

fn perform(request: Request) -> Response {
    let result = match request {
        Request::Connect(probes) => return Response::Answers(probe(&probes)),
        Request::Sysctl(values) => sysctl(&values).map(|()| String::new()),
        Request::Run { command, input } => run(&command, &input),
        Request::AwaitLinks => await_links().map(|()| String::new()),
        Request::Listen { name, at } => listen(&name, &at).map(|()| String::new()),
    };
    result.map_or_else(Response::Failed, Response::Done)
}

fn sysctl(values: &[(String, String)]) -> Result<(), String> {
    values.iter().try_for_each(|(path, value)| {
        std::fs::write(format!("/proc/sys/{path}"), value).map_err(|why| format!("sysctl {path}: {why}"))
    })
}

/// How often links are looked at, 10 ms apart.
const LOOKS: usize = 1000;

fn await_links() -> Result<(), String> {
    let pending = || -> Result<Option<String>, String> {
        let links = std::fs::read_dir("/sys/class/net").map_err(|why| why.to_string())?;
        for link in links.flatten().filter(|link| link.file_name() != "lo") {
            let state = std::fs::read_to_string(link.path().join("operstate")).unwrap_or_default();
            if state.trim() != "up" {
                return Ok(Some(format!("link {} is {}", link.file_name().display(), state.trim())));
            }
        }
        Ok(None)
    };
    for _ in 0..LOOKS {
        let done = pending()?.is_none();
        // Also when done: the queue is attached just after the state is set.
        thread::sleep(Duration::from_millis(10));
        if done {
            return Ok(());
        }
    }
    pending()?.map_or(Ok(()), Err)
}

fn run(command: &[String], input: &str) -> Result<String, String> {
    let (program, arguments) = command.split_first().ok_or("no program")?;
    let failed = |why: &dyn fmt::Display| format!("{}: {why}", command.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| failed(&why))?;
    // These programs read all of their input before they print, so writing first cannot block for ever.
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).map_err(|why| failed(&why))?;
    }
    let output = child.wait_with_output().map_err(|why| failed(&why))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(&String::from_utf8_lossy(&output.stderr)))
}
