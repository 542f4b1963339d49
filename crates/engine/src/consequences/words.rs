//! The chain of consequences in sentences.

use super::{
    Consequences, EndpointState, Fate, FlowShare, NodeChange, NodeState, PodChange, Ports, RuleChange, Stage,
};
use crate::{Rewrite, RewrittenChain};
use model::NodeName;

/// How many names a sentence lists.
const LISTED: usize = 6;

fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    match names.len().checked_sub(LISTED).filter(|more| *more > 0) {
        None => names.join(", "),
        Some(more) => {
            let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
            format!("{} and {more} more", shown.join(", "))
        }
    }
}

fn nodes(names: &[NodeName]) -> String {
    list(names.iter().map(ToString::to_string))
}

impl Consequences {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The stages at which something happened, in order, each with its sentences.
    pub fn chain(&self) -> Vec<Stage> {
        let stage = |title, actor, lines: Vec<String>| Stage { title, actor, lines };
        let mut rules: Vec<String> = self.rules.iter().map(rule_words).collect();
        if self.uncompared > 0 {
            rules.push(format!("{} more nodes are not compared here.", self.uncompared));
        }
        let stages = [
            stage("Nodes", "AKS", self.nodes.iter().map(node_words).collect()),
            stage("Pods", "kube-scheduler", self.pods.iter().map(pod_words).collect()),
            stage("EndpointSlices", "EndpointSlice controller", self.endpoint_words()),
            stage("Rules", "kube-proxy on every node", rules),
            stage("Backend pools", "cloud controller", self.member_words()),
            stage("Outbound ports", "Azure Load Balancer", self.outbound_words()),
            stage("Probes", "Azure Load Balancer", self.probe_words()),
            stage("Flows", "everyone above", self.flow_words()),
        ];
        stages.into_iter().filter(|stage| !stage.lines.is_empty()).collect()
    }

    fn endpoint_words(&self) -> Vec<String> {
        let name = |endpoint: &EndpointState| match &endpoint.pod {
            Some(pod) => format!("{} ({})", pod.name, endpoint.ip),
            None => endpoint.ip.to_string(),
        };
        let words = self.endpoints.iter().map(|change| {
            let mut parts = Vec::new();
            if !change.left.is_empty() {
                parts.push(format!("without {}", list(change.left.iter().map(name))));
            }
            if !change.joined.is_empty() {
                parts.push(format!("with {}", list(change.joined.iter().map(name))));
            }
            for endpoint in &change.turned {
                let ready = if endpoint.ready { "ready" } else { "not ready" };
                parts.push(format!("{} {ready}", name(endpoint)));
            }
            let verb = if change.ready == 1 { "is" } else { "are" };
            format!("{}: {}; {} {verb} ready now.", change.service, parts.join(", "), change.ready)
        });
        words.collect()
    }

    fn member_words(&self) -> Vec<String> {
        let words = self.members.iter().map(|change| {
            let mut parts = Vec::new();
            if !change.left.is_empty() {
                parts.push(format!("{} left", list(change.left.iter().cloned())));
            }
            if !change.joined.is_empty() {
                parts.push(format!("{} joined", list(change.joined.iter().cloned())));
            }
            format!("{} of {}: {}.", change.pool, change.balancer, parts.join(", "))
        });
        words.collect()
    }

    fn outbound_words(&self) -> Vec<String> {
        let side = |ports: &Option<Ports>| match ports {
            None => "none".to_owned(),
            Some(Ports { refused: Some(error), members, .. }) => {
                format!("refused for {members} nodes ({error})")
            }
            Some(ports) => format!("{} each for {} nodes", ports.each, ports.members),
        };
        let words = self.outbound.iter().map(|change| {
            let each = |ports: &Option<Ports>| ports.as_ref().map_or(0, |ports| ports.each);
            let cost = each(&change.before).saturating_sub(each(&change.after));
            let cost = if cost == 0 {
                String::new()
            } else {
                format!(" Every node can hold {cost} flows fewer to one destination, and flows on ports that are taken away time out.")
            };
            format!(
                "{} of {}: {}; before: {}.{cost}",
                change.pool,
                change.balancer,
                side(&change.after),
                side(&change.before)
            )
        });
        words.collect()
    }

    fn probe_words(&self) -> Vec<String> {
        let state = |state: &Option<(String, bool)>| match state {
            Some((answer, true)) => format!("{answer} (up)"),
            Some((answer, false)) => format!("{answer} (down)"),
            None => "not probed".to_owned(),
        };
        let words = self.probes.iter().map(|change| {
            format!(
                "{} of {}, {}: {} → {}.",
                change.probe,
                change.balancer,
                change.member,
                state(&change.before),
                state(&change.after)
            )
        });
        words.collect()
    }

    fn flow_words(&self) -> Vec<String> {
        let side = |side: &Result<Vec<FlowShare>, String>| match side {
            Ok(shares) => {
                list(shares.iter().map(|share| format!("{} {}", percent(share.share), share.receiver)))
            }
            Err(why) => why.clone(),
        };
        let words = self
            .flows
            .iter()
            .map(|flow| format!("{}: {}; before: {}.", flow.flow, side(&flow.after), side(&flow.before)));
        words.collect()
    }
}

/// At most one decimal.
fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

fn pool(state: &NodeState) -> String {
    state.pool.as_ref().map_or_else(|| "no pool".to_owned(), |pool| format!("pool {pool}"))
}

fn node_words(change: &NodeChange) -> String {
    let node = &change.node;
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("{node} joins {}.", pool(after)),
        (Some(before), None) => format!("{node} leaves {} and the cluster.", pool(before)),
        (Some(before), Some(after)) => {
            let mut parts = Vec::new();
            if before.pool != after.pool {
                parts.push(format!("{} → {}", pool(before), pool(after)));
            }
            match (before.cordoned, after.cordoned) {
                (false, true) => parts.push("cordoned".to_owned()),
                (true, false) => parts.push("takes new pods again".to_owned()),
                _ => {}
            }
            if before.taints != after.taints {
                let taints =
                    if after.taints.is_empty() { "none".to_owned() } else { after.taints.join(", ") };
                parts.push(format!("taints: {taints}"));
            }
            format!("{node}: {}.", parts.join("; "))
        }
        (None, None) => node.to_string(),
    }
}

fn pod_words(change: &PodChange) -> String {
    let pod = &change.pod;
    let owner = change.owner.as_ref().map(|owner| format!(" of {owner}")).unwrap_or_default();
    match (&change.from, &change.fate) {
        (Some(from), Fate::Gone) => format!("{pod}{owner} is gone from {from}."),
        (None, Fate::Gone) => format!("{pod}{owner} is gone; it had no node."),
        (Some(from), Fate::Runs { node }) => {
            format!("{pod}{owner} is evicted from {from} and made anew on {node}.")
        }
        (None, Fate::Runs { node }) => format!("{pod}{owner} is scheduled to {node}."),
        (Some(from), Fate::Pending { why }) => {
            format!("{pod}{owner} is evicted from {from} and stays pending: {why}")
        }
        (None, Fate::Pending { why }) => format!("{pod}{owner} stays pending: {why}"),
    }
}

fn rule_words(change: &RuleChange) -> String {
    let on = nodes(&change.nodes);
    if change.from_nothing {
        return format!("{on}: every rule is written for the first time.");
    }
    let of = |what: Rewrite| change.chains.iter().filter(move |chain| chain.rewrite == what);
    let name = |chain: &RewrittenChain| match &chain.service {
        Some(service) => format!("{} ({service})", chain.chain),
        None => format!("{} of table {}", chain.chain, chain.table),
    };
    let mut parts = Vec::new();
    for (what, word) in
        [(Rewrite::Changed, "rewritten"), (Rewrite::Created, "new"), (Rewrite::Deleted, "removed")]
    {
        if of(what).next().is_some() {
            parts.push(format!("{word} {}", list(of(what).map(name))));
        }
    }
    format!("{on}: {}.", parts.join("; "))
}
