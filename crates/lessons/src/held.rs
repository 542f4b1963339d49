//! Connections that stay open, and the outbound ports that they take.

use crate::FlowSpec;
use engine::{Cause, Flow, FlowSummary, World};
use serde::{Deserialize, Serialize};

/// Seconds for which a held connection stays open: longer than opening them all takes, which is no time.
const HELD: u64 = 3_600;

/// Connections of one flow that are opened one after the other, and all stay open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    /// How many are opened, 1 to 10,000.
    pub connections: u64,
    /// How many of them find no outbound port.
    pub exhausted: u64,
}

impl Held {
    /// Most connections that are tried: each is a question of its own.
    const MOST: u64 = 10_000;

    /// How many find no outbound port, or why that cannot be asked.
    pub(crate) fn found(self, world: &World, asked: &FlowSummary) -> Result<u64, String> {
        if !(1..=Self::MOST).contains(&self.connections) {
            return Err(format!("connections is not from 1 to {}", Self::MOST));
        }
        let protocol = Some(asked.protocol.to_owned());
        let spec = FlowSpec {
            from: asked.from.to_string(),
            to: asked.to.to_string(),
            protocol,
            ..FlowSpec::default()
        };
        let flow = Flow::try_from(&spec).map_err(|error| error.to_string())?;
        let run = world.run_held(&flow, (self.connections, 0), HELD, 1).map_err(|error| error.to_string())?;
        let lost = run.rows.iter().filter(|row| row.cause == Some(Cause::SnatExhausted));
        Ok(lost.map(|row| row.count).sum())
    }
}
