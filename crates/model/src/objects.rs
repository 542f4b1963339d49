//! The objects of one kind, shared as a whole until one of them changes.

use serde::Serialize;
use std::{
    collections::{BTreeMap, btree_map},
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A map of shared objects that is itself shared: a clone of a model of fifty thousand pods copies one pointer, and a
/// change copies the map once. It is read and written like the map that it holds.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Objects<K, T>(Arc<BTreeMap<K, Arc<T>>>);

impl<K, T> Objects<K, T> {
    /// Whether both are the very same map.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<K, T> Clone for Objects<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Objects<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: PartialEq, T: PartialEq> PartialEq for Objects<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl<K, T> Deref for Objects<K, T> {
    type Target = BTreeMap<K, Arc<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: Ord + Clone, T> DerefMut for Objects<K, T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl<K, T> From<BTreeMap<K, Arc<T>>> for Objects<K, T> {
    fn from(map: BTreeMap<K, Arc<T>>) -> Self {
        Self(Arc::new(map))
    }
}

impl<K: Ord, T> FromIterator<(K, Arc<T>)> for Objects<K, T> {
    fn from_iter<I: IntoIterator<Item = (K, Arc<T>)>>(objects: I) -> Self {
        Self(Arc::new(objects.into_iter().collect()))
    }
}

impl<K: Ord + Clone, T> Extend<(K, Arc<T>)> for Objects<K, T> {
    fn extend<I: IntoIterator<Item = (K, Arc<T>)>>(&mut self, objects: I) {
        (**self).extend(objects);
    }
}

impl<'a, K, T> IntoIterator for &'a Objects<K, T> {
    type Item = (&'a K, &'a Arc<T>);
    type IntoIter = btree_map::Iter<'a, K, Arc<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K: Ord + Clone, T> IntoIterator for Objects<K, T> {
    type Item = (K, Arc<T>);
    type IntoIter = btree_map::IntoIter<K, Arc<T>>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}
