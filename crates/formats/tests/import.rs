//! Documents in: what is read, and what is said about the rest.

use formats::{Diagnostic, Import, PRESETS, Severity, Source, import};
use model::{Key, Kind, ObjectRef};

fn read(text: &str) -> Import {
    import(&[Source::new("in.yaml", text)])
}

/// `line: severity: what` of every diagnostic.
fn remarks(import: &Import) -> Vec<String> {
    import
        .diagnostics
        .iter()
        .map(|remark| format!("{}: {}: {}", remark.line, remark.severity, remark.what))
        .collect()
}

#[test]
fn presets_import_without_a_remark() {
    for preset in PRESETS {
        let import = import(&preset.sources());
        assert_eq!(remarks(&import), [""; 0], "{}", preset.name);
        if !preset.name.starts_with("caveat") {
            continue;
        }
        assert_eq!(import.model.nodes.len(), 2, "{}", preset.name);
        assert_eq!(import.model.pods.len(), 3, "{}", preset.name);
        assert!(import.model.services.contains_key(&Key::new("default", "echo-service")), "{}", preset.name);
        let id = ObjectRef::cluster_scoped(Kind::ManagedCluster, "echo");
        assert!(import.model.get(&id).is_some(), "{}", preset.name);
    }
}

const NODE: &str = "apiVersion: v1
kind: Node
metadata: {name: n0}
status:
  addresses:
  - {type: InternalIP, address: 10.224.0.4}
";

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: p0
  labels: {app: echo-pod}
spec: {nodeName: n0}
status: {podIP: 10.244.0.5}
";

/// Documents joined, with what is wrong marked by the caller.
fn with(documents: &[&str]) -> String {
    documents.join("---\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn bad_input_says_line_what_and_hint() {
    let node_at_the_same_address = NODE.replace("n0", "n1");
    let second_pod = POD.replace("p0", "p1");
    // Input; line of the error; part of what is wrong; part of the hint.
    let cases: &[(&str, u32, &str, &str)] = &[
        ("a: b: c\n", 1, "not YAML", "indentation"),
        ("kind: Service\n\tname: x\n", 2, "not YAML", "tabs"),
        ("a: [1, 2\nb: 3\n", 2, "not YAML", "brackets"),
        ("kind: \"Service\n", 1, "not YAML", "quote"),
        ("just words\n", 1, "single word", "apiVersion"),
        ("NAME    READY   STATUS\nweb-1   1/1     Running\n", 1, "a table", "-o yaml"),
        ("Name    ResourceGroup\n------  -------------\nprod    rg\n", 1, "a table", "-o json"),
        ("Name:       web\nNamespace:  shop\nLabels:     app=web\n", 1, "kubectl describe", "-o yaml"),
        (
            "{\"apiVersion\": \"v1\",\n\"kind\": \"Namespace\", \"metadata\": {\"name\": \"}{\"}}\n{\"a\": 1}\n",
            3,
            "neither `kind` nor `type`",
            "az … show",
        ),
        ("[]\n\n[null]{\n\"b\": ]", 4, "not YAML", ""),
        ("a: 1\n", 1, "neither `kind` nor `type`", "az … show"),
        ("a: 1\na: 2\n", 2, "second time", "remove"),
        ("? [a]\n: 1\n", 1, "a key must be a single word", ""),
        ("a: &a [*a]\n", 1, "", ""),
        ("a: !secret x\n", 1, "the tag !secret", "remove"),
        ("apiVersion: v1\nkind: Servce\n", 2, "unknown kind Servce", "did you mean Service?"),
        (
            "apiVersion: example.com/v1\nkind: Zebra\n",
            2,
            "unknown kind Zebra of apiVersion example.com/v1",
            "known are",
        ),
        ("kind: Service\n", 1, "no apiVersion", "apiVersion: v1"),
        ("kind: ManagedCluster\n", 1, "no apiVersion", "hopscope.dev/v1"),
        ("apiVersion: v1\n", 1, "no kind", "kind: Service"),
        ("apiVersion: v2\nkind: Pod\n", 2, "Pod of apiVersion v2", "apiVersion: v1"),
        (
            "apiVersion: hopscope.dev/v1\nkind: LoadBalancr\n",
            2,
            "unknown kind LoadBalancr",
            "did you mean LoadBalancer?",
        ),
        (
            "apiVersion: hopscope.dev/v1\nkind: LoadBalancer\nmetadata: {name: x}\n",
            1,
            "no spec",
            "under `spec:`",
        ),
        (
            "$schema: x\nresources:\n- type: Microsoft.Network/loadBalancers\n  name: \"[uniqueString('a')]\"\n",
            4,
            "the template's expression uniqueString(…) is not evaluated",
            "az … show",
        ),
        (
            "$schema: x\nparameters: {lb: {type: String}}\nresources:\n- type: Microsoft.Network/loadBalancers\n  name: \"[parameters('lb')]\"\n",
            5,
            "the template's parameter lb has no defaultValue",
            "--include-parameter-default-value",
        ),
        (
            "$schema: x\nresources:\n- type: Microsoft.Network/loadBalancers\n  name: \"[parameters('lb')]\"\n",
            4,
            "the template has no parameter lb",
            "whole template",
        ),
        (
            "apiVersion: v1\nkind: Node\nmetadata:\n  labels: {a: b}\n",
            4,
            "this Node has no name",
            "`name:` under `metadata:`",
        ),
        ("apiVersion: v1\nkind: Node\n", 1, "this Node has no name", "`name:` under `metadata:`"),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports:\n  - port: 80\n    nodePort: \"30080\"\n",
            7,
            "Service s: spec.ports[0].nodePort: expected a whole number from 0 to 65535, found the text \"30080\"",
            "write 30080 without quotes",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports:\n  - port: 70000\n",
            6,
            "spec.ports[0].port: expected a whole number from 0 to 65535, found the number 70000",
            "",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  type: Loadbalancer\n",
            5,
            "spec.type: \"Loadbalancer\" is not a known value",
            "did you mean LoadBalancer?",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    debug: on\n",
            6,
            "metadata.labels.debug: expected text, found true",
            "quotes",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports:\n  - {port: 80, targetPort: -1}\n",
            6,
            "spec.ports[0].targetPort: expected a port number from 0 to 65535, or the name of a port",
            "",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: {a: b}}\n",
            4,
            "spec.containers: expected a list, found a mapping",
            "",
        ),
        (&with(&[NODE, NODE]), 8, "Node n0 stands here for the second time", "in.yaml:1"),
        (
            &with(&[NODE, &node_at_the_same_address]),
            13,
            "10.224.0.4 is the address of Node n0 already",
            "in.yaml:1",
        ),
        (&with(&[NODE, POD, &second_pod]), 22, "10.244.0.5 is the address of Pod default/p0 already", ""),
        (&with(&[NODE, &POD.replace("n0", "n-0")]), 13, "there is no Node n-0", "did you mean n0?"),
        (POD, 6, "there is no Node n0", "the input has no Node"),
        (&NODE.replace("10.224.0.4", "10.224.0.400"), 6, "\"10.224.0.400\" is not an IP address", ""),
        (
            &NODE.replace("status:", "spec: {podCIDR: 10.244.0.0}\nstatus:"),
            4,
            "is not a range",
            "10.244.0.0/32",
        ),
        (
            &with(&[
                NODE,
                POD,
                "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: echo}\n  ports: [{port: 80}]\n",
            ]),
            20,
            "Service default/s: selects nothing: no Pod in namespace default has app=echo",
            "app=echo-pod",
        ),
        (
            &with(&[
                NODE,
                POD,
                "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {tier: web}\n",
            ]),
            20,
            "selects nothing",
            "no Pod there has a label tier; Pod p0 has app=echo-pod",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports: [{port: 80, nodePort: 30080}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec:\n  ports: [{port: 80, nodePort: 30080}]\n",
            11,
            "Service default/b: the node port 30080/TCP belongs to Service default/a already",
            "in.yaml:1",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  clusterIP: 10.0.0.1\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec:\n  clusterIP: 10.0.0.1\n",
            11,
            "10.0.0.1 is the address of Service default/a already",
            "",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 0\n",
            6,
            "port must be from 1 to 65535",
            "",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 80\n    targetPort: \"8080\"\n",
            7,
            "targetPort \"8080\" in quotes",
            "write 8080 without quotes",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 80\n  - port: 81\n    name: x\n",
            6,
            "this port has no name",
            "",
        ),
        (
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec:\n  networkProfile:\n    loadBalancerSku: standart\n",
            5,
            "\"standart\" is not a known value",
            "did you mean standard?",
        ),
        (
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec: {}\n---\napiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {name: b}\nspec: {}\n",
            5,
            "a second ManagedCluster",
            "in.yaml:1",
        ),
        (
            "apiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {name: v}\nspec:\n  addressSpace: {addressPrefixes: [10.0.0.0/16]}\n  subnets:\n  - {name: s, addressPrefix: 10.1.0.0/24}\n",
            7,
            "outside of the network's addressSpace",
            "widen",
        ),
        (
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\naddressType: IPv4\nendpoints:\n- addresses: [fd00::1]\n",
            6,
            "fd00::1 is not of the addressType IPv4",
            "",
        ),
    ];
    let more: &[(&str, u32, &str, &str)] = &[
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: -2\n",
            5,
            "Deployment d: spec.replicas: expected a whole number, 0 or more, found the number -2",
            "a whole number, 0 or more",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 4000000000\n",
            5,
            "replicas is above 150000",
            "",
        ),
        (
            "apiVersion: v1\nkind: Node\nmetadata: {name: node}\nspec:\n  taints:\n  - key: gpu\n    value: \"true\"\n",
            6,
            "Node node: spec.taints[0]: the field effect is missing",
            "PreferNoSchedule or NoExecute",
        ),
        (
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {name: c}\nspec:\n  agentPoolProfiles:\n  - name: a\n    mode: System\n    nodeTaints:\n    - gpu=true\n",
            9,
            "the taint \"gpu=true\" has no effect",
            "gpu=true:NoSchedule",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    resources:\n      requests:\n        cpu: -1\n",
            8,
            "spec.containers[0].resources.requests.cpu: \"-1\" is not a quantity",
            "0 or more",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: b}}}\n",
            5,
            "the selector does not select the pods of the template",
            "",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, line, what, hint) in cases.iter().chain(more) {
        let import = read(text);
        let errors: Vec<_> =
            import.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect();
        let fits = |error: &Diagnostic| {
            error.line == *line
                && error.what.contains(what)
                && error.hint.contains(hint)
                && !error.hint.is_empty()
        };
        match errors.as_slice() {
            [error] if fits(error) && error.file == "in.yaml" => {}
            errors => wrong.push(format!("{text}wanted line {line}: {what}\ngot {errors:#?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn json_files_may_be_joined_by_nothing() {
    let node = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n0","labels":{"odd":"}{\\\""}}}"#;
    let list = "[\n{\"apiVersion\":\"v1\",\"kind\":\"Node\",\n\"metadata\":{\"name\":\"n1\"}}]";
    let unnamed = "{\"apiVersion\":\"v1\",\n\"kind\":\"Node\",\"metadata\":{}}";
    for between in ["", "\n", "\n\n  ", "\n---\n"] {
        let import = read(&format!("{node}{between}{list}{between}{unnamed}"));
        assert_eq!(import.model.nodes.len(), 2, "{between:?}: {:?}", import.diagnostics);
        let lines: Vec<u32> = import.diagnostics.iter().map(|found| found.line).collect();
        let expected = 4 + 2 * u32::try_from(between.matches('\n').count()).expect("a few lines");
        assert_eq!(lines.first(), Some(&expected), "{between:?}: {:?}", import.diagnostics);
    }
}

#[test]
fn what_is_left_out_is_reported() {
    let cases: &[(&str, &[&str])] = &[
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n",
            &["1: notice: Secret x is left out: it may hold secrets"],
        ),
        ("apiVersion: v1\nkind: ConfigMap\n", &["1: notice: ConfigMap is left out: it may hold secrets"]),
        (
            "# a comment\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\n",
            &["2: notice: CronJob d is left out: its pods are read from Pod documents"],
        ),
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: p}\n",
            &["1: warning: HTTPRoute p is left out: it is not simulated, and it can change where packets go"],
        ),
        (
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, uid: x}\n",
            &["1: notice: VirtualService v is left out: a custom resource is not simulated"],
        ),
        (
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: v, uid: x}\n",
            &["1: notice: Service v is left out: a custom resource is not simulated"],
        ),
        (
            "{\"name\": \"kv\", \"type\": \"Microsoft.KeyVault/vaults\"}",
            &[
                "1: warning: Microsoft.KeyVault/vaults kv is left out: it is not simulated, and it can change where packets go",
            ],
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s, creationTimestamp: x}\nspec:\n  externalTrafficpolicy: Local\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  schedulerName: mine\n",
            &[
                "5: warning: Service default/s: unknown field spec.externalTrafficpolicy",
                "11: notice: Pod: fields that are not modelled were left out: spec.schedulerName",
            ],
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: x}\n",
            &["5: warning: Service default/s: selects nothing: the input has no Pod in namespace default"],
        ),
        (
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\naddressType: IPv4\nendpoints: null\n",
            &[
                "3: warning: EndpointSlice default/e: it has no label kubernetes.io/service-name, so no Service uses it",
            ],
        ),
        ("", &[]),
        ("---\n---\n# nothing\n", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(remarks(&read(text)), *expected, "{text}");
    }
}

#[test]
fn a_service_without_pods_is_a_slip_in_a_manifest_and_a_fact_in_a_cluster() {
    for (metadata, severity) in [("{name: s}", "error"), ("{name: s, uid: 3f0e8f6c-1d2b}", "warning")] {
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {metadata}\nspec:\n  selector: {{app: none}}\n"
        );
        let said = format!(
            "20: {severity}: Service default/s: selects nothing: no Pod in namespace default has app=none"
        );
        assert_eq!(remarks(&read(&with(&[NODE, POD, &service]))), [said]);
    }
}

#[test]
fn a_workload_stands_for_the_pods_that_it_makes() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: made}\n";
    let workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: made}}\n  template: {metadata: {labels: {app: made}}, spec: {containers: [{name: c}]}}\n";
    assert_eq!(remarks(&read(&with(&[NODE, POD, service, workload]))), [""; 0]);
}

#[test]
fn a_slice_for_a_service_stands_for_its_pods() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: none}\n";
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, labels: {kubernetes.io/service-name: s}}\naddressType: IPv4\n";
    assert_eq!(remarks(&read(&with(&[NODE, POD, service, slice]))), [""; 0]);
}

#[test]
fn what_no_node_can_run_and_sizes_that_are_not_known_are_told() {
    let pool = |size: &str| {
        format!(
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {{name: c}}\nspec:\n  agentPoolProfiles:\n  - name: sys\n    mode: System\n    count: 3\n    vmSize: {size}\n"
        )
    };
    let deployment = |cpu: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        resources:\n          requests: {{cpu: {cpu}}}\n"
        )
    };
    let figures = "    vmSizeFigures: {numberOfCores: 64, memoryInMB: 65536}\n";
    // What is left of 4 vCPUs is 3860 millicores.
    let too_much = "asks for 4000m of cpu, and no node has more than 3860m";
    let unknown = "the VM size Standard_X1 is not known";
    for (text, expected) in [
        (pool("Standard_D4s_v5") + &deployment("3860m"), None),
        (pool("Standard_D4s_v5") + &deployment("4"), Some((19, too_much))),
        (pool("Standard_X1") + &deployment("4"), Some((9, unknown))),
        (pool("Standard_X1") + figures + &deployment("4"), None),
    ] {
        let got: Vec<_> = read(&text).diagnostics;
        let fits = |(line, what): (u32, &str)| {
            got.len() == 1
                && got.iter().all(|one| {
                    one.severity == Severity::Warning
                        && one.line == line
                        && one.what.contains(what)
                        && !one.hint.is_empty()
                })
        };
        assert!(expected.map_or(got.is_empty(), fits), "{text}\n{got:#?}");
    }
}

/// The network profile, the node pools, the remarks: in which of them, and what.
type Refused = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const REFUSED: &[Refused] = &[
    ("", "SYS", "USER, mode: User", &[]),
    ("", "SYS", "name: Upper, count: 1", &[("[1].name", "AKS refuses the name Upper")]),
    ("", "SYS", "name: 1st, count: 1", &[("[1].name", "AKS refuses the name 1st")]),
    ("", "SYS", "name: abcdefghijklm, count: 1", &[("[1].name", "1 to 12")]),
    ("", "SYS", "name: windows, osType: Windows", &[("[1].name", "1 to 6 lower-case")]),
    ("", "SYS", "USER, maxPods: 9", &[("[1].maxPods", "from 10 to 250")]),
    ("", "SYS", "USER, maxPods: 251", &[("[1].maxPods", "from 10 to 250")]),
    ("", "SYS", "USER, maxPods: 10", &[]),
    ("", "SYS", "name: empty, count: 0", &[]),
    ("", "name: sys, mode: System, count: 0", "", &[("[0].count", "at least one node")]),
    ("", "SYS, scaleSetPriority: Spot", "", &[("[0].mode", "spot must be a user")]),
    ("", "SYS, osType: Windows", "", &[("[0].osType", "must be Linux")]),
    ("", "SYS, vmSize: Standard_B4ms", "", &[("[0].vmSize", "B series")]),
    ("", "SYS, maxPods: 20", "", &[("[0].maxPods", "30 pods")]),
    (
        "",
        "SYS, vmSize: Standard_X1, vmSizeFigures: {numberOfCores: 1, memoryInMB: 2048}",
        "",
        &[("[0].vmSize", "too small")],
    ),
    ("", "SYS, type: AvailabilitySet", "", &[]),
    (
        "",
        "SYS, type: AvailabilitySet, enableAutoScaling: true, minCount: 1, maxCount: 5",
        "",
        &[("[0].type", "autoscaler needs a scale set")],
    ),
    ("", "SYS", "USER, enableAutoScaling: true", &[("[1].enableAutoScaling", "minCount")]),
    (
        "",
        "SYS",
        "USER, enableAutoScaling: true, minCount: 3, maxCount: 2",
        &[("[1].enableAutoScaling", "minCount")],
    ),
    (
        "",
        "SYS",
        "USER, enableAutoScaling: true, minCount: 2, maxCount: 5",
        &[("[1].count", "bounds 2 and 5")],
    ),
    ("loadBalancerSku: basic", "SYS", "", &[]),
    ("loadBalancerSku: basic", "SYS, availabilityZones: ['1']", "", &[("[0].availabilityZones", "Standard")]),
    ("networkPlugin: kubenet", "name: sys, mode: System, count: 400", "", &[]),
    ("networkPlugin: kubenet", "name: sys, mode: System, count: 401", "", &[("", "401 nodes")]),
    ("networkPlugin: kubenet", "SYS", "name: win, osType: Windows", &[("[1].osType", "Azure CNI")]),
    ("", "USER, mode: User", "", &[("", "no node pool has the mode System")]),
    ("serviceCidr: 10.0.0.0/16, dnsServiceIP: 10.0.0.10", "SYS", "", &[]),
    (
        "serviceCidr: 172.30.0.0/17",
        "SYS",
        "",
        &[("networkProfile.serviceCidr", "172.30.0.0/16, which AKS keeps")],
    ),
    (
        "serviceCidr: 172.16.0.0/12",
        "SYS",
        "",
        &[("networkProfile.serviceCidr", "172.30.0.0/16"), ("networkProfile.serviceCidr", "172.31.0.0/16")],
    ),
    (
        "serviceCidr: 10.0.0.0/8, podCidr: 10.244.0.0/16",
        "SYS",
        "",
        &[("networkProfile.serviceCidr", "the range of pods")],
    ),
    (
        "serviceCidr: 10.0.0.0/16, dnsServiceIP: 10.1.0.10",
        "SYS",
        "",
        &[("networkProfile.dnsServiceIP", "outside")],
    ),
    (
        "serviceCidr: 10.0.0.0/16, dnsServiceIP: 10.0.0.1",
        "SYS",
        "",
        &[("networkProfile.dnsServiceIP", "the API server's")],
    ),
];

#[test]
fn what_aks_would_refuse_is_told() {
    let cluster = |profile: &str, pools: &[String]| {
        let mut text =
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {name: c}\nspec:\n".to_owned();
        text += &format!("  networkProfile: {{{profile}}}\n  agentPoolProfiles:\n");
        for pool in pools {
            text += &format!("  - {{{pool}}}\n");
        }
        text
    };
    for (profile, first, second, expected) in REFUSED {
        let pools: Vec<String> = [first, second]
            .iter()
            .filter(|pool| !pool.is_empty())
            .map(|pool| {
                pool.replace("SYS", "name: sys, mode: System, count: 3")
                    .replace("USER", "name: user, count: 1")
            })
            .collect();
        let text = cluster(profile, &pools);
        let got = read(&text).diagnostics;
        let fits = got.iter().zip(*expected).all(|(one, (place, what))| {
            let line = match *place {
                "" => 6,
                place if place.starts_with("[0]") => 7,
                place if place.starts_with("[1]") => 8,
                _ => 5,
            };
            one.severity == Severity::Warning
                && one.line == line
                && one.what.contains(what)
                && !one.hint.is_empty()
        });
        assert!(got.len() == expected.len() && fits, "{text}wanted {expected:?}\ngot {got:#?}");
    }
}
