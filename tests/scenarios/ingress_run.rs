//! Who receives connections that go through an Ingress: the pods behind it. Its controllers are on the way.

use super::{flow, in_one_file};

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
kind: Service
metadata: {name: nginx}
spec: {selector: {app.kubernetes.io/name: ingress-nginx}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules: [{http: {paths: [{path: /shop, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
";

fn pod(name: &str, labels: &str, address: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{{labels}}}}}
spec: {{nodeName: n0, containers: [{{name: c, args: [/nginx-ingress-controller], ports: [{{containerPort: 80}}]}}]}}
status: {{podIP: {address}}}
"
    )
}

#[test]
fn controllers_are_no_receivers_that_get_nothing() {
    let controller = "app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller";
    let text = [
        CLUSTER.to_owned(),
        pod("nginx-0", controller, "10.244.0.5"),
        pod("nginx-1", controller, "10.244.0.6"),
        pod("web-0", "app: web", "10.244.0.7"),
        pod("web-1", "app: web", "10.244.0.8"),
    ];
    let world = in_one_file(text.concat());
    for (path, expected) in [
        // Through the Ingress.
        ("/shop", vec![("default/web-0", 0.5), ("default/web-1", 0.5)]),
        // No rule has this path: they answer 404 themselves.
        ("/", vec![("default/nginx-0", 0.5), ("default/nginx-1", 0.5)]),
    ] {
        let mut question = flow("pod/default/web-0", "svc/default/nginx:80");
        question.path = Some(path.to_owned());
        let run = world.run(&question, 100, 1).expect("the flow exists");
        let rows: Vec<_> = run
            .rows
            .iter()
            .map(|row| {
                let pod = row.endpoint.as_ref().and_then(|endpoint| endpoint.pod.as_ref());
                (pod.map(ToString::to_string).unwrap_or_default(), row.exact)
            })
            .collect();
        let rows: Vec<_> = rows.iter().map(|(pod, share)| (pod.as_str(), *share)).collect();
        assert_eq!(rows, expected, "{path}: {:#?}", run.rows);
    }
}
