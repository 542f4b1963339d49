//! Ingresses that are canaries. From ingress-nginx (`mergeAlternativeBackends`, and the balancer's
//! `route_to_alternative_balancer`): a canary has no rule of its own; it stands beside the upstream of a rule with the
//! same host, path and path type, and so beside every rule with that Service and port.

use super::{deciding, flow, in_one_file, shares};
use engine::{Endpoint, World};

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: v1
kind: Pod
metadata: {name: nginx, labels: {app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller}}
spec:
  nodeName: n0
  containers: [{name: controller, args: [/nginx-ingress-controller], ports: [{containerPort: 80}]}]
status: {podIP: 10.244.0.5}
---
apiVersion: v1
kind: Pod
metadata: {name: old, labels: {app: old}}
spec: {nodeName: n0, containers: [{name: c, ports: [{containerPort: 8080}]}]}
status: {podIP: 10.244.0.6}
---
apiVersion: v1
kind: Pod
metadata: {name: new, labels: {app: new}}
spec: {nodeName: n0, containers: [{name: c, ports: [{containerPort: 8080}]}]}
status: {podIP: 10.244.0.7}
---
apiVersion: v1
kind: Service
metadata: {name: old}
spec: {selector: {app: old}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: new}
spec: {selector: {app: new}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: old, port: {number: 80}}}}]}
  - host: other.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: old, port: {number: 80}}}}]}
  - host: new.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: new, port: {number: 80}}}}]}
---
";

fn canary(annotations: &str, host: &str, path: &str) -> World {
    let ingress = format!(
        "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: canary, annotations: {{nginx.ingress.kubernetes.io/canary: \"true\"{annotations}}}}}
spec:
  ingressClassName: nginx
  rules:
  - host: {host}
    http: {{paths: [{{path: {path}, pathType: Prefix, backend: {{service: {{name: new, port: {{number: 80}}}}}}}}]}}
"
    );
    in_one_file(format!("{CLUSTER}{ingress}"))
}

#[test]
fn a_canary_takes_its_weight_of_the_upstream_beside_which_it_stands() {
    let weight = |weight: u32| format!(", nginx.ingress.kubernetes.io/canary-weight: \"{weight}\"");
    let total = |total: u32| format!(", nginx.ingress.kubernetes.io/canary-weight-total: \"{total}\"");
    let question = |host: &str| {
        let mut question = flow("pod/default/old", "10.244.0.5:80");
        question.host = Some(host.to_owned());
        question
    };
    let header = ", nginx.ingress.kubernetes.io/canary-by-header: X-Canary".to_owned();
    for (annotations, host, path, asked, new) in [
        (weight(20), "shop.example.com", "/", "shop.example.com", 0.2),
        // The same Service and port.
        (weight(20), "shop.example.com", "/", "other.example.com", 0.2),
        (weight(20), "shop.example.com", "/", "new.example.com", 1.0),
        (weight(0), "shop.example.com", "/", "shop.example.com", 0.0),
        (weight(100), "shop.example.com", "/", "shop.example.com", 1.0),
        (weight(20) + &total(1000), "shop.example.com", "/", "shop.example.com", 0.02),
        (weight(20) + &total(50), "shop.example.com", "/", "shop.example.com", 0.2),
        // No header is sent.
        (header, "shop.example.com", "/", "shop.example.com", 0.0),
        // No rule has this path: the canary stands beside nothing.
        (weight(20), "shop.example.com", "/api", "shop.example.com", 0.0),
        (weight(20), "nobody.example.com", "/", "shop.example.com", 0.0),
    ] {
        let world = canary(&annotations, host, path);
        let paths = world.paths(&question(asked)).expect("the flow exists");
        let shares = shares(&paths);
        let got = shares.get("default/new").copied().unwrap_or_default();
        assert!(
            (got - new).abs() < 1e-9,
            "{annotations} {host}{path}, {asked}: {shares:?}\n{}",
            deciding(&paths)
        );
        let all: f64 = shares.values().sum();
        assert!((all - 1.0).abs() < 1e-9, "{shares:?}");
    }
    // One connection is one draw.
    let world = canary(&weight(20), "shop.example.com", "/");
    let question = question("shop.example.com");
    let run = world.run_held(&question, (300, 0), 0, 1).expect("the flow exists");
    let is_new = |endpoint: &Endpoint| endpoint.to_string() == "default/new";
    let taken = run.rows.iter().filter(|row| row.endpoint.as_ref().is_some_and(is_new)).map(|row| row.count);
    assert!((40..=80).contains(&taken.sum::<u64>()), "{:?}", run.rows);
}
