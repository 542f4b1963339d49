//! The annotations of a Service that the cloud controller reads.

use crate::refusal::Reason;
use model::kubernetes::Service;
use std::net::IpAddr;

/// What all these annotations start with.
pub(crate) const PREFIX: &str = "service.beta.kubernetes.io/";

/// A Service's annotations, read as cloud-provider-azure reads them: keys in any case, values trimmed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotations<'a>(&'a Service);

impl<'a> Annotations<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self(service)
    }

    /// The value of an annotation whose name stands without the prefix.
    pub(crate) fn get(self, name: &str) -> Option<&'a str> {
        let annotations = &self.0.metadata.annotations;
        let matches = |key: &str| {
            key.len() == PREFIX.len() + name.len()
                && key.get(PREFIX.len()..).is_some_and(|rest| rest.eq_ignore_ascii_case(name))
                && key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        };
        annotations.iter().find(|(key, _)| matches(key)).map(|(_, value)| value.trim())
    }

    fn is_true(self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn list(self, name: &str, separator: fn(char) -> bool) -> Vec<&'a str> {
        let value = self.get(name).unwrap_or_default();
        value.split(separator).map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    pub(crate) fn commas(self, name: &str) -> Vec<&'a str> {
        self.list(name, |letter| letter == ',')
    }

    pub(crate) fn words(self, name: &str) -> Vec<&'a str> {
        self.list(name, char::is_whitespace)
    }

    pub(crate) fn is_internal(self) -> bool {
        self.is_true("azure-load-balancer-internal")
    }

    /// Only an internal Service has a frontend subnet.
    pub(crate) fn internal_subnet(self) -> Option<&'a str> {
        let subnet = self.get("azure-load-balancer-internal-subnet").filter(|name| !name.is_empty());
        subnet.filter(|_| self.is_internal())
    }

    /// The vmset asked for, or `__auto__`; Basic only.
    pub(crate) fn mode(self) -> Option<&'a str> {
        self.get("azure-load-balancer-mode").filter(|mode| !mode.is_empty())
    }

    pub(crate) fn disables_floating_ip(self) -> bool {
        self.is_true("azure-disable-load-balancer-floating-ip")
    }

    pub(crate) fn disables_tcp_reset(self) -> bool {
        self.is_true("azure-load-balancer-disable-tcp-reset")
    }

    pub(crate) fn wants_ha_ports(self) -> bool {
        self.is_true("azure-load-balancer-enable-high-availability-ports")
    }

    pub(crate) fn creates_private_link(self) -> bool {
        self.is_true("azure-pls-create")
    }

    pub(crate) fn private_link_proxy_protocol(self) -> bool {
        self.is_true("azure-pls-proxy-protocol")
    }

    pub(crate) fn disables_nsg_rule(self) -> bool {
        self.is_true("azure-disable-load-balancer-nsg-rule")
    }

    pub(crate) fn denies_all_but_ranges(self) -> bool {
        self.is_true("azure-deny-all-except-load-balancer-source-ranges")
    }

    pub(crate) fn additional_public_ips(self) -> Vec<IpAddr> {
        self.commas("azure-additional-public-ips").iter().filter_map(|ip| ip.parse().ok()).collect()
    }

    /// The fixed frontend address: the family's annotation, else `spec.loadBalancerIP`.
    pub(crate) fn fixed_address(self, v6: bool) -> Option<IpAddr> {
        let name = if v6 { "azure-load-balancer-ipv6" } else { "azure-load-balancer-ipv4" };
        let text = self.get(name).or(self.0.spec.load_balancer_ip.as_deref());
        text.and_then(|text| text.parse::<IpAddr>().ok()).filter(|ip| ip.is_ipv6() == v6)
    }

    /// The name of an existing public address. The plain name also serves IPv6, with the suffix.
    pub(crate) fn public_ip_name(self, v6: bool) -> Option<String> {
        let plain = self.get("azure-pip-name").filter(|name| !name.is_empty());
        if !v6 {
            return plain.map(str::to_owned);
        }
        let own = self.get("azure-pip-name-ipv6").filter(|name| !name.is_empty());
        own.map(str::to_owned).or_else(|| plain.map(|name| format!("{name}-IPv6")))
    }

    pub(crate) fn public_ip_prefix_id(self, v6: bool) -> Option<&'a str> {
        let name = if v6 { "azure-pip-prefix-id-ipv6" } else { "azure-pip-prefix-id" };
        self.get(name).filter(|id| !id.is_empty())
    }

    /// `port_<port>_<setting>`.
    fn per_port(self, port: u16, setting: &str) -> Option<&'a str> {
        self.get(&format!("port_{port}_{setting}"))
    }

    pub(crate) fn has_no_rule(self, port: u16) -> bool {
        self.per_port(port, "no_lb_rule").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn has_no_probe(self, port: u16) -> bool {
        self.per_port(port, "no_probe_rule").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A probe setting that only the port can have.
    pub(crate) fn probe_of_port(self, port: u16, setting: &str) -> Option<&'a str> {
        self.per_port(port, &format!("health-probe_{setting}"))
    }

    /// A probe setting of the Service.
    pub(crate) fn probe(self, setting: &str) -> Option<&'a str> {
        self.get(&format!("azure-load-balancer-health-probe-{setting}"))
    }

    /// A number from the port's annotation, else from the Service's.
    pub(crate) fn probe_number(self, port: u16, setting: &str) -> Result<Option<u32>, Reason> {
        let text = self.probe_of_port(port, setting).or_else(|| self.probe(setting));
        text.map(|text| text.parse().map_err(|_| Reason::NotANumber(text.to_owned()))).transpose()
    }

    /// Minutes of the rule's idle timeout, 4 to 100; 4 where absent.
    pub(crate) fn idle_timeout(self) -> Result<u32, Reason> {
        let Some(text) = self.get("azure-load-balancer-tcp-idle-timeout") else { return Ok(4) };
        match text.parse::<u32>() {
            Err(_) => Err(Reason::NotANumber(text.to_owned())),
            Ok(minutes) if minutes < 4 => Err(Reason::IdleTimeoutBelowMinimum(minutes)),
            Ok(minutes) if minutes > 100 => Err(Reason::IdleTimeoutAboveMaximum(minutes)),
            Ok(minutes) => Ok(minutes),
        }
    }
}
