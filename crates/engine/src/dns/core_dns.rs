//! CoreDNS: it answers the names of the cluster, and passes the others on.

use super::{
    asking::{Asking, Shown, is_meant, list, miss},
    servers::Server,
};
use crate::{Cause, NearMiss, RuleRef, Verdict};
use azure::{dns, surroundings::home};
use kubernetes::cluster_dns::{self, ClusterAnswer};
use model::{Kind, ObjectRef};

impl<'w> Asking<'w> {
    /// CoreDNS goes through the names that the resolver asks for.
    pub(super) fn by_cluster(&mut self, name: &str, questions: &[String]) {
        let world = self.world;
        let server = Server::Cluster(world.cluster_dns());
        let network = home(&world.model);
        let mut misses: Vec<NearMiss> = Vec::new();
        let mut upstream = None;
        for question in questions {
            if cluster_dns::is_own(question) {
                if cluster_dns::lookup(&world.model, question) == ClusterAnswer::NxDomain {
                    misses.push(miss("search path", question, "NXDOMAIN: the cluster has no such name"));
                    continue;
                }
                return self.own_name(question, name, misses);
            }
            let Some(next) = upstream.or_else(|| self.passes_on_to(name, server)) else { return };
            upstream = Some(next);
            let meant = is_meant(question, name);
            let records = self.upstream(question, meant, self.place_of(next, network));
            if dns::addresses(&records).is_empty() && questions.last() != Some(question) {
                misses.push(miss(&next.station(), question, "no address"));
                continue;
            }
            let to = match next {
                Server::Azure => "Azure DNS".to_owned(),
                _ => next.address().to_string(),
            };
            let choice = match dns::servers(network).len() {
                0 | 1 => "",
                _ => " (it takes one of the network's servers at random; this is the first that answers)",
            };
            let why = format!(
                "{question} is no name of the cluster: CoreDNS passes the question on to {to}, as its own node does{choice}."
            );
            self.say_with(server, why, Shown { rule: None, misses });
            self.introduce(next, network, "CoreDNS asks");
            return self.told_by(question, &records, next, network);
        }
        let why =
            format!("CoreDNS knows no {name}: NXDOMAIN for every name that the search path makes of it.");
        self.say_with(server, why, Shown { rule: None, misses });
        self.fail(Verdict::Unreachable, Cause::NameNotFound);
    }

    /// The server to which CoreDNS passes questions on: `forward . /etc/resolv.conf` of AKS's Corefile, and its pods
    /// have dnsPolicy Default. CoreDNS takes one of several at random; here it is the first that answers.
    fn passes_on_to(&mut self, name: &str, core_dns: Server<'w>) -> Option<Server<'w>> {
        let world = self.world;
        let asker = world.core_dns();
        for ip in dns::servers(home(&world.model)) {
            let server = world.server_at(ip);
            let (
                Server::Resolver(..) | Server::Premises(_) | Server::Own(_) | Server::Public(_),
                Some(asker),
            ) = (server, &asker)
            else {
                self.resolution.failure = None;
                return Some(server);
            };
            match world.question(asker, ip) {
                Ok(()) => {
                    self.resolution.failure = None;
                    return Some(server);
                }
                Err(mut lost) => {
                    let why = format!(
                        "CoreDNS passes the question for {name} on to the DNS server {ip}, as its own node does, and gets no answer (SERVFAIL for the pod):"
                    );
                    self.say(core_dns, why);
                    self.resolution.steps.append(&mut lost.steps);
                    self.fail(lost.verdict, lost.cause);
                }
            }
        }
        None
    }

    /// A name that CoreDNS answers itself.
    fn own_name(&mut self, full: &str, asked: &str, misses: Vec<NearMiss>) {
        let world = self.world;
        let server = Server::Cluster(world.cluster_dns());
        let completed = if full == asked.trim_end_matches('.') {
            full.to_owned()
        } else {
            format!("{full} (the search path made it of {asked})")
        };
        let (service, why, addresses, alias) = match cluster_dns::lookup(&world.model, full) {
            ClusterAnswer::Service(key, ips) => {
                let why = format!(
                    "CoreDNS answers {completed} with {}, the cluster IP of Service {key}.",
                    list(&ips)
                );
                (Some(key), why, ips, None)
            }
            ClusterAnswer::Endpoints(key, ips) => {
                let why = format!(
                    "Service {key} is headless: CoreDNS answers {completed} with the ready pods themselves, {}.",
                    list(&ips)
                );
                (Some(key), why, ips, None)
            }
            ClusterAnswer::Alias(key, target) => {
                let why = format!(
                    "Service {key} is of type ExternalName: CoreDNS answers {completed} with CNAME {target}."
                );
                (Some(key), why, Vec::new(), Some(target))
            }
            ClusterAnswer::Pod(ip) => {
                (None, format!("CoreDNS answers {completed} with {ip}."), vec![ip], None)
            }
            ClusterAnswer::NxDomain => {
                (None, format!("CoreDNS knows no {completed}: NXDOMAIN."), Vec::new(), None)
            }
        };
        let rule = service.map(|key| RuleRef {
            place: "zone cluster.local".into(),
            text: full.to_owned().into(),
            object: (world.model.services.contains_key(&key))
                .then(|| ObjectRef::namespaced(Kind::Service, &key)),
        });
        self.say_with(server, why, Shown { rule, misses });
        self.resolution.addresses = addresses;
        let Some(target) = alias else {
            if self.resolution.addresses.is_empty() {
                self.fail(Verdict::Unreachable, Cause::NameNotFound);
            }
            return;
        };
        if !self.asked.insert(target.clone()) {
            self.in_a_circle(&target, server);
        } else if cluster_dns::is_own(&target) {
            self.own_name(&target, &target, Vec::new());
        } else if let Some(next) = self.passes_on_to(&target, server) {
            let network = home(&world.model);
            self.introduce(next, network, "CoreDNS asks");
            let records = self.upstream(&target, true, self.place_of(next, network));
            self.told_by(&target, &records, next, network);
        }
    }
}
