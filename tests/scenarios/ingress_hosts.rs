//! The host of an Ingress. Its record in DNS is made of the Ingress's own status, not of every Service in front of the
//! controller (external-dns, source `ingress`); a server of nginx has one certificate for all its paths, whichever Ingress
//! of the host gives it (ingress-nginx, `createServers`), and by it decides whether it redirects
//! (`certificate_configured_for_current_request`).

use super::{deciding, flow, in_one_file};
use engine::{Verdict, World};

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
metadata: {name: nginx, labels: {app: nginx}}
spec: {nodeName: n0, containers: [{name: controller, image: registry.k8s.io/ingress-nginx/controller:v1.12.1, args: [/nginx-ingress-controller, --controller-class=k8s.io/ingress-nginx], ports: [{name: http, containerPort: 80}, {name: https, containerPort: 443}]}]}
status: {podIP: 10.244.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: n0, containers: [{name: c, ports: [{containerPort: 80}]}]}
status: {podIP: 10.244.0.11}
---
apiVersion: v1
kind: Service
metadata: {name: public}
spec: {type: LoadBalancer, selector: {app: nginx}, ports: [{name: http, port: 80, targetPort: http}, {name: https, port: 443, targetPort: https}]}
status: {loadBalancer: {ingress: [{ip: 20.31.41.1}]}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {type: LoadBalancer, selector: {app: nginx}, ports: [{name: http, port: 80, targetPort: http}]}
status: {loadBalancer: {ingress: [{ip: 20.31.41.2}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: with}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example.com], secretName: t}]
  rules: [{host: shop.example.com, http: {paths: [{path: /web, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
status: {loadBalancer: {ingress: [{ip: STATUS}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: without}
spec:
  ingressClassName: nginx
  rules: [{host: shop.example.com, http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
";

fn world(status: &str) -> World {
    in_one_file(CLUSTER.replace("STATUS", status))
}

#[test]
fn a_host_has_the_address_that_its_ingress_reports() {
    for (status, branches) in [
        ("20.31.41.1", 1),
        ("20.31.41.2", 1),
        // Nobody's: the controller has moved on.
        ("20.9.9.9", 2),
    ] {
        let paths = world(status).paths(&flow("198.51.100.7", "shop.example.com:80")).expect("it exists");
        assert_eq!(paths.outcomes.len(), branches, "{status}: {}", deciding(&paths));
    }
}

#[test]
fn a_host_has_one_certificate_for_all_its_paths() {
    let world = world("20.31.41.1");
    for (port, path, verdict, says) in [
        (80, "/web", Verdict::Delivered, "answers 308"),
        (80, "/api", Verdict::Delivered, "answers 308"),
        (443, "/api", Verdict::Delivered, "with the certificate of shop.example.com"),
        (443, "/none", Verdict::Rejected, "with the certificate of shop.example.com"),
    ] {
        let mut flow = flow("198.51.100.7", &format!("shop.example.com:{port}"));
        flow.path = Some(path.to_owned());
        let paths = world.paths(&flow).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{path}: {}", deciding(&paths)) };
        assert_eq!(outcome.verdict, verdict, "{path}: {}", deciding(&paths));
        let said = outcome.steps.iter().any(|step| step.why.to_string().contains(says));
        assert!(said, "{port} {path}: {}", deciding(&paths));
    }
}
