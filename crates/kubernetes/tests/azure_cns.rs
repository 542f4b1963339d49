//! What Azure CNS writes where pods have a subnet of their own.
#![allow(clippy::unwrap_used, reason = "constants of a test")]

use kubernetes::{azure_cns, kube_proxy::bare_host};
use netfilter::{Family, Form};

#[test]
fn the_platform_sees_the_node() {
    let mut rules = bare_host();
    azure_cns::install(&mut rules, "240.1.2.0/24".parse().unwrap(), "10.0.0.4".parse().unwrap());
    let text = rules.text(Family::V4, Form::Save).to_string();
    let own: Vec<&str> = text.lines().filter(|line| line.contains("SWIFT-POSTROUTING")).collect();
    assert_eq!(
        own,
        [
            ":SWIFT-POSTROUTING - [0:0]",
            "-A POSTROUTING -j SWIFT-POSTROUTING",
            "-A SWIFT-POSTROUTING -s 240.1.2.0/24 -d 168.63.129.16/32 -p udp -m addrtype ! --dst-type LOCAL -m udp --dport 53 -j SNAT --to-source 10.0.0.4",
            "-A SWIFT-POSTROUTING -s 240.1.2.0/24 -d 168.63.129.16/32 -p tcp -m addrtype ! --dst-type LOCAL -m tcp --dport 53 -j SNAT --to-source 10.0.0.4",
            "-A SWIFT-POSTROUTING -s 240.1.2.0/24 -d 169.254.169.254/32 -p tcp -m addrtype ! --dst-type LOCAL -m tcp --dport 80 -j SNAT --to-source 10.0.0.4",
        ],
        "{text}"
    );
}
