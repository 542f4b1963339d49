//! What the last edit makes kube-proxy write on a node: the chains of its next sync.

use crate::{
    ptr::Ptr,
    state::Changed,
    ui::{self, Cell, Table},
    world::World,
};
use model::{NodeName, kubernetes::IpFamily};
use yew::prelude::*;

/// What the view needs.
#[derive(Properties, PartialEq)]
pub(super) struct RewrittenProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// The last edit and the cluster before it.
    pub(super) changed: Option<Ptr<Changed>>,
    /// The node.
    pub(super) node: NodeName,
    /// The family of the rules.
    pub(super) family: IpFamily,
}

/// The chains that are written, what differs first.
#[component]
pub(super) fn Rewritten(props: &RewrittenProps) -> Html {
    let RewrittenProps { changed, node, .. } = props;
    let written = use_memo(
        (props.world.clone(), changed.clone(), node.clone(), props.family),
        |(world, changed, node, family)| Some(world.rewrites(changed.as_ref()?.before(), node, *family)),
    );
    let Some(changed) = changed else {
        return html! {
            <p class="empty">{ "Nothing was changed yet. Move a node, flip a policy or scale a workload: here stands which chains kube-proxy writes for it, and which it leaves alone." }</p>
        };
    };
    let Some(Ok(written)) = &*written else { return ui::loading() };
    let Some(written) = written else {
        return html! {
            <p class="empty">{ format!("{node} was not there before the last edit ({}): kube-proxy writes all of its rules.", changed.label) }</p>
        };
    };
    let row = |(at, [chain, table, does, service]): (usize, &[String; 4])| {
        let class = if at < written.differ { "used" } else { "soft" };
        vec![
            Cell::mono(chain.clone()),
            Cell::mono(table.clone()),
            Cell::text(does.clone()).class(class),
            Cell::text(service.clone()),
        ]
    };
    let rows: Vec<Vec<Cell>> = written.chains.iter().enumerate().map(row).collect();
    html! {
        <div class="rewritten">
            <p role="status"><strong>{ format!("{}. ", changed.label) }</strong>{ &written.summary }</p>
            if !written.chains.is_empty() {
                <Table caption={format!("Chains that kube-proxy writes on {node}")} quiet=true
                    columns={vec!["Chain", "Table", "Its rules", "Service"]} rows={rows} />
            }
        </div>
    }
}
