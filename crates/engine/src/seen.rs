//! Whom receivers take for the client.

use crate::RunRow;
use std::net::IpAddr;

/// The source addresses that receivers saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Those that are known by name, in order.
    pub sources: Vec<IpAddr>,
    /// How many more there are: those of nodes whose branches are folded into one.
    pub more: usize,
}

impl Seen {
    /// What the receivers of these rows saw together. Rows that fold fold the same nodes.
    pub fn by<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Self {
        let (mut sources, mut all) = (Vec::new(), 0);
        for row in rows {
            sources.extend(row.sources_seen.iter().copied());
            all = all.max(row.sources_seen.len() + row.more_sources as usize);
        }
        order::sort(&mut sources);
        sources.dedup();
        let more = all.saturating_sub(sources.len());
        Self { sources, more }
    }

    /// The first of them, no more than `most`, and how many there are besides: `10.224.0.4, 10.224.0.5 and 11 more`.
    /// Empty where nobody saw any.
    pub fn words(&self, most: usize) -> String {
        let shown: Vec<String> = self.sources.iter().take(most).map(ToString::to_string).collect();
        let shown = shown.join(", ");
        match self.sources.len().saturating_sub(most) + self.more {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }
}
