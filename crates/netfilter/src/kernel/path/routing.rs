//! The routing decisions: into this host, on to another, or nowhere.

use super::{
    End, Walker,
    hooks::{BALANCED, FORWARDED, LOCAL, LOOPED},
};
use crate::{
    Event, Family,
    Hook::Output,
    Outcome,
    kernel::{address::masquerade_address, nft::Progress},
};
use std::net::IpAddr;

impl Walker<'_> {
    /// IPv6 discards packets of the loopback address before any hook.
    pub(super) fn arrives_as_martian(&self) -> bool {
        self.events.is_empty()
            && self.family() == Family::V6
            && self.comes_from_outside()
            && (self.packet.source.is_loopback() || self.packet.destination.is_loopback())
    }

    fn comes_from_outside(&self) -> bool {
        self.input.is_some() && self.input != self.kernel().addresses.loopback
    }

    pub(super) fn route_input(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let (source, destination) = (self.packet.source, self.packet.destination);
        if self.family() == Family::V4 && self.comes_from_outside() {
            // A source that is an address of this host is as impossible as one of the loopback.
            let no_destination = destination.is_loopback() && !kernel.host.route_localnet;
            if kernel.addresses.is_local(source) || no_destination {
                return Err(End(Outcome::Martian));
            }
        }
        if kernel.addresses.is_local(destination) {
            self.events.push(Event::Routed { route: None, local: true });
            self.steps = LOCAL;
            return Ok(());
        }
        if !kernel.host.forwarding {
            return Err(End(Outcome::ForwardingOff));
        }
        self.route_out()?;
        self.steps = FORWARDED;
        Ok(())
    }

    pub(super) fn route_output(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let destination = self.packet.destination;
        if let Some(loopback) = kernel.addresses.loopback.filter(|_| kernel.addresses.is_local(destination)) {
            self.output = Some((loopback, destination));
            self.events.push(Event::Routed { route: None, local: true });
            return Ok(());
        }
        self.route_out()?;
        // The kernel finds no route from 127.0.0.0/8 to elsewhere unless route_localnet is on; ::1 never has one.
        let may_leave = kernel.host.route_localnet && self.family() == Family::V4;
        if self.packet.source.is_loopback() && !may_leave {
            return Err(End(Outcome::Martian));
        }
        Ok(())
    }

    fn route_out(&mut self) -> Result<(), End> {
        let destination = self.packet.destination;
        let Some((index, route)) = self.kernel().addresses.route(&self.kernel().host, destination) else {
            self.events.push(Event::Routed { route: None, local: false });
            return Err(End(Outcome::NoRoute));
        };
        self.output = Some((route.interface, route.via.unwrap_or(destination)));
        self.events.push(Event::Routed { route: Some(index), local: false });
        Ok(())
    }

    /// Where IPVS sends a packet: to a socket of this host as it would go, elsewhere through OUTPUT.
    pub(in crate::kernel) fn send_on(&mut self) -> Result<(), End> {
        if self.is_local(self.packet.destination) {
            return Ok(());
        }
        self.route_out()?;
        self.sent_output = self.output.map(|(interface, _)| interface);
        // OUTPUT begins anew, whatever chains have seen the packet there.
        self.nft = Progress::new(Output);
        self.steps = BALANCED;
        Ok(())
    }

    pub(super) fn leave(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let Some((interface, next_hop)) = self.output else { return Err(End(Outcome::NoRoute)) };
        if Some(interface) == kernel.addresses.loopback {
            self.input = Some(interface);
            self.output = None;
            self.steps = LOOPED;
            return Ok(());
        }
        // A bridge does not send a packet back to the port that it came from, unless in hairpin mode. Behind one
        // interface the sender's address tells the port.
        let one_way = kernel.addresses.is_one_way(interface);
        if one_way && self.input == Some(interface) && self.packet.destination == self.shared.arrived.source {
            self.events.push(Event::NoHairpin { interface });
            return Err(End(Outcome::Dropped));
        }
        Err(End(Outcome::Out { interface, next_hop }))
    }

    /// The address that MASQUERADE would take.
    pub(in crate::kernel) fn masquerade_address(&self) -> Option<IpAddr> {
        let (interface, next_hop) = self.output?;
        masquerade_address(&self.kernel().addresses, &self.kernel().host, interface, next_hop)
    }

    /// The first address of the interface that the packet came in by, or the loopback's if it came from here.
    pub(in crate::kernel) fn redirect_address(&self) -> Option<IpAddr> {
        let Some(input) = self.input else {
            return Some(match self.family() {
                Family::V4 => std::net::Ipv4Addr::LOCALHOST.into(),
                Family::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        };
        let interfaces = self.kernel().host.interfaces.iter().filter(|interface| interface.name == input);
        let mut addresses = interfaces.flat_map(|interface| &interface.addresses).map(ipnet::IpNet::addr);
        addresses.find(|ip| Family::of(*ip) == self.family())
    }
}
