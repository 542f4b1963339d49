//! A packet in the virtual network: security groups, routes, whoever has the address.

use crate::{
    Action, Component, Owner, Text, Verdict, World,
    fold::By,
    journey::{
        At, CloudFlow, End, Keeper, Move, Moves, Party, Traveller, fabric_station, is_link_local,
        no_such_address, plain, unmarked,
    },
    later::later,
    routes::Turn,
    topology::{AddressOwner, UPLINK},
};
use azure::Sender;
use model::NodeName;
use netfilter::{Entry, InterfaceName, Segment};
use std::net::IpAddr;

impl World {
    pub(crate) fn in_fabric(&self, mut traveller: Traveller) -> Moves {
        let packet = unmarked(traveller.packet);
        let destination = packet.destination;
        // Neither routes nor security groups stand before the platform's own address.
        if azure::is_platform(destination) {
            return Moves::one(traveller, Move::Go(At::Party(Party::Platform)));
        }
        if destination == azure::METADATA {
            return Moves::one(traveller, Move::Go(At::Party(Party::Metadata)));
        }
        if is_link_local(destination) {
            let why = format!("{destination} is a link-local address: it leads nowhere from the VM's NIC.");
            return no_such_address(traveller, why);
        }
        if let Some(cause) = self.leave_nic(&mut traveller) {
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, cause)));
        }
        match self.by_route(&mut traveller) {
            Turn::On => {}
            Turn::Aside(step) => return Moves::one(traveller, step),
            Turn::Node(name) => return self.into_node(traveller, name),
        }
        let answered = |flow: &CloudFlow| flow.keeper == Keeper::Inbound && flow.inner.reversed() == packet;
        if let Some(flow) = traveller.take_cloud_flow(answered) {
            restore(&mut traveller, &flow);
        }
        let packet = unmarked(traveller.packet);
        let by_link = |flow: &CloudFlow| {
            matches!(flow.keeper, Keeper::PrivateLink { .. }) && flow.inner.reversed() == packet
        };
        if let Some(flow) = traveller.take_cloud_flow(by_link) {
            return self.answer_of_private_link(traveller, flow);
        }
        self.deliver(traveller)
    }

    /// To whoever has the destination.
    pub(crate) fn deliver(&self, traveller: Traveller) -> Moves {
        let destination = traveller.packet.destination;
        if azure::is_platform(destination) {
            return Moves::one(traveller, Move::Go(At::Party(Party::Platform)));
        }
        match self.topology.owner(destination) {
            Some(AddressOwner::Node(name)) => {
                let name = name.clone();
                self.into_node(traveller, name)
            }
            Some(AddressOwner::Pod(_)) => self.to_guest(traveller, false),
            Some(AddressOwner::Endpoint) => self.to_guest(traveller, true),
            Some(AddressOwner::Frontend) => self.to_frontend(traveller),
            Some(AddressOwner::ExternalIp(_)) => Moves::one(traveller, Move::Go(At::AnyNode)),
            Some(AddressOwner::PrivateEndpoint(name)) => self.to_private_endpoint(traveller, name),
            Some(AddressOwner::AzureService(account)) => self.to_service(traveller, account),
            Some(AddressOwner::ClusterIp(_)) => no_such_address(
                traveller,
                format!(
                    "{destination} is a cluster IP: it exists only in the rules of the nodes, and the virtual network has no route to it."
                ),
            ),
            None if self.topology.in_service_range(destination) && !self.topology.in_vnet(destination) => {
                no_such_address(
                    traveller,
                    format!(
                        "{destination} lies in the range of cluster IPs, but no Service has it, and the virtual network has no route to it."
                    ),
                )
            }
            None if self.topology.in_pod_range(destination) => {
                no_such_address(traveller, format!("{destination} is a pod address that no pod has."))
            }
            None if self.topology.on_premises(destination)
                && !self.topology.on_premises(traveller.packet.source) =>
            {
                Moves::one(traveller, Move::Go(At::Party(Party::OnPremises(destination))))
            }
            None if self.topology.in_vnet(destination) => {
                let other = self.at_other_balancer(&traveller, fabric_station());
                other.unwrap_or_else(|| self.to_vm(traveller, destination))
            }
            None => self.leave_azure(traveller),
        }
    }

    /// The switch between neighbours and the load balancer: a public frontend is reached from outside.
    fn to_frontend(&self, traveller: Traveller) -> Moves {
        // The answer to a client of this network that came in by its own outbound address.
        let packet = unmarked(traveller.packet);
        let translated =
            |flow: &CloudFlow| flow.keeper == Keeper::Outbound && flow.outer.reversed() == packet;
        if traveller.segment == Segment::Answer && traveller.cloud.iter().any(translated) {
            return Moves::one(traveller, Move::Go(At::Internet));
        }
        if self.is_internal_frontend(traveller.packet.destination) || !self.is_inside(traveller.packet.source)
        {
            return Moves::one(traveller, Move::Go(At::LoadBalancer));
        }
        self.leave_azure(traveller)
    }

    /// To the pod, or the endpoint without a pod, that has the destination.
    fn to_guest(&self, mut traveller: Traveller, alone: bool) -> Moves {
        let destination = traveller.packet.destination;
        let node = self
            .topology
            .node_of(destination)
            .map(|(node, _)| node)
            .or_else(|| self.topology.node_of_pod_range(destination))
            .cloned();
        match node {
            Some(node) => {
                let name = node.clone();
                let why = later(move || {
                    format!(
                        "The virtual network knows that {destination} is on {name} and hands the packet to that node."
                    )
                });
                traveller.note(fabric_station(), Component::AzureVnet, Owner::Azure, Action::Route, why);
                self.into_node(traveller, node)
            }
            None if alone => Moves::one(traveller, Move::Go(At::Party(Party::Endpoint(destination)))),
            None => no_such_address(traveller, format!("{destination} is on no node.")),
        }
    }

    /// To a VM that is no node, past its security groups.
    pub(crate) fn to_vm(&self, mut traveller: Traveller, address: IpAddr) -> Moves {
        if let Some(cause) = self.enter_nic(&mut traveller, Sender::vm(address)) {
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, cause)));
        }
        Moves::one(traveller, Move::Go(At::Party(Party::Vm(address))))
    }

    /// Into a node by its uplink, past the security groups.
    pub(crate) fn into_node(&self, mut traveller: Traveller, node: NodeName) -> Moves {
        if let Some(cause) = self.enter_node(&mut traveller, &node) {
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, cause)));
        }
        if traveller.entered.is_none() {
            traveller.entered = Some(node.clone());
        }
        match InterfaceName::new(UPLINK) {
            Some(uplink) => Moves::one(traveller, Move::Go(At::Node(node, Entry::Received(uplink)))),
            None => Moves::default(),
        }
    }

    /// An external IP that Azure does not own: something outside brings it to the nodes.
    pub(crate) fn at_any_node(&self, traveller: Traveller) -> Moves {
        let nodes: Vec<NodeName> = match &traveller.via {
            Some(node) => vec![node.clone()],
            None => self.model.nodes.keys().cloned().collect(),
        };
        if nodes.is_empty() {
            return no_such_address(traveller, "There is no node to take the external IP.".to_owned());
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 nodes")]
        let share = 1.0 / nodes.len() as f64;
        if traveller.branching.folds() {
            let to = (traveller.packet.destination, traveller.packet.destination_port);
            return self.into_classes(&traveller, share, &By::AnyNode, nodes, |_| to);
        }
        if let Some(node) = traveller.branching.draw(nodes.len()).and_then(|drawn| nodes.get(drawn)) {
            return self.bring_to(traveller.share(share), node);
        }
        nodes.iter().flat_map(|node| self.bring_to(traveller.share(share), node)).collect()
    }

    /// Into the node to which something outside routes an external IP.
    pub(crate) fn bring_to(&self, mut traveller: Traveller, node: &NodeName) -> Moves {
        let (destination, name) = (traveller.packet.destination, node.clone());
        let why = later(move || {
            format!(
                "{destination} is an external IP of a Service: Azure does not own it; something outside routes it to the nodes, here to {name}."
            )
        });
        traveller.note(fabric_station(), Component::AzureVnet, Owner::Client, Action::Route, why);
        traveller.carried.effects.bring_to(node);
        self.into_node(traveller, node.clone())
    }

    /// From the internet to a public address of a NIC: one to one.
    pub(crate) fn to_instance(&self, mut traveller: Traveller) -> Moves {
        let outer = unmarked(traveller.packet);
        let Some(private) = self.cloud.instance_behind(outer.destination) else {
            return no_such_address(traveller, format!("{} is nobody's.", outer.destination));
        };
        let mut inner = outer;
        inner.destination = private;
        let why = format!(
            "{} is the public address of the NIC with {private}: Azure translates one to one.",
            outer.destination
        );
        let station = crate::Station::new(crate::StationKind::PublicIp, outer.destination.to_string());
        traveller.rewrite(inner, plain(station, Component::AzureVnet, Owner::Azure, Action::Dnat, why));
        traveller.cloud.push(CloudFlow { outer, inner, keeper: Keeper::Inbound });
        self.deliver(traveller)
    }
}

/// The load balancer's part of an answer.
fn restore(traveller: &mut Traveller, flow: &CloudFlow) {
    let outer = flow.outer.reversed();
    let restored = outer != unmarked(traveller.packet);
    let why: Text = if restored {
        later(move || format!("Azure restores the frontend as source: the client sees {}.", outer.source))
            .into()
    } else {
        "The answer already carries the frontend as source; it goes straight to the client, not through a load-balancer box.".into()
    };
    let action = if restored { Action::Untranslate } else { Action::SkipLoadBalancer };
    let step = plain(fabric_station(), Component::AzureLoadBalancer, Owner::Azure, action, why);
    traveller.rewrite(outer, step);
}
