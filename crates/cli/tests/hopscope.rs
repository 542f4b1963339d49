//! The binary from end to end: what it prints, where, and with which exit code.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use std::process::{Command, Stdio};
use support::{call, hopscope, prints, refuses, top};

const FLOW: &str = "--from 198.51.100.7 --to svc/default/echo-service:80";

/// The rows of a run: count, name of the pod, sources.
fn rows(example: &str, more: &str) -> Vec<(u64, String, String)> {
    let text = prints(&format!("run examples/{example} {FLOW} --requests 100 {more}"));
    let row = |line: &str| {
        let count = line.split_whitespace().next()?.parse().ok()?;
        let pod = line.split_whitespace().find(|word| word.starts_with("default/"))?;
        let sources = line.split_once("source ").map_or("", |(_, sources)| sources);
        Some((count, pod.to_owned(), sources.to_owned()))
    };
    text.lines().map_while(row).collect()
}

#[test]
fn local_on_the_system_pool_gives_everything_to_the_one_pod_there() {
    let rows = rows("caveat", "");
    let expected = [
        (100, "default/echo-deployment-78dc57c76d-58mz5", "198.51.100.7"),
        (0, "default/echo-deployment-78dc57c76d-fpwkf", ""),
        (0, "default/echo-deployment-78dc57c76d-v2brg", ""),
    ];
    let expected: Vec<_> =
        expected.map(|(count, pod, source)| (count, pod.to_owned(), source.to_owned())).into();
    assert_eq!(rows, expected);
}

#[test]
fn cluster_gives_each_a_third_and_hides_the_client() {
    let rows = rows("caveat-cluster", "--seed 7");
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(rows.iter().map(|(count, ..)| count).sum::<u64>(), 100, "{rows:?}");
    for (count, pod, source) in &rows {
        // Five standard deviations of a binomial with 100 trials of 1/3 are 24.
        assert!((10..=57).contains(count), "{rows:?}");
        // The load balancer's pool is the system node, and only it translates.
        assert_eq!(source, "10.224.0.4", "{pod}");
    }
    let text = prints(&format!("run examples/caveat-cluster {FLOW} --requests 100"));
    assert_eq!(text.matches("exact 1/3").count(), 3, "{text}");
}

#[test]
fn local_on_the_user_pool_gives_each_a_third_and_keeps_the_client() {
    let rows = rows("caveat-pool-1", "");
    assert_eq!(rows.len(), 3, "{rows:?}");
    for (count, pod, source) in &rows {
        assert!((10..=57).contains(count), "{rows:?}");
        assert_eq!(source, "198.51.100.7", "{pod}");
    }
}

#[test]
fn the_same_seed_gives_the_same_counts() {
    assert_eq!(rows("caveat-cluster", "--seed 3"), rows("caveat-cluster", "--seed 3"));
    let many = |seed| prints(&format!("run examples/caveat-cluster {FLOW} --requests 1000 --seed {seed}"));
    assert_ne!(many(1), many(2));
}

#[test]
fn a_run_is_of_a_hundred_connections_where_nobody_says() {
    let run = |more: &str| prints(&format!("run examples/caveat-cluster {FLOW} {more}"));
    assert_eq!(run(""), run("--requests 100"));
}

#[test]
fn a_run_counts_the_sources_of_nodes_that_are_folded() {
    // Each of the 13 nodes behind the load balancer puts its own address in the client's place.
    let text = prints("run examples/production --from internet --to svc/shop/frontend:80");
    assert_eq!(text.matches("source 10.224.0.4 and 12 more").count(), 4, "{text}");
}

#[test]
fn paths_as_json_sum_to_one_and_name_what_decided() {
    let text = prints(&format!("paths examples/caveat-cluster {FLOW} -o json"));
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let outcomes = json["outcomes"].as_array().expect("a list");
    let sum: f64 = outcomes.iter().filter_map(|outcome| outcome["probability"].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    assert_eq!(json["assumptions"][0]["code"], "ideal-lb-hash", "{text}");
    for outcome in outcomes {
        assert_eq!(outcome["verdict"], "delivered", "{outcome:#}");
        assert_eq!(outcome["cause"], serde_json::Value::Null, "{outcome:#}");
        assert_eq!(outcome["node"], "aks-system-27255451-0", "{outcome:#}");
        assert_eq!(outcome["sourceSeen"], "10.224.0.4", "{outcome:#}");
        assert_eq!(outcome["endpoint"]["port"], 8080, "{outcome:#}");
        assert_eq!(outcome["reply"]["verdict"], "delivered", "{outcome:#}");
        let steps = outcome["steps"].as_array().expect("a list");
        assert!(steps.iter().all(|step| step["why"].as_str().is_some_and(|why| !why.is_empty())));
        let of_kube_proxy = steps.iter().filter(|step| step["rule"]["text"].to_string().contains("-A KUBE-"));
        assert!(of_kube_proxy.count() > 0, "{outcome:#}");
    }
}

#[test]
fn folded_paths_count_what_they_stand_for() {
    // Policy Cluster behind a Standard load balancer: two nodes, three pods.
    let standard: String = ["cluster", "nodes", "pods", "service"]
        .map(|name| {
            std::fs::read_to_string(top().join(format!("examples/caveat-cluster/{name}.yaml")))
                .expect("a file")
        })
        .join("---\n")
        .replace("loadBalancerSku: basic", "loadBalancerSku: standard");
    let ask = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["paths", "-"].into_iter().chain(FLOW.split_whitespace()).chain(more.iter().copied()).collect();
        let output = hopscope(&arguments, &standard);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(ask(&[]).matches("16.7 % (1/6)").count(), 6);
    let folded = ask(&["--fold"]);
    assert_eq!(folded.matches("33.3 % (1/3)").count(), 3, "{folded}");
    assert_eq!(folded.matches("by 2 nodes alike").count(), 3, "{folded}");
}

#[test]
fn a_trace_shows_that_no_socket_was_looked_up() {
    let text = prints(&format!("trace examples/caveat {FLOW}"));
    for part in [
        "delivered to default/echo-deployment-78dc57c76d-58mz5 (10.244.0.11:8080)",
        "source seen 198.51.100.7",
        "no socket lookup",
        "no masquerade",
        "DNAT",
        "-A KUBE-SERVICES",
        "20.72.161.43:80  ⇒",
        "reply delivered",
        "ideal-lb-hash",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn port_80_of_a_node_is_refused_and_the_trace_says_why() {
    let text = prints("trace examples/caveat --from 10.224.0.99 --to 10.224.0.4:80");
    for part in ["refused", "no-listener", "socket lookup"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn the_load_balancer_is_printed_as_az_prints_it() {
    let json: serde_json::Value = serde_json::from_str(&prints("lb examples/caveat")).expect("JSON");
    assert_eq!(json["type"], "Microsoft.Network/loadBalancers");
    assert_eq!(json["sku"]["name"], "Basic");
    let probe = &json["probes"][0];
    assert_eq!(
        (&probe["protocol"], &probe["port"], &probe["requestPath"]),
        (&"Http".into(), &32649.into(), &"/healthz".into())
    );
    let rule = &json["loadBalancingRules"][0];
    assert_eq!((&rule["frontendPort"], &rule["backendPort"]), (&80.into(), &80.into()));
    assert_eq!(rule["enableFloatingIP"], true);
    let members = json["backendAddressPools"][0].to_string();
    assert!(members.contains("aks-system-27255451") && !members.contains("aks-pool-1"), "{members}");
    let by_name = format!("lb examples/caveat --load-balancer {}", json["name"].as_str().expect("a name"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&prints(&by_name)).expect("JSON"), json);
}

#[test]
fn iptables_prints_the_rules_of_a_node() {
    let node = "--node aks-system-27255451-0";
    let restore = prints(&format!("iptables examples/caveat {node}"));
    for part in [
        "*nat\n",
        "*filter\n",
        "COMMIT\n",
        ":KUBE-SERVICES",
        "-d 20.72.161.43 ",
        "--to-destination 10.244.0.11:8080",
    ] {
        assert!(restore.contains(part), "no {part:?} in\n{restore}");
    }
    for format in ["payload", "save", "restore"] {
        let text = prints(&format!("iptables examples/caveat {node} --format {format}"));
        assert!(text.contains("COMMIT"), "{text}");
    }
    assert_eq!(prints(&format!("iptables examples/caveat {node} --family ipv4")), restore);
    let save = prints(&format!("iptables examples/caveat {node} --format save"));
    assert!(save.contains("-d 20.72.161.43/32 "), "{save}");
    // The payload holds nothing but what kube-proxy writes: no built-in chain.
    let payload = prints(&format!("iptables examples/caveat {node} --format payload"));
    assert!(payload.contains(":KUBE-SERVICES") && !payload.contains("-A PREROUTING"), "{payload}");
}

#[test]
fn bad_usage_is_refused_with_a_hint() {
    let caveat = "examples/caveat";
    // Arguments; parts of the message.
    let cases: &[(&str, &[&str])] = &[
        ("", &["Usage"]),
        ("fly", &["fly", "Usage"]),
        ("run examples/caveat", &["--from", "--to"]),
        ("run examples/caveat --from 1.2.3.4 --to 1.2.3.4:80 --requests 0", &["--requests"]),
        (
            "paths examples/caveat --from 1.2.3.4 --to svc/default/echo-service",
            &["--to", "no port", "hint: write DST:PORT"],
        ),
        ("paths examples/caveat --from 1.2.3.4 --to 1.2.3.4:99999", &["\"99999\" is not a port"]),
        ("paths examples/caveat --from pod/a/b/c --to 1.2.3.4:80", &["--from", "NAMESPACE/NAME", "hint:"]),
        (
            "paths examples/caveat --from pod/x --to 1.2.3.4:80",
            &["there is no pod default/x", "hint: pods: pod/default/echo-deployment-"],
        ),
        (
            "paths examples/caveat --from internet --to svc/x:80",
            &["there is no Service default/x", "hint: Services: svc/default/echo-service"],
        ),
        ("paths examples/caveat --from svc/a/b --to 1.2.3.4:80", &["cannot send"]),
        ("paths examples/caveat --from 1.2.3.4 --to 5.6.7.8:80 --protocol esp", &["tcp", "udp", "icmp"]),
        (
            "paths examples/caveat --from 1.2.3.4 --to 5.6.7.8:80 --protocol icmp",
            &["has a port", "DST alone"],
        ),
        ("paths examples/caveat --from 1.2.3.4 --to 5.6.7.8", &["has no port"]),
        (
            "paths examples/caveat --from 1.2.3.4 --to 5.6.7.8:80 --via nowhere",
            &["--via: there is no node nowhere", "aks-system-27255451-0"],
        ),
        ("paths nowhere --from 1.2.3.4 --to 5.6.7.8:80", &["nowhere: there is no such file or folder"]),
        (
            "paths crates --from 1.2.3.4 --to 5.6.7.8:80",
            &["crates: this folder has no .yaml, .yml or .json file"],
        ),
        ("paths - - --from 1.2.3.4 --to 5.6.7.8:80", &["standard input is given twice"]),
        ("lb examples/caveat --load-balancer nowhere", &["there is no load balancer nowhere"]),
        ("iptables examples/caveat", &["--node"]),
        (
            "iptables examples/caveat --node nowhere",
            &[
                "--node: there is no node nowhere",
                "hint: nodes: aks-pool-1-27255451-0, aks-system-27255451-0",
            ],
        ),
    ];
    for (arguments, parts) in cases {
        let message = refuses(arguments, "");
        for part in *parts {
            assert!(message.contains(part), "hopscope {arguments}: no {part:?} in\n{message}");
        }
    }
    let message = refuses(&format!("paths {caveat} --from 198.51.100.7 --to svc/default/ecco:80"), "");
    assert!(message.contains("svc/default/echo-service"), "{message}");
}

#[test]
fn bad_input_is_refused_with_file_line_what_and_hint() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}]}\n";
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: echo-pod}}\nspec: {nodeName: n0}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: echo}\n  ports: [{port: 80}]\n";
    let twins = format!("{node}---\n{}", node.replace("n0", "n1"));
    let nameless = "apiVersion: v1\nkind: Node\nmetadata: {labels: {a: b}}\n";
    let selects_nothing = format!("{node}---\n{pod}---\n{service}");
    // Input; what standard error begins with; part of the hint.
    let cases: &[(&str, &str, &str)] = &[
        ("kind: [\n", "<stdin>:2: error: this is not YAML", "bracket"),
        (
            "apiVersion: v1\nkind: Servise\n",
            "<stdin>:2: error: unknown kind Servise",
            "did you mean Service?",
        ),
        (&selects_nothing, "<stdin>:15: error: Service default/s: selects nothing", "app=echo-pod"),
        (&twins, "<stdin>:9: error: Node n1: 10.224.0.4 is the address of Node n0 already", "<stdin>:1"),
        (nameless, "<stdin>:3: error: this Node has no name", "`name:` under `metadata:`"),
        ("\u{1}", "<stdin>:1: error: ", ""),
        ("kind: \"\\e[31mred\"\napiVersion: v1\n", "<stdin>:1: error: unknown kind \\u{1b}[31mred", ""),
    ];
    for (input, start, hint) in cases {
        for command in ["paths", "trace", "run --requests 1"] {
            let message = refuses(&format!("{command} - --from 1.2.3.4 --to 5.6.7.8:80"), input);
            assert!(message.starts_with(start), "{message}");
            assert!(message.contains("\n  hint: ") && message.contains(hint), "{message}");
        }
        refuses("lb -", input);
        refuses("iptables - --node n0", input);
    }
}

#[test]
fn what_stays_undone_is_told_beside_the_answer() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}], allocatable: {cpu: 2, memory: 4Gi, pods: 30}}\n";
    let pod = |number: i32| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: big-{number:02}}}\nspec: {{containers: [{{name: c, resources: {{requests: {{cpu: 64}}}}}}]}}\n"
        )
    };
    let input = format!("{node}{}", (1..=12).map(pod).collect::<String>());
    let (code, out, told) = call("paths - --from internet --to node/n0:22", &input);
    assert_eq!(code, Some(0), "{told}");
    assert!(out.starts_with("tcp from 198.51.100.7 to node/n0:22"), "{out}");
    let pending: Vec<&str> = told.lines().filter(|line| line.contains("stays pending")).collect();
    assert_eq!(pending.len(), 10, "{told}");
    assert!(pending[0].starts_with(
        "warning: Pod default/big-01 stays pending: 0/1 nodes are available: 1 Insufficient cpu."
    ));
    assert!(told.ends_with("warning: and 2 more of this kind\n"), "{told}");
}

#[test]
fn help_is_no_failure() {
    for arguments in ["--help", "run --help", "paths --help", "--version"] {
        assert!(prints(arguments).contains("hopscope"), "{arguments}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["run", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn what_if_tells_what_follows_in_order() {
    let edit = r#"--edit {"edit":"moveNode","node":"aks-pool-1-27255451-0","pool":"system"}"#;
    let told = prints(&format!("what-if examples/caveat {edit}"));
    assert!(
        told.starts_with("A VM cannot change its node pool: pool-1 scales in and system scales out."),
        "{told}"
    );
    let stages = ["1. Nodes", "2. Backend pools", "3. Probes", "4. Flows"].map(|stage| told.find(stage));
    assert!(stages.iter().all(Option::is_some) && stages.is_sorted(), "{told}");
    let same = r#"what-if examples/caveat --edit {"edit":"many","edits":[]}"#;
    assert_eq!(prints(same), "Nothing differs.\n");
    let refused = r#"what-if examples/caveat --edit {"edit":"scalePool","pool":"system","count":0}"#;
    let message = refuses(refused, "");
    assert!(
        message.contains("AKS refuses this for system: a system pool needs at least one node"),
        "{message}"
    );
}
