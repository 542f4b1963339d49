//! Save text beside what the `iptables-save` of this machine prints of the same rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use netfilter::{Family, Form, MarkText, parse};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Rules of table filter.
const FILTER: &[&str] = &[
    r#"-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"#,
    "-m conntrack --ctstate INVALID -j DROP",
    "-m conntrack --ctstate NEW,RELATED,INVALID,ESTABLISHED,UNTRACKED,SNAT,DNAT -j ACCEPT",
    "-m state ! --state NEW,ESTABLISHED -j ACCEPT",
    "-m mark --mark 0x00004000/0x00004000 -j ACCEPT",
    "-m mark --mark 0x4000 -j ACCEPT",
    "-m mark ! --mark 5 -j ACCEPT",
    "-m tcp -p tcp -d 1.2.3.4 --dport 80 -j REJECT",
    "-p tcp --sport 1024:65535 ! --dport 80:90 -j REJECT --reject-with tcp-reset",
    "-p udp --sport :90 --dport 90: -j REJECT --reject-with icmp-host-prohibited",
    "-p tcp -m tcp -j REJECT --reject-with net-prohib",
    "-j REJECT --reject-with admin-prohib",
    "-j REJECT --reject-with host-unreach",
    "-j REJECT --reject-with proto-unreach",
    "-j REJECT --reject-with net-unreach",
    "-p sctp -m sctp --dport 90 -j OTHER",
    "-p sctp -m sctp ! --sport 90:91 -g OTHER",
    "-p icmp -j ACCEPT",
    "! -p tcp -j RETURN",
    "-p gre -j RETURN",
    "-p tcp -m multiport --dports 80,443,1000:2000 -j RETURN",
    "-p tcp -m multiport ! --sports 80,443 -j RETURN",
    "-p udp -m multiport --ports 80,443 -j RETURN",
    "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",
    "-p tcp --syn --dport 22 -j ACCEPT",
    "-p tcp -m tcp --tcp-flags ALL NONE -j DROP",
    "-m addrtype --dst-type LOCAL ! --src-type LOCAL",
    "-m addrtype ! --dst-type UNICAST",
    "-m addrtype --dst-type LOCAL -m tcp -p tcp --dport 90 -j DROP",
    "-m addrtype --src-type BROADCAST -j DROP",
    "-i eth0 -j ACCEPT",
    "! -i eth+ -o lo -s 10.0.0.0/8 -d 10.0.0.1 -j ACCEPT",
    "-m statistic --mode random --probability 0.3333333333 -j ACCEPT",
    "-m statistic --mode random --probability 0.0001220703 -j ACCEPT",
    "-m statistic --mode random --probability 0.1428571429 -j ACCEPT",
    "-m statistic --mode random ! --probability 0.5 -j ACCEPT",
    "-m statistic --mode random --probability 1.0 -j ACCEPT",
    "-m statistic --mode random --probability 0 -j ACCEPT",
    "-m statistic --mode nth --every 3 --packet 0 -j ACCEPT",
    "-m statistic --mode nth ! --every 3 --packet 2 -j ACCEPT",
    "-m recent --name KUBE-SEP-X --rcheck --seconds 10800 --reap -j ACCEPT",
    "-m recent --name KUBE-SEP-X --set",
    "-m recent ! --update --name y --seconds 4 --hitcount 3 --rdest -j DROP",
    "-m recent --remove -j DROP",
    "-j LOG --log-prefix \"a b \"",
    "-j LOG",
    r#"-m comment --comment "say \"hi\" \\ there" -j ACCEPT"#,
    "-m comment --comment it's -j ACCEPT",
    "-m comment --comment a/b:c -j ACCEPT",
    "-m comment --comment a-b_c -j ACCEPT",
    "-m comment --comment \"a;b $x `y` <z>\" -j ACCEPT",
    "-m limit --limit 5/min -j ACCEPT",
    "-s 10.1.2.3/24 -j ACCEPT",
    "-p all -j ACCEPT",
    "-s 0.0.0.0/0 -d 0.0.0.0/0 -j ACCEPT",
    "-s 192.0.2.1,192.0.2.2 -j ACCEPT",
    "-p tcp -m comment --comment b -m tcp -m comment --comment c -m mark --mark 1 --dport 99 -j ACCEPT",
    "-p icmp -m icmp --icmp-type 8 -j ACCEPT",
];

/// Rules of table nat.
const NAT: &[&str] = &[
    "-m mark ! --mark 0x00004000/0x00004000 -j RETURN",
    "-j MARK --xor-mark 0x00004000",
    "-j MARK --or-mark 0x00004000",
    "-j MARK --and-mark 0xffffbfff",
    "-j MARK --set-mark 0x1/0xf",
    "-j MARK --set-mark 1",
    "-j MARK --set-xmark 0x4000/0x4000",
    "-j MASQUERADE --random-fully",
    "-j MASQUERADE",
    "-p tcp -j MASQUERADE --to-ports 1024-2000 --random-fully",
    "-p tcp -j MASQUERADE --to-ports 1024",
    "-p tcp -j DNAT --to-destination 1.2.3.4:80",
    "-p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.9:80-90 --random --persistent",
    "-j DNAT --to-destination 1.2.3.4",
    "-p tcp -j DNAT --to-destination :80",
    "-p tcp -j SNAT --to-source 1.2.3.4-1.2.3.9:80-90 --random-fully",
    "-j SNAT --to-source 1.2.3.4",
    "-p tcp -j SNAT --to-source :8000-9000",
    "-p tcp -j REDIRECT --to-ports 80",
    "-p tcp -j REDIRECT",
    r#"-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j OTHER"#,
    "-m comment --comment ns1/svc1 -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80",
];

const FILTER_V6: &[&str] = &[
    "-m recent --set --name x",
    "-d ::1 -p icmpv6 -j REJECT",
    "-p icmpv6 -m icmp6 --icmpv6-type 128 -j ACCEPT",
    "-j REJECT --reject-with adm-prohibited",
    "-j REJECT --reject-with addr-unreach",
    "-j REJECT --reject-with no-route",
    "-j REJECT --reject-with icmp6-policy-fail",
    "-j REJECT --reject-with icmp6-reject-route",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-m addrtype --dst-type LOCAL ! -d ::1/128 -j OTHER",
    "-s fd00::1/64 -j OTHER",
];

const NAT_V6: &[&str] = &[
    "-p tcp -j DNAT --to-destination [fd00::1]:80",
    "-p tcp -j DNAT --to-destination fd00::1",
    "-p tcp -j DNAT --to-destination [fd00::1]",
    "-p tcp -j SNAT --to-source [fd00::1-fd00::4]:80-90",
    "-p tcp -j SNAT --to-source fd00::1-fd00::4",
    "-j MASQUERADE",
];

fn table(name: &str, rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("-A A-CHAIN {rule}\n")).collect();
    format!("*{name}\n:OTHER - [0:0]\n:A-CHAIN - [0:0]\n{rules}COMMIT\n")
}

/// An empty network namespace, removed with the value.
struct Namespace(String);

impl Namespace {
    fn new(purpose: &str) -> Result<Self, String> {
        let name = format!("netfilter-{purpose}-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output();
        match made {
            Ok(output) if output.status.success() => Ok(Self(name)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("ip: {error}")),
        }
    }

    fn run(&self, command: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn agrees(variant: &str, purpose: &str, family: Family, rules: [&[&str]; 2]) {
    let (tool, restore, save) = match family {
        Family::V4 => ("iptables", format!("iptables-{variant}-restore"), format!("iptables-{variant}-save")),
        Family::V6 => {
            ("ip6tables", format!("ip6tables-{variant}-restore"), format!("ip6tables-{variant}-save"))
        }
    };
    let namespace = match Namespace::new(purpose) {
        Ok(namespace) => namespace,
        Err(why) => return println!("skipped: no network namespace could be made: {why}"),
    };
    if let Err(why) = namespace.run(&[&save], "") {
        return println!("skipped: {save} does not run here: {why}");
    }
    let [filter, nat] = rules;
    let text = table("filter", filter) + &table("nat", nat);
    let parsed = parse(text.as_bytes(), family).unwrap();
    let ruleset = if family == Family::V4 { &parsed.ipv4 } else { &parsed.ipv6 };
    // What is loaded is printed by this crate, so the restore text is put to the test as well.
    let printed = ruleset.text(family, Form::Restore(MarkText::EightDigits)).to_string();
    namespace.run(&[&restore], &printed).unwrap_or_else(|error| panic!("{restore}: {error}\n{printed}"));
    let mut real = String::new();
    for table in ["filter", "nat"] {
        let saved = namespace.run(&[&save, "-t", table], "").unwrap();
        real.extend(saved.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")));
    }
    let ours = ruleset.text(family, Form::Save).to_string();
    for (ours, real) in ours.lines().zip(real.lines()) {
        assert_eq!(ours, real, "{tool} ({variant})");
    }
    assert_eq!(ours, real, "{tool} ({variant})");
    let again = parse(real.as_bytes(), family).unwrap();
    let again = if family == Family::V4 { again.ipv4 } else { again.ipv6 };
    assert_eq!(again.text(family, Form::Save).to_string(), real, "{tool} ({variant})");
}

#[test]
fn nft_iptables_save_prints_the_same() {
    agrees("nft", "save-n4", Family::V4, [FILTER, NAT]);
}

#[test]
fn nft_ip6tables_save_prints_the_same() {
    agrees("nft", "save-n6", Family::V6, [FILTER_V6, NAT_V6]);
}

#[test]
fn legacy_iptables_save_prints_the_same() {
    agrees("legacy", "save-l4", Family::V4, [FILTER, NAT]);
}

#[test]
fn legacy_ip6tables_save_prints_the_same() {
    agrees("legacy", "save-l6", Family::V6, [FILTER_V6, NAT_V6]);
}
