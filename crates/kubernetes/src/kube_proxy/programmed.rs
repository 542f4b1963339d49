//! A ruleset that remembers which Service each chain and rule is of.

use super::{ChainKind, ProxyEndpoint, ServicePort};
use netfilter::{ChainName, RuleId, Ruleset, TableName};
use std::{collections::BTreeMap, sync::Arc};

/// Rules together with what they were written for.
///
/// In large-cluster mode the rules of endpoints carry no comments, so their text does not tell.
#[derive(Debug, Clone)]
pub struct Programmed {
    /// The rules.
    pub ruleset: Ruleset,
    pub(super) services: Vec<Arc<ServicePort>>,
    /// Per chain of table nat, from chain `first` on: what it is.
    pub(super) generated: Vec<Generated>,
    pub(super) first: usize,
    /// Per shared chain: the service port of each rule that is of one.
    pub(super) dispatch: BTreeMap<(TableName, ChainName), Vec<u32>>,
}

/// A generated chain: indexes into the service ports and into the endpoints of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Generated {
    pub(super) service: u32,
    pub(super) kind: ChainKind,
    pub(super) endpoint: Option<u32>,
}

/// What a chain or rule is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Owner<'a> {
    /// The service port.
    pub service: &'a ServicePort,
    /// The kind of its chain; `None` for a rule in a chain that services share.
    pub kind: Option<ChainKind>,
    /// The endpoint, for chains of endpoints.
    pub endpoint: Option<&'a ProxyEndpoint>,
}

impl Programmed {
    /// The service ports that the rules were written for, in order.
    pub fn services(&self) -> &[Arc<ServicePort>] {
        &self.services
    }

    /// What a rule is of; `None` for rules that serve every Service. Constant time.
    pub fn owner_of_rule(&self, id: RuleId) -> Option<Owner<'_>> {
        self.owner_of_chain_at(id.table, id.chain).or_else(|| {
            let chain = self.ruleset.tables.get(&id.table)?.chains.get(id.chain as usize)?;
            let service = *self.dispatch.get(&(id.table, chain.name))?.get(id.rule as usize)?;
            Some(Owner { service: self.services.get(service as usize)?, kind: None, endpoint: None })
        })
    }

    /// What a generated chain is of, by its place in the table; `None` for other chains. Constant time.
    pub fn owner_of_chain_at(&self, table: TableName, chain: u32) -> Option<Owner<'_>> {
        let place = (chain as usize).checked_sub(self.first).filter(|_| table == TableName::Nat)?;
        self.owner(*self.generated.get(place)?)
    }

    /// What a generated chain is of, by its name. Looks through all chains.
    pub fn owner_of_chain(&self, name: &ChainName) -> Option<Owner<'_>> {
        ChainKind::of(name)?;
        let chains = self.ruleset.tables.get(&TableName::Nat)?.chains.get(self.first..)?;
        let place = chains.iter().position(|chain| chain.name == *name)?;
        self.owner(*self.generated.get(place)?)
    }

    fn owner(&self, generated: Generated) -> Option<Owner<'_>> {
        let service: &ServicePort = self.services.get(generated.service as usize)?;
        let endpoint = generated.endpoint.and_then(|i| service.endpoints.get(i as usize));
        Some(Owner { service, kind: Some(generated.kind), endpoint })
    }
}
