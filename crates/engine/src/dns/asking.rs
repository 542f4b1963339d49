//! Asking one after the other, and telling what they say.

use super::{
    PUBLIC_DNS, Resolution,
    servers::{Asker, Server},
};
use crate::{
    Action, AssumptionCode, Cause, Component, Header, NearMiss, Owner, RuleRef, Station, StationKind, Step,
    Verdict, World,
    journey::{plain, station_of},
    topology::AddressOwner,
};
use azure::{
    dns::{self, Data, Record, Resolver},
    surroundings::home,
};
use kubernetes::{cluster_dns, resolv_conf::ResolvConf};
use model::{
    Kind, ObjectRef,
    azure::VirtualNetwork,
    kubernetes::{DnsPolicy, Pod},
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Stand for the addresses of a name of the internet (RFC 5737, RFC 3849: for documentation).
const SOMEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// At most so many names of a search path are told.
const MOST_MISSES: usize = 5;

/// Asks one after the other and remembers what they said.
pub(super) struct Asking<'w> {
    pub(super) world: &'w World,
    header: Header,
    pub(super) resolution: Resolution,
    /// Names asked for so far, against circles.
    pub(super) asked: BTreeSet<String>,
}

/// What is said of a step beside its words.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) rule: Option<RuleRef>,
    pub(super) misses: Vec<NearMiss>,
}

impl<'w> Asking<'w> {
    pub(super) fn new(world: &'w World, header: Header) -> Self {
        Self { world, header, resolution: Resolution::default(), asked: BTreeSet::new() }
    }

    pub(super) fn say(&mut self, server: Server<'_>, why: String) {
        self.say_with(server, why, Shown::default());
    }

    pub(super) fn say_with(&mut self, server: Server<'_>, why: String, shown: Shown) {
        self.say_at(&server.station(), server.owner(), server.address(), why, shown);
    }

    fn say_at(&mut self, station: &str, owner: Owner, server: IpAddr, why: String, shown: Shown) {
        let Shown { rule, mut misses } = shown;
        misses.truncate(MOST_MISSES);
        self.header.destination = server;
        let step =
            plain(Station::new(StationKind::Dns, station), Component::Dns, owner, Action::Resolve, why);
        self.resolution.steps.push(Step {
            before: self.header,
            after: self.header,
            rule,
            near_misses: misses.into(),
            ..step
        });
    }

    pub(super) fn fail(&mut self, verdict: Verdict, cause: Cause) {
        self.resolution.failure = Some((verdict, cause));
    }

    /// A pod asks whom its policy says.
    pub(super) fn by_pod(&mut self, name: &str, pod: &Pod, asker: &Asker) {
        let world = self.world;
        let network = home(&world.model);
        let conf = ResolvConf::of_pod(pod, world.cluster_dns(), ResolvConf::of_host(dns::servers(network)));
        let spec = &pod.spec;
        let policy = spec.dns_policy.unwrap_or_default();
        if spec.host_network || policy != DnsPolicy::ClusterFirst {
            let key = pod.metadata.key();
            let why = match policy {
                DnsPolicy::ClusterFirst => {
                    format!(
                        "Pod {key} is on its node's network, where dnsPolicy ClusterFirst means the DNS servers of the node."
                    )
                }
                DnsPolicy::ClusterFirstWithHostNet => {
                    format!("Pod {key} asks the cluster DNS, says its dnsPolicy.")
                }
                DnsPolicy::Default => format!(
                    "Pod {key} asks the DNS servers of its node, says its dnsPolicy, and not the cluster DNS."
                ),
                DnsPolicy::None => format!(
                    "Pod {key} asks the DNS servers of its dnsConfig, says its dnsPolicy, and no others."
                ),
            };
            let rule = RuleRef {
                place: "resolv.conf".into(),
                text: text_of(&conf).into(),
                object: Some(ObjectRef::namespaced(Kind::Pod, &key)),
            };
            let server = conf.servers.first().map_or(PUBLIC_DNS, |ip| *ip);
            let station = station_of(&asker.party);
            self.say_at(
                &station.name,
                Owner::Workload,
                server,
                why,
                Shown { rule: Some(rule), ..Shown::default() },
            );
        }
        let words = format!("Pod {}", pod.metadata.key());
        self.ask(name, &conf, asker, &words, network);
    }

    /// A node or a VM asks the servers of its network.
    pub(super) fn by_host(&mut self, name: &str, network: Option<&VirtualNetwork>, asker: &Asker) {
        let conf = ResolvConf::of_host(dns::servers(network));
        let words = station_of(&asker.party).name.to_string();
        self.ask(name, &conf, asker, &words, network);
    }

    /// Asks the servers in order until one answers.
    fn ask(
        &mut self,
        name: &str,
        conf: &ResolvConf,
        asker: &Asker,
        words: &str,
        network: Option<&VirtualNetwork>,
    ) {
        let world = self.world;
        for ip in &conf.servers {
            let server = world.server_at(*ip);
            let what = match server {
                Server::Cluster(ip) => format!("the cluster DNS, {ip},"),
                _ => format!("the DNS server {ip}"),
            };
            match server {
                // Azure's platform answers on every host.
                Server::Azure => {}
                Server::Cluster(_) if !world.model.services.contains_key(&world.dns_service()) => {
                    self.resolution.codes.insert(AssumptionCode::ClusterDnsAnswers);
                }
                _ => {
                    if let Err(mut lost) = world.question(asker, *ip) {
                        self.say(server, format!("{words} asks {what} for {name}, and gets no answer:"));
                        self.resolution.steps.append(&mut lost.steps);
                        self.fail(lost.verdict, lost.cause);
                        continue;
                    }
                }
            }
            self.resolution.failure = None;
            let questions = conf.questions(name);
            return match server {
                Server::Cluster(_) => self.by_cluster(name, &questions),
                _ => {
                    self.introduce(server, network, &format!("{words} asks"));
                    self.by_server(name, &questions, server, network);
                }
            };
        }
        if conf.servers.is_empty() {
            let server = Server::Public(PUBLIC_DNS);
            self.say(
                server,
                format!("{words} has no DNS server to ask for {name}: its dnsConfig names none."),
            );
            self.fail(Verdict::Unreachable, Cause::NameNotFound);
        }
    }

    /// Says who a server is, where it is not Azure DNS.
    pub(super) fn introduce(&mut self, server: Server<'_>, network: Option<&VirtualNetwork>, asks: &str) {
        let ip = server.address();
        let given = network.filter(|network| {
            network.dhcp_options.dns_servers.iter().any(|own| own.parse().is_ok_and(|own: IpAddr| own == ip))
        });
        let of = given.map(|network| format!(", a DNS server of virtual network {}", network.name));
        let of = of.unwrap_or_default();
        let why = match server {
            Server::Cluster(_) => return,
            Server::Azure if given.is_none() => return,
            Server::Azure => format!("{asks} {ip}{of}: Azure DNS."),
            Server::Resolver(_, resolver, place) => format!(
                "{asks} {ip}{of}: there the resolver {} takes the question, and asks Azure DNS in place of {place}.",
                resolver.name
            ),
            Server::Premises(_) => format!("{asks} {ip}{of}, which is on premises."),
            Server::Own(_) => {
                self.resolution.codes.insert(AssumptionCode::OwnDnsServer);
                format!(
                    "{asks} {ip}{of}. It is taken to ask the internet's DNS, and not Azure DNS, for what it does not know itself."
                )
            }
            Server::Public(_) => format!("{asks} {ip}{of}, which is on the internet."),
        };
        let object =
            |network: &VirtualNetwork| ObjectRef::cluster_scoped(Kind::VirtualNetwork, &network.name);
        let rule = given.map(|network| RuleRef {
            place: "dhcpOptions.dnsServers".into(),
            text: network.dhcp_options.dns_servers.join(", ").into(),
            object: Some(object(network)),
        });
        self.say_with(server, why, Shown { rule, ..Shown::default() });
    }

    pub(super) fn in_a_circle(&mut self, name: &str, server: Server<'_>) {
        let why = format!(
            "{name} was asked for before: the names go in a circle, and the resolver gives up (SERVFAIL)."
        );
        self.say(server, why);
        self.fail(Verdict::Looped, Cause::CnameLoop);
    }

    /// A server that is not CoreDNS goes through the names that the resolver asks for.
    fn by_server(
        &mut self,
        name: &str,
        questions: &[String],
        server: Server<'_>,
        network: Option<&VirtualNetwork>,
    ) {
        let mut misses = Vec::new();
        for question in questions {
            let meant = is_meant(question, name);
            let records = self.upstream(question, meant, self.place_of(server, network));
            if dns::addresses(&records).is_empty() && questions.last() != Some(question) {
                misses.push(miss(&server.station(), question, "no address"));
                continue;
            }
            self.told_by(question, &records, server, network);
            break;
        }
        if let Some(step) = self.resolution.steps.last_mut().filter(|_| !misses.is_empty()) {
            misses.truncate(MOST_MISSES);
            step.near_misses = misses.into();
        }
        self.not_of_the_cluster(name, server);
    }

    /// Says why a name of the cluster was not found.
    fn not_of_the_cluster(&mut self, name: &str, server: Server<'_>) {
        if self.resolution.addresses.is_empty() && cluster_dns::is_own(name.trim_end_matches('.')) {
            let why = "Names of the cluster exist in CoreDNS only, which is not asked here.".to_owned();
            self.say(server, why);
        }
    }

    /// Whose answers a server gives on.
    pub(super) fn place_of<'a>(&self, server: Server<'a>, network: Option<&'a VirtualNetwork>) -> Resolver<'a>
    where
        'w: 'a,
    {
        match server {
            Server::Azure => Resolver::Azure(network.map(|network| network.name.as_str())),
            Server::Resolver(_, _, network) => Resolver::Azure(Some(network)),
            Server::Premises(_) => match self.resolver_of_premises() {
                Some((_, network)) => Resolver::Azure(Some(network)),
                None => Resolver::Public,
            },
            Server::Cluster(_) | Server::Own(_) | Server::Public(_) => Resolver::Public,
        }
    }

    /// Tells what a server answers.
    pub(super) fn told_by(
        &mut self,
        name: &str,
        records: &[Record],
        server: Server<'_>,
        network: Option<&VirtualNetwork>,
    ) {
        match server {
            Server::Resolver(..) => return self.tell(records, Server::Azure),
            Server::Premises(_) => {
                let teller = self.passed_on_by_premises();
                return self.tell(records, teller.unwrap_or(server));
            }
            _ => self.tell(records, server),
        }
        let (Server::Own(ip) | Server::Public(ip), Some(network)) = (server, network) else { return };
        let known = dns::lookup(&self.world.model, name, Resolver::Azure(Some(&network.name)));
        if let Some(zone) = known.iter().find_map(|record| record.zone.as_ref()) {
            let why = format!(
                "The private zone {zone}, which is linked to {}, is not seen: only Azure DNS, 168.63.129.16, knows of it, and {ip} does not ask there.",
                network.name
            );
            let rule = RuleRef {
                place: "private DNS zone".into(),
                text: zone.clone().into(),
                object: Some(ObjectRef::cluster_scoped(Kind::PrivateDnsZone, zone)),
            };
            self.say_with(server, why, Shown { rule: Some(rule), ..Shown::default() });
        }
    }

    /// The resolver to which DNS on premises passes names of Azure on, and its network.
    fn resolver_of_premises(&self) -> Option<(&'w str, &'w str)> {
        let resolver = self.world.model.dns_resolvers.values().next()?;
        Some((&resolver.name, resolver.virtual_network.as_ref()?.id.segment("virtualNetworks")?))
    }

    /// On premises the own DNS server passes names of Azure on only where there is a resolver to pass them to.
    fn passed_on_by_premises(&mut self) -> Option<Server<'w>> {
        let Some((resolver, network)) = self.resolver_of_premises() else {
            self.resolution.codes.insert(AssumptionCode::OnPremisesDns);
            return None;
        };
        let why = format!(
            "The DNS server on premises passes the question on to the resolver {resolver}, which asks in place of {network}."
        );
        let object = ObjectRef::cluster_scoped(Kind::DnsResolver, resolver);
        let rule =
            RuleRef { place: "DNS resolver".into(), text: network.to_owned().into(), object: Some(object) };
        let shown = Shown { rule: Some(rule), ..Shown::default() };
        self.say_at("DNS on premises", Owner::Client, PUBLIC_DNS, why, shown);
        Some(Server::Azure)
    }

    /// A host on premises asks.
    pub(super) fn from_premises(&mut self, name: &str) {
        let network = self.resolver_of_premises().map(|(_, network)| network);
        match self.passed_on_by_premises() {
            Some(server) => {
                let records = self.upstream(name, true, Resolver::Azure(network));
                self.tell(&records, server);
                self.not_of_the_cluster(name, server);
            }
            None => self.by_public(name),
        }
    }

    pub(super) fn by_public(&mut self, name: &str) {
        let records = self.upstream(name, true, Resolver::Public);
        self.tell(&records, Server::Public(PUBLIC_DNS));
    }

    /// The chain of a name, with the hosts of Ingresses in the internet's DNS. Where it is the name that was meant, and
    /// not one that a search path made of it, a name of the internet is taken to exist.
    pub(super) fn upstream(&mut self, name: &str, meant: bool, resolver: Resolver<'_>) -> Vec<Record> {
        let mut records = dns::lookup(&self.world.model, name, resolver);
        if let Some(last) =
            records.last_mut().filter(|last| last.data == Data::NxDomain && last.zone.is_none())
        {
            // The status is what a record is made of; where it is none of this cluster's, its controller may have moved on.
            let (mut frontends, hostnames) = self.world.ingress_statuses(&last.name);
            let hostname = hostnames.first().map(|name| (*name).to_owned());
            if !frontends.iter().any(|ip| self.world.topology.owner(*ip) == Some(&AddressOwner::Frontend)) {
                let own = self.world.ingress_frontends(&last.name);
                if !own.is_empty() {
                    frontends = own;
                }
            }
            if !frontends.is_empty() {
                last.data = Data::A(frontends);
                self.resolution.codes.insert(AssumptionCode::IngressHostInDns);
            } else if let Some(hostname) = hostname {
                last.data = Data::Cname(hostname.clone());
                self.resolution.codes.insert(AssumptionCode::IngressHostInDns);
                records.push(Record { name: hostname, data: Data::A(SOMEWHERE.into()), zone: None });
            } else if (meant || !is_meant(&last.name, name))
                && dns::may_be_public(&self.world.model, &last.name)
            {
                last.data = Data::A(SOMEWHERE.into());
                if self.world.other_balancer_named(&last.name).is_none() {
                    self.resolution.codes.insert(AssumptionCode::PublicName);
                }
            }
        }
        records
    }

    /// One step for each record.
    fn tell(&mut self, records: &[Record], server: Server<'_>) {
        for record in records {
            if let Data::A(ips) = &record.data
                && ips == &SOMEWHERE
                && let Some(other) = self.world.other_balancer_named(&record.name)
            {
                let shown = Shown { rule: Some(other.rule(&record.name)), ..Shown::default() };
                self.say_with(server, other.words(&record.name), shown);
                self.fail(Verdict::Ambiguous, Cause::OtherController);
                return;
            }
            let by = match (&record.zone, server) {
                (Some(zone), _) => format!("the private zone {zone}, which is linked to the network"),
                (None, Server::Public(_)) => "the internet's DNS".to_owned(),
                (None, _) => format!("the internet's DNS, which {} asks", server.station()),
            };
            let why = match &record.data {
                Data::A(ips) if ips.is_empty() => format!("{} has no address in {by}.", record.name),
                Data::A(ips) if ips == &SOMEWHERE => format!(
                    "{} is taken to exist in {by}: {} stands for its address, which the input does not show.",
                    record.name, SOMEWHERE[0]
                ),
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
            self.say_with(server, why, Shown { rule: Some(rule), ..Shown::default() });
        }
        let addresses = dns::addresses(records);
        self.resolution.addresses = addresses.to_vec();
        if addresses.is_empty() {
            self.fail(Verdict::Unreachable, Cause::NameNotFound);
        }
    }
}

/// Whether a question is for the name that somebody wrote, and not for one that the search path made of it.
pub(super) fn is_meant(question: &str, name: &str) -> bool {
    question.eq_ignore_ascii_case(name.trim_end_matches('.'))
}

/// A name of the search path that led to nothing.
pub(super) fn miss(place: &str, question: &str, failed: &str) -> NearMiss {
    NearMiss {
        rule: RuleRef { place: place.to_owned().into(), text: question.to_owned().into(), object: None },
        failed: failed.to_owned(),
    }
}

/// The file as the kubelet writes it, on one line.
fn text_of(conf: &ResolvConf) -> String {
    let mut text = format!("nameserver {}", list(&conf.servers));
    if !conf.searches.is_empty() {
        text += &format!("; search {}", conf.searches.join(" "));
    }
    text + &format!("; options ndots:{}", conf.ndots)
}

pub(super) fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
