//! Quantities of resources: `500m`, `4Gi`, `1e3`.

use std::{fmt, str::FromStr};

/// An amount of a resource in thousandths: millicores of `cpu`, thousandths of bytes of `memory`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u128);

/// The text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantityError(pub String);

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a quantity", self.0)
    }
}

impl std::error::Error for QuantityError {}

impl Quantity {
    /// From thousandths.
    pub const fn milli(thousandths: u64) -> Self {
        Self(thousandths as u128)
    }

    /// In thousandths; the largest number where it is larger.
    pub fn as_milli(self) -> u64 {
        u64::try_from(self.0).unwrap_or(u64::MAX)
    }

    /// In whole units, rounded up, as the API server rounds counts and bytes.
    pub fn as_units(self) -> u64 {
        u64::try_from(self.0.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// The thousandths that one of a suffix is; `None` for a suffix that is none.
fn scale(suffix: &str) -> Option<u128> {
    let power = |base: u128, exponent: u32| Some(1000 * base.pow(exponent));
    match suffix {
        // Millionths and billionths are rounded up to thousandths below.
        "m" => Some(1),
        "" => power(1, 0),
        "k" => power(1000, 1),
        "M" => power(1000, 2),
        "G" => power(1000, 3),
        "T" => power(1000, 4),
        "P" => power(1000, 5),
        "E" => power(1000, 6),
        "Ki" => power(1024, 1),
        "Mi" => power(1024, 2),
        "Gi" => power(1024, 3),
        "Ti" => power(1024, 4),
        "Pi" => power(1024, 5),
        "Ei" => power(1024, 6),
        _ => {
            let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (exponent <= 18).then(|| 1000 * 10_u128.pow(exponent))
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    /// Reads a quantity of 0 or more, as the API server writes it.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refused = || QuantityError(text.to_owned());
        let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.len() > 9 {
            return Err(refused());
        }
        let (divisor, suffix) = match suffix {
            "u" => (1_000, "m"),
            "n" => (1_000_000, "m"),
            suffix => (1, suffix),
        };
        let scale = scale(suffix).ok_or_else(refused)?;
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| refused())?;
        let divisor = divisor * 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| refused())?);
        let thousandths = digits.checked_mul(scale).ok_or_else(refused)?.div_ceil(divisor);
        Ok(Self(thousandths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_as_the_api_server_reads_them() {
        for (text, milli) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("500m", Some(500)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("1.", Some(1000)),
            ("1e3", Some(1_000_000)),
            ("100u", Some(1)),
            ("4Gi", Some(4 * 1024 * 1024 * 1024 * 1000)),
            ("16374564Ki", Some(16_374_564 * 1024 * 1000)),
            ("1k", Some(1_000_000)),
            ("0.1", Some(100)),
            ("0.0001", Some(1)),
            ("", None),
            ("-1", None),
            ("1 Gi", None),
            ("1gi", None),
            ("a", None),
            (".", None),
            ("1e", None),
            ("1.2.3", None),
            ("99999999999999999999", None),
        ] {
            let got = text.parse::<Quantity>().ok().map(Quantity::as_milli);
            assert_eq!(got, milli, "{text:?}");
        }
        assert_eq!("1500m".parse::<Quantity>().map(Quantity::as_units), Ok(2));
    }
}
