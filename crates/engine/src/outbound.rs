//! A packet on its way out of the virtual network.

use crate::{
    Action, Cause, Component, Owner, Verdict, World,
    journey::{At, CloudFlow, End, Move, Traveller, fabric_station, plain, unmarked},
    topology::AddressOwner,
};
use netfilter::Packet;
use std::net::{IpAddr, Ipv4Addr};

/// Stands for the public address of a VM that the input says nothing of.
const VM_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(20, 50, 62, 200));

impl World {
    /// Out of the virtual network, by outbound translation.
    pub(crate) fn leave_azure(&self, mut traveller: Traveller) -> Vec<(Traveller, Move)> {
        let inner = unmarked(traveller.packet);
        let from_node = match self.topology.owner(inner.source) {
            Some(AddressOwner::Node(_) | AddressOwner::Pod(_) | AddressOwner::Endpoint) => true,
            None if self.topology.in_vnet(inner.source) => false,
            _ => {
                // Already a public source: nothing to translate.
                return vec![(traveller, Move::Go(At::Internet))];
            }
        };
        let (address, why) = if let Some(found) = self.outbound_address(from_node, inner.source) {
            found
        } else {
            let why = format!("{} has no way out of the virtual network.", inner.source);
            traveller.note(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Drop, why);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoOutbound)))];
        };
        let outer = Packet { source: address, ..inner };
        let step = plain(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Snat, why);
        traveller.rewrite(outer, step);
        traveller.cloud.push(CloudFlow { outer, inner, inbound: false });
        vec![(traveller, Move::Go(At::Internet))]
    }

    /// The public address that a source leaves by, and why that one.
    fn outbound_address(&self, from_node: bool, source: IpAddr) -> Option<(IpAddr, String)> {
        if !from_node {
            let why = format!(
                "The VM {source} leaves by a public address of its own ({VM_ADDRESS} stands for it)."
            );
            return source.is_ipv4().then_some((VM_ADDRESS, why));
        }
        self.cloud.balancers().find_map(|balancer| {
            let outbound = balancer.outbound_rules.first()?;
            let name = outbound.frontend_ip_configurations.first()?.id.name();
            let frontend = balancer.frontends.iter().find(|frontend| frontend.configuration.name == name)?;
            let address = frontend.address.filter(|address| address.is_ipv4() == source.is_ipv4())?;
            let why = format!(
                "Outbound rule {} of load balancer {} translates the source to {address}.",
                outbound.name, balancer.name
            );
            Some((address, why))
        })
    }
}
