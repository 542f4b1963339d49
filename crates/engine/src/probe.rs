//! What health probes see: the probe's own packet, walked like any other.

use crate::{
    Cause, RuleRef, Station, Verdict, World,
    alike::{Apart, NodeClass},
    deciding::socket,
    journey::{At, End, Party, Traveller},
    programmed::SHARED_FROM,
    receive::{Listener, protocol},
    survey::{Heard, Survey},
};
use azure::{Member, PROBE_SOURCE, PROBE_SOURCE_V6};
use kubernetes::health::{self, ProxyHealth};
use model::{
    NodeName,
    azure::{Probe, ProbeProtocol},
    kubernetes::IpFamily,
};
use netfilter::Packet;
use serde::Serialize;
use std::{cell::RefCell, collections::BTreeMap, fmt, net::IpAddr, rc::Rc, sync::Arc};
use wire::Wire;

/// What a probe thinks of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Wire)]
pub struct ProbeState {
    /// Whether new connections go there.
    pub up: bool,
    /// What the probe got: `200`, `503`, `connected`, `refused`, `no answer`.
    pub answer: String,
    /// From where, to where, and how it asked; absent without a probe or a known address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<ProbePacket>,
    /// What stopped its packet on the way; absent where the member itself answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// One or two sentences.
    pub why: String,
}

/// A probe's own packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
pub struct ProbePacket {
    /// A handshake, or a GET.
    pub protocol: ProbeProtocol,
    /// 168.63.129.16, or Azure's link-local address of IPv6.
    pub source: IpAddr,
    /// The member's own address, also with floating IP.
    pub destination: IpAddr,
    /// The port.
    pub port: u16,
    /// The path of the GET; empty with TCP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// Where a probe's packet ended before it arrived, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
pub struct Stopped {
    /// Where: a security group, a node.
    pub station: Station,
    /// What became of the packet.
    pub verdict: Verdict,
    /// Why, as a code.
    pub cause: Cause,
    /// The rule that decided, with its name and priority, or the line of iptables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
    /// One sentence.
    pub why: String,
}

/// What is asked of which member: which port, how, and at which address.
type Asked = (u16, ProbeProtocol, Option<IpAddr>);

/// An answer, with the rest of the question: the path, and the member's label. Two load balancers that ask the same
/// get the same answer.
#[derive(Debug, Clone)]
struct Known {
    path: Box<str>,
    label: Arc<str>,
    state: Rc<ProbeState>,
}

/// Probe states, each asked once.
#[derive(Debug, Default)]
pub(crate) struct Probes(RefCell<BTreeMap<Asked, Vec<Known>>>);

impl Probes {
    /// The states of members that are nodes which stayed the same.
    pub(crate) fn of_nodes(&self, stayed: impl Fn(&NodeName) -> bool) -> Self {
        let mut kept = self.0.borrow().clone();
        for known in kept.values_mut() {
            known.retain(|known| stayed(&(&*known.label).into()));
        }
        Self(RefCell::new(kept))
    }
}

/// Asks a probe's members, of which those that are alike to it are asked once.
pub(crate) struct AskedOnce<'a> {
    world: &'a World,
    probe: &'a Probe,
    apart: Option<Apart>,
    known: BTreeMap<(bool, NodeClass), OfClass>,
    /// Whether there are so many endpoints that members are surveyed.
    surveys: bool,
}

/// What is known of the members of one class.
enum OfClass {
    /// Their state.
    Same(Rc<ProbeState>),
    /// What tells the state of each.
    Surveyed(Survey),
    /// Each is asked by itself.
    Each,
}

impl<'a> AskedOnce<'a> {
    pub(crate) fn new(world: &'a World, probe: &'a Probe) -> Self {
        let is_large = |family| world.services(family).most_endpoints() >= SHARED_FROM;
        let surveys =
            world.tells_near_from_far() && [IpFamily::IPv4, IpFamily::IPv6].into_iter().any(is_large);
        Self { world, probe, apart: None, known: BTreeMap::new(), surveys }
    }

    /// The state of a member that is alike: whether it is up and what it answered are the same, the words about it not.
    pub(crate) fn state(&mut self, member: &Member) -> Rc<ProbeState> {
        let (world, probe) = (self.world, self.probe);
        let (Some(node), Some(address)) = (&member.node, member.address) else {
            return world.probed(probe, member);
        };
        let apart = self.apart.get_or_insert_with(|| {
            let packet = Traveller::new(probe_packet(address, probe.port));
            let near = world.tells_near_from_far() && !self.surveys;
            world.apart(&packet, (address, probe.port), near)
        });
        let class = (address.is_ipv4(), apart.class(world.alike(), node));
        let surveys = self.surveys;
        let found = self.known.entry(class).or_insert_with(|| {
            if surveys {
                Survey::of(world, probe, node, address).map_or(OfClass::Each, OfClass::Surveyed)
            } else {
                OfClass::Same(world.probed(probe, member))
            }
        });
        let state = match found {
            OfClass::Same(state) => Some(Rc::clone(state)),
            OfClass::Surveyed(survey) => survey.state(world, probe, member).map(Rc::new),
            OfClass::Each => None,
        };
        state.unwrap_or_else(|| world.probed(probe, member))
    }
}

/// The source port of probes; any will do.
const SOURCE_PORT: u16 = 50_000;

impl World {
    /// What a load balancer's probe thinks of a member. Without a probe, every member counts as up.
    pub fn probe_state(&self, probe: Option<&Probe>, member: &Member) -> ProbeState {
        let Some(probe) = probe else {
            let why = "The rule has no probe: the member always counts as up.".to_owned();
            return ProbeState { up: true, answer: "not probed".to_owned(), why, ..ProbeState::default() };
        };
        ProbeState::clone(&self.probed(probe, member))
    }

    /// What a probe got from each member that is a node. Of members that are alike to it one is asked for all: from where
    /// to where it asked and why, which would be of that one, is left out.
    pub fn probe_answers(&self, probe: &Probe, members: &[Arc<Member>]) -> BTreeMap<NodeName, ProbeState> {
        let mut asked = AskedOnce::new(self, probe);
        let answers = members.iter().filter_map(|member| {
            let state = asked.state(member);
            let answer = ProbeState { up: state.up, answer: state.answer.clone(), ..ProbeState::default() };
            Some((member.node.clone()?, answer))
        });
        order::map(answers)
    }

    /// Whether a probe lets new connections go to a member.
    pub(crate) fn is_up(&self, probe: Option<&Probe>, member: &Member) -> bool {
        probe.is_none_or(|probe| self.probed(probe, member).up)
    }

    fn probed(&self, probe: &Probe, member: &Member) -> Rc<ProbeState> {
        let asked = (probe.port, probe.protocol, member.address);
        let is_meant = |known: &Known| *known.path == *path(probe) && member.is_called(&known.label);
        if let Some(known) =
            self.probes.0.borrow().get(&asked).and_then(|all| all.iter().find(|own| is_meant(own)))
        {
            return Rc::clone(&known.state);
        }
        let state = Rc::new(self.ask(probe, member));
        let known = Known { path: path(probe).into(), label: member.label(), state: Rc::clone(&state) };
        self.probes.0.borrow_mut().entry(asked).or_default().push(known);
        state
    }

    fn ask(&self, probe: &Probe, member: &Member) -> ProbeState {
        let Some(address) = member.address else {
            let why = format!("The address of {} is not known: it is taken as up.", member.label());
            return ProbeState { up: true, answer: "unknown".to_owned(), why, ..ProbeState::default() };
        };
        // Nobody reads the way of a probe that arrives.
        let packet = probe_packet(address, probe.port);
        let mut quietly = Traveller::new(packet);
        quietly.quiet = true;
        let answers: Vec<(Heard, bool)> = self.heard(probe, address, quietly).collect();
        let (up, _) = settled(answers.iter().map(|(heard, _)| heard));
        let settled = answers.into_iter().find(|((_, answer), _)| answer.is_healthy() == up);
        let ((_, answer), arrives) = settled.unwrap_or(((1.0, Answer::None), true));
        let stopped = if arrives { None } else { self.stopped(packet) };
        let asked = ProbePacket {
            protocol: probe.protocol,
            source: packet.source,
            destination: address,
            port: probe.port,
            path: path(probe).to_owned(),
        };
        let mut why = format!("{asked}: {}", answer.sentence());
        if let Some(stopped) = &stopped {
            why.push(' ');
            why.push_str(&stopped.why);
        }
        ProbeState { up, answer: answer.word(), asked: Some(asked), stopped, why }
    }

    /// What ends the way of a probe that does not arrive: its last step.
    fn stopped(&self, packet: Packet) -> Option<Stopped> {
        let walked = self.walk(Traveller::new(packet), At::Fabric);
        walked.into_iter().find_map(|(mut traveller, end)| {
            let End::Failed(verdict, cause) = end else { return None };
            let last = traveller.steps.pop()?;
            Some(Stopped {
                station: last.station,
                verdict,
                cause,
                rule: last.rule,
                why: last.why.to_string(),
            })
        })
    }

    pub(crate) fn answer(&self, probe: &Probe, host: IpAddr, traveller: &Traveller, end: End) -> Answer {
        let party = match end {
            End::Arrived(party) => party,
            End::Failed(Verdict::Rejected | Verdict::Refused, _) => return Answer::Refused,
            End::Failed(..) => return Answer::None,
        };
        let (ip, port) = (traveller.packet.destination, traveller.packet.destination_port);
        let Some(listener) = self.listener(&party, (ip, port), protocol(traveller)) else {
            return Answer::Refused;
        };
        if probe.protocol == ProbeProtocol::Tcp {
            return Answer::Connected(receiver(&party));
        }
        match (&party, listener) {
            (Party::Node(node), Listener::ServiceHealth) => self.service_health(node, port),
            (Party::Node(node), Listener::ProxyHealth) => self.proxy_health(node, path(probe)),
            _ if let Some(reached) = self.controller_at(&party, port, protocol(traveller)) => {
                // The probe's Host header is the member's own address.
                let (status, words) = self.controller_status(&reached, host, path(probe));
                Answer::Status(status, format!("{}: {words}", receiver(&party)))
            }
            _ => Answer::Status(
                200,
                format!(
                    "{} answers (an application is taken to answer its probe path with 200)",
                    receiver(&party)
                ),
            ),
        }
    }

    /// kube-proxy's own server knows two paths. Probes are taken to ask when kube-proxy has synced.
    fn proxy_health(&self, node: &NodeName, path: &str) -> Answer {
        let eligible = health::is_eligible(self.model.nodes.get(node).map(|node| &**node));
        let own = ProxyHealth { proxier_healthy: true, node_eligible: eligible };
        let (status, words) = match path.split('?').next().unwrap_or_default() {
            "/healthz" => (
                own.healthz(&[], "", "").status,
                format!("the node is {}", if eligible { "healthy" } else { "leaving" }),
            ),
            "/livez" => (own.livez(&[], "", "").status, "kube-proxy works".to_owned()),
            _ => (404, "there is nothing but /healthz and /livez".to_owned()),
        };
        Answer::Status(status, format!("kube-proxy on {node} says that {words}"))
    }

    fn service_health(&self, node: &NodeName, port: u16) -> Answer {
        let Some((key, _)) = self.checked_on(port) else { return Answer::Refused };
        let count = self.local_ready_endpoints(key, node);
        let status = health::service_health(key, count, true).status;
        let words = match count {
            0 => format!("kube-proxy on {node} knows no ready endpoint of {key} on this node"),
            1 => format!("kube-proxy on {node} knows one ready endpoint of {key} on this node"),
            _ => format!("kube-proxy on {node} knows {count} ready endpoints of {key} on this node"),
        };
        Answer::Status(status, words)
    }
}

impl fmt::Display for ProbePacket {
    /// `Http from 168.63.129.16 to 10.224.0.4:32100/healthz`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = socket(self.destination, self.port);
        write!(f, "{} from {} to {to}{}", self.protocol, self.source, self.path)
    }
}

/// Whether a member counts as up, and the first answer that says so. An answer that only some branches give makes a
/// probe flap; the settled state is the likelier one.
pub(crate) fn settled<'a>(heard: impl Iterator<Item = &'a Heard> + Clone) -> (bool, Option<&'a Answer>) {
    let mut answers = heard.clone().map(|(_, answer)| answer);
    let healthy: f64 = heard.filter(|(_, answer)| answer.is_healthy()).map(|(share, _)| share).sum();
    let up = healthy >= 0.5;
    (up, answers.find(|answer| answer.is_healthy() == up))
}

/// The first packet of a probe.
pub(crate) fn probe_packet(address: IpAddr, port: u16) -> Packet {
    Packet {
        protocol: netfilter::Protocol::Tcp,
        source: if address.is_ipv4() { PROBE_SOURCE } else { PROBE_SOURCE_V6 },
        source_port: SOURCE_PORT,
        destination: address,
        destination_port: port,
        mark: 0,
    }
}

/// What a probe got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A TCP handshake, with whom.
    Connected(String),
    /// An HTTP status, and who gave it and why.
    Status(u16, String),
    /// A reset, or an ICMP error.
    Refused,
    /// Silence.
    None,
}

impl Answer {
    /// TCP: a handshake. HTTP: 200 and nothing else.
    fn is_healthy(&self) -> bool {
        matches!(self, Self::Connected(_) | Self::Status(200, _))
    }

    pub(crate) fn word(&self) -> String {
        match self {
            Self::Connected(_) => "connected".to_owned(),
            Self::Status(status, _) => status.to_string(),
            Self::Refused => "refused".to_owned(),
            Self::None => "no answer".to_owned(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Connected(whom) => format!("connected; {whom} took the connection."),
            Self::Status(status, words) => format!("{status}; {words}."),
            Self::Refused => "refused at once.".to_owned(),
            Self::None => "no answer.".to_owned(),
        }
    }
}

fn receiver(party: &Party) -> String {
    match party {
        Party::Pod(key) => format!("pod {key}"),
        Party::Node(name) => name.to_string(),
        Party::Internet(ip) | Party::Vm(ip) | Party::Endpoint(ip) => ip.to_string(),
        Party::OnPremises(ip) => ip.to_string(),
        Party::AzureService { account, .. } => account.clone(),
        Party::Platform => "Azure's platform".to_owned(),
        Party::Metadata => "the instance metadata service".to_owned(),
    }
}

fn path(probe: &Probe) -> &str {
    probe.request_path.as_deref().filter(|_| probe.protocol != ProbeProtocol::Tcp).unwrap_or_default()
}
