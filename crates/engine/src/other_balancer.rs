//! Addresses that other controllers than the cloud controller gave: those of Application Gateway, or of a load balancer
//! of another class. What stands behind them is not modelled.

use crate::{
    Action, Cause, Component, Owner, RuleRef, Station, Verdict, World,
    journey::{End, Move, Moves, Traveller, plain},
};
use kubernetes::ingress::{Wildcard, host_rank};
use model::{
    ArmId, Kind, Model, ObjectRef,
    kubernetes::{Ingress, LoadBalancerIngress, ServiceType},
};
use netfilter::Segment;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Who has an address or a name, as far as the input tells.
#[derive(Debug, Clone)]
pub(crate) struct OtherBalancer {
    object: ObjectRef,
    /// `it stands in the status of …`.
    told: String,
    /// The field of the object that says so.
    field: &'static str,
}

impl OtherBalancer {
    fn by_status(object: ObjectRef, controller: &str) -> Self {
        let told = format!("it stands in the status of {object}, put there by {controller}");
        Self { object, told, field: "status.loadBalancer.ingress" }
    }

    /// What is known of an address or a name, in a sentence.
    pub(crate) fn words(&self, address: &str) -> String {
        format!(
            "No load balancer of the cluster has {address}: {}. What stands behind it is not modelled, so what becomes of the packet is not known here.",
            self.told
        )
    }

    /// The place in the object.
    pub(crate) fn rule(&self, address: &str) -> RuleRef {
        RuleRef {
            place: self.object.to_string().into(),
            text: format!("{}: {address}", self.field).into(),
            object: Some(self.object.clone()),
        }
    }
}

/// Addresses and names in the status of Ingresses, and of Services that the cloud controller leaves to others; public
/// addresses of what is not in the input.
#[derive(Debug, Default)]
pub(crate) struct OtherBalancers {
    by_address: BTreeMap<IpAddr, OtherBalancer>,
    by_name: BTreeMap<String, OtherBalancer>,
}

const ADDITIONAL: &str = "service.beta.kubernetes.io/azure-additional-public-ips";

impl OtherBalancers {
    pub(crate) fn new(model: &Model) -> Self {
        let mut all = Self::default();
        for (key, ingress) in &model.ingresses {
            let statuses = &ingress.status.load_balancer.ingress;
            if !statuses.is_empty() {
                let object = ObjectRef::namespaced(Kind::Ingress, key);
                let other = OtherBalancer::by_status(object, &ingress_controller(model, ingress));
                all.add(statuses, &other);
            }
        }
        for (name, document) in &model.public_ip_addresses {
            let Some(ip) = document.ip_address.as_ref().and_then(|ip| ip.parse().ok()) else { continue };
            let Some(holder) = document.ip_configuration.as_ref().and_then(|own| holder(&own.id)) else {
                continue;
            };
            let object = ObjectRef::cluster_scoped(Kind::PublicIPAddress, name);
            let told = format!("{object} belongs to {holder}");
            let other = OtherBalancer { object, told, field: "ipAddress" };
            all.by_address.entry(ip).or_insert(other);
        }
        for (key, service) in &model.services {
            if service.spec.service_type != ServiceType::LoadBalancer {
                continue;
            }
            let object = ObjectRef::namespaced(Kind::Service, key);
            if let Some(listed) = service.metadata.annotation(ADDITIONAL) {
                let told = format!(
                    "it stands in azure-additional-public-ips of {object}, and is the frontend of a load balancer across regions"
                );
                let other = OtherBalancer { object: object.clone(), told, field: ADDITIONAL };
                let addresses =
                    listed.split(',').filter_map(|ip| Some((ip.trim().parse().ok()?, other.clone())));
                all.by_address.extend(addresses);
            }
            if service.metadata.deletion_timestamp.is_some() {
                let controller = "the cloud controller, which takes it back: the Service is being deleted";
                let other = OtherBalancer::by_status(object.clone(), controller);
                all.add(&service.status.load_balancer.ingress, &other);
            }
            if let Some(class) = &service.spec.load_balancer_class {
                let controller = format!("the controller of loadBalancerClass {class}");
                let other = OtherBalancer::by_status(object, &controller);
                all.add(&service.status.load_balancer.ingress, &other);
            }
        }
        all
    }

    fn add(&mut self, statuses: &[LoadBalancerIngress], other: &OtherBalancer) {
        for status in statuses {
            if let Ok(ip) = status.ip.trim().parse() {
                self.by_address.entry(ip).or_insert_with(|| other.clone());
            } else if !status.hostname.is_empty() {
                let name = status.hostname.to_ascii_lowercase();
                self.by_name.entry(name).or_insert_with(|| other.clone());
            }
        }
    }
}

impl World {
    /// Who gave a name, if it was another controller.
    pub(crate) fn other_balancer_named(&self, name: &str) -> Option<&OtherBalancer> {
        self.other_balancers().by_name.get(&name.to_ascii_lowercase())
    }

    /// Where a new connection to an address ends that another controller gave, and that nothing of the input has.
    pub(crate) fn at_other_balancer(&self, traveller: &Traveller, station: Station) -> Option<Moves> {
        let address = traveller.packet.destination;
        let other = self.other_balancers().by_address.get(&address)?;
        if traveller.segment != Segment::Opening {
            return None;
        }
        let text = address.to_string();
        let mut step =
            plain(station, Component::Internet, Owner::Workload, Action::SelectFrontend, other.words(&text));
        step.rule = Some(other.rule(&text));
        let mut traveller = traveller.clone();
        let packet = traveller.packet;
        traveller.rewrite(packet, step);
        Some(Moves::one(traveller, Move::End(End::Failed(Verdict::Ambiguous, Cause::OtherController))))
    }

    /// Addresses and names in the status of the Ingresses that have a host.
    pub(crate) fn ingress_statuses(&self, host: &str) -> (Vec<IpAddr>, Vec<&str>) {
        let names = |ingress: &&Arc<Ingress>| {
            let mut hosts = ingress.spec.rules.iter().map(|rule| rule.host.as_str());
            hosts.any(|own| !own.is_empty() && host_rank(own, host, Wildcard::OneLabel).is_some())
        };
        let ingresses = self.model.ingresses.values().filter(names);
        let statuses = ingresses.flat_map(|ingress| &ingress.status.load_balancer.ingress);
        let (mut addresses, mut hostnames) = (Vec::new(), Vec::new());
        for status in statuses {
            match status.ip.trim().parse() {
                Ok(ip) => addresses.push(ip),
                Err(_) if !status.hostname.is_empty() => hostnames.push(status.hostname.as_str()),
                Err(_) => {}
            }
        }
        order::sort(&mut addresses);
        addresses.dedup();
        (addresses, hostnames)
    }
}

/// The resource that a configuration is of, in words: `the application gateway agw`.
fn holder(configuration: &ArmId) -> Option<String> {
    let mut segments = configuration.as_str().split('/');
    segments.by_ref().find(|segment| segment.eq_ignore_ascii_case("providers"))?;
    let (_, kind, name) = (segments.next()?, segments.next()?, segments.next()?);
    let known = [
        ("applicationGateways", "application gateway"),
        ("azureFirewalls", "firewall"),
        ("bastionHosts", "bastion"),
        ("loadBalancers", "load balancer"),
        ("networkInterfaces", "network interface"),
        ("virtualMachineScaleSets", "scale set"),
        ("virtualNetworkGateways", "gateway"),
    ];
    let words = known.iter().find(|(own, _)| own.eq_ignore_ascii_case(kind)).map_or(kind, |(_, words)| words);
    Some(format!("the {words} {name}, which is not in the input"))
}

/// The controller that serves an Ingress, in words.
fn ingress_controller(model: &Model, ingress: &Ingress) -> String {
    let named = ingress.spec.ingress_class_name.as_deref();
    let named = named.or_else(|| ingress.metadata.annotation("kubernetes.io/ingress.class"));
    let default = || model.ingress_classes.values().find(|class| class.is_default());
    let class = named.or_else(|| default().map(|class| class.metadata.name.as_str()));
    let known = class.and_then(|class| model.ingress_classes.values().find(|own| own.metadata.name == class));
    let controller = known.map(|class| class.spec.controller.as_str());
    match (controller.or(class), class) {
        (Some("azure/application-gateway" | "azure-application-gateway"), _) => {
            "the Application Gateway Ingress Controller".to_owned()
        }
        (Some("alb.networking.azure.io/alb-controller" | "azure-alb-external"), _) => {
            "the controller of Application Gateway for Containers".to_owned()
        }
        (Some(controller), _) if known.is_some() => format!("the controller {controller}"),
        (_, Some(class)) => format!("the controller of ingress class {class}"),
        (_, None) => "its controller".to_owned(),
    }
}
