//! The trace: what every face (page, command line, JavaScript) shows. One type for all.

use crate::{NearMisses, Text};
use model::ObjectRef;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, sync::Arc};
use wire::Wire;

/// What became of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It arrived and its answer came back.
    Delivered,
    /// The receiver's kernel has no socket there: TCP RST.
    Refused,
    /// A rule answered with an error: the client sees "connection refused" or "unreachable".
    Rejected,
    /// Discarded in silence: the client times out.
    Dropped,
    /// No route, or no such address.
    Unreachable,
    /// It came back to where it had been.
    Looped,
    /// Something that is not modelled decides.
    Ambiguous,
}

impl Verdict {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Dropped => "dropped",
            Self::Unreachable => "unreachable",
            Self::Looped => "looped",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a flow failed. Codes are stable; each has a page in `docs/causes/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The Service has no ready endpoint; kube-proxy rejects.
    NoEndpoints,
    /// Policy Local and no endpoint on this node; kube-proxy drops.
    NoLocalEndpoints,
    /// The client is not in loadBalancerSourceRanges; kube-proxy drops.
    SourceRange,
    /// No load-balancing rule for this frontend and port.
    NoLoadBalancerRule,
    /// The rule's backend pool has no member.
    EmptyBackendPool,
    /// Every member's probe is down.
    AllProbesDown,
    /// A security rule denied it.
    NsgDenied,
    /// Nothing listens there.
    NoListener,
    /// No route leads there.
    NoRoute,
    /// The address belongs to nothing.
    NoSuchAddress,
    /// The name does not resolve.
    NameNotFound,
    /// The reply does not pass the host that translated the request.
    AsymmetricReturn,
    /// A rule of the firewall table dropped it.
    FirewallDropped,
    /// A rule of the firewall table rejected it.
    FirewallRejected,
    /// The kernel discards addresses of the loopback from outside.
    Martian,
    /// The node does not forward packets.
    ForwardingOff,
    /// An unsupported rule decides.
    UnsupportedRule,
    /// Tracking calls the packet invalid.
    InvalidState,
    /// The node is down or gone.
    NodeDown,
    /// The packet came back to where it had been.
    Loop,
    /// A backend of an internal load balancer was chosen as its own target.
    LoadBalancerHairpin,
    /// The names of a CNAME chain go in a circle.
    CnameLoop,
    /// A NetworkPolicy isolates the pod, and no rule lets the connection pass.
    NetworkPolicy,
    /// No Ingress takes the host and path: 404.
    NoIngressRule,
    /// The firewall of a storage account answers 403.
    StorageFirewall,
    /// Public network access of a storage account is disabled: 403.
    PublicAccessDisabled,
    /// The connection of a private endpoint is not approved.
    EndpointNotApproved,
    /// A VNet does not route this address to the internet or there is no outbound path.
    NoOutbound,
    /// A later packet reached a receiver that did not open the connection.
    UnknownConnection,
    /// Azure forgot the flow, since it was silent for longer than the rule's idle timeout.
    IdleTimeout,
    /// No port is left for one more outbound flow to this destination.
    SnatExhausted,
    /// Another controller than the cloud controller gave the address, and its load balancer is not modelled.
    OtherController,
}

impl fmt::Display for Cause {
    /// The code, `no-local-endpoints`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in format!("{self:?}").char_indices() {
            if at > 0 && letter.is_ascii_uppercase() {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// Something that the answer takes for granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
pub struct Assumption {
    /// The stable code; each has a page in `docs/assumptions/`.
    pub code: AssumptionCode,
    /// One sentence.
    pub text: Text,
}

/// Codes of assumptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "kebab-case")]
pub enum AssumptionCode {
    /// Azure's load-balancer hash is not public; an ideal uniform hash is assumed.
    IdealLbHash,
    /// kube-proxy's random choice is taken as exactly uniform.
    UniformStatistic,
    /// Pods without declared ports listen on the ports that Services target.
    PodListensOnTargetPort,
    /// An address that nothing owns is a VM with default settings.
    UnownedAddressIsVm,
    /// An address outside every known prefix is a host on the internet.
    UnknownAddressIsInternet,
    /// Values that the API server or a controller would allocate were allocated.
    AllocatedValues,
    /// No ManagedCluster document: AKS's defaults are used.
    DefaultCluster,
    /// Probe states are those of a settled cluster.
    ProbesSettled,
    /// The cluster DNS is not in the input and is taken to answer.
    ClusterDnsAnswers,
    /// DNS on premises knows no private zone of Azure's, unless a resolver in the input says otherwise.
    OnPremisesDns,
    /// A DNS server inside knows no private zone of Azure's, unless the input says that it asks there.
    OwnDnsServer,
    /// The host of an Ingress has a DNS record that leads to its controller.
    IngressHostInDns,
    /// A name of the internet that the input does not show exists.
    PublicName,
    /// The public address of an Azure service stands for one that the input does not show.
    ServiceAddress,
    /// Cilium is modelled at the level of Services, not byte for byte.
    CiliumServices,
    /// NetworkPolicies are enforced, though no ManagedCluster document says by whom.
    PoliciesEnforced,
    /// A node without a pod of kube-proxy never had one.
    NodeWithoutKubeProxy,
    /// A node with Windows does with packets what a node with Linux does.
    WindowsNode,
    /// A node that is not Ready passes packets on.
    NodeNotReady,
    /// The shares of IPVS are those of many connections.
    IpvsScheduler,
    /// A node's rules were given in place of the generated ones.
    GivenRules,
    /// What stands behind a user route is not in the input: a stateful appliance that lets everything pass.
    ApplianceForwards,
    /// A security rule names a service tag whose addresses are not known here.
    UnknownServiceTag,
}

impl AssumptionCode {
    /// Every code, in order.
    pub const ALL: [Self; 23] = [
        Self::IdealLbHash,
        Self::UniformStatistic,
        Self::PodListensOnTargetPort,
        Self::UnownedAddressIsVm,
        Self::UnknownAddressIsInternet,
        Self::AllocatedValues,
        Self::DefaultCluster,
        Self::ProbesSettled,
        Self::ClusterDnsAnswers,
        Self::OnPremisesDns,
        Self::OwnDnsServer,
        Self::IngressHostInDns,
        Self::PublicName,
        Self::ServiceAddress,
        Self::CiliumServices,
        Self::PoliciesEnforced,
        Self::NodeWithoutKubeProxy,
        Self::WindowsNode,
        Self::NodeNotReady,
        Self::IpvsScheduler,
        Self::GivenRules,
        Self::ApplianceForwards,
        Self::UnknownServiceTag,
    ];
}

/// Who a person would go to in order to change a thing. Decides the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The sender.
    Client,
    /// Azure: load balancer, security groups, routes.
    Azure,
    /// The node: kernel, kube-proxy.
    Node,
    /// The workload: pods and their authors.
    Workload,
}

/// The program or part that did the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The sending application.
    Client,
    /// Name resolution.
    Dns,
    /// The internet between.
    Internet,
    /// Azure Load Balancer.
    AzureLoadBalancer,
    /// A network security group.
    AzureNsg,
    /// Routing of the virtual network.
    AzureVnet,
    /// Outbound translation by a load balancer, a NAT gateway or a public address.
    AzureOutbound,
    /// A firewall or other appliance behind a user route.
    Appliance,
    /// A rule that kube-proxy wrote.
    KubeProxy,
    /// A rule that someone else wrote.
    Iptables,
    /// The kernel itself: routing, tracking, sockets.
    LinuxNetfilter,
    /// kube-proxy's health servers.
    KubeProxyHealth,
    /// The masquerade of the network plugin (ip-masq-agent).
    IpMasqAgent,
    /// The application in the pod.
    Pod,
    /// The ingress controller.
    IngressNginx,
    /// The engine that enforces NetworkPolicies.
    NetworkPolicy,
    /// A private endpoint.
    AzurePrivateLink,
    /// A storage account.
    AzureStorage,
}

/// Where a step takes place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Station {
    /// What kind of place.
    pub kind: StationKind,
    /// Its name: an address, a node's name, `namespace/name`, a load balancer's name.
    pub name: Arc<str>,
}

impl Station {
    /// Joins kind and name.
    pub fn new(kind: StationKind, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }
}

/// Kinds of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Wire)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the place it names")]
pub enum StationKind {
    Client,
    Internet,
    VirtualNetwork,
    PublicIp,
    LoadBalancer,
    Nsg,
    RouteTable,
    NatGateway,
    Firewall,
    Node,
    Pod,
    Vm,
    OnPremises,
    Dns,
    PrivateEndpoint,
    AzureService,
}

/// What a step did, or, for the `Skip…` forms, the important thing that did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[expect(missing_docs, reason = "each variant is the action it names")]
pub enum Action {
    Originate,
    Resolve,
    Route,
    EvaluateNsg,
    SelectFrontend,
    SelectBackend,
    ProbeGate,
    EnterNode,
    Match,
    Mark,
    Dnat,
    Snat,
    Masquerade,
    Track,
    Untranslate,
    Forward,
    Accept,
    Drop,
    Reject,
    Refuse,
    SocketLookup,
    Deliver,
    Answer,
    LeaveNode,
    SkipSocketLookup,
    SkipMasquerade,
    SkipProbe,
    SkipLoadBalancer,
    SkipNat,
    SkipNsg,
}

/// The fields of a packet that a person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Source address.
    pub source: IpAddr,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// The kernel's mark; 0 outside of a node.
    #[serde(skip_serializing_if = "is_zero")]
    pub mark: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(mark: &u32) -> bool {
    *mark == 0
}

impl From<netfilter::Packet> for Header {
    fn from(packet: netfilter::Packet) -> Self {
        Self {
            protocol: packet.protocol.name(),
            source: packet.source,
            source_port: packet.source_port,
            destination: packet.destination,
            destination_port: packet.destination_port,
            mark: packet.mark,
        }
    }
}

/// A rule and the object that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct RuleRef {
    /// Where the rule stands: `nat KUBE-SERVICES`, `rule a1b2-TCP-80`, `NSG aks-agentpool-nsg`.
    pub place: Text,
    /// The text as the owner's own tool prints it (`iptables-save`, `az`).
    pub text: Text,
    /// The object that it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
}

/// A rule that was examined and did not decide, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// The rule.
    pub rule: RuleRef,
    /// The first condition that failed, in words: `wants destination port 32651, packet has 80`.
    pub failed: String,
}

/// One step of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Where.
    pub station: Station,
    /// What did it.
    pub component: Component,
    /// Who owns that.
    pub owner: Owner,
    /// What was done.
    pub action: Action,
    /// By which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
    /// Rules that almost decided, nearest first, at most five.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub near_misses: NearMisses,
    /// The packet before.
    pub before: Header,
    /// The packet after; equal to `before` where nothing changed.
    pub after: Header,
    /// The exact share of this choice among its alternatives; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// One sentence for a person.
    pub why: Text,
}

impl Step {
    /// Whether the step rewrote the packet's addresses or ports.
    pub fn rewrites(&self) -> bool {
        let header = |header: Header| Header { mark: 0, ..header };
        header(self.before) != header(self.after)
    }
}
