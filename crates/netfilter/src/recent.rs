//! The lists of `-m recent`.

use crate::RecentUpdate;
use std::{collections::BTreeMap, net::IpAddr};

/// How many addresses a list holds (`ip_list_tot`); a further one takes the place of the one seen longest ago.
const ADDRESSES: usize = 100;
/// How many times of one address are kept (`ip_pkt_list_tot`).
const TIMES: usize = 20;

/// The lists that a host keeps, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentLists {
    lists: BTreeMap<Box<str>, BTreeMap<IpAddr, Vec<u64>>>,
}

impl RecentLists {
    /// When an address was seen, in seconds, oldest first; empty if the list does not have it.
    pub fn times(&self, list: &str, address: IpAddr) -> &[u64] {
        self.lists.get(list).and_then(|list| list.get(&address)).map_or(&[], Vec::as_slice)
    }

    /// The addresses of a list.
    pub fn addresses(&self, list: &str) -> impl Iterator<Item = IpAddr> {
        self.lists.get(list).into_iter().flatten().map(|(address, _)| *address)
    }

    /// The address of a list that was seen longest ago, and when.
    pub(crate) fn oldest(&self, list: &str) -> Option<(IpAddr, u64)> {
        let seen = |(address, times): (&IpAddr, &Vec<u64>)| (*address, times.last().copied().unwrap_or(0));
        self.lists.get(list)?.iter().map(seen).min_by_key(|(address, time)| (*time, *address))
    }

    /// Makes the changes of a packet's passage at a time in seconds.
    pub fn apply(&mut self, updates: &[RecentUpdate], now: u64) {
        for update in updates {
            match update {
                RecentUpdate::Seen { list, address } => self.see(list, *address, now),
                RecentUpdate::Refreshed { list, address } => {
                    self.lists.entry(list.clone()).or_default().insert(*address, vec![now]);
                }
                RecentUpdate::Removed { list, address } => {
                    if let Some(list) = self.lists.get_mut(list) {
                        list.remove(address);
                    }
                }
            }
        }
    }

    fn see(&mut self, name: &str, address: IpAddr, now: u64) {
        let full =
            self.lists.get(name).is_some_and(|list| list.len() >= ADDRESSES && !list.contains_key(&address));
        let oldest = if full { self.oldest(name) } else { None };
        let list = self.lists.entry(name.into()).or_default();
        if let Some((oldest, _)) = oldest {
            list.remove(&oldest);
        }
        let times = list.entry(address).or_default();
        if times.len() >= TIMES {
            times.remove(0);
        }
        times.push(now);
    }
}
