use super::*;
use model::{
    Model, Object,
    azure::{NetworkProfile, OsType, ScaleSetPriority, VmSizeFigures},
    kubernetes::{Effect, Node},
};
use std::sync::Arc;

fn pool(change: impl FnOnce(&mut AgentPool)) -> AgentPool {
    let mut pool = AgentPool {
        name: "pool".into(),
        vm_size: Some("Standard_D4s_v5".into()),
        count: Some(3),
        ..AgentPool::default()
    };
    change(&mut pool);
    pool
}

fn system(change: impl FnOnce(&mut AgentPool)) -> AgentPool {
    pool(|pool| {
        pool.mode = AgentPoolMode::System;
        change(pool);
    })
}

#[test]
fn what_aks_refuses() {
    use PoolError as E;
    let size = |size: &'static str| move |pool: &mut AgentPool| pool.vm_size = Some(size.into());
    let bounds = |least: u32, most: u32| {
        move |pool: &mut AgentPool| {
            pool.enable_auto_scaling = Some(true);
            (pool.min_count, pool.max_count) = (Some(least), Some(most));
        }
    };
    let availability = |pool: &mut AgentPool| pool.pool_type = AgentPoolType::AvailabilitySet;
    let spot = |pool: &mut AgentPool| pool.scale_set_priority = Some(ScaleSetPriority::Spot);
    let named = |name: &'static str| move |pool: &mut AgentPool| pool.name = name.into();
    for (asked, expected) in [
        (pool(|_| {}), Ok(())),
        (system(|_| {}), Ok(())),
        (pool(spot), Ok(())),
        (system(spot), Err(E::SpotSystem)),
        (system(|pool| pool.os_type = Some(OsType::Windows)), Err(E::WindowsSystem)),
        (system(size("Standard_B4ms")), Err(E::BurstableSystem)),
        (pool(size("Standard_B4ms")), Ok(())),
        (system(size("Standard_D2s_v5")), Err(E::SmallSystem)),
        (system(|pool| pool.max_pods = Some(20)), Err(E::FewPodsSystem)),
        (pool(|pool| pool.max_pods = Some(251)), Err(E::MaxPods)),
        (pool(|pool| pool.count = Some(1001)), Err(E::TooManyInPool)),
        (system(|pool| pool.count = Some(0)), Err(E::EmptySystem)),
        (pool(|pool| pool.count = Some(0)), Ok(())),
        (pool(named("Pool")), Err(E::Name)),
        (pool(named("pool-1")), Err(E::Name)),
        (pool(named("1pool")), Err(E::Name)),
        (pool(named("abcdefghijklm")), Err(E::Name)),
        (pool(bounds(1, 5)), Ok(())),
        (pool(bounds(5, 1)), Err(E::Bounds)),
        (pool(bounds(4, 5)), Err(E::OutOfBounds)),
        (pool(|pool| pool.enable_auto_scaling = Some(true)), Err(E::Bounds)),
        (
            pool(|pool| {
                availability(pool);
                spot(pool);
            }),
            Err(E::SpotAvailabilitySet),
        ),
        (
            pool(|pool| {
                availability(pool);
                bounds(1, 5)(pool);
            }),
            Err(E::AutoscaleAvailabilitySet),
        ),
    ] {
        assert_eq!(check_pool(&asked, &ManagedCluster::default()), expected, "{asked:?}");
    }
    let one = ManagedCluster {
        agent_pool_profiles: vec![system(|_| {}), pool(named("user"))],
        ..Default::default()
    };
    let [first, second] = one.agent_pool_profiles.as_slice() else { panic!("two pools") };
    assert_eq!(check_delete(&one, first), Err(E::LastSystem));
    assert_eq!(check_delete(&one, second), Ok(()));
    assert_eq!(check_scale(first, 3, 4999), Err(E::TooManyInCluster));
}

fn made(pools: Vec<AgentPool>) -> Model {
    let cluster = ManagedCluster {
        name: "shop".into(),
        location: Some("westeurope".into()),
        kubernetes_version: Some("1.33.2".into()),
        agent_pool_profiles: pools,
        ..ManagedCluster::default()
    };
    let mut model = Model::default();
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    complete(&mut model);
    model
}

#[test]
fn nodes_are_named_and_labelled_as_aks_does() {
    let zones = |pool: &mut AgentPool| {
        pool.availability_zones = vec!["1".into(), "2".into()];
        pool.node_taints = vec!["CriticalAddonsOnly=true:NoSchedule".into(), "nonsense".into()];
        pool.node_labels.insert("team".into(), "shop".into());
    };
    let model = made(vec![
        system(zones),
        pool(|pool| {
            pool.name = "spot".into();
            pool.count = Some(1);
            pool.scale_set_priority = Some(ScaleSetPriority::Spot);
        }),
        pool(|pool| {
            pool.name = "old".into();
            pool.count = Some(1);
            pool.pool_type = AgentPoolType::AvailabilitySet;
        }),
        pool(|pool| {
            pool.name = "win".into();
            pool.count = Some(1);
            pool.os_type = Some(OsType::Windows);
        }),
    ]);
    let names: Vec<&str> = model.nodes.keys().map(model::NodeName::as_str).collect();
    let number = names[0].split('-').nth(2).expect("a number").to_owned();
    assert_eq!((number.len(), number.bytes().all(|digit| digit.is_ascii_digit())), (8, true), "{number}");
    assert_eq!(
        names,
        [
            format!("aks-old-{number}-0"),
            format!("aks-pool-{number}-vmss000000"),
            format!("aks-pool-{number}-vmss000001"),
            format!("aks-pool-{number}-vmss000002"),
            format!("aks-spot-{number}-vmss000000"),
            "akswin000000".to_owned(),
        ]
    );
    let node = |name: &str| model.nodes.get(name).expect("the node").as_ref().clone();
    let third = node(&format!("aks-pool-{number}-vmss000002"));
    for (label, value) in [
        ("agentpool", "pool"),
        (Node::POOL_LABEL, "pool"),
        ("kubernetes.azure.com/mode", "system"),
        ("topology.kubernetes.io/zone", "westeurope-1"),
        ("node.kubernetes.io/instance-type", "Standard_D4s_v5"),
        ("team", "shop"),
    ] {
        assert_eq!(third.metadata.label(label), Some(value), "{label}");
    }
    let taints: Vec<String> = third.spec.taints.iter().map(ToString::to_string).collect();
    assert_eq!(taints, ["CriticalAddonsOnly=true:NoSchedule"]);
    assert!(third.spec.provider_id.ends_with(&format!("/aks-pool-{number}-vmss/virtualMachines/2")));
    let spot = node(&format!("aks-spot-{number}-vmss000000"));
    assert_eq!(spot.metadata.label(SPOT), Some("spot"));
    assert_eq!(spot.spec.taints[0].effect, Effect::NoSchedule);
}

#[test]
fn what_is_left_of_a_node_for_pods() {
    // Standard_D4s_v5: 4 vCPUs less 140 millicores; 16 GiB less min(20 * 250 + 50, 25 %) and 100 MiB.
    let model = made(vec![system(|_| {})]);
    let status = &model.nodes.values().next().expect("a node").status;
    let of = |name: &str| status.allocatable.get(name).map(String::as_str);
    assert_eq!((of("cpu"), of("pods")), (Some("3860m"), Some("250")));
    assert_eq!(of("memory"), Some(format!("{}Ki", (16_384 - 4096 - 100) * 1024).as_str()));
    assert_eq!(status.capacity.get("cpu").map(String::as_str), Some("4"));

    let figures = VmSizeFigures { number_of_cores: 10, memory_in_mb: 20_480, ..VmSizeFigures::default() };
    let unknown = |figures: Option<VmSizeFigures>| {
        made(vec![system(|pool| {
            pool.vm_size = Some("Standard_X10_v1".into());
            pool.vm_size_figures = figures;
        })])
    };
    let cores =
        |model: &Model| model.nodes.values().next().and_then(|node| node.status.capacity.get("cpu").cloned());
    assert_eq!(cores(&unknown(None)), None);
    assert_eq!(cores(&unknown(Some(figures))).as_deref(), Some("10"));
}

#[test]
fn the_most_pods_of_a_node_depend_on_the_plugin() {
    let cluster = |plugin: Option<&str>, mode: Option<&str>| ManagedCluster {
        network_profile: NetworkProfile {
            network_plugin: plugin.map(str::to_owned),
            network_plugin_mode: mode.map(str::to_owned),
            ..NetworkProfile::default()
        },
        ..ManagedCluster::default()
    };
    for (plugin, mode, expected) in [
        (None, None, 250),
        (Some("azure"), Some("overlay"), 250),
        (Some("azure"), None, 30),
        (Some("kubenet"), None, 110),
    ] {
        assert_eq!(max_pods(&pool(|_| {}), &cluster(plugin, mode)), expected, "{plugin:?} {mode:?}");
    }
}

#[test]
fn a_pool_with_nodes_in_the_input_gets_none() {
    let mut model = made(Vec::new());
    let cluster = ManagedCluster { agent_pool_profiles: vec![pool(|_| {})], ..ManagedCluster::default() };
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    let mut node = Node::default();
    node.metadata.name = "mine".into();
    node.metadata.labels.insert(Node::POOL_LABEL.into(), "pool".into());
    model.put(Object::Node(Arc::new(node)));
    assert_eq!(complete(&mut model), []);
    assert_eq!(model.nodes.len(), 1);
    // What its VM has is known all the same.
    assert!(model.nodes.values().all(|node| node.status.allocatable.contains_key("cpu")));
}
