//! Names and ARM ids exactly as cloud-provider-azure and AKS write them.

use crate::{annotations::Annotations, settings::Scope};
use model::{
    ArmId,
    kubernetes::{IpFamily, Protocol, Service},
};

/// ARM's limit of 80 letters for frontends, rules and addresses, less the room for `-IPv6`.
const LONGEST: usize = 75;

/// The name of the probe that Services share in shared mode.
pub const SHARED_PROBE: &str = "cluster-service-shared-health-probe";

/// The pool that AKS keeps for outbound traffic.
pub const OUTBOUND_POOL: &str = "aksOutboundBackendPool";

/// The outbound rule that AKS keeps.
pub const OUTBOUND_RULE: &str = "aksOutboundRule";

/// The same for IPv6: Azure/karpenter-provider-azure names the pool; the rule is named like it, for want of a source.
pub const OUTBOUND_V6: [&str; 2] = ["aksOutboundBackendPool-ipv6", "aksOutboundRule-ipv6"];

/// `a` and the uid without dashes, cut to 32 letters: the uid's last digit is lost.
pub fn service_prefix(service: &Service) -> String {
    let uid = service.metadata.uid.chars().filter(|letter| *letter != '-');
    std::iter::once('a').chain(uid).take(32).collect()
}

/// Whether a frontend, rule or probe belongs to a Service: its name starts with the prefix, in any case.
pub fn is_owned(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The families of a Service, IPv4 first; IPv4 where nothing says otherwise.
pub fn families(service: &Service) -> Vec<IpFamily> {
    let mut families = service.spec.ip_families.clone();
    if families.is_empty() {
        let addresses = service.spec.cluster_ips.iter().chain([&service.spec.cluster_ip]);
        families = addresses.filter_map(|ip| ip.parse().ok()).map(IpFamily::of).collect();
    }
    if families.is_empty() {
        families.push(IpFamily::IPv4);
    }
    order::sort(&mut families);
    families.dedup();
    families
}

/// `-IPv6` on the IPv6 half of a dual-stack Service, nothing otherwise.
fn with_family(mut name: String, families: &[IpFamily], family: IpFamily) -> String {
    if families.len() > 1 && family == IpFamily::IPv6 {
        name.push_str("-IPv6");
    }
    name
}

fn cut(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The name-giving parts of one Service, read once.
#[derive(Debug)]
pub(crate) struct Namer {
    pub(crate) prefix: String,
    pub(crate) families: Vec<IpFamily>,
    subnet: Option<String>,
}

impl Namer {
    pub(crate) fn new(service: &Service) -> Self {
        Self {
            prefix: service_prefix(service),
            families: families(service),
            subnet: Annotations::of(service).internal_subnet().map(str::to_owned),
        }
    }

    /// The frontend's name. A name cut short ends in `_` unless it ends in a letter or `_`.
    pub(crate) fn frontend(&self, family: IpFamily) -> String {
        let mut name = self.prefix.clone();
        if let Some(subnet) = &self.subnet {
            name.push('-');
            name.push_str(subnet);
            if name.len() > LONGEST {
                name.truncate(cut(&name, LONGEST).len());
                if !name.ends_with(|last: char| last.is_ascii_alphabetic() || last == '_') {
                    name.pop();
                    name.push('_');
                }
            }
        }
        with_family(name, &self.families, family)
    }

    /// The name of a rule and of its own probe.
    pub(crate) fn rule(&self, protocol: Protocol, port: u16, family: IpFamily) -> String {
        let bare = format!("{}-{protocol}-{port}", self.prefix);
        let name = match &self.subnet {
            None => bare,
            Some(subnet) => {
                let room = LONGEST.saturating_sub(bare.len() + 1);
                format!("{}-{}-{protocol}-{port}", self.prefix, cut(subnet, room))
            }
        };
        with_family(name, &self.families, family)
    }

    /// The name of the public address that the controller creates.
    pub(crate) fn public_ip(&self, cluster: &str, prefix_id: Option<&str>, family: IpFamily) -> String {
        let mut name = format!("{cluster}-{}", self.prefix);
        if let Some(segment) = prefix_id.and_then(|id| id.rsplit('/').next()).filter(|last| !last.is_empty())
        {
            name.push('-');
            name.push_str(segment);
        }
        with_family(cut(&name, LONGEST).to_owned(), &self.families, family)
    }
}

/// The inbound pool of a family: `kubernetes` or `kubernetes-IPv6`, the latter also for single-stack IPv6.
pub fn backend_pool(cluster: &str, family: IpFamily) -> String {
    match family {
        IpFamily::IPv4 => cluster.to_owned(),
        IpFamily::IPv6 => format!("{cluster}-IPv6"),
    }
}

/// The own pool of a Service with policy Local under multiple standard load balancers.
pub fn local_pool(service: &Service, family: IpFamily) -> String {
    let key = service.metadata.key();
    let mut name = format!("{}-{}", key.namespace, key.name).to_lowercase();
    if family == IpFamily::IPv6 {
        name.push_str("-ipv6");
    }
    name
}

/// `/subscriptions/…/providers/Microsoft.Network/<kind>/<name>`.
pub fn network_id(scope: &Scope, kind: &str, name: &str) -> ArmId {
    ArmId::from(format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/{kind}/{name}",
        scope.subscription, scope.resource_group
    ))
}

/// The id of a part of a load balancer, e.g. of kind `probes`.
pub fn balancer_part_id(scope: &Scope, balancer: &str, kind: &str, name: &str) -> ArmId {
    network_id(scope, "loadBalancers", &format!("{balancer}/{kind}/{name}"))
}
