//! Pools and their members, held against those that the controllers would write.

use super::{
    Difference, Fate, FieldDifference, Part,
    compare::{BY_NAME, Comparison, NOT_COMPARED, OF_AKS},
};
use crate::{balancer::Member, names::OUTBOUND_POOL};
use model::{
    ArmId,
    azure::{BackendAddress, BackendAddressPool, SubResource},
};
use std::{collections::BTreeMap, sync::Arc};

const NODE_BACK: &str = "It is a node that belongs into the pool; the controller adds its NIC again.";
const NODE_OUT: &str = "It is a node that must not be in the pool; the controller takes its NIC out.";
const VM_GONE: &str = "Its VM is not found; the controller takes the configuration out.";
const ADDRESS_OUT: &str = "No node has this address; the controller takes it out of a pool by address.";
const VM_STAYS: &str = "It is a VM that is no node of this cluster; the controller takes out only nodes.";
const WOULD_EMPTY: &str = "Taking it out would empty the pool, so the controller skips it.";
const FOREIGN_POOL: &str = "It is a pool of somebody else's; the controller never touches it.";

impl Comparison<'_> {
    pub(super) fn pools(&mut self) {
        let should =
            self.should.as_ref().map(|should| should.backend_address_pools.clone()).unwrap_or_default();
        for pool in &should {
            let name = &pool.name;
            let at = self.is.backend_address_pools.iter().position(|own| own.name.eq_ignore_ascii_case(name));
            if at.is_none() {
                let (fate, why) = if name.eq_ignore_ascii_case(OUTBOUND_POOL) {
                    (Fate::PutBackByAks, OF_AKS)
                } else {
                    (Fate::PutBack, BY_NAME)
                };
                self.say(Part::Pool, name, Difference::Missing, fate, why);
                if fate == Fate::PutBack {
                    self.reconciled.backend_address_pools.push(pool.clone());
                }
            } else {
                self.members(pool);
            }
        }
        for pool in &self.is.backend_address_pools.clone() {
            if !should.iter().any(|own| own.name.eq_ignore_ascii_case(&pool.name)) {
                self.say(Part::Pool, &pool.name, Difference::Unwanted, Fate::Kept, FOREIGN_POOL);
            }
        }
    }

    fn members(&mut self, wanted_pool: &BackendAddressPool) {
        let name = wanted_pool.name.clone();
        let is: Vec<Arc<Member>> =
            self.cloud.pool(&self.balancer.name, &name).map(|pool| pool.members.clone()).unwrap_or_default();
        let should: Vec<Arc<Member>> =
            self.wanted.pool(&self.balancer.name, &name).map(|pool| pool.members.clone()).unwrap_or_default();
        let of_aks = name.eq_ignore_ascii_case(OUTBOUND_POOL);
        let same = |a: &Member, b: &Member| match (&a.node, &b.node) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.address.is_some() && a.address == b.address,
            _ => false,
        };
        let unwanted: Vec<&Arc<Member>> =
            is.iter().filter(|member| !should.iter().any(|own| same(own, member))).collect();
        // Excluded nodes are taken out only if somebody stays.
        let empties = should.is_empty() && unwanted.iter().all(|member| member.node.is_some());
        let mut out: Vec<String> = Vec::new();
        for member in unwanted {
            let (fate, why) = match (&member.node, &member.ip_configuration) {
                _ if of_aks => (Fate::PutBackByAks, OF_AKS),
                (Some(_), _) if empties => (Fate::Kept, WOULD_EMPTY),
                (Some(_), _) => (Fate::Removed, NODE_OUT),
                (None, Some(id)) if self.has_nic(id) => (Fate::Kept, VM_STAYS),
                (None, Some(_)) => (Fate::Removed, VM_GONE),
                (None, None) => (Fate::Removed, ADDRESS_OUT),
            };
            if fate == Fate::Removed {
                out.push(member.label().to_string());
            }
            self.say(Part::Member, &format!("{name}/{}", member.label()), Difference::Unwanted, fate, why);
        }
        let mut back: Vec<Arc<Member>> = Vec::new();
        for member in &should {
            match is.iter().find(|own| same(own, member)) {
                None => {
                    let (fate, why) =
                        if of_aks { (Fate::PutBackByAks, OF_AKS) } else { (Fate::PutBack, NODE_BACK) };
                    self.say(
                        Part::Member,
                        &format!("{name}/{}", member.label()),
                        Difference::Missing,
                        fate,
                        why,
                    );
                    if fate == Fate::PutBack {
                        back.push(Arc::clone(member));
                    }
                }
                Some(own) if own.admin_state != member.admin_state => {
                    let field = FieldDifference {
                        field: "adminState",
                        is: format!("{:?}", own.admin_state),
                        wanted: format!("{:?}", member.admin_state),
                    };
                    let changed = Difference::Changed(vec![field]);
                    let label = format!("{name}/{}", member.label());
                    self.say(Part::Member, &label, changed, Fate::Kept, NOT_COMPARED);
                }
                Some(_) => {}
            }
        }
        self.apply_members(wanted_pool, &is, &out, &back);
    }

    fn has_nic(&self, id: &ArmId) -> bool {
        let nics = self.model.network_interfaces.values();
        nics.flat_map(|nic| &nic.ip_configurations).any(|own| own.id.as_ref() == Some(id))
    }

    /// Takes members out of the document's pool and puts others back.
    fn apply_members(
        &mut self,
        wanted: &BackendAddressPool,
        is: &[Arc<Member>],
        out: &[String],
        back: &[Arc<Member>],
    ) {
        let Some(pool) = self
            .reconciled
            .backend_address_pools
            .iter_mut()
            .find(|own| own.name.eq_ignore_ascii_case(&wanted.name))
        else {
            return;
        };
        let leaves = |id: Option<&ArmId>, address: Option<&str>| {
            let of_member = |member: &&Arc<Member>| match (&member.ip_configuration, id) {
                (Some(own), Some(id)) => own == id,
                _ => member.address.is_some() && address.and_then(|ip| ip.parse().ok()) == member.address,
            };
            is.iter().find(of_member).is_some_and(|member| out.iter().any(|own| member.is_called(own)))
        };
        pool.backend_ip_configurations.retain(|own| !leaves(Some(&own.id), None));
        pool.load_balancer_backend_addresses.retain(|own| {
            let id = own.network_interface_ip_configuration.as_ref().map(|reference| &reference.id);
            !leaves(id, own.ip_address.as_deref())
        });
        let listed: BTreeMap<&str, &BackendAddress> = order::map(
            wanted.load_balancer_backend_addresses.iter().filter_map(|own| Some((own.name.as_deref()?, own))),
        );
        for member in back {
            pool.backend_ip_configurations.extend(member.ip_configuration.clone().map(SubResource::from));
            let entry = listed.get(&*member.label()).map(|own| (*own).clone());
            pool.load_balancer_backend_addresses.extend(entry);
        }
    }
}
