//! What every cluster has and a dump may lack: the API server's own Service, at the first address of the range (API server,
//! `ServiceIPRange`: "The first valid IP is the address of the kubernetes service"); and what a setting of the cluster
//! adds to the rules of its nodes (Azure/AgentBaker, `ensure_imds_restriction.sh`).

use super::{deciding, flow, in_one_file};
use engine::{Cause, Verdict, World};

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIP: 10.244.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: host}
spec: {nodeName: n0, hostNetwork: true, containers: [{name: c}]}
status: {podIP: 10.224.0.4}
";

const API_SERVER: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes}
spec: {clusterIP: 10.0.0.1, ports: [{name: https, port: 443, targetPort: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [20.73.1.2], conditions: {ready: true}}]
ports: [{name: https, port: 443, protocol: TCP}]
";

fn world(rest: &str) -> World {
    in_one_file(format!("{CLUSTER}{rest}"))
}

fn mode(mode: &str) -> String {
    format!("---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {mode}\n")
}

#[test]
fn the_api_servers_service_is_not_taken_for_missing() {
    let unknown = (Verdict::Ambiguous, Some(Cause::NoSuchAddress));
    for rest in [mode("iptables"), mode("nftables"), mode("ipvs")] {
        for (from, to) in [
            ("pod/default/a", "kubernetes.default.svc:443"),
            ("pod/default/a", "kubernetes:443"),
            ("pod/default/a", "10.0.0.1:443"),
            ("node/n0", "10.0.0.1:443"),
        ] {
            let ask = |rest: &str| {
                let paths = world(rest).paths(&flow(from, to)).expect("the flow exists");
                let [outcome] = &paths.outcomes[..] else { panic!("{to}: {}", deciding(&paths)) };
                let told = deciding(&paths);
                (
                    (outcome.verdict, outcome.cause),
                    outcome.steps.last().map(|step| step.why.to_string()),
                    told,
                )
            };
            let (got, last, told) = ask(&rest);
            assert_eq!(got, unknown, "{from} → {to}: {told}");
            assert!(
                last.is_some_and(|last| last.contains("Every cluster has it, and the input lacks")),
                "{to}"
            );
            // `kubectl get all` prints the Service, and no EndpointSlice.
            let (service, _) = API_SERVER.split_once("---\napiVersion: discovery").expect("two documents");
            let (got, last, told) = ask(&format!("{service}{rest}"));
            assert_eq!(got, unknown, "{from} → {to}: {told}");
            assert!(last.is_some_and(|last| last.contains("the input lacks its endpoints")), "{to}");
            let (got, _, told) = ask(&format!("{API_SERVER}{rest}"));
            assert_eq!(got, (Verdict::Delivered, None), "{from} → {to}: {told}");
        }
    }
    for name in ["kubernetes.web:443", "kube.default:443"] {
        let paths = world("").paths(&flow("pod/default/a", name)).expect("the flow exists");
        assert_eq!(paths.outcomes[0].cause, Some(Cause::NameNotFound), "{name}");
    }
    // To a VM no cluster IP is anything.
    let paths = world("").paths(&flow("10.224.0.9", "10.0.0.1:443")).expect("the flow exists");
    assert_eq!(paths.outcomes[0].verdict, Verdict::Unreachable);
}

#[test]
fn pods_may_be_kept_from_the_metadata_service() {
    let cluster = |access: &str| {
        format!(
            "---\napiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {{name: demo}}\nspec: {{networkProfile: {{podLinkLocalAccess: {access}}}}}\n"
        )
    };
    let dropped = (Verdict::Dropped, Some(Cause::FirewallDropped));
    let delivered = (Verdict::Delivered, None);
    for (access, from, expected) in [
        ("None", "pod/default/a", dropped),
        ("None", "pod/default/host", delivered),
        ("IMDS", "pod/default/a", delivered),
        ("IMDS", "node/n0", delivered),
    ] {
        let paths = world(&cluster(access)).paths(&flow(from, "169.254.169.254:80")).expect("it exists");
        let outcome = &paths.outcomes[0];
        assert_eq!((outcome.verdict, outcome.cause), expected, "{access} {from}: {}", deciding(&paths));
        let rule = outcome.steps.last().and_then(|step| step.rule.clone());
        let by_aks = rule.is_some_and(|rule| rule.text.to_string().contains("IMDS restriction feature"));
        assert_eq!(by_aks, expected == dropped, "{access} {from}");
    }
}
