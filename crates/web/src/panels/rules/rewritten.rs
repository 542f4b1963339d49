//! What the last edit makes kube-proxy write on a node: the chains of its next sync.

use crate::{
    ptr::Ptr,
    state::Changed,
    ui::{Cell, Table},
    world::World,
};
use engine::{Rewrite, Rewrites, RewrittenChain};
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
    let rewrites = use_memo(
        (props.world.clone(), changed.clone(), node.clone(), props.family),
        |(world, changed, node, family)| world.rewrites(&changed.as_ref()?.before, node, *family),
    );
    let Some(changed) = changed else {
        return html! {
            <p class="empty">{ "Nothing was changed yet. Move a node, flip a policy or scale a workload: here stands which chains kube-proxy writes for it, and which it leaves alone." }</p>
        };
    };
    let Some(rewrites) = &*rewrites else {
        return html! {
            <p class="empty">{ format!("{node} was not there before the last edit ({}): kube-proxy writes all of its rules.", changed.label) }</p>
        };
    };
    html! {
        <div class="rewritten">
            <p role="status"><strong>{ format!("{}. ", changed.label) }</strong>{ summary(node, rewrites) }</p>
            if !rewrites.chains.is_empty() {
                <Table caption={format!("Chains that kube-proxy writes on {node}")} quiet=true
                    columns={vec!["Chain", "Table", "Its rules", "Service"]} rows={rows(rewrites)} />
            }
        </div>
    }
}

fn summary(node: &NodeName, rewrites: &Rewrites) -> String {
    let written = rewrites.chains.len();
    if written == 0 {
        return format!("kube-proxy on {node} has nothing to write: the edit concerns none of its rules.");
    }
    let differ = rewrites.chains.iter().filter(|chain| chain.rewrite != Rewrite::Same).count();
    let untouched = rewrites.untouched;
    if rewrites.full {
        format!(
            "A full sync: kube-proxy on {node} writes all {written} chains, since what it knows of its own node changed. {differ} differ from before."
        )
    } else {
        format!(
            "A partial sync: kube-proxy on {node} writes {written} chains, the shared ones and those of the Services that changed. {differ} differ from before; {untouched} of table nat are not touched."
        )
    }
}

fn rows(rewrites: &Rewrites) -> Vec<Vec<Cell>> {
    let mut chains: Vec<&RewrittenChain> = rewrites.chains.iter().collect();
    order::sort_by_key(&mut chains, |chain| chain.rewrite == Rewrite::Same);
    let row = |chain: &RewrittenChain| {
        let (words, class) = match chain.rewrite {
            Rewrite::Same => ("the same again", "soft"),
            Rewrite::Changed => ("changed", "used"),
            Rewrite::Created => ("new", "good"),
            Rewrite::Deleted => ("deleted", "bad"),
        };
        let service = chain.service.as_deref().unwrap_or("shared");
        vec![
            Cell::mono(chain.chain.clone()),
            Cell::mono(chain.table),
            Cell::text(words).class(class),
            Cell::text(service.to_owned()).class(if chain.service.is_some() { "mono" } else { "soft" }),
        ]
    };
    chains.into_iter().map(row).collect()
}
