//! The annotations of a Service that the cloud controller reads.

use crate::refusal::Reason;
use model::kubernetes::Service;
use std::net::IpAddr;

/// What all these annotations start with.
pub(crate) const PREFIX: &str = "service.beta.kubernetes.io/";

/// A Service's annotations, read as cloud-provider-azure reads them: keys must match to the letter (but for
/// `azure-load-balancer-configurations`), and a value counts as it stands unless its reader trims it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotations<'a>(&'a Service);

impl<'a> Annotations<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self(service)
    }

    /// The value of an annotation whose name stands without the prefix.
    pub(crate) fn get(self, name: &str) -> Option<&'a str> {
        let annotations = &self.0.metadata.annotations;
        let matches = |key: &str| key.strip_prefix(PREFIX) == Some(name);
        annotations.iter().find(|(key, _)| matches(key)).map(|(_, value)| value.as_str())
    }

    fn is_true(self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The pieces between commas, trimmed. An empty value has one empty piece, which upstream takes for a bad
    /// range or a tag.
    pub(crate) fn pieces(self, name: &str) -> Vec<&'a str> {
        self.get(name).map(|value| value.split(',').map(str::trim).collect()).unwrap_or_default()
    }

    /// The load balancers that the Service may use; the one annotation whose key counts in any case.
    pub(crate) fn configurations(self) -> Vec<&'a str> {
        let wanted = "azure-load-balancer-configurations";
        let annotations = self.0.metadata.annotations.iter();
        let own = annotations.filter(|(key, _)| {
            key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
                && key.get(PREFIX.len()..).is_some_and(|rest| rest.eq_ignore_ascii_case(wanted))
        });
        own.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
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
        self.get("azure-load-balancer-mode").map(str::trim).filter(|mode| !mode.is_empty())
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

    /// Addresses beside the frontend that clients use; one that does not parse stops the security group's step.
    pub(crate) fn additional_public_ips(self) -> Result<Vec<IpAddr>, Reason> {
        let pieces = self.pieces("azure-additional-public-ips").into_iter();
        pieces.map(|text| text.parse().map_err(|_| Reason::NotAnAddress(text.to_owned()))).collect()
    }

    /// The fixed frontend address: the family's annotation, else `spec.loadBalancerIP`.
    pub(crate) fn fixed_address(self, v6: bool) -> Option<IpAddr> {
        let name = if v6 { "azure-load-balancer-ipv6" } else { "azure-load-balancer-ipv4" };
        let annotated = self.get(name).filter(|text| !text.is_empty());
        let text = annotated.or(self.0.spec.load_balancer_ip.as_deref());
        text.and_then(|text| text.parse::<IpAddr>().ok()).filter(|ip| ip.is_ipv6() == v6)
    }

    /// The value for one half of a Service: the annotation with the family's suffix counts in a dual-stack
    /// Service only, whose halves have one each.
    fn of_half(self, plain: &str, suffixed: &str, v6: bool, dual: bool) -> Option<&'a str> {
        self.get(if v6 && dual { suffixed } else { plain }).filter(|value| !value.is_empty())
    }

    /// The name of an existing public address.
    pub(crate) fn public_ip_name(self, v6: bool, dual: bool) -> Option<&'a str> {
        self.of_half("azure-pip-name", "azure-pip-name-ipv6", v6, dual)
    }

    pub(crate) fn public_ip_prefix_id(self, v6: bool, dual: bool) -> Option<&'a str> {
        self.of_half("azure-pip-prefix-id", "azure-pip-prefix-id-ipv6", v6, dual)
    }

    /// The resource group of the public address, where it is not the nodes'.
    pub(crate) fn public_ip_group(self) -> Option<&'a str> {
        self.get("azure-load-balancer-resource-group").map(str::trim).filter(|group| !group.is_empty())
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
        text.map(|text| text.trim().parse().map_err(|_| Reason::NotANumber(text.to_owned()))).transpose()
    }

    /// Minutes of the rule's idle timeout, 4 to 100; 4 where absent.
    pub(crate) fn idle_timeout(self) -> Result<u32, Reason> {
        let Some(text) = self.get("azure-load-balancer-tcp-idle-timeout") else { return Ok(4) };
        match text.trim().parse::<u32>() {
            Err(_) => Err(Reason::NotANumber(text.to_owned())),
            Ok(minutes) if minutes < 4 => Err(Reason::IdleTimeoutBelowMinimum(minutes)),
            Ok(minutes) if minutes > 100 => Err(Reason::IdleTimeoutAboveMaximum(minutes)),
            Ok(minutes) => Ok(minutes),
        }
    }
}
