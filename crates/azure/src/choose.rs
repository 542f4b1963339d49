//! Which load balancer a Service goes to (cloud-provider-azure, `selectLoadBalancer`).

use crate::{
    annotations::Annotations,
    refusal::Reason,
    settings::{BalancerConfiguration, Settings},
};
use model::kubernetes::{Namespace, Service};
use std::{collections::BTreeMap, sync::Arc};

/// Rules that one load balancer can hold.
pub const STANDARD_RULES: usize = 1500;
/// The same for Basic.
pub const BASIC_RULES: usize = 250;

/// The word that asks for the load balancer with the fewest rules.
pub const AUTO: &str = "__auto__";

/// Chooses load balancers for Services, one after the other.
#[derive(Debug)]
pub struct Chooser<'a> {
    settings: &'a Settings,
    /// The vmsets of the cluster, the primary one first.
    vm_sets: Vec<Arc<str>>,
    /// Rules so far, by load balancer.
    rules: BTreeMap<String, usize>,
    /// The namespaces whose labels are known.
    namespaces: Option<&'a BTreeMap<String, Arc<Namespace>>>,
}

/// A load balancer for a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The load balancer's name.
    pub balancer: String,
    /// The vmset that backs it; absent with Standard, which takes all nodes.
    pub vm_set: Option<Arc<str>>,
}

impl<'a> Chooser<'a> {
    /// Starts with the rules that load balancers have already.
    pub fn new(settings: &'a Settings, vm_sets: Vec<Arc<str>>, rules: BTreeMap<String, usize>) -> Self {
        Self { settings, vm_sets, rules, namespaces: None }
    }

    /// The same, with the labels of namespaces.
    #[must_use]
    pub fn in_namespaces(mut self, namespaces: &'a BTreeMap<String, Arc<Namespace>>) -> Self {
        self.namespaces = Some(namespaces);
        self
    }

    /// The load balancer of a Service. Counts its rules.
    pub fn choose(&mut self, service: &Service) -> Result<Choice, Reason> {
        let annotations = Annotations::of(service);
        let internal = annotations.is_internal();
        let choice = if self.settings.is_standard() {
            self.standard(service, internal)?
        } else {
            self.basic(annotations.mode(), internal)?
        };
        *self.rules.entry(choice.balancer.clone()).or_default() += service.spec.ports.len();
        Ok(choice)
    }

    fn standard(&self, service: &Service, internal: bool) -> Result<Choice, Reason> {
        let settings = self.settings;
        if settings.balancers.is_empty() {
            return Ok(Choice { balancer: named(settings.balancer_name(), internal), vm_set: None });
        }
        let wanted = Annotations::of(service).configurations();
        let asked = settings.balancers.iter().filter(|own| {
            wanted.is_empty() || wanted.iter().any(|name| name.eq_ignore_ascii_case(&own.name))
        });
        let mut eligible: Vec<&BalancerConfiguration> =
            asked.filter(|own| own.allow_service_placement && self.selects(own, service)).collect();
        // One without selectors is for Services that no selector takes.
        let selective =
            |own: &BalancerConfiguration| own.service_labels.is_some() || own.service_namespaces.is_some();
        if eligible.iter().any(|own| selective(own)) {
            eligible.retain(|own| selective(own));
        }
        let names = eligible.into_iter().map(|own| named(&own.name, internal));
        // One that does not exist yet goes before any that does.
        let fewest = names.min_by_key(|name| self.rules.get(name).copied());
        fewest.map(|balancer| Choice { balancer, vm_set: None }).ok_or(Reason::NoEligibleLoadBalancer)
    }

    fn selects(&self, configuration: &BalancerConfiguration, service: &Service) -> bool {
        let by_labels = configuration.service_labels.as_ref();
        let by_namespace = configuration.service_namespaces.as_ref();
        by_labels.is_none_or(|selector| selector.matches(&service.metadata.labels))
            && by_namespace.is_none_or(|selector| {
                let namespace = &*service.metadata.key().namespace;
                let labels = self.namespaces.and_then(|known| known.get(namespace));
                let mut labels = labels.map(|own| own.metadata.labels.clone()).unwrap_or_default();
                // The API server gives every namespace this label.
                labels.entry("kubernetes.io/metadata.name".into()).or_insert_with(|| namespace.to_owned());
                selector.matches(&labels)
            })
    }

    fn count(&self, name: &str) -> usize {
        self.rules.get(name).copied().unwrap_or_default()
    }

    fn basic(&self, mode: Option<&str>, internal: bool) -> Result<Choice, Reason> {
        let primary = self.primary();
        let choice = |set: &Arc<str>| Choice {
            balancer: named(self.balancer_of(set), internal),
            vm_set: Some(set.clone()),
        };
        match mode {
            None => Ok(primary.as_ref().map_or_else(
                || Choice { balancer: named(self.settings.balancer_name(), internal), vm_set: None },
                choice,
            )),
            Some(mode) if mode.eq_ignore_ascii_case(AUTO) => {
                // A load balancer that does not exist yet goes before one without rules.
                let count = |own: &Choice| self.rules.get(&own.balancer).copied();
                let fewest = self.vm_sets.iter().map(choice).min_by_key(count);
                let fewest = fewest.ok_or(Reason::NoEligibleLoadBalancer)?;
                if self.count(&fewest.balancer) >= BASIC_RULES {
                    return Err(Reason::TooManyRules(BASIC_RULES));
                }
                Ok(fewest)
            }
            Some(mode) => {
                let found = self.vm_sets.iter().find(|set| set.eq_ignore_ascii_case(mode));
                found.map(choice).ok_or_else(|| Reason::VmSetNotFound(mode.to_owned()))
            }
        }
    }

    fn primary(&self) -> Option<Arc<str>> {
        self.vm_sets.first().cloned()
    }

    /// The primary vmset's load balancer bears the cluster's name, any other its vmset's.
    fn balancer_of<'n>(&'n self, vm_set: &'n str) -> &'n str {
        match self.primary() {
            Some(primary) if primary.eq_ignore_ascii_case(vm_set) => self.settings.balancer_name(),
            _ => vm_set,
        }
    }
}

fn named(name: &str, internal: bool) -> String {
    if internal { format!("{name}-internal") } else { name.to_owned() }
}
