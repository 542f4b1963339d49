//! What pods ask of nodes, and what nodes have.

use model::kubernetes::{Node, Pod, Protocol, Quantity};
use std::collections::BTreeMap;

/// An amount of each resource, by the index that [`Names`] gives the resource's name.
pub(super) type Amounts = Vec<u64>;

/// `cpu` in millicores.
pub(super) const CPU: usize = 0;
/// `memory` in bytes.
pub(super) const MEMORY: usize = 1;
/// What a pod that asks for no cpu counts as when nodes are compared: upstream's `DefaultMilliCPURequest`.
const SCORED_CPU: u64 = 100;
/// The same for memory: upstream's `DefaultMemoryRequest`.
const SCORED_MEMORY: u64 = 200 << 20;
/// What a node counts as when nodes are compared, where the input does not say what it has: 4 vCPU, 16 GiB.
const SCORED_NODE: [u64; 2] = [4000, 16 << 30];

/// Names of resources with their indices; `cpu` and `memory` come first.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn new() -> Self {
        Self(vec!["cpu".to_owned(), "memory".to_owned()])
    }

    fn index(&mut self, name: &str) -> usize {
        self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    pub(super) fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }
}

/// cpu counts in thousandths, everything else in whole units.
fn amount(name: &str, text: &str) -> Option<u64> {
    let quantity: Quantity = text.parse().ok()?;
    Some(if name == "cpu" { quantity.as_milli() } else { quantity.as_units() })
}

fn add(amounts: &mut Amounts, index: usize, more: u64) {
    if amounts.len() <= index {
        amounts.resize(index + 1, 0);
    }
    if let Some(sum) = amounts.get_mut(index) {
        *sum = sum.saturating_add(more);
    }
}

/// What the containers of a pod ask for. A limit without a request is one.
pub(super) fn requests(names: &mut Names, pod: &Pod) -> Amounts {
    let mut sum = Amounts::new();
    for container in &pod.spec.containers {
        let resources = &container.resources;
        let defaults = resources.limits.iter().filter(|(name, _)| !resources.requests.contains_key(*name));
        for (name, text) in resources.requests.iter().chain(defaults) {
            if let Some(amount) = amount(name, text) {
                let index = names.index(name);
                add(&mut sum, index, amount);
            }
        }
    }
    sum
}

/// A port of the node that a pod asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPort {
    protocol: Protocol,
    port: u16,
    /// Empty for every address of the node.
    address: String,
}

impl HostPort {
    fn clashes(&self, other: &Self) -> bool {
        let any = |one: &Self| one.address.is_empty() || one.address == "0.0.0.0";
        (self.protocol, self.port) == (other.protocol, other.port)
            && (any(self) || any(other) || self.address == other.address)
    }
}

/// The ports of its node that a pod asks for. With the node's own network they are those of its containers.
pub(super) fn ports(pod: &Pod) -> Vec<HostPort> {
    let of_node = |port: &model::kubernetes::ContainerPort| match port.host_port {
        0 if pod.spec.host_network => port.container_port,
        port => port,
    };
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let asked = ports.map(|port| HostPort {
        protocol: port.protocol,
        port: of_node(port),
        address: port.host_ip.clone(),
    });
    asked.filter(|asked| asked.port != 0).collect()
}

/// What runs on a node, against what it has.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// What the node has; `None` where the input does not say.
    allocatable: Option<Amounts>,
    /// Most pods; `None` where the input does not say.
    max_pods: Option<u64>,
    used: Amounts,
    pub(super) pods: u64,
    /// cpu and memory used, a pod that asks for none counted with a default.
    scored: [u64; 2],
    ports: Vec<HostPort>,
}

impl Room {
    pub(super) fn new(names: &mut Names, node: &Node) -> Self {
        let status = &node.status;
        let given = if status.allocatable.is_empty() { &status.capacity } else { &status.allocatable };
        let max_pods = given.get("pods").and_then(|text| amount("pods", text));
        let mut allocatable = Amounts::new();
        for (name, text) in given.iter().filter(|(name, _)| *name != "pods") {
            if let Some(amount) = amount(name, text) {
                let index = names.index(name);
                add(&mut allocatable, index, amount);
            }
        }
        let says = |map: &BTreeMap<String, String>| map.contains_key("cpu") || map.contains_key("memory");
        Self { allocatable: says(given).then_some(allocatable), max_pods, ..Self::default() }
    }

    /// Counts a pod.
    pub(super) fn take(&mut self, requests: &Amounts, ports: &[HostPort]) {
        self.ports.extend(ports.iter().cloned());
        for (index, amount) in requests.iter().enumerate() {
            add(&mut self.used, index, *amount);
        }
        let [cpu, memory] = scored(requests);
        self.scored = [self.scored[0].saturating_add(cpu), self.scored[1].saturating_add(memory)];
        self.pods += 1;
    }

    /// Counts a pod no longer.
    pub(super) fn give_back(&mut self, requests: &Amounts, ports: &[HostPort]) {
        for (index, amount) in requests.iter().enumerate() {
            if let Some(used) = self.used.get_mut(index) {
                *used = used.saturating_sub(*amount);
            }
        }
        let [cpu, memory] = scored(requests);
        self.scored = [self.scored[0].saturating_sub(cpu), self.scored[1].saturating_sub(memory)];
        self.pods = self.pods.saturating_sub(1);
        for port in ports {
            if let Some(at) = self.ports.iter().position(|own| own == port) {
                self.ports.swap_remove(at);
            }
        }
    }

    /// Whether a pod there has one of these ports.
    pub(super) fn lacks_ports(&self, ports: &[HostPort]) -> bool {
        ports.iter().any(|asked| self.ports.iter().any(|own| own.clashes(asked)))
    }

    fn is_full(&self) -> bool {
        self.max_pods.is_some_and(|most| self.pods >= most)
    }

    fn lacks(&self, index: usize, amount: u64) -> bool {
        let Some(allocatable) = &self.allocatable else { return false };
        let of = |amounts: &Amounts| amounts.get(index).copied().unwrap_or_default();
        amount > 0 && of(allocatable).saturating_sub(of(&self.used)) < amount
    }

    /// Whether a pod with these requests fits.
    pub(super) fn fits(&self, requests: &Amounts) -> bool {
        !self.is_full() && !requests.iter().enumerate().any(|(index, amount)| self.lacks(index, *amount))
    }

    /// Why it does not: too many pods, and the resources that do not suffice, each with whether they would if the node
    /// were empty (upstream's `isUnresolvable` of NodeResourcesFit is the opposite).
    pub(super) fn shortage(&self, requests: &Amounts) -> (bool, Vec<(usize, bool)>) {
        let has = |index: usize| {
            self.allocatable.as_ref().and_then(|amounts| amounts.get(index)).copied().unwrap_or_default()
        };
        let lacking = requests.iter().enumerate().filter(|(index, amount)| self.lacks(*index, **amount));
        (self.is_full(), lacking.map(|(index, amount)| (index, *amount <= has(index))).collect())
    }

    /// The larger of the shares of cpu and memory that are used, in hundredths.
    pub(super) fn requested_share(&self) -> Option<u64> {
        let allocatable = self.allocatable.as_ref()?;
        let share = |index: usize| {
            let has = allocatable.get(index).copied().filter(|amount| *amount > 0)?;
            Some(self.used.get(index).copied().unwrap_or_default().saturating_mul(100) / has)
        };
        share(CPU).max(share(MEMORY))
    }

    /// How much of cpu and memory would be left, 0 to 100: upstream's `LeastAllocated`.
    pub(super) fn left(&self, requests: &Amounts) -> u64 {
        let of_node = |index: usize| {
            let given = self.allocatable.as_ref().and_then(|amounts| amounts.get(index)).copied();
            given.filter(|amount| *amount > 0).or(SCORED_NODE.get(index).copied()).unwrap_or(1)
        };
        let more = scored(requests);
        let share = |index: usize, used: u64, more: u64| {
            let has = of_node(index);
            has.saturating_sub(used.saturating_add(more)).saturating_mul(100) / has
        };
        let [cpu, memory] = self.scored;
        u64::midpoint(share(CPU, cpu, more[0]), share(MEMORY, memory, more[1]))
    }
}

fn scored(requests: &Amounts) -> [u64; 2] {
    let of = |index: usize, default: u64| {
        requests.get(index).copied().filter(|amount| *amount > 0).unwrap_or(default)
    };
    [of(CPU, SCORED_CPU), of(MEMORY, SCORED_MEMORY)]
}
