//! Endpoints: what is made of them depends on their Service and on the slices beside them.

#![allow(clippy::indexing_slicing, reason = "a test says what it expects")]

use formats::{Import, Severity, Source, import};

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: 10.0.7.7, ports: [{name: sql, port: 5432}]}
";

const SELECTING: &str = "apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: 10.0.7.7, selector: {app: db}, ports: [{name: sql, port: 5432}]}
";

const ENDPOINTS: &str = "apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets:
- addresses: [{ip: 10.225.0.7}, {ip: 10.225.0.8, nodeName: n0}, {ip: 'fd00::7'}]
  notReadyAddresses: [{ip: 10.225.0.9, targetRef: {kind: Pod, name: x}}]
  ports: [{name: sql, port: 5432}]
";

const SLICE: &str = "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-x7x7x, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.225.0.1]}]
ports: [{name: sql, port: 5432}]
";

const CLUSTER: &str = "apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, labels: {app: db}}
spec: {nodeName: n0, containers: [{name: db, ports: [{name: sql, containerPort: 5432}]}]}
";

fn read(documents: &[&str]) -> Import {
    import(&[Source::new("cluster.yaml", CLUSTER), Source::new("in.yaml", documents.join("---\n"))])
}

/// `NAME ADDRESS ready, …` of every slice that was read.
fn slices(import: &Import) -> Vec<String> {
    let slices = import.model.endpoint_slices.values().map(|slice| {
        let endpoints = slice.endpoints.iter().map(|endpoint| {
            let ready = if endpoint.conditions.ready == Some(false) { "not ready" } else { "ready" };
            format!("{} {ready}", endpoint.addresses.join(" "))
        });
        let ports: Vec<String> =
            slice.ports.iter().map(|port| format!("{:?}:{:?}", port.name, port.port)).collect();
        format!(
            "{} {:?} {} {}",
            slice.metadata.name,
            slice.address_type,
            ports.join(" "),
            endpoints.collect::<Vec<_>>().join(", ")
        )
    });
    slices.collect()
}

#[test]
fn those_of_a_service_without_selector_are_mirrored() {
    let skipped = ENDPOINTS.replace(
        "{name: db}\nsubsets",
        "{name: db, labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}}\nsubsets",
    );
    let unnamed = ENDPOINTS.replace("ports: [{name: sql, port: 5432}]", "ports: [{port: 5432}]");
    let mirrored = [
        "db-mirrored-0 IPv4 Some(\"sql\"):Some(5432) 10.225.0.7 ready, 10.225.0.8 ready, 10.225.0.9 not ready",
        "db-mirrored-1 IPv6 Some(\"sql\"):Some(5432) fd00::7 ready",
    ];
    let without_name = [
        "db-mirrored-0 IPv4 Some(\"\"):Some(5432) 10.225.0.7 ready, 10.225.0.8 ready, 10.225.0.9 not ready",
        "db-mirrored-1 IPv6 Some(\"\"):Some(5432) fd00::7 ready",
    ];
    let given = ["db-x7x7x IPv4 Some(\"sql\"):Some(5432) 10.225.0.1 ready"];
    for (documents, expected) in [
        (&[SERVICE, ENDPOINTS][..], &mirrored[..]),
        (&[ENDPOINTS, SERVICE], &mirrored),
        (&[SERVICE, &unnamed], &without_name),
        // The slices of a Service with a selector are made from pods, and given ones are as they are.
        (&[SELECTING, ENDPOINTS], &[]),
        (&[SERVICE, ENDPOINTS, SLICE], &given),
        (&[SERVICE, &skipped], &[]),
        (&[ENDPOINTS], &[]),
    ] {
        let import = read(documents);
        assert_eq!(slices(&import), expected, "{documents:?}");
        let said = import.diagnostics.iter().filter(|remark| remark.severity != Severity::Notice);
        assert_eq!(said.map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{documents:?}");
    }
}

#[test]
fn what_is_no_address_is_told() {
    let import = read(&[SERVICE, &ENDPOINTS.replace("10.225.0.7", "10.225.0.700")]);
    let text = import.diagnostics.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("10.225.0.700"), "{text}");
    let import = read(&["apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\nsubsets: 7\n"]);
    assert!(import.diagnostics[0].to_string().contains("in.yaml:4"), "{}", import.diagnostics[0]);
}
