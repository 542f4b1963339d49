//! Services meet: one load balancer, one security group, shared addresses.

use crate::{
    access::AccessControl,
    allocate::{Allocator, node_subnets},
    annotations::Annotations,
    balancer::{Balancer, Frontend, Member, Origin, Rule},
    choose::{BASIC_RULES, Chooser, STANDARD_RULES},
    cloud::Allocated,
    given::Resolver,
    inputs::Inputs,
    limits::{self, Counts, Limit},
    names::{self, Namer, OUTBOUND_V6},
    nodes::Nodes,
    plan::{self, Plan},
    private_link::PrivateLinkService,
    refusal::{Reason, Refusal, Stage},
    security_group::SecurityGroup,
    settings::Settings,
};
use ipnet::IpNet;
use model::{
    Key, Model, NodeName,
    azure::{OutboundRule, Probe, PublicIpAddress, RuleProtocol, SubResource},
    kubernetes::{IpFamily, LoadBalancerIngress, Service, ServiceType},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// Who is in a pool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PoolMembers {
    /// Every eligible node.
    All,
    /// The eligible nodes of one vmset.
    VmSet(Arc<str>),
    /// The eligible nodes that fall to one of several load balancers, by its configuration's name.
    Shard(Arc<str>),
    /// These nodes, as far as eligible.
    Nodes(BTreeSet<NodeName>),
    /// As the input says.
    Given(Vec<Arc<Member>>),
}

/// A pool before its members are looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PoolSpec {
    pub(crate) name: Arc<str>,
    pub(crate) v6: bool,
    pub(crate) members: PoolMembers,
}

/// Everything that Services make of Azure; pools hold no members yet.
#[derive(Debug)]
pub(crate) struct Programmed {
    pub(crate) inputs: Inputs,
    plans: Vec<Arc<Plan>>,
    pub(crate) balancers: BTreeMap<Arc<str>, Arc<Balancer>>,
    pub(crate) pools: BTreeMap<Arc<str>, Vec<PoolSpec>>,
    /// Load balancer and position of the frontend.
    pub(crate) by_address: BTreeMap<IpAddr, (Arc<str>, usize)>,
    pub(crate) security_groups: BTreeMap<String, Arc<SecurityGroup>>,
    pub(crate) node_group: String,
    /// The security groups of subnets.
    pub(crate) subnet_groups: Vec<(Vec<IpNet>, Arc<SecurityGroup>)>,
    pub(crate) public_ips: BTreeMap<String, Arc<PublicIpAddress>>,
    pub(crate) statuses: BTreeMap<Key, Vec<LoadBalancerIngress>>,
    pub(crate) private_links: BTreeMap<Key, PrivateLinkService>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) allocated: Vec<Allocated>,
    pub(crate) node_subnets: Vec<IpNet>,
    /// Addresses that stand for those of a NAT gateway, where the input shows none.
    pub(crate) nat_addresses: Vec<IpAddr>,
}

/// Services that this controller takes care of: a class names another controller.
fn is_mine(service: &Service) -> bool {
    service.spec.service_type == ServiceType::LoadBalancer
        && service.spec.load_balancer_class.is_none()
        && service.metadata.deletion_timestamp.is_none()
}

impl Programmed {
    pub(crate) fn new(model: &Model, settings: &Settings, nodes: &Nodes, old: Option<&Self>) -> Self {
        let mut builder = Builder::new(model, settings, nodes, old);
        builder.take_given();
        builder.take_public_ips();
        builder.outbound();
        builder.nat_gateway();
        for (key, service) in &model.services {
            if is_mine(service) {
                builder.service(key, service);
            }
        }
        builder.security_group();
        builder.finish()
    }
}

/// A load balancer while Services are added to it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) frontends: Vec<Arc<Frontend>>,
    pub(crate) by_address: BTreeMap<IpAddr, usize>,
    pub(crate) probes: Vec<Arc<Probe>>,
    pub(crate) probe_names: BTreeSet<String>,
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) outbound_rules: Vec<OutboundRule>,
    pub(crate) rules: usize,
}

impl Draft {
    pub(crate) fn add_pool(&mut self, name: &str, v6: bool, members: impl FnOnce() -> PoolMembers) {
        if !self.pools.iter().any(|pool| *pool.name == *name) {
            self.pools.push(PoolSpec { name: name.into(), v6, members: members() });
        }
    }
}

pub(crate) struct Builder<'a> {
    pub(crate) model: &'a Model,
    pub(crate) settings: &'a Settings,
    nodes: &'a Nodes,
    old_plans: BTreeMap<Key, Arc<Plan>>,
    resolver: Option<Resolver<'a>>,
    chooser: Chooser<'a>,
    pub(crate) allocator: Allocator,
    pub(crate) drafts: BTreeMap<Arc<str>, Draft>,
    pub(crate) security: Vec<(Key, Result<AccessControl, Reason>, Vec<IpAddr>)>,
    pub(crate) done: Programmed,
}

impl<'a> Builder<'a> {
    fn new(model: &'a Model, settings: &'a Settings, nodes: &'a Nodes, old: Option<&Programmed>) -> Self {
        let vm_sets = if settings.is_standard() { Vec::new() } else { nodes.vm_sets(settings) };
        let inputs = Inputs::new(model, settings, vm_sets.clone());
        let old_plans = old.map(|old| old.plans.as_slice()).unwrap_or_default();
        Self {
            model,
            settings,
            nodes,
            old_plans: order::map(old_plans.iter().map(|plan| (plan.key.clone(), Arc::clone(plan)))),
            resolver: (!model.load_balancers.is_empty()).then(|| Resolver::new(model)),
            chooser: Chooser::new(settings, vm_sets, BTreeMap::new()).in_namespaces(&model.namespaces),
            allocator: Allocator::new(model),
            drafts: BTreeMap::new(),
            security: Vec::new(),
            done: Programmed {
                inputs,
                plans: Vec::new(),
                balancers: BTreeMap::new(),
                pools: BTreeMap::new(),
                by_address: BTreeMap::new(),
                security_groups: BTreeMap::new(),
                node_group: String::new(),
                subnet_groups: Vec::new(),
                public_ips: BTreeMap::new(),
                statuses: BTreeMap::new(),
                private_links: BTreeMap::new(),
                refused: Vec::new(),
                allocated: Vec::new(),
                node_subnets: node_subnets(model),
                nat_addresses: Vec::new(),
            },
        }
    }

    fn take_given(&mut self) {
        let Some(resolver) = &self.resolver else { return };
        for document in self.model.load_balancers.values() {
            let (mut balancer, pools) = resolver.balancer(document);
            for frontend in &mut balancer.frontends {
                if frontend.address.is_none() {
                    let name = &frontend.configuration.name;
                    let has_it = |own: &SubResource| own.id.name().eq_ignore_ascii_case(name);
                    let v6 = document.outbound_rules.iter().any(|rule| {
                        let pool = rule.backend_address_pool.as_ref().map(|own| own.id.name());
                        rule.frontend_ip_configurations.iter().any(has_it)
                            && pool.is_some_and(|pool| pool.eq_ignore_ascii_case(OUTBOUND_V6[0]))
                    });
                    let address = self.allocator.outbound(v6);
                    self.done.allocated.push(Allocated {
                        owner: format!("frontend {}", frontend.configuration.name),
                        address,
                    });
                    *frontend = Arc::new(Frontend { address: Some(address), ..(**frontend).clone() });
                }
            }
            self.done.pools.insert(balancer.name.clone(), pools);
            self.done.balancers.insert(balancer.name.clone(), Arc::new(balancer));
        }
    }

    fn take_public_ips(&mut self) {
        self.done.public_ips = self.model.public_ip_addresses.clone();
    }

    pub(crate) fn refuse(&mut self, service: &Key, stage: Stage, reason: Reason) {
        self.done.refused.push(Refusal { service: service.clone(), stage, reason });
    }

    fn service(&mut self, key: &Key, service: &Arc<Service>) {
        let choice = match self.chooser.choose(service) {
            Ok(choice) => choice,
            Err(reason) => return self.refuse(key, Stage::LoadBalancer, reason),
        };
        let balancer: Arc<str> = choice.balancer.as_str().into();
        if let Some(given) = self.done.balancers.get(&balancer) {
            let given = Arc::clone(given);
            return self.service_in_given(key, service, &given);
        }
        let names = Namer::new(service);
        let halves = plan::halves(service, &names, self.model, self.settings, &mut self.allocator);
        let halves = match halves {
            Ok(halves) => halves,
            Err(reason) => return self.refuse(key, Stage::Rules, reason),
        };
        let old = self.old_plans.get(key).filter(|old| {
            Arc::ptr_eq(&old.service, service) && old.balancer == balancer && old.halves == halves
        });
        let plan = if let Some(old) = old {
            Arc::clone(old)
        } else {
            Arc::new(Plan::new((key, service), self.settings, names, choice, halves))
        };
        self.place(&plan);
        self.done.plans.push(plan);
    }

    /// A Service whose load balancer is given: nothing is programmed, its frontends are looked up.
    fn service_in_given(&mut self, key: &Key, service: &Service, given: &Balancer) {
        let prefix = names::service_prefix(service);
        let own = given.frontends.iter().filter(|frontend| {
            names::is_owned(&frontend.configuration.name, &prefix)
                || frontend.rules.iter().any(|rule| rule.service.as_ref() == Some(key))
        });
        let addresses: Vec<IpAddr> = own.filter_map(|frontend| frontend.address).collect();
        self.report(key, service, &addresses);
        self.secure(key, service, addresses);
    }

    /// The status: what the Service has, else the frontends' addresses, and those that kube-proxy is to know besides
    /// (`getServiceLoadBalancerStatus`).
    fn report(&mut self, key: &Key, service: &Service, addresses: &[IpAddr]) {
        let ingress = &service.status.load_balancer.ingress;
        let holds = |ip: &IpAddr| ingress.iter().any(|entry| entry.ip.parse() == Ok(*ip));
        let status = if !ingress.is_empty() && addresses.iter().all(holds) {
            ingress.clone()
        } else {
            let entry = |ip: &IpAddr| LoadBalancerIngress { ip: ip.to_string(), ..Default::default() };
            let additional = Annotations::of(service).additional_public_ips().unwrap_or_default();
            let additional = additional.iter().filter(|_| !addresses.is_empty());
            addresses.iter().chain(additional).map(entry).collect()
        };
        if !status.is_empty() {
            self.done.statuses.insert(key.clone(), status);
        }
    }

    fn secure(&mut self, key: &Key, service: &Service, addresses: Vec<IpAddr>) {
        let annotations = Annotations::of(service);
        if addresses.is_empty() {
            return;
        }
        let access = AccessControl::new(service);
        let additional = match annotations.additional_public_ips() {
            Ok(additional) => additional,
            Err(reason) => return self.refuse(key, Stage::SecurityGroup, reason),
        };
        // The annotations are read, and can be wrong, even where no rule is to be written.
        if annotations.disables_nsg_rule() && access.is_ok() {
            return;
        }
        let mut destinations = addresses;
        if annotations.disables_floating_ip() {
            let v4 = destinations.iter().any(IpAddr::is_ipv4);
            let v6 = destinations.iter().any(IpAddr::is_ipv6);
            destinations = self.nodes.member_addresses();
            destinations.retain(|ip| if ip.is_ipv6() { v6 } else { v4 });
        }
        destinations.extend(additional);
        self.security.push((key.clone(), access, destinations));
    }

    /// Adds a Service to its load balancer, unless it clashes with a Service that is there already.
    fn place(&mut self, plan: &Arc<Plan>) {
        let wanted = match &plan.wanted {
            Ok(wanted) => wanted,
            Err(reason) => return self.refuse(&plan.key, Stage::Rules, reason.clone()),
        };
        for half in &plan.halves {
            if half.allocated {
                self.done
                    .allocated
                    .push(Allocated { owner: format!("Service {}", plan.key), address: half.address });
            }
        }
        let zero = wanted.iter().flat_map(|wanted| &wanted.probes).find(|probe| probe.port == 0);
        if let Some(probe) = zero {
            self.refuse(&plan.key, Stage::ResourceManager, Reason::ProbePortZero(probe.name.clone()));
        }
        let draft = self.drafts.entry(plan.balancer.clone()).or_default();
        let limit = if self.settings.is_standard() { STANDARD_RULES } else { BASIC_RULES };
        let count: usize = wanted.iter().map(|wanted| wanted.rules.len()).sum();
        let clash = if draft.rules + count > limit {
            Some(Reason::TooManyRules(limit))
        } else {
            plan.halves.iter().zip(wanted).find_map(|(half, wanted)| clash(draft, half, wanted, plan))
        };
        if let Some(reason) = clash {
            return self.refuse(&plan.key, Stage::Rules, reason);
        }
        draft.rules += count;
        for (half, made) in plan.halves.iter().zip(plan.made(self.settings)) {
            let v6 = half.family == IpFamily::IPv6;
            let members = || pool_members(plan, self.settings, self.model);
            draft.add_pool(&half.pool, v6, members);
            // Several Services may share one address; the first owns the frontend.
            let at = *draft.by_address.entry(half.address).or_insert(draft.frontends.len());
            match draft.frontends.get_mut(at) {
                Some(frontend) => {
                    tag_shared(&mut self.done.public_ips, half, plan);
                    share_frontend(frontend, &made.frontend.rules);
                }
                None => {
                    draft.frontends.push(Arc::clone(&made.frontend));
                    if let Some(document) = &made.public_ip {
                        let known = self.done.public_ips.entry(document.name.clone());
                        known.or_insert_with(|| Arc::clone(document));
                    }
                }
            }
            for probe in &made.probes {
                if draft.probe_names.insert(probe.name.clone()) {
                    draft.probes.push(Arc::clone(probe));
                }
            }
        }
        let frontend = plan.halves.first().map_or("", |half| half.frontend.as_str());
        match PrivateLinkService::of(&plan.service, frontend, self.settings) {
            Ok(None) => {}
            Ok(Some(link)) => {
                self.done.private_links.insert(plan.key.clone(), link);
            }
            Err(reason) => self.refuse(&plan.key, Stage::PrivateLink, reason),
        }
        self.check_limits(plan);
        let addresses: Vec<IpAddr> = plan.halves.iter().map(|half| half.address).collect();
        self.report(&plan.key, &plan.service, &addresses);
        self.secure(&plan.key, &plan.service, addresses);
    }

    /// Azure's limits count what stands on the load balancer, and on its internal or public twin.
    fn check_limits(&mut self, plan: &Plan) {
        let base = |name: &Arc<str>| Arc::from(name.strip_suffix("-internal").unwrap_or(name));
        let own: Arc<str> = base(&plan.balancer);
        let twins = self.drafts.iter().filter(|(name, _)| base(name) == own);
        let linked = |key: &Key| {
            self.done.plans.iter().any(|other| other.key == *key && other.balancer == plan.balancer)
        };
        let links = self.done.private_links.keys().filter(|key| **key == plan.key || linked(key));
        let counts = Counts {
            standard: self.settings.is_standard(),
            frontends: self.drafts.get(&plan.balancer).map_or(0, |draft| draft.frontends.len()),
            rules: twins.map(|(_, draft)| draft.rules + draft.outbound_rules.len()).sum(),
            private_links: links.count(),
        };
        if let Some(limit) = limits::broken(counts) {
            self.refuse(&plan.key, Stage::ResourceManager, Reason::OverLimit(limit));
        }
    }

    fn finish(mut self) -> Programmed {
        for (name, draft) in self.drafts {
            let balancer = Balancer {
                name: name.clone(),
                sku: self.settings.sku,
                origin: Origin::Programmed,
                frontends: draft.frontends,
                probes: draft.probes,
                outbound_rules: draft.outbound_rules,
            };
            self.done.pools.insert(name.clone(), draft.pools);
            self.done.balancers.insert(name, Arc::new(balancer));
        }
        for (name, balancer) in &self.done.balancers {
            for (at, frontend) in balancer.frontends.iter().enumerate() {
                if let Some(address) = frontend.address {
                    self.done.by_address.entry(address).or_insert((name.clone(), at));
                }
            }
        }
        self.done
    }
}

/// Whether a rule on the frontend stands in the way of another Service's.
fn clash(draft: &Draft, half: &plan::Half, wanted: &crate::rules::Wanted, plan: &Plan) -> Option<Reason> {
    let frontend = draft.by_address.get(&half.address).and_then(|at| draft.frontends.get(*at))?;
    for rule in &wanted.rules {
        let taken = frontend.rules.iter().find(|other| {
            other.rule.frontend_port == rule.frontend_port && other.rule.protocol == rule.protocol
        });
        if taken.is_some() && rule.protocol == RuleProtocol::All && rule.frontend_port == 0 {
            return Some(Reason::OverLimit(Limit::AllPorts));
        }
        if let Some(taken) = taken {
            let ports = &plan.service.spec.ports;
            let protocol =
                ports.iter().find(|port| port.port == rule.frontend_port).map(|port| port.protocol);
            return Some(Reason::PortTaken {
                protocol: protocol.unwrap_or_default(),
                port: rule.frontend_port,
                rule: taken.rule.name.clone(),
            });
        }
    }
    None
}

fn pool_members(plan: &Plan, settings: &Settings, model: &Model) -> PoolMembers {
    if let Some(set) = &plan.vm_set {
        return PoolMembers::VmSet(set.clone());
    }
    if settings.balancers.is_empty() {
        return PoolMembers::All;
    }
    if !crate::probes::has_health_check_node_port(&plan.service) {
        let name = plan.balancer.strip_suffix("-internal").unwrap_or(&plan.balancer);
        return PoolMembers::Shard(name.into());
    }
    let slices = model.endpoint_slices.values().filter(|slice| {
        slice.metadata.key().namespace == plan.key.namespace && slice.service() == Some(&*plan.key.name)
    });
    let endpoints =
        slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.conditions.ready != Some(false));
    PoolMembers::Nodes(order::set(
        endpoints.filter_map(|endpoint| endpoint.node_name.as_deref().map(NodeName::from)),
    ))
}

/// Adds the rules of one more Service to a frontend.
fn share_frontend(frontend: &mut Arc<Frontend>, rules: &[Arc<Rule>]) {
    let frontend = Arc::make_mut(frontend);
    for rule in rules {
        let mut rule = (**rule).clone();
        rule.rule.frontend_ip_configuration = frontend.configuration.id.clone().map(Into::into);
        frontend.rules.push(Arc::new(rule));
    }
}

/// Notes on a shared public address that one more Service uses it.
fn tag_shared(public_ips: &mut BTreeMap<String, Arc<PublicIpAddress>>, half: &plan::Half, plan: &Plan) {
    let shared = public_ips
        .values_mut()
        .find(|document| document.ip_address.as_deref().and_then(|ip| ip.parse().ok()) == Some(half.address));
    let Some(shared) = shared else { return };
    let tag = Arc::make_mut(shared).tags.entry("k8s-azure-service".into()).or_default();
    let key = plan.key.to_string();
    if !tag.split(',').any(|own| own == key) {
        if !tag.is_empty() {
            tag.push(',');
        }
        tag.push_str(&key);
    }
}
