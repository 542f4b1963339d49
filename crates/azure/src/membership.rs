//! Which nodes belong to which scale set or availability set, and which are members of pools.

use crate::settings::Settings;
use model::{
    ArmId, NodeName,
    azure::{AgentPoolType, ManagedCluster},
    kubernetes::{AddressKind, Node},
};
use std::{fmt, net::IpAddr, sync::Arc};

/// Why a node is not a member of any backend pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusion {
    /// The node is being deleted (service controller).
    Deleting,
    /// Taint `ToBeDeletedByClusterAutoscaler` (service controller).
    AutoscalerDeletes,
    /// Label `node.kubernetes.io/exclude-from-external-load-balancers`; the value does not matter to
    /// cloud-provider-azure.
    ExcludeLabel,
    /// Label `kubernetes.azure.com/managed=false`.
    Unmanaged,
    /// Label `kubernetes.azure.com/resource-group` names another group.
    OtherResourceGroup,
    /// A control-plane node (`excludeMasterFromStandardLB`).
    ControlPlane,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deleting => "the node is being deleted",
            Self::AutoscalerDeletes => "taint ToBeDeletedByClusterAutoscaler",
            Self::ExcludeLabel => "label node.kubernetes.io/exclude-from-external-load-balancers",
            Self::Unmanaged => "label kubernetes.azure.com/managed=false",
            Self::OtherResourceGroup => "label kubernetes.azure.com/resource-group names another group",
            Self::ControlPlane => "a control-plane node",
        })
    }
}

const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Why the generic service controller leaves a node out, if it does. It parses the exclude label's value.
pub fn service_controller_excludes(node: &Node) -> Option<Exclusion> {
    if node.metadata.deletion_timestamp.is_some() {
        return Some(Exclusion::Deleting);
    }
    let is_false = |value: &str| matches!(value, "0" | "f" | "F" | "false" | "FALSE" | "False");
    if node.metadata.label(EXCLUDE_LABEL).is_some_and(|value| !is_false(value)) {
        return Some(Exclusion::ExcludeLabel);
    }
    let doomed = |key: &str| key == "ToBeDeletedByClusterAutoscaler";
    node.spec.taints.iter().any(|taint| doomed(&taint.key)).then_some(Exclusion::AutoscalerDeletes)
}

/// Why cloud-provider-azure's node cache leaves a node out, if it does (`updateNodeCaches`).
pub fn node_cache_excludes(node: &Node, resource_group: &str) -> Option<Exclusion> {
    let metadata = &node.metadata;
    if metadata.label("kubernetes.azure.com/managed").is_some_and(|value| value.eq_ignore_ascii_case("false"))
    {
        return Some(Exclusion::Unmanaged);
    }
    let group = metadata.label("kubernetes.azure.com/resource-group").filter(|group| !group.is_empty());
    if group.is_some_and(|group| !group.eq_ignore_ascii_case(resource_group)) {
        return Some(Exclusion::OtherResourceGroup);
    }
    metadata.label(EXCLUDE_LABEL).is_some().then_some(Exclusion::ExcludeLabel)
}

fn is_control_plane(node: &Node) -> bool {
    let metadata = &node.metadata;
    metadata.label("node-role.kubernetes.io/control-plane").is_some()
        || metadata.label("node-role.kubernetes.io/master").is_some()
        || metadata.label("kubernetes.io/role") == Some("master")
}

/// Why a node is not a member of any pool, if it is not.
pub fn excludes(node: &Node, settings: &Settings) -> Option<Exclusion> {
    let control_plane = settings.is_standard() && settings.exclude_control_plane && is_control_plane(node);
    service_controller_excludes(node)
        .or_else(|| node_cache_excludes(node, &settings.scope.resource_group))
        .or_else(|| control_plane.then_some(Exclusion::ControlPlane))
}

/// A node as the cloud sees it: a VM in a scale set or availability set, with its NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// The node.
    pub node: NodeName,
    /// The scale set or availability set.
    pub vm_set: Arc<str>,
    /// The addresses inside the virtual network.
    pub addresses: Vec<IpAddr>,
    /// A public address of the VM itself.
    pub public_address: Option<IpAddr>,
    /// The NIC's configuration for IPv4.
    pub ip_configuration: ArmId,
    /// The NIC's configuration for IPv6.
    pub ip_configuration_v6: ArmId,
    /// Why it is in no pool, if so.
    pub excluded: Option<Exclusion>,
}

impl Vm {
    /// The address of a family.
    pub fn address(&self, v6: bool) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|ip| ip.is_ipv6() == v6)
    }

    pub(crate) fn new(node: &Node, settings: &Settings, cluster: Option<&ManagedCluster>) -> Self {
        let place = Placement::of(node, cluster);
        let nic = place.nic(node, settings);
        Self {
            node: node.name(),
            addresses: node.internal_ips().collect(),
            public_address: node
                .status
                .addresses
                .iter()
                .filter(|entry| entry.kind == AddressKind::ExternalIP)
                .find_map(|entry| entry.address.parse().ok()),
            ip_configuration: ArmId::from(format!("{nic}/ipConfigurations/ipconfig1")),
            ip_configuration_v6: ArmId::from(format!("{nic}/ipConfigurations/ipconfigv6")),
            excluded: excludes(node, settings),
            vm_set: place.vm_set.into(),
        }
    }
}

/// The vmset of a node and its number there.
#[derive(Debug, PartialEq, Eq)]
struct Placement {
    vm_set: String,
    scale_set: bool,
    instance: String,
}

/// `aks-<pool>-<number>-vmss<base 36>` or `aks-<pool>-<number>-<index>`.
#[derive(Debug, PartialEq, Eq)]
struct NameParts<'a> {
    pool: &'a str,
    number: &'a str,
    scale_set: bool,
    instance: &'a str,
}

fn parse_name(name: &str) -> Option<NameParts<'_>> {
    let (head, last) = name.rsplit_once('-')?;
    let (stem, number) = head.rsplit_once('-')?;
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let pool = stem.strip_prefix("aks-").unwrap_or(stem);
    let (scale_set, instance) = match last.strip_prefix("vmss") {
        Some(instance) => (true, instance),
        None => (false, last),
    };
    let valid = if scale_set {
        instance.len() == 6 && instance.bytes().all(|letter| letter.is_ascii_alphanumeric())
    } else {
        !instance.is_empty() && instance.bytes().all(|digit| digit.is_ascii_digit())
    };
    valid.then_some(NameParts { pool, number, scale_set, instance })
}

/// The digits that the names of one cluster's VMs share.
pub(crate) fn cluster_number(name: &str) -> Option<&str> {
    parse_name(name).map(|parts| parts.number)
}

/// The instance number behind the base-36 end of a scale-set computer name.
fn instance_number(text: &str) -> String {
    u32::from_str_radix(text, 36).map_or_else(|_| text.to_owned(), |number| number.to_string())
}

/// The scale set (in lower case) and the instance that a node's VM really is, whatever its pool label says.
pub(crate) fn physical_place(node: &Node) -> Option<(String, String)> {
    let id = ArmId::from(node.spec.provider_id.as_str());
    if let (Some(set), Some(instance)) =
        (id.segment("virtualMachineScaleSets"), id.segment("virtualMachines"))
    {
        return Some((set.to_ascii_lowercase(), instance.to_owned()));
    }
    let parts = parse_name(&node.metadata.name).filter(|parts| parts.scale_set)?;
    let set = scale_set_name(parts.pool, parts.number).to_ascii_lowercase();
    Some((set, instance_number(parts.instance)))
}

fn scale_set_name(pool: &str, number: &str) -> String {
    format!("aks-{pool}-{number}-vmss")
}

fn availability_set_name(pool: &str, number: &str) -> String {
    format!("{pool}-availabilitySet-{number}")
}

impl Placement {
    /// The pool label decides; a node whose VM is of another pool counts as a VM of the label's pool.
    fn of(node: &Node, cluster: Option<&ManagedCluster>) -> Self {
        let id = ArmId::from(node.spec.provider_id.as_str());
        let name = node.metadata.name.as_str();
        let parts = parse_name(name);
        let type_of = |pool: &str| {
            let profiles = cluster.map(|cluster| cluster.agent_pool_profiles.as_slice()).unwrap_or_default();
            profiles.iter().find(|profile| profile.name.as_str() == pool).map(|profile| profile.pool_type)
        };
        let named = parts.as_ref();
        let pool = node.pool().or(named.map(|parts| parts.pool));
        let number = named.map_or("00000000", |parts| parts.number);
        let instance = id
            .segment("virtualMachines")
            .map(str::to_owned)
            .or_else(|| {
                named.map(|parts| {
                    if parts.scale_set { instance_number(parts.instance) } else { parts.instance.to_owned() }
                })
            })
            .unwrap_or_else(|| name.to_owned());
        let scale_set_id = id.segment("virtualMachineScaleSets");
        let born_in_scale_set =
            scale_set_id.is_some() || named.map_or(id.segment("virtualMachines").is_none(), |p| p.scale_set);
        let scale_set = match pool.and_then(type_of) {
            Some(kind) => kind == AgentPoolType::VirtualMachineScaleSets,
            None => born_in_scale_set,
        };
        // The name `aks-<pool>-…` (or the id's scale set) tells which pool the VM was made for.
        let made_for = scale_set_id
            .and_then(|set| set.strip_suffix("-vmss"))
            .and_then(|set| set.rsplit_once('-'))
            .map(|(stem, _)| stem.strip_prefix("aks-").unwrap_or(stem))
            .or(named.map(|parts| parts.pool));
        let moved = matches!((made_for, node.pool()), (Some(made), Some(label)) if made != label);
        let vm_set = match (scale_set_id, pool) {
            (Some(set), _) if scale_set && !moved => set.to_owned(),
            (_, Some(pool)) if scale_set => scale_set_name(pool, number),
            (_, Some(pool)) => availability_set_name(pool, number),
            (_, None) => name.to_owned(),
        };
        Self { vm_set, scale_set, instance }
    }

    fn nic(&self, node: &Node, settings: &Settings) -> String {
        let scope = &settings.scope;
        let group = format!(
            "/subscriptions/{}/resourceGroups/{}/providers",
            scope.subscription, scope.resource_group
        );
        let (set, instance) = (&self.vm_set, &self.instance);
        if self.scale_set {
            return format!(
                "{group}/Microsoft.Compute/virtualMachineScaleSets/{set}/virtualMachines/{instance}/networkInterfaces/{set}"
            );
        }
        let name = match parse_name(&node.metadata.name) {
            Some(parts) => format!("aks-{}-{}-nic-{}", parts.pool, parts.number, parts.instance),
            None => format!("{}-nic", node.metadata.name),
        };
        format!("{group}/Microsoft.Network/networkInterfaces/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::azure::AgentPool;

    fn node(name: &str, pool: Option<&str>, provider_id: &str) -> Node {
        let mut node = Node::default();
        node.metadata.name = name.into();
        if let Some(pool) = pool {
            node.metadata.labels.insert(Node::POOL_LABEL.into(), pool.into());
        }
        node.spec.provider_id = provider_id.into();
        node
    }

    #[test]
    fn the_vm_set_of_a_node() {
        let id = "azure:///subscriptions/0/resourceGroups/MC/providers/Microsoft.Compute/virtualMachineScaleSets/aks-p-1-vmss/virtualMachines/3";
        let availability = AgentPool {
            name: "pool-1".into(),
            pool_type: AgentPoolType::AvailabilitySet,
            ..AgentPool::default()
        };
        let cluster = ManagedCluster { agent_pool_profiles: vec![availability], ..ManagedCluster::default() };
        for (name, pool, provider_id, vm_set, instance) in [
            ("aks-nodepool1-12345678-vmss000000", None, "", "aks-nodepool1-12345678-vmss", "0"),
            ("aks-nodepool1-12345678-vmss00000a", Some("nodepool1"), "", "aks-nodepool1-12345678-vmss", "10"),
            ("aks-nodepool1-12345678-vmss000000", Some("user"), "", "aks-user-12345678-vmss", "0"),
            ("aks-pool-1-27255451-0", Some("pool-1"), "", "pool-1-availabilitySet-27255451", "0"),
            ("aks-system-27255451-0", Some("pool-1"), "", "pool-1-availabilitySet-27255451", "0"),
            ("any", Some("p"), id, "aks-p-1-vmss", "3"),
            ("any", Some("q"), id, "aks-q-00000000-vmss", "3"),
            ("n0", Some("system"), "", "aks-system-00000000-vmss", "n0"),
            ("n0", None, "", "n0", "n0"),
        ] {
            let place = Placement::of(&node(name, pool, provider_id), Some(&cluster));
            assert_eq!(
                (place.vm_set.as_str(), place.instance.as_str()),
                (vm_set, instance),
                "{name} {pool:?}"
            );
        }
    }
}
