//! Folding while walking gives what walking every branch and folding afterwards gives: random clusters in which
//! nodes differ in many ways. A cell of the matrix and a sampled trace are held to the same.

use super::flow;
use engine::{Flow, MatrixQuestion, PathOutcome, Paths, Place, Target, Verdict, World};
use formats::Source;
use kubernetes::kube_proxy::{Common, Likeness, ProxyConfig, ServiceMap, installed};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::Ruleset;
use std::fmt::Write;

/// A linear congruential generator: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Whether something happens of which one in so many does.
    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[usize::try_from(self.below(among.len() as u64)).expect("an index")]
    }
}

/// Nodes in up to two zones and two subnets, some on their way out, with a client each.
fn nodes(random: &mut Random, text: &mut String) -> u64 {
    let count = 1 + random.below(6);
    for node in 0..count {
        let zone = random.pick(&["z1", "z1", "z2"]);
        let subnet = random.pick(&["0", "0", "1"]);
        let taint = if random.one_in(8) { "ToBeDeletedByClusterAutoscaler" } else { "other" };
        write!(
            text,
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{node}, labels: {{agentpool: a, topology.kubernetes.io/zone: {zone}}}}}\nspec: {{podCIDR: 10.244.{node}.0/24, taints: [{{key: {taint}, effect: PreferNoSchedule}}]}}\nstatus: {{addresses: [{{type: InternalIP, address: 10.224.{subnet}.{}}}]}}\n\
             ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: client-{node}, namespace: default, labels: {{app: client}}}}\nspec: {{nodeName: n{node}, containers: [{{name: c}}]}}\nstatus: {{podIP: 10.244.{node}.200}}\n",
            node + 4
        )
        .expect("text");
    }
    count
}

/// A Service with so many pods; hints, hosts' own network, policies, affinity, source ranges and probes as they come.
fn service(random: &mut Random, nodes: u64, number: u64, pods: u64, text: &mut String) {
    let kind =
        if number == 0 { "LoadBalancer" } else { random.pick(&["LoadBalancer", "ClusterIP", "NodePort"]) };
    let mut spec = format!(
        "type: {kind}, clusterIP: 10.0.0.{}, selector: {{app: s{number}}}, internalTrafficPolicy: {}, sessionAffinity: {}",
        10 + number,
        random.pick(&["Cluster", "Cluster", "Local"]),
        random.pick(&["None", "None", "ClientIP"]),
    );
    if kind != "ClusterIP" {
        write!(spec, ", externalTrafficPolicy: {}", random.pick(&["Cluster", "Cluster", "Local"]))
            .expect("text");
    }
    if number == 0 || random.one_in(3) {
        write!(spec, ", externalIPs: [198.51.100.{}]", 1 + number).expect("text");
    }
    if kind == "LoadBalancer" && random.one_in(4) {
        let range = random.pick(&["203.0.113.0/24", "10.224.0.0/16", "192.0.2.0/24"]);
        write!(spec, ", loadBalancerSourceRanges: ['{range}']").expect("text");
    }
    let floating = if random.one_in(4) { "'true'" } else { "'false'" };
    let internal = if random.one_in(4) { "'true'" } else { "'false'" };
    write!(
        text,
        "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s{number}\n  namespace: default\n  annotations: {{service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip: {floating}, service.beta.kubernetes.io/azure-load-balancer-internal: {internal}}}\nspec: {{{spec}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
    )
    .expect("text");
    let (hinted, by_zone) = (random.one_in(4), random.one_in(2));
    let host_network = random.one_in(5);
    let mut endpoints = String::new();
    let many = pods > 100;
    // Some nodes may have no endpoint, or only such as are on their way out.
    let used = if many { 1 + random.below(nodes) } else { nodes };
    let drains = many && random.one_in(3);
    for pod in 0..pods.min(used * 190) {
        let node = if many { pod % used } else { random.below(nodes) };
        let ip = if host_network {
            let own = format!("name: n{node},");
            let address = text.split(&own).nth(1).and_then(|rest| rest.split("address: ").nth(1));
            address.and_then(|rest| rest.split('}').next()).expect("an address").to_owned()
        } else {
            format!("10.244.{node}.{}", if many { 1 + pod / used } else { 201 + number * 8 + pod })
        };
        let ready = !random.one_in(5);
        let tier = random.pick(&["one", "two"]);
        write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: s{number}-{pod}, namespace: default, labels: {{app: s{number}, tier: {tier}}}}}\nspec: {{nodeName: n{node}, hostNetwork: {host_network}, containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}\nstatus: {{podIP: {ip}, conditions: [{{type: Ready, status: '{}'}}]}}\n",
            if ready { "True" } else { "False" }
        )
        .expect("text");
        let hints = match (hinted, by_zone) {
            (false, _) => String::new(),
            (true, true) => format!(", hints: {{forZones: [{{name: {}}}]}}", random.pick(&["z1", "z2"])),
            (true, false) => format!(", hints: {{forNodes: [{{name: n{}}}]}}", random.below(nodes)),
        };
        let leaves = drains && (node == 0 || random.one_in(4));
        let of_ready = if ready { "ready: true" } else { "ready: false" };
        let conditions = if leaves { "ready: false, serving: true, terminating: true" } else { of_ready };

        writeln!(
            endpoints,
            "- {{addresses: [{ip}], nodeName: n{node}, conditions: {{{conditions}}}, targetRef: {{kind: Pod, name: s{number}-{pod}, namespace: default}}{hints}}}"
        )
        .expect("text");
    }
    if (hinted || drains) && !endpoints.is_empty() {
        write!(
            text,
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s{number}-x, namespace: default, labels: {{kubernetes.io/service-name: s{number}}}}}\naddressType: IPv4\nports: [{{name: '', port: 8080, protocol: TCP}}]\nendpoints:\n{endpoints}"
        )
        .expect("text");
    }
}

/// Documents by which nodes and pods may differ.
fn rules(random: &mut Random, text: &mut String) {
    if random.one_in(3) {
        let from = random.pick(&[
            "ipBlock: {cidr: 10.224.1.0/24}",
            "ipBlock: {cidr: 0.0.0.0/0, except: [10.224.0.5/32]}",
            "podSelector: {matchLabels: {app: client}}",
        ]);
        let who = random.pick(&["app: s0", "tier: one"]);
        write!(text, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: default}}\nspec: {{podSelector: {{matchLabels: {{{who}}}}}, policyTypes: [Ingress], ingress: [{{from: [{{{from}}}]}}]}}\n").expect("text");
    }
    let (table, group) = (random.one_in(3), random.one_in(3));
    if table {
        let prefix = random.pick(&["203.0.113.0/24", "10.224.0.6/32", "0.0.0.0/0", "10.244.1.0/24"]);
        let hop = random.pick(&["None", "VirtualAppliance"]);
        let ip = random.pick(&["10.225.0.4", "10.224.0.5"]);
        write!(text, "---\napiVersion: hopscope.dev/v1\nkind: RouteTable\nmetadata: {{name: rt}}\nspec: {{routes: [{{name: r, addressPrefix: {prefix}, nextHopType: {hop}, nextHopIpAddress: {ip}}}]}}\n").expect("text");
    }
    if group {
        let from = random.pick(&["10.224.0.5", "10.224.1.0/24", "Internet"]);
        let to = random.pick(&["'*'", "10.224.0.6", "VirtualNetwork"]);
        write!(text, "---\napiVersion: hopscope.dev/v1\nkind: NetworkSecurityGroup\nmetadata: {{name: aks-agentpool-1-nsg}}\nspec: {{securityRules: [{{name: d, priority: 100, direction: {}, access: Deny, protocol: '*', sourceAddressPrefix: {from}, sourcePortRange: '*', destinationAddressPrefix: {to}, destinationPortRange: '*'}}, {{name: a, priority: 200, direction: Inbound, access: Allow, protocol: '*', sourceAddressPrefix: '*', sourcePortRange: '*', destinationAddressPrefix: '*', destinationPortRange: '*'}}]}}\n", random.pick(&["Inbound", "Outbound"])).expect("text");
    }
    if table || random.one_in(2) {
        let of = if table { ", routeTable: {id: /rt}" } else { "" };
        write!(text, "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: v}}\nspec: {{addressSpace: {{addressPrefixes: [10.224.0.0/12]}}, subnets: [{{name: one, addressPrefix: 10.224.0.0/24{of}}}, {{name: two, addressPrefix: 10.224.1.0/24}}, {{name: vms, addressPrefix: 10.225.0.0/24}}]}}\n").expect("text");
    }
    let mode = random.pick(&["ClusterCIDR", "ClusterCIDR", "NodeCIDR"]);
    if random.one_in(3) {
        let all = random.one_in(2);
        let ports = random.pick(&["[]", "[10.224.0.0/24]"]);
        let by = random.pick(&["iptables", "nftables", "ipvs"]);
        write!(text, "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {by}\ndetectLocalMode: {mode}\nnodePortAddresses: {ports}\niptables: {{masqueradeAll: {all}}}\n").expect("text");
    }
}

fn cluster(seed: u64) -> (World, String) {
    cluster_with(seed, None)
}

/// The same with so many pods behind the first Service.
fn cluster_with(seed: u64, pods: Option<u64>) -> (World, String) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut text = String::new();
    let nodes = nodes(&mut random, &mut text);
    for number in 0..=random.below(if pods.is_some() { 1 } else { 3 }) {
        let few = 1 + random.below(4);
        let pods = pods.filter(|_| number == 0).unwrap_or(few);
        service(&mut random, nodes, number, pods, &mut text);
    }
    rules(&mut random, &mut text);
    let import = formats::import(&[Source::new("cluster.yaml", text.clone().into_bytes())]);
    assert!(!import.has_errors(), "{:#?}\n{text}", import.diagnostics);
    let mut world = World::new(&import.model);
    if random.one_in(4) {
        let node: NodeName = "n0".into();
        let mut own = world.payload(&node, IpFamily::IPv4).expect("rules");
        own.tables.retain(|name, _| *name == netfilter::TableName::Nat);
        let given = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.224.0.5/32 -j DROP\nCOMMIT\n";
        let given = netfilter::parse(given.as_bytes(), netfilter::Family::V4).expect("rules");
        world = world.with_rules(&node, given.into()).expect("rules that load");
    }
    (world, text)
}

/// Of a large Service nodes share the rules, but for the chains that they have of their own: each has what kube-proxy
/// writes on it.
#[test]
fn shared_rules_are_those_that_each_node_has() {
    let (mut shared, mut with_own) = (0, 0);
    for seed in 0..200 {
        let (world, text) = cluster_with(seed, Some(270));
        let model = world.model();
        let services = ServiceMap::new(IpFamily::IPv4, &model.services, &model.endpoint_slices);
        let common = Common::new(services.clone());
        let mut firsts: Vec<(Likeness, Ruleset)> = Vec::new();
        for node in model.nodes.keys() {
            let config = ProxyConfig::of_node(model, node, IpFamily::IPv4).expect("a node");
            let Some((likeness, own)) = common.of_node(&config) else { continue };
            let rules = installed(&config, &services).ruleset;
            let Some((_, first)) = firsts.iter().find(|(known, _)| *known == likeness) else {
                firsts.push((likeness, rules));
                continue;
            };
            shared += 1;
            with_own += usize::from(!own.is_empty());
            let mut patched = first.clone();
            for (table, chain) in own {
                let table = patched.tables.get_mut(&table).expect("a table");
                let shared = table.chain_mut(&chain.name).expect("a chain");
                *shared = chain;
            }
            assert_eq!(patched, rules, "seed {seed}, {node}\n{text}");
        }
    }
    assert!(shared > 150 && with_own > 30, "{shared}, {with_own}");
}

/// Of members that are alike to a probe one is asked, also where the probe comes to very many endpoints: each gets what it
/// gets where it is asked by itself.
#[test]
fn members_that_are_alike_get_the_same_answers() {
    let (mut asked, mut down) = (0, 0);
    for (seed, pods) in (0..60).map(|seed| (seed, Some(270))).chain((0..120).map(|seed| (seed, None))) {
        let ((folded, text), (each, _)) = (cluster_with(seed, pods), cluster_with(seed, pods));
        for balancer in folded.cloud().balancers() {
            for rule in balancer.frontends.iter().flat_map(|frontend| &frontend.rules) {
                let pool = folded.cloud().pool(&balancer.name, &rule.pool).map(|pool| &pool.members);
                let Some((probe, members)) = rule.probe.as_ref().zip(pool) else { continue };
                let answers = folded.probe_answers(probe, members);
                for member in members {
                    let Some(answer) = member.node.as_ref().and_then(|node| answers.get(node)) else {
                        continue;
                    };
                    let alone = each.probe_state(Some(probe), member);
                    assert_eq!(
                        (answer.up, &answer.answer),
                        (alone.up, &alone.answer),
                        "seed {seed}, {}, probe {}: {}\n{text}",
                        member.label(),
                        probe.port,
                        alone.why
                    );
                    asked += 1;
                    down += usize::from(!answer.up);
                }
            }
        }
    }
    assert!(asked > 300 && down > 30, "{asked}, {down}");
}

const FLOWS: [(&str, &str); 10] = [
    ("203.0.113.9", "svc/default/s0:80"),
    ("203.0.113.9", "198.51.100.1:80"),
    ("10.225.0.9", "svc/default/s0:80"),
    ("10.225.0.9", "198.51.100.1:80"),
    ("pod/default/client-0", "svc/default/s0:80"),
    ("pod/default/client-0", "198.51.100.1:80"),
    ("pod/default/s0-0", "198.51.100.1:80"),
    ("node/n0", "198.51.100.1:80"),
    ("node/n0", "svc/default/s0:80"),
    ("203.0.113.9", "svc/default/s1:80"),
];

/// Of a Service with many endpoints, nodes share the rules, and go on with what one of them did.
#[test]
fn a_large_service_is_folded_as_a_small_one() {
    const MANY: u64 = 270;
    let (mut folded_some, mut seen_first) = (0, 0);
    for seed in 0..24 {
        let (world, text) = cluster_with(seed, Some(MANY));
        for (from, to) in FLOWS.into_iter().filter(|(_, to)| !to.contains("s1")) {
            let flow = flow(from, to);
            let (Ok(folded), Ok(all)) = (world.folded_paths(&flow), world.paths(&flow)) else { continue };
            folded_some += usize::from(folded.outcomes.len() < all.outcomes.len());
            same(&folded, &all.fold(), &format!("seed {seed}, {from} to {to}\n{text}"));
            seen_first += usize::from(overview(
                &world,
                &flow,
                &folded,
                &format!("seed {seed}, {from} to {to}\n{text}"),
            ));
        }
    }
    assert!(folded_some > 40 && seen_first > 10, "{folded_some}, {seen_first}");
}

/// In an overview every branch has its share, and the likeliest have their steps.
fn overview(world: &World, flow: &Flow, folded: &Paths, what: &str) -> bool {
    let overview = world.overview(flow).expect("an answer");
    if folded.outcomes.len() <= engine::MOST_TOLD {
        return false;
    }
    assert_eq!(overview.assumptions, folded.assumptions, "{what}");
    assert_eq!(overview.outcomes.len(), folded.outcomes.len(), "{what}");
    for (at, (one, other)) in overview.outcomes.iter().zip(&folded.outcomes).enumerate() {
        let mut other = other.clone();
        if at >= engine::MOST_TOLD {
            other.steps.clear();
            other.reply.iter_mut().for_each(|reply| reply.steps.clear());
        }
        assert!((one.probability - other.probability).abs() < 1e-9, "branch {at}: {what}");
        let one = PathOutcome { probability: other.probability, ..one.clone() };
        assert_eq!(one, other, "branch {at}: {what}");
    }
    true
}

/// In an order that does not depend on the last digits of a sum.
fn sorted(paths: &Paths) -> Vec<&PathOutcome> {
    let mut outcomes: Vec<_> = paths.outcomes.iter().collect();
    outcomes
        .sort_by_key(|own| (own.endpoint.clone(), own.verdict, own.cause, own.source_seen, own.node.clone()));
    outcomes
}

fn same(folded: &Paths, of_all: &Paths, what: &str) {
    assert_eq!(folded.flow, of_all.flow, "{what}");
    assert_eq!(folded.assumptions, of_all.assumptions, "{what}");
    let (one, other) = (sorted(folded), sorted(of_all));
    let brief = |all: &[&PathOutcome]| {
        all.iter().fold(String::new(), |mut text, own| {
            let end = own.endpoint.as_ref().map(ToString::to_string);
            writeln!(
                text,
                "{:.6} x{} {} {:?} {end:?} by {:?} sees {:?}",
                own.probability, own.count, own.verdict, own.cause, own.node, own.source_seen
            )
            .expect("text");
            text
        })
    };
    let what = format!("{what}\nfolded while walking:\n{}\nafterwards:\n{}", brief(&one), brief(&other));
    assert_eq!(one.len(), other.len(), "{what}");
    for (one, other) in one.into_iter().zip(other) {
        assert!((one.probability - other.probability).abs() < 1e-9, "{what}");
        let alike = PathOutcome { probability: other.probability, ..one.clone() };
        assert_eq!(alike.count, other.count, "{what}");
        assert_eq!(&alike, other, "{what}");
    }
}

#[test]
fn folded_while_walking_is_folded_afterwards() {
    let mut seen = [0_usize; 3];
    for seed in 0..400 {
        let (world, text) = cluster(seed);
        for (from, to) in FLOWS {
            let flow = flow(from, to);
            let (folded, all) = (world.folded_paths(&flow), world.paths(&flow));
            let what = format!("seed {seed}, {from} to {to}\n{text}");
            let (folded, all) = match (folded, all) {
                (Ok(folded), Ok(all)) => (folded, all),
                (one, other) => {
                    assert_eq!(one.err(), other.err(), "{what}");
                    continue;
                }
            };
            let total: f64 = folded.outcomes.iter().map(|outcome| outcome.probability).sum();
            assert!((total - 1.0).abs() < 1e-9, "{total}: {what}");
            seen[0] += 1;
            seen[1] += usize::from(folded.outcomes.len() < all.outcomes.len());
            seen[2] += usize::from(folded.outcomes.iter().any(|own| own.verdict == Verdict::Delivered));
            same(&folded, &all.clone().fold(), &what);
            traced(&world, &flow, &all, &what);
            cell(&world, &flow, &all, &what);
        }
    }
    // The clusters are not all trivial.
    assert!(seen[0] > 1500 && seen[1] > 300 && seen[2] > 400, "{seen:?}");
}

/// A sampled trace is one of the branches, with its probability.
fn traced(world: &World, flow: &Flow, all: &Paths, what: &str) {
    for seed in 0..3 {
        let traced = world.trace(flow, seed).expect("a trace");
        assert_eq!(traced.outcomes.len(), 1, "{what}");
        let one = traced.outcomes.first().expect("one branch");
        let near = |own: &&PathOutcome| {
            let alike = PathOutcome { probability: one.probability, ..(*own).clone() };
            (own.probability - one.probability).abs() < 1e-9 && alike == *one
        };
        assert!(all.outcomes.iter().any(|own| near(&own)), "seed {seed}: {what}\n{one:#?}");
    }
}

/// The matrix says what the branches say.
fn cell(world: &World, flow: &Flow, all: &Paths, what: &str) {
    let target =
        Target { place: flow.to.clone(), port: flow.port, protocol: model::kubernetes::Protocol::Tcp };
    let question = MatrixQuestion { clients: vec![flow.from.clone()], targets: vec![target] };
    let matrix = world.matrix(&question);
    let delivered: f64 = all
        .outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Delivered && outcome.cause.is_none())
        .map(|outcome| outcome.probability)
        .sum();
    let cell = &matrix.rows[0][0];
    assert!((cell.delivered - delivered).abs() < 1e-9, "{cell:?}, branches say {delivered}: {what}");
}

/// A matrix asks clients that are alike once: each cell is what that client's own branches say.
#[test]
fn clients_that_are_alike_are() {
    for seed in 0..120 {
        let (world, text) = cluster(seed);
        let nodes = world.model().nodes.len();
        let clients =
            (0..nodes).map(|node| Place::Pod(format!("default/client-{node}").parse().expect("a key")));
        // The pods of Services, which may be asked for by themselves, and whoever is outside, are clients too.
        let MatrixQuestion { clients: mut all, targets } = world.everything();
        all.extend(clients);
        let question = MatrixQuestion { clients: all, targets };
        let matrix = world.matrix(&question);
        for (client, row) in question.clients.iter().zip(&matrix.rows) {
            for (target, cell) in question.targets.iter().zip(row) {
                let alone = world.cell(client, target);
                let same = (alone.delivered - cell.delivered).abs() < 1e-9
                    && (alone.verdict, alone.cause) == (cell.verdict, cell.cause);
                assert!(same, "seed {seed}, {client} to {target}: {cell:?}, alone {alone:?}\n{text}");
            }
        }
    }
}

/// Rules of the Services that a packet concerns are all that it meets: a node that has been programmed in full
/// gives the same answers.
#[test]
fn parts_of_a_nodes_rules_decide_as_all_do() {
    for (seed, pods) in (0..120).map(|seed| (seed, None)).chain((0..16).map(|seed| (seed, Some(270)))) {
        let ((part, text), (whole, _)) = (cluster_with(seed, pods), cluster_with(seed, pods));
        for node in whole.model().nodes.keys() {
            whole.rules(node, IpFamily::IPv4).expect("rules");
        }
        for (from, to) in FLOWS {
            let flow = flow(from, to);
            assert_eq!(part.paths(&flow), whole.paths(&flow), "seed {seed}, {from} to {to}\n{text}");
        }
    }
}
