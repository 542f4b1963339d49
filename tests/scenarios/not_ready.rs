//! Nodes that are not Ready. The node controller tells them from others by the kubelet's reports alone, and leaves them in
//! the backend pool (cloud provider, `nodeSyncPredicates`: readiness does not count).

use super::flow;
use engine::{AssumptionCode, World};
use formats::Source;

#[test]
fn that_a_node_is_not_ready_does_not_say_that_it_stands() {
    for (ready, assumed) in [("True", false), ("False", true), ("Unknown", true)] {
        let text = format!(
            "
apiVersion: v1
kind: Node
metadata: {{name: n0}}
status: {{addresses: [{{type: InternalIP, address: 10.224.0.4}}], conditions: [{{type: Ready, status: '{ready}'}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: a}}
spec: {{nodeName: n0, containers: [{{name: c}}]}}
status: {{podIP: 10.244.0.10}}
"
        );
        let import = formats::import(&[Source::new("in.yaml", text)]);
        let paths =
            World::new(&import.model).paths(&flow("10.224.0.9", "pod/default/a:80")).expect("it exists");
        let codes = paths.assumptions.iter().map(|assumption| assumption.code);
        assert_eq!(
            codes.filter(|code| *code == AssumptionCode::NodeNotReady).count() == 1,
            assumed,
            "{ready}"
        );
    }
}
