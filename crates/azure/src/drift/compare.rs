//! Rules, probes, frontends and outbound rules, held against those that the controllers would write.

use super::{
    Difference, Drift, DriftRow, Fate, FieldDifference, Part,
    fields::{frontend_fields, outbound_fields, plain_rule, probe_fields, rule_fields},
};
use crate::{
    balancer::Balancer,
    cloud::Cloud,
    names::{SHARED_PROBE, is_owned, service_prefix},
    reconcile::{same_probe, same_rule},
};
use model::{
    ArmId, Model,
    azure::{FrontendIpConfiguration, LoadBalancer, LoadBalancingRule, OutboundRule, SubResource},
    kubernetes::ServiceType,
};
use std::collections::BTreeSet;

pub(super) const BY_NAME: &str =
    "Its name has the prefix of a Service, so the controller compares it at each reconcile.";
const FOREIGN: &str = "Its name has no Service's prefix: the controller never touches it.";
pub(super) const OF_AKS: &str = "AKS's resource provider keeps it, not the cloud controller.";
pub(super) const NOT_COMPARED: &str = "The controller does not compare this field.";
const IN_USE: &str = "A rule that stays refers to it.";
const SKU_STAYS: &str = "A load balancer's SKU cannot be changed in place; it takes a migration.";

/// One load balancer and its twin.
pub(super) struct Comparison<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) wanted: &'a Cloud,
    pub(super) model: &'a Model,
    pub(super) balancer: &'a Balancer,
    pub(super) is: LoadBalancer,
    pub(super) should: Option<LoadBalancer>,
    prefixes: Vec<String>,
    rows: Vec<DriftRow>,
    /// Grows into the document after the reconcile.
    pub(super) reconciled: LoadBalancer,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(cloud: &'a Cloud, wanted: &'a Cloud, model: &'a Model, balancer: &'a Balancer) -> Self {
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

    pub(super) fn say(
        &mut self,
        part: Part,
        name: &str,
        difference: Difference,
        fate: Fate,
        why: &'static str,
    ) {
        self.rows.push(DriftRow { part, name: name.to_owned(), difference, fate, why });
    }

    pub(super) fn run(mut self) -> Drift {
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
}
