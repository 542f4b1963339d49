//! Nodes and pods.

use super::Check;
use model::{
    Kind, ObjectRef,
    kubernetes::{AddressKind, Node, Pod},
};

impl Check<'_> {
    pub(super) fn nodes(&mut self) {
        for node in self.model.nodes.values() {
            self.node(&ObjectRef::node(&node.name()), node);
        }
    }

    fn node(&mut self, id: &ObjectRef, node: &Node) {
        for (at, address) in node.status.addresses.iter().enumerate() {
            if matches!(address.kind, AddressKind::InternalIP | AddressKind::ExternalIP) {
                let path = format!("status.addresses[{at}].address");
                if let Some(ip) = self.address(id, &path, &address.address) {
                    self.own(id, &path, ip);
                }
            }
        }
        if !node.spec.pod_cidr.is_empty() {
            self.range(id, "spec.podCIDR", &node.spec.pod_cidr);
        }
        self.ranges(id, "spec.podCIDRs", &node.spec.pod_cidrs);
        let pools = self.model.managed_cluster.as_deref().map(|cluster| &*cluster.agent_pool_profiles);
        if let (Some(pool), Some(pools)) = (node.pool(), pools)
            && !pools.is_empty()
            && pools.iter().all(|known| known.name.as_str() != pool)
        {
            let known = pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ");
            self.warning(
                id,
                "metadata.labels",
                format!("the cluster has no node pool {pool}"),
                format!("agentPoolProfiles has {known}"),
            );
        }
    }

    pub(super) fn pods(&mut self) {
        for pod in self.model.pods.values() {
            self.pod(&ObjectRef::namespaced(Kind::Pod, &pod.metadata.key()), pod);
        }
    }

    fn pod(&mut self, id: &ObjectRef, pod: &Pod) {
        let name = &pod.spec.node_name;
        if !name.is_empty() && !self.node_named(name) {
            let hint = self.node_hint(name);
            self.error(id, "spec.nodeName", format!("there is no Node {name}"), hint);
        }
        // Pods on the host's network have its address; finished pods have given theirs up.
        let owns = !pod.spec.host_network && !pod.is_finished();
        let listed = pod.status.pod_ips.iter().enumerate();
        let mut addresses: Vec<_> =
            listed.map(|(at, entry)| (format!("status.podIPs[{at}].ip"), &entry.ip)).collect();
        if !pod.status.pod_ip.is_empty() {
            addresses.push(("status.podIP".to_owned(), &pod.status.pod_ip));
        }
        for (path, text) in addresses {
            if let Some(ip) = self.address(id, &path, text)
                && owns
            {
                self.own(id, &path, ip);
            }
        }
        for (container, at) in pod.spec.containers.iter().zip(0_usize..) {
            for (port, number) in container.ports.iter().zip(0_usize..) {
                if port.container_port == 0 {
                    self.error(
                        id,
                        &format!("spec.containers[{at}].ports[{number}].containerPort"),
                        "containerPort must be from 1 to 65535",
                        "write the port that the container listens on",
                    );
                }
            }
        }
    }
}
