//! A share as people write it.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// A share from 0 to 1 as written (`1/3`, `33.3%`, `0.5`) and as a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(into = "String")]
pub struct Share {
    text: String,
    value: f64,
    tolerance: f64,
}

/// How far an exact share may be from a fraction.
const EXACT: f64 = 1e-8;

impl Share {
    /// The share as a number, 0 to 1.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether a computed share is this one: to the last digit written for a decimal number or percent, exactly
    /// for a fraction, and never farther off than `more` allows.
    pub fn matches(&self, computed: f64, more: f64) -> bool {
        (computed - self.value).abs() <= self.tolerance.max(more)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (value, tolerance) = if let Some((above, below)) = text.split_once('/') {
            let (above, below): (u32, u32) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
            (f64::from(above) / f64::from(below), EXACT)
        } else if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim();
            (percent.parse::<f64>().ok()? / 100.0, last_digit(percent) / 100.0)
        } else {
            (text.parse().ok()?, last_digit(text))
        };
        let tolerance = if value == 0.0 || (value - 1.0).abs() < f64::EPSILON { EXACT } else { tolerance };
        (0.0..=1.0).contains(&value).then(|| Self { text: text.to_owned(), value, tolerance })
    }
}

/// Half of the last digit that is written: `33.3` stands for 33.25 to 33.35.
fn last_digit(text: &str) -> f64 {
    let digits = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    0.5 * 10_f64.powi(-i32::try_from(digits).unwrap_or_default()) + EXACT
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.text
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share from 0 to 1, such as 1/3, 33.3% or 0.5")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
                Share::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Share, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Share, E> {
                self.visit_str(&value.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn a_share_is_as_exact_as_it_is_written() {
        for (text, computed, holds) in [
            ("1/3", 1.0 / 3.0, true),
            ("1/3", 0.333, false),
            ("33.3%", 1.0 / 3.0, true),
            ("33%", 1.0 / 3.0, true),
            ("33.0%", 1.0 / 3.0, false),
            ("0.5", 0.5, true),
            ("0.5", 0.58, false),
            ("0", 0.001, false),
            ("1", 0.999, false),
            ("100%", 1.0, true),
        ] {
            let share = Share::parse(text).map(|share| share.matches(computed, 0.0));
            assert_eq!(share, Some(holds), "{text} {computed}");
        }
        for text in ["", "1/0", "2", "-0.1", "140%", "a", "1/", "NaN"] {
            assert_eq!(Share::parse(text), None, "{text}");
        }
    }
}
