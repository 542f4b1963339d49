//! The rules of one service port.

use super::{
    ChainKind, Choice, Needs, NfacctCounter, ProxyConfig, ProxyEndpoint, ServicePort, categorize,
    fixed::loopback,
    words::{
        comment, destination, dispatch, from_this_node, mark_masq, port, remark, rule, source, to,
        to_this_node, transport,
    },
};
use netfilter::{Chain, ChainName, Match, NatTo, Net, Recent, RecentAction, Rule, Statistic, Target};
use std::sync::Arc;

/// One service port seen from one node.
pub(super) struct View<'a> {
    pub(super) config: &'a ProxyConfig,
    pub(super) service: &'a ServicePort,
    pub(super) choice: Choice,
    /// Large-cluster mode: no comments on the rules of endpoints.
    terse: bool,
    pub(super) has_internal: bool,
    pub(super) has_external: bool,
}

/// Where rules that share a chain with other services go.
#[derive(Default)]
pub(super) struct Dispatch {
    pub(super) nat_services: Vec<Rule>,
    pub(super) nat_node_ports: Vec<Rule>,
    pub(super) filter_services: Vec<Rule>,
    pub(super) filter_external: Vec<Rule>,
    pub(super) filter_node_ports: Vec<Rule>,
    pub(super) filter_firewall: Vec<Rule>,
}

impl<'a> View<'a> {
    pub(super) fn new(config: &'a ProxyConfig, service: &'a ServicePort, terse: bool) -> Self {
        let choice = categorize(Needs::of(service), &service.endpoints, config);
        Self::of_choice(config, service, choice, terse)
    }

    /// The same, with the endpoints that the node uses.
    pub(super) fn of_choice(
        config: &'a ProxyConfig,
        service: &'a ServicePort,
        choice: Choice,
        terse: bool,
    ) -> Self {
        let has_local = choice.local.as_ref().is_some_and(|list| !list.is_empty());
        let has = |policy_local: bool| choice.has_endpoints && (!policy_local || has_local);
        Self {
            has_internal: has(service.internal_policy_local),
            has_external: has(service.external_policy_local),
            config,
            service,
            choice,
            terse,
        }
    }

    /// The chain that serves a policy.
    fn policy_chain(&self, local: bool) -> ChainName {
        self.service.chain(if local { ChainKind::ServiceLocal } else { ChainKind::ServiceCluster })
    }

    pub(super) fn uses_external_chain(&self) -> bool {
        self.choice.has_endpoints && self.service.is_externally_accessible()
    }

    fn uses_firewall_chain(&self) -> bool {
        self.choice.has_endpoints && !self.service.vips.is_empty() && !self.service.source_ranges.is_empty()
    }

    /// Writes the rules that lead to this service port, or refuse it.
    pub(super) fn write_dispatch(&self, out: &mut Dispatch) {
        let service = self.service;
        let name = &service.name;
        let text = |suffix: &str| -> Arc<str> { format!("{name} {suffix}").into() };
        let (refusal, refused): (Arc<str>, Target) = if self.choice.has_endpoints {
            (text("has no local endpoints"), Target::Drop)
        } else {
            (text("has no endpoints"), Target::Reject(None))
        };

        if self.has_internal {
            let target = to(self.policy_chain(service.internal_policy_local));
            out.nat_services.push(dispatch(service, service.cluster_ip, &text("cluster IP"), target));
        } else {
            out.filter_services.push(dispatch(service, service.cluster_ip, &refusal, refused.clone()));
        }

        let external = service.chain(ChainKind::External);
        for ip in &service.external_ips {
            if self.choice.has_endpoints {
                out.nat_services.push(dispatch(service, *ip, &text("external IP"), to(external)));
            }
            if !self.has_external {
                out.filter_external.push(dispatch(service, *ip, &refusal, refused.clone()));
            }
        }

        let firewall = service.chain(ChainKind::Firewall);
        for ip in &service.vips {
            let filtered = self.uses_firewall_chain();
            if self.choice.has_endpoints {
                let target = to(if filtered { firewall } else { external });
                out.nat_services.push(dispatch(service, *ip, &text("loadbalancer IP"), target));
            }
            if filtered {
                let text = text(&format!("traffic not accepted by {firewall}"));
                out.filter_firewall.push(dispatch(service, *ip, &text, Target::Drop));
            }
        }
        if !self.has_external {
            let refuse = |ip: &_| dispatch(service, *ip, &refusal, refused.clone());
            out.filter_external.extend(service.vips.iter().map(refuse));
        }
        self.write_node_ports(out, external, &refusal, refused);
    }

    fn write_node_ports(&self, out: &mut Dispatch, external: ChainName, refusal: &Arc<str>, refused: Target) {
        let service = self.service;
        if service.node_port != 0 {
            let words =
                || [comment(Arc::clone(&service.name))].into_iter().chain(transport(service.protocol));
            if self.choice.has_endpoints {
                let counter = (self.config.counter(NfacctCounter::LocalhostNpsAcceptedPkts))
                    .filter(|_| self.config.serves_localhost_node_ports());
                if let Some(counter) = counter {
                    let counted = [destination(loopback()), port(service.node_port), Match::Nfacct(counter)];
                    out.nat_node_ports.push(rule(words().chain(counted).collect(), to(external)));
                }
                out.nat_node_ports
                    .push(rule(words().chain([port(service.node_port)]).collect(), to(external)));
            }
            if !self.has_external {
                let [module, protocol] = transport(service.protocol);
                let matches = vec![
                    comment(Arc::clone(refusal)),
                    to_this_node(),
                    module,
                    protocol,
                    port(service.node_port),
                ];
                out.filter_external.push(rule(matches, refused));
            }
        }
        if service.health_check_node_port != 0 {
            let [module, protocol] = transport(model::kubernetes::Protocol::Tcp);
            let text = format!("{} health check node port", service.name);
            let matches = vec![comment(text), module, protocol, port(service.health_check_node_port)];
            out.filter_node_ports.push(rule(matches, Target::Accept));
        }
    }

    /// Hands out this service port's own chains in the order in which kube-proxy declares them, each with
    /// the endpoint (an index) that it is of.
    pub(super) fn write_chains(&self, mut emit: impl FnMut(ChainKind, Option<u32>, Chain)) {
        let mut service_chain = |kind, rules| {
            let name = self.service.chain(kind);
            emit(kind, None, Chain { name, policy: None, rules });
        };
        if self.uses_external_chain() {
            service_chain(ChainKind::External, self.external_rules());
        }
        if self.uses_firewall_chain() {
            service_chain(ChainKind::Firewall, self.firewall_rules());
        }
        let lists = [
            (ChainKind::ServiceCluster, &self.choice.cluster, !self.service.internal_policy_local),
            (ChainKind::ServiceLocal, &self.choice.local, self.service.internal_policy_local),
        ];
        for (kind, list, serves_cluster_ip) in lists {
            if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
                service_chain(kind, self.spread_rules(list, serves_cluster_ip));
            }
        }
        for i in self.choice.reachable() {
            if let Some(endpoint) = self.service.endpoints.get(i as usize) {
                let rules = self.endpoint_rules(endpoint);
                emit(ChainKind::Endpoint, Some(i), Chain { name: endpoint.chain, policy: None, rules });
            }
        }
    }

    /// `KUBE-SVL`, the chain to the node's own endpoints.
    pub(super) fn local_chain(&self) -> Chain {
        let list = self.choice.local.as_deref().unwrap_or_default();
        let rules = self.spread_rules(list, self.service.internal_policy_local);
        Chain { name: self.service.chain(ChainKind::ServiceLocal), policy: None, rules }
    }

    /// `KUBE-EXT`: masquerades, or under policy Local keeps the client's address; pods and the node itself
    /// are spread over all endpoints whatever the policy.
    fn external_rules(&self) -> Vec<Rule> {
        let name = &self.service.name;
        let mut rules = Vec::with_capacity(4);
        if self.service.external_policy_local {
            let everywhere = || to(self.service.chain(ChainKind::ServiceCluster));
            if let Some(from_pod) = self.config.local_detector.condition(false) {
                let text = format!("pod traffic for {name} external destinations");
                rules.push(remark(&text, Some(from_pod), everywhere()));
            }
            let text = format!("masquerade LOCAL traffic for {name} external destinations");
            rules.push(remark(&text, Some(from_this_node()), mark_masq()));
            let text = format!("route LOCAL traffic for {name} external destinations");
            rules.push(remark(&text, Some(from_this_node()), everywhere()));
        } else {
            let text = format!("masquerade traffic for {name} external destinations");
            rules.push(remark(&text, None, mark_masq()));
        }
        if self.has_external {
            rules.push(rule(Vec::new(), to(self.policy_chain(self.service.external_policy_local))));
        }
        rules
    }

    /// `KUBE-FW`: lets the source ranges through; what falls off the end meets the DROP in filter.
    fn firewall_rules(&self) -> Vec<Rule> {
        let service = self.service;
        let text: Arc<str> = format!("{} loadbalancer IP", service.name).into();
        let allow = |net: Net| {
            let matches = vec![comment(Arc::clone(&text)), source(net)];
            rule(matches, to(service.chain(ChainKind::External)))
        };
        let mut rules: Vec<Rule> = service.source_ranges.iter().map(|range| allow((*range).into())).collect();
        // On a host that holds the VIP itself, the node's own packets leave with the VIP as source.
        let node_allowed = (self.config.node_ip())
            .is_some_and(|ip| service.source_ranges.iter().any(|range| range.contains(&ip)));
        if node_allowed {
            rules.extend(service.vips.iter().map(|vip| allow((*vip).into())));
        }
        let text = format!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", service.name);
        rules.push(remark(&text, None, Target::None));
        rules
    }

    /// `KUBE-SVC` and `KUBE-SVL`: the masquerade decision for the cluster IP, then affinity, then chance.
    fn spread_rules(&self, list: &[u32], serves_cluster_ip: bool) -> Vec<Rule> {
        let affinity = if self.service.affinity.is_some() { list.len() } else { 0 };
        let mut rules = Vec::with_capacity(1 + affinity + list.len());
        if serves_cluster_ip && self.has_internal {
            rules.extend(self.cluster_ip_masquerade());
        }
        let chosen = || list.iter().filter_map(|i| self.service.endpoints.get(*i as usize));
        let texts: Vec<Option<Match>> = chosen().map(|endpoint| self.arrow(endpoint)).collect();
        if let Some(seconds) = self.service.affinity {
            for (endpoint, text) in chosen().zip(&texts) {
                let recent = Recent {
                    seconds: Some(seconds),
                    reap: true,
                    ..affinity_list(endpoint, RecentAction::Rcheck)
                };
                let matches = text.iter().cloned().chain([Match::Recent(Box::new(recent))]).collect();
                rules.push(rule(matches, to(endpoint.chain)));
            }
        }
        let mut left = list.len();
        for (endpoint, text) in chosen().zip(texts) {
            // A node has as many of these as endpoints: none is larger than it must be.
            let mut matches = Vec::with_capacity(usize::from(text.is_some()) + usize::from(left > 1));
            matches.extend(text);
            if left > 1 {
                matches
                    .push(Match::Statistic(Statistic::Random { not: false, probability: probability(left) }));
            }
            left -= 1;
            rules.push(rule(matches, to(endpoint.chain)));
        }
        rules
    }

    fn cluster_ip_masquerade(&self) -> Option<Rule> {
        let text: Arc<str> = format!("{} cluster IP", self.service.name).into();
        let mut masquerade = dispatch(self.service, self.service.cluster_ip, &text, mark_masq());
        if !self.config.masquerade_all {
            masquerade.matches.push(self.config.local_detector.condition(true)?);
        }
        Some(masquerade)
    }

    /// The comment of the rules that lead to an endpoint.
    fn arrow(&self, endpoint: &ProxyEndpoint) -> Option<Match> {
        (!self.terse).then(|| comment(format!("{} -> {}", self.service.name, endpoint.text)))
    }

    /// `KUBE-SEP`: the hairpin rule (the client is the endpoint itself), and the translation.
    fn endpoint_rules(&self, endpoint: &ProxyEndpoint) -> Vec<Rule> {
        let name = || (!self.terse).then(|| comment(Arc::clone(&self.service.name)));
        let named = usize::from(!self.terse);
        let mut hairpin = Vec::with_capacity(named + 1);
        hairpin.extend(name());
        hairpin.push(source(endpoint.ip));
        let affine = usize::from(self.service.affinity.is_some());
        let mut matches = Vec::with_capacity(named + affine + 2);
        matches.extend(name());
        if self.service.affinity.is_some() {
            matches.push(Match::Recent(Box::new(affinity_list(endpoint, RecentAction::Set))));
        }
        matches.extend(transport(self.service.protocol));
        vec![
            rule(hairpin, mark_masq()),
            rule(matches, Target::Dnat(NatTo::socket(endpoint.ip, endpoint.port))),
        ]
    }
}

/// The chance of each of `n` endpoints that are left: 1/n, with 10 decimals in kube-proxy's text.
pub fn probability(n: usize) -> f64 {
    // Exact far beyond any number of endpoints.
    #[expect(clippy::cast_precision_loss, reason = "numbers of endpoints are small")]
    let n = n as f64;
    1.0 / n
}

/// Session affinity keeps one list of clients per endpoint, named like its chain.
fn affinity_list(endpoint: &ProxyEndpoint, action: RecentAction) -> Recent {
    Recent {
        not: false,
        name: endpoint.chain.as_str().into(),
        action,
        seconds: None,
        hitcount: None,
        reap: false,
        by_destination: false,
    }
}
