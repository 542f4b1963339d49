//! One command line: `-A CHAIN …` and its kin.

use super::{
    ParseError, Unmodelled,
    build::{Builder, MOST_RULES, NoSuch, NotAdded},
    reader::rules,
    shorten,
    words::{self, Word},
};
use crate::{ChainName, Family, Policy, TableName};

/// Where a line stands.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub line: u32,
    pub family: Family,
    pub table: TableName,
}

impl Context {
    pub(super) fn error(self, what: impl Into<String>, hint: &'static str) -> ParseError {
        ParseError::new(self.line, what, hint)
    }
}

/// Reads a command into the builder.
pub(super) fn command(
    builder: &mut Builder,
    unmodelled: &mut Vec<Unmodelled>,
    context: Context,
    text: &str,
) -> Result<(), ParseError> {
    let text = without_counters(text);
    let words = words::split(text)
        .map_err(|_| context.error("a quote is not closed", "a quote within quotes is written \\\""))?;
    let name = |at: usize| chain_name(context.line, words.get(at).map_or("", |word| &word.text));
    let no_chain = |chain: ChainName| {
        move |_: NoSuch| {
            context.error(
                format!("table {} has no chain `{chain}`, or no rule of that number", context.table),
                "a chain is declared by a line such as :NAME - [0:0]",
            )
        }
    };
    let not_added = |chain: ChainName| {
        move |why: NotAdded| match why {
            NotAdded::NoSuch => no_chain(chain)(NoSuch),
            NotAdded::TooMany => {
                context.error(format!("the file stands for more than {MOST_RULES} rules"), "")
            }
        }
    };
    match words.first().map_or("", Word::bare) {
        "-A" | "--append" => {
            let chain = name(1)?;
            for rule in rules(unmodelled, context, text, words.get(2..).unwrap_or_default())? {
                builder.add(context.table, chain, None, rule, context.line).map_err(not_added(chain))?;
            }
        }
        "-I" | "--insert" => {
            let chain = name(1)?;
            let number = words.get(2).and_then(|word| word.bare().parse::<u32>().ok());
            let from = if number.is_some() { 3 } else { 2 };
            let mut place = number.unwrap_or(1);
            for rule in rules(unmodelled, context, text, words.get(from..).unwrap_or_default())? {
                builder
                    .add(context.table, chain, Some(place), rule, context.line)
                    .map_err(not_added(chain))?;
                place = place.saturating_add(1);
            }
        }
        "-N" | "--new-chain" => builder.declare(context.table, name(1)?, None),
        "-P" | "--policy" => {
            let chain = name(1)?;
            let policy = match words.get(2).map_or("", Word::bare) {
                "ACCEPT" => Policy::Accept,
                "DROP" => Policy::Drop,
                other => {
                    return Err(context.error(
                        format!("`{}` is not a policy", shorten(other)),
                        "a policy is ACCEPT or DROP",
                    ));
                }
            };
            if !context.table.is_built_in(&chain) {
                return Err(context.error(format!("`{chain}` is not a built-in chain"), ""));
            }
            builder.set_policy(context.table, chain, policy);
        }
        "-F" | "--flush" => {
            let chain = if words.len() > 1 { Some(name(1)?) } else { None };
            let flushed = builder.flush(context.table, chain);
            if let Some(chain) = chain {
                flushed.map_err(no_chain(chain))?;
            }
        }
        "-X" | "--delete-chain" if words.len() > 1 => {
            let chain = name(1)?;
            builder.delete_chain(context.table, chain).map_err(no_chain(chain))?;
        }
        // Counters have no part in what happens to packets.
        "-Z" | "--zero" => {}
        "-D" | "--delete" | "-R" | "--replace" | "-E" | "--rename-chain" | "-X" | "--delete-chain" => {
            unmodelled.push(Unmodelled {
                line: context.line,
                text: text.to_owned(),
                why: "only adding rules is modelled; the line is left out",
            });
        }
        other => {
            return Err(context
                .error(format!("`{}` is not a command", shorten(other)), "a rule begins with -A CHAIN"));
        }
    }
    Ok(())
}

/// The line without a leading `[packets:bytes]`.
fn without_counters(text: &str) -> &str {
    let counters = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let is_counters = |inside: &str| {
        inside.split_once(':').is_some_and(|(packets, bytes)| {
            packets.bytes().chain(bytes.bytes()).all(|byte| byte.is_ascii_digit())
        })
    };
    match counters {
        Some((inside, rest)) if is_counters(inside) => rest.trim_start(),
        _ => text,
    }
}

pub(super) fn chain_name(line: u32, name: &str) -> Result<ChainName, ParseError> {
    ChainName::new(name).ok_or_else(|| {
        ParseError::new(
            line,
            format!("`{}` cannot be the name of a chain", shorten(name)),
            "names have 1 to 28 bytes and no blank, and do not begin with - or !",
        )
    })
}
