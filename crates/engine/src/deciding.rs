//! What is read off a rule of iptables that decided.

use model::Key;
use netfilter::{Chain, Event, Family, Kernel, Match, Rule, Target};
use std::net::IpAddr;

/// ip-masq-agent's chain.
pub(crate) const MASQ_AGENT: &str = "IP-MASQ-AGENT";

/// The change of the mark, if the very next rule makes one.
pub(crate) fn following_mark<'e>(kernel: &Kernel, family: Family, rest: &'e [Event]) -> Option<&'e Event> {
    match rest {
        [Event::Matched { rule, .. }, mark @ Event::Mark { .. }, ..]
            if is_in(kernel.rule(family, *rule), "KUBE-MARK-MASQ") =>
        {
            Some(mark)
        }
        _ => None,
    }
}

fn is_in(rule: Option<(&Chain, &Rule)>, name: &str) -> bool {
    rule.is_some_and(|(chain, _)| chain.name.as_str() == name)
}

/// Cilium's exception for pods on the node.
pub(crate) fn is_local_exit(rule: &Rule) -> bool {
    rule.matches.iter().any(|condition| matches!(condition, Match::OutInterface { not: true, .. }))
}

pub(crate) fn is_masq_agent(chain: &Chain) -> bool {
    chain.name.as_str() == MASQ_AGENT
}

pub(crate) fn jump_target(rule: &Rule) -> Option<&str> {
    match &rule.target {
        Target::Jump(target) | Target::Goto(target) => Some(target.as_str()),
        _ => None,
    }
}

pub(crate) fn comment(rule: &Rule) -> Option<&str> {
    rule.matches.iter().find_map(|condition| match condition {
        Match::Comment(text) => Some(&**text),
        _ => None,
    })
}

/// The Service that kube-proxy's comment names: `ns/svc:port …` or `… for ns/svc:port …`.
pub(crate) fn commented_service(rule: &Rule) -> Option<Key> {
    commented_name(rule)?.parse().ok()
}

/// Whether kube-proxy's comment begins with the name of a Service that [`commented_name`] gave before. Such a name has
/// neither blanks nor colons, and one slash.
pub(crate) fn speaks_of(rule: &Rule, known: &Key) -> bool {
    let rest = |text: &'_ str| {
        let named = text.strip_prefix(&*known.namespace)?.strip_prefix('/')?.strip_prefix(&*known.name)?;
        Some(matches!(named.as_bytes().first(), None | Some(b' ' | b':')))
    };
    comment(rule).and_then(rest).unwrap_or_default()
}

pub(crate) fn commented_name(rule: &Rule) -> Option<&str> {
    // Bytes are quicker to look through than patterns, and all that is looked for is ASCII.
    let text = comment(rule)?;
    let bytes = text.as_bytes();
    // Most comments of others have no slash, which is found out several bytes at a time.
    if !bytes.contains(&b'/') {
        return None;
    }
    let slash = bytes.iter().position(|byte| *byte == b'/')?;
    let (before, after) = bytes.split_at(slash);
    let start = before.iter().rposition(|byte| *byte == b' ').map_or(0, |blank| blank + 1);
    let end = after.iter().position(|byte| matches!(byte, b' ' | b':')).map_or(bytes.len(), |at| slash + at);
    text.get(start..end).filter(|name| !name.as_bytes().iter().take(slash - start).any(|byte| *byte == b':'))
}

/// Why a packet is not masqueraded.
pub(crate) const UNMARKED: &str =
    "The packet carries no masquerade mark, so its source stays as it is: the receiver sees it.";

/// Why a packet is masqueraded.
pub(crate) fn masquerade_words(source: IpAddr) -> String {
    format!(
        "The mark asks for it: the source becomes {source}, this node's address on the way out, so that the answer comes back here. The receiver sees the node, not the client."
    )
}

/// An address with its port, where there is one: `10.0.0.1:80`, `[fd00::1]:80`, and `10.0.0.1` of an echo request. The
/// unspecified address stands for one that is not known: `?:80`.
pub fn socket(ip: IpAddr, port: u16) -> String {
    match port {
        _ if ip.is_unspecified() => format!("?:{port}"),
        0 => ip.to_string(),
        _ => std::net::SocketAddr::new(ip, port).to_string(),
    }
}
