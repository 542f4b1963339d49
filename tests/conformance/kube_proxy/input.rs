//! The parts that several kinds of cases share, read so that no field goes unnoticed.

use kubernetes::kube_proxy::{LocalDetector, NfacctCounter, ProxyConfig, ServiceMap};
use model::{
    Key, NodeName,
    kubernetes::{EndpointSlice, IpFamily, ProxyMode, Service},
};
use netfilter::{Family, Form, InterfaceName, MarkText, Ruleset};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// Deserializes a value; a field that nothing reads is an error, at any depth.
pub(crate) fn strict<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let mut unknown = Vec::new();
    let read = serde_ignored::deserialize(value, |path| unknown.push(path.to_string()))
        .map_err(|error| error.to_string())?;
    if unknown.is_empty() { Ok(read) } else { Err(format!("unknown fields: {}", unknown.join(", "))) }
}

/// `node` of a case: every field must be there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeFields {
    name: String,
    #[serde(rename = "nodeIP")]
    node_ip: IpAddr,
    ips: Vec<IpAddr>,
    ip_family: IpFamily,
    local_detector: DetectorFields,
    masquerade_all: bool,
    masquerade_mark: String,
    localhost_node_ports: bool,
    node_port_addresses: Vec<ipnet::IpNet>,
    nfacct_counters: Vec<String>,
    random_fully: bool,
    #[serde(rename = "conntrackTCPLiberal")]
    conntrack_tcp_liberal: bool,
    topology_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct DetectorFields {
    mode: String,
    cidr: Option<ipnet::IpNet>,
    interface: Option<String>,
    prefix: Option<String>,
}

/// A node as a case describes it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) config: ProxyConfig,
    /// How the case writes the masquerade mark.
    mark: MarkText,
}

impl Node {
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let fields: NodeFields = strict(value).map_err(|error| format!("node: {error}"))?;
        if !fields.ips.contains(&fields.node_ip) {
            return Err(format!("node: nodeIP {} is not among ips", fields.node_ip));
        }
        let digits = fields.masquerade_mark.strip_prefix("0x").unwrap_or_default();
        let masquerade_mark =
            u32::from_str_radix(digits, 16).map_err(|error| format!("masqueradeMark: {error}"))?;
        let mark = match fields.masquerade_mark {
            text if text == format!("{masquerade_mark:#x}") => MarkText::Short,
            text if text == format!("{masquerade_mark:#010x}") => MarkText::EightDigits,
            text => return Err(format!("masqueradeMark: {text} is no way to write it")),
        };
        let counter = |name: &String| {
            NfacctCounter::ALL
                .into_iter()
                .find(|counter| counter.name() == name)
                .ok_or_else(|| format!("nfacctCounters: unknown counter {name}"))
        };
        let config = ProxyConfig {
            mode: ProxyMode::Iptables,
            node: NodeName::from(fields.name),
            family: fields.ip_family,
            node_ips: vec![fields.node_ip],
            local_addresses: fields.ips,
            local_detector: fields.local_detector.read()?,
            masquerade_all: fields.masquerade_all,
            masquerade_mark,
            localhost_node_ports: fields.localhost_node_ports,
            node_port_addresses: fields.node_port_addresses,
            nfacct_counters: fields.nfacct_counters.iter().map(counter).collect::<Result<_, _>>()?,
            random_fully: fields.random_fully,
            conntrack_tcp_liberal: fields.conntrack_tcp_liberal,
            service_ranges: Vec::new(),
            ipvs_scheduler: netfilter::Scheduler::default(),
            topology_labels: fields.topology_labels,
        };
        Ok(Self { config, mark })
    }
}

impl Node {
    /// The family in netfilter's words.
    pub(super) fn family(&self) -> Family {
        if self.config.family == IpFamily::IPv4 { Family::V4 } else { Family::V6 }
    }

    /// Restore text with the mark as the case writes it.
    pub(super) fn restore_text(&self, ruleset: &Ruleset) -> String {
        ruleset.text(self.family(), Form::Restore(self.mark)).to_string()
    }
}

impl DetectorFields {
    fn read(self) -> Result<LocalDetector, String> {
        let name = |text: String, end: &str| {
            InterfaceName::new(&format!("{text}{end}")).ok_or_else(|| format!("no interface name: {text}"))
        };
        match (self.mode.as_str(), self.cidr, self.interface, self.prefix) {
            ("CIDR", Some(cidr), None, None) => Ok(LocalDetector::Cidr(cidr)),
            ("BridgeInterface", None, Some(bridge), None) => {
                Ok(LocalDetector::BridgeInterface(name(bridge, "")?))
            }
            ("InterfaceNamePrefix", None, None, Some(prefix)) => {
                Ok(LocalDetector::InterfaceNamePrefix(name(prefix, "+")?))
            }
            ("None", None, None, None) => Ok(LocalDetector::None),
            other => Err(format!("localDetector: cannot read {other:?}")),
        }
    }
}

/// `services` and `endpointslices` of a case or of its `previous` state.
#[derive(Debug)]
pub(super) struct State {
    services: BTreeMap<Key, Arc<Service>>,
    pub(super) slices: BTreeMap<Key, Arc<EndpointSlice>>,
}

impl State {
    pub(super) fn read(services: &[Value], slices: &[Value]) -> Result<Self, String> {
        let services = objects(services, "v1", "Service")?;
        Ok(Self {
            services: by_key(services, |service: &Service| service.metadata.key())?,
            slices: read_slices(slices)?,
        })
    }

    pub(super) fn map(&self, family: IpFamily) -> ServiceMap {
        ServiceMap::new(family, &self.services, &self.slices)
    }
}

/// EndpointSlices of a case.
pub(super) fn read_slices(slices: &[Value]) -> Result<BTreeMap<Key, Arc<EndpointSlice>>, String> {
    let slices = objects(slices, "discovery.k8s.io/v1", "EndpointSlice")?;
    by_key(slices, |slice: &EndpointSlice| slice.metadata.key())
}

fn objects<T: DeserializeOwned>(values: &[Value], version: &str, kind: &str) -> Result<Vec<T>, String> {
    let object = |value: &Value| {
        let mut value = value.clone();
        let fields = value.as_object_mut().ok_or("an object was expected")?;
        let type_meta = [fields.remove("apiVersion"), fields.remove("kind")];
        if type_meta != [Some(version.into()), Some(kind.into())] {
            return Err(format!("{version} {kind} was expected, not {type_meta:?}"));
        }
        strict(&value).map_err(|error| format!("{kind}: {error}"))
    };
    values.iter().map(object).collect()
}

fn by_key<T>(objects: Vec<T>, key: impl Fn(&T) -> Key) -> Result<BTreeMap<Key, Arc<T>>, String> {
    let count = objects.len();
    let map: BTreeMap<_, _> = objects.into_iter().map(|object| (key(&object), Arc::new(object))).collect();
    if map.len() == count { Ok(map) } else { Err("two objects of the same name".into()) }
}

/// Names that occur in a set of keys.
pub(super) fn names(keys: &BTreeSet<Key>) -> BTreeSet<String> {
    keys.iter().map(ToString::to_string).collect()
}
