//! The load-balancing rules of one Service (cloud-provider-azure, `getExpectedLBRules`).

use crate::{
    annotations::Annotations,
    names::{self, Namer, balancer_part_id},
    probes,
    refusal::Reason,
    settings::Settings,
};
use model::{
    azure::{LoadBalancingRule, LoadDistribution, Probe, RuleProtocol},
    kubernetes::{IpFamily, Protocol, Service, ServicePort, SessionAffinity},
};

/// Where the rules of one family of a Service point to.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) balancer: &'a str,
    pub(crate) frontend: &'a str,
    pub(crate) pool: &'a str,
    pub(crate) family: IpFamily,
}

/// The rules and probes that a Service wants for one family, in the controller's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Rules.
    pub(crate) rules: Vec<LoadBalancingRule>,
    /// Probes, in the order in which rules first use them.
    pub(crate) probes: Vec<Probe>,
}

/// What the controller computes for one family of a Service before it writes anything.
pub(crate) fn wanted(
    service: &Service,
    settings: &Settings,
    names: &Namer,
    target: &Target<'_>,
) -> Result<Wanted, Reason> {
    let builder = Builder { service, settings, names, target, annotations: Annotations::of(service) };
    let common = probes::common(service, settings, names, target.family)?;
    let mut wanted = Wanted::default();
    if builder.is_ha() {
        builder.ha_ports(common, &mut wanted)?;
    } else {
        builder.port_rules(common, &mut wanted)?;
    }
    for probe in &mut wanted.probes {
        probe.id = Some(balancer_part_id(&settings.scope, target.balancer, "probes", &probe.name));
    }
    Ok(wanted)
}

struct Builder<'a> {
    service: &'a Service,
    settings: &'a Settings,
    names: &'a Namer,
    target: &'a Target<'a>,
    annotations: Annotations<'a>,
}

impl Builder<'_> {
    /// HA ports need an internal Standard load balancer; elsewhere the annotation has no effect.
    fn is_ha(&self) -> bool {
        self.annotations.wants_ha_ports() && self.annotations.is_internal() && self.settings.is_standard()
    }

    fn ha_ports(&self, common: Option<Probe>, wanted: &mut Wanted) -> Result<(), Reason> {
        let service = self.service;
        let first = service.spec.ports.first().ok_or(Reason::NoPorts)?;
        let name = self.names.rule(first.protocol, first.port, self.target.family);
        let mut probe = common;
        if probe.is_none() {
            // One good probe is enough: a port whose annotations are wrong is passed over.
            let of_port = |port| probes::of_port(service, self.settings, port, &name, false).ok().flatten();
            probe = service.spec.ports.iter().find_map(of_port);
        }
        let mut rule = self.rule(name, RuleProtocol::All, &ServicePort::default())?;
        rule.probe = probe.as_ref().map(|probe| self.probe_id(probe).into());
        rule.enable_tcp_reset = Some(!self.annotations.disables_tcp_reset());
        wanted.rules.push(rule);
        wanted.probes.extend(probe);
        Ok(())
    }

    fn port_rules(&self, common: Option<Probe>, wanted: &mut Wanted) -> Result<(), Reason> {
        let mut unused = common.clone();
        for port in &self.service.spec.ports {
            if self.annotations.has_no_rule(port.port) {
                continue;
            }
            let sctp_works = self.settings.is_standard() && self.annotations.is_internal();
            if port.protocol == Protocol::Sctp && !sctp_works {
                return Err(Reason::SctpUnsupported);
            }
            let name = self.names.rule(port.protocol, port.port, self.target.family);
            let protocol = match port.protocol {
                Protocol::Tcp => RuleProtocol::Tcp,
                Protocol::Udp => RuleProtocol::Udp,
                Protocol::Sctp => RuleProtocol::All,
            };
            let mut rule = self.rule(name, protocol, port)?;
            if !self.annotations.has_no_probe(port.port) {
                let own = probes::of_port(self.service, self.settings, port, &rule.name, common.is_some())?;
                let probe = own.as_ref().or(common.as_ref());
                rule.probe = probe.map(|probe| self.probe_id(probe).into());
                // The common probe stands where a rule uses it first, and not at all if none does.
                wanted.probes.extend(own.or_else(|| unused.take()));
            }
            if self.annotations.disables_floating_ip() {
                rule.enable_floating_ip = false;
                rule.backend_port = port.node_port;
            }
            wanted.rules.push(rule);
        }
        Ok(())
    }

    fn probe_id(&self, probe: &Probe) -> model::ArmId {
        balancer_part_id(&self.settings.scope, self.target.balancer, "probes", &probe.name)
    }

    fn rule(
        &self,
        name: String,
        protocol: RuleProtocol,
        port: &ServicePort,
    ) -> Result<LoadBalancingRule, Reason> {
        let target = self.target;
        let id = |kind: &str, part: &str| balancer_part_id(&self.settings.scope, target.balancer, kind, part);
        // The platform has no floating IP on the IPv6 configuration of an internal frontend.
        let floating = !(self.annotations.is_internal() && target.family == IpFamily::IPv6);
        let resets = protocol == RuleProtocol::Tcp && self.settings.is_standard();
        let pool = id("backendAddressPools", target.pool);
        Ok(LoadBalancingRule {
            id: Some(id("loadBalancingRules", &name)),
            name,
            protocol,
            frontend_port: port.port,
            backend_port: if floating { port.port } else { port.node_port },
            enable_floating_ip: floating,
            enable_tcp_reset: resets.then(|| !self.annotations.disables_tcp_reset()),
            idle_timeout_in_minutes: Some(self.annotations.idle_timeout()?),
            load_distribution: match self.service.spec.session_affinity {
                Some(SessionAffinity::ClientIP) => LoadDistribution::SourceIP,
                _ => LoadDistribution::Default,
            },
            disable_outbound_snat: Some(self.settings.disable_outbound_snat),
            frontend_ip_configuration: Some(id("frontendIPConfigurations", target.frontend).into()),
            backend_address_pool: Some(pool.clone().into()),
            backend_address_pools: vec![pool.into()],
            probe: None,
        })
    }
}

/// The pool of one family of a Service.
pub(crate) fn pool_name(service: &Service, settings: &Settings, family: IpFamily) -> String {
    if settings.balancers.is_empty() || !probes::has_health_check_node_port(service) {
        names::backend_pool(&settings.cluster_name, family)
    } else {
        names::local_pool(service, family)
    }
}
