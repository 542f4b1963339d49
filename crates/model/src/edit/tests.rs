use super::*;
use crate::{
    ArmId,
    azure::{BackendAddress, BackendAddressPool, LoadBalancingRule, Probe, SubResource},
};

fn model() -> Model {
    let mut model = Model::default();
    for (name, pool) in [("a", "system"), ("b", "user")] {
        let mut node = Node::default();
        node.metadata.name = name.into();
        node.metadata.labels.insert(Node::POOL_LABEL.into(), pool.into());
        model.put(Object::Node(Arc::new(node)));
    }
    let mut pod = Pod::default();
    pod.metadata.name = "p".into();
    pod.status.pod_ip = "10.244.0.5".into();
    model.put(Object::Pod(Arc::new(pod)));
    let mut service = Service::default();
    service.metadata.name = "s".into();
    model.put(Object::Service(Arc::new(service)));
    let pools = ["system", "user"].map(|name| AgentPool { name: name.into(), ..AgentPool::default() });
    let cluster = ManagedCluster { agent_pool_profiles: pools.into(), ..ManagedCluster::default() };
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    let mut deployment = crate::kubernetes::Workload::default();
    deployment.metadata.name = "d".into();
    model.put(Object::Deployment(Arc::new(deployment)));
    model.put(Object::LoadBalancer(Arc::new(balancer())));
    model
}

/// One pool with one member, one rule with its probe.
fn balancer() -> LoadBalancer {
    let reference = |id: &str| SubResource::from(ArmId::from(id));
    LoadBalancer {
        name: "kubernetes".into(),
        backend_address_pools: vec![BackendAddressPool {
            name: "kubernetes".into(),
            backend_ip_configurations: vec![reference("/nic/a")],
            ..BackendAddressPool::default()
        }],
        probes: vec![Probe { name: "p".into(), ..Probe::default() }],
        load_balancing_rules: vec![LoadBalancingRule {
            name: "r".into(),
            probe: Some(reference("/probes/p")),
            ..LoadBalancingRule::default()
        }],
        ..LoadBalancer::default()
    }
}

fn by_hand(change: BalancerEdit) -> Edit {
    Edit::EditLoadBalancer { load_balancer: "kubernetes".into(), change }
}

#[test]
fn edits_by_hand_change_the_document_as_azure_does() {
    let edited = |change: BalancerEdit| {
        let mut model = model();
        by_hand(change).apply(&mut model).map(|_| (*model.load_balancers["kubernetes"]).clone())
    };
    let pool = "kubernetes".to_owned();
    let without = edited(BalancerEdit::RemoveMember { pool: pool.clone(), member: "/NIC/A".into() });
    assert!(without.is_ok_and(|lb| lb.backend_address_pools[0].backend_ip_configurations.is_empty()));
    let member = "/nic/a".to_owned();
    let down = edited(BalancerEdit::SetAdminState { pool, member, admin_state: "Down".into() });
    let down =
        down.map(|lb| lb.backend_address_pools[0].load_balancer_backend_addresses[0].admin_state.clone());
    assert_eq!(down, Ok(Some("Down".into())));
    // Azure does not let a probe go while a rule uses it: the rule gives it up first.
    let unprobed = edited(BalancerEdit::RemoveProbe { probe: "P".into() });
    assert!(unprobed.is_ok_and(|lb| lb.probes.is_empty() && lb.load_balancing_rules[0].probe.is_none()));
    let refused = edited(BalancerEdit::RemoveRule { rule: "x".into() }).expect_err("no such rule");
    assert_eq!(refused.to_string(), "the load balancer kubernetes has no rule x");
}

fn taint() -> Taint {
    Taint { key: "x".into(), value: String::new(), effect: crate::kubernetes::Effect::NoSchedule }
}

#[test]
fn undo_of_every_edit_restores_the_model() {
    let service = Key::new("default", "s");
    let pod = Key::new("default", "p");
    let edits = vec![
        Edit::MoveNode { node: "a".into(), pool: "user".into() },
        Edit::MovePod { pod: pod.clone(), node: "b".into() },
        Edit::SetPodReady { pod: pod.clone(), ready: false },
        Edit::SetExternalTrafficPolicy { service: service.clone(), policy: TrafficPolicy::Local },
        Edit::SetInternalTrafficPolicy { service: service.clone(), policy: TrafficPolicy::Local },
        Edit::SetSessionAffinity { service: service.clone(), affinity: SessionAffinity::ClientIP },
        Edit::SetServiceAnnotation {
            service: service.clone(),
            annotation: "a".into(),
            value: Some("b".into()),
        },
        Edit::SetLoadBalancerSku { sku: SkuName::Basic },
        by_hand(BalancerEdit::RemoveProbe { probe: "p".into() }),
        by_hand(BalancerEdit::AddMember {
            pool: "kubernetes".into(),
            member: Box::new(BackendAddress { ip_address: Some("10.0.0.9".into()), ..Default::default() }),
        }),
        by_hand(BalancerEdit::PutRule { rule: Box::default() }),
        Edit::Reconcile { load_balancer: "kubernetes".into(), document: None },
        Edit::Reconcile {
            load_balancer: "kubernetes-internal".into(),
            document: Some(Box::new(LoadBalancer { name: "kubernetes-internal".into(), ..balancer() })),
        },
        Edit::ScalePool { pool: "user".into(), count: 3 },
        Edit::AddPool { pool: Box::new(AgentPool { name: "gpu".into(), ..AgentPool::default() }) },
        Edit::UpgradePool { pool: "system".into(), version: "1.33.2".into() },
        Edit::SetNodeLabel { node: "a".into(), label: "x".into(), value: Some("y".into()) },
        Edit::SetNodeTaint { node: "a".into(), taint: taint(), present: true },
        Edit::Cordon { node: "a".into(), cordoned: true },
        Edit::ScaleWorkload {
            workload: ObjectRef::namespaced(Kind::Deployment, &Key::new("default", "d")),
            replicas: 3,
        },
        Edit::EvictSpot { node: "a".into() },
        Edit::RemovePool { pool: "user".into() },
        Edit::Remove { object: ObjectRef::namespaced(Kind::Service, &service) },
    ];
    let all = Edit::Many { edits: edits.clone() };
    for edit in edits.iter().chain([&all]) {
        let before = model();
        let mut after = before.clone();
        let inverse = edit.apply(&mut after).expect("the edit applies");
        assert_ne!(before, after, "{edit:?}");
        inverse.apply(&mut after).expect("the inverse applies");
        assert_eq!(before, after, "{edit:?}");
    }
}

#[test]
fn a_refused_edit_changes_nothing() {
    let before = model();
    let refused = [
        Edit::MoveNode { node: "a".into(), pool: "gpu".into() },
        Edit::MoveNode { node: "z".into(), pool: "user".into() },
        Edit::SetPodReady { pod: Key::new("default", "z"), ready: true },
        by_hand(BalancerEdit::RemoveRule { rule: "x".into() }),
        Edit::ScalePool { pool: "gpu".into(), count: 1 },
        Edit::RemovePool { pool: "gpu".into() },
        Edit::AddPool { pool: Box::new(AgentPool { name: "user".into(), ..AgentPool::default() }) },
        Edit::Cordon { node: "z".into(), cordoned: true },
        Edit::ScaleWorkload {
            workload: ObjectRef::namespaced(Kind::DaemonSet, &Key::new("default", "d")),
            replicas: 3,
        },
        Edit::Many {
            edits: vec![
                Edit::MoveNode { node: "a".into(), pool: "user".into() },
                Edit::Remove { object: ObjectRef::cluster_scoped(Kind::Node, "z") },
            ],
        },
    ];
    for edit in refused {
        let mut after = before.clone();
        assert!(edit.apply(&mut after).is_err(), "{edit:?}");
        assert_eq!(before, after, "{edit:?}");
    }
}
