//! Edits of nodes, pools and numbers of pods, one by one.

use super::{Note, PlanError, unfolding::Unfolding};
use azure::node_pools::{Maker, check_delete, check_pool, check_scale, pool_of};
use kubernetes::{
    Owners,
    scheduler::{Eviction, eviction},
};
use model::{
    Edit, EditError, Key, NodeName, ObjectRef, PoolName,
    azure::{AgentPool, ManagedCluster},
    kubernetes::Taint,
};
use std::sync::Arc;

impl Unfolding {
    /// Does what an edit says, and what follows at once.
    pub(super) fn carry_out(&mut self, edit: &Edit) -> Result<(), PlanError> {
        match edit {
            Edit::Many { edits } => edits.iter().try_for_each(|edit| self.carry_out(edit))?,
            Edit::MoveNode { node, pool } => self.move_node(node, pool)?,
            Edit::ScalePool { pool, count } => self.scale_pool(pool, *count)?,
            Edit::AddPool { pool } => {
                if let Some(cluster) = &self.model.managed_cluster {
                    check_pool(pool, cluster).map_err(|error| PlanError::Pool(pool.name.clone(), error))?;
                }
                self.apply(edit)?;
            }
            Edit::RemovePool { pool } => self.remove_pool(pool)?,
            Edit::UpgradePool { pool, .. } => {
                self.apply(edit)?;
                self.upgrade(pool)?;
            }
            Edit::Drain { node } => {
                let bare = self.bare_pods(node);
                if !bare.is_empty() {
                    return Err(PlanError::Bare(bare));
                }
                self.apply(edit)?;
                self.settle();
                self.drain(node);
            }
            Edit::SetNodeTaint { node, taint, present } => {
                self.apply(edit)?;
                if *present {
                    self.evict_by_taint(node, taint);
                }
            }
            Edit::ScaleWorkload { workload, replicas } => {
                self.apply(edit)?;
                self.remove_surplus(workload, *replicas);
            }
            Edit::Autoscale => self.autoscale(),
            Edit::EvictSpot { node } => self.evict_spot(node)?,
            Edit::Remove { object } if object.kind == model::Kind::Node => {
                self.apply(edit)?;
                self.count_pools();
            }
            _ => self.apply(edit)?,
        }
        self.settle();
        Ok(())
    }

    fn pool(&self, name: &PoolName) -> Result<(Arc<ManagedCluster>, AgentPool), PlanError> {
        let unknown = || PlanError::Edit(EditError::UnknownPool(name.clone()));
        let (_, pool) = pool_of(&self.model, name).ok_or_else(unknown)?;
        Ok((self.model.managed_cluster.clone().ok_or_else(unknown)?, pool.clone()))
    }

    /// The nodes of a pool, in name order.
    pub(super) fn nodes_of(&self, pool: &PoolName) -> Vec<NodeName> {
        let nodes = self.model.nodes.iter().filter(|(_, node)| node.pool() == Some(pool.as_str()));
        nodes.map(|(name, _)| name.clone()).collect()
    }

    fn count(&self, pool: &PoolName) -> u32 {
        u32::try_from(self.nodes_of(pool).len()).unwrap_or(u32::MAX)
    }

    /// Writes how many nodes each pool has.
    pub(super) fn count_pools(&mut self) {
        let Some(cluster) = &self.model.managed_cluster else { return };
        let names: Vec<PoolName> = cluster.agent_pool_profiles.iter().map(|pool| pool.name.clone()).collect();
        let counts: Vec<u32> = names.iter().map(|name| self.count(name)).collect();
        let Some(cluster) = &mut self.model.managed_cluster else { return };
        let same =
            cluster.agent_pool_profiles.iter().zip(&counts).all(|(pool, count)| pool.count == Some(*count));
        if !same {
            for (pool, count) in Arc::make_mut(cluster).agent_pool_profiles.iter_mut().zip(counts) {
                pool.count = Some(count);
            }
        }
    }

    /// One pool scales in, the other scales out. The node keeps its name in the model; see [`Note::Replaced`].
    fn move_node(&mut self, name: &NodeName, to: &PoolName) -> Result<(), PlanError> {
        let from = self.model.nodes.get(name).and_then(|node| node.pool()).map(PoolName::from);
        if from.as_ref() == Some(to) {
            return Ok(());
        }
        for (pool, change) in [(from.as_ref(), -1), (Some(to), 1)] {
            let Some(Ok((_, profile))) = pool.map(|pool| self.pool(pool)) else { continue };
            let count = self.count(&profile.name).saturating_add_signed(change);
            let all = u32::try_from(self.model.nodes.len()).unwrap_or(u32::MAX);
            check_scale(&profile, count, all.saturating_sub(count))
                .map_err(|error| PlanError::Pool(profile.name.clone(), error))?;
        }
        // What a move really is comes first: the rest follows from it.
        if let Some(from) = from.clone() {
            self.notes.push(Note::Replaced { node: name.clone(), from, to: to.clone() });
        }
        for (key, _, owner) in self.pods_on(name) {
            if owner.is_some() {
                self.evict(&key);
            } else {
                self.notes.push(Note::Carried(key));
            }
        }
        Edit::MoveNode { node: name.clone(), pool: to.clone() }.apply(&mut self.model)?;
        let maker = Maker::new(&self.model);
        let old = from.as_ref().and_then(|from| self.pool(from).ok());
        if let (Ok((_, pool)), Some(node)) = (self.pool(to), self.model.nodes.get_mut(name)) {
            let node = Arc::make_mut(node);
            if let Some((_, old)) = old {
                maker.leave(node, &old);
            }
            maker.join(node, &pool);
        }
        self.count_pools();
        Ok(())
    }

    /// Adds nodes to a pool, or removes those with the highest numbers. AKS documents no order.
    pub(super) fn scale_pool(&mut self, name: &PoolName, count: u32) -> Result<(), PlanError> {
        let (_, pool) = self.pool(name)?;
        let nodes = self.nodes_of(name);
        let others = self.model.nodes.len().saturating_sub(nodes.len());
        check_scale(&pool, count, u32::try_from(others).unwrap_or(u32::MAX))
            .map_err(|error| PlanError::Pool(name.clone(), error))?;
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        for node in nodes.iter().skip(wanted).rev() {
            self.remove_node(node);
        }
        for _ in nodes.len()..wanted {
            self.add_node(&pool);
        }
        self.apply(&Edit::ScalePool { pool: name.clone(), count })
    }

    /// Adds a node to a pool and returns its name.
    pub(super) fn add_node(&mut self, pool: &AgentPool) -> NodeName {
        let maker = Maker::new(&self.model);
        let node = maker.node(pool, maker.free_index(&self.model, pool));
        let name = node.name();
        self.notes.push(Note::Joined { node: name.clone(), pool: pool.name.clone() });
        self.model.nodes.insert(name.clone(), Arc::new(node));
        name
    }

    fn remove_pool(&mut self, name: &PoolName) -> Result<(), PlanError> {
        let (cluster, pool) = self.pool(name)?;
        check_delete(&cluster, &pool).map_err(|error| PlanError::Pool(name.clone(), error))?;
        for node in self.nodes_of(name) {
            self.remove_node(&node);
        }
        self.apply(&Edit::RemovePool { pool: name.clone() })
    }

    /// AKS adds surge nodes, then drains, sets up anew and uncordons the others a few at a time, then removes the
    /// surge nodes.
    fn upgrade(&mut self, name: &PoolName) -> Result<(), PlanError> {
        let (_, pool) = self.pool(name)?;
        let nodes = self.nodes_of(name);
        let surge = surge(&pool, nodes.len());
        let added: Vec<NodeName> = (0..surge).map(|_| self.add_node(&pool)).collect();
        for batch in nodes.chunks(surge.max(1)) {
            for node in batch {
                self.apply(&Edit::Cordon { node: node.clone(), cordoned: true })?;
            }
            self.settle();
            for node in batch {
                self.drain(node);
                self.reimage(node, &pool);
            }
            self.settle();
        }
        for node in &added {
            self.remove_node(node);
        }
        Ok(())
    }

    fn reimage(&mut self, name: &NodeName, pool: &AgentPool) {
        // What a budget or nothing kept on the node is evicted by force when the node is set up anew.
        self.evict_all(name);
        let maker = Maker::new(&self.model);
        if let Some(node) = self.model.nodes.get_mut(name) {
            let node = Arc::make_mut(node);
            node.spec.unschedulable = false;
            maker.join(node, pool);
        }
        self.notes.push(Note::Reimaged(name.clone()));
    }

    /// `NoExecute` evicts pods that do not tolerate it, for good or after a while.
    fn evict_by_taint(&mut self, node: &NodeName, taint: &Taint) {
        for (key, pod, owner) in self.pods_on(node) {
            match eviction(&pod, taint) {
                Eviction::Stays => continue,
                Eviction::After(seconds) => self.notes.push(Note::After { pod: key.clone(), seconds }),
                Eviction::AtOnce => {}
            }
            if owner.is_none() {
                self.notes.push(Note::Lost(key.clone()));
            }
            self.evict(&key);
        }
    }

    /// Pod documents beyond the number that is wanted: the last by name go.
    fn remove_surplus(&mut self, workload: &ObjectRef, replicas: u32) {
        let of_it = |owner: &ObjectRef| {
            let set = self.now.model.replica_sets.get(&owner.key());
            owner == workload
                || set.and_then(|set| set.metadata.controller()).is_some_and(|deployment| {
                    deployment.kind == workload.kind.to_string() && *deployment.name == *workload.name
                })
        };
        let managed = Owners::managed(&self.now.model);
        let own: Vec<Key> = managed
            .into_iter()
            .filter(|(key, owner)| of_it(owner) && self.model.pods.contains_key(key))
            .map(|(key, _)| key)
            .collect();
        for pod in own.iter().skip(usize::try_from(replicas).unwrap_or(usize::MAX)) {
            self.evict(pod);
        }
    }

    fn evict_spot(&mut self, node: &NodeName) -> Result<(), PlanError> {
        let missing = || PlanError::Edit(EditError::NotFound(ObjectRef::node(node)));
        let found = self.model.nodes.get(node).ok_or_else(missing)?;
        let of_spot = found.pool().and_then(|pool| pool_of(&self.model, &pool.into()));
        let labelled = found.metadata.label(azure::node_pools::SPOT) == Some("spot");
        if !of_spot.map_or(labelled, |(_, pool)| pool.is_spot()) {
            return Err(PlanError::NotSpot(node.clone()));
        }
        self.remove_node(node);
        self.count_pools();
        Ok(())
    }
}

/// How many surge nodes an upgrade adds: `maxSurge`, a share rounded up; 10% where absent.
fn surge(pool: &AgentPool, nodes: usize) -> usize {
    let given = pool.upgrade_settings.as_ref().and_then(|settings| settings.max_surge.as_deref());
    let text = given.unwrap_or("10%");
    let surge = match text.strip_suffix('%') {
        Some(share) => nodes.saturating_mul(share.parse().unwrap_or(10)).div_ceil(100),
        None => text.parse().unwrap_or(1),
    };
    surge.clamp(1, nodes.max(1))
}
