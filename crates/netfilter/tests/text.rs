//! Text in, rules, text out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use netfilter::{Family, Form, MarkText, Parsed, Target, parse};

const SHORT: Form = Form::Restore(MarkText::Short);

fn read(text: &str, family: Family) -> Parsed {
    parse(text.as_bytes(), family).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// One rule in a chain `X` of table filter, beside a chain `Y`.
fn rule(words: &str, family: Family) -> Parsed {
    read(&format!("*filter\n:X - [0:0]\n:Y - [0:0]\n-A X {words}\nCOMMIT\n"), family)
}

fn printed(parsed: &Parsed, family: Family, form: Form) -> String {
    let ruleset = if family == Family::V4 { &parsed.ipv4 } else { &parsed.ipv6 };
    let rules = ruleset.tables.values().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
    rules.map(|rule| rule.text(family, form).to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_kube_proxy_writes_is_printed_word_for_word() {
    let lines = [
        "-m mark ! --mark 0x00004000/0x00004000 -j RETURN",
        "-j MARK --xor-mark 0x00004000",
        "-j MARK --or-mark 0x00004000",
        r#"-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully"#,
        r#"-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"#,
        "-m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP",
        r#"-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O"#,
        r#"-m comment --comment "ns1/svc1 has no endpoints" -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j REJECT"#,
        "-m comment --comment ns1/svc1:p80 -m tcp -p tcp -d 127.0.0.0/8 --dport 3001 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-XPGD46QRK7WJZT7O",
        r#"-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ"#,
        r#"-m comment --comment "ns1/svc1 -> 10.180.0.1:80" -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --rcheck --seconds 10800 --reap -j KUBE-SEP-SXIVWICOYRO3J4NJ"#,
        r#"-m comment --comment "ns1/svc1 -> 10.180.0.1:80" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-SXIVWICOYRO3J4NJ"#,
        "-m comment --comment ns1/svc1 -s 10.180.0.1 -j KUBE-MARK-MASQ",
        "-m comment --comment ns1/svc1 -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80",
        r#"-m comment --comment "ns1/svc1 loadbalancer IP" -s 203.0.113.7/32 -j KUBE-EXT-XPGD46QRK7WJZT7O"#,
    ];
    let chains = [
        "KUBE-SVC-XPGD46QRK7WJZT7O",
        "KUBE-EXT-XPGD46QRK7WJZT7O",
        "KUBE-SEP-SXIVWICOYRO3J4NJ",
        "KUBE-MARK-MASQ",
    ];
    let mut text = String::from("*nat\n:X - [0:0]\n");
    for chain in chains {
        text.push_str(&format!(":{chain} - [0:0]\n"));
    }
    for line in lines {
        text.push_str(&format!("-A X {line}\n"));
    }
    text.push_str("-X KUBE-MARK-MASQ\nCOMMIT\n");
    let parsed = read(&text, Family::V4);
    assert_eq!(parsed.unmodelled, []);
    assert_eq!(parsed.ipv4.text(Family::V4, Form::KUBE_PROXY).to_string(), text);
    // Upstream's tests have the short mark.
    let short = text.replace("0x00004000", "0x4000");
    assert_eq!(parsed.ipv4.text(Family::V4, SHORT).to_string(), short);
}

#[test]
fn ipv6_restore_text_keeps_lengths_and_brackets() {
    for words in [
        "-m addrtype --dst-type LOCAL ! -d ::1/128 -j Y",
        "-s fd00::5 -j Y",
        "-p tcp -j DNAT --to-destination [fd00:10:180::1]:80",
    ] {
        assert_eq!(printed(&rule(words, Family::V6), Family::V6, SHORT), words);
    }
}

#[test]
fn words_in_any_spelling_are_read() {
    let cases = [
        ("--protocol TCP --source 10.0.0.0/255.0.0.0 --jump ACCEPT", "-p tcp -s 10.0.0.0/8 -j ACCEPT"),
        ("-s ! 10.0.0.1 -j DROP", "! -s 10.0.0.1 -j DROP"),
        ("-p 6 --destination-port=80 -j ACCEPT", "-p tcp --dport 80 -j ACCEPT"),
        ("-p tcp --syn -j ACCEPT", "-p tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT"),
        ("-p all -g Y", "-g Y"),
        ("-c 5 6 -j ACCEPT", "-j ACCEPT"),
        ("-j ACCEPT -p tcp -m mark --mark 1 --dport 9", "-p tcp -m mark --mark 0x1 --dport 9 -j ACCEPT"),
        ("-j MARK --set-mark 1", "-j MARK --set-xmark 0x1/0xffffffff"),
        ("-j REJECT --reject-with port-unreach", "-j REJECT --reject-with icmp-port-unreachable"),
        ("-j CT --notrack", "-j NOTRACK"),
        (r#"-m comment --comment "a \"b\" c" -j Y"#, r#"-m comment --comment "a \"b\" c" -j Y"#),
        ("-s 10.0.0.1,10.0.0.2 -j Y", "-s 10.0.0.1 -j Y\n-s 10.0.0.2 -j Y"),
    ];
    for (words, expected) in cases {
        let parsed = rule(words, Family::V4);
        assert_eq!(parsed.unmodelled, [], "{words}");
        assert_eq!(printed(&parsed, Family::V4, SHORT), expected, "{words}");
    }
}

#[test]
fn what_has_no_model_is_kept_and_listed() {
    let cases = [
        ("-m limit --limit 5/min -j ACCEPT", "-m limit --limit 5/min"),
        (
            "-m set ! --match-set azure-npm-1 dst,dst -p tcp -j DROP",
            "-m set ! --match-set azure-npm-1 dst,dst",
        ),
        (
            "-p tcp -m conntrack --ctstate NEW --ctdir ORIGINAL -j Y",
            "-m conntrack --ctstate NEW --ctdir ORIGINAL",
        ),
        ("-p icmp -m icmp --icmp-type 8 -j ACCEPT", "-m icmp --icmp-type 8"),
        ("-p tcp --dport http -j ACCEPT", "--dport http"),
        ("-s 10.0.0.0/255.0.255.0 -j DROP", "-s 10.0.0.0/255.0.255.0"),
        ("-j NFQUEUE --queue-num 1", "NFQUEUE --queue-num 1"),
        ("-j SOMETHING --with options", "SOMETHING --with options"),
    ];
    for (words, kept) in cases {
        let parsed = rule(words, Family::V4);
        let listed: Vec<_> = parsed.unmodelled.iter().map(|one| (one.line, &*one.text)).collect();
        assert_eq!(listed, [(4, kept)], "{words}");
        let again = printed(&parsed, Family::V4, SHORT);
        assert!(again.contains(kept), "{again}");
        assert_eq!(rule(&again, Family::V4).ipv4, parsed.ipv4, "{words}");
    }
}

#[test]
fn targets_without_consequence_are_modelled_as_going_on() {
    for words in ["TCPMSS --clamp-mss-to-pmtu", "NFLOG --nflog-prefix x", "CONNMARK --save-mark"] {
        let parsed = rule(&format!("-j {words}"), Family::V4);
        assert_eq!(parsed.unmodelled, []);
        let table = parsed.ipv4.tables.values().next().unwrap();
        assert_eq!(table.chains[0].rules[0].target, Target::Continue(words.into()));
    }
}

#[test]
fn both_families_of_one_dump_are_told_apart() {
    let text = "\
# Generated by iptables-save v1.8.9 (nf_tables) on Sat Nov 21 08:33:55 2026
*filter
:INPUT DROP [12:3456]
:X - [0:0]
[5:300] -A INPUT -s 10.0.0.1/32 -j X
-I INPUT 1 -i lo -j ACCEPT
COMMIT
# Completed
# Generated by ip6tables-save v1.8.9 (nf_tables) on Sat Nov 21 08:33:55 2026
*filter
:INPUT ACCEPT [0:0]
-A INPUT -s fd00::1/128 -j ACCEPT
COMMIT
";
    let parsed = read(text, Family::V6);
    let v4 = "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -s 10.0.0.1/32 -j X\nCOMMIT\n";
    let v6 = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s fd00::1/128 -j ACCEPT\nCOMMIT\n";
    assert_eq!(parsed.ipv4.text(Family::V4, SHORT).to_string(), v4);
    assert_eq!(parsed.ipv6.text(Family::V6, SHORT).to_string(), v6);
    // The line of each rule is known, wherever it was inserted.
    assert_eq!(parsed.lines.values().copied().collect::<Vec<_>>(), [6, 5, 12]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases: [(&[u8], &str); 22] = [
        (
            b"*filter\n-A INPUT -j NOWHERE\nCOMMIT\n",
            "line 2: there is no chain or target `NOWHERE` in table filter (a chain is declared by a line such as :NAME - [0:0])",
        ),
        (
            b"*filter\n:A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -g A\nCOMMIT\n",
            "line 5: the jump to `A` closes a loop of chains (the kernel refuses rules that can send a packet round for ever)",
        ),
        (
            b"*filter\n:A - [0:0]\n-A A -j A\nCOMMIT\n",
            "line 3: the jump to `A` closes a loop of chains (the kernel refuses rules that can send a packet round for ever)",
        ),
        (
            b"*filter\n-A X -j DROP\nCOMMIT\n",
            "line 2: table filter has no chain `X`, or no rule of that number (a chain is declared by a line such as :NAME - [0:0])",
        ),
        (b"\x7fELF\x02\x01\x01\n", "line 1: the line has control characters (is this a text file?)"),
        (
            b"*filter\n-A INPUT -s \xff\xfe\n",
            "line 2: the line is not text (a file printed by iptables-save is UTF-8)",
        ),
        (b"hello\n", "line 1: `hello` stands outside a table (a table begins with a line such as *filter)"),
        (b"*flter\n", "line 1: there is no table `flter` (tables are raw, mangle, nat, filter and security)"),
        (
            b"*filter\n-A INPUT -s 10.0.0.300 -j DROP\n",
            "line 2: `10.0.0.300` is not an address or network (names of hosts are not looked up)",
        ),
        (
            b"*filter\n-A INPUT -s fd00::1 -j DROP\n",
            "line 2: `fd00::1` is of the other address family than this file (the text of ip6tables-save begins with its own heading, # Generated by ip6tables-save)",
        ),
        (
            b"*filter\n-A INPUT -p tcpp -j DROP\n",
            "line 2: `tcpp` is not a protocol (unusual protocols can be given by number)",
        ),
        (
            b"*filter\n-A INPUT -m comment --comment \"open -j DROP\n",
            "line 2: a quote is not closed (a quote within quotes is written \\\")",
        ),
        (b"*filter\n-A INPUT -j\n", "line 2: `-j` lacks its argument"),
        (b"*filter\n-A INPUT -s\n", "line 2: `-s` lacks its argument"),
        (b"*filter\n-A INPUT stray -j DROP\n", "line 2: `stray` is not understood"),
        (b"*filter\n-B INPUT -j DROP\n", "line 2: `-B` is not a command (a rule begins with -A CHAIN)"),
        (
            b"*filter\n:INPUT MAYBE [0:0]\n",
            "line 2: `MAYBE` is not a policy (a policy is ACCEPT or DROP, or - for a chain that is not built in)",
        ),
        (b"*filter\n-A INPUT -j DROP\n", "line 3: the last table has no COMMIT (the file may be cut off)"),
        (b"*filter\n-A INPUT -j DROP -j ACCEPT\n", "line 2: the rule has two targets"),
        // The kernel: "ipt_REJECT: TCP_RESET invalid for non-tcp".
        (
            b"*filter\n-A INPUT -j REJECT --reject-with tcp-reset\n",
            "line 2: `--reject-with tcp-reset` is for TCP only (the rule needs -p tcp before it)",
        ),
        (
            b"*filter\n-A INPUT -p udp -j REJECT --reject-with tcp-reset\n",
            "line 2: `--reject-with tcp-reset` is for TCP only (the rule needs -p tcp before it)",
        ),
        (
            b"*filter\n-A INPUT ! -p tcp -j REJECT --reject-with tcp-reset\n",
            "line 2: `--reject-with tcp-reset` is for TCP only (the rule needs -p tcp before it)",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text, Family::V4).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let long = [b"*filter\n-A INPUT ".as_slice(), &vec![b'x'; 70_000]].concat();
    assert_eq!(
        parse(&long, Family::V4).unwrap_err().to_string(),
        "line 2: the line has 70009 bytes (at most 65536)"
    );
    let lists = format!("*filter\n-A INPUT -s {0} -d {0} -j DROP\n", vec!["10.0.0.1"; 1000].join(","));
    let error = parse(lists.as_bytes(), Family::V4).unwrap_err();
    assert_eq!(error.to_string(), "line 2: the lists of addresses stand for more than 4096 rules");
    // A short file may stand for many rules, and does not take the memory of all of them.
    let list = vec!["10.0.0.1"; 64].join(",");
    let lists = format!("*filter\n{}COMMIT\n", format!("-A INPUT -s {list} -d {list} -j DROP\n").repeat(300));
    let error = parse(lists.as_bytes(), Family::V4).unwrap_err();
    assert_eq!(error.to_string(), "line 246: the file stands for more than 1000000 rules");
}

#[test]
fn resets_are_for_tcp() {
    let text = "*filter\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n";
    assert_eq!(read(text, Family::V4).lines.len(), 1);
}

#[test]
fn a_hundred_thousand_rules_or_chains_are_no_trouble() {
    let many = "-I INPUT 2 -s 10.0.0.1 -j DROP\n".repeat(100_000);
    let text = format!("*filter\n-A INPUT -j ACCEPT\n{many}COMMIT\n");
    let parsed = read(&text, Family::V4);
    assert_eq!(parsed.lines.len(), 100_001);
    // A row of chains as long as that, each leading to the next.
    let mut text = String::from("*filter\n");
    for i in 0..100_000 {
        text.push_str(&format!(":C{i} - [0:0]\n"));
    }
    for i in 0..99_999 {
        text.push_str(&format!("-A C{i} -j C{}\n", i + 1));
    }
    let closed = format!("{text}-A C99999 -j C0\nCOMMIT\n");
    text.push_str("COMMIT\n");
    assert_eq!(read(&text, Family::V4).lines.len(), 99_999);
    let error = parse(closed.as_bytes(), Family::V4).unwrap_err();
    assert_eq!((error.line, &*error.what), (200_001, "the jump to `C0` closes a loop of chains"));
}

#[test]
fn text_cannot_smuggle_lines() {
    use netfilter::{Match, Rule};
    let evil = Rule {
        matches: vec![Match::Comment("x\nCOMMIT\n*nat".into()), Match::Unsupported("-m y\n-F".into())],
        target: Target::Unsupported("Z\n-F".into()),
    };
    for form in [Form::KUBE_PROXY, Form::Save] {
        let text = evil.line("X", Family::V4, form).to_string();
        assert_eq!(text, r#"-A X -m comment --comment "x COMMIT *nat" -m y -F -j Z -F"#);
    }
}
