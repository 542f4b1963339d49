//! Places by address: what a packet asks for at every station, found by a hash.

use std::net::IpAddr;

/// The place of each address in a list of them.
#[derive(Debug, Default)]
pub struct Places {
    /// IPv4 addresses and their places, at the first free slot from that of their hash on; twice as many as addresses,
    /// so that a search soon ends at a free one.
    slots: Vec<Option<(u32, u32)>>,
    /// IPv6 addresses and their places, sorted.
    v6: Vec<(u128, u32)>,
}

impl Places {
    /// The place of an address.
    pub fn get(&self, ip: IpAddr) -> Option<u32> {
        match ip {
            IpAddr::V4(ip) => {
                let wanted = ip.to_bits();
                let mut at = slot(wanted, self.slots.len())?;
                loop {
                    let (found, place) = (*self.slots.get(at)?)?;
                    if found == wanted {
                        return Some(place);
                    }
                    at = (at + 1) & (self.slots.len() - 1);
                }
            }
            IpAddr::V6(ip) => {
                let found = self.v6.binary_search_by_key(&ip.to_bits(), |(ip, _)| *ip).ok()?;
                self.v6.get(found).map(|(_, place)| *place)
            }
        }
    }
}

/// The first slot for an address, of a power of two.
fn slot(ip: u32, slots: usize) -> Option<usize> {
    // Fibonacci hashing spreads neighbouring addresses over the slots.
    let spread = u64::from(ip.wrapping_mul(0x9E37_79B9));
    usize::try_from((spread * u64::try_from(slots).ok()?) >> 32).ok().filter(|_| slots != 0)
}

impl FromIterator<(IpAddr, u32)> for Places {
    /// Of an address that comes twice, the first place counts.
    fn from_iter<I: IntoIterator<Item = (IpAddr, u32)>>(addresses: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (ip, place) in addresses {
            match ip {
                IpAddr::V4(ip) => v4.push((ip.to_bits(), place)),
                IpAddr::V6(ip) => v6.push((ip.to_bits(), place)),
            }
        }
        order::sort(&mut v6);
        v6.dedup_by_key(|(ip, _)| *ip);
        let mut places = Self { slots: Vec::new(), v6 };
        if !v4.is_empty() {
            places.slots.resize((2 * v4.len()).next_power_of_two(), None);
        }
        for (ip, place) in v4 {
            places.add(ip, place);
        }
        places
    }
}

impl Places {
    fn add(&mut self, ip: u32, place: u32) {
        let size = self.slots.len();
        let mut at = slot(ip, size).unwrap_or_default();
        while let Some(slot) = self.slots.get_mut(at) {
            match slot {
                Some((known, _)) if *known == ip => return,
                Some(_) => at = (at + 1) & (size - 1),
                None => {
                    *slot = Some((ip, place));
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = (0_u32..64).prop_map(|host| IpAddr::from((0x0AF4_0000 + host).to_be_bytes()));
        prop_oneof![
            v4,
            any::<u32>().prop_map(|ip| IpAddr::from(ip.to_be_bytes())),
            (0_u128..16).prop_map(|ip| IpAddr::from(ip.to_be_bytes()))
        ]
    }

    proptest! {
        /// It gives what a map gives, and nothing for addresses that are not there.
        #[test]
        fn is_a_map(all in prop::collection::vec(address(), 0..80), others in prop::collection::vec(address(), 8)) {
            let numbered = || all.iter().copied().zip(0_u32..);
            let mut map = BTreeMap::new();
            for (ip, place) in numbered() {
                map.entry(ip).or_insert(place);
            }
            let places: Places = numbered().collect();
            for ip in all.iter().chain(&others) {
                prop_assert_eq!(places.get(*ip), map.get(ip).copied());
            }
        }
    }
}
