//! Picks free addresses and ports by name instead of chance.

use crate::hashing::{FastSet, hash_of};
use ipnet::IpNet;
use std::{
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Values that are in use.
#[derive(Debug)]
pub(super) struct Taken<T>(FastSet<T>);

impl<T: Copy + Eq + Hash> Taken<T> {
    pub(super) fn new(values: impl IntoIterator<Item = T>) -> Self {
        Self(values.into_iter().collect())
    }

    /// Takes the first free value of a ring of `size`, from the place that the name gives; `None` if
    /// there is none.
    pub(super) fn take_by_name(
        &mut self,
        name: &[&str],
        size: u64,
        value: impl Fn(u64) -> Option<T>,
    ) -> Option<T> {
        let start = hash_of(name).checked_rem(size)?;
        self.take((start..size).chain(0..start).map_while(value))
    }

    /// Takes the first free value.
    pub(super) fn take(&mut self, values: impl IntoIterator<Item = T>) -> Option<T> {
        values.into_iter().find(|value| self.0.insert(*value))
    }
}

/// The address that lies `offset` after the first of a range; `None` outside it.
pub fn nth(net: IpNet, offset: u64) -> Option<IpAddr> {
    let ip = match net {
        IpNet::V4(net) => {
            let first = u32::from(net.network());
            IpAddr::V4(Ipv4Addr::from(first.checked_add(u32::try_from(offset).ok()?)?))
        }
        IpNet::V6(net) => IpAddr::V6(Ipv6Addr::from(u128::from(net.network()).checked_add(offset.into())?)),
    };
    net.contains(&ip).then_some(ip)
}

/// How far an address lies after the first of a range; `None` outside it.
pub(super) fn offset(net: IpNet, ip: IpAddr) -> Option<u64> {
    let offset = match (net, ip) {
        (IpNet::V4(net), IpAddr::V4(ip)) => u128::from(u32::from(ip).checked_sub(u32::from(net.network()))?),
        (IpNet::V6(net), IpAddr::V6(ip)) => u128::from(ip).checked_sub(u128::from(net.network()))?,
        _ => return None,
    };
    u64::try_from(offset).ok().filter(|_| net.contains(&ip))
}

/// How many addresses a range has, at most 2^32.
pub(super) fn size(net: IpNet) -> u64 {
    1 << u32::from(net.max_prefix_len() - net.prefix_len()).min(32)
}
