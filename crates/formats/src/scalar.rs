//! What a plain YAML scalar means: YAML 1.1 as kubectl reads it (sigs.k8s.io/yaml, go-yaml v2).

/// The value of a scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text,
}

/// Resolves a plain (unquoted) scalar.
pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Scalar::Text;
    }
    number(&text.replace('_', "")).unwrap_or(Scalar::Text)
}

fn number(text: &str) -> Option<Scalar> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'0'..=b'7', ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    let unsigned = u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
    match unsigned {
        Some(value) if !negative => return Some(Scalar::Unsigned(value)),
        Some(value) => return 0_i64.checked_sub_unsigned(value).map(Scalar::Signed),
        None => {}
    }
    // Rust also reads `inf`, `nan` and words like them as floats; YAML does not.
    let float =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
            && text.bytes().any(|byte| byte.is_ascii_digit());
    float.then(|| text.parse().ok().map(Scalar::Float))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_kubectl_takes_them_for() {
        for (text, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("on", Scalar::Bool(true)),
            ("No", Scalar::Bool(false)),
            ("y", Scalar::Bool(true)),
            ("oN", Scalar::Text),
            ("80", Scalar::Unsigned(80)),
            ("30_080", Scalar::Unsigned(30080)),
            ("0x1F", Scalar::Unsigned(31)),
            ("0b11", Scalar::Unsigned(3)),
            ("010", Scalar::Unsigned(8)),
            ("08", Scalar::Unsigned(8)),
            ("-1", Scalar::Signed(-1)),
            ("+5", Scalar::Unsigned(5)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.30.2", Scalar::Text),
            ("10.0.0.1", Scalar::Text),
            ("-", Scalar::Text),
            ("--5", Scalar::Text),
            ("infinity", Scalar::Text),
            ("-inf", Scalar::Text),
            ("1:30", Scalar::Text),
            ("2018-12-01", Scalar::Text),
            ("99999999999999999999", Scalar::Float(1e20)),
            ("v1", Scalar::Text),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }
}
