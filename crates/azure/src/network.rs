//! Subnets with their routes, NAT gateways and NICs: what a packet's way depends on where it enters or
//! leaves the virtual network.

use crate::{
    allocate::{node_subnets, subnet_prefixes},
    cloud::Cloud,
    routes::{EffectiveRoute, EndpointPolicy, NextHop, RouteSource, Routed, Routes},
    space::holds,
    storage::public_address,
    surroundings::{DEFAULT_NETWORK_V6, Location, are_connected, home, locate, own_ranges},
};
use ipnet::IpNet;
use model::{
    Model, NodeName,
    azure::{
        AzureFirewall, LocalNetworkGateway, ManagedCluster, NatGateway, NetworkInterface, NicIpConfiguration,
        PrivateEndpoint, PublicIpAddress, RouteTable, ServiceEndpoint, StorageAccount, Subnet,
        VirtualNetwork, VirtualNetworkGateway,
    },
    same_object, same_objects,
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Who puts a packet on the network: the address of its NIC, and the node where it is a node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The node, if the NIC is a node's.
    pub node: Option<&'a NodeName>,
    /// The source address.
    pub address: IpAddr,
}

impl<'a> Sender<'a> {
    /// A VM that is no node.
    pub fn vm(address: IpAddr) -> Self {
        Self { node: None, address }
    }

    /// A node, or a pod on it.
    pub fn node(node: &'a NodeName, address: IpAddr) -> Self {
        Self { node: Some(node), address }
    }
}

/// A subnet as packets meet it.
#[derive(Debug, Clone)]
pub struct SubnetEntry {
    /// The name.
    pub name: String,
    /// The ranges.
    pub prefixes: Vec<IpNet>,
    /// The document; a default one where the input shows no network.
    pub subnet: Subnet,
    /// The route table's name, if it has one.
    pub table: Option<String>,
    /// What its routes are called: the route table's name, or `system routes of …`.
    pub routes_name: Arc<str>,
    /// The effective routes.
    pub routes: Routes,
    /// Whether the input shows the network. Without one, AKS's own is taken: it has system routes only.
    pub is_given: bool,
}

/// The part of the network that packets depend on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    subnets: Vec<Arc<SubnetEntry>>,
    pub(crate) gateways: Vec<(Arc<NatGateway>, Vec<IpAddr>)>,
    nics: BTreeMap<IpAddr, (Arc<NetworkInterface>, usize)>,
    /// Public addresses of NICs, and the addresses behind them.
    instances: BTreeMap<IpAddr, IpAddr>,
    /// What all of this, and the address space, was read from; nodes apart.
    inputs: Inputs,
}

/// Documents of the network.
#[derive(Debug, Clone, Default)]
struct Inputs {
    cluster: Option<Arc<ManagedCluster>>,
    networks: BTreeMap<String, Arc<VirtualNetwork>>,
    tables: BTreeMap<String, Arc<RouteTable>>,
    public_ips: BTreeMap<String, Arc<PublicIpAddress>>,
    gateways: BTreeMap<String, Arc<NatGateway>>,
    nics: BTreeMap<String, Arc<NetworkInterface>>,
    firewalls: BTreeMap<String, Arc<AzureFirewall>>,
    local: BTreeMap<String, Arc<LocalNetworkGateway>>,
    remote: BTreeMap<String, Arc<VirtualNetworkGateway>>,
    endpoints: BTreeMap<String, Arc<PrivateEndpoint>>,
    accounts: BTreeMap<String, Arc<StorageAccount>>,
}

impl Inputs {
    fn of(model: &Model) -> Self {
        Self {
            cluster: model.managed_cluster.clone(),
            networks: model.virtual_networks.clone(),
            tables: model.route_tables.clone(),
            public_ips: model.public_ip_addresses.clone(),
            gateways: model.nat_gateways.clone(),
            nics: model.network_interfaces.clone(),
            firewalls: model.azure_firewalls.clone(),
            local: model.local_network_gateways.clone(),
            remote: model.virtual_network_gateways.clone(),
            endpoints: model.private_endpoints.clone(),
            accounts: model.storage_accounts.clone(),
        }
    }
}

impl Network {
    pub(crate) fn of(model: &Model) -> Self {
        let entry = |network: &VirtualNetwork, subnet: &Subnet, is_given: bool| {
            let table = subnet.route_table.as_ref();
            let table = table.and_then(|reference| model.route_tables.get(reference.id.name()));
            Arc::new(SubnetEntry {
                name: subnet.name.clone(),
                prefixes: subnet_prefixes(subnet),
                subnet: subnet.clone(),
                table: table.map(|table| table.name.clone()),
                routes_name: match table {
                    Some(table) => table.name.as_str().into(),
                    None => format!("system routes of {}", subnet.name).into(),
                },
                routes: Routes::of(network, table.map(|table| table.routes.as_slice()).unwrap_or_default())
                    .with(around(model, network, subnet)),
                is_given,
            })
        };
        let mut subnets: Vec<Arc<SubnetEntry>> = model
            .virtual_networks
            .values()
            .flat_map(|network| network.subnets.iter().map(|subnet| entry(network, subnet, true)))
            .collect();
        if model.virtual_networks.is_empty() {
            let (network, subnet) = managed(model);
            subnets.push(entry(&network, &subnet, false));
        }
        let address = |reference: &model::azure::SubResource| {
            let document = model.public_ip_addresses.get(reference.id.name())?;
            document.ip_address.as_deref()?.parse::<IpAddr>().ok()
        };
        let gateways = model.nat_gateways.values().map(|gateway| {
            let sources = gateway.public_ip_addresses.iter().filter_map(address).collect();
            (Arc::clone(gateway), sources)
        });
        let inputs = Inputs::of(model);
        let mut network = Self { subnets, gateways: gateways.collect(), inputs, ..Self::default() };
        let firewalls = model.azure_firewalls.values().map(|firewall| Arc::new(nic_of(firewall)));
        for nic in model.network_interfaces.values().cloned().chain(firewalls) {
            for (at, configuration) in nic.ip_configurations.iter().enumerate() {
                let Some(private) = configuration.address() else { continue };
                network.nics.entry(private).or_insert_with(|| (Arc::clone(&nic), at));
                if let Some(public) = configuration.public_ip_address.as_ref().and_then(address) {
                    network.instances.entry(public).or_insert(private);
                }
            }
        }
        network
    }

    /// The Azure Firewall with an address.
    fn firewall(&self, address: IpAddr) -> Option<&Arc<AzureFirewall>> {
        self.inputs
            .firewalls
            .values()
            .find(|firewall| firewall.ip_configurations.iter().any(|own| own.address() == Some(address)))
    }

    /// Whether the model still has the documents that this was read from.
    pub(crate) fn is_of(&self, model: &Model) -> bool {
        let own = &self.inputs;
        same_object(own.cluster.as_ref(), model.managed_cluster.as_ref())
            && same_objects(&own.networks, &model.virtual_networks)
            && same_objects(&own.tables, &model.route_tables)
            && same_objects(&own.public_ips, &model.public_ip_addresses)
            && same_objects(&own.gateways, &model.nat_gateways)
            && same_objects(&own.nics, &model.network_interfaces)
            && same_objects(&own.firewalls, &model.azure_firewalls)
            && same_objects(&own.local, &model.local_network_gateways)
            && same_objects(&own.remote, &model.virtual_network_gateways)
            && same_objects(&own.endpoints, &model.private_endpoints)
            && same_objects(&own.accounts, &model.storage_accounts)
    }

    pub(crate) fn subnet(&self, address: IpAddr) -> Option<&Arc<SubnetEntry>> {
        let holds = |entry: &&Arc<SubnetEntry>| entry.prefixes.iter().any(|prefix| holds(prefix, address));
        // Subnets do not overlap within a network, but two networks of one input may.
        self.subnets.iter().find(holds)
    }

    pub(crate) fn gateway(&self, subnet: &Subnet) -> Option<&(Arc<NatGateway>, Vec<IpAddr>)> {
        let named = subnet.nat_gateway.as_ref().map(|reference| reference.id.name());
        let serves =
            |gateway: &NatGateway| gateway.subnets.iter().any(|own| Some(&own.id) == subnet.id.as_ref());
        self.gateways.iter().find(|(gateway, _)| {
            named.is_some_and(|name| name.eq_ignore_ascii_case(&gateway.name)) || serves(gateway)
        })
    }
}

/// A firewall as a NIC that forwards.
fn nic_of(firewall: &AzureFirewall) -> NetworkInterface {
    // Further public addresses have no private one of their own: the firewall leaves from any of them.
    let mut ip_configurations = firewall.ip_configurations.clone();
    let private = firewall.address().map(|ip| ip.to_string());
    for own in &mut ip_configurations {
        if own.private_ip_address.is_none() {
            own.private_ip_address.clone_from(&private);
        }
    }
    NetworkInterface {
        name: firewall.name.clone(),
        ip_configurations,
        enable_ip_forwarding: Some(true),
        ..NetworkInterface::default()
    }
}

/// Routes that other resources bring into a subnet: private endpoints and service endpoints, networks behind a
/// gateway, peered networks whose document shows their ranges.
fn around(model: &Model, network: &VirtualNetwork, subnet: &Subnet) -> Vec<EffectiveRoute> {
    let route =
        |prefix, source, next_hop| EffectiveRoute { prefix, source, next_hop, next_hop_ip: None, name: None };
    let mut routes = Vec::new();
    let parse =
        |texts: &[String]| texts.iter().filter_map(|text| text.parse::<IpNet>().ok()).collect::<Vec<_>>();
    let others = || model.virtual_networks.values().filter(|other| other.name != network.name);
    for other in others().filter(|other| are_connected(network, other)) {
        for prefix in parse(&other.address_space.address_prefixes) {
            routes.push(route(prefix.trunc(), RouteSource::Default, NextHop::VNetPeering));
        }
    }
    // The /32 of a private endpoint is known in its own network and in those that are peered with it directly.
    for ip in model.private_endpoints.values().flat_map(|endpoint| endpoint.addresses()) {
        let Ok(ip) = ip.parse::<IpAddr>() else { continue };
        let known = match locate(model, ip) {
            Location::Network(home, _) => are_connected(network, home),
            Location::OnPremises(_) => false,
            Location::Elsewhere => model.virtual_networks.is_empty(),
        };
        if known {
            routes.push(route(ip.into(), RouteSource::Default, NextHop::InterfaceEndpoint));
        }
    }
    let storage = |own: &ServiceEndpoint| own.service.to_ascii_lowercase().starts_with("microsoft.storage");
    if subnet.service_endpoints.iter().any(storage) {
        let accounts = model.storage_accounts.keys().filter_map(|name| public_address(model, name));
        routes.extend(
            accounts.map(|ip| route(ip.into(), RouteSource::Default, NextHop::VirtualNetworkServiceEndpoint)),
        );
    }
    if has_gateway(model, network) {
        for gateway in model.local_network_gateways.values() {
            for prefix in parse(&gateway.local_network_address_space.address_prefixes) {
                let source = RouteSource::VirtualNetworkGateway;
                routes.push(route(prefix.trunc(), source, NextHop::VirtualNetworkGateway));
            }
        }
    }
    routes
}

/// Whether a network has a way to networks on premises. Without a document of a gateway the cluster's own network
/// is taken to have it.
fn has_gateway(model: &Model, network: &VirtualNetwork) -> bool {
    let mut gateways = model.virtual_network_gateways.values().peekable();
    if gateways.peek().is_none() {
        let home = home(model);
        return home.is_none_or(|home| home.name == network.name);
    }
    let networks = gateways.flat_map(|gateway| &gateway.ip_configurations);
    let mut networks = networks.filter_map(|own| own.subnet.as_ref()?.id.segment("virtualNetworks"));
    networks.any(|name| {
        let own = name.eq_ignore_ascii_case(&network.name);
        let remote = network.virtual_network_peerings.iter().any(|peering| {
            peering.use_remote_gateways == Some(true)
                && peering
                    .remote_virtual_network
                    .as_ref()
                    .is_some_and(|to| to.id.name().eq_ignore_ascii_case(name))
        });
        own || remote
    })
}

/// The network that AKS makes where the input shows none.
fn managed(model: &Model) -> (VirtualNetwork, Subnet) {
    let nodes = node_subnets(model);
    let own: Vec<IpNet> = own_ranges(model).into_iter().chain(DEFAULT_NETWORK_V6.parse().ok()).collect();
    let ranges = own.iter().chain(nodes.iter().filter(|net| !own.iter().any(|own| own.contains(*net))));
    let subnet = Subnet {
        name: "aks-subnet".into(),
        address_prefixes: nodes.iter().map(ToString::to_string).collect(),
        ..Subnet::default()
    };
    let network = VirtualNetwork {
        name: "aks-vnet".into(),
        address_space: model::azure::AddressSpace {
            address_prefixes: ranges.map(ToString::to_string).collect(),
        },
        ..VirtualNetwork::default()
    };
    (network, subnet)
}

impl Cloud {
    /// The subnet that an address is in.
    pub fn subnet(&self, address: IpAddr) -> Option<&Arc<SubnetEntry>> {
        self.network().subnet(address)
    }

    /// The subnet by which a sender enters the network: that of the source, else that of its node (pods of
    /// an overlay have addresses of no subnet).
    pub fn sender_subnet(&self, sender: Sender<'_>) -> Option<&Arc<SubnetEntry>> {
        let of_node = || {
            let vm = self.vm(sender.node?)?;
            self.subnet(vm.address(sender.address.is_ipv6())?)
        };
        self.subnet(sender.address).or_else(of_node)
    }

    /// The NIC document that has an address, and which of its configurations.
    pub fn nic(&self, address: IpAddr) -> Option<(&Arc<NetworkInterface>, &NicIpConfiguration)> {
        let (nic, at) = self.network().nics.get(&address)?;
        Some((nic, nic.ip_configurations.get(*at)?))
    }

    /// The name of the Azure Firewall with an address.
    pub fn firewall_name(&self, address: IpAddr) -> Option<&str> {
        self.network().firewall(address).map(|firewall| firewall.name.as_str())
    }

    /// The address in the network behind a public address of a NIC, by its document or its node's.
    pub fn instance_behind(&self, public: IpAddr) -> Option<IpAddr> {
        let by_document = self.network().instances.get(&public).copied();
        by_document.or_else(|| self.nodes.instance_behind(public))
    }

    /// The NAT gateway that leaves from a public address.
    pub fn gateway_at(&self, public: IpAddr) -> Option<&NatGateway> {
        let mut gateways = self.network().gateways.iter();
        gateways.find(|(_, sources)| sources.contains(&public)).map(|(gateway, _)| &**gateway)
    }

    /// The public address of a NIC.
    pub(crate) fn instance_address(&self, private: IpAddr) -> Option<IpAddr> {
        let instances = &self.network().instances;
        instances.iter().find(|(_, own)| **own == private).map(|(public, _)| *public)
    }

    /// The effective routes of the subnet that an address is in; `None` where the input has no such subnet.
    pub fn routes(&self, address: IpAddr) -> Option<&Routes> {
        self.subnet(address).map(|entry| &entry.routes)
    }

    /// The route that a packet from an address takes; `None` where the input does not show the subnet or
    /// nothing covers the destination.
    pub fn route(&self, source: IpAddr, destination: IpAddr) -> Option<Routed<'_>> {
        self.route_in(self.subnet(source)?, destination)
    }

    /// The route that a packet takes by the effective routes of a subnet.
    pub fn route_in<'a>(&'a self, subnet: &'a SubnetEntry, destination: IpAddr) -> Option<Routed<'a>> {
        let target = self.subnet(destination);
        let policies = target.and_then(|entry| entry.subnet.private_endpoint_network_policies.as_deref());
        let routes_apply = policies.is_some_and(|policies| {
            policies.eq_ignore_ascii_case("Enabled") || policies.eq_ignore_ascii_case("RouteTableEnabled")
        });
        let policy = EndpointPolicy { routes_apply, network: Some(self.space()) };
        subnet.routes.select(destination, policy)
    }
}
