//! The health probes of one Service (cloud-provider-azure, azure_loadbalancer_healthprobe.go).

use crate::{
    annotations::Annotations,
    names::{Namer, SHARED_PROBE},
    refusal::Reason,
    settings::Settings,
};
use model::{
    azure::{Probe, ProbeProtocol},
    kubernetes::{IpFamily, Protocol, Service, ServicePort, ServiceType, TrafficPolicy},
};

/// Interval and count, checked as the controller checks them.
fn timing(annotations: Annotations<'_>, port: u16) -> Result<(u32, u32), Reason> {
    let count = annotations.probe_number(port, "num-of-probe")?.unwrap_or(2);
    if count < 2 {
        return Err(Reason::ProbeCountBelowMinimum(count));
    }
    let interval = annotations.probe_number(port, "interval")?.unwrap_or(5);
    if interval < 5 {
        return Err(Reason::ProbeIntervalBelowMinimum(interval));
    }
    let total = interval.saturating_mul(count);
    if total >= 120 {
        return Err(Reason::ProbeTotalTooLong(total));
    }
    Ok((interval, count))
}

fn probe(name: String, protocol: ProbeProtocol, port: u16, path: Option<&str>, time: (u32, u32)) -> Probe {
    Probe {
        name,
        protocol,
        port,
        request_path: path.map(str::to_owned),
        interval_in_seconds: Some(time.0),
        probe_threshold: Some(time.1),
        ..Probe::default()
    }
}

/// Whether kube-proxy answers for this Service's own endpoints on a node (`healthCheckNodePort`).
pub(crate) fn has_health_check_node_port(service: &Service) -> bool {
    service.spec.service_type == ServiceType::LoadBalancer
        && service.spec.external_traffic_policy == Some(TrafficPolicy::Local)
}

/// The one probe for all ports, if the Service has such: the shared probe, or that of policy Local.
pub(crate) fn common(
    service: &Service,
    settings: &Settings,
    names: &Namer,
    family: IpFamily,
) -> Result<Option<Probe>, Reason> {
    let annotations = Annotations::of(service);
    if !has_health_check_node_port(service) {
        return Ok(settings.shared_probe.as_ref().map(|shared| {
            probe(SHARED_PROBE.into(), ProbeProtocol::Http, shared.port, Some(&shared.path), (5, 2))
        }));
    }
    // The PROXY header on probes would break kube-proxy's HTTP answer.
    if annotations.creates_private_link() && annotations.private_link_proxy_protocol() {
        return Ok(None);
    }
    let port = service.spec.health_check_node_port;
    let name = names.rule(Protocol::Tcp, port, family);
    let time = timing(annotations, port)?;
    Ok(Some(probe(name, ProbeProtocol::Http, port, Some("/healthz"), time)))
}

/// Whether [`common`] gives the shared probe, which ignores all annotations.
pub(crate) fn is_shared(service: &Service, settings: &Settings) -> bool {
    settings.shared_probe.is_some() && !has_health_check_node_port(service)
}

/// The port that the annotation asks for: a Service port's node port by name or number, else a literal port.
fn explicit_port(service: &Service, text: &str) -> Result<u16, Reason> {
    let ports = &service.spec.ports;
    if let Some(named) = ports.iter().find(|port| port.name.eq_ignore_ascii_case(text))
        && text.parse::<u32>().is_err()
    {
        return Ok(named.node_port);
    }
    let number: u32 = text.parse().map_err(|_| Reason::ProbePortUnknown(text.to_owned()))?;
    let number = u16::try_from(number).map_err(|_| Reason::ProbePortOutOfRange(number))?;
    let numbered = ports.iter().find(|port| port.port == number);
    Ok(numbered.map_or(number, |port| port.node_port))
}

/// The probe of one port under its rule's name, or `None` where the port has none of its own.
pub(crate) fn of_port(
    service: &Service,
    settings: &Settings,
    port: &ServicePort,
    name: &str,
    has_common: bool,
) -> Result<Option<Probe>, Reason> {
    if port.protocol != Protocol::Tcp || is_shared(service, settings) {
        return Ok(None);
    }
    let annotations = Annotations::of(service);
    let probed = match annotations.probe_of_port(port.port, "port") {
        Some(text) => explicit_port(service, text)?,
        None if has_common => return Ok(None),
        None => port.node_port,
    };
    let wanted = annotations
        .probe_of_port(port.port, "protocol")
        .or(port.app_protocol.as_deref())
        .or_else(|| annotations.probe("protocol"))
        .unwrap_or_default()
        .trim();
    let protocol = if wanted.eq_ignore_ascii_case("http") {
        ProbeProtocol::Http
    } else if wanted.eq_ignore_ascii_case("https") && settings.is_standard() {
        ProbeProtocol::Https
    } else {
        ProbeProtocol::Tcp
    };
    let path = (protocol != ProbeProtocol::Tcp).then(|| {
        annotations
            .probe_of_port(port.port, "request-path")
            .or_else(|| annotations.probe("request-path"))
            .unwrap_or("/")
    });
    let time = timing(annotations, port.port)?;
    Ok(Some(probe(name.to_owned(), protocol, probed, path, time)))
}
