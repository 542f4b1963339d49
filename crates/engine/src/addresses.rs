//! What is known by an address. A packet asks for it at every station.

use netfilter::Places;
use std::{collections::BTreeMap, net::IpAddr};

/// Values by address.
#[derive(Debug)]
pub(crate) struct AddressMap<T> {
    places: Places,
    values: Vec<T>,
}

impl<T> AddressMap<T> {
    /// The value of an address.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<&T> {
        self.values.get(self.places.get(ip)? as usize)
    }
}

impl<T> Default for AddressMap<T> {
    fn default() -> Self {
        Self { places: Places::default(), values: Vec::new() }
    }
}

impl<T> From<BTreeMap<IpAddr, T>> for AddressMap<T> {
    fn from(map: BTreeMap<IpAddr, T>) -> Self {
        let places = map.keys().copied().zip(0_u32..).collect();
        Self { places, values: map.into_values().collect() }
    }
}
