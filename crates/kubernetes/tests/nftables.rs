//! Mode nftables: what is written loads into the kernel, and comes back as written.

mod cluster;

use cluster::{dual_stack, in_namespace, service};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, nftables},
    settle,
};
use model::{
    Model, NodeName, Object,
    kubernetes::{IpFamily, KubeProxyConfiguration, ServiceType},
};
use netfilter::nft::{Form, Table};
use std::{collections::BTreeMap, sync::Arc};

#[expect(clippy::expect_used, reason = "a test says what it expects")]
fn table(model: &Model, family: IpFamily, node: &str) -> Table {
    let model = settle(model).model;
    let config = ProxyConfig::of_node(&model, &NodeName::from(node), family).expect("the node is there");
    nftables::table(&config, &ServiceMap::new(family, &model.services, &model.endpoint_slices))
}

fn configured(change: impl FnOnce(&mut KubeProxyConfiguration)) -> Model {
    let mut model = dual_stack();
    let mut config = KubeProxyConfiguration { mode: "nftables".into(), ..Default::default() };
    change(&mut config);
    model.put(Object::KubeProxyConfiguration(Arc::new(config)));
    model
}

/// Chains, sets and maps by name, each as its lines without the way in which they are broken. Elements are in no order.
fn blocks(listing: &str) -> BTreeMap<String, Vec<String>> {
    let mut blocks = BTreeMap::new();
    let mut block = String::new();
    let mut lines: Vec<String> = Vec::new();
    for line in listing.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let opens = ["chain ", "set ", "map ", "table "].iter().any(|word| line.starts_with(word));
        if opens && line.ends_with('{') {
            line.trim_end_matches(" {").clone_into(&mut block);
        } else if line == "}" {
            blocks.insert(std::mem::take(&mut block), elements_sorted(&std::mem::take(&mut lines)));
        } else {
            lines.push(line.to_owned());
        }
    }
    blocks
}

fn elements_sorted(lines: &[String]) -> Vec<String> {
    let at = lines.iter().position(|line| line.starts_with("elements = {"));
    let (plain, elements) = lines.split_at(at.unwrap_or(lines.len()));
    let text = elements.join(" ");
    let text = text.trim_start_matches("elements = {").trim_end_matches('}');
    let mut elements: Vec<String> =
        text.split(", ").map(|element| element.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    elements.sort();
    plain.iter().cloned().chain(elements).collect()
}

#[test]
fn the_kernel_loads_the_table_of_both_families_and_lists_it_as_we_do() {
    let works = in_namespace("nft -f - && nft list ruleset", "add table ip probe\n");
    if !works.as_ref().is_some_and(|(works, _)| *works) {
        println!("skipped: needs root, unshare and nft: {works:?}");
        return;
    }
    let settings: [(&str, Model); 4] = [
        ("defaults", configured(|_| {})),
        (
            "every address, everything masqueraded, another bit",
            configured(|config| {
                config.node_port_addresses = vec!["0.0.0.0/0".into(), "::/0".into()];
                config.nftables.masquerade_all = true;
                config.nftables.masquerade_bit = Some(3);
            }),
        ),
        (
            "pods by their interface",
            configured(|config| {
                config.detect_local_mode = "InterfaceNamePrefix".into();
                config.detect_local.interface_name_prefix = "azv".into();
            }),
        ),
        ("ranges that hold each other, and hostile names", {
            let mut model = configured(|_| {});
            service(&mut model, "odd \"name\"; drop", ServiceType::LoadBalancer, |service| {
                service.spec.load_balancer_source_ranges =
                    vec!["203.0.113.0/24".into(), "203.0.113.128/25".into(), "203.0.113.7/32".into()];
                service.status.load_balancer.ingress = vec![model::kubernetes::LoadBalancerIngress {
                    ip: "20.50.60.79".into(),
                    ..Default::default()
                }];
            });
            model
        }),
    ];
    for (name, model) in settings {
        for family in [IpFamily::IPv4, IpFamily::IPv6] {
            for node in ["node-0", "node-1"] {
                let table = table(&model, family, node);
                let text = table.text(Form::Load).to_string();
                let (loaded, listed) =
                    in_namespace("nft -f - && nft list ruleset", &text).expect("it worked before");
                assert!(loaded, "{name}: nft refused the table of {node}: {listed}\n{text}");
                let (kernel, ours) = (blocks(&listed), blocks(&table.text(Form::List).to_string()));
                assert_eq!(kernel.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>(), "{name}");
                for (block, lines) in &kernel {
                    assert_eq!(Some(lines), ours.get(block), "{name}: {block} of {node}\n{listed}");
                }
            }
        }
    }
}
