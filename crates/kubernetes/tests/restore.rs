//! What is written loads into the kernel, and comes back as written.

mod cluster;

use cluster::{dual_stack, in_namespace};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, installed},
    settle,
};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Family, Form};

#[test]
fn the_kernel_loads_the_rules_of_both_families_and_prints_them_as_we_do() {
    let model = settle(&dual_stack()).model;
    for (ip_family, family) in [(IpFamily::IPv4, Family::V4), (IpFamily::IPv6, Family::V6)] {
        let tool = family.tool();
        let works = in_namespace(&format!("{tool}-save && {tool}-restore"), "*filter\nCOMMIT\n");
        if !works.as_ref().is_some_and(|(works, _)| *works) {
            println!("skipped: needs root, unshare and {tool}: {works:?}");
            continue;
        }
        for node in ["node-0", "node-1"] {
            let config =
                ProxyConfig::of_node(&model, &NodeName::from(node), ip_family).expect("the node is there");
            let map = ServiceMap::new(ip_family, &model.services, &model.endpoint_slices);
            let ruleset = installed(&config, &map).ruleset;
            let text = ruleset.text(family, Form::KUBE_PROXY).to_string();
            let (loaded, saved) =
                in_namespace(&format!("{tool}-restore && {tool}-save"), &text).expect("it worked before");
            assert!(loaded, "{tool}-restore refused the rules of {node}: {saved}\n{text}");
            let ours = ruleset.text(family, Form::Save).to_string();
            let rules = |text: &str, table: &str| -> Vec<String> {
                let head = format!("*{table}");
                text.lines()
                    .skip_while(|line| *line != head)
                    .take_while(|line| *line != "COMMIT")
                    .filter(|line| line.starts_with("-A"))
                    .map(str::to_owned)
                    .collect()
            };
            for table in ["filter", "nat"] {
                // Chains come in no fixed order with nf_tables.
                let (mut kernel, mut ours) = (rules(&saved, table), rules(&ours, table));
                kernel.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
                ours.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
                assert!(kernel.len() > 10, "{tool} {table}: {saved}");
                for (kernel, ours) in kernel.iter().zip(&ours) {
                    assert_eq!(kernel, ours, "{tool} {table} of {node}");
                }
                assert_eq!(kernel.len(), ours.len(), "{tool} {table} of {node}");
            }
        }
    }
}
