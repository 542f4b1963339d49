//! Node pools and the cluster's own ranges: what AKS refuses, or does not support.
//!
//! What the service answers to a request is an error or a warning here by what follows for the answers: an
//! input that names more nodes than a cluster can have is an error; one that AKS would not have created is a
//! warning, for it can still be asked about.

use super::Check;
use ipnet::{IpNet, Ipv4Net};
use model::{
    Kind, ObjectRef,
    azure::{AgentPool, AgentPoolMode, AgentPoolType, ManagedCluster, VmSize, is_burstable, max_pods},
};
use std::net::{IpAddr, Ipv4Addr};

/// Most nodes of one pool.
const MOST_NODES: u32 = 1000;
/// Most nodes of a cluster.
const MOST_NODES_IN_ALL: u32 = 5000;
/// Most nodes of a cluster with kubenet, which needs a route for each.
const MOST_NODES_KUBENET: u32 = 400;
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// Ranges that the addresses of services must stay out of.
const RESERVED: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 30, 0, 0), 16),
    (Ipv4Addr::new(172, 31, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
];

/// What is said of one field: the field, what is wrong, what to do.
type Remark = (&'static str, String, &'static str);

fn is(value: Option<&String>, word: &str) -> bool {
    value.is_some_and(|value| value.eq_ignore_ascii_case(word))
}

pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

impl Check<'_> {
    pub(super) fn node_pools(&mut self) {
        let model = self.model;
        let Some(cluster) = model.managed_cluster.as_deref() else { return };
        let id = ObjectRef::cluster_scoped(Kind::ManagedCluster, &cluster.name);
        let pools = &cluster.agent_pool_profiles;
        for (at, pool) in pools.iter().enumerate() {
            let path = format!("agentPoolProfiles[{at}]");
            self.node_pool(&id, &path, pool);
            for (field, what, hint) in creation(pool, cluster) {
                self.warning(&id, &format!("{path}.{field}"), what, hint);
            }
        }
        let all = pools.iter().filter_map(|pool| pool.count).fold(0, u32::saturating_add);
        let what = format!("the node pools have {all} nodes together");
        if all > MOST_NODES_IN_ALL {
            self.error(&id, "agentPoolProfiles", what, "AKS allows 5000 nodes in a cluster");
        } else if all > MOST_NODES_KUBENET && is(cluster.network_profile.network_plugin.as_ref(), "kubenet") {
            let hint = "kubenet allows 400, a route for each; use Azure CNI";
            self.warning(&id, "agentPoolProfiles", what, hint);
        }
        if !pools.is_empty() && pools.iter().all(|pool| pool.mode != AgentPoolMode::System) {
            let what = "no node pool has the mode System, and AKS refuses a cluster without one";
            self.warning(&id, "agentPoolProfiles", what, "give one pool `mode: System`");
        }
        self.service_ranges(&id, cluster);
    }

    fn node_pool(&mut self, id: &ObjectRef, path: &str, pool: &AgentPool) {
        for (at, text) in pool.node_taints.iter().enumerate() {
            let effect = text.rsplit_once(':').map_or("", |(_, effect)| effect);
            if !EFFECTS.contains(&effect) {
                let what = if effect.is_empty() {
                    format!("the taint {text:?} has no effect")
                } else {
                    format!("the taint {text:?} has the unknown effect {effect}")
                };
                let place = format!("{path}.nodeTaints[{at}]");
                let stem = text.split(':').next().unwrap_or_default();
                self.error(
                    id,
                    &place,
                    what,
                    format!("write {stem}:NoSchedule, {stem}:PreferNoSchedule or {stem}:NoExecute"),
                );
            }
        }
        if let Some(size) = pool.vm_size.as_deref().filter(|_| VmSize::of(pool).is_none()) {
            self.warning(
                id,
                &format!("{path}.vmSize"),
                format!("the VM size {size} is not known: its nodes count as having room for everything"),
                "add `vmSizeFigures: {numberOfCores: …, memoryInMB: …}` to the pool, as `az vm list-sizes` prints them",
            );
        }
        if pool.count.is_some_and(|count| count > MOST_NODES) {
            let what = format!("node pool {} has more than {MOST_NODES} nodes", pool.name);
            let hint = "AKS allows 1000 nodes in a pool; use several pools";
            self.error(id, &format!("{path}.count"), what, hint);
        }
    }

    /// The range of cluster IPs lies outside of every other range, and the DNS service inside of it.
    fn service_ranges(&mut self, id: &ObjectRef, cluster: &ManagedCluster) {
        let model = self.model;
        let network = &cluster.network_profile;
        let parse = |texts: &[String], single: Option<&String>| -> Vec<IpNet> {
            let mut ranges: Vec<IpNet> =
                texts.iter().chain(single).filter_map(|text| text.parse().ok()).collect();
            order::sort(&mut ranges);
            ranges.dedup();
            ranges
        };
        let services = parse(&network.service_cidrs, network.service_cidr.as_ref());
        let pods = parse(&network.pod_cidrs, network.pod_cidr.as_ref());
        let networks = model.virtual_networks.values().flat_map(|own| {
            own.address_space
                .address_prefixes
                .iter()
                .filter_map(|text| text.parse().ok())
                .map(move |range: IpNet| (range, format!("{range} of the network {}", own.name)))
        });
        let networks: Vec<(IpNet, String)> = networks.collect();
        let hint = "give the services a range that nothing else uses, such as 10.0.0.0/16";
        for service in &services {
            let path = "networkProfile.serviceCidr";
            let reserved = RESERVED
                .iter()
                .filter_map(|(address, length)| Ipv4Net::new(*address, *length).ok())
                .map(|range| (IpNet::V4(range), format!("{range}, which AKS keeps for itself")));
            let pods = pods.iter().map(|range| (*range, format!("{range}, the range of pods")));
            let others = reserved.chain(pods).chain(networks.iter().cloned());
            for (_, name) in others.filter(|(other, _)| overlap(other, service)) {
                self.warning(id, path, format!("{service} overlaps {name}"), hint);
            }
        }
        let dns = network.dns_service_ip.as_ref().and_then(|text| text.parse::<IpAddr>().ok());
        if let Some(dns) = dns.filter(|_| !services.is_empty()) {
            let path = "networkProfile.dnsServiceIP";
            match services.iter().find(|range| range.contains(&dns)) {
                None => {
                    let what = format!("{dns} is outside of the range of services");
                    self.warning(id, path, what, "take an address of serviceCidr, such as its tenth");
                }
                Some(range) if range.hosts().next() == Some(dns) => {
                    let what = format!("{dns} is the first address of {range}, which is the API server's");
                    self.warning(id, path, what, "take another address of serviceCidr, such as its tenth");
                }
                Some(_) => {}
            }
        }
    }
}

/// What AKS has against the creation of a pool.
fn creation(pool: &AgentPool, cluster: &ManagedCluster) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    let name = pool.name.as_str();
    let (longest, windows) = if pool.is_windows() { (6, " with Windows") } else { (12, "") };
    // AKS has no hyphens either; a cluster drawn by hand may, and no answer depends on it.
    let allowed = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if !name.is_empty() && (!begins || name.len() > longest || !name.bytes().all(allowed)) {
        let what = format!(
            "AKS refuses the name {name}: it has 1 to {longest} lower-case letters and digits{windows}, the first a letter"
        );
        remarks.push(("name", what, "give the pool a short name such as pool1"));
    }
    if pool.mode == AgentPoolMode::System {
        remarks.extend(system(pool, cluster));
    }
    if let Some(pods) = pool.max_pods.filter(|pods| !(10..=250).contains(pods)) {
        let what = format!("AKS refuses maxPods {pods}: it is from 10 to 250");
        remarks.push(("maxPods", what, "leave maxPods out for the network plugin's default"));
    }
    let scales = pool.enable_auto_scaling == Some(true);
    let scale_set = "write `type: VirtualMachineScaleSets`";
    if pool.pool_type == AgentPoolType::AvailabilitySet {
        if pool.is_spot() {
            remarks.push(("type", "spot VMs need a scale set".to_owned(), scale_set));
        }
        if scales {
            remarks.push(("type", "the cluster autoscaler needs a scale set".to_owned(), scale_set));
        }
        if pool.is_windows() {
            remarks.push(("type", "Windows nodes need a scale set".to_owned(), scale_set));
        }
    }
    if is(cluster.network_profile.load_balancer_sku.as_ref(), "basic") && !pool.availability_zones.is_empty()
    {
        let what = "availability zones need a Standard load balancer".to_owned();
        remarks.push(("availabilityZones", what, "write `loadBalancerSku: standard`"));
    }
    if pool.is_windows() && is(cluster.network_profile.network_plugin.as_ref(), "kubenet") {
        let what = "Windows nodes need Azure CNI, and the cluster has kubenet".to_owned();
        remarks.push(("osType", what, "write `networkPlugin: azure`"));
    }
    if scales {
        match pool.min_count.zip(pool.max_count) {
            Some((least, most)) if least <= most => {
                if pool.count.is_some_and(|count| !(least..=most).contains(&count)) {
                    let what =
                        format!("the count lies outside of the autoscaler's bounds {least} and {most}");
                    remarks.push(("count", what, "bring count between minCount and maxCount"));
                }
            }
            _ => {
                let what = "autoscaling needs minCount and maxCount, the first not above the second";
                let hint = "write both, or `enableAutoScaling: false`";
                remarks.push(("enableAutoScaling", what.to_owned(), hint));
            }
        }
    }
    remarks
}

/// What AKS asks of system pools.
fn system(pool: &AgentPool, cluster: &ManagedCluster) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    let name = &pool.name;
    if pool.is_spot() {
        let what = format!("AKS refuses node pool {name}: spot must be a user pool");
        remarks.push(("mode", what, "write `mode: User`"));
    }
    if pool.is_windows() {
        let what = format!("AKS refuses node pool {name}: a system pool must be Linux");
        remarks.push(("osType", what, "write `mode: User` or `osType: Linux`"));
    }
    if pool.count == Some(0) {
        let what = format!("AKS refuses node pool {name}: a system pool needs at least one node");
        remarks.push(("count", what, "write `count: 3`, as AKS recommends, or `mode: User`"));
    }
    if pool.vm_size.as_deref().is_some_and(is_burstable) {
        let what = format!("AKS does not support the B series in a system pool, such as {name}");
        remarks.push(("vmSize", what, "take a size with steady cores, such as Standard_D4s_v5"));
    }
    // Four cores are asked for today; clusters from before have sizes of two.
    if VmSize::of(pool).is_some_and(|size| size.cores < 2 || size.memory < 4096) {
        let what = format!("the VMs of system pool {name} are too small: AKS asks for 4 vCPUs and 4 GB");
        remarks.push(("vmSize", what, "take a larger size, such as Standard_D4s_v5"));
    }
    if max_pods(pool, cluster) < 30 {
        let what = format!("nodes of system pool {name} must be able to run 30 pods");
        remarks.push(("maxPods", what, "write `maxPods: 30` or more"));
    }
    remarks
}
