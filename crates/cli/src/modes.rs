//! What kube-proxy programs a node with in modes other than iptables.

use crate::{
    args::{NftablesArguments, TableForm},
    input, node_exists,
    output::Failure,
};
use engine::World;
use model::{NodeName, kubernetes::ProxyMode};
use netfilter::nft::Form;

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

/// The cluster, where its kube-proxy is in the mode.
fn world(files: &[String], node: &str, mode: ProxyMode) -> Result<World, Failure> {
    let world = World::new(&input::model(files)?);
    node_exists(&world, node, "--node")?;
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
