//! The Private Link Service in front of an internal frontend (cloud-provider-azure, `pls-integration`).

use crate::{
    annotations::Annotations,
    refusal::Reason,
    settings::{BackendPoolType, Settings},
};
use model::kubernetes::Service;
use std::net::IpAddr;

/// A Private Link Service that a Service asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateLinkService {
    /// The name: annotated, else `pls-<frontend>`.
    pub name: String,
    /// The resource group, where annotated.
    pub resource_group: Option<String>,
    /// The frontend that it leads to.
    pub frontend: String,
    /// The subnet of its addresses, where annotated.
    pub subnet: Option<String>,
    /// How many addresses it translates consumers to.
    pub address_count: u32,
    /// Fixed addresses, the first is primary.
    pub addresses: Vec<IpAddr>,
    /// Names for consumers.
    pub fqdns: Vec<String>,
    /// Backends get a PROXY v2 header; without it they see only the service's own addresses.
    pub proxy_protocol: bool,
    /// Subscriptions that may see it; `*` is all.
    pub visibility: Vec<String>,
    /// Subscriptions that are approved at once.
    pub auto_approval: Vec<String>,
}

impl PrivateLinkService {
    /// What a Service's annotations ask for; `None` where it does not ask.
    pub fn of(service: &Service, frontend: &str, settings: &Settings) -> Result<Option<Self>, Reason> {
        let annotations = Annotations::of(service);
        if !annotations.creates_private_link() {
            return Ok(None);
        }
        if !annotations.is_internal() {
            return Err(Reason::PrivateLinkNeedsInternal);
        }
        if settings.backend_pool_type == BackendPoolType::NodeIp {
            return Err(Reason::PrivateLinkNeedsNics);
        }
        let named = |name: &str| annotations.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let words = |name: &str| annotations.words(name).into_iter().map(str::to_owned).collect();
        let address_count = match named("azure-pls-ip-configuration-ip-address-count") {
            None => 1,
            Some(text) => text.parse().map_err(|_| Reason::NotANumber(text))?,
        };
        let addresses = annotations.words("azure-pls-ip-configuration-ip-address");
        Ok(Some(Self {
            name: named("azure-pls-name").unwrap_or_else(|| format!("pls-{frontend}")),
            resource_group: named("azure-pls-resource-group"),
            frontend: frontend.to_owned(),
            subnet: named("azure-pls-ip-configuration-subnet"),
            address_count,
            addresses: addresses.into_iter().filter_map(|ip| ip.parse().ok()).collect(),
            fqdns: words("azure-pls-fqdns"),
            proxy_protocol: annotations.private_link_proxy_protocol(),
            visibility: words("azure-pls-visibility"),
            auto_approval: words("azure-pls-auto-approval"),
        }))
    }
}
