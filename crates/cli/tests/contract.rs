//! The contract of the command line, line by line: inputs, ends of flows, formats.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use serde_json::Value;
use support::{call, file, prints, refuses, top};

const FLOW: &str = "--from 198.51.100.7 --to svc/default/echo-service:80";
const POD: &str = "pod/default/echo-deployment-78dc57c76d-fpwkf";

fn json(line: &str) -> Value {
    serde_json::from_str(&prints(line)).expect("JSON")
}

/// The documents of an example as one text.
fn example(name: &str) -> String {
    ["cluster", "nodes", "pods", "service"]
        .map(|part| {
            std::fs::read_to_string(top().join(format!("examples/{name}/{part}.yaml"))).expect("a file")
        })
        .join("\n---\n")
}

#[test]
fn both_ends_are_named_as_the_contract_says() {
    // from, to, the source and destination that come of it
    let cases = [
        ("198.51.100.7", "20.72.161.43:80", "198.51.100.7", "20.72.161.43"),
        ("198.51.100.7", "svc/default/echo-service:80", "198.51.100.7", "20.72.161.43"),
        // Inside of the cluster a Service is its cluster IP.
        (POD, "svc/default/echo-service:80", "10.244.1.12", "10.0.171.239"),
        (POD, "echo-service.default.svc.cluster.local:80", "10.244.1.12", "10.0.171.239"),
        (POD, "echo-service.default.svc:80", "10.244.1.12", "10.0.171.239"),
        (POD, "echo-service.default:80", "10.244.1.12", "10.0.171.239"),
        (POD, "echo-service:80", "10.244.1.12", "10.0.171.239"),
        ("node/aks-system-27255451-0", POD, "10.224.0.4", "10.244.1.12"),
        (POD, "node/aks-system-27255451-0", "10.244.1.12", "10.224.0.4"),
        ("vm/10.224.0.99", "10.224.0.4:32651", "10.224.0.99", "10.224.0.4"),
        ("10.224.0.99", "10.224.0.4:32651", "10.224.0.99", "10.224.0.4"),
        (POD, "vm/10.224.0.99", "10.244.1.12", "10.224.0.99"),
    ];
    for (from, to, source, destination) in cases {
        let to = if to.contains(':') { to.to_owned() } else { format!("{to}:8080") };
        let json = json(&format!("paths examples/caveat --from {from} --to {to} -o json"));
        assert_eq!(
            (&json["flow"]["source"], &json["flow"]["destination"]),
            (&source.into(), &destination.into()),
            "{from} {to}"
        );
    }
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}, {type: InternalIP, address: 'fd00:10::4'}]}\n";
    let (code, out, err) = call("trace - --from node/n0 --to [fd00:10::4]:10256", node);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("[fd00:10::4]:10256") && out.contains("delivered"), "{out}");
    let message = refuses("trace - --from node/n0 --to fd00:10::4", node);
    assert!(message.contains("no port"), "{message}");
    let (code, out, err) = call("iptables - --node n0 --family ipv6 --format save", node);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("-A PREROUTING") && !out.contains("127.0.0.0"), "{out}");
}

#[test]
fn documents_come_from_files_folders_standard_input_and_lists() {
    let expected = prints(&format!("paths examples/caveat {FLOW}"));
    let parts = ["cluster", "nodes", "pods", "service"].map(|part| format!("examples/caveat/{part}.yaml"));
    assert_eq!(prints(&format!("paths {} {FLOW}", parts.join(" "))), expected);
    let text = example("caveat");
    let (code, out, err) = call(&format!("paths - {FLOW}"), &text);
    assert_eq!((code, out), (Some(0), expected.clone()), "{err}");
    // Some of it from a file, the rest from standard input.
    let service = std::fs::read_to_string(top().join("examples/caveat/service.yaml")).expect("a file");
    let (code, out, err) =
        call(&format!("paths {} - {FLOW}", parts.get(..3).expect("four").join(" ")), &service);
    assert_eq!((code, out), (Some(0), expected.clone()), "{err}");
    // `kubectl get -o yaml` prints a list.
    let items: String = text
        .split("\n---\n")
        .flat_map(|document| document.split("\n---"))
        .map(|document| {
            let indented: String = document.trim().lines().map(|line| format!("    {line}\n")).collect();
            indented.replacen("    ", "  - ", 1)
        })
        .filter(|item| item.contains("kind:"))
        .collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", comments_dropped(&items));
    let (code, out, err) = call(&format!("paths - {FLOW}"), &list);
    assert_eq!((code, out), (Some(0), expected), "{err}\n{list}");
}

/// Items of a list must not begin with a comment.
fn comments_dropped(text: &str) -> String {
    let mut out = String::new();
    let mut first = false;
    for line in text.lines() {
        let is_item = line.starts_with("  - ");
        first |= is_item;
        let body = if is_item { line.get(4..).unwrap_or_default() } else { line.trim_start() };
        if body.starts_with('#') || body.is_empty() {
            continue;
        }
        if first && !is_item {
            out += &line.replacen("    ", "  - ", 1);
        } else {
            out += line;
        }
        first = false;
        out.push('\n');
    }
    out
}

#[test]
fn a_folder_is_read_in_name_order_and_not_below() {
    let folder = file("contract-marker", "");
    let folder = std::path::Path::new(&folder).with_file_name("contract-folder");
    // What an earlier run left is written anew.
    std::fs::create_dir_all(folder.join("below")).expect("a folder");
    let node = |name: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n");
    for (name, text) in [
        ("b.yml", node("same")),
        ("c.json", r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "other"}}"#.to_owned()),
        ("a.yaml", node("same")),
        ("notes.txt", "no document".to_owned()),
        ("below/d.yaml", "kind: [".to_owned()),
    ] {
        std::fs::write(folder.join(name), text).expect("writable");
    }
    let path = folder.display().to_string();
    let (code, out, err) = call(&format!("iptables {path} --node other"), "");
    // The second of two documents for one object is the one complained about.
    let says = |part: &str| err.contains(part) || out.contains(part);
    assert!(code == Some(0) || code == Some(2), "{err}");
    assert!(says("b.yml"), "{err}{out}");
    assert!(!says("notes.txt") && !says("d.yaml"), "{err}{out}");
}

#[test]
fn the_three_formats_of_rules_are_three_views_of_one_ruleset() {
    let rules = |format: &str| {
        prints(&format!("iptables examples/caveat --node aks-system-27255451-0 --format {format}"))
    };
    let (restore, payload, save) = (rules("restore"), rules("payload"), rules("save"));
    for text in [&restore, &payload, &save] {
        assert_eq!(text.matches("COMMIT\n").count(), text.matches("\n*").count() + 1, "{text}");
    }
    let tables =
        |text: &str| text.lines().filter(|line| line.starts_with('*')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(tables(&payload), ["*filter", "*nat"]);
    assert_eq!(tables(&restore), ["*filter", "*mangle", "*nat"]);
    assert_eq!(tables(&save), tables(&restore));
    // The payload in its canonical order: KUBE-NODEPORTS, KUBE-SERVICES, the others by name.
    let chains: Vec<&str> = payload
        .split("*nat\n")
        .nth(1)
        .expect("nat")
        .lines()
        .filter_map(|line| line.strip_prefix(':')?.split(' ').next())
        .collect();
    let (first, rest) = chains.split_at(2);
    assert_eq!(first, ["KUBE-NODEPORTS", "KUBE-SERVICES"]);
    assert!(rest.is_sorted(), "{rest:?}");
    assert!(payload.contains("-j MARK --xor-mark 0x00004000\n") && save.contains("--set-xmark 0x4000/0x0\n"));
    assert!(payload.contains("-m tcp -p tcp -d 10.0.171.239 --dport 80"), "{payload}");
}

#[test]
fn pictures_are_printed_as_svg_and_mermaid() {
    for (command, mermaid) in [("trace", "sequenceDiagram\n"), ("paths", "flowchart LR\n")] {
        let line = format!("{command} examples/caveat-cluster {FLOW} -o");
        let svg = prints(&format!("{line} svg"));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains("echo-deployment-78dc57c76d-58mz5"), "{svg}");
        let text = prints(&format!("{line} mermaid"));
        assert!(text.starts_with(mermaid) && text.contains("198.51.100.7"), "{text}");
    }
    for format in ["svg", "mermaid"] {
        let message = refuses(&format!("run examples/caveat {FLOW} --requests 1 -o {format}"), "");
        assert!(message.contains("a run is counts") && message.contains("hint:"), "{message}");
    }
}

#[test]
fn near_misses_are_in_json_and_text() {
    let flow = "examples/caveat --from 10.224.0.99 --to 10.224.0.4:80";
    for command in ["paths", "trace"] {
        let steps = json(&format!("{command} {flow} -o json"))["outcomes"][0]["steps"].clone();
        let lookup = steps.as_array().expect("steps").iter().find(|step| step["action"] == "SocketLookup");
        let near = &lookup.expect("a look-up")["nearMisses"][0];
        assert_eq!(near["failed"], "wants destination port 32651, the packet has 80", "{near}");
        assert_eq!(near["rule"]["place"], "nat KUBE-NODEPORTS");
        let text = prints(&format!("{command} {flow}"));
        assert!(
            text.contains("nat KUBE-NODEPORTS: wants destination port 32651, the packet has 80"),
            "{text}"
        );
    }
    // A run reads none.
    assert!(!prints(&format!("run {flow} --requests 1 -o json")).contains("nearMisses"));
}

#[test]
fn a_run_counts_beside_exact_shares() {
    // Like `sort | uniq -c`: the count first.
    let text = prints(&format!("run examples/caveat-cluster {FLOW} --requests 1000"));
    let rows: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let counts = rows.iter().map(|row| row.split_whitespace().next()?.parse::<u64>().ok());
    assert_eq!(counts.sum::<Option<u64>>(), Some(1000), "{text}");
    assert!(rows.iter().all(|row| row.contains("exact 1/3")), "{text}");
    // With session affinity one client's connections stay together, and the exact shares stay what they are.
    let sticky = example("caveat-cluster").replacen(
        "spec:\n  type: LoadBalancer",
        "spec:\n  sessionAffinity: ClientIP\n  type: LoadBalancer",
        1,
    );
    assert!(sticky.contains("sessionAffinity"), "{sticky}");
    let run = |more: &str| {
        let (code, out, err) = call(&format!("run - {FLOW} --requests 300 {more}"), &sticky);
        assert_eq!(code, Some(0), "{err}");
        out
    };
    let together = run("");
    assert!(together.contains("    300  100.0 %   exact 1/3"), "{together}");
    assert!(
        together.contains("one client, whose connections stay together while affinity lasts"),
        "{together}"
    );
    let apart = run("--interval 10801");
    assert!(!apart.contains("    300  "), "{apart}");
    let message = refuses(&format!("run examples/caveat {FLOW} --requests 100001 --interval 1"), "");
    assert!(message.contains("--interval") && message.contains("at most 100000"), "{message}");
}

#[test]
fn the_scheduler_of_ipvs_is_told_as_an_assumption() {
    for (mode, told) in [("iptables", false), ("ipvs", true), ("nftables", false)] {
        let config = format!(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: {mode}\n"
        );
        let (code, out, err) = call(&format!("paths examples/caveat-cluster - {FLOW}"), &config);
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(out.contains("ipvs-scheduler: "), told, "{mode}: {out}");
    }
}
