//! The packet's journey: topology, forward and reply trace, every branch with its exact probability.
//!
//! The engine has no clock, no input or output, and no randomness without a seed: the same model and
//! seed give the same bytes, natively and in wasm.

mod addresses;
mod alike;
mod answer;
mod assumptions;
mod cloud;
mod consequences;
mod deciding;
mod dns;
mod drift;
mod fabric;
mod flow;
mod fold;
mod held;
mod host;
mod ingress;
mod journey;
mod later;
mod lookup;
mod matrix;
mod members;
mod migration;
mod move_member;
mod narrate;
mod narrate_ipvs;
mod narrate_nft;
mod node;
mod other_balancer;
mod outbound;
mod outcome;
mod ping;
mod plan;
mod policy;
mod private_link;
mod probe;
mod programmed;
mod receive;
mod remedies;
mod resolve;
mod rewrites;
mod routes;
mod rules;
mod run;
mod security;
mod seen;
mod state;
mod storage;
mod survey;
mod topology;
mod trace;
mod update;
mod words;
mod world;

pub use consequences::{
    Consequences, EndpointChange, EndpointState, Fate, FlowChange, FlowShare, MemberChange, NodeChange,
    NodeState, OutboundChange, PodChange, Ports, ProbeChange, RuleChange, Stage,
};
pub use deciding::socket;
pub use flow::{
    DestinationError, Flow, INTERNET_CLIENT, Place, PlaceError, Receiver, parse_destination, parse_receiver,
};
pub use fold::{MOST_BRANCHES, MOST_TOLD};
pub use later::{NearMisses, Text};
pub use matrix::{Cell, Change, ChangeKind, Matrix, MatrixQuestion, Target, diff};
pub use members::{MemberHealth, PoolHealth, PoolWord};
pub use migration::{Migration, Way};
pub use move_member::{BackendPoolName, MoveMemberError};
pub use outcome::{Endpoint, FlowSummary, PathOutcome, Paths, Reply};
pub use plan::{Note, Plan, PlanError};
pub use probe::{ProbePacket, ProbeState, Stopped};
pub use remedies::Remedy;
pub use rewrites::{Rewrite, Rewrites, RewrittenChain};
pub use rules::{
    ChainComparison, ForeignRule, NodeRules, RulesAnswer, RulesComparison, RulesError, RulesQuestion,
    UnmodelledLine,
};
pub use seen::Seen;
pub use state::{MOST_EXPLAINED, Opened, State};
pub use trace::{
    Action, Assumption, AssumptionCode, Cause, Component, Header, NearMiss, Owner, RuleRef, Station,
    StationKind, Step, Verdict,
};
pub use world::{FlowError, Run, RunRow, Unexposed, World};
