//! `--rules` and `--compare`: a real node's rules in place of the generated ones, and beside them.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use std::fmt::Write;
use support::{call, file, prints, refuses};

const NODE: &str = "aks-system-27255451-0";
const FLOW: &str = "examples/caveat --from 198.51.100.7 --to svc/default/echo-service:80";

fn saved() -> String {
    prints(&format!("iptables examples/caveat --node {NODE} --format save"))
}

/// A flow with these rules on the system node: exit code, output, complaints.
fn trace(name: &str, rules: impl AsRef<[u8]>) -> (Option<i32>, String, String) {
    let path = file(name, rules);
    call(&format!("trace {FLOW} --rules {NODE}={path}"), "")
}

#[test]
fn a_nodes_own_save_gives_the_same_answer() {
    let path = file("own.save", saved());
    let (code, given, complaints) = call(&format!("paths {FLOW} --rules {NODE}={path} -o json"), "");
    assert_eq!((code, &*complaints), (Some(0), ""));
    let mut given: serde_json::Value = serde_json::from_str(&given).expect("JSON");
    let generated: serde_json::Value =
        serde_json::from_str(&prints(&format!("paths {FLOW} -o json"))).expect("JSON");
    let assumptions = given["assumptions"].as_array_mut().expect("a list");
    let last = assumptions.pop().expect("one more");
    assert_eq!(last["code"], "given-rules");
    assert_eq!(given, generated);
}

#[test]
fn kube_proxys_the_plugins_and_hand_made_chains_decide_together() {
    // What is added to the node's own rules; what must come of the flow.
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (
            "-I FORWARD 1 -s 198.51.100.0/24 -j DROP",
            &["firewall-dropped", "filter FORWARD", "-s 198.51.100.0/24 -j DROP"],
            &[],
        ),
        (
            "-A FORWARD -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset",
            &["firewall-rejected", "tcp-reset"],
            &[],
        ),
        // A chain of one's own, and a jump to it.
        (
            ":MINE - [0:0]\n:LATER - [0:0]\n-I FORWARD 1 -j MINE\n-A MINE -p tcp -m tcp --dport 8080 -g LATER\n-A LATER -j DROP",
            &["firewall-dropped", "filter LATER"],
            &[],
        ),
        // What is not modelled and does not decide says so and no more.
        (
            "-I FORWARD 1 -p udp -m set --match-set bad src -j DROP",
            &["delivered", "echo-deployment-78dc57c76d-58mz5"],
            &["`-m set --match-set bad src`"],
        ),
        // What is not modelled and decides leaves the outcome open.
        (
            "-I FORWARD 1 -m set --match-set bad src -j DROP",
            &["ambiguous", "unsupported-rule", "--match-set bad src"],
            &["`-m set --match-set bad src`"],
        ),
    ];
    let saved = saved();
    for (number, (added, expected, complaints)) in cases.into_iter().enumerate() {
        let rules = saved.replacen("COMMIT\n", &format!("{added}\nCOMMIT\n"), 1);
        let line = 1 + saved.lines().position(|line| line == "COMMIT").expect("the end of a table");
        let (code, out, err) = trace(&format!("together-{number}.save"), &rules);
        assert_eq!(code, Some(0), "{added}\n{err}");
        for part in expected {
            assert!(out.contains(part), "{added}: no {part:?} in\n{out}");
        }
        for part in complaints {
            let part = format!(":{line}: warning: {part}");
            assert!(err.contains(&part), "{added}: no {part:?} in\n{err}");
        }
        assert_eq!(err.is_empty(), complaints.is_empty(), "{added}: {err}");
    }
}

#[test]
fn the_node_is_named_or_clear() {
    let path = file("named.save", saved());
    let one_node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}]}\n";
    let drop_all = file("drop-all.save", "*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n");
    let (code, out, _) =
        call(&format!("trace - --from 10.224.0.9 --to node/n0:80 --rules {drop_all}"), one_node);
    assert_eq!(code, Some(0));
    assert!(out.contains("firewall-dropped"), "{out}");
    let out = prints(&format!("trace {FLOW} --via {NODE} --rules {drop_all}"));
    assert!(out.contains("firewall-dropped"), "{out}");
    let cases: [(String, &[&str]); 5] = [
        (format!("--rules {path}"), &["which node's rules are these?", "write --rules NODE=", NODE]),
        (format!("--rules nowhere={path}"), &["--rules: there is no node nowhere", NODE]),
        (format!("--rules {NODE}=nowhere.save"), &["nowhere.save: there is no such file"]),
        (
            format!("--rules {NODE}={path} --rules {NODE}={path}"),
            &["the IPv4 rules of aks-system-27255451-0 are given twice"],
        ),
        ("--rules".to_owned(), &["--rules"]),
    ];
    for (options, parts) in cases {
        let message = refuses(&format!("trace {FLOW} {options}"), "");
        for part in parts {
            assert!(message.contains(part), "{options}: no {part:?} in\n{message}");
        }
    }
}

#[test]
fn both_families_of_a_node_are_given_in_one_file_or_in_two() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}, {type: InternalIP, address: 'fd00:10::4'}]}\n";
    let v4 = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.224.0.9 -j DROP\nCOMMIT\n";
    let v6 = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 2001:db8::9 -j DROP\nCOMMIT\n";
    let (four, six) = (file("four.save", v4), file("six.save", v6));
    let both = file(
        "both.save",
        format!("# Generated by iptables-save\n{v4}# Generated by ip6tables-save v1.8\n{v6}"),
    );
    for rules in [format!("--rules {four} --rules {six}"), format!("--rules n0={both}")] {
        for (from, to) in [("10.224.0.9", "10.224.0.4:80"), ("2001:db8::9", "[fd00:10::4]:80")] {
            let (code, out, err) = call(&format!("paths - --from {from} --to {to} {rules}"), node);
            assert_eq!(code, Some(0), "{rules} {from}: {err}");
            let dropped = out.contains("firewall-dropped");
            // A client on the internet does not get as far as the node's own address.
            assert!(dropped || out.contains("no-route"), "{rules} {from}: {out}");
        }
    }
}

#[test]
fn hostile_rules_are_refused_with_their_line() {
    let table = |lines: &str| format!("*filter\n:INPUT ACCEPT [0:0]\n{lines}\nCOMMIT\n").into_bytes();
    let mut many = String::from("*filter\n:INPUT ACCEPT [0:0]\n");
    for number in 0..100_000 {
        let _ =
            writeln!(many, "-A INPUT -s 10.{}.{}.{} -j DROP", number >> 16, number >> 8 & 255, number & 255);
    }
    let cut_off = many.clone().into_bytes();
    let many = format!("{many}-A INPUT -j NOWHERE\nCOMMIT\n").into_bytes();
    let chain = |number: usize| format!("-A C{number} -j C{}\n", number + 1);
    let ring: String = (0..50_000).map(|number| format!(":C{number} - [0:0]\n")).collect::<String>()
        + &(0..49_999).map(chain).collect::<String>()
        + "-A C49999 -j C0";
    // The bytes; what is said.
    let cases: [(&str, Vec<u8>, &str); 15] = [
        (
            "loop",
            table(":A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -j A"),
            ":6: error: the jump to `A` closes a loop of chains",
        ),
        ("self", table(":A - [0:0]\n-A A -j A"), ":4: error: the jump to `A` closes a loop"),
        ("ring", table(&ring), ":100002: error: the jump to `C0` closes a loop"),
        ("missing", table("-A INPUT -j NOWHERE"), ":3: error: there is no chain or target `NOWHERE`"),
        ("100,000 rules and a missing chain", many, ":100003: error: there is no chain or target `NOWHERE`"),
        ("100,000 rules, cut off", cut_off, "the last table has no COMMIT"),
        ("no text", b"*filter\n-A INPUT -j \xff\xfe\nCOMMIT\n".to_vec(), ":2: error: the line is not text"),
        ("zeros", b"*filter\n\0\0\0\nCOMMIT\n".to_vec(), ":2: error: the line has control characters"),
        ("an ELF file", b"\x7fELF\x02\x01\x01\n".to_vec(), ":1: error: "),
        ("a long line", vec![b'x'; 70_000], ":1: error: the line has 70000 bytes"),
        ("no table", b"-A INPUT -j DROP\n".to_vec(), ":1: error: `-A INPUT -j DROP` stands outside a table"),
        ("unknown table", b"*pizza\nCOMMIT\n".to_vec(), ":1: error: there is no table `pizza`"),
        ("an open quote", table("-A INPUT -m comment --comment \"open -j DROP"), ":3: error: "),
        ("nothing", Vec::new(), "there is no table in it"),
        (
            "YAML",
            b"apiVersion: v1\nkind: Node\n".to_vec(),
            ":1: error: `apiVersion: v1` stands outside a table",
        ),
    ];
    for (name, bytes, expected) in cases {
        let small = bytes.len() < 1000;
        let path = file(&format!("hostile {name}.save").replace([' ', ','], "-"), bytes);
        let mut calls = vec![format!("trace {FLOW} --rules {NODE}={path}")];
        if small {
            calls.push(format!("iptables examples/caveat --node {NODE} --compare {path}"));
        }
        for call in calls {
            let message = refuses(&call, "");
            assert!(message.contains(expected), "{name}: no {expected:?} in\n{message}");
            assert!(message.len() < 2000, "{name}: {} bytes", message.len());
        }
    }
}

#[test]
fn large_and_tangled_rules_are_walked_in_bounded_time() {
    // 100,000 rules that load, and 2^60 ways through sixty chains that call the next one twice.
    let mut long = String::from("*filter\n:FORWARD ACCEPT [0:0]\n");
    for number in 0..100_000 {
        let _ = writeln!(
            long,
            "-A FORWARD -s 10.{}.{}.{} -j DROP",
            number >> 16,
            number >> 8 & 255,
            number & 255
        );
    }
    let mut deep = String::from("*filter\n:FORWARD ACCEPT [0:0]\n");
    for number in 0..=60 {
        let _ = writeln!(deep, ":C{number} - [0:0]");
    }
    for number in 0..60 {
        let next = number + 1;
        let _ = writeln!(deep, "-A C{number} -j C{next}\n-A C{number} -j C{next}");
    }
    deep += "-A FORWARD -j C0\n";
    let nat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.11:8080\nCOMMIT\n";
    for (name, filter, verdict) in [("long", long, "delivered"), ("deep", deep, "ambiguous")] {
        let (code, out, err) = trace(&format!("{name}.save"), format!("{filter}COMMIT\n{nat}"));
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains(verdict), "{name}: {out}");
    }
}

#[test]
fn a_comparison_says_what_a_node_lacks_and_has_besides() {
    let saved = saved();
    let compare = |name: &str, rules: &str| {
        let path = file(name, rules);
        call(&format!("iptables examples/caveat --node {NODE} --compare {path}"), "")
    };
    let restore = prints(&format!("iptables examples/caveat --node {NODE}"));
    // Dispatching chains have no order of their own, and others' rules and chains are no difference.
    let (first, rest): (Vec<&str>, Vec<&str>) = saved
        .lines()
        .partition(|line| line.starts_with("-A KUBE-NODEPORTS") || line.starts_with("-A KUBE-EXTERNAL"));
    let shuffled = rest.join("\n") + "\n";
    let shuffled = first.iter().rev().fold(shuffled, |text, line| {
        let table = if line.contains("-j KUBE-EXT-") { "*nat\n" } else { "*filter\n" };
        let at = text.find(table).expect("the table");
        let end = at + text.get(at..).and_then(|rest| rest.find("COMMIT")).expect("its end");
        let (head, tail) = text.split_at(end);
        format!("{head}{line}\n{tail}")
    });
    let foreign = saved.replacen(
        "COMMIT\n",
        ":CNI-X - [0:0]\n:KUBE-KUBELET-CANARY - [0:0]\n-A INPUT -j CNI-X\n-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\nCOMMIT\n",
        1,
    );
    for (name, rules) in
        [("same", &saved), ("restore", &restore), ("shuffled", &shuffled), ("foreign", &foreign)]
    {
        let (code, out, err) = compare(&format!("compare-{name}.save"), rules);
        assert_eq!((code, &*err), (Some(0), ""), "{name}: {out}");
        assert!(out.contains("has every rule that kube-proxy would write"), "{name}: {out}");
    }
    let svl = saved
        .lines()
        .find(|line| line.starts_with("-A KUBE-EXT-") && line.contains("-j KUBE-SVL-"))
        .expect("a rule");
    let lacking = saved.replacen(&format!("{svl}\n"), "", 1);
    let stale = saved.replace("10.244.0.11:8080", "10.244.0.99:8080");
    let reordered = {
        let forward: Vec<&str> = saved.lines().filter(|line| line.starts_with("-A KUBE-FORWARD")).collect();
        let [first, second, ..] = forward[..] else { unreachable!("KUBE-FORWARD has three rules") };
        saved.replacen(&format!("{first}\n{second}\n"), &format!("{second}\n{first}\n"), 1)
    };
    let no_nat: String = {
        let (at, end) = (saved.find("*nat").expect("nat"), saved.rfind("COMMIT").expect("its end"));
        saved.get(..at).unwrap_or_default().to_owned() + saved.get(end + 7..).unwrap_or_default()
    };
    let cases: [(&str, &str, &[&str]); 4] = [
        ("lacking", &lacking, &["lacks    -A KUBE-EXT-", "1 lacking, 0 besides, in 1 chain"]),
        (
            "stale",
            &stale,
            &[
                "lacks    -A KUBE-SEP-",
                "10.244.0.11:8080",
                "besides  -A KUBE-SEP-",
                "10.244.0.99:8080  (line ",
            ],
        ),
        (
            "reordered",
            &reordered,
            &["iptables filter KUBE-FORWARD  (in another order)", "0 lacking, 0 besides"],
        ),
        (
            "no-nat",
            &no_nat,
            &["iptables nat KUBE-SERVICES  (the node has no such chain)", "iptables nat PREROUTING\n"],
        ),
    ];
    for (name, rules, parts) in cases {
        let (code, out, err) = compare(&format!("compare-{name}.save"), rules);
        assert_eq!((code, &*err), (Some(1), ""), "{name}: {out}");
        for part in parts {
            assert!(out.contains(part), "{name}: no {part:?} in\n{out}");
        }
    }
    let path = file(
        "compare-json.save",
        stale.replacen("COMMIT\n", "-A INPUT -m set --match-set a src -j DROP\nCOMMIT\n", 1),
    );
    let (code, out, err) =
        call(&format!("iptables examples/caveat --node {NODE} --compare {path} -o json"), "");
    assert_eq!((code, &*err), (Some(1), ""));
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["node"], NODE);
    assert!(json["unmodelled"][0]["line"].as_u64().is_some_and(|line| line > 2), "{out}");
    assert_eq!(json["unmodelled"][0]["text"], "-m set --match-set a src", "{out}");
    let chain = &json["chains"][0];
    assert_eq!((&chain["tool"], &chain["table"]), (&"iptables".into(), &"nat".into()), "{out}");
    let besides = &chain["besides"][0];
    let line = usize::try_from(besides["line"].as_u64().expect("a number")).expect("small");
    let at_line = std::fs::read_to_string(&path).expect("a file");
    assert_eq!(at_line.lines().nth(line - 1), besides["text"].as_str(), "{out}");
}

#[test]
fn what_the_kernel_saves_of_loaded_rules_is_what_kube_proxy_would_write() {
    for (family, tool) in [("ipv4", "iptables"), ("ipv6", "ip6tables")] {
        let restore = file(
            &format!("kernel-{family}.restore"),
            prints(&format!("iptables examples/caveat --node {NODE} --family {family}")),
        );
        // With counters, as `-c` prints them.
        let line = format!("{tool}-restore < {restore} && {tool}-save -c");
        let saved = std::process::Command::new("unshare").args(["--net", "sh", "-c", &line]).output();
        let Some(saved) = saved.ok().filter(|saved| saved.status.success()) else {
            println!("skipped: needs root, unshare and {tool}");
            continue;
        };
        let path = file(&format!("kernel-{family}.save"), saved.stdout);
        let (code, out, err) = call(&format!("iptables examples/caveat --node {NODE} --compare {path}"), "");
        assert_eq!((code, &*err), (Some(0), ""), "{out}");
        assert!(out.contains("has every rule that kube-proxy would write"), "{out}");
    }
}

#[test]
fn a_node_with_windows_has_no_rules_to_print() {
    let cluster = file(
        "windows.yaml",
        "apiVersion: v1
kind: Node
metadata: {name: w0, labels: {kubernetes.io/os: windows}}
status: {addresses: [{type: InternalIP, address: 10.224.0.9}]}
---
apiVersion: v1
kind: Node
metadata: {name: n0, labels: {kubernetes.io/os: linux}}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
",
    );
    assert!(prints(&format!("iptables {cluster} --node n0")).contains("*nat"));
    let (code, out, err) = call(&format!("iptables {cluster} --node w0"), "");
    assert_eq!((code, &*out), (Some(2), ""), "{err}");
    assert!(err.contains("w0 runs Windows, which has no iptables"), "{err}");
    assert!(err.contains("Linux nodes: n0"), "{err}");
    let trace = |to: &str| prints(&format!("trace {cluster} --from 10.224.0.99 --to node/{to}:10250"));
    assert!(trace("w0").contains("windows-node: "), "{}", trace("w0"));
    assert!(!trace("n0").contains("windows-node: "), "{}", trace("n0"));
}
