//! A load balancer in the form in which packets are decided: frontends by address, pools with members.

use model::{
    ArmId, Key, NodeName,
    azure::{
        BackendAddress, BackendAddressPool, FrontendIpConfiguration, LoadBalancer, LoadBalancingRule,
        OutboundRule, Probe, Sku, SkuName, SubResource,
    },
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Who made a load balancer.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The input has it: used as it is.
    Given(Arc<LoadBalancer>),
    /// The cloud controller and AKS programmed it.
    Programmed,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq)]
pub struct Balancer {
    /// The name; `kubernetes` or `kubernetes-internal` in AKS.
    pub name: Arc<str>,
    /// Basic or Standard.
    pub sku: SkuName,
    /// Who made it.
    pub origin: Origin,
    /// The frontends, in the document's order.
    pub frontends: Vec<Arc<Frontend>>,
    /// The probes, in the document's order.
    pub probes: Vec<Arc<Probe>>,
    /// The outbound rules.
    pub outbound_rules: Vec<OutboundRule>,
}

/// A frontend with its address and rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontend {
    /// The document.
    pub configuration: FrontendIpConfiguration,
    /// The address, if known.
    pub address: Option<IpAddr>,
    /// The rules that use it, in the document's order.
    pub rules: Vec<Arc<Rule>>,
}

/// A load-balancing rule with its probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The document.
    pub rule: LoadBalancingRule,
    /// The probe; without one every member counts as up.
    pub probe: Option<Arc<Probe>>,
    /// The pool's name.
    pub pool: Arc<str>,
    /// The Service that owns it, where its name starts with a Service's prefix.
    pub service: Option<Key>,
}

/// A backend pool with its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The name.
    pub name: Arc<str>,
    /// The members, in node-name order where the controller filled the pool.
    pub members: Vec<Arc<Member>>,
}

/// A member of a backend pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The node; absent where the member is no node of this cluster.
    pub node: Option<NodeName>,
    /// Its address in the pool's family, if known.
    pub address: Option<IpAddr>,
    /// The NIC's configuration; absent in a pool by address.
    pub ip_configuration: Option<ArmId>,
    /// What an administrator set.
    pub admin_state: AdminState,
}

/// An administrator's word about one member, which goes before its probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdminState {
    /// The probe decides.
    #[default]
    None,
    /// New connections are allowed whatever the probe says.
    Up,
    /// No new connections whatever the probe says.
    Down,
}

impl AdminState {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text {
            Some(text) if text.eq_ignore_ascii_case("up") => Self::Up,
            Some(text) if text.eq_ignore_ascii_case("down") => Self::Down,
            _ => Self::None,
        }
    }
}

impl Member {
    /// Its name for a person: the node, else the address, else the NIC's configuration.
    pub fn label(&self) -> Arc<str> {
        match (&self.node, self.address, &self.ip_configuration) {
            (Some(node), ..) => node.into(),
            (None, Some(address), _) => address.to_string().into(),
            (None, None, Some(id)) => id.to_string().into(),
            (None, None, None) => "unknown member".into(),
        }
    }

    /// Whether this is its name.
    pub fn is_called(&self, label: &str) -> bool {
        match &self.node {
            Some(node) => node.as_str() == label,
            None => *self.label() == *label,
        }
    }
}

impl Balancer {
    /// The frontend with an address.
    pub fn frontend(&self, address: IpAddr) -> Option<&Arc<Frontend>> {
        self.frontends.iter().find(|frontend| frontend.address == Some(address))
    }

    /// Whether clients reach it only from the virtual network.
    pub fn is_internal(&self) -> bool {
        self.frontends.iter().all(|frontend| frontend.configuration.public_ip_address.is_none())
    }

    /// The document as `az network lb show -o json` prints it.
    pub(crate) fn document(
        &self,
        pools: &[Arc<Pool>],
        scope: &crate::settings::Scope,
        by_address: bool,
    ) -> LoadBalancer {
        if let Origin::Given(document) = &self.origin {
            return (**document).clone();
        }
        let id = |kind: &str, name: &str| crate::names::balancer_part_id(scope, &self.name, kind, name);
        let all_rules = || self.frontends.iter().flat_map(|frontend| &frontend.rules);
        let mut document = LoadBalancer {
            name: self.name.to_string(),
            id: Some(crate::names::network_id(scope, "loadBalancers", &self.name)),
            location: Some(scope.location.clone()),
            resource_group: Some(scope.resource_group.clone()),
            sku: Sku { name: self.sku, tier: Some("Regional".into()) },
            outbound_rules: self.outbound_rules.clone(),
            ..LoadBalancer::default()
        };
        for frontend in &self.frontends {
            let mut configuration = frontend.configuration.clone();
            configuration.load_balancing_rules =
                frontend.rules.iter().filter_map(|rule| rule.rule.id.clone()).map(Into::into).collect();
            document.frontend_ip_configurations.push(configuration);
        }
        let mut users = BTreeMap::<&str, Vec<SubResource>>::new();
        for rule in all_rules() {
            document.load_balancing_rules.push(rule.rule.clone());
            if let (Some(probe), Some(id)) = (&rule.probe, &rule.rule.id) {
                users.entry(&probe.name).or_default().push(id.clone().into());
            }
        }
        document.probes = self.probes.iter().map(|probe| (**probe).clone()).collect();
        for probe in &mut document.probes {
            probe.load_balancing_rules = users.remove(probe.name.as_str()).unwrap_or_default();
        }
        for pool in pools {
            let pool_id = id("backendAddressPools", &pool.name);
            let inbound = all_rules().filter(|rule| rule.pool == pool.name);
            let outbound = self
                .outbound_rules
                .iter()
                .filter(|rule| rule.backend_address_pool.as_ref().is_some_and(|own| own.id == pool_id));
            document.backend_address_pools.push(BackendAddressPool {
                name: pool.name.to_string(),
                load_balancing_rules: inbound.filter_map(|r| r.rule.id.clone()).map(Into::into).collect(),
                outbound_rules: outbound.filter_map(|rule| rule.id.clone()).map(Into::into).collect(),
                backend_ip_configurations: pool
                    .members
                    .iter()
                    .filter(|_| !by_address)
                    .filter_map(|member| member.ip_configuration.clone())
                    .map(Into::into)
                    .collect(),
                load_balancer_backend_addresses: pool
                    .members
                    .iter()
                    .map(|member| backend_address(member, by_address))
                    .collect(),
                id: Some(pool_id),
            });
        }
        document
    }
}

fn backend_address(member: &Member, by_address: bool) -> BackendAddress {
    BackendAddress {
        name: Some(member.label().to_string()),
        ip_address: member.address.filter(|_| by_address).map(|address| address.to_string()),
        network_interface_ip_configuration: member
            .ip_configuration
            .clone()
            .filter(|_| !by_address)
            .map(Into::into),
        admin_state: match member.admin_state {
            AdminState::None => None,
            AdminState::Up => Some("Up".into()),
            AdminState::Down => Some("Down".into()),
        },
        virtual_network: None,
    }
}
