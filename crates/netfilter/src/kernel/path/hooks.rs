//! The stops of a packet, in the order in which the kernel's hooks call them.

use crate::{
    Hook::{self, Forward, Input, Output, Postrouting, Prerouting},
    TableName::{self, Filter, Mangle, Raw, Security},
};

/// One stop on the way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A table's chain of a hook, all but nat.
    Table(Hook, TableName),
    /// Connection tracking looks the packet up.
    Track,
    /// The hook's address translation.
    Nat(Hook),
    /// The routing decision for a packet that came in.
    RouteInput,
    /// The routing decision for a packet that a process sends.
    RouteOutput,
    /// The routing decision after OUTPUT has translated the destination.
    Reroute,
    /// Out, or by the loopback back in.
    Leave,
    /// IPVS.
    Ipvs(Hook),
    /// Up to a socket.
    Deliver,
}

// The order is that of the hooks' priorities in the kernel (`NF_IP_PRI_*`).
pub(super) const RECEIVED: &[Step] = &[
    Step::Table(Prerouting, Raw),
    Step::Track,
    Step::Table(Prerouting, Mangle),
    Step::Nat(Prerouting),
    Step::RouteInput,
];
pub(super) const LOCAL: &[Step] = &[
    Step::Table(Input, Mangle),
    Step::Table(Input, Filter),
    Step::Table(Input, Security),
    Step::Ipvs(Input),
    Step::Nat(Input),
    Step::Deliver,
];
pub(super) const FORWARDED: &[Step] = &[
    Step::Table(Forward, Mangle),
    Step::Table(Forward, Filter),
    Step::Table(Forward, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
pub(super) const SENT: &[Step] = &[
    Step::RouteOutput,
    Step::Table(Output, Raw),
    Step::Track,
    Step::Table(Output, Mangle),
    Step::Nat(Output),
    Step::Ipvs(Output),
    Step::Reroute,
    Step::Table(Output, Filter),
    Step::Table(Output, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
// What IPVS sends on goes through OUTPUT from its beginning, tracked and with its destination settled.
pub(super) const BALANCED: &[Step] = &[
    Step::Table(Output, Raw),
    Step::Table(Output, Mangle),
    Step::Table(Output, Filter),
    Step::Table(Output, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
// On the loopback the packet keeps its route and its connection: no second decision on either.
pub(super) const LOOPED: &[Step] = &[
    Step::Table(Prerouting, Raw),
    Step::Table(Prerouting, Mangle),
    Step::Table(Input, Mangle),
    Step::Table(Input, Filter),
    Step::Table(Input, Security),
    Step::Deliver,
];

/// The priority of a table's hooks (`NF_IP_PRI_*`).
pub(super) fn priority(table: TableName) -> i32 {
    match table {
        Raw => -300,
        Mangle => -150,
        TableName::Nat => -100,
        Filter => 0,
        Security => 50,
    }
}
