//! What can be moved where, the one edit that does it, and what AKS would do.

use model::{Edit, Key, NodeName};
use render::{Group, Kind, Scene};

/// A place that a thing can be moved to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// The group that is highlighted, and that a pointer drops on.
    pub(crate) group: String,
    /// Its name for a person: `node pool pool-1`.
    pub(crate) name: String,
    /// What dropping does, short enough for the drop zone.
    pub(crate) short: String,
    /// What happens in Azure and Kubernetes when one does this.
    pub(crate) sentence: String,
    /// The edit.
    pub(crate) edit: Edit,
}

/// Whether a person can move it.
pub(crate) fn is_movable(group: &Group) -> bool {
    group.object.is_some() && matches!(group.kind, Kind::Node | Kind::Pod)
}

/// The short name of a thing that is moved.
pub(crate) fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Everywhere that a thing can go, in reading order; nowhere for what cannot be moved.
pub(crate) fn targets(scene: &Scene, id: &str) -> Vec<Target> {
    let Some(group) = scene.group(id).filter(|group| is_movable(group)) else { return Vec::new() };
    let Some(object) = &group.object else { return Vec::new() };
    match group.kind {
        Kind::Node => node_targets(scene, group, &NodeName::from(&*object.name)),
        Kind::Pod => pod_targets(scene, group, &object.key()),
        _ => Vec::new(),
    }
}

fn node_targets(scene: &Scene, group: &Group, node: &NodeName) -> Vec<Target> {
    let home = scene.pools.iter().find(|pool| Some(&pool.group) == group.parent.as_ref());
    let target = |pool: &render::PoolFacts| {
        let (to, now) = (&pool.name, pool.nodes);
        let mut sentence = format!("{to} scales out from {now} to {}", now + 1);
        if let Some(home) = home {
            let left = home.nodes.saturating_sub(1);
            sentence += &format!(", {} scales in from {} to {left}", home.name, home.nodes);
            if home.system && left == 0 {
                sentence += ". AKS itself would keep one node in its system pool";
            }
        }
        Target {
            group: pool.group.clone(),
            name: format!("node pool {to}"),
            short: format!("{to} scales out to {}", now + 1),
            sentence,
            edit: Edit::MoveNode { node: node.clone(), pool: to.clone() },
        }
    };
    scene.pools.iter().filter(|pool| Some(&pool.group) != group.parent.as_ref()).map(target).collect()
}

fn pod_targets(scene: &Scene, group: &Group, pod: &Key) -> Vec<Target> {
    let nodes = scene.groups.iter().filter(|other| other.kind == Kind::Node);
    let others = nodes.filter(|node| Some(&node.id) != group.parent.as_ref());
    others
        .filter_map(|node| {
            let name = NodeName::from(&*node.object.as_ref()?.name);
            Some(Target {
                group: node.id.clone(),
                name: format!("node {name}"),
                short: "a new pod starts here".into(),
                sentence: format!("deleted here, made anew on {name} with another address"),
                edit: Edit::MovePod { pod: pod.clone(), node: name },
            })
        })
        .collect()
}
