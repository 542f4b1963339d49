//! Sorting, maps and sets with little code.
//!
//! The standard library's sorts, and with them `collect` into a `BTreeMap` or `BTreeSet`, are compiled anew for
//! each type and each comparison: about five kilobytes of wasm each time. Here the sorting itself is compiled
//! once, over positions; for each type there remain its comparison and a loop of swaps.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// Sorts; equal items keep their order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts by a key; items of equal keys keep their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by a comparison; equal items keep their order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let swaps = swaps(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    for (at, from) in swaps.into_iter().enumerate() {
        items.swap(at, from);
    }
}

/// A map of pairs; of two with the same key the later stays.
pub fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

/// A set of items.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    for item in items {
        set.insert(item);
    }
    set
}

/// For each position the position, then, of the item that belongs there: to be swapped in turn.
#[inline(never)]
fn swaps(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut wanted: Vec<usize> = (0..length).collect();
    wanted.sort_by(|a, b| compare(*a, *b));
    // Where each item is after the swaps so far, and which item is at each position.
    let mut place: Vec<usize> = (0..length).collect();
    let mut holder = place.clone();
    let mut swaps = wanted;
    for (at, slot) in swaps.iter_mut().enumerate() {
        let (item, displaced) = (*slot, holder[at]);
        let from = place[item];
        holder.swap(at, from);
        place[displaced] = from;
        place[item] = at;
        *slot = from;
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(items: Vec<(u8, u8)>) {
            let (mut ours, mut theirs) = (items.clone(), items.clone());
            sort(&mut ours);
            theirs.sort_by(Ord::cmp);
            prop_assert_eq!(&ours, &theirs);

            let (mut ours, mut theirs) = (items.clone(), items.clone());
            sort_by_key(&mut ours, |item| item.0 / 16);
            theirs.sort_by_key(|item| item.0 / 16);
            prop_assert_eq!(&ours, &theirs, "equal keys keep their order");
        }

        #[test]
        fn collects_as_the_standard_library_does(items: Vec<(u8, u8)>) {
            prop_assert_eq!(map(items.clone()), items.iter().copied().collect::<BTreeMap<_, _>>());
            prop_assert_eq!(set(items.clone()), items.into_iter().collect::<BTreeSet<_>>());
        }
    }
}
