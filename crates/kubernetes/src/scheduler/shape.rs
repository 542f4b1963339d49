//! Pods that are alike are judged alike: what depends on nodes only is worked out once for all of them.

use super::{
    Refusal, Scheduler, Unschedulable, fit, resources,
    resources::{Amounts, HostPort, Room},
    terms::{self, Word},
};
use crate::hashing::{Fnv, hash_of_value};
use model::{
    NodeName,
    kubernetes::{LabelSelector, Node, Pod, TopologySpreadConstraint, WhenUnsatisfiable},
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Pods with equal namespace, labels and spec.
#[derive(Debug)]
pub(super) struct Shape {
    pod: Arc<Pod>,
    requests: Amounts,
    /// Ports of its node that the pod asks for.
    ports: Vec<HostPort>,
    /// Nodes that do not refuse the pod by themselves.
    open: Vec<usize>,
    /// For each of them, the part of the score that does not change.
    liking: Vec<i64>,
    words: Vec<(usize, Word)>,
    spread: Vec<Spread>,
    /// Nodes whose pods are counted for spreading.
    eligible: Vec<bool>,
    /// Which terms the pod belongs to.
    belongs: Vec<bool>,
    /// Those of them of which some pod has said anything: the others count nothing against a node or for it.
    mutual: Vec<usize>,
    /// The open nodes by score, where a pod more never makes a node better: the top may be outdated, and is then
    /// put back with its new score.
    best: BinaryHeap<Rank>,
    failed: Option<Unschedulable>,
}

/// Score, fewest pods, first by name.
type Rank = (i64, Reverse<u64>, Reverse<usize>);

/// A topology spread constraint.
#[derive(Debug, Clone, Copy)]
struct Spread {
    term: usize,
    max_skew: u32,
    hard: bool,
    /// With fewer domains, the fewest pods of any count as none.
    min_domains: usize,
}

/// How many pods a constraint counts per domain, and the fewest.
struct Counted {
    per_domain: Vec<u32>,
    fewest: u32,
}

/// Labels that tell pods of one StatefulSet apart.
const OWN_LABELS: [&str; 2] = ["statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"];

/// The best score of a plugin.
const MOST: i64 = 100;

fn hash(pod: &Pod) -> u64 {
    let mut hasher = Fnv::default();
    pod.metadata.namespace.hash(&mut hasher);
    pod.metadata.labels.hash(&mut hasher);
    pod.metadata.controller().is_some().hash(&mut hasher);
    hasher.write_u64(hash_of_value(&pod.spec));
    hasher.finish()
}

fn alike(a: &Pod, b: &Pod) -> bool {
    a.metadata.labels == b.metadata.labels
        && a.metadata.namespace == b.metadata.namespace
        && a.spec == b.spec
        && a.metadata.controller().is_some() == b.metadata.controller().is_some()
}

impl Scheduler {
    /// The terms that a pod names, with what it says of them.
    pub(super) fn words(&mut self, pod: &Pod) -> Vec<(usize, Word)> {
        let words = terms::words(pod);
        let named = words.into_iter().map(|(term, word)| {
            let namespaces = terms::namespaces(pod, term, &self.namespaces);
            (self.intern(term.label_selector.as_ref(), &namespaces, &term.topology_key), word)
        });
        named.collect()
    }

    fn intern(&mut self, selector: Option<&LabelSelector>, namespaces: &[String], key: &str) -> usize {
        let nodes: Vec<&Node> = self.nodes.iter().map(|(_, node)| &**node).collect();
        let placed: Vec<(usize, &Pod)> = self.placed.iter().map(|(node, pod)| (*node, &**pod)).collect();
        self.terms.intern(&nodes, &placed, selector, namespaces, key)
    }

    pub(super) fn shape_of(&mut self, pod: &Pod) -> usize {
        let hash = hash(pod);
        let known = self.by_hash.get(&hash).map(Vec::as_slice).unwrap_or_default();
        let same = |index: &&usize| self.shapes.get(**index).is_some_and(|shape| alike(&shape.pod, pod));
        if let Some(index) = known.iter().find(same) {
            return *index;
        }
        let shape = self.judge(pod);
        self.shapes.push(shape);
        let index = self.shapes.len() - 1;
        self.by_hash.entry(hash).or_default().push(index);
        index
    }

    fn judge(&mut self, pod: &Pod) -> Shape {
        let requests = resources::requests(&mut self.names, pod);
        let words = self.words(pod);
        let spread = self.spread(pod);
        let accepts = |(_, (_, node)): &(usize, &(NodeName, Arc<Node>))| fit::refusal(pod, node).is_none();
        let open: Vec<(usize, &Node)> = (self.nodes.iter().enumerate())
            .filter(accepts)
            .map(|(index, (_, node))| (index, &**node))
            .collect();
        let avoided: Vec<i64> = open.iter().map(|(_, node)| number(fit::avoided(pod, node))).collect();
        let wished: Vec<i64> = open.iter().map(|(_, node)| fit::preference(pod, node).into()).collect();
        let (most_avoided, most_wished) = (greatest(&avoided), greatest(&wished));
        let liking = avoided.iter().zip(&wished).map(|(avoided, wished)| {
            3 * (MOST - MOST * avoided / most_avoided.max(1)) + 2 * (MOST * wished / most_wished.max(1))
        });
        let counts = |node: &Node, index: usize| {
            let keyed = |entry: &&Spread| entry.hard;
            let has_key =
                |entry: &Spread| self.terms.get(entry.term).is_some_and(|term| term.domain(index).is_some());
            fit::fits_labels(&pod.spec, node) && spread.iter().filter(keyed).all(has_key)
        };
        let eligible = if spread.is_empty() {
            Vec::new()
        } else {
            self.nodes.iter().enumerate().map(|(index, (_, node))| counts(node, index)).collect()
        };
        Shape {
            requests,
            ports: resources::ports(pod),
            liking: liking.collect(),
            open: open.iter().map(|(index, _)| *index).collect(),
            words,
            spread,
            eligible,
            belongs: Vec::new(),
            mutual: Vec::new(),
            best: BinaryHeap::new(),
            failed: None,
            pod: Arc::new(pod.clone()),
        }
    }

    /// The pod's own constraints, else kube-scheduler's default ones for pods of ReplicaSets and StatefulSets:
    /// wishes to spread over nodes (skew 3) and zones (skew 5).
    fn spread(&mut self, pod: &Pod) -> Vec<Spread> {
        let namespace = [pod.metadata.key().namespace.to_string()];
        let own = &pod.spec.topology_spread_constraints;
        if !own.is_empty() {
            let entries = own.iter().map(|constraint| {
                let selector = with_own_labels(constraint, pod);
                Spread {
                    term: self.intern(selector.as_ref(), &namespace, &constraint.topology_key),
                    max_skew: constraint.max_skew.max(1),
                    hard: constraint.when_unsatisfiable == WhenUnsatisfiable::DoNotSchedule,
                    min_domains: constraint
                        .min_domains
                        .and_then(|least| usize::try_from(least).ok())
                        .unwrap_or(1),
                }
            });
            return entries.collect();
        }
        let by_default =
            |kind: &str| matches!(kind, "ReplicaSet" | "StatefulSet") && !pod.metadata.labels.is_empty();
        if !pod.metadata.controller().is_some_and(|owner| by_default(&owner.kind)) {
            return Vec::new();
        }
        let mut selector = LabelSelector { match_labels: pod.metadata.labels.clone(), ..Default::default() };
        selector.match_labels.retain(|key, _| !OWN_LABELS.contains(&key.as_str()));
        [("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5)]
            .map(|(key, max_skew)| Spread {
                term: self.intern(Some(&selector), &namespace, key),
                max_skew,
                hard: false,
                min_domains: 1,
            })
            .into()
    }

    /// Learns which of the terms that came up since the pod belongs to; whether any of them is mutual.
    fn learn(&mut self, shape: usize) -> bool {
        let Some(shape) = self.shapes.get_mut(shape) else { return false };
        for (_, term) in self.terms.iter().skip(shape.belongs.len()) {
            shape.belongs.push(term.matches(&shape.pod));
        }
        let own = shape.belongs.iter().zip(self.terms.iter()).filter(|(belongs, _)| **belongs);
        shape.mutual.clear();
        shape.mutual.extend(own.filter(|(_, (_, term))| term.is_mutual).map(|(_, (index, _))| index));
        !shape.mutual.is_empty()
    }

    /// The best node for a pod of this shape.
    pub(super) fn choose(&mut self, index: usize) -> Option<usize> {
        let mutual = self.learn(index);
        let shape = self.shapes.get(index)?;
        if mutual || !shape.words.is_empty() || !shape.spread.is_empty() {
            return self.choose_among_all(index);
        }
        if shape.failed.is_some() {
            return None;
        }
        self.choose_top(index)
    }

    fn rank(&self, shape: &Shape, node: usize, liking: i64) -> Option<Rank> {
        let fits = |room: &&Room| room.fits(&shape.requests) && !room.lacks_ports(&shape.ports);
        let room = self.rooms.get(node).filter(fits)?;
        Some((liking + number(room.left(&shape.requests)), Reverse(room.pods), Reverse(node)))
    }

    /// Nothing but resources counts: a node only gets worse, so the top of the heap is soon up to date.
    fn choose_top(&mut self, index: usize) -> Option<usize> {
        let mut best = std::mem::take(&mut self.shapes.get_mut(index)?.best);
        let shape = self.shapes.get(index)?;
        let liking = |node: usize| {
            let place = shape.open.binary_search(&node).ok()?;
            shape.liking.get(place).copied()
        };
        if best.is_empty() {
            let ranks = shape.open.iter().zip(&shape.liking);
            best = ranks.filter_map(|(node, liking)| self.rank(shape, *node, *liking)).collect();
        }
        let mut chosen = None;
        while let Some(rank) = best.pop() {
            let Reverse(node) = rank.2;
            let Some(now) = liking(node).and_then(|liking| self.rank(shape, node, liking)) else { continue };
            best.push(now);
            if now == rank {
                chosen = Some(node);
                break;
            }
        }
        self.shapes.get_mut(index)?.best = best;
        chosen
    }

    fn choose_among_all(&self, index: usize) -> Option<usize> {
        let shape = self.shapes.get(index)?;
        let counted = self.counted(shape);
        let mut candidates = Vec::with_capacity(shape.open.len());
        for (node, liking) in shape.open.iter().zip(&shape.liking) {
            let Some(rank) = self.rank(shape, *node, *liking) else { continue };
            if self.clash(shape, &counted, *node).is_none() {
                let crowd = Self::crowd(shape, &counted, self, *node);
                candidates.push((rank, crowd, self.company(shape, *node)));
            }
        }
        let crowds = || candidates.iter().map(|(_, crowd, _)| *crowd);
        let companies = || candidates.iter().map(|(.., company)| *company);
        let (most, least) = (crowds().max()?, crowds().min()?);
        let (best, worst) = (companies().max()?, companies().min()?);
        let ranked = candidates.iter().map(|((score, pods, node), crowd, company)| {
            let apart = if most > 0 { MOST * (most + least - crowd) / most } else { MOST };
            let close = if best > worst { MOST * (company - worst) / (best - worst) } else { 0 };
            (score + 2 * apart + 2 * close, *pods, *node)
        });
        ranked.max().map(|(.., Reverse(node))| node)
    }

    fn counted(&self, shape: &Shape) -> Vec<Counted> {
        let count = |spread: &Spread| {
            let mut counted = Counted { per_domain: Vec::new(), fewest: 0 };
            let Some(term) = self.terms.get(spread.term) else { return counted };
            counted.per_domain = vec![0; term.size];
            let mut present = vec![false; term.size];
            for (node, _) in shape.eligible.iter().enumerate().filter(|(_, eligible)| **eligible) {
                let Some(domain) = term.domain(node) else { continue };
                if let (Some(sum), Some(present)) =
                    (counted.per_domain.get_mut(domain), present.get_mut(domain))
                {
                    *sum += term.on_node.get(node).copied().unwrap_or_default();
                    *present = true;
                }
            }
            let sums = counted.per_domain.iter().zip(&present).filter(|(_, present)| **present);
            let domains = present.iter().filter(|present| **present).count();
            counted.fewest = sums.map(|(sum, _)| *sum).min().unwrap_or_default();
            if domains < spread.min_domains {
                counted.fewest = 0;
            }
            counted
        };
        shape.spread.iter().map(count).collect()
    }

    /// What pods that run elsewhere have against this node.
    fn clash(&self, shape: &Shape, counted: &[Counted], node: usize) -> Option<Refusal> {
        for (spread, counted) in shape.spread.iter().zip(counted).filter(|(spread, _)| spread.hard) {
            let term = self.terms.get(spread.term)?;
            let Some(domain) = term.domain(node) else { return Some(Refusal::SpreadLabelMissing) };
            let own = u32::from(shape.belongs.get(spread.term) == Some(&true));
            let there = counted.per_domain.get(domain).copied().unwrap_or_default();
            if there + own > counted.fewest + spread.max_skew {
                return Some(Refusal::Spread);
            }
        }
        let of = |word: Word| {
            let named = shape.words.iter().filter(move |(_, said)| *said == word);
            named.filter_map(|(index, _)| Some((*index, self.terms.get(*index)?)))
        };
        // Upstream: the first pod of a group that is close to itself may go anywhere that has the label.
        let is_first = || {
            of(Word::ComeClose)
                .all(|(index, term)| term.total() == 0 && shape.belongs.get(index) == Some(&true))
        };
        let lonely = |term: &terms::Term| term.domain(node).is_none() || term.count(node) == 0 && !is_first();
        if of(Word::ComeClose).any(|(_, term)| lonely(term)) {
            return Some(Refusal::PodAffinity);
        }
        if of(Word::KeepAway).any(|(_, term)| term.count(node) > 0) {
            return Some(Refusal::PodAntiAffinity);
        }
        let mut mutual = shape.mutual.iter().filter_map(|index| self.terms.get(*index));
        mutual.any(|term| term.is_repelled(node)).then_some(Refusal::ExistingAntiAffinity)
    }

    /// How crowded a node is with pods that this one would be spread from: upstream's sum over the soft
    /// constraints, with the weight ln(domains + 2) replaced by its whole logarithm to base 2.
    fn crowd(shape: &Shape, counted: &[Counted], all: &Self, node: usize) -> i64 {
        let soft = shape.spread.iter().zip(counted).filter(|(spread, _)| !spread.hard);
        soft.filter_map(|(spread, counted)| {
            let term = all.terms.get(spread.term)?;
            let there = counted.per_domain.get(term.domain(node)?)?;
            let weight = i64::from((term.size + 2).ilog2());
            Some(i64::from(*there) * weight + i64::from(spread.max_skew) - 1)
        })
        .sum()
    }

    /// How much this pod wants the company that it would have, and how much the company wants it.
    fn company(&self, shape: &Shape, node: usize) -> i64 {
        let own = shape.words.iter().filter_map(|(term, word)| match word {
            Word::Wish(weight) => Some(weight * i64::from(self.terms.get(*term)?.count(node))),
            Word::KeepAway | Word::ComeClose => None,
        });
        let others = shape.mutual.iter().filter_map(|index| self.terms.get(*index));
        own.sum::<i64>() + others.map(|term| term.wanted(node)).sum::<i64>()
    }

    /// Counts a pod of this shape on a node.
    pub(super) fn take(&mut self, index: usize, node: usize) -> NodeName {
        self.learn(index);
        if let Some(shape) = self.shapes.get(index) {
            if let Some(room) = self.rooms.get_mut(node) {
                room.take(&shape.requests, &shape.ports);
            }
            self.terms.speak(&shape.words, node);
            for (term, _) in shape.belongs.iter().enumerate().filter(|(_, belongs)| **belongs) {
                if let Some(term) = self.terms.get_mut(term) {
                    term.add(node);
                }
            }
            self.placed.push((node, Arc::clone(&shape.pod)));
        }
        self.nodes.get(node).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Every reason for which a node refuses a pod of this shape: those of the first plugin that refuses.
    pub(super) fn refusals(&mut self, index: usize, node: usize) -> Vec<Refusal> {
        self.learn(index);
        let Some(shape) = self.shapes.get(index) else { return Vec::new() };
        let counted = self.counted(shape);
        self.refusals_of(shape, &counted, node)
    }

    fn refusals_of(&self, shape: &Shape, counted: &[Counted], node: usize) -> Vec<Refusal> {
        let (Some((_, of_node)), Some(room)) = (self.nodes.get(node), self.rooms.get(node)) else {
            return Vec::new();
        };
        if let Some(refusal) = fit::refusal(&shape.pod, of_node) {
            return vec![refusal];
        }
        if room.lacks_ports(&shape.ports) {
            return vec![Refusal::Ports];
        }
        let (full, lacking) = room.shortage(&shape.requests);
        let lacking = lacking.into_iter().map(|(index, ever)| {
            let name = self.names.name(index).to_owned();
            if ever { Refusal::Insufficient(name) } else { Refusal::TooLarge(name) }
        });
        let short: Vec<Refusal> = full.then_some(Refusal::TooManyPods).into_iter().chain(lacking).collect();
        if short.is_empty() { self.clash(shape, counted, node).into_iter().collect() } else { short }
    }

    /// Forgets what was kept of nodes that have more room now.
    pub(super) fn look_again(&mut self) {
        for shape in &mut self.shapes {
            shape.best.clear();
            shape.failed = None;
        }
    }

    /// Why no node accepts a pod of this shape. Kept: while nothing but resources counts, it stays true.
    pub(super) fn why_not(&mut self, index: usize) -> Unschedulable {
        let Some(shape) = self.shapes.get(index) else {
            return Unschedulable::of(Arc::new([]), self.wording);
        };
        if let Some(failed) =
            shape.failed.as_ref().filter(|_| shape.words.is_empty() && shape.spread.is_empty())
        {
            return failed.clone();
        }
        let counted = self.counted(shape);
        let nodes = self.nodes.iter().enumerate();
        let reasons = nodes.map(|(node, (name, _))| (name.clone(), self.refusals_of(shape, &counted, node)));
        let failed = Unschedulable::of(reasons.collect(), self.wording);
        if let Some(shape) = self.shapes.get_mut(index) {
            shape.failed = Some(failed.clone());
        }
        failed
    }
}

/// A constraint's selector, narrowed to pods that share the values of the pod's own labels (`matchLabelKeys`).
fn with_own_labels(constraint: &TopologySpreadConstraint, pod: &Pod) -> Option<LabelSelector> {
    let mut selector = constraint.label_selector.clone()?;
    for key in &constraint.match_label_keys {
        if let Some(value) = pod.metadata.label(key) {
            selector.match_labels.insert(key.clone(), value.to_owned());
        }
    }
    Some(selector)
}

fn greatest(numbers: &[i64]) -> i64 {
    numbers.iter().copied().max().unwrap_or_default()
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
