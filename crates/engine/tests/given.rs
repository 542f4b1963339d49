//! Rules of a real node in place of the generated ones, and the generated ones again.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::{Flow, Place, Verdict, World, parse_destination};
use model::kubernetes::IpFamily;

const CLUSTER: &str = "\
kind: Node
apiVersion: v1
metadata: {name: n0}
spec: {podCIDR: 10.244.0.0/24}
status:
  addresses: [{type: InternalIP, address: 10.224.0.4}]
---
kind: Service
apiVersion: v1
metadata: {name: web}
spec:
  clusterIP: 10.0.0.10
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
kind: Pod
apiVersion: v1
metadata: {name: web-0, labels: {app: web}}
spec: {nodeName: n0}
status: {podIP: 10.244.0.10, phase: Running}
---
kind: Pod
apiVersion: v1
metadata: {name: client}
spec: {nodeName: n0}
status: {podIP: 10.244.0.11, phase: Running}
";

fn verdict(world: &World) -> Verdict {
    let (to, port) = parse_destination("svc/default/web:80").expect("a destination");
    let flow = Flow::tcp("pod/default/client".parse::<Place>().expect("a place"), to, port);
    world.paths(&flow).expect("the flow can be asked about").outcomes.first().expect("a branch").verdict
}

#[test]
fn given_rules_decide_until_they_are_taken_away_whatever_is_edited_meanwhile() {
    let import = formats::import(&[formats::Source::new("test", CLUSTER.as_bytes().to_vec())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    let (node, world) = ("n0".into(), World::new(&import.model));
    let saved = world.rules_text(&node, IpFamily::IPv4).expect("the node is there");
    let lost: String = saved
        .lines()
        .filter(|line| !line.contains("-j DNAT"))
        .fold(String::new(), |text, line| text + line + "\n");
    let strange = saved.replacen("-j DNAT", "-m bpf --bytecode \"1,6 0 0 0\" -j DNAT", 1);
    // What is given, whether the pod is reached by it, how many lines have no model
    for (name, text, reached, unmodelled) in [
        ("what is there", &saved, true, 0),
        ("no rule translates", &lost, false, 0),
        ("a match without a model", &strange, false, 1),
    ] {
        let is_reached = |world: &World| verdict(world) == Verdict::Delivered;
        let same = world.update(world.input());
        let (given, lines) = same.with_rules_text(&node, text).expect(name);
        assert_eq!((is_reached(&given), lines), (reached, unmodelled), "{name}");
        // They stay while the cluster is edited, other rules take their place, and they are taken away.
        let mut edited = import.model.clone();
        let pod = edited.pods.values_mut().next().map(std::sync::Arc::make_mut).expect("a pod");
        pod.metadata.labels.insert("a".into(), "b".into());
        let given = given.update(&edited);
        assert_eq!(is_reached(&given), reached, "{name}, edited");
        let (given, _) = given.with_rules_text(&node, &saved).expect("the generated ones");
        assert!(is_reached(&given), "{name}, others");
        let (given, _) = given.with_rules_text(&node, text).expect(name);
        assert!(is_reached(&given.without_rules(&node)), "{name}, taken away");
    }
    let same = || world.update(world.input());
    let refused = same().with_rules_text(&node, "nothing of the sort").expect_err("no rules");
    assert!(refused.contains("line 1") || refused.contains("*nat"), "{refused}");
    let refused = same().with_rules_text(&"n1".into(), &saved).expect_err("no such node");
    assert_eq!(refused, "there is no node n1");
    assert_eq!(verdict(&world), Verdict::Delivered, "the first world is as it was");
}
