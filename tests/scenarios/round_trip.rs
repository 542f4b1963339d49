//! Every Azure document that the controllers write, and every one of the examples and cases, comes back the same.

use super::{azure::cluster, world};
use engine::World;
use formats::{Source, import};
use model::{Kind, Model, Object};
use std::{path::Path, sync::Arc};

/// import(export(x)) = x as `az` prints it, as a wrapped document and as a share of the whole model.
fn comes_back(name: &str, object: Object) {
    let mut model = Model::default();
    model.put(object.clone());
    for text in [formats::object_json(&object), formats::object_yaml(&object), formats::model_json(&model)] {
        let import = import(&[Source::new("in", text.clone())]);
        assert!(!import.has_errors(), "{name}: {:#?}\n{text}", import.diagnostics);
        assert_eq!(import.model, model, "{name}\n{text}");
    }
}

fn written(name: &str, world: &World) {
    let cloud = world.cloud();
    for balancer in cloud.load_balancers() {
        comes_back(name, Object::LoadBalancer(Arc::new(balancer)));
    }
    for group in cloud.security_groups().values() {
        comes_back(name, Object::NetworkSecurityGroup(Arc::clone(&group.document)));
    }
    for address in cloud.public_ips().values() {
        comes_back(name, Object::PublicIPAddress(Arc::clone(address)));
    }
    // Documents of Kubernetes refer to one another: they come back together, which `formats` tests.
    for object in world.input().objects().filter(|object| is_of_azure(object.object_ref().kind)) {
        comes_back(name, object);
    }
}

fn is_of_azure(kind: Kind) -> bool {
    use Kind::{
        AzureFirewall, LoadBalancer, ManagedCluster, NatGateway, NetworkInterface, NetworkSecurityGroup,
        PublicIPAddress, RouteTable, VirtualNetwork,
    };
    matches!(
        kind,
        AzureFirewall
            | LoadBalancer
            | ManagedCluster
            | NatGateway
            | NetworkInterface
            | NetworkSecurityGroup
            | PublicIPAddress
            | RouteTable
            | VirtualNetwork
    )
}

#[test]
fn azure_documents_of_examples_come_back() {
    for example in ["caveat", "caveat-cluster", "caveat-pool-1"] {
        written(example, &world(example));
    }
    for network in [
        "",
        "loadBalancerSku: basic",
        "outboundType: managedNATGateway",
        "loadBalancerProfile: {backendPoolType: nodeIP}",
    ] {
        written(network, &cluster(network, ""));
    }
}

/// The load balancer of the cases in both shapes: as `az` prints it and as ARM has it.
#[test]
fn the_shapes_of_the_cases_come_back() {
    let folder = std::env::var("HOPSCOPE_CASES").unwrap_or_else(|_| "../../shared/cases".to_owned());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [manifest.join(&folder), manifest.join("..").join("..").join("shared/cases")];
    let file =
        places.iter().map(|place| place.join("azure/facts/lb-json-shape.json")).find(|file| file.exists());
    let Some(file) = file else {
        println!("skipped: there is no azure/facts/lb-json-shape.json under {folder}");
        return;
    };
    let text = std::fs::read_to_string(file).expect("readable");
    let shapes: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    collect(&shapes, &mut found);
    assert!(found.len() >= 2, "two shapes are expected");
    let models: Vec<Model> = found
        .iter()
        .map(|shape| {
            let import = import(&[Source::new("in.json", shape.to_string())]);
            assert!(!import.has_errors(), "{:#?}", import.diagnostics);
            import.model
        })
        .collect();
    for model in &models {
        assert_eq!(model.load_balancers.len(), 1);
        model.objects().for_each(|object| comes_back("lb-json-shape", object));
    }
}

/// Objects that look like a load balancer, anywhere in the file.
fn collect(value: &serde_json::Value, found: &mut Vec<serde_json::Value>) {
    let fields = value
        .as_object()
        .map(|fields| fields.get("properties").and_then(|own| own.as_object()).unwrap_or(fields));
    if fields.is_some_and(|fields| {
        fields.contains_key("frontendIPConfigurations") && fields.contains_key("backendAddressPools")
    }) {
        found.push(value.clone());
        return;
    }
    match value {
        serde_json::Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}
