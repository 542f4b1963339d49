//! What a share link holds.

use model::{Edit, Transport};
use serde::{Deserialize, Serialize};
use wire::Wire;

/// The state of the page that a share link holds: a cluster as a preset and one edit, and the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The preset that the edit starts from; absent is an empty model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// The sender, as the flow bar has it: `198.51.100.7`.
    pub from: String,
    /// The receiver and its port: `svc/default/echo-service:80`; no port for an echo request.
    pub to: String,
    /// The protocol.
    pub protocol: Transport,
    /// HTTP host, for flows through an ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// HTTP path, for flows through an ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the cases in which the load balancer picks this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}
