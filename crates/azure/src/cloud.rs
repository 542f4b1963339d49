//! Everything that the cloud controller and AKS made of a model, ready to decide packets.

use crate::{
    balancer::{Balancer, Frontend, Member, Origin, Pool},
    membership::Vm,
    network::Network,
    network::Sender,
    nodes::Nodes,
    private_link::PrivateLinkService,
    program::{PoolMembers, Programmed},
    refusal::Refusal,
    security_group::{Guards, SecurityGroup},
    settings::{BackendPoolType, Settings},
    space::{AddressSpace, holds},
};
use ipnet::IpNet;
use model::{
    Key, Model, NodeName,
    azure::{LoadBalancer, PublicIpAddress},
    kubernetes::LoadBalancerIngress,
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Azure after every controller has run. Immutable; [`Cloud::update`] shares what an edit leaves alone.
#[derive(Debug, Clone)]
pub struct Cloud {
    settings: Arc<Settings>,
    programmed: Arc<Programmed>,
    pub(crate) nodes: Arc<Nodes>,
    pools: Pools,
    refused: Arc<[Refusal]>,
    space: Arc<AddressSpace>,
    network: Arc<Network>,
}

/// Pools by load balancer.
type Pools = BTreeMap<Arc<str>, Vec<Arc<Pool>>>;

/// An address that the input leaves open and that Hopscope allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// What has it: `Service default/web`, `managed outbound address 1`.
    pub owner: String,
    /// The address.
    pub address: IpAddr,
}

/// Runs the cloud controller and AKS's resource provider over a settled model.
pub fn program(model: &Model) -> Cloud {
    program_with(model, Settings::of(model))
}

/// The same with explicit settings.
pub fn program_with(model: &Model, settings: Settings) -> Cloud {
    let settings = Arc::new(settings);
    let nodes = Arc::new(Nodes::new(model, &settings, None));
    let programmed = Arc::new(Programmed::new(model, &settings, &nodes, None));
    let pools = fill_all(&programmed, &nodes, &settings, None);
    let space = Arc::new(AddressSpace::of(model));
    let refused = all_refused(&programmed, &pools);
    Cloud { settings, programmed, nodes, pools, refused, space, network: Arc::new(Network::of(model)) }
}

impl Cloud {
    /// The cloud after an edit of the model. Settings are read anew; whatever depends only on objects that
    /// are still the same (by pointer) is shared.
    #[must_use]
    pub fn update(&self, model: &Model) -> Self {
        let settings = Settings::of(model);
        let settings =
            if settings == *self.settings { Arc::clone(&self.settings) } else { Arc::new(settings) };
        let same_settings = Arc::ptr_eq(&settings, &self.settings);
        let old_nodes = same_settings.then_some(&*self.nodes);
        let nodes = match old_nodes.filter(|old| old.is_of(model)) {
            Some(_) => Arc::clone(&self.nodes),
            None => Arc::new(Nodes::new(model, &settings, old_nodes)),
        };
        let old = same_settings.then_some(&*self.programmed);
        let programmed = match old.filter(|old| old.inputs.is_of(model, &nodes, &self.nodes)) {
            Some(_) => Arc::clone(&self.programmed),
            None => Arc::new(Programmed::new(model, &settings, &nodes, old)),
        };
        let unchanged = Arc::ptr_eq(&nodes, &self.nodes) && Arc::ptr_eq(&programmed, &self.programmed);
        let pools = if unchanged {
            self.pools.clone()
        } else {
            fill_all(&programmed, &nodes, &settings, Some(&self.pools))
        };
        let (space, network) = if self.network.is_of(model) && nodes.have_addresses_of(&self.nodes) {
            (Arc::clone(&self.space), Arc::clone(&self.network))
        } else {
            (Arc::new(AddressSpace::of(model)), Arc::new(Network::of(model)))
        };
        let refused = if unchanged { Arc::clone(&self.refused) } else { all_refused(&programmed, &pools) };
        Self { settings, programmed, nodes, pools, refused, space, network }
    }

    /// Whether packets meet the same security groups, routes and ways out as in another cloud. Pools may
    /// differ.
    pub fn guards_alike(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.network, &other.network)
            && Arc::ptr_eq(&self.space, &other.space)
            && (Arc::ptr_eq(&self.programmed, &other.programmed)
                || (self.programmed.security_groups == other.programmed.security_groups
                    && self.programmed.node_group == other.programmed.node_group
                    && self.programmed.subnet_groups == other.programmed.subnet_groups))
    }

    /// What the controller was configured with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The load balancers in name order.
    pub fn balancers(&self) -> impl Iterator<Item = &Arc<Balancer>> {
        self.programmed.balancers.values()
    }

    /// A load balancer by name.
    pub fn balancer(&self, name: &str) -> Option<&Arc<Balancer>> {
        self.programmed.balancers.get(name)
    }

    /// The pools of a load balancer, in the document's order.
    pub fn pools(&self, balancer: &str) -> &[Arc<Pool>] {
        self.pools.get(balancer).map(Vec::as_slice).unwrap_or_default()
    }

    /// One pool.
    pub fn pool(&self, balancer: &str, name: &str) -> Option<&Arc<Pool>> {
        self.pools(balancer).iter().find(|pool| pool.name.eq_ignore_ascii_case(name))
    }

    /// A load balancer as `az network lb show -o json` prints it.
    pub fn load_balancer(&self, name: &str) -> Option<LoadBalancer> {
        let by_address = self.settings.backend_pool_type == BackendPoolType::NodeIp;
        let balancer = self.balancer(name)?;
        Some(balancer.document(self.pools(name), &self.settings.scope, by_address))
    }

    /// Every load balancer as `az network lb list -o json` prints it, in name order.
    pub fn load_balancers(&self) -> Vec<LoadBalancer> {
        self.balancers().filter_map(|balancer| self.load_balancer(&balancer.name)).collect()
    }

    /// The load balancer and frontend that own an address.
    pub fn frontend(&self, address: IpAddr) -> Option<(&Arc<Balancer>, &Arc<Frontend>)> {
        let (balancer, at) = self.programmed.by_address.get(&address)?;
        let balancer = self.programmed.balancers.get(balancer)?;
        Some((balancer, balancer.frontends.get(*at)?))
    }

    /// The addresses of all frontends, in order.
    pub fn frontend_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.programmed.by_address.keys().copied()
    }

    /// What the controller reports into `status.loadBalancer.ingress` of each Service.
    pub fn statuses(&self) -> &BTreeMap<Key, Vec<LoadBalancerIngress>> {
        &self.programmed.statuses
    }

    /// The Private Link Services that Services ask for.
    pub fn private_links(&self) -> &BTreeMap<Key, PrivateLinkService> {
        &self.programmed.private_links
    }

    /// Services that were refused, in Service order.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Addresses that the input leaves open.
    pub fn allocated(&self) -> &[Allocated] {
        &self.programmed.allocated
    }

    /// Public addresses by name, those of the input included.
    pub fn public_ips(&self) -> &BTreeMap<String, Arc<PublicIpAddress>> {
        &self.programmed.public_ips
    }

    /// Security groups by name, those of the input included.
    pub fn security_groups(&self) -> &BTreeMap<String, Arc<SecurityGroup>> {
        &self.programmed.security_groups
    }

    /// The security group that AKS puts on the NICs of nodes.
    pub fn node_security_group(&self) -> Option<&Arc<SecurityGroup>> {
        self.programmed.security_groups.get(&self.programmed.node_group)
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The addresses of a NAT gateway that AKS manages and the input does not show.
    pub(crate) fn nat_addresses(&self) -> &[IpAddr] {
        &self.programmed.nat_addresses
    }

    /// What the tag `VirtualNetwork` covers.
    pub fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// The security groups between the network and a NIC: that of the subnet, and that of the NIC, which for
    /// a node without a NIC document is the one that AKS makes. A group attached to both is asked once.
    pub fn guards(&self, sender: Sender<'_>) -> Guards {
        let in_subnet = |address: IpAddr| {
            let holds =
                |(prefixes, _): &&(Vec<IpNet>, _)| prefixes.iter().any(|prefix| holds(prefix, address));
            self.programmed.subnet_groups.iter().find(holds).map(|(_, group)| Arc::clone(group))
        };
        let own = sender.node.and_then(|node| self.vm(node)?.address(sender.address.is_ipv6()));
        let subnet = match own.filter(|_| self.subnet(sender.address).is_none()) {
            // A pod of an overlay is behind the subnet of its node.
            Some(own) => in_subnet(own),
            None => in_subnet(sender.address),
        };
        let shown = self.nic(own.unwrap_or(sender.address)).map(|(nic, _)| nic);
        let nic = match shown {
            Some(nic) => nic
                .network_security_group
                .as_ref()
                .and_then(|group| self.security_groups().get(group.id.name())),
            None => self.node_security_group().filter(|_| sender.node.is_some()),
        };
        let nic = nic.filter(|nic| subnet.as_ref().is_none_or(|subnet| subnet.name() != nic.name()));
        Guards { subnet, nic: nic.cloned() }
    }

    /// The prefixes of the nodes' subnet.
    pub fn node_subnets(&self) -> &[IpNet] {
        &self.programmed.node_subnets
    }

    /// The VM of a node.
    pub fn vm(&self, node: &NodeName) -> Option<&Arc<Vm>> {
        self.nodes.vm(node)
    }

    /// Every node's VM, in name order.
    pub fn vms(&self) -> impl Iterator<Item = &Arc<Vm>> {
        self.nodes.vms()
    }
}

/// What the controller refuses, and what Azure refuses for the sizes of the pools.
fn all_refused(programmed: &Programmed, pools: &Pools) -> Arc<[Refusal]> {
    let by_size = programmed.balancers.iter().flat_map(|(name, balancer)| {
        crate::limits::of_pools(balancer, pools.get(name).map(Vec::as_slice).unwrap_or_default())
    });
    programmed.refused.iter().cloned().chain(by_size).collect()
}

/// Every pool; one whose members are the same as before is shared.
fn fill_all(programmed: &Programmed, nodes: &Nodes, settings: &Settings, before: Option<&Pools>) -> Pools {
    let exists = |name: &str| {
        let mut own = programmed.pools.keys().map(|own| own.strip_suffix("-internal").unwrap_or(own));
        own.any(|own| own.eq_ignore_ascii_case(name))
    };
    let shards = nodes.shards(settings, exists);
    let mut filled = BTreeMap::new();
    // Most pools have the same members; each distinct set is made once.
    let mut made: Vec<(&PoolMembers, bool, Vec<Arc<Member>>)> = Vec::new();
    for (balancer, specs) in &programmed.pools {
        let old = before.and_then(|pools| pools.get(balancer));
        let mut pools = Vec::with_capacity(specs.len());
        for spec in specs {
            let known = made.iter().position(|(own, v6, _)| **own == spec.members && *v6 == spec.v6);
            let members = if let Some((_, _, members)) = known.and_then(|at| made.get(at)) {
                members.clone()
            } else {
                let members = nodes.members(&spec.members, spec.v6, &shards);
                made.push((&spec.members, spec.v6, members.clone()));
                members
            };
            let same = |pool: &&Arc<Pool>| {
                pool.name == spec.name
                    && pool.members.len() == members.len()
                    && pool.members.iter().zip(&members).all(|(old, new)| Arc::ptr_eq(old, new))
            };
            let kept = old.and_then(|pools| pools.iter().find(same));
            pools.push(match kept {
                Some(pool) => Arc::clone(pool),
                None => Arc::new(Pool { name: spec.name.clone(), members }),
            });
        }
        filled.insert(balancer.clone(), pools);
    }
    filled
}

/// Whether a load balancer stands in the input.
pub fn is_given(balancer: &Balancer) -> bool {
    matches!(balancer.origin, Origin::Given(_))
}
