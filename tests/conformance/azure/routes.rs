//! Which route takes a packet.

use super::input::{self, compare, strict};
use azure::{
    AddressSpace,
    routes::{EffectiveRoute, EndpointPolicy, NextHop, RouteSource, Routed, Routes, system_routes},
};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Short {
    prefix: IpNet,
    source: String,
    next_hop: String,
    next_hop_ip: Option<IpAddr>,
}

impl Short {
    fn route(self) -> Result<EffectiveRoute, String> {
        let source = match self.source.as_str() {
            "Default" => RouteSource::Default,
            "User" => RouteSource::User,
            "VirtualNetworkGateway" => RouteSource::VirtualNetworkGateway,
            other => return Err(format!("source {other} is unknown")),
        };
        Ok(EffectiveRoute {
            prefix: self.prefix,
            source,
            next_hop: next_hop(&self.next_hop)?,
            next_hop_ip: self.next_hop_ip,
            name: None,
        })
    }
}

fn next_hop(text: &str) -> Result<NextHop, String> {
    NextHop::parse(text).ok_or_else(|| format!("next hop {text} is unknown"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    routes: Vec<Short>,
    destination: IpAddr,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    next_hop: Option<String>,
    next_hop_ip: Option<IpAddr>,
    dropped: Option<bool>,
    when_route_table_policy_enabled_on_pe_subnet: Option<String>,
    otherwise: Option<String>,
}

fn network() -> Result<IpNet, String> {
    "10.224.0.0/12".parse().map_err(|error| format!("{error}"))
}

pub(super) fn check_system(value: &Value) -> Result<Vec<String>, String> {
    let expected: Vec<Short> = strict(value)?;
    let expected = expected.into_iter().map(Short::route).collect::<Result<Vec<_>, _>>()?;
    Ok(compare("systemDefaults", &expected, &system_routes(&[network()?])))
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    let routes = case.routes.into_iter().map(Short::route).collect::<Result<Vec<_>, _>>()?;
    let system = system_routes(&[network()?]);
    if !system.iter().all(|route| routes.contains(route)) {
        return Err("the system routes are not those of the file".into());
    }
    let routes = Routes::new(routes);
    let space = AddressSpace::new(vec![network()?]);
    let select = |routes_apply| {
        let policy = EndpointPolicy { routes_apply, network: Some(&space) };
        routes.select(case.destination, policy)
    };
    let hop = |routed: Option<Routed<'_>>| routed.map_or(NextHop::None, |routed| routed.route.next_hop);
    let expected = case.expected;
    let mut mismatches = Vec::new();
    let mut check = |what: &str, text: &Option<String>, got: NextHop| {
        let Some(text) = text else { return Ok::<_, String>(()) };
        mismatches.extend(compare(what, &next_hop(text)?, &got));
        Ok(())
    };
    check("nextHop", &expected.next_hop, hop(select(false)))?;
    let with_policy = hop(select(true));
    check("with policy", &expected.when_route_table_policy_enabled_on_pe_subnet, with_policy)?;
    check("otherwise", &expected.otherwise, hop(select(false)))?;
    if let Some(dropped) = expected.dropped {
        mismatches.extend(compare("dropped", &dropped, &(hop(select(false)) == NextHop::None)));
    }
    if let Some(ip) = expected.next_hop_ip {
        let got = select(false).and_then(|routed| routed.route.next_hop_ip);
        mismatches.extend(compare("nextHopIp", &Some(ip), &got));
    }
    if expected.next_hop.is_none() && expected.otherwise.is_none() {
        mismatches.push("nothing is expected".into());
    }
    Ok(mismatches)
}
