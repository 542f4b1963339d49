//! Where kube-proxy runs.

use model::{Key, Model, NodeName};
use std::collections::BTreeSet;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-proxy";
/// How AKS labels the pods of kube-proxy, and how kubeadm does.
const LABELS: [&str; 2] = ["component", "k8s-app"];

/// The nodes on which a pod of kube-proxy is. `None` where the input does not show its DaemonSet,
/// `kube-system/kube-proxy`: it is on every node then, as AKS deploys it.
///
/// A pod that is not ready counts: what it wrote goes on working.
pub fn nodes_with_proxy(model: &Model) -> Option<BTreeSet<NodeName>> {
    model.daemon_sets.get(&Key::new(NAMESPACE, NAME))?;
    let own = model.pods.range(Key::new(NAMESPACE, "")..).take_while(|(key, _)| &*key.namespace == NAMESPACE);
    let proxies = own.map(|(_, pod)| pod).filter(|pod| {
        let is_proxy = LABELS.iter().any(|label| pod.metadata.label(label) == Some(NAME));
        is_proxy && !pod.spec.node_name.is_empty() && !pod.is_finished()
    });
    Some(order::set(proxies.map(|pod| pod.spec.node_name.as_str().into())))
}
