//! What goes wrong when a cluster is printed to a file, or a manifest is written by hand.

use formats::{Diagnostic, Source, import};

fn said(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    import(&[Source::new("in", bytes)]).diagnostics.iter().map(Diagnostic::to_string).collect()
}

/// PowerShell, "about_Character_Encoding": in Windows PowerShell the redirection operators write UTF-16LE.
#[test]
fn what_windows_writes_is_read() {
    let text = "apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: café\r\nspec:\r\n  ports:\r\n  - port: 80\r\n";
    let plain = import(&[Source::new("in", text)]);
    let little: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for bytes in [little, big, marked] {
        let read = import(&[Source::new("in", bytes)]);
        assert_eq!((&read.model, &read.diagnostics), (&plain.model, &plain.diagnostics));
        assert_eq!(read.model.services.len(), 1);
    }
    assert!(said([0xff, 0xfe, b'k'])[0].contains("this document"), "half a letter");
}

#[test]
fn a_template_that_was_not_rendered_is_told() {
    for text in [
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n{{- if .Values.x }}\nspec: {}\n{{- end }}\n",
    ] {
        let said = said(text);
        assert!(said.iter().any(|said| said.contains("helm template")), "{said:?}");
    }
    assert!(!said("a: [1\n").iter().any(|said| said.contains("helm")));
}

/// A policy for the pods of a Deployment, which are not in the input themselves.
#[test]
fn pods_that_a_workload_makes_count_for_policies() {
    let policy = |app: &str| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: c}}]}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: other}}
spec: {{containers: [{{name: c}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p}}
spec: {{podSelector: {{matchLabels: {{app: {app}}}}}}}
"
        )
    };
    let of = |app: &str| {
        said(policy(app)).into_iter().filter(|said| said.contains("no effect")).collect::<Vec<_>>()
    };
    assert_eq!(of("web"), Vec::<String>::new());
    assert!(of("api")[0].contains("no pod there has app: api; app is web"), "{:?}", of("api"));
}

/// `az network route-table list` says which subnets have a table; a packet asks its subnet.
#[test]
fn what_no_subnet_has_is_told() {
    let of = |kind: &str, name: &str| {
        format!("---\napiVersion: hopscope.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{}}\n")
    };
    let network = |reference: &str| {
        let field = format!(
            "{reference}: {{id: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/THING}}"
        );
        format!(
            "{}spec: {{addressSpace: {{addressPrefixes: [10.224.0.0/16]}}, subnets: [{{name: aks, addressPrefix: 10.224.0.0/16, {field}}}]}}\n",
            of("VirtualNetwork", "v").trim_end_matches("spec: {}\n")
        )
    };
    let told = |text: String| said(text).iter().any(|said| said.contains("no subnet of the input has it"));
    for (kind, field) in [
        ("RouteTable", "routeTable"),
        ("NetworkSecurityGroup", "networkSecurityGroup"),
        ("NatGateway", "natGateway"),
    ] {
        assert!(told(of(kind, "thing")), "{kind}");
        assert!(!told(of(kind, "thing") + &network(field)), "{kind}");
    }
    // The nodes' NICs have it, and an outboundType that needs no subnet's word.
    assert!(!told(of("NetworkSecurityGroup", "aks-agentpool-12345678-nsg")));
    let cluster = of("ManagedCluster", "c")
        .replace("spec: {}", "spec: {networkProfile: {outboundType: userAssignedNATGateway}}");
    assert!(!told(of("NatGateway", "thing") + &cluster));
}

/// A field of the API that is spelled much like another, which stands beside it.
#[test]
fn what_stands_beside_its_like_is_no_slip() {
    let pod = |status: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nstatus: {{containerStatuses: [{{name: c, {status}}}]}}\n"
        )
    };
    let told = |status: &str| said(pod(status)).iter().any(|said| said.contains("did you mean state?"));
    assert!(!told("started: true, state: {waiting: {reason: x}}"));
    assert!(told("States: {waiting: {reason: x}}"));
}
