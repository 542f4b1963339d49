//! Which of two backends a controller takes, where one is a canary.

use super::{Leg, rule_ref};
use crate::{
    Action, Component, Owner, World,
    answer::Branch,
    journey::{Traveller, plain, station_of},
};
use kubernetes::ingress_nginx::{Backend, Canary, Request};
use model::Key;

impl World {
    /// A backend beside which a canary stands. A canary without endpoints is none to nginx's balancer.
    pub(super) fn beside_canary(
        &self,
        leg: &Leg<'_>,
        traveller: &Traveller,
        backend: &Backend,
        canary: &Canary,
        request: &Request<'_>,
    ) -> Vec<Branch> {
        let key = Key::new(&canary.backend.ingress.namespace, &canary.backend.service.name);
        let service = self.model.services.get(&key);
        let is_ready =
            service.is_some_and(|own| !self.endpoint_targets(&key, own, &canary.backend).is_empty());
        let weight = if is_ready { canary.weight } else { 0 };
        let drawn = traveller.branching.draw(canary.total as usize);
        let drawn = drawn.and_then(|drawn| u32::try_from(drawn).ok());
        let mut branches = Vec::new();
        for (own, requests) in [(&canary.backend, 0..weight), (backend, weight..canary.total)] {
            if requests.is_empty() || drawn.is_some_and(|drawn| !requests.contains(&drawn)) {
                continue;
            }
            let weight = requests.end - requests.start;
            let share = f64::from(weight) / f64::from(canary.total);
            let mut branch = traveller.share(share);
            let (ingress, service) = (&canary.backend.ingress, &own.service.name);
            let why = if is_ready {
                format!(
                    "Ingress {ingress} is a canary beside it: {weight} of {} requests go to Service {service}, this one among them, if no header or cookie decides.",
                    canary.total
                )
            } else {
                format!(
                    "Ingress {ingress} is a canary beside it, but its Service has no ready endpoint: all goes to Service {service}."
                )
            };
            let mut step =
                plain(station_of(leg.party), Component::IngressNginx, Owner::Workload, Action::Match, why);
            step.rule = Some(rule_ref(ingress, &canary.backend.rule));
            step.probability = Some(share);
            let packet = branch.packet;
            branch.rewrite(packet, step);
            branches.extend(self.upstreams(leg, branch, own, own.by_cluster_ip, request));
        }
        branches
    }
}
