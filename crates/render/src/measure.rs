//! Widths of text without a font: a small table per face, slightly generous.
//!
//! The tables hold the advance widths of Inter (regular and semibold, tabular digits) and JetBrains Mono
//! in thousandths of the font size. Pages without these fonts fall back to faces of about the same width.

use crate::TextStyle;

/// Advance widths of U+0020 to U+007E.
const REGULAR: [u16; 95] = [
    281, 278, 403, 631, 638, 812, 639, 222, 362, 362, 500, 659, 280, 460, 276, 357, 645, 645, 645, 645, 645,
    645, 645, 645, 645, 645, 276, 280, 659, 659, 659, 507, 936, 676, 651, 727, 719, 598, 587, 743, 740, 264,
    543, 652, 562, 889, 753, 761, 635, 761, 639, 638, 642, 741, 676, 949, 642, 665, 625, 362, 357, 362, 469,
    452, 497, 564, 621, 558, 621, 582, 361, 609, 591, 237, 237, 544, 237, 869, 585, 597, 609, 609, 372, 523,
    364, 581, 557, 812, 540, 557, 541, 362, 327, 362, 659,
];
const SEMIBOLD: [u16; 95] = [
    232, 325, 392, 650, 655, 859, 674, 209, 409, 409, 565, 680, 303, 469, 298, 390, 680, 680, 680, 680, 680,
    680, 680, 680, 680, 680, 303, 303, 680, 680, 680, 562, 1031, 748, 661, 752, 727, 613, 585, 761, 746, 281,
    570, 690, 567, 915, 735, 782, 648, 783, 656, 655, 668, 729, 748, 1036, 714, 724, 667, 409, 390, 409, 488,
    477, 497, 580, 635, 587, 635, 598, 386, 633, 624, 272, 272, 582, 272, 912, 622, 614, 632, 632, 409, 562,
    388, 622, 586, 850, 574, 586, 572, 409, 374, 409, 680,
];

/// The longest text that is looked at, in letters.
const LONGEST: usize = 300;

/// Room for rounding and for fallback faces.
const MARGIN: f64 = 1.02;

/// The width of one line, in the scene's units.
pub fn width(text: &str, style: TextStyle) -> f64 {
    text.chars().map(|letter| advance(letter, style)).sum::<f64>() * style.size() * MARGIN
}

fn advance(letter: char, style: TextStyle) -> f64 {
    let code = u32::from(letter);
    let table = if style.is_strong() { &SEMIBOLD } else { &REGULAR };
    let thousandths = if is_wide(code) {
        1050
    } else if style.is_mono() {
        600
    } else {
        let index = usize::try_from(code.wrapping_sub(0x20)).unwrap_or(usize::MAX);
        match (table.get(index), letter) {
            (Some(&advance), _) => advance,
            (None, '→' | '←') => 955,
            (None, '…' | '✕') => 840,
            (None, '–') => 500,
            (None, '·') => 298,
            // Latin with accents, Greek, Arabic, Hebrew; Cyrillic has letters up to 1.09.
            (None, 'Ѐ'..='ԯ') => 1090,
            (None, _) => 760,
        }
    };
    f64::from(thousandths) / 1000.0
}

/// East Asian wide characters and emoji take about one em in every face.
fn is_wide(code: u32) -> bool {
    matches!(code, 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F | 0xFF00..=0xFFE6 | 0x1F000..=0x1FAFF | 0x20000..=0x3FFFD)
}

/// Shortens to fit `room`: keeps the start and, of names with a generated ending
/// (`echo-deployment-78dc57c76d-58mz5`), the last part, by which people tell them apart.
pub fn fit(text: &str, style: TextStyle, room: f64) -> String {
    // No box has room for more; a hostile name may have a million.
    let clean = visible(&text.chars().take(LONGEST).collect::<String>());
    if width(&clean, style) <= room {
        return clean;
    }
    let letters: Vec<char> = clean.chars().collect();
    let tail = tail_length(&letters);
    let build = |head: usize, tail: usize| {
        let end = letters.len().saturating_sub(tail);
        let start: String = letters.iter().take(head.min(end)).collect();
        let end: String = letters.iter().skip(end).collect();
        format!("{}…{end}", start.trim_end_matches(['-', '.', ':']))
    };
    for tail in [tail, 0] {
        let fitting = (1..letters.len()).rev().map(|head| build(head, tail));
        let minimum = if tail > 0 { 3 } else { 1 };
        if let Some(short) = fitting
            .take(letters.len().saturating_sub(minimum))
            .find(|candidate| width(candidate, style) <= room)
        {
            return short;
        }
    }
    if width("…", style) <= room { "…".into() } else { String::new() }
}

/// How many letters at the end of a name to keep: from the last `-`, `/` or `:` on if that part is short,
/// else a few (`…000003` of a scale set's node). Sentences keep none.
fn tail_length(letters: &[char]) -> usize {
    if letters.iter().any(|letter| letter.is_whitespace()) {
        return 0;
    }
    let from = letters.iter().rposition(|letter| matches!(letter, '-' | '/' | ':'));
    match from.map(|at| letters.len() - at) {
        Some(length) if length <= 8 => length,
        _ => 4,
    }
}

/// The text with everything that draws nothing or redirects drawing made visible: control characters and
/// direction overrides would let a hostile name pose as another.
pub fn visible(text: &str) -> String {
    let replace = |letter: char| {
        let code = u32::from(letter);
        let hidden = letter.is_control()
            || matches!(code, 0xAD | 0x61C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
                | 0xFEFF | 0xFFF9..=0xFFFF | 0xE0000..=0xE0FFF)
            || code & 0xFFFE == 0xFFFE;
        if hidden { '\u{FFFD}' } else { letter }
    };
    text.chars().map(replace).collect()
}

/// The same for text of several lines: tooltips and descriptions keep their line ends.
pub(crate) fn legal(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_names_keep_the_part_that_tells_them_apart() {
        for (text, room, expected) in [
            ("echo-58mz5", 120.0, "echo-58mz5"),
            ("echo-deployment-78dc57c76d-58mz5", 120.0, "echo-deplo…-58mz5"),
            ("aks-user-27255451-vmss000003", 120.0, "aks-user-272…0003"),
            ("a sentence that is too long for its box", 100.0, "a sentence th…"),
            ("x", 1.0, ""),
        ] {
            assert_eq!(fit(text, TextStyle::Mono, room), expected);
        }
    }

    #[test]
    fn hidden_characters_show() {
        assert_eq!(visible("a\u{202E}b\u{0}c\u{200B}"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        assert_eq!(visible("مرحبا 漢字 é"), "مرحبا 漢字 é");
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(text in "\\PC{0,60}", room in 0.0..400.0_f64) {
            for style in TextStyle::ALL {
                let short = fit(&text, style, room);
                prop_assert!(short.is_empty() || width(&short, style) <= room, "{short:?}");
            }
        }
    }
}
