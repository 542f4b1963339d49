//! What the API server fills in when a Service is created.

use super::{
    Field, Settled,
    addresses::service_ranges,
    allocator::{Taken, nth, size},
};
use crate::{address::parse_ip, uid_of};
use ipnet::IpNet;
use model::{
    Key, Kind, Model, ObjectRef, Objects,
    kubernetes::{
        ClientIpConfig, IpFamily, Service, ServiceType, SessionAffinity, SessionAffinityConfig, TrafficPolicy,
    },
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// `--service-node-port-range`.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;
/// Ports at the start of the range that are left to those who choose a port themselves.
const STATIC_NODE_PORTS: u64 = 86;

/// What is in use, and the ranges to choose from. What is in use is found out when something is to be given.
struct Allocators {
    /// As they were before anything was given.
    services: Objects<Key, Service>,
    ranges: Vec<IpNet>,
    dns: Option<IpAddr>,
    ips: Option<Taken<IpAddr>>,
    ports: Option<Taken<u16>>,
}

/// Completes every Service.
pub(super) fn complete(settled: &mut Settled) {
    let mut allocators = Allocators::new(&settled.model);
    let services = settled.model.services.clone();
    for (key, service) in &services {
        complete_one(settled, &mut allocators, key, service);
    }
}

/// Completes these Services, in name order; the others lack nothing.
pub(super) fn complete_some<'a>(
    settled: &mut Settled,
    services: impl IntoIterator<Item = (&'a Key, &'a Arc<Service>)>,
) {
    let mut allocators = None;
    for (key, service) in services {
        if !is_complete(&settled.model, key, service) {
            let allocators = allocators.get_or_insert_with(|| Allocators::new(&settled.model));
            complete_one(settled, allocators, key, service);
        }
    }
}

fn complete_one(settled: &mut Settled, allocators: &mut Allocators, key: &Key, service: &Arc<Service>) {
    let mut changed = Arc::clone(service);
    let object = ObjectRef::namespaced(Kind::Service, key);
    let fields = allocators.fill(key, &mut changed);
    for (field, done) in fields {
        if done {
            settled.allocated(object.clone(), field);
        } else {
            settled.exhausted(object.clone(), field);
        }
    }
    if !Arc::ptr_eq(service, &changed) {
        settled.model.services.insert(key.clone(), changed);
    }
}

/// Whether the API server has nothing to fill in.
pub(super) fn is_complete(model: &Model, key: &Key, service: &Service) -> bool {
    let (services, ranges) = (Objects::default(), service_ranges(model));
    let mut nothing = Allocators { services, ranges, dns: None, ips: None, ports: None };
    nothing.fill(key, &mut Arc::new(service.clone())).is_empty()
}

fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ip == "None"
}

fn has_node_ports(service: &Service) -> bool {
    match service.spec.service_type {
        ServiceType::NodePort => true,
        ServiceType::LoadBalancer => service.spec.allocate_load_balancer_node_ports != Some(false),
        ServiceType::ClusterIP | ServiceType::ExternalName => false,
    }
}

fn needs_health_check_port(service: &Service) -> bool {
    let spec = &service.spec;
    spec.service_type == ServiceType::LoadBalancer
        && spec.external_traffic_policy == Some(TrafficPolicy::Local)
        && spec.health_check_node_port == 0
}

impl Allocators {
    fn new(model: &Model) -> Self {
        let profile = model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
        Self {
            services: model.services.clone(),
            ranges: service_ranges(model),
            dns: profile.and_then(|profile| parse_ip(profile.dns_service_ip.as_ref()?)),
            ips: None,
            ports: None,
        }
    }

    fn ips(&mut self) -> &mut Taken<IpAddr> {
        self.ips.get_or_insert_with(|| {
            let given = self.services.values().map(|service| &service.spec).flat_map(|spec| {
                // Mostly the one is the first of the others.
                let single = Some(&spec.cluster_ip).filter(|ip| spec.cluster_ips.first() != Some(*ip));
                spec.cluster_ips.iter().chain(single)
            });
            // The API server's own Service and the cluster's DNS.
            let reserved = self.ranges.iter().flat_map(|range| [nth(*range, 1), nth(*range, 10)]).flatten();
            Taken::new(given.filter_map(|ip| parse_ip(ip)).chain(reserved).chain(self.dns))
        })
    }

    fn ports(&mut self) -> &mut Taken<u16> {
        self.ports.get_or_insert_with(|| {
            let ports = self.services.values().map(|service| &service.spec).flat_map(|spec| {
                spec.ports.iter().map(|port| port.node_port).chain([spec.health_check_node_port])
            });
            Taken::new(ports.filter(|port| *port != 0))
        })
    }

    /// Fills in one Service; says which fields were absent, and whether something was left for them.
    fn fill(&mut self, key: &Key, slot: &mut Arc<Service>) -> Vec<(Field, bool)> {
        let mut fields = Vec::new();
        if slot.metadata.uid.is_empty() {
            Arc::make_mut(slot).metadata.uid = uid_of(Kind::Service, &key.namespace, &key.name);
            fields.push((Field::Uid, true));
        }
        if slot.spec.service_type == ServiceType::ExternalName {
            return fields;
        }
        fields.extend(self.fill_cluster_ips(key, slot).map(|done| (Field::ClusterIps, done)));
        if has_node_ports(slot) && slot.spec.ports.iter().any(|port| port.node_port == 0) {
            fields.push((Field::NodePorts, self.fill_node_ports(key, Arc::make_mut(slot))));
        }
        if needs_health_check_port(slot) {
            let port = self.port(key, "healthCheckNodePort");
            Arc::make_mut(slot).spec.health_check_node_port = port.unwrap_or_default();
            fields.push((Field::HealthCheckNodePort, port.is_some()));
        }
        let timeout = slot.spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
        if slot.spec.session_affinity == Some(SessionAffinity::ClientIP)
            && timeout.and_then(|config| config.timeout_seconds).is_none()
        {
            let client_ip = ClientIpConfig { timeout_seconds: Some(10_800) };
            let config = SessionAffinityConfig { client_ip: Some(client_ip) };
            Arc::make_mut(slot).spec.session_affinity_config = Some(config);
            fields.push((Field::AffinityTimeout, true));
        }
        fields
    }

    /// Families and addresses; `None` if nothing is absent.
    fn fill_cluster_ips(&mut self, key: &Key, slot: &mut Arc<Service>) -> Option<bool> {
        let spec = &slot.spec;
        let given: Vec<String> = match (spec.cluster_ips.is_empty(), spec.cluster_ip.is_empty()) {
            (false, _) => spec.cluster_ips.clone(),
            (true, false) => vec![spec.cluster_ip.clone()],
            (true, true) => Vec::new(),
        };
        let families = self.families(slot, &given);
        let wanted = if is_headless(slot) { 1 } else { families.len() };
        let complete = !spec.ip_families.is_empty() && !spec.cluster_ip.is_empty();
        if complete && spec.cluster_ips.len() >= wanted {
            return None;
        }
        let mut ips = given;
        let mut done = true;
        if !is_headless(slot) {
            for family in families.iter().skip(ips.len()) {
                match self.cluster_ip(key, *family) {
                    Some(ip) => ips.push(ip.to_string()),
                    None => done = false,
                }
            }
        }
        let spec = &mut Arc::make_mut(slot).spec;
        spec.ip_families = families;
        if spec.cluster_ip.is_empty() {
            spec.cluster_ip = ips.first().cloned().unwrap_or_default();
        }
        spec.cluster_ips = ips;
        Some(done)
    }

    /// Families in order: as given, else those of given addresses, else as the policy asks and the cluster has.
    fn families(&self, service: &Service, given: &[String]) -> Vec<IpFamily> {
        let spec = &service.spec;
        let mut families = spec.ip_families.clone();
        for family in given.iter().filter_map(|ip| parse_ip(ip)).map(IpFamily::of) {
            if spec.ip_families.is_empty() && !families.contains(&family) {
                families.push(family);
            }
        }
        let of_cluster = || self.ranges.iter().map(|range| IpFamily::of(range.addr()));
        let dual = matches!(spec.ip_family_policy.as_deref(), Some("PreferDualStack" | "RequireDualStack"));
        if dual || families.is_empty() {
            for family in of_cluster().take(if dual { 2 } else { 1 }) {
                if !families.contains(&family) {
                    families.push(family);
                }
            }
        }
        families
    }

    /// A free address above the band that is left to those who choose one themselves, else in it.
    fn cluster_ip(&mut self, key: &Key, family: IpFamily) -> Option<IpAddr> {
        let range = *self.ranges.iter().find(|range| IpFamily::of(range.addr()) == family)?;
        let last = size(range).checked_sub(2)?;
        let band = (size(range) / 16).clamp(16, 256).min(last);
        let name = [&*key.namespace, &*key.name];
        let ips = self.ips();
        ips.take_by_name(&name, last - band + 1, |offset| nth(range, band + offset))
            .or_else(|| ips.take((1..band).map_while(|offset| nth(range, offset))))
    }

    /// Ports of the same number (TCP and UDP) share a node port.
    fn fill_node_ports(&mut self, key: &Key, service: &mut Service) -> bool {
        let mut by_port: BTreeMap<u16, u16> = BTreeMap::new();
        for port in service.spec.ports.iter().filter(|port| port.node_port != 0) {
            by_port.entry(port.port).or_insert(port.node_port);
        }
        let mut done = true;
        for port in service.spec.ports.iter_mut().filter(|port| port.node_port == 0) {
            let node_port =
                by_port.get(&port.port).copied().or_else(|| self.port(key, &port.port.to_string()));
            port.node_port = node_port.unwrap_or_default();
            by_port.extend(node_port.map(|node_port| (port.port, node_port)));
            done &= node_port.is_some();
        }
        done
    }

    fn port(&mut self, key: &Key, of: &str) -> Option<u16> {
        let first = u64::from(*NODE_PORTS.start()) + STATIC_NODE_PORTS;
        let size = u64::from(*NODE_PORTS.end()) - first + 1;
        let name = [&*key.namespace, &*key.name, of];
        let ports = self.ports();
        ports
            .take_by_name(&name, size, |offset| u16::try_from(first + offset).ok())
            .or_else(|| ports.take(NODE_PORTS))
    }
}
