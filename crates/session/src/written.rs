//! What an edit makes kube-proxy write, in words.

use engine::{Rewrite, Rewrites, RewrittenChain};
use model::NodeName;
use wire::Wire;

/// The chains of a sync, for a table.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Written {
    /// One sentence or two on the sync.
    pub summary: String,
    /// Each chain that is written: its name, its table, what that does to it, its Service; what differs first.
    pub chains: Vec<[String; 4]>,
    /// How many of them differ from before.
    pub differ: usize,
}

impl Written {
    pub(crate) fn of(node: &NodeName, rewrites: &Rewrites) -> Self {
        let is_same = |chain: &&RewrittenChain| chain.rewrite == Rewrite::Same;
        let differ: Vec<&RewrittenChain> = rewrites.chains.iter().filter(|chain| !is_same(chain)).collect();
        let same = rewrites.chains.iter().filter(is_same);
        Self {
            summary: summary(node, rewrites, differ.len()),
            differ: differ.len(),
            chains: differ.into_iter().chain(same).map(row).collect(),
        }
    }
}

fn row(chain: &RewrittenChain) -> [String; 4] {
    let does = match chain.rewrite {
        Rewrite::Same => "the same again",
        Rewrite::Changed => "changed",
        Rewrite::Created => "new",
        Rewrite::Deleted => "deleted",
    };
    let service = chain.service.as_deref().unwrap_or(match chain.rewrite {
        Rewrite::Deleted => "of a Service",
        _ => "shared",
    });
    [chain.chain.clone(), chain.table.to_owned(), does.to_owned(), service.to_owned()]
}

fn summary(node: &NodeName, rewrites: &Rewrites, differ: usize) -> String {
    let (written, untouched) = (rewrites.chains.len(), rewrites.untouched);
    if written == 0 {
        format!("kube-proxy on {node} has nothing to write: the edit concerns none of its rules.")
    } else if rewrites.full {
        format!(
            "A full sync: kube-proxy on {node} writes all {written} chains, since what it knows of its own node changed. {differ} differ from before."
        )
    } else {
        let left = match untouched {
            0 => String::new(),
            some => format!("; {some} of table nat are not touched"),
        };
        format!(
            "A partial sync: kube-proxy on {node} writes {written} chains, the shared ones and those of the Services that changed. {differ} differ from before{left}."
        )
    }
}
