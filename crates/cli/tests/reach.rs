//! Who reaches whom, and names as destinations.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use support::prints;

const QUESTIONS: &str = "tests/scenarios/questions";

fn cluster(more: &str) -> String {
    let common = ["overlay", "nodes", "pods"].map(|name| format!("{QUESTIONS}/common/{name}.yaml"));
    format!("{} {more}", common.join(" "))
}

#[test]
fn a_matrix_lists_every_client_and_service() {
    let files = cluster(&format!("{QUESTIONS}/etp-local-no-pod/local.yaml"));
    let text = prints(&format!("matrix {files}"));
    assert!(text.starts_with("FROM"), "{text}");
    for client in ["198.51.100.7", "pod/shop/client", "pod/default/a"] {
        let row = text.lines().find(|line| line.starts_with(client)).expect(client);
        assert!(row.contains("svc/default/web:80") && row.ends_with("delivered"), "{text}");
    }
    let one = prints(&format!("matrix {files} --to pod/default/a:9 --from pod/shop/client"));
    assert!(one.lines().count() == 2 && one.trim_end().ends_with("refused: no-listener"), "{one}");
    let json = prints(&format!("matrix {files} --from 203.0.113.9 -o json"));
    assert!(json.contains("\"delivered\": 1.0") || json.contains("\"delivered\":1.0"), "{json}");
}

#[test]
fn a_diff_tells_what_changed_and_why() {
    let same = prints("diff examples/caveat-cluster examples/caveat-cluster");
    assert_eq!(same, "no flow changed\n");
    let folder = format!("{QUESTIONS}/common");
    let text = prints(&format!("diff examples/caveat {folder} --from 203.0.113.9"));
    assert!(text.contains("removed  203.0.113.9"), "{text}");
    assert!(text.contains("added  203.0.113.9"), "{text}");
}

#[test]
fn a_destination_may_be_a_name() {
    let files = cluster(&format!("{QUESTIONS}/common/web.yaml"));
    let text = prints(&format!("trace {files} --from pod/shop/client --to web.default:80"));
    assert!(text.contains("CoreDNS answers web.default.svc.cluster.local"), "{text}");
    let none = prints(&format!("trace {files} --from pod/shop/client --to nothing:80"));
    assert!(none.contains("name-not-found"), "{none}");
    assert!(
        none.contains("to nothing:80\n") && !none.contains("0.0.0.0"),
        "an address that nobody knows: {none}"
    );
    let public = prints(&format!("trace {files} --from pod/shop/client --to api.example.com:443"));
    assert!(public.contains("to api.example.com:443 (192.0.2.1:443)"), "{public}");
    assert!(public.contains("public-name: A name of the internet"), "{public}");
    let shop = format!(
        "{files} {QUESTIONS}/common/ingress-nginx.yaml {QUESTIONS}/probe-http-root-404/shop.yaml {QUESTIONS}/probe-http-root-404/tcp.yaml"
    );
    let text = prints(&format!(
        "trace {shop} --from 203.0.113.9 --to 20.50.60.80:80 --host shop.example.com --path /cart"
    ));
    assert!(text.contains("X-Forwarded-For"), "{text}");
}
