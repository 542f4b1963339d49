//! Where kube-proxy's servers of `healthCheckNodePort` answer.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::{Cause, Flow, Place, Verdict, World, parse_destination};

/// A node with a ready pod behind a Service of policy Local, and kube-proxy's settings.
fn world(mode: &str, node_port_addresses: &str) -> World {
    let text = format!(
        "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nmode: {mode}\nnodePortAddresses: [{node_port_addresses}]\n---\n\
         kind: Node\napiVersion: v1\nmetadata: {{name: n0}}\nspec: {{podCIDR: 10.244.0.0/24}}\nstatus: {{addresses: [{{type: InternalIP, address: 10.224.0.4}}]}}\n---\n\
         kind: Pod\napiVersion: v1\nmetadata: {{name: p0, labels: {{app: web}}}}\nspec: {{nodeName: n0}}\nstatus:\n  podIP: 10.244.0.10\n  phase: Running\n  conditions: [{{type: Ready, status: \"True\"}}]\n---\n\
         kind: Service\napiVersion: v1\nmetadata: {{name: web}}\nspec:\n  type: LoadBalancer\n  clusterIP: 10.0.0.10\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 32100\n  selector: {{app: web}}\n  ports: [{{port: 80, targetPort: 8080, nodePort: 30080}}]\nstatus: {{loadBalancer: {{ingress: [{{ip: 20.50.0.10}}]}}}}\n"
    );
    let import = formats::import(&[formats::Source::new("test", text.into_bytes())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    World::new(&import.model)
}

#[test]
fn health_servers_answer_on_the_addresses_of_node_ports() {
    let served = (Verdict::Delivered, None);
    let refused = (Verdict::Refused, Some(Cause::NoListener));
    let down = (Verdict::Dropped, Some(Cause::AllProbesDown));
    // Mode; nodePortAddresses; what a VM meets at the health port of the node, and a client of the internet at the
    // frontend, whose probe asks that port.
    for (mode, addresses, health, frontend) in [
        ("iptables", "", served, served),
        ("iptables", "10.224.0.0/16", served, served),
        ("iptables", "0.0.0.0/0", served, served),
        ("iptables", "192.168.0.0/16", refused, down),
        // Ranges of the other family only count as none.
        ("iptables", "\"fd00::/8\"", served, served),
        ("nftables", "", served, served),
        ("nftables", "192.168.0.0/16", refused, down),
    ] {
        let world = world(mode, addresses);
        for (from, to, meets) in
            [("10.224.0.200", "10.224.0.4:32100", health), ("198.51.100.7", "20.50.0.10:80", frontend)]
        {
            let (place, port) = parse_destination(to).expect("a destination");
            let flow = Flow::tcp(from.parse::<Place>().expect("a place"), place, port);
            let paths = world.paths(&flow).expect("an answer");
            let met: Vec<_> = paths.outcomes.iter().map(|own| (own.verdict, own.cause)).collect();
            assert_eq!(met, [meets], "{mode} [{addresses}] {to}");
        }
    }
}
