//! Rules that a caller gives for a node in place of the generated ones, and how the two differ.

use crate::{World, programmed::NodeKernel};
use kubernetes::kube_proxy;
use model::{Model, NodeName, kubernetes::IpFamily};
use netfilter::{Family, Form, Parsed, RuleId, Ruleset, RulesetError};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use wire::Wire;

/// The rules of a real node, in place of those that kube-proxy and ip-masq-agent would write there: all tables,
/// whoever filled them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeRules {
    /// The rules of iptables; `None` keeps the generated ones.
    pub ipv4: Option<Ruleset>,
    /// The rules of ip6tables; `None` keeps the generated ones.
    pub ipv6: Option<Ruleset>,
}

impl From<Parsed> for NodeRules {
    /// A family of which the text has no table keeps the generated rules.
    fn from(parsed: Parsed) -> Self {
        let some = |rules: Ruleset| (!rules.tables.is_empty()).then_some(rules);
        Self { ipv4: some(parsed.ipv4), ipv6: some(parsed.ipv6) }
    }
}

/// Why rules cannot be given to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesError {
    /// The cluster has no such node.
    NoSuchNode(NodeName),
    /// There are no rules of either family.
    Empty,
    /// The kernel would not load them.
    Unusable(RulesetError),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode(node) => write!(f, "there is no node {node}"),
            Self::Empty => f.write_str("there is no table in it, such as *nat"),
            Self::Unusable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RulesError {}

/// What a real node's rules lack of the generated ones, and what kube-proxy's chains hold besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct RulesComparison {
    /// The chains that differ: IPv4 first, then by table and name. Empty where nothing differs.
    pub chains: Vec<ChainComparison>,
    /// How many rules of kube-proxy's both have.
    pub alike: u32,
}

/// One chain that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct ChainComparison {
    /// `iptables` or `ip6tables`.
    pub tool: String,
    /// The table.
    pub table: String,
    /// The chain; a built-in one stands for kube-proxy's jumps in it.
    pub chain: String,
    /// Whether the node does not have the chain at all.
    pub absent: bool,
    /// Whether the rules that both have stand in another order, where the order decides.
    pub reordered: bool,
    /// Rules that kube-proxy would write and the node does not have, as `iptables-save` prints them.
    pub lacks: Vec<String>,
    /// Rules that the node has and kube-proxy would not write.
    pub besides: Vec<ForeignRule>,
}

/// A rule of the given text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct ForeignRule {
    /// Its line in the text, from 1.
    pub line: u32,
    /// The rule as `iptables-save` prints it.
    pub text: String,
}

/// What the page asks about the rules of a real node.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct RulesQuestion {
    /// The cluster as its author wrote it.
    pub model: Model,
    /// The node.
    pub node: NodeName,
    /// What `iptables-save` printed there, or `ip6tables-save`, or both one after the other.
    pub text: String,
}

/// The answer to a [`RulesQuestion`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Wire)]
pub struct RulesAnswer {
    /// What the node lacks and has besides.
    pub comparison: RulesComparison,
    /// Lines that have no model: what they would do is not known.
    pub unmodelled: Vec<UnmodelledLine>,
}

/// A line that has no model.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct UnmodelledLine {
    /// The line, from 1.
    pub line: u32,
    /// The words that have none.
    pub text: String,
    /// Why, and what follows from it.
    pub why: String,
}

impl RulesQuestion {
    /// Compares.
    ///
    /// # Errors
    /// The text is not one of rules, with its line; there is no such node.
    pub fn answer(&self) -> Result<RulesAnswer, String> {
        let parsed = netfilter::parse_any(self.text.as_bytes()).map_err(|error| error.to_string())?;
        if parsed.ipv4.tables.is_empty() && parsed.ipv6.tables.is_empty() {
            return Err(RulesError::Empty.to_string());
        }
        let comparison = World::new(&self.model).compare_rules(&self.node, &parsed);
        let comparison = comparison.ok_or_else(|| RulesError::NoSuchNode(self.node.clone()).to_string())?;
        let unmodelled = parsed.unmodelled.into_iter().map(|found| UnmodelledLine {
            line: found.line,
            text: found.text,
            why: found.why.to_owned(),
        });
        Ok(RulesAnswer { comparison, unmodelled: unmodelled.collect() })
    }
}

impl World {
    /// The same cluster with the rules of a real node in place of the generated ones.
    ///
    /// The node's interfaces keep the names that Hopscope gives them: `eth0` towards the network, `azv…` towards
    /// each pod. Called again for the same node, a family that is given replaces what was there.
    ///
    /// # Errors
    /// There is no such node, there are no rules, or the kernel would not load them.
    pub fn with_rules(mut self, node: &NodeName, rules: NodeRules) -> Result<Self, RulesError> {
        if !self.model.nodes.contains_key(node) {
            return Err(RulesError::NoSuchNode(node.clone()));
        }
        if rules.ipv4.is_none() && rules.ipv6.is_none() {
            return Err(RulesError::Empty);
        }
        let given = self.given.entry(node.clone()).or_default();
        given.ipv4 = rules.ipv4.or(given.ipv4.take());
        given.ipv6 = rules.ipv6.or(given.ipv6.take());
        let kernel = self.program(node).map_err(RulesError::Unusable)?;
        Arc::make_mut(&mut self.nodes).insert(node.clone(), Arc::new(NodeKernel::given(kernel)));
        self.probes = crate::probe::Probes::default();
        self.alike = Arc::default();
        Ok(self)
    }

    /// The same cluster with what `iptables-save` printed on a node, or `ip6tables-save`, or both, in place of its
    /// generated rules and of whatever was given before; and how many lines have no model.
    ///
    /// # Errors
    /// The text is not one of rules, with its line, or it is refused as [`World::with_rules`] refuses.
    pub fn with_rules_text(self, node: &NodeName, text: &str) -> Result<(Self, usize), String> {
        let parsed = netfilter::parse_any(text.as_bytes()).map_err(|error| error.to_string())?;
        let unmodelled = parsed.unmodelled.len();
        let world = self.without_rules(node).with_rules(node, NodeRules::from(parsed));
        Ok((world.map_err(|error| error.to_string())?, unmodelled))
    }

    /// The same cluster with the generated rules on a node, whatever was given for it.
    #[must_use]
    pub fn without_rules(mut self, node: &NodeName) -> Self {
        if self.given.remove(node).is_some() {
            if let Some(kernel) = Arc::make_mut(&mut self.nodes).get_mut(node) {
                *kernel = Arc::default();
            }
            self.probes = crate::probe::Probes::default();
            self.alike = Arc::default();
        }
        self
    }

    /// Compares the rules that the controllers would write on a node with those of a text, family by family as
    /// far as the text has it. `None` for a node that is not there.
    pub fn compare_rules(&self, node: &NodeName, real: &Parsed) -> Option<RulesComparison> {
        self.model.nodes.get(node)?;
        let mut result = RulesComparison::default();
        for (of_api, family, theirs) in
            [(IpFamily::IPv4, Family::V4, &real.ipv4), (IpFamily::IPv6, Family::V6, &real.ipv6)]
        {
            if theirs.tables.is_empty() {
                continue;
            }
            let ours = self.generated_rules(node, of_api);
            let compared = kube_proxy::compare(&ours, theirs, family);
            result.alike += u32::try_from(compared.alike).unwrap_or(u32::MAX);
            let text = |rules: &Ruleset, id: RuleId| {
                let rule = rules.chain(id).zip(rules.rule(id));
                rule.map(|(chain, rule)| rule.line(&chain.name, family, Form::Save).to_string())
                    .unwrap_or_default()
            };
            result.chains.extend(compared.chains.into_iter().map(|chain| {
                ChainComparison {
                    tool: family.tool().to_owned(),
                    table: chain.table.name().to_owned(),
                    chain: chain.chain.to_string(),
                    absent: chain.absent,
                    reordered: chain.reordered,
                    lacks: chain.lacks.iter().map(|id| text(&ours, *id)).collect(),
                    besides: chain
                        .besides
                        .iter()
                        .map(|id| ForeignRule {
                            line: real.lines.get(&(family, *id)).copied().unwrap_or_default(),
                            text: text(theirs, *id),
                        })
                        .collect(),
                }
            }));
        }
        Some(result)
    }
}
