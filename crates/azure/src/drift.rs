//! What of a load balancer is not as the controllers would write it, and what the next reconcile makes of it.
//!
//! A load balancer of the input is used as it is. Here it is held against the one that the cloud controller
//! and AKS would write for the same Services and nodes, by the rules of cloud-provider-azure's
//! `reconcileLoadBalancer` and `ReconcileBackendPools`: what belongs to a Service is put back, what bears a
//! foreign name stays.

use crate::{
    balancer::{Balancer, Member},
    cloud::{Cloud, is_given},
    names::{OUTBOUND_POOL, SHARED_PROBE, is_owned, service_prefix},
    reconcile::{same_probe, same_rule},
};
use model::{
    ArmId, Model,
    azure::{
        BackendAddress, BackendAddressPool, FrontendIpConfiguration, LoadBalancer, LoadBalancingRule,
        OutboundRule, Probe, SubResource,
    },
    kubernetes::ServiceType,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// A part of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the part it names")]
pub enum Part {
    Sku,
    Frontend,
    Probe,
    Rule,
    OutboundRule,
    Pool,
    Member,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sku => "sku",
            Self::Frontend => "frontend",
            Self::Probe => "probe",
            Self::Rule => "rule",
            Self::OutboundRule => "outbound rule",
            Self::Pool => "pool",
            Self::Member => "member",
        })
    }
}

/// How a part differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The controllers would write it, and it is not there.
    Missing,
    /// It is there, and the controllers would not write it.
    Unwanted,
    /// It is there with other values.
    Changed(Vec<FieldDifference>),
}

/// One field with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// The field, named as in the document.
    pub field: &'static str,
    /// Its value.
    pub is: String,
    /// The value that the controllers would write.
    pub wanted: String,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The next reconcile puts it back as it was.
    PutBack,
    /// The next reconcile removes it.
    Removed,
    /// No reconcile touches it.
    Kept,
    /// It is AKS's, not the cloud controller's: the next operation on the cluster (`az aks update`, an
    /// upgrade, scaling a pool) puts it back.
    PutBackByAks,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PutBack => "put back",
            Self::Removed => "removed",
            Self::Kept => "kept",
            Self::PutBackByAks => "put back by AKS",
        })
    }
}

/// One part that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRow {
    /// What it is.
    pub part: Part,
    /// Its name; of a member, `<pool>/<member>`.
    pub name: String,
    /// How it differs.
    pub difference: Difference,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// One load balancer of the input against the one that the controllers would write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The load balancer.
    pub balancer: String,
    /// What differs, by part. Empty: it is as the controllers would write it.
    pub rows: Vec<DriftRow>,
    /// The document after the next reconcile; absent where the whole load balancer goes.
    pub reconciled: Option<LoadBalancer>,
    /// The document that the controllers would write from nothing; absent where they would write none.
    pub wanted: Option<LoadBalancer>,
    /// Whether both have the same addresses.
    same_addresses: bool,
}

impl Drift {
    /// Whether the next reconcile leaves nothing that the controllers would not write, so that the load
    /// balancer can be left to them.
    pub fn settles(&self) -> bool {
        self.wanted.is_some()
            && self.same_addresses
            && self.rows.iter().all(|row| matches!(row.fate, Fate::PutBack | Fate::Removed))
    }
}

/// Something that happens, and whether the cloud controller reconciles then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// What happens.
    pub event: &'static str,
    /// Whether a reconcile follows.
    pub reconciles: bool,
    /// Which Services, or why not.
    pub note: &'static str,
}

/// What starts a reconcile and what does not (the generic service controller of `cloud-provider`). Nobody
/// watches the load balancer itself: an edit by hand stays until one of the first four.
pub const TRIGGERS: [Trigger; 10] = [
    Trigger {
        event: "a Service of type LoadBalancer is added, changed or deleted",
        reconciles: true,
        note: "that Service",
    },
    Trigger {
        event: "a node is added, deleted, or its exclude label or providerID changes",
        reconciles: true,
        note: "every Service",
    },
    Trigger { event: "the cloud controller restarts", reconciles: true, note: "every Service" },
    Trigger {
        event: "the resync of nodes, every 100 seconds",
        reconciles: true,
        note: "Services whose last sync failed; all if the set of nodes changed",
    },
    Trigger {
        event: "a load balancer is edited in the portal or with az",
        reconciles: false,
        note: "nobody watches it",
    },
    Trigger {
        event: "a pod becomes ready or unready",
        reconciles: false,
        note: "endpoints are kube-proxy's affair; probes see the rest",
    },
    Trigger { event: "a node becomes NotReady", reconciles: false, note: "probes take it out of service" },
    Trigger { event: "a node is cordoned", reconciles: false, note: "it stays a member" },
    Trigger {
        event: "a node gets the taint ToBeDeletedByClusterAutoscaler",
        reconciles: false,
        note: "the taint counts at the next reconcile",
    },
    Trigger {
        event: "a health probe fails",
        reconciles: false,
        note: "that is the load balancer's own affair",
    },
];

const BY_NAME: &str =
    "Its name has the prefix of a Service, so the controller compares it at each reconcile.";
const FOREIGN: &str = "Its name has no Service's prefix: the controller never touches it.";
const OF_AKS: &str = "AKS's resource provider keeps it, not the cloud controller.";
const NOT_COMPARED: &str = "The controller does not compare this field.";
const IN_USE: &str = "A rule that stays refers to it.";
const NODE_BACK: &str = "It is a node that belongs into the pool; the controller adds its NIC again.";
const NODE_OUT: &str = "It is a node that must not be in the pool; the controller takes its NIC out.";
const VM_GONE: &str = "Its VM is not found; the controller takes the configuration out.";
const ADDRESS_OUT: &str = "No node has this address; the controller takes it out of a pool by address.";
const VM_STAYS: &str = "It is a VM that is no node of this cluster; the controller takes out only nodes.";
const WOULD_EMPTY: &str = "Taking it out would empty the pool, so the controller skips it.";
const FOREIGN_POOL: &str = "It is a pool of somebody else's; the controller never touches it.";
const SKU_STAYS: &str = "A load balancer's SKU cannot be changed in place; it takes a migration.";

impl Cloud {
    /// Every load balancer of the input against the one that the controllers would write. `model` is the
    /// settled model of this cloud.
    pub fn drifts(&self, model: &Model) -> Vec<Drift> {
        if !self.balancers().any(|balancer| is_given(balancer)) {
            return Vec::new();
        }
        let mut bare = model.clone();
        bare.load_balancers.clear();
        let wanted = self.update(&bare);
        self.balancers()
            .filter(|balancer| is_given(balancer))
            .map(|balancer| Comparison::new(self, &wanted, model, balancer).run())
            .collect()
    }
}

struct Comparison<'a> {
    cloud: &'a Cloud,
    wanted: &'a Cloud,
    model: &'a Model,
    balancer: &'a Balancer,
    is: LoadBalancer,
    should: Option<LoadBalancer>,
    prefixes: Vec<String>,
    rows: Vec<DriftRow>,
    /// Grows into the document after the reconcile.
    reconciled: LoadBalancer,
}

impl<'a> Comparison<'a> {
    fn new(cloud: &'a Cloud, wanted: &'a Cloud, model: &'a Model, balancer: &'a Balancer) -> Self {
        let is = cloud.load_balancer(&balancer.name).unwrap_or_default();
        let services = model.services.values().filter(|service| !service.metadata.uid.is_empty());
        Self {
            cloud,
            wanted,
            model,
            balancer,
            should: wanted.load_balancer(&balancer.name),
            // A Service that stopped being a load balancer is cleaned up, too.
            prefixes: services
                .filter(|service| service.spec.service_type != ServiceType::ExternalName)
                .map(|service| service_prefix(service))
                .collect(),
            rows: Vec::new(),
            reconciled: is.clone(),
            is,
        }
    }

    fn owned(&self, name: &str) -> bool {
        name == SHARED_PROBE || self.prefixes.iter().any(|prefix| is_owned(name, prefix))
    }

    fn say(&mut self, part: Part, name: &str, difference: Difference, fate: Fate, why: &'static str) {
        self.rows.push(DriftRow { part, name: name.to_owned(), difference, fate, why });
    }

    fn run(mut self) -> Drift {
        self.sku();
        self.rules();
        self.probes();
        self.frontends();
        self.outbound_rules();
        self.pools();
        order::sort_by(&mut self.rows, |a, b| (a.part, &a.name).cmp(&(b.part, &b.name)));
        let gone = self.reconciled.frontend_ip_configurations.is_empty();
        Drift {
            balancer: self.balancer.name.to_string(),
            rows: self.rows,
            reconciled: (!gone).then_some(self.reconciled),
            wanted: self.should,
            same_addresses: {
                let addresses = |cloud: &Cloud| {
                    let frontends = cloud.balancer(&self.balancer.name).map(|own| own.frontends.clone());
                    frontends
                        .unwrap_or_default()
                        .iter()
                        .filter_map(|own| own.address)
                        .collect::<BTreeSet<_>>()
                };
                addresses(self.cloud) == addresses(self.wanted)
            },
        }
    }

    fn sku(&mut self) {
        let Some(should) = self.should.as_ref().map(|should| should.sku.name) else { return };
        if self.is.sku.name != should {
            let field = FieldDifference {
                field: "sku.name",
                is: self.is.sku.name.to_string(),
                wanted: should.to_string(),
            };
            let name = self.balancer.name.to_string();
            self.say(Part::Sku, &name, Difference::Changed(vec![field]), Fate::Kept, SKU_STAYS);
        }
    }

    /// The id of a part in the document's own spelling.
    fn own_id(&self, reference: &SubResource) -> SubResource {
        let name = reference.id.name();
        let is = &self.is;
        let of = |own: &str, id: &Option<ArmId>| own.eq_ignore_ascii_case(name).then(|| id.clone()).flatten();
        let kind = reference.id.as_str().rsplit('/').nth(1).unwrap_or_default().to_owned();
        let known = match kind.to_ascii_lowercase().as_str() {
            "frontendipconfigurations" => {
                is.frontend_ip_configurations.iter().find_map(|part| of(&part.name, &part.id))
            }
            "backendaddresspools" => {
                is.backend_address_pools.iter().find_map(|part| of(&part.name, &part.id))
            }
            "probes" => is.probes.iter().find_map(|part| of(&part.name, &part.id)),
            _ => None,
        };
        let built = || is.id.as_ref().map(|id| ArmId::from(format!("{id}/{kind}/{name}")));
        known.or_else(built).map_or_else(|| reference.clone(), Into::into)
    }

    fn rules(&mut self) {
        let should =
            self.should.as_ref().map(|should| should.load_balancing_rules.clone()).unwrap_or_default();
        for rule in &self.is.load_balancing_rules.clone() {
            let twin = should.iter().find(|twin| twin.name.eq_ignore_ascii_case(&rule.name));
            match twin {
                Some(twin) if same_rule(&plain_rule(rule), &plain_rule(twin)) => continue,
                Some(twin) => {
                    let fields = rule_fields(&plain_rule(rule), &plain_rule(twin));
                    self.say(Part::Rule, &rule.name, Difference::Changed(fields), Fate::PutBack, BY_NAME);
                }
                None if self.owned(&rule.name) => {
                    self.say(Part::Rule, &rule.name, Difference::Unwanted, Fate::Removed, BY_NAME);
                }
                None => {
                    self.say(Part::Rule, &rule.name, Difference::Unwanted, Fate::Kept, FOREIGN);
                    continue;
                }
            }
            self.reconciled.load_balancing_rules.retain(|own| own.name != rule.name);
        }
        for twin in &should {
            let name = &twin.name;
            if !self.is.load_balancing_rules.iter().any(|rule| rule.name.eq_ignore_ascii_case(name)) {
                self.say(Part::Rule, name, Difference::Missing, Fate::PutBack, BY_NAME);
            }
            if !self.reconciled.load_balancing_rules.iter().any(|rule| rule.name.eq_ignore_ascii_case(name)) {
                let back = LoadBalancingRule {
                    frontend_ip_configuration: twin
                        .frontend_ip_configuration
                        .as_ref()
                        .map(|r| self.own_id(r)),
                    backend_address_pool: twin.backend_address_pool.as_ref().map(|r| self.own_id(r)),
                    backend_address_pools: twin
                        .backend_address_pools
                        .iter()
                        .map(|r| self.own_id(r))
                        .collect(),
                    probe: twin.probe.as_ref().map(|r| self.own_id(r)),
                    ..twin.clone()
                };
                self.reconciled.load_balancing_rules.push(back);
            }
        }
    }

    fn probes(&mut self) {
        let should = self.should.as_ref().map(|should| should.probes.clone()).unwrap_or_default();
        for probe in &self.is.probes.clone() {
            let twin = should.iter().find(|twin| twin.name.eq_ignore_ascii_case(&probe.name));
            let fields = twin.map(|twin| probe_fields(probe, twin)).unwrap_or_default();
            match twin {
                Some(twin) if same_probe(probe, twin) => {
                    if !fields.is_empty() {
                        let changed = Difference::Changed(fields);
                        self.say(Part::Probe, &probe.name, changed, Fate::Kept, NOT_COMPARED);
                    }
                    continue;
                }
                Some(_) => {
                    self.say(Part::Probe, &probe.name, Difference::Changed(fields), Fate::PutBack, BY_NAME);
                }
                None if self.owned(&probe.name) => {
                    self.say(Part::Probe, &probe.name, Difference::Unwanted, Fate::Removed, BY_NAME);
                }
                None => {
                    self.say(Part::Probe, &probe.name, Difference::Unwanted, Fate::Kept, FOREIGN);
                    continue;
                }
            }
            self.reconciled.probes.retain(|own| own.name != probe.name);
        }
        for twin in &should {
            if !self.is.probes.iter().any(|probe| probe.name.eq_ignore_ascii_case(&twin.name)) {
                self.say(Part::Probe, &twin.name, Difference::Missing, Fate::PutBack, BY_NAME);
            }
            if !self.reconciled.probes.iter().any(|probe| probe.name.eq_ignore_ascii_case(&twin.name)) {
                self.reconciled.probes.push(twin.clone());
            }
        }
    }

    fn frontends(&mut self) {
        let should =
            self.should.as_ref().map(|should| should.frontend_ip_configurations.clone()).unwrap_or_default();
        // A Service's frontend that another Service's rule uses may bear either name: what counts is the rule.
        for frontend in &self.is.frontend_ip_configurations.clone() {
            let name = &frontend.name;
            match should.iter().find(|twin| twin.name.eq_ignore_ascii_case(name)) {
                Some(twin) => {
                    let fields = frontend_fields(frontend, twin);
                    if !fields.is_empty() {
                        self.say(Part::Frontend, name, Difference::Changed(fields), Fate::PutBack, BY_NAME);
                        for own in &mut self.reconciled.frontend_ip_configurations {
                            if own.name == *name {
                                own.public_ip_address.clone_from(&twin.public_ip_address);
                                own.private_ip_address.clone_from(&twin.private_ip_address);
                                own.subnet.clone_from(&twin.subnet);
                            }
                        }
                    }
                }
                None if !self.owned(name) => {
                    let of_aks = !frontend.outbound_rules.is_empty() || self.in_outbound_rule(name);
                    if !of_aks {
                        self.say(Part::Frontend, name, Difference::Unwanted, Fate::Kept, FOREIGN);
                    }
                }
                None if self.in_use(name) => {
                    self.say(Part::Frontend, name, Difference::Unwanted, Fate::Kept, IN_USE);
                }
                None => {
                    self.say(Part::Frontend, name, Difference::Unwanted, Fate::Removed, BY_NAME);
                    self.reconciled.frontend_ip_configurations.retain(|own| own.name != *name);
                }
            }
        }
        for twin in &should {
            if !self.owned(&twin.name) {
                continue;
            }
            let is_there = |own: &FrontendIpConfiguration| own.name.eq_ignore_ascii_case(&twin.name);
            if !self.is.frontend_ip_configurations.iter().any(is_there) {
                self.say(Part::Frontend, &twin.name, Difference::Missing, Fate::PutBack, BY_NAME);
                self.reconciled.frontend_ip_configurations.push(twin.clone());
            }
        }
    }

    fn in_outbound_rule(&self, frontend: &str) -> bool {
        let refers = |rule: &OutboundRule| {
            rule.frontend_ip_configurations.iter().any(|own| own.id.name().eq_ignore_ascii_case(frontend))
        };
        self.is.outbound_rules.iter().any(refers)
    }

    fn in_use(&self, frontend: &str) -> bool {
        let refers = |reference: &Option<SubResource>| {
            reference.as_ref().is_some_and(|own| own.id.name().eq_ignore_ascii_case(frontend))
        };
        self.in_outbound_rule(frontend)
            || self.reconciled.load_balancing_rules.iter().any(|rule| refers(&rule.frontend_ip_configuration))
            || self.is.inbound_nat_rules.iter().any(|rule| refers(&rule.frontend_ip_configuration))
    }

    /// Outbound rules are AKS's: no reconcile of the cloud controller touches them.
    fn outbound_rules(&mut self) {
        let should = self.should.as_ref().map(|should| should.outbound_rules.clone()).unwrap_or_default();
        for rule in &self.is.outbound_rules.clone() {
            match should.iter().find(|twin| twin.name.eq_ignore_ascii_case(&rule.name)) {
                Some(twin) => {
                    let fields = outbound_fields(rule, twin);
                    if !fields.is_empty() {
                        let changed = Difference::Changed(fields);
                        self.say(Part::OutboundRule, &rule.name, changed, Fate::PutBackByAks, OF_AKS);
                    }
                }
                None => self.say(Part::OutboundRule, &rule.name, Difference::Unwanted, Fate::Kept, FOREIGN),
            }
        }
        for twin in &should {
            if !self.is.outbound_rules.iter().any(|rule| rule.name.eq_ignore_ascii_case(&twin.name)) {
                self.say(Part::OutboundRule, &twin.name, Difference::Missing, Fate::PutBackByAks, OF_AKS);
            }
        }
    }

    fn pools(&mut self) {
        let should =
            self.should.as_ref().map(|should| should.backend_address_pools.clone()).unwrap_or_default();
        for pool in &should {
            let name = &pool.name;
            let at = self.is.backend_address_pools.iter().position(|own| own.name.eq_ignore_ascii_case(name));
            if at.is_none() {
                let (fate, why) = if name.eq_ignore_ascii_case(OUTBOUND_POOL) {
                    (Fate::PutBackByAks, OF_AKS)
                } else {
                    (Fate::PutBack, BY_NAME)
                };
                self.say(Part::Pool, name, Difference::Missing, fate, why);
                if fate == Fate::PutBack {
                    self.reconciled.backend_address_pools.push(pool.clone());
                }
            } else {
                self.members(pool);
            }
        }
        for pool in &self.is.backend_address_pools.clone() {
            if !should.iter().any(|own| own.name.eq_ignore_ascii_case(&pool.name)) {
                self.say(Part::Pool, &pool.name, Difference::Unwanted, Fate::Kept, FOREIGN_POOL);
            }
        }
    }

    fn members(&mut self, wanted_pool: &BackendAddressPool) {
        let name = wanted_pool.name.clone();
        let is: Vec<Arc<Member>> =
            self.cloud.pool(&self.balancer.name, &name).map(|pool| pool.members.clone()).unwrap_or_default();
        let should: Vec<Arc<Member>> =
            self.wanted.pool(&self.balancer.name, &name).map(|pool| pool.members.clone()).unwrap_or_default();
        let of_aks = name.eq_ignore_ascii_case(OUTBOUND_POOL);
        let same = |a: &Member, b: &Member| match (&a.node, &b.node) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.address.is_some() && a.address == b.address,
            _ => false,
        };
        let unwanted: Vec<&Arc<Member>> =
            is.iter().filter(|member| !should.iter().any(|own| same(own, member))).collect();
        // Excluded nodes are taken out only if somebody stays.
        let empties = should.is_empty() && unwanted.iter().all(|member| member.node.is_some());
        let mut out: Vec<String> = Vec::new();
        for member in unwanted {
            let (fate, why) = match (&member.node, &member.ip_configuration) {
                _ if of_aks => (Fate::PutBackByAks, OF_AKS),
                (Some(_), _) if empties => (Fate::Kept, WOULD_EMPTY),
                (Some(_), _) => (Fate::Removed, NODE_OUT),
                (None, Some(id)) if self.has_nic(id) => (Fate::Kept, VM_STAYS),
                (None, Some(_)) => (Fate::Removed, VM_GONE),
                (None, None) => (Fate::Removed, ADDRESS_OUT),
            };
            if fate == Fate::Removed {
                out.push(member.label());
            }
            self.say(Part::Member, &format!("{name}/{}", member.label()), Difference::Unwanted, fate, why);
        }
        let mut back: Vec<Arc<Member>> = Vec::new();
        for member in &should {
            match is.iter().find(|own| same(own, member)) {
                None => {
                    let (fate, why) =
                        if of_aks { (Fate::PutBackByAks, OF_AKS) } else { (Fate::PutBack, NODE_BACK) };
                    self.say(
                        Part::Member,
                        &format!("{name}/{}", member.label()),
                        Difference::Missing,
                        fate,
                        why,
                    );
                    if fate == Fate::PutBack {
                        back.push(Arc::clone(member));
                    }
                }
                Some(own) if own.admin_state != member.admin_state => {
                    let field = FieldDifference {
                        field: "adminState",
                        is: format!("{:?}", own.admin_state),
                        wanted: format!("{:?}", member.admin_state),
                    };
                    let changed = Difference::Changed(vec![field]);
                    let label = format!("{name}/{}", member.label());
                    self.say(Part::Member, &label, changed, Fate::Kept, NOT_COMPARED);
                }
                Some(_) => {}
            }
        }
        self.apply_members(wanted_pool, &is, &out, &back);
    }

    fn has_nic(&self, id: &ArmId) -> bool {
        let nics = self.model.network_interfaces.values();
        nics.flat_map(|nic| &nic.ip_configurations).any(|own| own.id.as_ref() == Some(id))
    }

    /// Takes members out of the document's pool and puts others back.
    fn apply_members(
        &mut self,
        wanted: &BackendAddressPool,
        is: &[Arc<Member>],
        out: &[String],
        back: &[Arc<Member>],
    ) {
        let Some(pool) = self
            .reconciled
            .backend_address_pools
            .iter_mut()
            .find(|own| own.name.eq_ignore_ascii_case(&wanted.name))
        else {
            return;
        };
        let leaves = |id: Option<&ArmId>, address: Option<&str>| {
            let of_member = |member: &&Arc<Member>| match (&member.ip_configuration, id) {
                (Some(own), Some(id)) => own == id,
                _ => member.address.is_some() && address.and_then(|ip| ip.parse().ok()) == member.address,
            };
            is.iter().find(of_member).is_some_and(|member| out.contains(&member.label()))
        };
        pool.backend_ip_configurations.retain(|own| !leaves(Some(&own.id), None));
        pool.load_balancer_backend_addresses.retain(|own| {
            let id = own.network_interface_ip_configuration.as_ref().map(|reference| &reference.id);
            !leaves(id, own.ip_address.as_deref())
        });
        let listed: BTreeMap<&str, &BackendAddress> = wanted
            .load_balancer_backend_addresses
            .iter()
            .filter_map(|own| Some((own.name.as_deref()?, own)))
            .collect();
        for member in back {
            pool.backend_ip_configurations.extend(member.ip_configuration.clone().map(SubResource::from));
            let entry = listed.get(member.label().as_str()).map(|own| (*own).clone());
            pool.load_balancer_backend_addresses.extend(entry);
        }
    }
}

/// A rule with names in the place of ids, so that another subscription makes no difference.
fn plain_rule(rule: &LoadBalancingRule) -> LoadBalancingRule {
    let plain = |reference: &SubResource| SubResource::from(ArmId::from(reference.id.name()));
    let pool = rule.backend_address_pool.as_ref().or_else(|| rule.backend_address_pools.first());
    LoadBalancingRule {
        id: None,
        frontend_ip_configuration: rule.frontend_ip_configuration.as_ref().map(plain),
        backend_address_pool: pool.map(plain),
        backend_address_pools: Vec::new(),
        probe: rule.probe.as_ref().map(plain),
        ..rule.clone()
    }
}

/// Collects fields that differ.
#[derive(Default)]
struct Fields(Vec<FieldDifference>);

impl Fields {
    fn compare(&mut self, field: &'static str, is: impl fmt::Display, wanted: impl fmt::Display) {
        let (is, wanted) = (is.to_string(), wanted.to_string());
        if !is.eq_ignore_ascii_case(&wanted) {
            self.0.push(FieldDifference { field, is, wanted });
        }
    }
}

fn name_of(reference: Option<&SubResource>) -> &str {
    reference.map_or("-", |reference| reference.id.name())
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn rule_fields(is: &LoadBalancingRule, wanted: &LoadBalancingRule) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("frontendPort", is.frontend_port, wanted.frontend_port);
    fields.compare("backendPort", is.backend_port, wanted.backend_port);
    fields.compare("enableFloatingIP", is.enable_floating_ip, wanted.enable_floating_ip);
    let reset = |rule: &LoadBalancingRule| rule.enable_tcp_reset.unwrap_or(false);
    fields.compare("enableTcpReset", reset(is), reset(wanted));
    let snat = |rule: &LoadBalancingRule| rule.disable_outbound_snat.unwrap_or(false);
    fields.compare("disableOutboundSnat", snat(is), snat(wanted));
    if is.idle_timeout_in_minutes.is_some() && wanted.idle_timeout_in_minutes.is_some() {
        let idle = |rule: &LoadBalancingRule| number(rule.idle_timeout_in_minutes);
        fields.compare("idleTimeoutInMinutes", idle(is), idle(wanted));
    }
    fields.compare("loadDistribution", is.load_distribution, wanted.load_distribution);
    let frontend = |rule: &LoadBalancingRule| name_of(rule.frontend_ip_configuration.as_ref()).to_owned();
    fields.compare("frontendIPConfiguration", frontend(is), frontend(wanted));
    let pool = |rule: &LoadBalancingRule| name_of(rule.backend_address_pool.as_ref()).to_owned();
    fields.compare("backendAddressPool", pool(is), pool(wanted));
    let probe = |rule: &LoadBalancingRule| name_of(rule.probe.as_ref()).to_owned();
    fields.compare("probe", probe(is), probe(wanted));
    fields.0
}

fn probe_fields(is: &Probe, wanted: &Probe) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("port", is.port, wanted.port);
    let path = |probe: &Probe| probe.request_path.clone().unwrap_or_else(|| "-".to_owned());
    fields.compare("requestPath", path(is), path(wanted));
    fields.compare("intervalInSeconds", number(is.interval_in_seconds), number(wanted.interval_in_seconds));
    fields.compare("probeThreshold", number(is.probe_threshold), number(wanted.probe_threshold));
    let behaviour = |probe: &Probe| {
        probe.no_healthy_backends_behavior.clone().unwrap_or_else(|| "AllProbedDown".to_owned())
    };
    fields.compare("noHealthyBackendsBehavior", behaviour(is), behaviour(wanted));
    fields.0
}

fn frontend_fields(is: &FrontendIpConfiguration, wanted: &FrontendIpConfiguration) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    let public = |part: &FrontendIpConfiguration| name_of(part.public_ip_address.as_ref()).to_owned();
    fields.compare("publicIPAddress", public(is), public(wanted));
    if let (Some(is), Some(wanted)) = (&is.private_ip_address, &wanted.private_ip_address) {
        fields.compare("privateIPAddress", is, wanted);
    }
    fields.0
}

fn outbound_fields(is: &OutboundRule, wanted: &OutboundRule) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("allocatedOutboundPorts", is.allocated_outbound_ports, wanted.allocated_outbound_ports);
    let idle = |rule: &OutboundRule| number(rule.idle_timeout_in_minutes);
    fields.compare("idleTimeoutInMinutes", idle(is), idle(wanted));
    let reset = |rule: &OutboundRule| rule.enable_tcp_reset.unwrap_or(false);
    fields.compare("enableTcpReset", reset(is), reset(wanted));
    let pool = |rule: &OutboundRule| name_of(rule.backend_address_pool.as_ref()).to_owned();
    fields.compare("backendAddressPool", pool(is), pool(wanted));
    fields.0
}
