//! The words of a picture.

pub(crate) use engine::socket;

use crate::number;
use engine::{Header, Verdict};
use std::fmt::Write as _;

/// A share in per cent with as many digits as it needs: `100`, `33.3`, `0`, `<0.1`.
pub fn per_cent(share: f64) -> String {
    let value = share * 100.0;
    if value > 0.0 && value < 0.1 { "<0.1".into() } else { number(value) }
}

/// `50 %`, `33.3 %`, `<0.1 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", per_cent(share))
}

/// `1 node`, `2 nodes`, with thousands separated.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A header in full.
pub(crate) fn header(header: Header) -> String {
    let source = socket(header.source, header.source_port);
    let destination = socket(header.destination, header.destination_port);
    format!("{source} → {destination}")
}

/// What changed from one header to another, as `destination 20.0.0.1:80 became 10.244.0.11:8080`.
pub(crate) fn changes(before: Header, after: Header) -> Vec<String> {
    let ends = [
        ("source", (before.source, before.source_port), (after.source, after.source_port)),
        (
            "destination",
            (before.destination, before.destination_port),
            (after.destination, after.destination_port),
        ),
    ];
    ends.into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(end, before, after)| {
            format!("{end} {} became {}", socket(before.0, before.1), socket(after.0, after.1))
        })
        .collect()
}

/// What became of a packet, in a word for a person.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Refused => "refused",
        Verdict::Rejected => "rejected",
        Verdict::Dropped => "dropped",
        Verdict::Unreachable => "no route",
        Verdict::Looped => "looped",
        Verdict::Ambiguous => "not decidable",
    }
}

/// `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let glue = match index {
            0 => "",
            _ if index + 1 == items.len() => " and ",
            _ => ", ",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{glue}{item}");
    }
    text
}

/// A sentence begins with a capital.
pub fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_short_and_exact_where_they_can_be() {
        for (share, words) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.5, "50 %"),
            (1.0 / 3.0, "33.3 %"),
            (1.0 / 5000.0, "<0.1 %"),
            (0.001, "0.1 %"),
        ] {
            assert_eq!(percent(share), words);
        }
    }

    #[test]
    fn counts_and_lists() {
        assert_eq!(count(1, "node"), "1 node");
        assert_eq!(count(50_000, "pod"), "50,000 pods");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
