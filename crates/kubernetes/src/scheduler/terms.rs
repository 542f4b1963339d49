//! What pods say of other pods: who is counted where.

use model::{
    Key,
    kubernetes::{LabelSelector, Node, Pod, PodAffinityTerm},
};
use std::collections::BTreeMap;

/// A domain that no node label gives.
pub(super) const NO_DOMAIN: usize = usize::MAX;

/// Some pods and a label of nodes, with how many of these pods run where.
#[derive(Debug)]
pub(super) struct Term {
    selector: Option<LabelSelector>,
    namespaces: Vec<String>,
    topology_key: String,
    /// The domain of each node, or [`NO_DOMAIN`].
    domains: Vec<usize>,
    /// How many domains there are.
    pub(super) size: usize,
    /// Matching pods per node.
    pub(super) on_node: Vec<u32>,
    /// Matching pods per domain.
    in_domain: Vec<u32>,
    /// Per domain, how many pods there keep the matching ones away.
    repelled_by: Vec<u32>,
    /// Per domain, how much the pods there want matching ones close.
    wanted: Vec<i64>,
    /// Whether any pod repels or wants the matching ones.
    pub(super) is_mutual: bool,
}

impl Term {
    fn new(nodes: &[&Node], selector: Option<LabelSelector>, namespaces: Vec<String>, key: &str) -> Self {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        let domains = nodes.iter().map(|node| {
            let value = match node.metadata.label(key) {
                // The kubelet sets this label to the node's name on every node.
                None if key == "kubernetes.io/hostname" => Some(node.metadata.name.as_str()),
                value => value,
            };
            let next = known.len();
            value.map_or(NO_DOMAIN, |value| *known.entry(value).or_insert(next))
        });
        let domains: Vec<usize> = domains.collect();
        let size = known.len();
        Self {
            selector,
            namespaces,
            topology_key: key.to_owned(),
            on_node: vec![0; domains.len()],
            domains,
            size,
            in_domain: vec![0; size],
            repelled_by: vec![0; size],
            wanted: vec![0; size],
            is_mutual: false,
        }
    }

    pub(super) fn matches(&self, pod: &Pod) -> bool {
        let namespace = if pod.metadata.namespace.is_empty() { "default" } else { &pod.metadata.namespace };
        self.namespaces.iter().any(|known| known == namespace)
            && self.selector.as_ref().is_some_and(|selector| selector.matches(&pod.metadata.labels))
    }

    pub(super) fn domain(&self, node: usize) -> Option<usize> {
        self.domains.get(node).copied().filter(|domain| *domain != NO_DOMAIN)
    }

    /// Matching pods in the node's domain.
    pub(super) fn count(&self, node: usize) -> u32 {
        self.domain(node).and_then(|domain| self.in_domain.get(domain)).copied().unwrap_or_default()
    }

    pub(super) fn total(&self) -> u32 {
        self.in_domain.iter().sum()
    }

    pub(super) fn is_repelled(&self, node: usize) -> bool {
        self.domain(node).and_then(|domain| self.repelled_by.get(domain)).is_some_and(|count| *count > 0)
    }

    pub(super) fn wanted(&self, node: usize) -> i64 {
        self.domain(node).and_then(|domain| self.wanted.get(domain)).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, node: usize) {
        if let Some(count) = self.on_node.get_mut(node) {
            *count += 1;
        }
        let domain = self.domain(node);
        if let Some(count) = domain.and_then(|domain| self.in_domain.get_mut(domain)) {
            *count += 1;
        }
    }

    /// Counts a pod no longer.
    pub(super) fn remove(&mut self, node: usize) {
        if let Some(count) = self.on_node.get_mut(node) {
            *count = count.saturating_sub(1);
        }
        let domain = self.domain(node);
        if let Some(count) = domain.and_then(|domain| self.in_domain.get_mut(domain)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Counts a word, or takes it back.
    fn speak(&mut self, node: usize, word: Word, said: bool) {
        self.is_mutual = true;
        let Some(domain) = self.domain(node) else { return };
        let sign = if said { 1 } else { -1 };
        match word {
            Word::KeepAway => {
                if let Some(count) = self.repelled_by.get_mut(domain) {
                    *count = if said { *count + 1 } else { count.saturating_sub(1) };
                }
            }
            Word::ComeClose => self.want(domain, sign),
            Word::Wish(weight) => self.want(domain, sign * weight),
        }
    }

    fn want(&mut self, domain: usize, weight: i64) {
        if let Some(sum) = self.wanted.get_mut(domain) {
            *sum += weight;
        }
    }
}

/// What a pod says of the pods of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Required anti-affinity.
    KeepAway,
    /// Required affinity.
    ComeClose,
    /// Preferred affinity (positive) or anti-affinity (negative).
    Wish(i64),
}

/// Every term that any pod has named.
#[derive(Debug, Default)]
pub(super) struct Terms(Vec<Term>);

impl Terms {
    pub(super) fn get(&self, index: usize) -> Option<&Term> {
        self.0.get(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Term)> {
        self.0.iter().enumerate()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Term> {
        self.0.get_mut(index)
    }

    /// The term of these pods and this label. A new one counts the pods that run already.
    pub(super) fn intern(
        &mut self,
        nodes: &[&Node],
        placed: &[(usize, &Pod)],
        selector: Option<&LabelSelector>,
        namespaces: &[String],
        key: &str,
    ) -> usize {
        let alike = |term: &Term| {
            term.topology_key == key
                && term.selector.as_ref() == selector
                && term.namespaces.as_slice() == namespaces
        };
        if let Some(known) = self.0.iter().position(alike) {
            return known;
        }
        let mut term = Term::new(nodes, selector.cloned(), namespaces.to_vec(), key);
        for (node, pod) in placed {
            if term.matches(pod) {
                term.add(*node);
            }
        }
        self.0.push(term);
        self.0.len() - 1
    }

    /// Counts what a pod on a node says of others.
    pub(super) fn speak(&mut self, words: &[(usize, Word)], node: usize) {
        self.count(words, node, true);
    }

    /// Counts it no longer.
    pub(super) fn unsay(&mut self, words: &[(usize, Word)], node: usize) {
        self.count(words, node, false);
    }

    fn count(&mut self, words: &[(usize, Word)], node: usize, said: bool) {
        for (term, word) in words {
            if let Some(term) = self.0.get_mut(*term) {
                term.speak(node, *word, said);
            }
        }
    }
}

/// What a pod says of others: each term with its word, its namespaces resolved.
pub(super) fn words(pod: &Pod) -> Vec<(&PodAffinityTerm, Word)> {
    let Some(affinity) = &pod.spec.affinity else { return Vec::new() };
    let mut words = Vec::new();
    if let Some(close) = &affinity.pod_affinity {
        words.extend(close.required.iter().map(|term| (term, Word::ComeClose)));
        let wish = |wish: &i64| Word::Wish(*wish);
        words.extend(
            close
                .preferred
                .iter()
                .map(|entry| (&entry.pod_affinity_term, wish(&entry.weight.min(100).into()))),
        );
    }
    if let Some(apart) = &affinity.pod_anti_affinity {
        words.extend(apart.required.iter().map(|term| (term, Word::KeepAway)));
        let weight = |weight: u32| -i64::from(weight.min(100));
        words.extend(
            apart.preferred.iter().map(|entry| (&entry.pod_affinity_term, Word::Wish(weight(entry.weight)))),
        );
    }
    words
}

/// The namespaces that a term speaks of: its own list and those that its selector selects, else the pod's namespace.
pub(super) fn namespaces(
    pod: &Pod,
    term: &PodAffinityTerm,
    known: &BTreeMap<String, BTreeMap<String, String>>,
) -> Vec<String> {
    if term.namespaces.is_empty() && term.namespace_selector.is_none() {
        let Key { namespace, .. } = pod.metadata.key();
        return vec![namespace.to_string()];
    }
    let selected = |selector: &LabelSelector| {
        let fits = known.iter().filter(|(_, labels)| selector.matches(labels));
        fits.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let more = term.namespace_selector.as_ref().map(selected).unwrap_or_default();
    term.namespaces.iter().cloned().chain(more).collect()
}
