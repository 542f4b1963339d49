//! One line of a node's rules.

use super::per_cent;
use crate::state::{Action, Dispatch};
use model::{Key, Kind, Model, ObjectRef};
use std::{cell::OnceCell, collections::BTreeMap};
use yew::prelude::*;

/// Rules that matched, by table and text.
pub(super) type Hits = BTreeMap<(String, String), Hit>;

/// What stands for a table before the virtual servers of IPVS.
const IPVS: &str = "ipvs";

/// The lines that the text of a step's rule stands for: a look-up of nftables for the rule and the element that it
/// found, a virtual server for its first line.
pub(super) fn parts<'a>(table: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
    let looked_up = text.split_once(" { ").filter(|(rule, _)| rule.contains(" vmap @"));
    let (first, second) = match looked_up {
        Some((rule, element)) => (rule, Some(bare(element))),
        None if table == IPVS => (text.split("; ").next().unwrap_or_default(), None),
        None => (bare(text), None),
    };
    std::iter::once(first).chain(second)
}

/// A line without what surrounds an element in a list.
fn bare(line: &str) -> &str {
    let line = line.trim();
    let line = line.strip_prefix("elements = { ").unwrap_or(line);
    line.strip_suffix(',').or_else(|| line.strip_suffix(" }")).unwrap_or(line)
}

/// How a rule matched.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hit {
    /// Numbers of the steps of the drawn branch.
    pub(super) steps: Vec<usize>,
    /// Share of all connections that match it, 0 to 1.
    pub(super) share: f64,
}

/// The text, line by line, each with its table. Thousands of Services make hundreds of thousands of lines: they stay one
/// text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines {
    text: String,
    tables: Vec<String>,
    /// Of each line its table, and where it begins and ends.
    places: Vec<(usize, usize, usize)>,
    /// Rules of each chain, by table and chain, as places among all; found when somebody first asks for one.
    chains: OnceCell<BTreeMap<(String, String), Vec<usize>>>,
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its place among all.
    pub(super) at: usize,
    pub(super) table: &'a str,
    pub(super) text: &'a str,
}

impl Lines {
    pub(super) fn of(text: String) -> Self {
        let (mut tables, mut places) = (vec![String::new()], Vec::new());
        let mut begin = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches('\n');
            match line.strip_prefix('*').or_else(|| line.strip_prefix("table ")?.split(' ').next()) {
                Some(name) => tables.push(name.to_owned()),
                // Virtual servers stand in no table.
                None if line.starts_with("-A -") && tables.last().is_none_or(|table| table != IPVS) => {
                    tables.push(IPVS.to_owned());
                }
                None => {}
            }
            places.push((tables.len() - 1, begin, begin + line.len()));
            begin += whole.len();
        }
        Self { text, tables, places, chains: OnceCell::new() }
    }

    /// The line at a place.
    pub(super) fn line(&self, at: usize) -> Option<Line<'_>> {
        let (table, begin, end) = *self.places.get(at)?;
        Some(Line { at, table: self.tables.get(table)?, text: self.text.get(begin..end)? })
    }

    /// Every line.
    pub(super) fn all(&self) -> impl Iterator<Item = Line<'_>> {
        (0..self.places.len()).filter_map(|at| self.line(at))
    }

    /// The rules of a chain, in order.
    pub(super) fn rules(&self, table: &str, chain: &str) -> impl Iterator<Item = Line<'_>> {
        let chains = self.chains.get_or_init(|| {
            let mut chains: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
            for line in self.all().filter(|line| line.table != IPVS) {
                if let Some(chain) = line.chain() {
                    chains.entry((line.table.to_owned(), chain.to_owned())).or_default().push(line.at);
                }
            }
            chains
        });
        let places = chains.get(&(table.to_owned(), chain.to_owned()));
        places.into_iter().flatten().filter_map(|at| self.line(*at))
    }

    /// Lines that fit the search.
    pub(super) fn shown(&self, hits: &Hits, search: &str, only_matched: bool) -> Vec<Line<'_>> {
        self.all().filter(|line| line.fits(hits, search, only_matched)).collect()
    }
}

impl<'a> Line<'a> {
    fn key(&self) -> (String, String) {
        (self.table.to_owned(), bare(self.text).to_owned())
    }

    /// Whether the line is a rule, and not a chain, a set or what they begin with.
    pub(super) fn is_rule(&self) -> bool {
        let declares = ["type ", "comment ", "size ", "flags ", "timeout ", "elements ", "\t"];
        self.text.starts_with("-A")
            || self
                .text
                .strip_prefix("\t\t")
                .is_some_and(|text| !declares.iter().any(|word| text.starts_with(word)))
    }

    pub(super) fn fits(&self, hits: &Hits, search: &str, only_matched: bool) -> bool {
        let fits = search.is_empty() || self.text.to_ascii_lowercase().contains(search);
        fits && (!only_matched || hits.contains_key(&self.key()))
    }

    /// `KUBE-SERVICES` of `-A KUBE-SERVICES …`.
    pub(super) fn chain(&self) -> Option<&'a str> {
        self.text.strip_prefix("-A ")?.split(' ').next()
    }

    /// Where the rule leads: the word after its last `-j` or `-g`.
    pub(super) fn target(&self) -> Option<&'a str> {
        let mut words = self.text.split(' ');
        words.by_ref().find(|word| matches!(*word, "-j" | "-g")).and_then(|_| words.next())
    }

    pub(super) fn hit<'h>(&self, hits: &'h Hits) -> Option<&'h Hit> {
        hits.get(&self.key())
    }

    /// The Service that the rule's comment names.
    fn service(&self, model: &Model) -> Option<Key> {
        let comment = self.text.split_once("--comment \"")?.1.split('"').next()?;
        comment.split(' ').find_map(|word| {
            let key: Key = word.split(':').next()?.parse().ok()?;
            model.services.contains_key(&key).then_some(key)
        })
    }

    /// The line as it stands in the text.
    pub(super) fn html(&self, hits: &Hits, model: &Model, dispatch: &Dispatch) -> Html {
        let kind = match self.text.bytes().next() {
            Some(b'*') => "table",
            Some(b':') => "chain",
            Some(b'-') => "append",
            _ => "other",
        };
        let Some(hit) = self.hit(hits) else {
            return html! { <span class={kind}>{ self.text }{ "\n" }</span> };
        };
        let first = hits.values().filter_map(|hit| hit.steps.first()).min();
        let drawn = !hit.steps.is_empty();
        html! {
            <mark class={classes!(kind, (!drawn).then_some("elsewhere"))} data-first={(drawn && hit.steps.first() == first).then_some("")}>
                { number(hit) }{ self.text }{ self.to_service(model, dispatch) }{ "\n" }</mark>
        }
    }

    /// A button that shows the Service of a rule.
    pub(super) fn to_service(&self, model: &Model, dispatch: &Dispatch) -> Html {
        let Some(key) = self.service(model) else { return Html::default() };
        let (dispatch, id) = (dispatch.clone(), ObjectRef::namespaced(Kind::Service, &key));
        let onclick =
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Select(Some(id.clone()))));
        html! { <button type="button" class="link to-object" title={format!("Show Service {key}")} {onclick}>{ &*key.name }</button> }
    }
}

/// The steps of the drawn branch that matched, else the share of connections that do.
pub(super) fn number(hit: &Hit) -> Html {
    let share = format!("{} % of connections", per_cent(hit.share));
    if hit.steps.is_empty() {
        return html! { <span class="at" title={share.clone()} aria-label={share}>{ format!("{}%", per_cent(hit.share)) }</span> };
    }
    let steps: Vec<String> = hit.steps.iter().map(ToString::to_string).collect();
    html! {
        <span class="at" title={share.clone()} aria-label={format!("step {}, {share}", steps.join(", "))}>{ steps.join(",") }</span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_modes_are_found_by_what_a_step_tells() {
        let lines = Lines::of(
            "table ip kube-proxy {\n\tmap service-ips {\n\t\telements = { 10.0.0.1 . tcp . 80 : goto service-A,\n\t\t\t     10.0.0.2 . tcp . 80 : goto service-B }\n\t}\n\tchain services {\n\t\tip daddr vmap @service-ips\n\t}\n}\n-A -t 10.0.0.1:80 -s rr\n*filter\nCOMMIT".to_owned(),
        );
        let hits = |table: &str, text: &str| -> Hits {
            parts(table, text).map(|part| ((table.to_owned(), part.to_owned()), Hit::default())).collect()
        };
        let looked_up = hits("ip", "ip daddr vmap @service-ips { 10.0.0.2 . tcp . 80 : goto service-B }");
        let shown: Vec<_> = lines.shown(&looked_up, "", true).iter().map(|line| line.text.trim()).collect();
        assert_eq!(shown, ["10.0.0.2 . tcp . 80 : goto service-B }", "ip daddr vmap @service-ips"]);
        let served = hits("ipvs", "-A -t 10.0.0.1:80 -s rr; -a -t 10.0.0.1:80 -r 10.244.0.1:8080 -m -w 1");
        assert_eq!(lines.shown(&served, "", true).len(), 1);
    }

    #[test]
    fn lines_know_their_table_chain_and_target() {
        let text = "*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.0.0.1/32 -j KUBE-SVC-A\nCOMMIT";
        let lines = Lines::of(text.to_owned());
        assert_eq!(lines.all().map(|line| line.text).collect::<Vec<_>>().join("\n"), text);
        let rule = lines.line(2).expect("a line");
        assert_eq!(lines.rules("nat", "KUBE-SERVICES").count(), 1);
        assert_eq!(
            (rule.table, rule.chain(), rule.target()),
            ("nat", Some("KUBE-SERVICES"), Some("KUBE-SVC-A"))
        );
        assert_eq!(lines.line(1).and_then(|line| line.chain()), None);
        assert_eq!(lines.shown(&Hits::default(), "svc-a", false), [rule]);
        assert!(lines.shown(&Hits::default(), "", true).is_empty());
    }
}
