//! The nodes as VMs, and the members of pools.

use crate::{
    balancer::Member,
    membership::{Exclusion, Vm},
    program::PoolMembers,
    settings::{BackendPoolType, BalancerConfiguration, Settings, primary_pool},
};
use model::{Model, NodeName, azure::ManagedCluster, kubernetes::Node};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// One node with what was computed from it.
#[derive(Debug, Clone)]
struct Entry {
    node: Arc<Node>,
    vm: Arc<Vm>,
    v4: Arc<Member>,
    v6: Option<Arc<Member>>,
}

/// All nodes in name order.
#[derive(Debug)]
pub(crate) struct Nodes {
    entries: Vec<Arc<Entry>>,
    /// Private addresses by the public ones that stand for them one to one.
    instances: BTreeMap<IpAddr, IpAddr>,
    cluster: Option<Arc<ManagedCluster>>,
    /// An exclusion by label that would leave the pools empty is skipped.
    keep_labelled: bool,
}

/// The load balancer's configuration of each node, where there are several.
#[derive(Debug, Default)]
pub(crate) struct Shards(BTreeMap<NodeName, Arc<str>>);

impl Shards {
    fn new() -> Self {
        Self::default()
    }

    fn take(&mut self, entry: &Entry, known: &[&BalancerConfiguration], at: usize, counts: &mut [usize]) {
        let (Some(own), Some(count)) = (known.get(at), counts.get_mut(at)) else { return };
        *count += 1;
        self.0.insert(entry.vm.node.clone(), own.name.as_str().into());
    }
}

fn same_cluster(a: Option<&Arc<ManagedCluster>>, b: Option<&Arc<ManagedCluster>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}

impl Entry {
    fn new(node: &Arc<Node>, settings: &Settings, cluster: Option<&ManagedCluster>) -> Self {
        let vm = Vm::new(node, settings, cluster);
        let by_nic = settings.backend_pool_type == BackendPoolType::NodeIpConfiguration;
        let member = |v6: bool, id: &model::ArmId| {
            Arc::new(Member {
                node: Some(vm.node.clone()),
                address: vm.address(v6),
                ip_configuration: by_nic.then(|| id.clone()),
                admin_state: crate::balancer::AdminState::None,
            })
        };
        Self {
            node: Arc::clone(node),
            v4: member(false, &vm.ip_configuration),
            v6: vm.address(true).map(|_| member(true, &vm.ip_configuration_v6)),
            vm: Arc::new(vm),
        }
    }
}

impl Nodes {
    /// Reads every node; one that `old` has from the same object is shared.
    pub(crate) fn new(model: &Model, settings: &Settings, old: Option<&Self>) -> Self {
        let cluster = model.managed_cluster.clone();
        let old = old.filter(|old| same_cluster(old.cluster.as_ref(), cluster.as_ref()));
        let mut previous = old.map(|old| old.entries.as_slice()).unwrap_or_default().iter().peekable();
        let mut entries = Vec::with_capacity(model.nodes.len());
        for (name, node) in &model.nodes {
            while previous.next_if(|entry| entry.vm.node < *name).is_some() {}
            let kept = previous.peek().filter(|entry| Arc::ptr_eq(&entry.node, node));
            entries.push(match kept {
                Some(entry) => Arc::clone(entry),
                None => Arc::new(Entry::new(node, settings, cluster.as_deref())),
            });
        }
        let only_labels = |entry: &Arc<Entry>| entry.vm.excluded == Some(Exclusion::ExcludeLabel);
        let keep_labelled = settings.balancers.is_empty()
            && entries.iter().all(|entry| entry.vm.excluded.is_some())
            && entries.iter().any(only_labels);
        let instance = |entry: &Arc<Entry>| {
            let public = entry.vm.public_address?;
            Some((public, entry.vm.address(public.is_ipv6())?))
        };
        let instances = order::map(entries.iter().filter_map(instance));
        Self { entries, instances, cluster, keep_labelled }
    }

    /// Whether every node is still the same object.
    pub(crate) fn is_of(&self, model: &Model) -> bool {
        same_cluster(self.cluster.as_ref(), model.managed_cluster.as_ref())
            && self.entries.len() == model.nodes.len()
            && self
                .entries
                .iter()
                .zip(model.nodes.values())
                .all(|(entry, node)| Arc::ptr_eq(&entry.node, node))
    }

    pub(crate) fn vm(&self, name: &NodeName) -> Option<&Arc<Vm>> {
        let at = self.entries.binary_search_by(|entry| entry.vm.node.cmp(name)).ok()?;
        self.entries.get(at).map(|entry| &entry.vm)
    }

    /// The node's address behind a public one.
    pub(crate) fn instance_behind(&self, public: IpAddr) -> Option<IpAddr> {
        self.instances.get(&public).copied()
    }

    pub(crate) fn vms(&self) -> impl Iterator<Item = &Arc<Vm>> {
        self.entries.iter().map(|entry| &entry.vm)
    }

    /// The vmsets that have nodes: the primary one first, then in name order.
    pub(crate) fn vm_sets(&self, settings: &Settings) -> Vec<Arc<str>> {
        let mut sets: Vec<Arc<str>> = Vec::new();
        for vm in self.vms() {
            if sets.last() != Some(&vm.vm_set) {
                sets.push(vm.vm_set.clone());
            }
        }
        order::sort(&mut sets);
        sets.dedup();
        let primary = settings.primary_vm_set.as_deref().map(Arc::from).or_else(|| {
            let pool = self.cluster.as_deref().and_then(primary_pool)?;
            let entry = self.entries.iter().find(|entry| entry.node.pool() == Some(pool))?;
            Some(entry.vm.vm_set.clone())
        });
        let first = primary.or_else(|| self.system_set());
        if let Some(first) = first {
            sets.retain(|set| *set != first);
            sets.insert(0, first);
        }
        sets
    }

    /// Without a cluster document, AKS's mode label tells the system pool.
    fn system_set(&self) -> Option<Arc<str>> {
        let is_system =
            |entry: &&Arc<Entry>| entry.node.metadata.label("kubernetes.azure.com/mode") == Some("system");
        self.entries.iter().find(is_system).map(|entry| entry.vm.vm_set.clone())
    }

    fn is_member(&self, entry: &Entry) -> bool {
        match entry.vm.excluded {
            None => true,
            Some(Exclusion::ExcludeLabel) => self.keep_labelled,
            Some(_) => false,
        }
    }

    /// Which of several load balancers each node falls to (`reconcileMultipleStandardLoadBalancerBackendNodes`):
    /// the one whose primary vmset has it; else, of those that exist and whose selector takes it (or, if none
    /// does, that have no selector), the one with the fewest nodes.
    pub(crate) fn shards(&self, settings: &Settings, exists: impl Fn(&str) -> bool) -> Shards {
        let known: Vec<&BalancerConfiguration> =
            settings.balancers.iter().filter(|own| exists(&own.name)).collect();
        let mut counts = vec![0_usize; known.len()];
        let mut shards = Shards::new();
        let mut others = Vec::new();
        for entry in self.entries.iter().filter(|_| !known.is_empty()) {
            let is_primary = |own: &&BalancerConfiguration| {
                own.primary_vm_set.as_deref().is_some_and(|set| {
                    entry.vm.vm_set.eq_ignore_ascii_case(set) || entry.node.pool() == Some(set)
                })
            };
            match known.iter().position(is_primary) {
                Some(at) => shards.take(entry, &known, at, &mut counts),
                None => others.push(entry),
            }
        }
        for entry in others {
            let selects = |own: &BalancerConfiguration| {
                own.nodes.as_ref().is_some_and(|nodes| nodes.matches(&entry.node.metadata.labels))
            };
            let selected = known.iter().any(|own| selects(own));
            let takes = |at: &usize| {
                known.get(*at).is_some_and(|own| if selected { selects(own) } else { own.nodes.is_none() })
            };
            let fewest = (0..known.len()).filter(takes).min_by_key(|at| counts.get(*at).copied());
            if let Some(at) = fewest {
                shards.take(entry, &known, at, &mut counts);
            }
        }
        shards
    }

    pub(crate) fn members(&self, wanted: &PoolMembers, v6: bool, shards: &Shards) -> Vec<Arc<Member>> {
        let of_nodes = |in_pool: &dyn Fn(&Entry) -> bool| {
            let chosen = self.entries.iter().filter(|entry| self.is_member(entry) && in_pool(entry));
            let member = |entry: &Arc<Entry>| if v6 { entry.v6.clone() } else { Some(entry.v4.clone()) };
            chosen.filter_map(member).collect()
        };
        match wanted {
            PoolMembers::All => of_nodes(&|_| true),
            PoolMembers::VmSet(set) => of_nodes(&|entry| entry.vm.vm_set.eq_ignore_ascii_case(set)),
            PoolMembers::Shard(name) => of_nodes(&|entry| shards.0.get(&entry.vm.node) == Some(name)),
            PoolMembers::Nodes(names) => of_nodes(&|entry| names.contains(&entry.vm.node)),
            PoolMembers::Given(members) => members.clone(),
        }
    }

    /// The addresses of all members of the inbound pools, for security rules without floating IP.
    pub(crate) fn member_addresses(&self) -> Vec<IpAddr> {
        let members = self.entries.iter().filter(|entry| self.is_member(entry));
        members.flat_map(|entry| entry.vm.addresses.iter().copied()).collect()
    }

    /// Whether both have the same nodes with the same addresses.
    pub(crate) fn have_addresses_of(&self, other: &Self) -> bool {
        let alike = |(a, b): (&Arc<Entry>, &Arc<Entry>)| {
            Arc::ptr_eq(a, b) || (a.vm.node == b.vm.node && a.vm.addresses == b.vm.addresses)
        };
        self.entries.len() == other.entries.len() && self.entries.iter().zip(&other.entries).all(alike)
    }

    /// Whether both have the same vmsets, names and addresses, so that nothing but pools can differ.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let alike = |(a, b): (&Arc<Entry>, &Arc<Entry>)| {
            Arc::ptr_eq(a, b)
                || (a.vm.node == b.vm.node
                    && a.vm.addresses == b.vm.addresses
                    && a.vm.excluded == b.vm.excluded)
        };
        self.entries.len() == other.entries.len() && self.entries.iter().zip(&other.entries).all(alike)
    }
}
