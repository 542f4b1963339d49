//! Rules of a real node: kube-proxy's and hand-made chains together, given as text.

use super::Topology;
use crate::{
    cluster::{Cluster, Family, State},
    flows::{
        Source::{Client, Node, Pod, Vm},
        Target::{self, ClusterIp, Frontend, NodePort},
        cross,
    },
};
use model::kubernetes::ServiceType::LoadBalancer;

/// In front of kube-proxy's: a chain of one's own that returns, jumps without coming back, and refuses by kinds;
/// behind them: what only reaches the end.
const FILTER: &str = "\
:MINE - [0:0]
:NOT-BACK - [0:0]
-I FORWARD 1 -j MINE
-A MINE -s 203.0.113.0/24 -j RETURN
-A MINE -p tcp -m multiport --dports 8000:8079,8080 -s 10.244.0.0/24 -d 10.244.1.0/24 -g NOT-BACK
-A MINE -p udp -m udp --dport 8080 -s 10.224.0.200/32 -d 10.244.0.0/16 -j REJECT --reject-with icmp-port-unreachable
-A MINE -p udp -m udp --dport 8080 ! -i eth0 -j DROP
-A NOT-BACK -p tcp -m conntrack --ctstate NEW -m mark ! --mark 0x4000/0x4000 -j REJECT --reject-with tcp-reset
-A NOT-BACK -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -d 10.224.0.200/32 -p tcp -m tcp --dport 8080 -j REJECT
-A INPUT -s 10.224.0.200/32 -p tcp -m tcp --dport 22 -j DROP
";

/// A port that one's own rule hands to a pod, one that it hands to a node port, one to the loopback (which the kubelet's
/// rule against such packets lets pass, because it was translated), and a source of one's own.
const NAT: &str = "\
:PORTS - [0:0]
-I PREROUTING 1 -m addrtype --dst-type LOCAL -j PORTS
-A PORTS -p tcp -m tcp --dport 9000 -j DNAT --to-destination 10.244.1.10:8080
-A PORTS -p udp -m udp --dport 9000 -j REDIRECT --to-ports 30080
-A PORTS -p tcp -m tcp --dport 9001 -j DNAT --to-destination 127.0.0.1:10256
-A POSTROUTING -s 10.244.0.0/16 -d 10.224.0.200/32 -p udp -j MASQUERADE
";

pub(super) fn topologies() -> Vec<Topology> {
    vec![hand_made()]
}

fn hand_made() -> Topology {
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, |_| ())
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .bystander("near", 0)
        .bystander("far", 1);
    let sources = [Pod("near"), Pod("far"), Pod("web-a"), Node(0)];
    let targets = [ClusterIp("web"), NodePort("web", 0), Target::Pod("web-b"), Target::Vm];
    let mut questions = cross(&sources, &targets, &[Family::V4]);
    questions.extend(cross(&[Client], &[Frontend("web")], &[Family::V4]));
    let at = Target::Node;
    let ports = [at(0, 9000), at(1, 9000), at(0, 9001), at(0, 22), Target::Pod("web-a")];
    questions.extend(cross(&[Vm, Pod("far")], &ports, &[Family::V4]));
    Topology { hand_made: Some([FILTER, NAT]), ..Topology::new("hand-made rules", cluster, questions) }
}
