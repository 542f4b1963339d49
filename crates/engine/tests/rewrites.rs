//! The chains that an edit makes kube-proxy write.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::{Rewrite, Rewrites, World};
use model::kubernetes::IpFamily;

/// One node with two Services of two pods each.
fn cluster(change: impl Fn(String) -> String) -> World {
    let mut text = String::from(
        "kind: Node\napiVersion: v1\nmetadata: {name: n0, labels: {topology.kubernetes.io/zone: a}}\nspec: {podCIDR: 10.244.0.0/24}\nstatus:\n  addresses: [{type: InternalIP, address: 10.224.0.4}]\n",
    );
    for (number, app) in ["one", "two"].into_iter().enumerate() {
        text += &format!(
            "---\nkind: Service\napiVersion: v1\nmetadata: {{name: {app}}}\nspec:\n  clusterIP: 10.0.0.{}\n  selector: {{app: {app}}}\n  ports: [{{port: 80, targetPort: 8080}}]\n",
            10 + number
        );
        for pod in 0..2 {
            text += &format!(
                "---\nkind: Pod\napiVersion: v1\nmetadata: {{name: {app}-{pod}, labels: {{app: {app}}}}}\nspec: {{nodeName: n0}}\nstatus: {{podIP: 10.244.0.{}, phase: Running}}\n",
                10 + number * 10 + pod
            );
        }
    }
    let import = formats::import(&[formats::Source::new("test", change(text).into_bytes())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    World::new(&import.model)
}

/// The chains of table nat that are written and not the same as before: `Changed KUBE-SVC one`.
fn changes(rewrites: &Rewrites) -> Vec<String> {
    let told = rewrites.chains.iter().filter(|chain| chain.rewrite != Rewrite::Same);
    let mut told: Vec<String> = told
        .map(|chain| {
            let kind = if chain.service.is_some() || chain.rewrite == Rewrite::Deleted {
                chain.chain.rsplit_once('-').map_or(&*chain.chain, |(kind, _)| kind)
            } else {
                &chain.chain
            };
            let service = chain.service.as_deref().unwrap_or_default();
            format!("{} {:?} {kind} {service}", chain.table, chain.rewrite).trim_end().to_owned()
        })
        .collect();
    told.sort();
    told
}

#[test]
fn an_edit_rewrites_the_shared_chains_and_those_of_what_it_concerns() {
    let same = |text: String| text;
    let before = cluster(same);
    // The edit, whether all is written, what differs from before, how many chains are left alone
    type Case = (&'static str, fn(String) -> String, bool, &'static [&'static str], usize);
    let cases: [Case; 6] = [
        ("nothing", |text| text, false, &[], 10),
        (
            "another label of the node",
            |text| text.replacen("labels: {topo", "labels: {team: x, topo", 1),
            false,
            &[],
            10,
        ),
        (
            "a pod of one goes unready",
            |text| {
                text.replace(
                    "podIP: 10.244.0.11, phase: Running",
                    "podIP: 10.244.0.11, phase: Running, conditions: [{type: Ready, status: \"False\"}]",
                )
            },
            false,
            // The chain of the endpoint that is left changes nothing and is written all the same.
            &["nat Changed KUBE-SVC default/one", "nat Deleted KUBE-SEP"],
            3,
        ),
        (
            "two goes",
            |text| text.replacen("name: two}", "name: zwei}", 1),
            false,
            &[
                "nat Changed KUBE-SERVICES",
                "nat Created KUBE-SEP default/zwei",
                "nat Created KUBE-SEP default/zwei",
                "nat Created KUBE-SVC default/zwei",
                "nat Deleted KUBE-SEP",
                "nat Deleted KUBE-SEP",
                "nat Deleted KUBE-SVC",
            ],
            3,
        ),
        (
            "no pod of one is ready",
            |text| {
                let unready = "phase: Running, conditions: [{type: Ready, status: \"False\"}]";
                text.replace("podIP: 10.244.0.10, phase: Running", &format!("podIP: 10.244.0.10, {unready}"))
                    .replace("podIP: 10.244.0.11, phase: Running", &format!("podIP: 10.244.0.11, {unready}"))
            },
            false,
            &[
                "filter Changed KUBE-SERVICES",
                "nat Changed KUBE-SERVICES",
                "nat Deleted KUBE-SEP",
                "nat Deleted KUBE-SEP",
                "nat Deleted KUBE-SVC",
            ],
            3,
        ),
        ("the node moves to another zone", |text| text.replace("zone: a", "zone: b"), true, &[], 0),
    ];
    for (name, edit, full, expected, untouched) in cases {
        let after = cluster(edit);
        let rewrites = after.rewrites(&before, &"n0".into(), IpFamily::IPv4).expect("the node is there");
        assert_eq!(changes(&rewrites), expected, "{name}: {rewrites:#?}");
        assert_eq!((rewrites.full, rewrites.untouched), (full, untouched), "{name}: {rewrites:#?}");
        // Undone, the same chains are written.
        let back = before.rewrites(&after, &"n0".into(), IpFamily::IPv4).expect("the node is there");
        assert_eq!(back.chains.is_empty(), rewrites.chains.is_empty(), "{name}");
    }
    assert_eq!(before.rewrites(&before, &"nowhere".into(), IpFamily::IPv4), None);
}
