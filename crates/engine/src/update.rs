//! The world after an edit: whatever the edit did not touch is shared with the world before.

use crate::{
    World,
    cloud::AllTaking,
    lookup::Same,
    probe::Probes,
    programmed::{NodeKernel, SharedRules},
    topology::Topology,
    world::{Prepared, prepare, reported},
};
use azure::Cloud;
use kubernetes::kube_proxy::ServiceMap;
use model::{
    Model, NodeName,
    kubernetes::{IpFamily, Node, Pod},
    same_objects,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

impl World {
    /// The same as [`World::new`] of the model, with whatever an edit left alone shared with this world: the
    /// cloud's load balancers and pools, the topology, Services as kube-proxy reads them, programmed nodes,
    /// probe states. Rules given for a node stay given.
    #[must_use]
    pub fn update(&self, model: &Model) -> Self {
        let Prepared { mut settled, allocated, unsettled, filled } = prepare(model, Some(self));
        settled.share_with(&self.settled);
        let cloud = self.cloud.update(&settled);
        // The cloud controller's part is in Services alone: all else is shared with the settled model already.
        let mut complete = reported(&cloud, &settled);
        complete.share_services_with(&self.model);
        let old = &self.model;
        let same_pods = same_objects(&complete.pods, &old.pods);
        let same_nodes = same_objects(&complete.nodes, &old.nodes);
        let same_service_objects = same_objects(&complete.services, &old.services);
        let frontends = || cloud.frontend_addresses();
        let same_addresses =
            Topology::is_alike(old, &complete) && frontends().eq(self.cloud.frontend_addresses());
        let topology = if same_addresses {
            Arc::clone(&self.topology)
        } else {
            Arc::new(Topology::new(&complete, frontends()))
        };
        let same_slices = same_objects(&complete.endpoint_slices, &old.endpoint_slices);
        let same_services = same_service_objects && same_slices;
        let services = if same_services {
            self.services.clone()
        } else {
            [IpFamily::IPv4, IpFamily::IPv6].map(|family| self.next_services(family, &complete))
        };
        let same_daemon_sets = same_objects(&complete.daemon_sets, &old.daemon_sets);
        let same_surroundings = complete.same_surroundings(old);
        let lookup = self.lookup.kept(&Same {
            slices: same_slices,
            pods: same_pods,
            services: same_service_objects,
            daemon_sets: same_daemon_sets,
            nodes: same_nodes,
            surroundings: same_surroundings,
        });
        let same_rules = same_addresses
            && same_services
            && same_surroundings
            && lookup.proxied(&complete) == self.lookup.proxied(old);
        let given = self.given.iter().filter(|(name, _)| complete.nodes.contains_key(*name));
        let given: BTreeMap<_, _> = order::map(given.map(|(name, rules)| (name.clone(), rules.clone())));
        let nodes = if same_rules { self.kept_nodes(&complete) } else { Arc::new(unprogrammed(&complete)) };
        let probes = if same_rules && same_pods && given.is_empty() && cloud.guards_alike(&self.cloud) {
            self.probes.of_nodes(|name| {
                complete
                    .nodes
                    .get(name)
                    .zip(old.nodes.get(name))
                    .is_some_and(|(new, old)| Arc::ptr_eq(new, old))
            })
        } else {
            Probes::default()
        };
        let same_hosts = |(new, old): (&Arc<Pod>, &Arc<Pod>)| {
            Arc::ptr_eq(new, old) || !(new.spec.host_network || old.spec.host_network)
        };
        let same_classes = same_addresses
            && same_surroundings
            && same_nodes
            && same_service_objects
            && given.len() == self.given.len()
            && cloud.guards_alike(&self.cloud)
            && same_pools(&cloud, &self.cloud)
            && complete.pods.len() == old.pods.len()
            && complete.pods.values().zip(old.pods.values()).all(same_hosts);
        let alike = if same_classes { Arc::clone(&self.alike) } else { Arc::default() };
        Self {
            alike,
            input: model.clone(),
            space: Arc::new(cloud.space().clone()),
            allocated: allocated || !cloud.allocated().is_empty(),
            settled,
            unsettled,
            filled,
            model: complete,
            cloud,
            topology,
            services,
            nodes,
            shared: SharedRules::default(),
            given,
            probes,
            taking: AllTaking::default(),
            lookup,
        }
    }

    /// Services as kube-proxy reads them after a change; read only if they were before.
    fn next_services(&self, family: IpFamily, model: &Model) -> Arc<OnceLock<ServiceMap>> {
        let [ipv4, ipv6] = &self.services;
        let known = if family == IpFamily::IPv4 { ipv4 } else { ipv6 }.get();
        match known {
            Some(known) => Arc::new(OnceLock::from(known.next(&model.services, &model.endpoint_slices))),
            None => Arc::default(),
        }
    }

    /// Programmed nodes whose objects are the same.
    fn kept_nodes(&self, model: &Model) -> Arc<BTreeMap<NodeName, Arc<NodeKernel>>> {
        if model.nodes.is_same(&self.model.nodes) {
            return Arc::clone(&self.nodes);
        }
        let mut known = self.model.nodes.iter().zip(self.nodes.values()).peekable();
        let kept = model.nodes.iter().map(|(name, node)| {
            // An object has one name, so that names of the same object need no comparing.
            let same = |((_, old), _): &((&NodeName, &Arc<Node>), _)| Arc::ptr_eq(old, node);
            let kernel = known.next_if(same).or_else(|| {
                while known.next_if(|((other, _), _)| *other < name).is_some() {}
                known.next_if(same)
            });
            (name.clone(), kernel.map(|(_, kernel)| Arc::clone(kernel)).unwrap_or_default())
        });
        // In order: the map is built at once.
        Arc::new(kept.collect())
    }
}

/// Whether two clouds share every backend pool.
fn same_pools(a: &Cloud, b: &Cloud) -> bool {
    let pools = |cloud: &'_ Cloud| {
        cloud.balancers().flat_map(|own| cloud.pools(&own.name)).map(Arc::as_ptr).collect::<Vec<_>>()
    };
    pools(a) == pools(b)
}

fn unprogrammed(model: &Model) -> BTreeMap<NodeName, Arc<NodeKernel>> {
    model.nodes.keys().map(|name| (name.clone(), Arc::default())).collect()
}
