//! What kube-proxy programs a node with in modes other than iptables.

use crate::{
    args::{IpvsArguments, IpvsPart, NftablesArguments, TableForm},
    has_rules, input,
    output::Failure,
};
use engine::World;
use kubernetes::kube_proxy::ipvs::DEVICE;
use model::{NodeName, kubernetes::ProxyMode};
use netfilter::{IpvsForm, IpvsText, nft::Form};
use std::fmt::Write;

/// The table of mode nftables.
pub(crate) fn nftables(arguments: &NftablesArguments) -> Result<String, Failure> {
    let world = world(&arguments.files, &arguments.node, ProxyMode::Nftables)?;
    let node = NodeName::from(arguments.node.as_str());
    let form = match arguments.format {
        TableForm::Load => Form::Load,
        TableForm::List => Form::List,
    };
    let table = world.nft_table(&node, arguments.family.into());
    Ok(table.map(|table| table.text(form).to_string()).unwrap_or_default())
}

/// A part of what mode IPVS has besides rules.
pub(crate) fn ipvs(arguments: &IpvsArguments) -> Result<String, Failure> {
    let world = world(&arguments.files, &arguments.node, ProxyMode::Ipvs)?;
    let node = NodeName::from(arguments.node.as_str());
    let balancing = world.balancing(&node, arguments.family.into()).unwrap_or_default();
    let mut text = String::new();
    match arguments.format {
        IpvsPart::List => text = IpvsText(&balancing.servers, IpvsForm::List).to_string(),
        IpvsPart::Servers => text = IpvsText(&balancing.servers, IpvsForm::Restore).to_string(),
        IpvsPart::Sets => text.extend(balancing.sets.values().map(ToString::to_string)),
        IpvsPart::Addresses => {
            for ip in &balancing.addresses {
                // Writing to a String does not fail.
                let _ = writeln!(text, "addr add {ip}/{} dev {DEVICE}", if ip.is_ipv4() { 32 } else { 128 });
            }
        }
    }
    Ok(text)
}

/// The cluster, where its kube-proxy is in the mode.
fn world(files: &[String], node: &str, mode: ProxyMode) -> Result<World, Failure> {
    let world = input::world(files)?;
    has_rules(&world, node, "--node")?;
    let own = world.model().proxy_mode();
    if own == mode {
        return Ok(world);
    }
    Err(Failure::new(
        format!("kube-proxy of this cluster is in mode {own}, not {mode}"),
        format!(
            "give a KubeProxyConfiguration with `mode: {mode}`, or the cluster `networkProfile.kubeProxyConfig.mode: {}`",
            mode.name().to_uppercase()
        ),
    ))
}
