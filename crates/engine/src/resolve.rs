//! From the words of a flow to addresses.

use crate::{Flow, FlowError, Place, Station, Unexposed, World, journey::Party, topology::AddressOwner};
use kubernetes::cluster_dns::DOMAIN;
use model::{
    Key, NodeName,
    kubernetes::{IpFamily, Node, ProxyMode, Service, ServiceType},
};
use std::{
    borrow::Cow,
    cell::OnceCell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    rc::Rc,
};

/// A flow with addresses.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// Who sends.
    pub(crate) sender: Party,
    /// The address that it sends from.
    pub(crate) source: IpAddr,
    /// The address that it sends to.
    pub(crate) destination: IpAddr,
    /// The sender's station, once it was told.
    pub(crate) station: OnceCell<Station>,
}

impl World {
    /// The same as [`World::resolve`], found once for a flow that is asked about again and again: it is sampled, or
    /// watched.
    pub(crate) fn resolved(&self, flow: &Flow) -> Result<Rc<Resolved>, FlowError> {
        let latest = &self.lookup.latest_flow;
        if let Some((from, to, resolved)) = &*latest.borrow()
            && (from, to) == (&flow.from, &flow.to)
        {
            return Ok(Rc::clone(resolved));
        }
        let resolved = Rc::new(self.resolve(flow)?);
        *latest.borrow_mut() = Some((flow.from.clone(), flow.to.clone(), Rc::clone(&resolved)));
        Ok(resolved)
    }

    /// Finds the sender and the addresses of both ends, of one family.
    pub(crate) fn resolve(&self, flow: &Flow) -> Result<Resolved, FlowError> {
        let (sender, sources) = self.sender(&flow.from)?;
        let in_cluster = matches!(sender, Party::Pod(_) | Party::Node(_) | Party::Endpoint(_));
        let destinations = self.receiver(flow, in_cluster)?;
        let nameless = |place: &Place| FlowError::NoAddress(place.to_string());
        let first = (
            *sources.first().ok_or_else(|| nameless(&flow.from))?,
            *destinations
                .first()
                .ok_or_else(|| self.unexposed(&flow.to).unwrap_or_else(|| nameless(&flow.to)))?,
        );
        let pair = destinations.iter().find_map(|destination| {
            sources
                .iter()
                .find(|source| source.is_ipv4() == destination.is_ipv4())
                .map(|source| (*source, *destination))
        });
        let (mut source, destination) = pair.ok_or(FlowError::MixedFamilies(first.0, first.1))?;
        if destination.is_loopback() {
            if !matches!(sender, Party::Node(_) | Party::Pod(_)) {
                return Err(FlowError::NotFound(format!(
                    "way from {} to {destination}: only processes of a pod or a node reach its loopback",
                    flow.from
                )));
            }
            source =
                if destination.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        }
        if let Party::Node(name) = &sender
            && self.is_balanced(name, destination)
        {
            // The kernel takes the address itself: it is one of the host, and has no other source to prefer.
            source = destination;
        }
        Ok(Resolved { sender, source, destination, station: OnceCell::new() })
    }

    /// Why a Service has no address for those outside, where that is known.
    fn unexposed(&self, place: &Place) -> Option<FlowError> {
        let Place::Service(key) = place else { return None };
        let spec = &self.model.services.get(key)?.spec;
        let why = match spec.service_type {
            ServiceType::ClusterIP if spec.cluster_ip != "None" => Unexposed::ClusterIp,
            ServiceType::NodePort => Unexposed::NodePort(spec.ports.first()?.node_port),
            ServiceType::LoadBalancer if spec.load_balancer_class.is_some() => {
                Unexposed::OtherClass(spec.load_balancer_class.clone()?)
            }
            ServiceType::LoadBalancer => Unexposed::Refused(self.refusal(key)?.reason.clone()),
            ServiceType::ClusterIP | ServiceType::ExternalName => return None,
        };
        Some(FlowError::NoExternalAddress(key.clone(), why))
    }

    /// Why the cloud controller could not program a Service.
    fn refusal(&self, service: &Key) -> Option<&azure::Refusal> {
        self.cloud.refused().iter().find(|refusal| refusal.service == *service)
    }

    /// The name that a sender asks DNS for before it can send: the receiver is a name, or a Service that is nothing but a
    /// name to a pod.
    pub(crate) fn called_by_name<'a>(&self, flow: &'a Flow) -> Option<Cow<'a, str>> {
        match (&flow.from, &flow.to) {
            (_, Place::Name(name)) => Some(name.into()),
            (Place::Pod(_), Place::Service(key)) if self.is_only_a_name(key) => {
                Some(format!("{}.{}.svc.{DOMAIN}.", key.name, key.namespace).into())
            }
            _ => None,
        }
    }

    /// Whether a Service has no address of its own, only a name: a headless one, or type `ExternalName`.
    pub(crate) fn is_only_a_name(&self, service: &Key) -> bool {
        self.model.services.get(service).is_some_and(|service| {
            service.spec.cluster_ip == "None" || service.spec.service_type == ServiceType::ExternalName
        })
    }

    /// Whether a node holds the address of a Service for IPVS.
    fn is_balanced(&self, node: &NodeName, ip: IpAddr) -> bool {
        let own = |node: &Node| node.internal_ips().any(|own| own == ip);
        self.model.proxy_mode() == ProxyMode::Ipvs
            && self.has_proxy(node)
            && !self.model.nodes.get(node).is_some_and(|node| own(node))
            && !self.services(IpFamily::of(ip)).concerning([(ip, 0)]).is_empty()
    }

    pub(crate) fn sender(&self, place: &Place) -> Result<(Party, Vec<IpAddr>), FlowError> {
        match place {
            Place::Ip(ip) => Ok((
                self.party_at(*ip).ok_or_else(|| FlowError::NotFound(format!("sender at {ip}")))?,
                vec![*ip],
            )),
            Place::Pod(key) => {
                let pod =
                    self.model.pods.get(key).ok_or_else(|| FlowError::NotFound(format!("pod {key}")))?;
                if let Some(phase) = &pod.status.phase
                    && (pod.is_finished() || (phase == "Pending" && pod.ips().next().is_none()))
                {
                    return Err(FlowError::NoAddress(format!("pod/{key}, whose phase is {phase},")));
                }
                if pod.spec.host_network {
                    return self.sender(&Place::Node(pod.spec.node_name.as_str().into()));
                }
                Ok((Party::Pod(key.clone()), pod.ips().collect()))
            }
            Place::Node(name) => {
                let node =
                    self.model.nodes.get(name).ok_or_else(|| FlowError::NotFound(format!("node {name}")))?;
                Ok((Party::Node(name.clone()), node.internal_ips().collect()))
            }
            Place::Vm(name) => match name.parse() {
                Ok(ip) if self.topology.in_vnet(ip) && self.topology.owner(ip).is_none() => {
                    Ok((Party::Vm(ip), vec![ip]))
                }
                _ => Err(FlowError::NotFound(format!(
                    "VM {name} (name it by a free address of the virtual network)"
                ))),
            },
            Place::Service(key) => {
                Err(FlowError::NotFound(format!("sender svc/{key}: a Service receives, it does not send")))
            }
            Place::Name(name) => Err(FlowError::NotFound(format!(
                "sender {name:?} (use an address, pod/NS/NAME, node/NAME or vm/ADDRESS)"
            ))),
        }
    }

    /// Who has an address, in words, where a place is told by its address alone: `a client on the internet`.
    pub fn whose(&self, place: &Place) -> Option<String> {
        let Place::Ip(ip) = place else { return None };
        Some(match self.party_at(*ip)? {
            Party::Internet(_) => "a client on the internet".to_owned(),
            Party::Vm(_) => match self.cloud.subnet(*ip) {
                Some(subnet) => format!("a VM in {}", subnet.name),
                None => "a VM in the virtual network".to_owned(),
            },
            Party::OnPremises(_) => "a host on premises".to_owned(),
            Party::Node(name) => format!("node {name}"),
            Party::Pod(key) => format!("pod {key}"),
            Party::Platform => "Azure's platform".to_owned(),
            Party::Metadata => "the instance metadata service".to_owned(),
            Party::Endpoint(_) | Party::AzureService { .. } => return None,
        })
    }

    /// Who sends and receives at an address; `None` for addresses that are nobody's (frontends, cluster IPs).
    fn party_at(&self, ip: IpAddr) -> Option<Party> {
        match self.topology.owner(ip) {
            Some(AddressOwner::Node(name)) => Some(Party::Node(name.clone())),
            Some(AddressOwner::Pod(key)) => Some(Party::Pod(key.clone())),
            Some(AddressOwner::Endpoint) => Some(Party::Endpoint(ip)),
            Some(AddressOwner::Frontend | AddressOwner::ClusterIp(_) | AddressOwner::ExternalIp(_)) => None,
            Some(AddressOwner::PrivateEndpoint(_) | AddressOwner::AzureService(_)) => None,
            None if azure::is_platform(ip) => Some(Party::Platform),
            None if ip == azure::METADATA => Some(Party::Metadata),
            None if self.topology.on_premises(ip) && !self.topology.in_vnet(ip) => {
                Some(Party::OnPremises(ip))
            }
            None if ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() => None,
            None if self.topology.in_vnet(ip) => Some(Party::Vm(ip)),
            None if self.is_inside(ip) => None,
            None => Some(Party::Internet(ip)),
        }
    }

    fn receiver(&self, flow: &Flow, in_cluster: bool) -> Result<Vec<IpAddr>, FlowError> {
        match &flow.to {
            Place::Ip(ip) => Ok(vec![*ip]),
            Place::Service(key) => {
                let service = self
                    .model
                    .services
                    .get(key)
                    .ok_or_else(|| FlowError::NotFound(format!("Service {key}")))?;
                Ok(self.service_addresses(key, service, in_cluster))
            }
            // Names are resolved before: `paths_by_name`.
            Place::Name(name) => Err(FlowError::NotFound(format!("address for the name {name:?}"))),
            other @ (Place::Pod(_) | Place::Node(_) | Place::Vm(_)) => Ok(self.sender(other)?.1),
        }
    }

    /// The addresses at which a client calls a Service: cluster IPs inside, else what a headless
    /// Service's name resolves to; outside, frontends, else external IPs.
    fn service_addresses(&self, key: &Key, service: &Service, in_cluster: bool) -> Vec<IpAddr> {
        let parse = |texts: &mut dyn Iterator<Item = &str>| {
            texts.filter_map(|text| text.trim().parse().ok()).collect::<Vec<IpAddr>>()
        };
        let spec = &service.spec;
        if in_cluster {
            let listed = if spec.cluster_ips.is_empty() {
                vec![spec.cluster_ip.as_str()]
            } else {
                spec.cluster_ips.iter().map(String::as_str).collect()
            };
            let cluster_ips = parse(&mut listed.into_iter());
            if cluster_ips.is_empty() && spec.service_type != ServiceType::ExternalName {
                return self.ready_endpoints(key);
            }
            return cluster_ips;
        }
        let mut frontends =
            parse(&mut service.status.load_balancer.ingress.iter().map(|ingress| ingress.ip.as_str()));
        if self.refusal(key).is_some() {
            // What it reports is of the time before.
            frontends.retain(|ip| matches!(self.topology.owner(*ip), Some(AddressOwner::Frontend)));
        }
        if frontends.is_empty() {
            parse(&mut spec.external_ips.iter().map(String::as_str))
        } else {
            frontends
        }
    }

    /// The addresses of a Service's ready endpoints, in order.
    pub(crate) fn ready_endpoints(&self, key: &Key) -> Vec<IpAddr> {
        let slices = self.slices_of(key).iter();
        let mut addresses: Vec<IpAddr> = slices
            .flat_map(|slice| &slice.endpoints)
            .filter(|endpoint| endpoint.conditions.ready.unwrap_or(true))
            .filter_map(|endpoint| endpoint.addresses.first()?.parse().ok())
            .collect();
        order::sort(&mut addresses);
        addresses.dedup();
        addresses
    }
}
