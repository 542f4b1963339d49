//! Addresses and ranges as kube-proxy parses them: leniently, for old objects.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Parses an address. Surrounding blanks and leading zeros (`192.168.099.022`) are accepted, as Go's
/// parser did before 1.17 and kube-proxy still does; an IPv4-mapped IPv6 address is IPv4.
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if text.contains(':') {
        return text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    }
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = parse_decimal(parts.next()?)?.try_into().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets).into())
}

/// Parses a range as leniently, and clears the host bits: `1.2.3.4/28` is `1.2.3.0/28`.
pub(crate) fn parse_cidr(text: &str) -> Option<IpNet> {
    let (ip, length) = text.trim().split_once('/')?;
    let length = u8::try_from(parse_decimal(length)?).ok()?;
    let ip = if ip.contains(':') { ip.parse().ok()? } else { parse_ip(ip)? };
    Some(IpNet::new(ip, length).ok()?.trunc())
}

/// Parses the first range of a family out of a comma-separated list.
pub(crate) fn first_of_family<'a>(mut texts: impl Iterator<Item = &'a str>, ipv4: bool) -> Option<IpNet> {
    texts.find_map(|text| parse_cidr(text).filter(|net| matches!(net, IpNet::V4(_)) == ipv4))
}

fn parse_decimal(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_leniently_and_printed_canonically() {
        let cases = [
            ("192.168.099.022", Some("192.168.99.22")),
            (" 10.0.0.1 ", Some("10.0.0.1")),
            ("fd00:0:0::1", Some("fd00::1")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("1.2.3", None),
            ("1.2.3.4.5", None),
            ("1.2.3.256", None),
            ("1.2.3.+4", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_ip(text).map(|ip| ip.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn ranges_are_parsed_leniently_and_masked() {
        let cases = [
            ("203.0.113.000/025", Some("203.0.113.0/25")),
            ("1.2.3.4/28", Some("1.2.3.0/28")),
            (" 2001:db8::1/64", Some("2001:db8::/64")),
            ("1.2.3.4/33", None),
            ("1.2.3.4", None),
            ("/8", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_cidr(text).map(|net| net.to_string()).as_deref(), expected, "{text:?}");
        }
    }
}
