//! Basic to Standard: what breaks, or is not what it was. Everything here is found by holding the two worlds against
//! each other, before and after the change.
//!
//! Azure, "Upgrade from Basic to Standard Load Balancer" and "Default outbound access"; cloud-provider-azure.

use crate::World;
use azure::{Balancer, GuardedPacket, Method, Outbound, Rule, Sender};
use model::{
    Key, NodeName,
    azure::{AgentPoolType, Direction, Probe, RuleProtocol, SecurityProtocol, SkuName},
    kubernetes::Service,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// A host on the internet, that stands for all of them.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
/// What it sends from.
const CLIENT_PORT: u16 = 50_000;

/// One thing that is not as it was, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migration {
    /// A load balancer cannot change its SKU: it is deleted and made anew, and its connections are gone.
    Remade {
        /// The load balancers.
        balancers: Vec<String>,
    },
    /// Nodes leave by another method or address.
    Outbound {
        /// The nodes.
        nodes: Vec<NodeName>,
        /// How they left, and from which address.
        before: Way,
        /// How they leave now.
        after: Way,
    },
    /// A Basic public address cannot be on a Standard load balancer.
    PublicAddress {
        /// Its name.
        name: String,
        /// The address.
        address: Option<String>,
        /// Whether it is upgraded in place (static), or a new one is taken (dynamic).
        kept: bool,
    },
    /// A Standard public address is closed until a security group lets traffic in.
    Closed {
        /// The Service.
        service: Key,
        /// Its frontend.
        address: IpAddr,
        /// The port.
        port: u16,
        /// The group and the rule that denies.
        rule: String,
    },
    /// A Service goes to another load balancer.
    Moved {
        /// The Service.
        service: Key,
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// `azure-load-balancer-mode` is read for Basic only.
    ModeIgnored {
        /// The Service.
        service: Key,
        /// What it asks for.
        mode: String,
    },
    /// Nodes of all pools become members, not only those of one scale set or availability set.
    Members {
        /// The load balancer and pool.
        pool: String,
        /// Who joins.
        joined: Vec<NodeName>,
    },
    /// A probe asks otherwise.
    Probe {
        /// Its rule.
        rule: String,
        /// What it asked: `Tcp 30644`.
        before: String,
        /// What it asks.
        after: String,
        /// The nodes that it takes down.
        down: Vec<NodeName>,
    },
    /// An annotation that had no effect with Basic has one now.
    HaPorts {
        /// The Service.
        service: Key,
    },
    /// Idle connections are reset instead of dropped in silence.
    TcpReset {
        /// How many rules.
        rules: usize,
    },
    /// The pool is an availability set, which has retired with Basic load balancers.
    AvailabilitySet {
        /// The pool.
        pool: String,
    },
}

/// A way out of the virtual network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The method.
    pub method: Method,
    /// The address that the far side sees, where it is known.
    pub source: Option<IpAddr>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(source) => write!(f, "{} from {source}", self.method),
            None => self.method.fmt(f),
        }
    }
}

impl World {
    /// What a change of the load balancer's SKU from Basic to Standard breaks or changes, this being the world before
    /// it. Empty where the load balancer is not Basic before, or not Standard after.
    pub fn migration(&self, after: &Self) -> Vec<Migration> {
        if self.cloud.settings().is_standard() || !after.cloud.settings().is_standard() {
            return Vec::new();
        }
        let mut all = vec![Migration::Remade {
            balancers: self.cloud.balancers().map(|own| own.name.to_string()).collect(),
        }];
        all.extend(self.ways_out_that_change(after));
        all.extend(self.basic_addresses());
        all.extend(after.closed_frontends());
        all.extend(self.services_that_move(after));
        all.extend(self.members_that_join(after));
        all.extend(self.probes_that_change(after));
        let resets = rules(after).filter(|(_, rule)| rule.rule.enable_tcp_reset == Some(true)).count();
        all.extend((resets > 0).then_some(Migration::TcpReset { rules: resets }));
        let cluster = self.model.managed_cluster.as_deref();
        let pools = cluster.map(|cluster| cluster.agent_pool_profiles.as_slice()).unwrap_or_default();
        let old = pools.iter().filter(|pool| pool.pool_type == AgentPoolType::AvailabilitySet);
        all.extend(old.map(|pool| Migration::AvailabilitySet { pool: pool.name.to_string() }));
        all
    }

    fn way_out(&self, node: &NodeName) -> Way {
        let out = self.cloud.outbound(node, CLIENT);
        let source = match &out {
            Outbound::UserRoute { .. } => None,
            other => other.sources().first().copied(),
        };
        Way { method: out.method(), source }
    }

    fn ways_out_that_change(&self, after: &Self) -> Vec<Migration> {
        let mut groups: BTreeMap<(Way, Way), Vec<NodeName>> = BTreeMap::new();
        for node in self.model.nodes.keys().filter(|name| after.model.nodes.contains_key(*name)) {
            let ways = (self.way_out(node), after.way_out(node));
            if ways.0 != ways.1 {
                groups.entry(ways).or_default().push(node.clone());
            }
        }
        let change = |((before, after), nodes)| Migration::Outbound { nodes, before, after };
        groups.into_iter().map(change).collect()
    }

    /// Public addresses of load balancers that the input says are Basic, or that the controller made so.
    fn basic_addresses(&self) -> Vec<Migration> {
        let frontends = self.cloud.balancers().flat_map(|balancer| &balancer.frontends);
        let names: BTreeSet<String> = order::set(
            frontends
                .filter_map(|own| own.configuration.public_ip_address.as_ref())
                .map(|own| own.id.name().to_ascii_lowercase()),
        );
        let documents = self.cloud.public_ips().values();
        let basic = documents.filter(|own| {
            names.contains(&own.name.to_ascii_lowercase())
                && own.sku.as_ref().is_none_or(|sku| sku.name == SkuName::Basic)
        });
        basic
            .map(|own| Migration::PublicAddress {
                name: own.name.clone(),
                address: own.ip_address.clone(),
                // The controller's addresses are static.
                kept: own.tags.contains_key("k8s-azure-service"),
            })
            .collect()
    }

    /// Rules of public frontends that no security rule lets a client of the internet reach.
    fn closed_frontends(&self) -> Vec<Migration> {
        let mut closed = Vec::new();
        for balancer in self.cloud.balancers() {
            for frontend in &balancer.frontends {
                let public = frontend.configuration.public_ip_address.is_some();
                let Some(address) = frontend.address.filter(|ip| public && ip.is_ipv4()) else { continue };
                for rule in &frontend.rules {
                    let Some(service) = rule.service.clone() else { continue };
                    let Some(denied) = self.denial(balancer, rule, address) else { continue };
                    closed.push(Migration::Closed {
                        service,
                        address,
                        port: rule.rule.frontend_port,
                        rule: denied,
                    });
                }
            }
        }
        closed
    }

    /// The rule that keeps a client of the internet from the first member of a rule's pool.
    fn denial(&self, balancer: &Balancer, rule: &Rule, address: IpAddr) -> Option<String> {
        let pool = self.cloud.pool(&balancer.name, &rule.pool)?;
        let member = pool.members.first()?;
        let own = member.address?;
        let sender = member.node.as_ref().map_or(Sender::vm(own), |node| Sender::node(node, own));
        let (destination, port) = if rule.rule.enable_floating_ip {
            (address, rule.rule.backend_port)
        } else {
            (own, rule.rule.backend_port)
        };
        let packet = GuardedPacket {
            protocol: match rule.rule.protocol {
                RuleProtocol::Udp => SecurityProtocol::Udp,
                RuleProtocol::Tcp | RuleProtocol::All => SecurityProtocol::Tcp,
            },
            source: CLIENT,
            source_port: CLIENT_PORT,
            destination,
            destination_port: port,
        };
        let guards = self.cloud.guards(sender);
        if guards.subnet.is_none() && guards.nic.is_none() {
            return Some("no security group is there to let it in".to_owned());
        }
        let last =
            guards.ask(Direction::Inbound, &packet, &self.space).last().filter(|last| !last.allows())?;
        let by = last.ruling.as_ref().map_or("no rule", |ruling| ruling.rule.name.as_str());
        Some(format!("{by} of {} denies it", last.group.name()))
    }

    fn services_that_move(&self, after: &Self) -> Vec<Migration> {
        let (was, is) = (homes(self), homes(after));
        let mut all = Vec::new();
        for (key, service) in &self.model.services {
            if let (Some(from), Some(to)) = (was.get(key), is.get(key))
                && from != to
            {
                all.push(Migration::Moved { service: key.clone(), from: from.clone(), to: to.clone() });
            }
            if let Some(mode) = annotation(service, "azure-load-balancer-mode") {
                all.push(Migration::ModeIgnored { service: key.clone(), mode: mode.to_owned() });
            }
            let is = |name, value: &str| annotation(service, name).is_some_and(|own| own == value);
            if is("azure-load-balancer-internal", "true")
                && is("azure-load-balancer-enable-high-availability-ports", "true")
            {
                all.push(Migration::HaPorts { service: key.clone() });
            }
        }
        all
    }

    fn members_that_join(&self, after: &Self) -> Vec<Migration> {
        let members = |world: &Self, balancer: &str, pool: &str| -> BTreeSet<NodeName> {
            let pool = world.cloud.pool(balancer, pool);
            let own = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
            order::set(own.iter().filter_map(|member| member.node.clone()))
        };
        let mut all = Vec::new();
        for balancer in after.cloud.balancers() {
            for pool in after.cloud.pools(&balancer.name) {
                let before = members(self, &balancer.name, &pool.name);
                let joined = members(after, &balancer.name, &pool.name);
                let joined: Vec<NodeName> = joined.difference(&before).cloned().collect();
                if !before.is_empty() && !joined.is_empty() {
                    all.push(Migration::Members { pool: format!("{}/{}", balancer.name, pool.name), joined });
                }
            }
        }
        all
    }

    fn probes_that_change(&self, after: &Self) -> Vec<Migration> {
        let before: BTreeMap<String, &Arc<Rule>> =
            order::map(rules(self).map(|(_, rule)| (rule.rule.name.clone(), rule)));
        let mut all = Vec::new();
        for (balancer, rule) in rules(after) {
            let (Some(old), Some(new)) =
                (before.get(&rule.rule.name).and_then(|rule| rule.probe.as_deref()), rule.probe.as_deref())
            else {
                continue;
            };
            let pool = after.cloud.pool(&balancer.name, &rule.pool);
            let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
            let falls = |member: &&Arc<azure::Member>| {
                self.probe_state(Some(old), member).up && !after.probe_state(Some(new), member).up
            };
            let down: Vec<NodeName> =
                members.iter().filter(falls).filter_map(|member| member.node.clone()).collect();
            if probe_words(old) != probe_words(new) || !down.is_empty() {
                all.push(Migration::Probe {
                    rule: rule.rule.name.clone(),
                    before: probe_words(old),
                    after: probe_words(new),
                    down,
                });
            }
        }
        all
    }
}

fn rules(world: &World) -> impl Iterator<Item = (&Arc<Balancer>, &Arc<Rule>)> {
    world.cloud.balancers().flat_map(|balancer| {
        balancer.frontends.iter().flat_map(move |own| own.rules.iter().map(move |rule| (balancer, rule)))
    })
}

/// The load balancer of each Service.
fn homes(world: &World) -> BTreeMap<Key, String> {
    let own = rules(world).filter_map(|(balancer, rule)| Some((rule.service.clone()?, balancer)));
    order::map(own.map(|(service, balancer)| (service, balancer.name.to_string())))
}

fn annotation<'a>(service: &'a Service, name: &str) -> Option<&'a str> {
    service
        .metadata
        .annotation(&format!("service.beta.kubernetes.io/{name}"))
        .filter(|value| !value.is_empty())
}

fn probe_words(probe: &Probe) -> String {
    format!("{} {}{}", probe.protocol, probe.port, probe.request_path.as_deref().unwrap_or_default())
}

fn names(nodes: &[NodeName]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = nodes.iter().take(SHOWN).map(NodeName::as_str).collect();
    match nodes.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remade { balancers } => write!(
                f,
                "A load balancer cannot change its SKU: {} is deleted and made anew, and every connection through it is cut.",
                balancers.join(", ")
            ),
            Self::Outbound { nodes, before, after } if after.method == Method::None => write!(
                f,
                "{} lose their way out ({before}): nodes behind a Standard load balancer have no default outbound access, and nothing else is set up.",
                names(nodes)
            ),
            Self::Outbound { nodes, before, after } => write!(
                f,
                "{} leave by {after} instead of {before}: whoever lets them in by address must learn the new one.",
                names(nodes)
            ),
            Self::PublicAddress { name, address, kept } => {
                let address = address.as_deref().unwrap_or("its address");
                write!(
                    f,
                    "The public address {name} is Basic, which a Standard load balancer does not take: "
                )?;
                if *kept {
                    write!(f, "it must be upgraded, which keeps {address} since it is static.")
                } else {
                    write!(f, "it must be upgraded; {address} is kept only if it is static.")
                }
            }
            Self::Closed { service, address, port, rule } => write!(
                f,
                "{service} is closed to the internet: a Standard public address lets nothing in until a security group does, and for {address}:{port} {rule}."
            ),
            Self::Moved { service, from, to } => write!(
                f,
                "{service} moves from {from} to {to}: with Standard one load balancer serves all nodes."
            ),
            Self::ModeIgnored { service, mode } => write!(
                f,
                "{service} asks for {mode} by azure-load-balancer-mode, which is read for Basic only: it has no effect any more."
            ),
            Self::Members { pool, joined } => write!(
                f,
                "{} join {pool}: Standard takes the nodes of every pool, not of one scale set or availability set. They need the same openings in security groups and firewalls.",
                names(joined)
            ),
            Self::Probe { rule, before, after, down } => {
                write!(f, "The probe of {rule} asks {after} instead of {before}")?;
                if down.is_empty() {
                    f.write_str(", and gets its answer.")
                } else {
                    write!(f, ", and {} go down.", names(down))
                }
            }
            Self::HaPorts { service } => write!(
                f,
                "{service} gets one rule for all ports: azure-load-balancer-enable-high-availability-ports had no effect with Basic."
            ),
            Self::TcpReset { rules } => write!(
                f,
                "{rules} rules reset idle connections at both ends, which Basic drops in silence; and with all probes down, Standard keeps established connections, which Basic cuts."
            ),
            Self::AvailabilitySet { pool } => write!(
                f,
                "The pool {pool} is an availability set, which has retired together with the Basic load balancer: it becomes a scale set, and its nodes are replaced."
            ),
        }
    }
}
