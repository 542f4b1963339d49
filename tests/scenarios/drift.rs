//! Edits of a load balancer by hand: what drifts, and what the next reconcile makes of it.

use super::azure::cluster;
use azure::{Difference, Fate, Part};
use engine::{BackendPoolName, World};
use model::{
    ArmId, BalancerEdit, Edit,
    azure::{BackendAddress, LoadBalancingRule, OutboundRule, Probe, RuleProtocol},
};

const POOL: &str = "kubernetes";
const RULE: &str = "aaaaaaaaa00004000800000000000000-TCP-80";

fn edit(world: &World, change: BalancerEdit) -> World {
    let edit = world.by_hand(Edit::EditLoadBalancer { load_balancer: "kubernetes".into(), change });
    let mut model = world.input().clone();
    edit.apply(&mut model).expect("the edit applies");
    world.update(&model)
}

fn start() -> World {
    cluster("", "")
}

fn member(world: &World, node: &str) -> String {
    let pool = world.cloud().pool("kubernetes", POOL).expect("a pool");
    let member = pool.members.iter().find(|member| &*member.label() == node).expect("a member");
    member.ip_configuration.as_ref().expect("by NIC").to_string()
}

fn rule(world: &World) -> LoadBalancingRule {
    let balancer = world.cloud().load_balancer("kubernetes").expect("a load balancer");
    balancer.load_balancing_rules.into_iter().find(|rule| rule.name == RULE).expect("the rule")
}

fn probe(world: &World) -> Probe {
    world.cloud().load_balancer("kubernetes").expect("a load balancer").probes.remove(0)
}

/// Part, name, `missing`, `unwanted` or the changed fields, and what becomes of it.
fn rows(world: &World) -> Vec<(Part, String, String, Fate)> {
    let drift = world.drifts().into_iter().find(|drift| drift.balancer == "kubernetes");
    let rows = drift.map(|drift| drift.rows).unwrap_or_default();
    rows.into_iter()
        .map(|row| {
            let how = match row.difference {
                Difference::Missing => "missing".to_owned(),
                Difference::Unwanted => "unwanted".to_owned(),
                Difference::Changed(fields) => {
                    fields.iter().map(|field| field.field).collect::<Vec<_>>().join(" ")
                }
            };
            (row.part, row.name, how, row.fate)
        })
        .collect()
}

#[test]
fn drift_of_every_edit_by_hand() {
    let world = start();
    let pool = || POOL.to_owned();
    let foreign =
        LoadBalancingRule { name: "mine".into(), frontend_port: 9999, backend_port: 9999, ..rule(&world) };
    let address = |id: &str| {
        Box::new(BackendAddress {
            network_interface_ip_configuration: Some(ArmId::from(id).into()),
            ..BackendAddress::default()
        })
    };
    let changed =
        LoadBalancingRule { enable_floating_ip: false, idle_timeout_in_minutes: Some(30), ..rule(&world) };
    let lenient = Probe { no_healthy_backends_behavior: Some("AllProbedUp".into()), ..probe(&world) };
    let slow = Probe { interval_in_seconds: Some(30), ..probe(&world) };
    let cases = [
        (
            BalancerEdit::RemoveMember { pool: pool(), member: member(&world, "n0") },
            (Part::Member, "kubernetes/n0", "missing", Fate::PutBack),
        ),
        (
            BalancerEdit::RemoveMember {
                pool: "aksOutboundBackendPool".into(),
                member: member(&world, "n0"),
            },
            (Part::Member, "aksOutboundBackendPool/n0", "missing", Fate::PutBackByAks),
        ),
        (
            BalancerEdit::AddMember {
                pool: pool(),
                member: address("/x/networkInterfaces/gone-nic/ipConfigurations/c"),
            },
            (
                Part::Member,
                "kubernetes//x/networkInterfaces/gone-nic/ipConfigurations/c",
                "unwanted",
                Fate::Removed,
            ),
        ),
        (
            BalancerEdit::SetAdminState {
                pool: pool(),
                member: member(&world, "n1"),
                admin_state: "Down".into(),
            },
            (Part::Member, "kubernetes/n1", "adminState", Fate::Kept),
        ),
        (
            BalancerEdit::PutRule { rule: Box::new(changed) },
            (Part::Rule, RULE, "enableFloatingIP idleTimeoutInMinutes", Fate::PutBack),
        ),
        (BalancerEdit::PutRule { rule: Box::new(foreign) }, (Part::Rule, "mine", "unwanted", Fate::Kept)),
        (BalancerEdit::RemoveRule { rule: RULE.into() }, (Part::Rule, RULE, "missing", Fate::PutBack)),
        (
            BalancerEdit::PutRule {
                rule: Box::new(LoadBalancingRule {
                    name: RULE.replace("TCP", "UDP"),
                    protocol: RuleProtocol::Udp,
                    ..rule(&world)
                }),
            },
            (Part::Rule, "aaaaaaaaa00004000800000000000000-UDP-80", "unwanted", Fate::Removed),
        ),
        (
            BalancerEdit::PutProbe { probe: Box::new(lenient) },
            (Part::Probe, RULE, "noHealthyBackendsBehavior", Fate::Kept),
        ),
        (
            BalancerEdit::PutProbe { probe: Box::new(slow) },
            (Part::Probe, RULE, "intervalInSeconds", Fate::PutBack),
        ),
    ];
    for (change, (part, name, how, fate)) in cases {
        let edited = edit(&world, change.clone());
        let expected = vec![(part, name.to_owned(), how.to_owned(), fate)];
        assert_eq!(rows(&edited), expected, "{change:?}");
        assert_eq!(rows(&edited).is_empty(), edited.drifts().iter().all(|drift| drift.rows.is_empty()));
    }
}

#[test]
fn a_deleted_probe_takes_its_reference_along_and_both_come_back() {
    let edited = edit(&start(), BalancerEdit::RemoveProbe { probe: RULE.into() });
    let expected = vec![
        (Part::Probe, RULE.to_owned(), "missing".to_owned(), Fate::PutBack),
        (Part::Rule, RULE.to_owned(), "probe".to_owned(), Fate::PutBack),
    ];
    assert_eq!(rows(&edited), expected);
}

/// The reconcile as an edit: afterwards only what is kept still differs, and undo brings the drift back.
#[test]
fn reconcile_is_an_edit() {
    let world = start();
    let written = world.cloud().load_balancer("kubernetes");
    let kept = LoadBalancingRule { name: "mine".into(), frontend_port: 9999, ..rule(&world) };
    let other = LoadBalancingRule { enable_floating_ip: false, ..rule(&world) };
    for (changes, left) in [
        (vec![BalancerEdit::RemoveMember { pool: POOL.into(), member: member(&world, "n0") }], 0),
        (vec![BalancerEdit::RemoveProbe { probe: RULE.into() }], 0),
        (
            vec![
                BalancerEdit::PutRule { rule: Box::new(other) },
                BalancerEdit::PutRule { rule: Box::new(kept) },
            ],
            1,
        ),
    ] {
        let edited = changes.iter().fold(start(), |world, change| edit(&world, change.clone()));
        assert_ne!(edited.cloud().load_balancer("kubernetes"), written, "{changes:?}");
        let reconcile = edited.reconcile("kubernetes").expect("something to do");
        let mut model = edited.input().clone();
        let undo = reconcile.apply(&mut model).expect("it applies");
        let settled = edited.update(&model);
        let rows = rows(&settled);
        assert_eq!(rows.len(), left, "{changes:?} {rows:?}");
        assert!(rows.iter().all(|(.., fate)| *fate == Fate::Kept), "{rows:?}");
        if left == 0 {
            // Nothing of the edit is left: the load balancer is the controller's again.
            assert!(model.load_balancers.is_empty(), "{changes:?}");
            assert_eq!(settled.cloud().load_balancer("kubernetes"), written);
        }
        assert_eq!(settled.reconcile("kubernetes"), None, "a second reconcile has nothing to do");
        undo.apply(&mut model).expect("the inverse applies");
        assert_eq!(&model, edited.input());
    }
}

/// What an edit by hand does to packets until then.
#[test]
fn an_explicit_load_balancer_is_used_as_it_is() {
    let world = start();
    let without =
        edit(&world, BalancerEdit::RemoveMember { pool: POOL.into(), member: member(&world, "n0") });
    let paths = without.paths(&super::flow("203.0.113.9", "20.50.60.70:80")).expect("a flow");
    assert!(
        paths.outcomes.iter().all(|outcome| outcome.node.as_ref().is_some_and(|node| node.as_str() == "n1"))
    );
    let mut document = world.cloud().load_balancer("kubernetes").expect("a load balancer");
    document.outbound_rules =
        vec![OutboundRule { allocated_outbound_ports: 2048, ..document.outbound_rules[0].clone() }];
    let mut model = world.input().clone();
    model.put(model::Object::LoadBalancer(std::sync::Arc::new(document)));
    let rows = rows(&world.update(&model));
    assert_eq!(
        rows,
        vec![(
            Part::OutboundRule,
            "aksOutboundRule".to_owned(),
            "allocatedOutboundPorts".to_owned(),
            Fate::PutBackByAks
        )]
    );
}

#[test]
fn a_nic_dragged_from_pool_to_pool_is_put_back() {
    let world = start();
    let pool = |balancer: &'static str| BackendPoolName { balancer, pool: POOL };
    let nodes = |world: &World, balancer: &str| {
        let members = &world.cloud().pool(balancer, POOL).expect("a pool").members;
        let mut labels: Vec<String> = members.iter().map(|member| member.label().to_string()).collect();
        labels.sort();
        labels.join(" ")
    };
    // Out of the public pool; that of the internal load balancer has the node already.
    let out = world.move_member(&"n0".into(), Some(pool("kubernetes")), None).expect("an edit");
    let mut model = world.input().clone();
    let undo = out.apply(&mut model).expect("the edit applies");
    let dragged = world.update(&model);
    assert_eq!((&*nodes(&dragged, "kubernetes"), &*nodes(&dragged, "kubernetes-internal")), ("n1", "n0 n1"));
    // From one pool to another, where it is not there yet.
    let back = dragged.move_member(&"n0".into(), Some(pool("kubernetes-internal")), Some(pool("kubernetes")));
    back.expect("an edit").apply(&mut model).expect("the edit applies");
    let moved = dragged.update(&model);
    assert_eq!((&*nodes(&moved, "kubernetes"), &*nodes(&moved, "kubernetes-internal")), ("n0 n1", "n1"));
    // The next reconcile puts each where it belongs.
    for balancer in ["kubernetes", "kubernetes-internal"] {
        if let Some(edit) = moved.reconcile(balancer) {
            edit.apply(&mut model).expect("the edit applies");
        }
    }
    let settled = moved.update(&model);
    assert_eq!(
        (&*nodes(&settled, "kubernetes"), &*nodes(&settled, "kubernetes-internal")),
        ("n0 n1", "n0 n1")
    );
    let mut undone = dragged.input().clone();
    undo.apply(&mut undone).expect("undo");
    assert_eq!(&undone, world.input());
}

#[test]
fn a_nic_that_cannot_be_moved_says_why() {
    let world = start();
    let pool = |balancer: &'static str| Some(BackendPoolName { balancer, pool: POOL });
    let outbound = Some(BackendPoolName { balancer: "kubernetes", pool: "aksOutboundBackendPool" });
    for (node, from, to, why) in [
        ("n0", None, pool("kubernetes"), "n0 is in backend pool kubernetes already"),
        ("n0", pool("kubernetes"), pool("kubernetes"), "n0 is in backend pool kubernetes already"),
        ("nobody", pool("kubernetes"), None, "nobody is no VM of this cluster"),
        ("n0", pool("nowhere"), None, "the load balancer nowhere has no backend pool kubernetes"),
    ] {
        let refused = world.move_member(&node.into(), from, to).expect_err(why);
        assert_eq!(refused.to_string(), why);
    }
    // A second public load balancer is refused for as long as the first has the node in any pool.
    let mut second = world.cloud().load_balancer("kubernetes").expect("a load balancer");
    second.name = "second".into();
    for pool in &mut second.backend_address_pools {
        pool.backend_ip_configurations.clear();
        pool.load_balancer_backend_addresses.clear();
    }
    let mut model = world.input().clone();
    model.put(model::Object::LoadBalancer(std::sync::Arc::new(second)));
    let two = world.update(&model);
    for (from, refused) in [(None, true), (pool("kubernetes"), true), (outbound, true)] {
        let edit = two.move_member(&"n0".into(), from, pool("second"));
        assert_eq!(edit.is_err(), refused, "{from:?} {edit:?}");
    }
    two.move_member(&"n0".into(), outbound, None).expect("an edit").apply(&mut model).expect("it applies");
    let left = two.update(&model);
    left.move_member(&"n0".into(), pool("kubernetes"), pool("second")).expect("nothing holds it any more");
}
