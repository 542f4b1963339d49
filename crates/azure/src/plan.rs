//! What one Service asks of Azure, before it meets other Services.

use crate::{
    allocate::{Allocator, is_private},
    annotations::Annotations,
    balancer::{Frontend, Rule},
    choose::Choice,
    names::{Namer, balancer_part_id, network_id},
    refusal::Reason,
    rules::{self, Target, Wanted},
    settings::{Scope, Settings},
};
use model::{
    Key, Model,
    azure::{FrontendIpConfiguration, IpTag, LoadBalancingRule, Probe, PublicIpAddress, PublicIpDns},
    kubernetes::{IpFamily, Service},
};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

/// The frontend of one family of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Half {
    pub(crate) family: IpFamily,
    pub(crate) frontend: String,
    pub(crate) pool: Arc<str>,
    pub(crate) address: IpAddr,
    /// The address was not in the input.
    pub(crate) allocated: bool,
    /// The public address's name; absent on an internal frontend.
    pub(crate) public_ip: Option<String>,
}

/// Rules and probes of a Service, kept as long as the Service and its frontends stay the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) service: Arc<Service>,
    pub(crate) key: Key,
    pub(crate) prefix: String,
    pub(crate) balancer: Arc<str>,
    pub(crate) vm_set: Option<Arc<str>>,
    pub(crate) halves: Vec<Half>,
    pub(crate) wanted: Result<Vec<Wanted>, Reason>,
    /// One for each of its halves, made when it is placed first.
    made: OnceLock<Vec<Made>>,
}

/// What a half of a Service puts on its load balancer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// Its own frontend with its rules. Where another Service has the address, that one's frontend takes the rules.
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) public_ip: Option<Arc<PublicIpAddress>>,
    pub(crate) probes: Vec<Arc<Probe>>,
}

impl Plan {
    pub(crate) fn new(
        (key, service): (&Key, &Arc<Service>),
        settings: &Settings,
        names: Namer,
        choice: Choice,
        halves: Vec<Half>,
    ) -> Self {
        let balancer: Arc<str> = choice.balancer.as_str().into();
        Self {
            wanted: wanted(service, settings, &names, &balancer, &halves),
            service: Arc::clone(service),
            key: key.clone(),
            prefix: names.prefix,
            balancer,
            vm_set: choice.vm_set,
            halves,
            made: OnceLock::new(),
        }
    }

    /// What its halves put on the load balancer. The settings are always those that the plan was made with.
    pub(crate) fn made(&self, settings: &Settings) -> &[Made] {
        self.made.get_or_init(|| {
            let wanted = self.wanted.iter().flatten();
            self.halves.iter().zip(wanted).map(|(half, wanted)| self.make(half, wanted, settings)).collect()
        })
    }

    fn make(&self, half: &Half, wanted: &Wanted, settings: &Settings) -> Made {
        let configuration = frontend(half, self, settings);
        let probes: Vec<Arc<Probe>> = wanted.probes.iter().cloned().map(Arc::new).collect();
        let with_probe = |rule: &LoadBalancingRule| {
            let mut rule = rule.clone();
            rule.frontend_ip_configuration = configuration.id.clone().map(Into::into);
            let own = rule.probe.as_ref().map(|reference| reference.id.name());
            let probe = own.and_then(|name| probes.iter().find(|probe| probe.name == name)).cloned();
            Arc::new(Rule { rule, probe, pool: half.pool.clone(), service: Some(self.key.clone()) })
        };
        let rules = wanted.rules.iter().map(with_probe).collect();
        Made {
            frontend: Arc::new(Frontend { address: Some(half.address), rules, configuration }),
            public_ip: public_ip(half, self, settings).map(Arc::new),
            probes,
        }
    }
}

/// Addresses for every family of a Service.
pub(crate) fn halves(
    service: &Service,
    names: &Namer,
    model: &Model,
    settings: &Settings,
    allocator: &mut Allocator,
) -> Result<Vec<Half>, Reason> {
    let annotations = Annotations::of(service);
    let internal = annotations.is_internal();
    let dual = names.families.len() > 1;
    let mut halves = Vec::new();
    for &family in &names.families {
        let v6 = family == IpFamily::IPv6;
        let public_ip = (!internal).then(|| {
            let generated =
                || names.public_ip(&settings.cluster_name, annotations.public_ip_prefix_id(v6, dual), family);
            annotations.public_ip_name(v6, dual).map_or_else(generated, str::to_owned)
        });
        let document =
            public_ip.as_deref().and_then(|name| model.public_ip_addresses.get(name)).map(Arc::as_ref);
        let reported = status_address(service, family, internal);
        // An address that the Service reports was found: it is the input that lacks the document.
        if let Some(name) = annotations.public_ip_name(v6, dual).filter(|_| !internal)
            && document.is_none()
            && reported.is_none()
        {
            return Err(Reason::PublicIpNotFound(name.to_owned()));
        }
        let known = annotations
            .fixed_address(v6)
            .or_else(|| document.and_then(|document| document.ip_address.as_deref()?.parse().ok()))
            .or(reported);
        let address = known.unwrap_or_else(|| {
            if internal {
                allocator.private(family, annotations.internal_subnet())
            } else {
                allocator.public(family)
            }
        });
        allocator.claim(address);
        halves.push(Half {
            family,
            frontend: names.frontend(family),
            pool: rules::pool_name(service, settings, family).into(),
            address,
            allocated: known.is_none(),
            public_ip,
        });
    }
    Ok(halves)
}

/// The address in the Service's status. A public one left over from before the Service became internal
/// does not count.
fn status_address(service: &Service, family: IpFamily, internal: bool) -> Option<IpAddr> {
    let ingress = &service.status.load_balancer.ingress;
    let addresses = ingress.iter().filter_map(|entry| entry.ip.parse::<IpAddr>().ok());
    addresses.filter(|ip| IpFamily::of(*ip) == family).find(|ip| !internal || is_private(*ip))
}

/// The rules of all families, or the first reason against them.
fn wanted(
    service: &Service,
    settings: &Settings,
    names: &Namer,
    balancer: &str,
    halves: &[Half],
) -> Result<Vec<Wanted>, Reason> {
    if service.metadata.uid.is_empty() {
        return Err(Reason::NoUid);
    }
    let of_half = |half: &Half| {
        let target = Target { balancer, frontend: &half.frontend, pool: &half.pool, family: half.family };
        rules::wanted(service, settings, names, &target)
    };
    halves.iter().map(of_half).collect()
}

/// The frontend's document.
fn frontend(half: &Half, plan: &Plan, settings: &Settings) -> FrontendIpConfiguration {
    let annotations = Annotations::of(&plan.service);
    let scope = &settings.scope;
    let mut configuration = FrontendIpConfiguration {
        name: half.frontend.clone(),
        id: Some(balancer_part_id(scope, &plan.balancer, "frontendIPConfigurations", &half.frontend)),
        private_ip_allocation_method: Some("Dynamic".into()),
        ..FrontendIpConfiguration::default()
    };
    if let Some(name) = &half.public_ip {
        configuration.public_ip_address = Some(public_ip_id(annotations, scope, name).into());
    } else {
        let subnet = annotations.internal_subnet().unwrap_or("aks-subnet");
        let v6 = half.family == IpFamily::IPv6;
        configuration.private_ip_address = Some(half.address.to_string());
        configuration.private_ip_address_version = Some(half.family.to_string());
        if annotations.fixed_address(v6).is_some() {
            configuration.private_ip_allocation_method = Some("Static".into());
        }
        let id = network_id(scope, "virtualNetworks", &format!("aks-vnet/subnets/{subnet}"));
        configuration.subnet = Some(id.into());
    }
    configuration
}

/// The id of a public address, which may be in a resource group of its own.
fn public_ip_id(annotations: Annotations<'_>, scope: &Scope, name: &str) -> model::ArmId {
    match annotations.public_ip_group() {
        Some(group) => {
            let scope = Scope { resource_group: group.to_owned(), ..scope.clone() };
            network_id(&scope, "publicIPAddresses", name)
        }
        None => network_id(scope, "publicIPAddresses", name),
    }
}

/// The public address's document, with the tags by which the controller finds its own.
fn public_ip(half: &Half, plan: &Plan, settings: &Settings) -> Option<PublicIpAddress> {
    let name = half.public_ip.as_ref()?;
    let annotations = Annotations::of(&plan.service);
    let mut address = PublicIpAddress {
        name: name.clone(),
        id: Some(public_ip_id(annotations, &settings.scope, name)),
        ip_address: Some(half.address.to_string()),
        sku: Some(model::azure::Sku { name: settings.sku, tier: Some("Regional".into()) }),
        ..PublicIpAddress::default()
    };
    for pair in annotations.commas("azure-pip-tags") {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        address.tags.insert(key.trim().into(), value.trim().into());
    }
    address.tags.insert("k8s-azure-cluster-name".into(), settings.cluster_name.clone());
    address.tags.insert("k8s-azure-service".into(), plan.key.to_string());
    if let Some(label) = annotations.get("azure-dns-label-name").filter(|label| !label.is_empty()) {
        address.tags.insert("k8s-azure-dns-label-service".into(), plan.key.to_string());
        address.dns_settings = Some(PublicIpDns {
            domain_name_label: Some(label.to_owned()),
            fqdn: Some(format!("{label}.{}.cloudapp.azure.com", settings.scope.location)),
        });
    }
    for pair in annotations.commas("azure-pip-ip-tags") {
        let (kind, tag) = pair.split_once('=').unwrap_or((pair, ""));
        address.ip_tags.push(IpTag { ip_tag_type: kind.trim().into(), tag: tag.trim().into() });
    }
    Some(address)
}
