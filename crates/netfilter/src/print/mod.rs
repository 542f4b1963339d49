//! The two texts of a rule: what is fed to `iptables-restore`, and what `iptables-save` prints of it.

mod matches;
mod target;

use crate::{Chain, Family, Rule, Ruleset, TableName};
use std::fmt;

/// How rules are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As written: matches in their own order. Text for `iptables-restore`.
    Restore(MarkText),
    /// As `iptables-save` 1.8 prints the loaded rule.
    Save,
}

impl Form {
    /// The text that kube-proxy feeds to `iptables-restore`.
    pub const KUBE_PROXY: Self = Self::Restore(MarkText::EightDigits);
}

/// How restore text writes marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkText {
    /// `0x00004000`: kube-proxy.
    EightDigits,
    /// `0x4000`: people, and kube-proxy's own tests.
    Short,
}

/// Prints a rule without its chain; made by [`Rule::text`].
#[derive(Debug, Clone, Copy)]
pub struct RuleText<'a> {
    rule: &'a Rule,
    chain: Option<&'a str>,
    family: Family,
    form: Form,
}

impl Rule {
    /// The rule's words from its first match to its target.
    pub fn text(&self, family: Family, form: Form) -> RuleText<'_> {
        RuleText { rule: self, chain: None, family, form }
    }

    /// The rule's line: `-A CHAIN …`.
    pub fn line<'a>(&'a self, chain: &'a str, family: Family, form: Form) -> RuleText<'a> {
        RuleText { rule: self, chain: Some(chain), family, form }
    }
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Words { f, first: true, family: self.family, form: self.form };
        if let Some(chain) = self.chain {
            words.two("-A", &chain)?;
        }
        match self.form {
            Form::Restore(_) => matches::restore(&mut words, &self.rule.matches)?,
            Form::Save => matches::save(&mut words, &self.rule.matches)?,
        }
        target::write(&mut words, &self.rule.target)
    }
}

/// Prints a whole ruleset; made by [`Ruleset::text`].
#[derive(Debug, Clone, Copy)]
pub struct RulesetText<'a> {
    ruleset: &'a Ruleset,
    family: Family,
    form: Form,
}

impl Ruleset {
    /// The whole ruleset: tables by name, chain lines, rules by chain, deletions, `COMMIT`.
    ///
    /// As save text every table that is present shows all of its built-in chains first and then its own
    /// chains by name, as `iptables-save` does.
    pub fn text(&self, family: Family, form: Form) -> RulesetText<'_> {
        RulesetText { ruleset: self, family, form }
    }
}

impl fmt::Display for RulesetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tables: Vec<_> = self.ruleset.tables.iter().collect();
        order::sort_by_key(&mut tables, |(name, _)| name.name());
        for (name, table) in tables {
            writeln!(f, "*{name}")?;
            let mut chains: Vec<&Chain> = table.chains.iter().collect();
            if self.form == Form::Save {
                for hook in name.hooks() {
                    if !chains.iter().any(|chain| chain.name.as_str() == hook.chain()) {
                        writeln!(f, ":{} ACCEPT [0:0]", hook.chain())?;
                    }
                }
                order::sort_by_key(&mut chains, |chain| save_rank(*name, chain));
            }
            for chain in &chains {
                let policy = chain.policy.map_or("-", crate::Policy::name);
                writeln!(f, ":{} {policy} [0:0]", chain.name)?;
            }
            for chain in &chains {
                for rule in &chain.rules {
                    writeln!(f, "{}", rule.line(&chain.name, self.family, self.form))?;
                }
            }
            if matches!(self.form, Form::Restore(_)) {
                for chain in &table.deletions {
                    writeln!(f, "-X {chain}")?;
                }
            }
            writeln!(f, "COMMIT")?;
        }
        Ok(())
    }
}

/// Built-in chains in the order of the hooks, then the others by name.
fn save_rank(table: TableName, chain: &Chain) -> (usize, &str) {
    let hooks = table.hooks();
    let place = hooks.iter().position(|hook| hook.chain() == chain.name.as_str());
    (place.unwrap_or(hooks.len()), chain.name.as_str())
}

/// Words with single blanks between them.
struct Words<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    first: bool,
    family: Family,
    form: Form,
}

impl Words<'_, '_> {
    fn word(&mut self, word: &str) -> fmt::Result {
        self.gap()?;
        self.f.write_str(word)
    }

    fn gap(&mut self) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.f.write_str(" ")?;
        }
        Ok(())
    }

    /// An option and its argument.
    fn two(&mut self, option: &str, argument: &dyn fmt::Display) -> fmt::Result {
        self.word(option)?;
        write!(self.f, " {argument}")
    }

    /// An option that can be inverted, and its argument.
    fn inverted(&mut self, not: bool, option: &str, argument: &dyn fmt::Display) -> fmt::Result {
        if not {
            self.word("!")?;
        }
        self.two(option, argument)
    }

    fn mark(&mut self, value: u32) -> fmt::Result {
        match self.form {
            Form::Restore(MarkText::EightDigits) => write!(self.f, "{value:#010x}"),
            Form::Restore(MarkText::Short) | Form::Save => write!(self.f, "{value:#x}"),
        }
    }

    /// `VALUE/MASK`.
    fn masked(&mut self, value: u32, mask: u32) -> fmt::Result {
        self.mark(value)?;
        self.f.write_str("/")?;
        self.mark(mask)
    }

    /// Free text, in quotes where the form's reader needs them.
    ///
    /// Control characters cannot stand in a line; a blank takes their place.
    fn free(&mut self, text: &str) -> fmt::Result {
        self.gap()?;
        let plain = match self.form {
            // kube-proxy writes names such as `ns/svc:port` bare.
            Form::Restore(_) => {
                let bare = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\');
                !text.is_empty() && text.chars().all(bare) && !text.starts_with(['!', '-', '#'])
            }
            Form::Save => {
                let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                !text.is_empty() && text.chars().all(bare)
            }
        };
        if plain {
            return self.f.write_str(text);
        }
        self.f.write_str("\"")?;
        for c in text.chars() {
            let escaped = matches!(c, '"' | '\\') || (c == '\'' && self.form == Form::Save);
            if escaped {
                self.f.write_str("\\")?;
            }
            fmt::Write::write_char(self.f, if c.is_control() { ' ' } else { c })?;
        }
        self.f.write_str("\"")
    }

    /// Text of something that is not modelled, as written but on one line.
    fn verbatim(&mut self, text: &str) -> fmt::Result {
        self.gap()?;
        if text.contains(char::is_control) {
            return self.f.write_str(&text.replace(char::is_control, " "));
        }
        self.f.write_str(text)
    }
}
