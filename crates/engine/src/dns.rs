//! A name is resolved before anything is sent: by CoreDNS for pods, by Azure DNS for nodes and VMs and
//! behind CoreDNS, by the internet's DNS for everyone else.

use crate::{
    Action, Assumption, AssumptionCode, Cause, Component, FlowError, FlowSummary, Header, NearMiss, Owner,
    PathOutcome, Paths, RuleRef, Station, StationKind, Step, Verdict, World,
    answer::{Asked, Branch, Question, likelier_first},
    journey::{End, Party, Traveller, plain},
    receive::Listener,
    state::Effects,
};
use azure::{
    dns::{self, Data, Record, Resolver},
    surroundings::{Location, home, locate},
};
use kubernetes::{
    cluster_dns::{self, ClusterAnswer},
    ingress::{Wildcard, host_rank},
    ingress_nginx::Controller,
};
use model::{Key, Kind, ObjectRef, kubernetes::Protocol};
use netfilter::Packet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

/// The port of DNS.
const PORT: u16 = 53;
/// The station of the cluster DNS.
const CORE_DNS: &str = "CoreDNS";
/// The source port of traced questions.
const SOURCE_PORT: u16 = 33053;
/// AKS's address of the cluster DNS, where nothing gives another.
const CLUSTER_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));
/// Stands for whatever resolver a host on the internet has.
const PUBLIC_DNS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Who answers: the station's name, who owns it, its address.
type Server = (&'static str, Owner, IpAddr);
const AZURE_DNS: Server = ("Azure DNS", Owner::Azure, azure::PROBE_SOURCE);
const PUBLIC: Server = ("public DNS", Owner::Client, PUBLIC_DNS);

/// At most so many names of a search path are told.
const MOST_MISSES: usize = 5;

/// What became of a name.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// Who was asked and what they said.
    pub(crate) steps: Vec<Step>,
    /// The addresses; none where it failed.
    pub(crate) addresses: Vec<IpAddr>,
    /// Why there are none.
    failure: Option<(Verdict, Cause)>,
    codes: BTreeSet<AssumptionCode>,
}

/// Asks one after the other and remembers what they said.
struct Asking<'w> {
    world: &'w World,
    header: Header,
    resolution: Resolution,
    /// Names asked for so far, against circles.
    asked: BTreeSet<String>,
}

impl World {
    /// Every branch of a flow to a name: first the name, then the flow to each of its addresses.
    pub(crate) fn branches_by_name(&self, question: &Question<'_>, name: &str) -> Result<Asked, FlowError> {
        let flow = question.flow;
        let (sender, sources) = self.sender(&flow.from)?;
        let source = sources.iter().find(|ip| ip.is_ipv4()).or(sources.first()).copied();
        let source = source.ok_or_else(|| FlowError::NoAddress(flow.from.to_string()))?;
        let resolution = self.look_up(name, &sender, source);
        let usable: Vec<IpAddr> = resolution
            .addresses
            .iter()
            .copied()
            .filter(|ip| sources.iter().any(|source| source.is_ipv4() == ip.is_ipv4()))
            .collect();
        let summary = |destination| FlowSummary {
            from: flow.from.to_string().into(),
            source,
            to: format!("{name}:{}", flow.port).into(),
            destination,
            port: flow.port,
            protocol: flow.protocol.lower(),
        };
        let own = resolution.codes.iter().copied().map(Assumption::from);
        if usable.is_empty() {
            let (verdict, cause) = resolution.failure.unwrap_or((Verdict::Unreachable, Cause::NameNotFound));
            let outcome = PathOutcome {
                probability: 1.0,
                verdict,
                cause: Some(cause),
                endpoint: None,
                node: None,
                count: 1,
                source_seen: None,
                steps: resolution.steps,
                reply: None,
            };
            let paths =
                Paths { flow: summary(PUBLIC_DNS), assumptions: own.collect(), outcomes: vec![outcome] };
            return Ok(Asked { paths, effects: vec![Effects::default()] });
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 addresses")]
        let share = 1.0 / usable.len() as f64;
        let mut codes = resolution.codes.clone();
        let mut branches: Vec<Branch> = Vec::new();
        let mut seen_source = source;
        let drawn = question.branching.draw(usable.len());
        let meant = drawn.map_or(usable.as_slice(), |drawn| usable.get(drawn..=drawn).unwrap_or_default());
        for address in meant {
            let mut sub = flow.clone();
            sub.to = crate::Place::Ip(*address);
            sub.host.get_or_insert_with(|| name.trim_end_matches('.').to_owned());
            let follow = question.follow.after(&resolution.steps);
            let Asked { paths, effects } =
                self.branches(&Question { flow: &sub, follow, ..question.clone() })?;
            seen_source = paths.flow.source;
            codes.extend(paths.assumptions.iter().map(|one| one.code));
            branches.extend(paths.outcomes.into_iter().zip(effects).map(|(mut outcome, effects)| {
                outcome.probability *= share;
                outcome.steps.splice(0..0, resolution.steps.iter().cloned());
                (outcome, effects)
            }));
        }
        order::sort_by(&mut branches, likelier_first);
        let (outcomes, effects) = branches.into_iter().unzip();
        let mut flow = summary(usable.first().copied().unwrap_or(PUBLIC_DNS));
        flow.source = seen_source;
        let assumptions = codes.into_iter().map(Assumption::from).collect();
        let paths = Paths { flow, assumptions, outcomes };
        Ok(Asked { paths, effects })
    }

    /// Resolves a name as a party's own resolver does.
    pub(crate) fn look_up(&self, name: &str, sender: &Party, source: IpAddr) -> Resolution {
        let question = Packet {
            protocol: netfilter::Protocol::Udp,
            source,
            source_port: SOURCE_PORT,
            destination: PUBLIC_DNS,
            destination_port: PORT,
            mark: 0,
        };
        let mut asking = Asking {
            world: self,
            header: question.into(),
            resolution: Resolution::default(),
            asked: BTreeSet::new(),
        };
        match sender {
            Party::Pod(key) => asking.by_pod(name, key, question),
            Party::Endpoint(_) => asking.by_cluster(name, "default"),
            Party::Node(_) => {
                let network = home(&self.model).map(|network| network.name.as_str());
                asking.by_azure(name, network);
            }
            Party::Vm(ip) => {
                let network = match locate(&self.model, *ip) {
                    Location::Network(network, _) => Some(network.name.as_str()),
                    Location::OnPremises(_) | Location::Elsewhere => {
                        home(&self.model).map(|network| network.name.as_str())
                    }
                };
                asking.by_azure(name, network);
            }
            Party::OnPremises(_) => asking.from_premises(name),
            Party::Internet(_) | Party::Platform | Party::AzureService { .. } => asking.by_public(name),
        }
        asking.resolution
    }

    /// The frontends of the controllers that serve an Ingress with this host.
    fn ingress_frontends(&self, name: &str) -> Vec<IpAddr> {
        let serves = |controller: &Controller| {
            controller.ingresses(&self.model).any(|(_, ingress)| {
                let mut hosts = ingress.spec.rules.iter().map(|rule| rule.host.as_str());
                hosts.any(|host| !host.is_empty() && host_rank(host, name, Wildcard::OneLabel).is_some())
            })
        };
        let mut frontends = BTreeSet::new();
        for pod in self.model.pods.values() {
            if !Controller::of(&self.model, pod).is_some_and(|controller| serves(&controller)) {
                continue;
            }
            for (key, service) in &self.model.services {
                let selects = !service.spec.selector.is_empty()
                    && key.namespace == pod.metadata.key().namespace
                    && service
                        .spec
                        .selector
                        .iter()
                        .all(|(key, value)| pod.metadata.label(key) == Some(value));
                let own = service.status.load_balancer.ingress.iter().filter(|_| selects);
                frontends.extend(own.filter_map(|own| own.ip.parse::<IpAddr>().ok()));
            }
        }
        frontends.into_iter().collect()
    }

    /// The address of the cluster DNS.
    fn cluster_dns(&self) -> IpAddr {
        let profile = self.model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
        let given = profile.and_then(|profile| profile.dns_service_ip.as_deref()?.parse().ok());
        let service = self.model.services.get(&Key::new(cluster_dns::SERVICE.0, cluster_dns::SERVICE.1));
        let of_service = service.and_then(|service| cluster_dns::cluster_ips(service).first().copied());
        of_service.or(given).unwrap_or(CLUSTER_DNS)
    }
}

impl Asking<'_> {
    fn say(&mut self, (station, owner, server): Server, why: String) {
        self.say_with(station, owner, server, why, None, Vec::new());
    }

    fn say_with(
        &mut self,
        station: &str,
        owner: Owner,
        server: IpAddr,
        why: String,
        rule: Option<RuleRef>,
        mut near_misses: Vec<NearMiss>,
    ) {
        near_misses.truncate(MOST_MISSES);
        self.header.destination = server;
        let step =
            plain(Station::new(StationKind::Dns, station), Component::Dns, owner, Action::Resolve, why);
        self.resolution.steps.push(Step {
            before: self.header,
            after: self.header,
            rule,
            near_misses: near_misses.into(),
            ..step
        });
    }

    fn fail(&mut self, verdict: Verdict, cause: Cause) {
        self.resolution.failure = Some((verdict, cause));
    }

    /// A pod asks the cluster DNS. The question is a packet like any other, and may not arrive.
    fn by_pod(&mut self, name: &str, pod: &Key, mut question: Packet) {
        let world = self.world;
        let server = world.cluster_dns();
        let service = Key::new(cluster_dns::SERVICE.0, cluster_dns::SERVICE.1);
        if world.model.services.contains_key(&service) {
            question.destination = server;
            let party = Party::Pod(pod.clone());
            let at = world.departure(&party, question.source);
            let ends = world.walk(Traveller::new(question), at);
            let arrives = |end: &End, port| match end {
                End::Arrived(party) => {
                    world.listener(party, (question.destination, port), Protocol::Udp)
                        == Some(Listener::Application)
                }
                End::Failed(..) => false,
            };
            let arrived = ends.iter().any(|(traveller, end)| arrives(end, traveller.packet.destination_port));
            if !arrived && let Some((mut traveller, end)) = ends.into_iter().next() {
                let why =
                    format!("Pod {pod} asks the cluster DNS, {server}, for {name}, and gets no answer:");
                self.say((CORE_DNS, Owner::Workload, server), why);
                self.resolution.steps.append(&mut traveller.steps);
                match end {
                    End::Failed(verdict, cause) => self.fail(verdict, cause),
                    End::Arrived(_) => self.fail(Verdict::Refused, Cause::NoListener),
                }
                return;
            }
        } else {
            self.resolution.codes.insert(AssumptionCode::ClusterDnsAnswers);
        }
        self.by_cluster(name, &pod.namespace);
    }

    /// CoreDNS goes through the names that the search path makes.
    fn by_cluster(&mut self, name: &str, namespace: &str) {
        let server = self.world.cluster_dns();
        let questions = cluster_dns::questions(name, namespace);
        let mut misses: Vec<NearMiss> = Vec::new();
        for question in &questions {
            let miss = |place: &str, failed: &str| NearMiss {
                rule: RuleRef { place: place.to_owned().into(), text: question.clone().into(), object: None },
                failed: failed.to_owned(),
            };
            if cluster_dns::is_own(question) {
                if cluster_dns::lookup(&self.world.model, question) == ClusterAnswer::NxDomain {
                    misses.push(miss("search path", "NXDOMAIN: the cluster has no such name"));
                    continue;
                }
                return self.own_name(question, name, misses);
            }
            let network = home(&self.world.model).map(|network| network.name.as_str());
            let records = self.upstream(question, Resolver::Azure(network));
            if dns::addresses(&records).is_empty() && questions.last() != Some(question) {
                misses.push(miss("Azure DNS", "no address"));
                continue;
            }
            let why = format!(
                "{question} is no name of the cluster: CoreDNS passes the question on to Azure DNS, as its own node does."
            );
            self.say_with(CORE_DNS, Owner::Workload, server, why, None, misses);
            return self.tell(&records, AZURE_DNS);
        }
        let why =
            format!("CoreDNS knows no {name}: NXDOMAIN for every name that the search path makes of it.");
        self.say_with(CORE_DNS, Owner::Workload, server, why, None, misses);
        self.fail(Verdict::Unreachable, Cause::NameNotFound);
    }

    /// A name that CoreDNS answers itself.
    fn own_name(&mut self, full: &str, asked: &str, misses: Vec<NearMiss>) {
        let server = self.world.cluster_dns();
        let completed = if full == asked.trim_end_matches('.') {
            full.to_owned()
        } else {
            format!("{full} (the search path made it of {asked})")
        };
        let (service, why, addresses, alias) = match cluster_dns::lookup(&self.world.model, full) {
            ClusterAnswer::Service(key, ips) => {
                let why = format!(
                    "CoreDNS answers {completed} with {}, the cluster IP of Service {key}.",
                    list(&ips)
                );
                (Some(key), why, ips, None)
            }
            ClusterAnswer::Endpoints(key, ips) => {
                let why = format!(
                    "Service {key} is headless: CoreDNS answers {completed} with the ready pods themselves, {}.",
                    list(&ips)
                );
                (Some(key), why, ips, None)
            }
            ClusterAnswer::Alias(key, target) => {
                let why = format!(
                    "Service {key} is of type ExternalName: CoreDNS answers {completed} with CNAME {target}."
                );
                (Some(key), why, Vec::new(), Some(target))
            }
            ClusterAnswer::Pod(ip) => {
                (None, format!("CoreDNS answers {completed} with {ip}."), vec![ip], None)
            }
            ClusterAnswer::NxDomain => {
                (None, format!("CoreDNS knows no {completed}: NXDOMAIN."), Vec::new(), None)
            }
        };
        let rule = service.map(|key| RuleRef {
            place: "zone cluster.local".into(),
            text: full.to_owned().into(),
            object: Some(ObjectRef::namespaced(Kind::Service, &key)),
        });
        self.say_with(CORE_DNS, Owner::Workload, server, why, rule, misses);
        self.resolution.addresses = addresses;
        let Some(target) = alias else {
            if self.resolution.addresses.is_empty() {
                self.fail(Verdict::Unreachable, Cause::NameNotFound);
            }
            return;
        };
        if !self.asked.insert(target.clone()) {
            self.in_a_circle(&target, (CORE_DNS, Owner::Workload, server));
        } else if cluster_dns::is_own(&target) {
            self.own_name(&target, &target, Vec::new());
        } else {
            let network = home(&self.world.model).map(|network| network.name.as_str());
            let records = self.upstream(&target, Resolver::Azure(network));
            self.tell(&records, AZURE_DNS);
        }
    }

    fn in_a_circle(&mut self, name: &str, server: Server) {
        let why = format!(
            "{name} was asked for before: the names go in a circle, and the resolver gives up (SERVFAIL)."
        );
        self.say(server, why);
        self.fail(Verdict::Looped, Cause::CnameLoop);
    }

    fn by_azure(&mut self, name: &str, network: Option<&str>) {
        let records = self.upstream(name, Resolver::Azure(network));
        self.tell(&records, AZURE_DNS);
        if self.resolution.addresses.is_empty() && cluster_dns::is_own(name.trim_end_matches('.')) {
            let why =
                "Names of the cluster exist in CoreDNS only, and nodes and VMs do not ask it.".to_owned();
            self.say(AZURE_DNS, why);
        }
    }

    /// On premises the own DNS server passes names of Azure on only where there is a resolver to pass them to.
    fn from_premises(&mut self, name: &str) {
        let resolver = self.world.model.dns_resolvers.values().next();
        let network = resolver.and_then(|own| own.virtual_network.as_ref()?.id.segment("virtualNetworks"));
        let (Some(resolver), Some(network)) = (resolver, network) else {
            self.resolution.codes.insert(AssumptionCode::OnPremisesDns);
            return self.by_public(name);
        };
        let why = format!(
            "The DNS server on premises passes the question on to the resolver {}, which asks in place of {network}.",
            resolver.name
        );
        let object = ObjectRef::cluster_scoped(Kind::DnsResolver, &resolver.name);
        let rule =
            RuleRef { place: "DNS resolver".into(), text: network.to_owned().into(), object: Some(object) };
        self.say_with("DNS on premises", Owner::Client, PUBLIC_DNS, why, Some(rule), Vec::new());
        self.by_azure(name, Some(network));
    }

    fn by_public(&mut self, name: &str) {
        let records = self.upstream(name, Resolver::Public);
        self.tell(&records, PUBLIC);
    }

    /// The chain of a name, with the hosts of Ingresses in the internet's DNS.
    fn upstream(&mut self, name: &str, resolver: Resolver<'_>) -> Vec<Record> {
        let mut records = dns::lookup(&self.world.model, name, resolver);
        if let Some(last) =
            records.last_mut().filter(|last| last.data == Data::NxDomain && last.zone.is_none())
        {
            let frontends = self.world.ingress_frontends(&last.name);
            if !frontends.is_empty() {
                last.data = Data::A(frontends);
                self.resolution.codes.insert(AssumptionCode::IngressHostInDns);
            }
        }
        records
    }

    /// One step for each record.
    fn tell(&mut self, records: &[Record], server: Server) {
        for record in records {
            let by = match &record.zone {
                Some(zone) => format!("the private zone {zone}, which is linked to the network"),
                None if server == PUBLIC => "the internet's DNS".to_owned(),
                None => "the internet's DNS, which Azure DNS asks".to_owned(),
            };
            let why = match &record.data {
                Data::A(ips) if ips.is_empty() => format!("{} has no address in {by}.", record.name),
                Data::A(ips) => format!("{} is {}, says {by}.", record.name, list(ips)),
                Data::Cname(target) => format!("{} is another name of {target}, says {by}.", record.name),
                Data::NxDomain if record.zone.is_some() => format!(
                    "In {by}, there is no {}: NXDOMAIN. The internet is not asked, though it may know the name.",
                    record.name
                ),
                Data::NxDomain => format!("{} does not exist, says {by}: NXDOMAIN.", record.name),
                Data::Loop => {
                    self.in_a_circle(&record.name, server);
                    return;
                }
            };
            let object =
                record.zone.as_ref().map(|zone| ObjectRef::cluster_scoped(Kind::PrivateDnsZone, zone));
            let place = match &record.zone {
                Some(zone) => format!("private DNS zone {zone}"),
                None => "public DNS".to_owned(),
            };
            let rule = RuleRef { place: place.into(), text: record.to_string().into(), object };
            let (station, owner, address) = server;
            self.say_with(station, owner, address, why, Some(rule), Vec::new());
        }
        let addresses = dns::addresses(records);
        self.resolution.addresses = addresses.to_vec();
        if addresses.is_empty() {
            self.fail(Verdict::Unreachable, Cause::NameNotFound);
        }
    }
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
