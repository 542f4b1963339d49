//! What is known by an address. A packet asks for it at every station, so it is looked up among plain numbers.

use std::{collections::BTreeMap, net::IpAddr};

/// Values by address.
#[derive(Debug)]
pub(crate) struct AddressMap<T> {
    /// Sorted.
    v4: Vec<u32>,
    of_v4: Vec<T>,
    /// Sorted.
    v6: Vec<u128>,
    of_v6: Vec<T>,
}

impl<T> AddressMap<T> {
    /// The value of an address.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<&T> {
        match ip {
            IpAddr::V4(ip) => self.of_v4.get(self.v4.binary_search(&ip.to_bits()).ok()?),
            IpAddr::V6(ip) => self.of_v6.get(self.v6.binary_search(&ip.to_bits()).ok()?),
        }
    }
}

impl<T> Default for AddressMap<T> {
    fn default() -> Self {
        Self { v4: Vec::new(), of_v4: Vec::new(), v6: Vec::new(), of_v6: Vec::new() }
    }
}

impl<T> From<BTreeMap<IpAddr, T>> for AddressMap<T> {
    fn from(map: BTreeMap<IpAddr, T>) -> Self {
        let mut all = Self::default();
        for (ip, value) in map {
            match ip {
                IpAddr::V4(ip) => {
                    all.v4.push(ip.to_bits());
                    all.of_v4.push(value);
                }
                IpAddr::V6(ip) => {
                    all.v6.push(ip.to_bits());
                    all.of_v6.push(value);
                }
            }
        }
        all
    }
}
