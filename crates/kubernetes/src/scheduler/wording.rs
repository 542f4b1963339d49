//! What of kube-scheduler's messages changes with its version.

use super::Refusal;
use model::Model;

/// How one version of kube-scheduler words why a pod fits no node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wording {
    /// Before preemption it looks for claims to deallocate, and says so: the plugin DynamicResources is on without being
    /// told to since Kubernetes 1.34.
    claims: bool,
    /// It keeps keys and values of taints to itself (kubernetes/kubernetes, pull request 134740): since 1.35, and 1.34.2.
    hides_taints: bool,
}

impl Wording {
    /// That of a cluster's version, which is its control plane's; where the input does not say it, no kubelet is newer.
    pub(super) fn of(model: &Model) -> Self {
        let control_plane = model.managed_cluster.as_ref().and_then(|cluster| version(cluster.version()?));
        let infos = model.nodes.values().map(|node| &node.status.node_info);
        let kubelets = infos.filter_map(|info| version(info.kubelet_version.as_deref()?));
        match control_plane.or_else(|| kubelets.max()) {
            Some((minor, patch)) => Self { claims: minor >= 34, hides_taints: (minor, patch) >= (34, 2) },
            None => Self::default(),
        }
    }

    /// The words before those about preemption, of the plugins that are asked when no node fits, in their order
    /// (`RunPostFilterPlugins`).
    pub(super) fn before_preemption(self) -> &'static str {
        if self.claims { "no new claims to deallocate, " } else { "" }
    }

    /// One reason against a node.
    pub(super) fn refusal(self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Taint(_) if self.hides_taints => "node(s) had untolerated taint(s)".to_owned(),
            shown => shown.to_string(),
        }
    }
}

/// Minor version and patch of Kubernetes 1: of `v1.34.2` and of `1.34`, which AKS takes for its newest patch.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.');
    let minor = parts.next().filter(|major| *major == "1").and(parts.next())?.parse().ok()?;
    let patch = parts.next().map(|patch| patch.split('-').next().unwrap_or_default().parse());
    Some((minor, patch.map_or(u32::MAX, Result::unwrap_or_default)))
}
