//! Whole objects: copies under another name, and texts to begin a new one with.

use model::{Kind, Model, Object, ObjectRef};
use std::sync::Arc;

/// The same object under a free name, without what the controllers gave to the first: addresses, ports, states.
/// `None` for kinds that a cluster has once.
pub(crate) fn duplicate(model: &Model, object: &Object) -> Option<Object> {
    let id = object.object_ref();
    let name = free_name(model, &id);
    Some(match object {
        Object::Node(node) => {
            let mut copy = (**node).clone();
            copy.metadata.name = name;
            copy.spec.pod_cidr = String::new();
            copy.spec.pod_cidrs = Vec::new();
            copy.spec.provider_id = String::new();
            copy.status.addresses = Vec::new();
            Object::Node(Arc::new(copy))
        }
        Object::Pod(pod) => {
            let mut copy = (**pod).clone();
            copy.metadata.name = name;
            copy.metadata.uid = String::new();
            copy.status.pod_ip = String::new();
            copy.status.pod_ips = Vec::new();
            Object::Pod(Arc::new(copy))
        }
        Object::Service(service) => {
            let mut copy = (**service).clone();
            copy.metadata.name = name;
            copy.metadata.uid = String::new();
            copy.spec.cluster_ip = String::new();
            copy.spec.cluster_ips = Vec::new();
            copy.spec.health_check_node_port = 0;
            for port in &mut copy.spec.ports {
                port.node_port = 0;
            }
            copy.status.load_balancer.ingress = Vec::new();
            Object::Service(Arc::new(copy))
        }
        _ => return None,
    })
}

/// `web-2`, or the next that is free.
fn free_name(model: &Model, id: &ObjectRef) -> String {
    let (stem, number) = match id.name.rsplit_once('-') {
        Some((stem, number)) if number.len() < 4 => match number.parse::<u32>() {
            Ok(number) => (stem, number),
            Err(_) => (&*id.name, 1),
        },
        _ => (&*id.name, 1),
    };
    let names = (number.saturating_add(1)..).map(|number| format!("{stem}-{number}"));
    let mut free = names.filter(|name| {
        let id = ObjectRef { name: name.as_str().into(), ..id.clone() };
        model.get(&id).is_none()
    });
    free.next().unwrap_or_default()
}

/// Kinds that can be added by hand, with what each is good for.
pub(crate) const ADDABLE: [(Kind, &str); 8] = [
    (Kind::Service, "an address that leads to pods"),
    (Kind::Deployment, "as many pods as you say, placed by the scheduler"),
    (Kind::Pod, "one more that answers, or asks"),
    (Kind::Node, "a machine of a node pool"),
    (Kind::Ingress, "hosts and paths to Services"),
    (Kind::NetworkPolicy, "who may talk to whom"),
    (Kind::StorageAccount, "a service of Azure that pods reach"),
    (Kind::NetworkSecurityGroup, "rules of the network"),
];

/// A text to begin a new object with, under a free name.
pub(crate) fn template(model: &Model, kind: Kind) -> String {
    let first = |name: &str| {
        let id = match kind {
            _ if kind.is_namespaced() => ObjectRef { kind, namespace: "default".into(), name: name.into() },
            _ => ObjectRef::cluster_scoped(kind, name),
        };
        if model.get(&id).is_none() { name.to_owned() } else { free_name(model, &id) }
    };
    let app = model
        .services
        .values()
        .flat_map(|service| &service.spec.selector)
        .next()
        .map_or_else(|| "app: web".to_owned(), |(key, value)| format!("{key}: {value}"));
    match kind {
        Kind::Node => {
            let pool = super::facts::pools(model)
                .first()
                .map_or_else(|| "nodepool1".to_owned(), ToString::to_string);
            format!(
                "apiVersion: v1\nkind: Node\nmetadata:\n  name: {}\n  labels:\n    kubernetes.azure.com/agentpool: {pool}\n    agentpool: {pool}\n",
                first(&format!("aks-{pool}-1"))
            )
        }
        Kind::Pod => {
            let node = model.nodes.keys().next().map(ToString::to_string).unwrap_or_default();
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n  namespace: default\n  labels:\n    {app}\nspec:\n  nodeName: {node}\n  containers:\n  - name: web\n    image: web\n    ports:\n    - containerPort: 8080\n",
                first("web-1")
            )
        }
        // A label of its own: a Deployment takes pods that bear its label for its own.
        Kind::Deployment => {
            let name = first("web");
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: default\nspec:\n  replicas: 2\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n      containers:\n      - name: web\n        image: web\n        ports:\n        - containerPort: 8080\n"
            )
        }
        Kind::Ingress => format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {}\n  namespace: default\nspec:\n  ingressClassName: nginx\n  rules:\n  - host: example.test\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {}\n            port:\n              number: 80\n",
            first("web"),
            model.services.keys().next().map_or_else(|| "web".into(), |key| key.name.to_string())
        ),
        Kind::NetworkPolicy => format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {}\n  namespace: default\nspec:\n  podSelector:\n    matchLabels:\n      {app}\n  policyTypes:\n  - Ingress\n  ingress:\n  - from:\n    - podSelector: {{}}\n",
            first("only-pods")
        ),
        Kind::StorageAccount => format!(
            "apiVersion: hopscope.dev/v1\nkind: StorageAccount\nmetadata:\n  name: {}\nspec:\n  location: westeurope\n  publicNetworkAccess: Enabled\n",
            first("account1")
        ),
        Kind::NetworkSecurityGroup => format!(
            "apiVersion: hopscope.dev/v1\nkind: NetworkSecurityGroup\nmetadata:\n  name: {}\nspec:\n  securityRules:\n  - name: deny-web\n    priority: 200\n    direction: Inbound\n    access: Deny\n    protocol: Tcp\n    sourceAddressPrefix: Internet\n    sourcePortRange: \"*\"\n    destinationAddressPrefix: \"*\"\n    destinationPortRange: \"80\"\n",
            first("nsg-1")
        ),
        _ => format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {}\n  namespace: default\nspec:\n  type: LoadBalancer\n  externalTrafficPolicy: Cluster\n  selector:\n    {app}\n  ports:\n  - port: 80\n    targetPort: 8080\n",
            first("web")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Key, kubernetes::Service};

    #[test]
    fn copies_get_the_next_free_name() {
        let mut model = Model::default();
        let service = |name: &str| {
            let mut service = Service::default();
            service.metadata.name = name.into();
            service.metadata.namespace = "default".into();
            service.spec.cluster_ip = "10.0.0.1".into();
            Object::Service(Arc::new(service))
        };
        for name in ["web", "web-2", "db-7", "echo-78dc57c76d"] {
            model.put(service(name));
        }
        for (name, copy) in [("web", "web-3"), ("db-7", "db-8"), ("echo-78dc57c76d", "echo-78dc57c76d-2")] {
            let Some(Object::Service(made)) = duplicate(&model, &service(name)) else {
                panic!("no copy of {name}")
            };
            assert_eq!(made.metadata.key(), Key::new("default", copy));
            assert_eq!(made.spec.cluster_ip, "");
        }
    }

    #[test]
    fn every_template_can_be_read() {
        let model = crate::state::State::first().model;
        for (kind, _) in ADDABLE {
            let text = template(&model, kind);
            let rest = formats::model_yaml(&model);
            let sources = [("template", text.clone()), ("rest", rest)]
                .map(|(name, text)| formats::Source::new(name, text));
            let import = formats::import(&sources);
            assert!(!import.has_errors(), "{text}\n{:?}", import.diagnostics);
            assert_eq!(import.model.objects().count(), model.objects().count() + 1, "{text}");
        }
    }
}
