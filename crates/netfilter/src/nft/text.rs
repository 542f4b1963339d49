//! The two texts of a table: what is fed to `nft -f`, and what `nft list table` prints of it.

use super::{Base, BaseKind, Element, Elements, Key, Nets, Rule, Set, Side, Statement, Table, Verdict};
use crate::{Family, Hook};
use ipnet::IpNet;
use std::{fmt, net::IpAddr};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Commands for `nft -f`, in the words of kube-proxy.
    Load,
    /// As `nft list table` prints it, but each element of a set on a line of its own.
    List,
}

/// Prints a table; made by [`Table::text`].
#[derive(Debug, Clone, Copy)]
pub struct TableText<'a>(&'a Table, Form);

/// Prints a rule without its chain; made by [`Table::rule_text`].
#[derive(Debug, Clone, Copy)]
pub struct RuleText<'a>(&'a Table, &'a Rule, Form);

impl Table {
    /// The whole table. As commands: the table, its chains, its sets, rules by chain, elements.
    pub fn text(&self, form: Form) -> TableText<'_> {
        TableText(self, form)
    }

    /// One rule of it.
    pub fn rule_text<'a>(&'a self, rule: &'a Rule, form: Form) -> RuleText<'a> {
        RuleText(self, rule, form)
    }

    /// An element of a map: `10.0.0.1 . tcp . 80 : goto CHAIN`.
    pub fn element_text(&self, key: &Key, element: &Element) -> String {
        element_text(self, key, element)
    }

    /// `ip NAME`.
    pub fn head(&self) -> String {
        format!("{} {}", ip(self.family), self.name)
    }
}

fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

impl fmt::Display for TableText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Form::Load => load(f, self.0),
            Form::List => list(f, self.0),
        }
    }
}

fn load(f: &mut fmt::Formatter<'_>, table: &Table) -> fmt::Result {
    let head = table.head();
    write!(f, "add table {head}")?;
    braces(f, &[comment(table.comment)])?;
    for chain in &table.chains {
        write!(f, "add chain {head} {}", chain.name)?;
        let base = chain.base.map(|base| {
            let (kind, hook) = (kind(base.kind), base.hook.chain().to_ascii_lowercase());
            format!("type {kind} hook {hook} priority {}", base.priority)
        });
        braces(f, &[base.unwrap_or_default(), comment(chain.comment)])?;
    }
    for set in &table.sets {
        write!(f, "add {} {head} {}", set_kind(set), set.name)?;
        let [kind, flags, timeout] = set_type(set, table.family, Form::Load);
        braces(f, &[kind, flags, timeout, comment(set.comment)])?;
    }
    for chain in &table.chains {
        for rule in &chain.rules {
            writeln!(f, "add rule {head} {} {}", chain.name, table.rule_text(rule, Form::Load))?;
        }
    }
    for set in &table.sets {
        elements(table, set, |element| writeln!(f, "add element {head} {} {{ {element} }}", set.name))?;
    }
    Ok(())
}

fn list(f: &mut fmt::Formatter<'_>, table: &Table) -> fmt::Result {
    writeln!(f, "table {} {{", table.head())?;
    let line = |f: &mut fmt::Formatter<'_>, text: String| {
        if text.is_empty() { Ok(()) } else { writeln!(f, "\t\t{text}") }
    };
    if !table.comment.is_empty() {
        writeln!(f, "\t{}\n", comment(table.comment))?;
    }
    for set in &table.sets {
        writeln!(f, "\t{} {} {{", set_kind(set), set.name)?;
        let [kind, flags, timeout] = set_type(set, table.family, Form::List);
        for text in [kind, set_size(set).to_owned(), flags, timeout, comment(set.comment)] {
            line(f, text)?;
        }
        let mut before = "\t\telements = { ";
        elements(table, set, |element| {
            write!(f, "{before}{element}")?;
            before = ",\n\t\t\t     ";
            Ok(())
        })?;
        f.write_str(if before.starts_with(',') { " }\n\t}\n\n" } else { "\t}\n\n" })?;
    }
    for (at, chain) in table.chains.iter().enumerate() {
        writeln!(f, "{}\tchain {} {{", if at == 0 { "" } else { "\n" }, chain.name)?;
        line(f, comment(chain.comment))?;
        if let Some(base) = chain.base {
            let (kind, hook) = (kind(base.kind), base.hook.chain().to_ascii_lowercase());
            line(f, format!("type {kind} hook {hook} priority {}; policy accept;", priority(base)))?;
        }
        for rule in &chain.rules {
            writeln!(f, "\t\t{}", table.rule_text(rule, Form::List))?;
        }
        f.write_str("\t}\n")?;
    }
    f.write_str("}\n")
}

/// ` { a ; b ; }` and the end of the line.
fn braces(f: &mut fmt::Formatter<'_>, parts: &[String]) -> fmt::Result {
    let mut open = false;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        f.write_str(if open { " " } else { " { " })?;
        open = true;
        write!(f, "{part} ;")?;
    }
    f.write_str(if open { " }\n" } else { "\n" })
}

/// The priority as nft lists it: a name and up to ten more or less, where the hook has such a name.
fn priority(base: Base) -> String {
    let names = match base.hook {
        Hook::Prerouting => [(0, "filter"), (-100, "dstnat")],
        Hook::Postrouting => [(0, "filter"), (100, "srcnat")],
        Hook::Input | Hook::Forward | Hook::Output => [(0, "filter"), (50, "security")],
    };
    let near = names.into_iter().find(|(value, _)| base.priority.abs_diff(*value) <= 10);
    match near.map(|(value, name)| (name, base.priority - value)) {
        None => base.priority.to_string(),
        Some((name, 0)) => name.to_owned(),
        Some((name, more)) => {
            format!("{name} {} {}", if more < 0 { '-' } else { '+' }, more.unsigned_abs())
        }
    }
}

fn kind(kind: BaseKind) -> &'static str {
    match kind {
        BaseKind::Filter => "filter",
        BaseKind::Nat => "nat",
    }
}

fn set_kind(set: &Set) -> &'static str {
    if matches!(set.elements, Elements::Verdicts { .. }) { "map" } else { "set" }
}

/// Type, flags and timeout.
fn set_type(set: &Set, family: Family, form: Form) -> [String; 3] {
    let address = match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    };
    let none = String::new;
    match &set.elements {
        Elements::Addresses(_) => [format!("type {address}"), none(), none()],
        Elements::Remembered { timeout } => {
            let timeout = if form == Form::Load { format!("{timeout}s") } else { duration(*timeout) };
            [format!("type {address}"), "flags dynamic,timeout".to_owned(), format!("timeout {timeout}")]
        }
        Elements::Verdicts { by_address, .. } => {
            let address = if *by_address { format!("{address} . ") } else { none() };
            [format!("type {address}inet_proto . inet_service : verdict"), none(), none()]
        }
    }
}

/// `3h`, `1m30s`.
fn duration(seconds: u32) -> String {
    let parts = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let mut left = seconds;
    let mut text = String::new();
    for (unit, letter) in parts {
        if left >= unit {
            text.push_str(&(left / unit).to_string());
            text.push(letter);
            left %= unit;
        }
    }
    text
}

/// nft gives a set that packets fill a size of its own.
fn set_size(set: &Set) -> &'static str {
    if matches!(set.elements, Elements::Remembered { .. }) { "size 65535" } else { "" }
}

fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("comment \"{text}\"") }
}

/// Hands out each element.
fn elements(
    table: &Table,
    set: &Set,
    mut each: impl FnMut(fmt::Arguments<'_>) -> fmt::Result,
) -> fmt::Result {
    match &set.elements {
        Elements::Addresses(addresses) => addresses.iter().try_for_each(|ip| each(format_args!("{ip}"))),
        Elements::Remembered { .. } => Ok(()),
        Elements::Verdicts { elements, .. } => elements
            .iter()
            .try_for_each(|(key, element)| each(format_args!("{}", element_text(table, key, element)))),
    }
}

fn element_text(table: &Table, key: &Key, element: &Element) -> String {
    let address = key.address.map(|ip| format!("{ip} . ")).unwrap_or_default();
    let (protocol, port, to) = (key.protocol, key.port, VerdictText(table, element.verdict));
    // What stands in quotes has no way to hold them.
    let quoted =
        |text: &str| comment(&text.replace(|letter: char| letter == '"' || letter.is_control(), "_"));
    let note = element.comment.as_deref().map(|text| format!(" {}", quoted(text))).unwrap_or_default();
    format!("{address}{protocol} . {port}{note} : {to}")
}

struct VerdictText<'a>(&'a Table, Verdict);

impl fmt::Display for VerdictText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, chain) = match self.1 {
            Verdict::Accept => return f.write_str("accept"),
            Verdict::Drop => return f.write_str("drop"),
            Verdict::Return => return f.write_str("return"),
            Verdict::Jump(chain) => ("jump", chain),
            Verdict::Goto(chain) => ("goto", chain),
        };
        write!(f, "{word} {}", self.0.chain(chain).map_or("", |chain| &*chain.name))
    }
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(table, rule, form) = *self;
        for (at, statement) in rule.statements.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write_statement(f, table, statement, form)?;
        }
        if rule.comment.is_empty() { Ok(()) } else { write!(f, " {}", comment(rule.comment)) }
    }
}

fn write_statement(
    f: &mut fmt::Formatter<'_>,
    table: &Table,
    statement: &Statement,
    form: Form,
) -> fmt::Result {
    let ip = ip(table.family);
    let set = |id| table.set(id).map_or("", |set| &*set.name);
    let unless = |not: bool| if not { "!= " } else { "" };
    match statement {
        Statement::Address { side, not, nets } => {
            write!(f, "{ip} {} {}", field(*side), unless(*not))?;
            let written = |net: &IpNet| {
                let whole = net.prefix_len() == net.max_prefix_len();
                if whole { net.addr().to_string() } else { net.to_string() }
            };
            // nft sorts an anonymous set and drops what others hold.
            let listed = |nets: &Vec<IpNet>| {
                let mut nets = IpNet::aggregate(nets);
                order::sort(&mut nets);
                nets
            };
            let (nets, bare) = match (nets, form) {
                (Nets::One(net), _) => (vec![*net], true),
                (Nets::Any(nets), Form::Load) => (nets.clone(), false),
                (Nets::Any(nets), Form::List) => (listed(nets), nets.len() == 1),
            };
            let nets: Vec<String> = nets.iter().map(written).collect();
            let nets = nets.join(", ");
            if bare { f.write_str(&nets) } else { write!(f, "{{ {nets} }}") }
        }
        Statement::InSet { side, set: id } => write!(f, "{ip} {} @{}", field(*side), set(*id)),
        Statement::Local(side) => write!(f, "fib {} type local", field(*side)),
        Statement::Interface { not, name } => {
            let name = name.as_str();
            let (name, star) = name.strip_suffix('+').map_or((name, ""), |name| (name, "*"));
            write!(f, "iifname {}\"{name}{star}\"", unless(*not))
        }
        Statement::Protocol(protocol) => write!(f, "meta l4proto {protocol}"),
        Statement::State(state) => write!(f, "ct state {}", state.name().to_ascii_lowercase()),
        Statement::Unmarked(mask) => match form {
            Form::Load => write!(f, "mark and {mask:#08x} == 0"),
            Form::List => write!(f, "meta mark & {mask:#010x} == 0x00000000"),
        },
        Statement::OrMark(mask) => mark(f, form, *mask, ["or", "|"]),
        Statement::XorMark(mask) => mark(f, form, *mask, ["xor", "^"]),
        Statement::Remember(id) => write!(f, "update @{} {{ {ip} saddr }}", set(*id)),
        Statement::Lookup(id) => {
            let by_address = table
                .set(*id)
                .is_some_and(|set| matches!(set.elements, Elements::Verdicts { by_address: true, .. }));
            if by_address {
                write!(f, "{ip} daddr . ")?;
            }
            write!(f, "meta l4proto . th dport vmap @{}", set(*id))
        }
        Statement::Choice(verdicts) => {
            write!(f, "numgen random mod {} vmap {{", verdicts.len())?;
            // kube-proxy sets a blank before each comma, nft none.
            let comma = if form == Form::Load { " ," } else { "," };
            for (at, verdict) in verdicts.iter().enumerate() {
                let sign = if at == 0 { "" } else { comma };
                write!(f, "{sign} {at} : {}", VerdictText(table, *verdict))?;
            }
            f.write_str(" }")
        }
        Statement::Verdict(verdict) => write!(f, "{}", VerdictText(table, *verdict)),
        Statement::Reject => f.write_str("reject"),
        Statement::Dnat(to) => write!(f, "dnat to {to}"),
        Statement::Masquerade { fully_random } => {
            f.write_str(if *fully_random { "masquerade fully-random" } else { "masquerade" })
        }
    }
}

fn mark(f: &mut fmt::Formatter<'_>, form: Form, mask: u32, [word, sign]: [&str; 2]) -> fmt::Result {
    match form {
        Form::Load => write!(f, "mark set mark {word} {mask:#08x}"),
        Form::List => write!(f, "meta mark set meta mark {sign} {mask:#010x}"),
    }
}

fn field(side: Side) -> &'static str {
    match side {
        Side::Source => "saddr",
        Side::Destination => "daddr",
    }
}

/// Whether an address is among networks.
pub(crate) fn contains(nets: &Nets, ip: IpAddr) -> bool {
    nets.all().iter().any(|net| net.contains(&ip))
}
