//! Connection tracking.

use crate::Packet;

/// A tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// The first packet as it came: what the opener sends.
    pub original: Packet,
    /// What the answers look like when they come: the translated first packet, reversed.
    pub reply: Packet,
    /// Whether an answer has been seen.
    pub answered: bool,
}

impl Connection {
    /// Whether the destination was translated.
    pub fn is_dnat(&self) -> bool {
        (self.reply.source, self.reply.source_port)
            != (self.original.destination, self.original.destination_port)
    }

    /// Whether the source was translated.
    pub fn is_snat(&self) -> bool {
        (self.reply.destination, self.reply.destination_port)
            != (self.original.source, self.original.source_port)
    }
}
