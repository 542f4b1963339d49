//! The nodes of a pool as AKS makes them, and what the kubelet reports of them.

use crate::{membership, settings::Settings};
use model::{
    Model, NodeName, PoolName,
    azure::{AgentPool, AgentPoolMode, AgentPoolType, ManagedCluster, NicIpConfiguration, VmSize, max_pods},
    kubernetes::{Address, AddressKind, Condition, Effect, Node, Taint},
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// The key of the taint and label of spot nodes.
pub const SPOT: &str = "kubernetes.azure.com/scalesetpriority";

/// Most nodes that are made for one pool: as many as a pool can have.
const MOST_MADE: u32 = super::MAX_NODES_PER_POOL;

/// Most nodes that are made for one cluster.
const MOST_MADE_IN_ALL: usize = super::MAX_NODES as usize;

/// Adds what Azure adds to a model: the nodes of pools that have a count and no Node documents, and what a node
/// has where only the size of its VM is known. Returns the names of the nodes that were made or got a public address.
pub fn complete(model: &mut Model) -> Vec<NodeName> {
    let Some(cluster) = model.managed_cluster.clone() else { return Vec::new() };
    let given: BTreeSet<String> =
        order::set(model.nodes.values().filter_map(|node| node.pool()).map(str::to_owned));
    let mut made = Vec::new();
    let maker = Maker::new(model);
    for pool in &cluster.agent_pool_profiles {
        if given.contains(pool.name.as_str()) {
            continue;
        }
        for index in 0..pool.count.unwrap_or_default().min(MOST_MADE) {
            if made.len() >= MOST_MADE_IN_ALL {
                break;
            }
            let node = maker.node(pool, index);
            made.push(node.name());
            model.nodes.entry(node.name()).or_insert_with(|| Arc::new(node));
        }
    }
    made.extend(publish(model, &cluster));
    for node in model.nodes.values_mut() {
        if !node.status.capacity.is_empty() || !node.status.allocatable.is_empty() {
            continue;
        }
        let pool = node.pool().and_then(|name| cluster.pool(name));
        if let Some(size) = pool.and_then(VmSize::of) {
            report(Arc::make_mut(node), size, pool.map_or(110, |pool| max_pods(pool, &cluster)));
        }
    }
    made
}

/// The first public address that is given to a node.
const FIRST_PUBLIC: Ipv4Addr = Ipv4Addr::new(20, 50, 64, 10);

/// Gives nodes of pools with `enableNodePublicIP` the address that the cloud node manager reports as `ExternalIP`, where
/// no document gives one.
fn publish(model: &mut Model, cluster: &ManagedCluster) -> Vec<NodeName> {
    let is_public = |pool: &&AgentPool| pool.enable_node_public_ip == Some(true);
    let pools: Vec<&str> =
        cluster.agent_pool_profiles.iter().filter(is_public).map(|pool| pool.name.as_str()).collect();
    if pools.is_empty() {
        return Vec::new();
    }
    let external = |node: &Node| {
        let mut addresses = node.status.addresses.iter();
        addresses.find(|own| own.kind == AddressKind::ExternalIP).map(|own| own.address.clone())
    };
    // A NIC that the input shows tells by itself whether it has one.
    let nics = model.network_interfaces.values().flat_map(|nic| &nic.ip_configurations);
    let shown: BTreeSet<IpAddr> = order::set(nics.filter_map(NicIpConfiguration::address));
    let documents = model.public_ip_addresses.values().filter_map(|document| document.ip_address.clone());
    let mut used: BTreeSet<String> = order::set(documents);
    used.extend(model.nodes.values().filter_map(|node| external(node)));
    let without = |node: &Node| {
        node.pool().is_some_and(|pool| pools.contains(&pool))
            && external(node).is_none()
            && !node.internal_ips().any(|ip| shown.contains(&ip))
    };
    let names: Vec<NodeName> =
        model.nodes.iter().filter(|(_, node)| without(node)).map(|(name, _)| name.clone()).collect();
    let mut free = (u32::from(FIRST_PUBLIC)..).map(|ip| Ipv4Addr::from(ip).to_string());
    for name in &names {
        let (Some(node), Some(address)) = (model.nodes.get_mut(name), free.find(|ip| !used.contains(ip)))
        else {
            continue;
        };
        Arc::make_mut(node).status.addresses.push(Address { kind: AddressKind::ExternalIP, address });
    }
    names
}

/// Writes `status.capacity` and `status.allocatable`.
fn report(node: &mut Node, size: VmSize, max_pods: u32) {
    let resources = |millicores: u32, memory: u32| {
        let cpu = if millicores.is_multiple_of(1000) {
            (millicores / 1000).to_string()
        } else {
            format!("{millicores}m")
        };
        let mut amounts = vec![
            ("cpu", cpu),
            ("memory", format!("{}Ki", u64::from(memory) * 1024)),
            ("pods", max_pods.to_string()),
        ];
        if size.gpus > 0 {
            amounts.push(("nvidia.com/gpu", size.gpus.to_string()));
        }
        amounts.into_iter().map(|(name, amount)| (name.to_owned(), amount)).collect()
    };
    node.status.capacity = resources(size.cores.saturating_mul(1000), size.memory);
    node.status.allocatable = resources(size.allocatable_millicores(), size.allocatable_memory(max_pods));
}

/// Makes nodes with the cluster's number in their names.
#[derive(Debug)]
pub struct Maker {
    settings: Settings,
    cluster: Option<Arc<ManagedCluster>>,
    /// The eight digits in the names of a cluster's VMs.
    number: String,
}

impl Maker {
    /// Takes the number from the nodes that the model has, else makes one from the cluster's name.
    pub fn new(model: &Model) -> Self {
        let cluster = model.managed_cluster.clone();
        let given = model.nodes.keys().find_map(|name| membership::cluster_number(name.as_str()));
        let name = cluster.as_ref().map_or("", |cluster| cluster.name.as_str());
        // AKS hashes the cluster's DNS name (FNV) and keeps eight digits.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let number = given.map_or_else(|| format!("{:08}", hash % 100_000_000), str::to_owned);
        Self { settings: Settings::of(model), cluster, number }
    }

    /// The name of a pool's node: `aks-POOL-NUMBER-vmss00000a` with a base-36 index in a scale set,
    /// `aks-POOL-NUMBER-0` in an availability set, `aksPOOL00000a` with Windows, whose names have at most 15
    /// letters.
    pub fn name(&self, pool: &AgentPool, index: u32) -> NodeName {
        let name = match (pool.is_windows(), pool.pool_type) {
            (true, _) => format!("aks{}{}", pool.name, base36(index)),
            (false, AgentPoolType::VirtualMachineScaleSets) => {
                format!("aks-{}-{}-vmss{}", pool.name, self.number, base36(index))
            }
            (false, AgentPoolType::AvailabilitySet) => format!("aks-{}-{}-{index}", pool.name, self.number),
        };
        NodeName::from(name)
    }

    /// The first index that no node of the model has.
    pub fn free_index(&self, model: &Model, pool: &AgentPool) -> u32 {
        (0..=MOST_MADE).find(|index| !model.nodes.contains_key(&self.name(pool, *index))).unwrap_or_default()
    }

    /// A node of a pool, as it joins the cluster: no address and no range yet.
    pub fn node(&self, pool: &AgentPool, index: u32) -> Node {
        let name = self.name(pool, index);
        let mut node = Node::default();
        name.as_str().clone_into(&mut node.metadata.name);
        node.spec.provider_id = self.provider_id(pool, index, &name);
        node.status
            .addresses
            .push(Address { kind: AddressKind::Hostname, address: node.metadata.name.clone() });
        node.status.conditions.push(Condition::ready(true));
        let zones = &pool.availability_zones;
        let zone = usize::try_from(index).ok().and_then(|index| zones.get(index.checked_rem(zones.len())?));
        let labels = &mut node.metadata.labels;
        labels.insert("topology.kubernetes.io/region".into(), self.settings.scope.location.clone());
        if let Some(zone) = zone {
            let zone = format!("{}-{zone}", self.settings.scope.location);
            labels.insert("topology.kubernetes.io/zone".into(), zone);
        }
        labels.insert("kubernetes.io/hostname".into(), name.to_string());
        self.join(&mut node, pool);
        node
    }

    /// Gives a node what every node of a pool has: labels, taints, size.
    pub fn join(&self, node: &mut Node, pool: &AgentPool) {
        let labels = &mut node.metadata.labels;
        let mode = match pool.mode {
            AgentPoolMode::System => "system",
            AgentPoolMode::User => "user",
        };
        let mut set = |key: &str, value: &str| {
            labels.insert(key.to_owned(), value.to_owned());
        };
        set("agentpool", pool.name.as_str());
        set(Node::POOL_LABEL, pool.name.as_str());
        set("kubernetes.azure.com/mode", mode);
        set("kubernetes.azure.com/cluster", &self.settings.scope.resource_group);
        set("kubernetes.io/os", if pool.is_windows() { "windows" } else { "linux" });
        let size = VmSize::of(pool);
        if let Some(name) = &pool.vm_size {
            set("node.kubernetes.io/instance-type", name);
        }
        if size.is_some_and(|size| size.gpus > 0) {
            set("kubernetes.azure.com/accelerator", "nvidia");
        }
        if pool.is_spot() {
            set(SPOT, "spot");
        }
        for (key, value) in &pool.node_labels {
            set(key, value);
        }
        node.spec.taints = taints(pool);
        if let (Some(size), Some(cluster)) = (size, &self.cluster) {
            report(node, size, max_pods(pool, cluster));
        }
        let own = pool.current_orchestrator_version.as_deref().or(pool.orchestrator_version.as_deref());
        let version = own.or_else(|| self.cluster.as_ref()?.version());
        node.status.node_info.kubelet_version = version.map(|version| format!("v{version}"));
    }

    /// Takes away what a node has of a pool.
    pub fn leave(&self, node: &mut Node, pool: &AgentPool) {
        let gone = taints(pool);
        node.spec.taints.retain(|taint| !gone.contains(taint));
        for key in
            pool.node_labels.keys().map(String::as_str).chain([SPOT, "kubernetes.azure.com/accelerator"])
        {
            node.metadata.labels.remove(key);
        }
    }

    fn provider_id(&self, pool: &AgentPool, index: u32, name: &NodeName) -> String {
        let scope = &self.settings.scope;
        let group = format!(
            "azure:///subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute",
            scope.subscription, scope.resource_group
        );
        match pool.pool_type {
            AgentPoolType::AvailabilitySet => format!("{group}/virtualMachines/{name}"),
            AgentPoolType::VirtualMachineScaleSets => {
                let set = if pool.is_windows() {
                    format!("aks{}", pool.name)
                } else {
                    format!("aks-{}-{}-vmss", pool.name, self.number)
                };
                format!("{group}/virtualMachineScaleSets/{set}/virtualMachines/{index}")
            }
        }
    }
}

/// The taints of every node of a pool: its `nodeTaints`, and the one that AKS puts on spot nodes.
pub fn taints(pool: &AgentPool) -> Vec<Taint> {
    let mut taints: Vec<Taint> = pool.node_taints.iter().filter_map(|text| parse_taint(text)).collect();
    let spot = Taint { key: SPOT.into(), value: "spot".into(), effect: Effect::NoSchedule };
    if pool.is_spot() && !taints.contains(&spot) {
        taints.push(spot);
    }
    taints
}

/// `key=value:Effect` or `key:Effect`; `None` for anything else.
pub fn parse_taint(text: &str) -> Option<Taint> {
    let (rest, effect) = text.rsplit_once(':')?;
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    let effect = match effect {
        "NoSchedule" => Effect::NoSchedule,
        "PreferNoSchedule" => Effect::PreferNoSchedule,
        "NoExecute" => Effect::NoExecute,
        _ => return None,
    };
    (!key.is_empty()).then(|| Taint { key: key.into(), value: value.into(), effect })
}

/// Six digits of base 36, as scale sets number their computers.
fn base36(mut index: u32) -> String {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let value = u8::try_from(index % 36).unwrap_or_default();
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        index /= 36;
    }
    digits.into_iter().map(char::from).collect()
}

/// The pool of that name, with the cluster that has it.
pub fn pool_of<'a>(model: &'a Model, name: &PoolName) -> Option<(&'a ManagedCluster, &'a AgentPool)> {
    let cluster = model.managed_cluster.as_deref()?;
    Some((cluster, cluster.pool(name.as_str())?))
}
