//! What can be asked on the command line.

use crate::output::Failure;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use engine::{Flow, Place, parse_receiver};
use model::{Transport, kubernetes::IpFamily};

/// See every hop a packet takes through AKS.
#[derive(Debug, Parser)]
#[command(name = "hopscope", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The iptables rules that kube-proxy writes on a node
    Iptables(IptablesArguments),
    /// The table of nftables that kube-proxy writes on a node in mode nftables
    Nftables(NftablesArguments),
    /// The virtual servers and sets that kube-proxy makes on a node in mode IPVS; `iptables` has its rules
    Ipvs(IpvsArguments),
    /// Every path that a flow can take, with exact probabilities
    Paths(PathsArguments),
    /// One sampled path, every step
    Trace(TraceArguments),
    /// Many sampled connections, counted per receiver beside the exact shares
    Run(RunArguments),
    /// The load balancers as `az network lb show -o json` prints them
    Lb(LbArguments),
    /// The effective routes and security rules of a node's NIC, alone or beside those of a real one
    Nic(NicArguments),
    /// Outbound ports: how many each node has, what more nodes change, when they run out
    Snat(SnatArguments),
    /// Who can reach whom on what: every client and every Service, or those that are named
    Matrix(MatrixArguments),
    /// Which flows a change adds, removes or changes, and why
    Diff(DiffArguments),
    /// What follows from an edit, in order: nodes, pods, endpoints, rules, backend pools, probes, shares
    WhatIf(WhatIfArguments),
    /// A picture of a cluster and a flow: SVG, text or Mermaid
    Render(RenderArguments),
    /// Expectations about a cluster, for a pipeline: exit code 1 where one does not hold
    Check(CheckArguments),
    /// Lessons in which you predict and the engine grades
    Lessons(LessonsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct IptablesArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The node
    #[arg(long)]
    pub(crate) node: String,
    /// restore: loads with iptables-restore; payload: what kube-proxy feeds to it; save: as iptables-save prints it
    #[arg(long, value_enum, default_value_t = RulesFormat::Restore)]
    pub(crate) format: RulesFormat,
    /// The address family
    #[arg(long, value_enum, default_value_t = Family::Ipv4)]
    pub(crate) family: Family,
    /// Compare with the node's own `iptables-save` or `ip6tables-save`; exit code 1 if kube-proxy's rules differ
    #[arg(long, value_name = "SAVED", conflicts_with_all = ["format", "family"])]
    pub(crate) compare: Option<String>,
    /// text for people, json for programs; with --compare
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Text, requires = "compare")]
    pub(crate) output: CompareFormat,
}

#[derive(Debug, Args)]
pub(crate) struct NftablesArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The node
    #[arg(long)]
    pub(crate) node: String,
    /// load: commands for nft -f, as kube-proxy gives them; list: as nft list table prints it
    #[arg(long, value_enum, default_value_t = TableForm::Load)]
    pub(crate) format: TableForm,
    /// The address family
    #[arg(long, value_enum, default_value_t = Family::Ipv4)]
    pub(crate) family: Family,
}

#[derive(Debug, Args)]
pub(crate) struct IpvsArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The node
    #[arg(long)]
    pub(crate) node: String,
    /// list: as ipvsadm -Ln prints the virtual servers; servers: commands for ipvsadm -R; sets: commands for ipset
    /// restore; addresses: commands for ip -batch, which bind them to kube-ipvs0
    #[arg(long, value_enum, default_value_t = IpvsPart::List)]
    pub(crate) format: IpvsPart,
    /// The address family
    #[arg(long, value_enum, default_value_t = Family::Ipv4)]
    pub(crate) family: Family,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IpvsPart {
    List,
    Servers,
    Sets,
    Addresses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableForm {
    Load,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesFormat {
    Restore,
    Payload,
    Save,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

impl From<Family> for IpFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::IPv4,
            Family::Ipv6 => Self::IPv6,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PathsArguments {
    #[command(flatten)]
    pub(crate) flow: FlowArguments,
    /// Fold paths that are alike but for the node into one with a count
    #[arg(long)]
    pub(crate) fold: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    #[command(flatten)]
    pub(crate) flow: FlowArguments,
    /// Seed of the sampling
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Open the connection, let it be silent for so long, and trace its next packet
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub(crate) idle: Option<u64>,
    /// Open the connection in the cluster of FILE, and trace its next packet in this one (repeatable): a probe has
    /// fallen, a pod or a node is gone
    #[arg(long, value_name = "FILE")]
    pub(crate) then: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) flow: FlowArguments,
    /// How many connections, 1 to 10,000,000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) requests: u64,
    /// Seed of the sampling
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds from one connection to the next; session affinity forgets a client that stays away long enough
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub(crate) interval: u64,
    /// Seconds for which each connection stays open; open ones take outbound ports from one another
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub(crate) hold: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct MatrixArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) reach: ReachArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// A file or folder: the cluster before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: String,
    /// A file or folder: the cluster after
    #[arg(value_name = "AFTER")]
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) reach: ReachArguments,
}

/// Which clients and targets.
#[derive(Debug, Args)]
pub(crate) struct ReachArguments {
    /// Only this client (repeatable): what can this reach?
    #[arg(long, value_name = "SRC")]
    pub(crate) from: Vec<String>,
    /// Only this target (repeatable; /udp at the end for UDP): what can reach this?
    #[arg(long, value_name = "DST:PORT")]
    pub(crate) to: Vec<String>,
    /// text for people, json for programs
    #[arg(short, long, value_enum, default_value_t = TableFormat::Text)]
    pub(crate) output: TableFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct WhatIfArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The edit as JSON, e.g. '{"edit":"drain","node":"NODE"}'
    #[arg(long, value_name = "JSON")]
    pub(crate) edit: String,
    /// The sender of the compared flows: internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME
    #[arg(long, value_name = "SRC", default_value = "198.51.100.7")]
    pub(crate) from: String,
    /// Receivers and ports of the compared flows (repeatable); every port of every LoadBalancer Service by default
    #[arg(long, value_name = "DST:PORT")]
    pub(crate) to: Vec<String>,
    /// text for people, json for programs
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Text)]
    pub(crate) output: CompareFormat,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("told").args(["compare", "probes"])))]
pub(crate) struct LbArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Only this load balancer
    #[arg(long, value_name = "NAME")]
    pub(crate) load_balancer: Option<String>,
    /// Compare the load balancers of the input with those that the controllers would write, and say what the next
    /// reconcile makes of each difference; exit code 1 if there is one
    #[arg(long)]
    pub(crate) compare: bool,
    /// Say of every member of every backend pool whether it takes new connections and why: what its probe asks from
    /// where, what it got, and which rule stopped it
    #[arg(long)]
    pub(crate) probes: bool,
    /// text for people, json for programs; with --compare or --probes
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Text, requires = "told")]
    pub(crate) output: CompareFormat,
}

#[derive(Debug, Args)]
pub(crate) struct NicArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The node
    #[arg(long)]
    pub(crate) node: String,
    /// Compare with the output of `az network nic show-effective-route-table` or `az network nic list-effective-nsg`;
    /// exit code 1 if something differs
    #[arg(long, value_name = "SHOWN")]
    pub(crate) compare: Option<String>,
    /// text for people, json for programs
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Text)]
    pub(crate) output: CompareFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SnatArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// How many nodes are added
    #[arg(long, value_name = "NODES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub(crate) add: u32,
    /// How many flows one node opens to one destination
    #[arg(long, value_name = "FLOWS")]
    pub(crate) flows: Option<u32>,
    /// The protocol of these flows
    #[arg(long, value_enum, default_value_t = PortProtocol::Tcp)]
    pub(crate) protocol: PortProtocol,
    /// text for people, json for programs
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Text)]
    pub(crate) output: CompareFormat,
}

/// Who talks to whom.
#[derive(Debug, Args)]
pub(crate) struct FlowArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The sender: internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME
    #[arg(long, value_name = "SRC")]
    pub(crate) from: String,
    /// The receiver and port: IP, NAME, svc/NAMESPACE/NAME, pod/NAMESPACE/NAME or node/NAME, then :PORT; or a URL
    #[arg(long, value_name = "DST:PORT")]
    pub(crate) to: String,
    /// The protocol; icmp is an echo request (ping), and DST has no port then
    #[arg(long, value_enum, default_value_t = FlowTransport::Tcp)]
    pub(crate) protocol: FlowTransport,
    /// HTTP path, for flows through an ingress
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// HTTP host, for flows through an ingress
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Only the cases in which the load balancer picks this node
    #[arg(long, value_name = "NODE")]
    pub(crate) via: Option<String>,
    /// Rules of a real node, as `iptables-save` or `ip6tables-save` prints them, in place of the generated ones;
    /// NODE may be left out where the cluster has one node or --via names it
    #[arg(long, value_name = "[NODE=]FILE")]
    pub(crate) rules: Vec<String>,
    /// text for people, json for programs, svg and mermaid for pictures
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) output: OutputFormat,
}

/// What ports of an outbound way are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PortProtocol {
    Tcp,
    Udp,
}

/// What a flow is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlowTransport {
    Tcp,
    Udp,
    Icmp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Text,
    Json,
    Svg,
    Mermaid,
}

impl FlowTransport {
    pub(crate) fn meant(self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Udp => Transport::Udp,
            Self::Icmp => Transport::Icmp,
        }
    }
}

impl FlowArguments {
    /// The flow that is asked about.
    pub(crate) fn flow(&self) -> Result<Flow, Failure> {
        let from: Place = self.from.parse().map_err(|error| {
            Failure::new(
                format!("--from: {error}"),
                "write internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME, e.g. --from 198.51.100.7",
            )
        })?;
        if matches!(from, Place::Service(_) | Place::Name(_)) {
            return Err(Failure::new(
                format!("--from: {from} cannot send"),
                "write internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME, e.g. --from 198.51.100.7",
            ));
        }
        let protocol = self.protocol.meant();
        let to = parse_receiver(&self.to, protocol).map_err(|error| {
            let hint = match protocol {
                Transport::Icmp => "write DST alone, e.g. --to svc/default/echo-service --protocol icmp",
                _ => "write DST:PORT or a URL, e.g. --to svc/default/echo-service:80 or --to '[fd00::1]:80'",
            };
            Failure::new(format!("--to: {error}"), hint)
        })?;
        Ok(Flow {
            from,
            to: to.place,
            port: to.port,
            protocol,
            host: self.host.clone(),
            path: self.path.clone().or(to.path),
            via: self.via.as_deref().map(Into::into),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct RenderArguments {
    /// Files or folders of YAML and JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The sender, as for paths; without a flow the cluster alone is drawn
    #[arg(long, value_name = "SRC", requires = "to")]
    pub(crate) from: Option<String>,
    /// The receiver and port, as for paths
    #[arg(long, value_name = "DST:PORT", requires = "from")]
    pub(crate) to: Option<String>,
    /// The protocol; icmp is an echo request (ping), and DST has no port then
    #[arg(long, value_enum, default_value_t = FlowTransport::Tcp)]
    pub(crate) protocol: FlowTransport,
    /// HTTP path, for flows through an ingress
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// HTTP host, for flows through an ingress
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Only the cases in which the load balancer picks this node
    #[arg(long, value_name = "NODE")]
    pub(crate) via: Option<String>,
    /// The branch to draw as taken, 1 for the likeliest; without it all are drawn as possible
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) branch: Option<u32>,
    /// Draw the way back of that branch
    #[arg(long, requires = "branch")]
    pub(crate) reply: bool,
    /// The colours of an SVG; auto follows the reader's system
    #[arg(long, value_enum, default_value_t = Colours::Auto)]
    pub(crate) theme: Colours,
    /// Left to right, or top to bottom for narrow columns
    #[arg(long, value_enum, default_value_t = Shape::Wide)]
    pub(crate) shape: Shape,
    /// The title of an SVG, for readers who do not see it; made from the flow where absent
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// The description of an SVG, for the same
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// svg, text or mermaid
    #[arg(short, long, value_enum, default_value_t = PictureFormat::Svg)]
    pub(crate) output: PictureFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PictureFormat {
    Svg,
    Text,
    Mermaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colours {
    Auto,
    Light,
    Dark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    Wide,
    Tall,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Files or folders of a cluster, then the file of expectations; with --docs, pages or folders of pages
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Check the figures that stand in Markdown and HTML pages against what the pages say of them
    #[arg(long)]
    pub(crate) docs: bool,
    /// With --docs, write the SVG files of figures anew in place of comparing them
    #[arg(long, requires = "docs")]
    pub(crate) write: bool,
    /// text for people, junit for pipelines
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) output: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Junit,
}

#[derive(Debug, Args)]
pub(crate) struct LessonsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<LessonsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LessonsCommand {
    /// The course
    List,
    /// A lesson with its questions, the answers and what the engine computed
    Show {
        /// The lesson, as `list` names it
        lesson: String,
        /// text for people, json for programs
        #[arg(short, long, value_enum, default_value_t = LessonFormat::Text)]
        output: LessonFormat,
    },
    /// A lesson to be taken: it asks, reads the numbers you pick from standard input, and grades them
    Run {
        /// The lesson, as `list` names it
        lesson: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LessonFormat {
    Text,
    Json,
}
