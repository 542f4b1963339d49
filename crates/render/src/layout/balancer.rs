//! Load balancers: one in full, the others as a line each.

use super::{
    board::{Board, Draft, Touch},
    cluster::FlowBalancer,
    words::{count, socket},
};
use crate::{Anchor, Ink, Kind, LoadBalancerView, Look, Point, Rect, State, TextStyle, Tone, View};
use engine::{Action, Component, Step};
use model::{
    ObjectRef,
    azure::{LoadBalancingRule, Probe, ProbeProtocol, RuleProtocol},
};

const PADDING: f64 = 12.0;
const HEAD: f64 = 54.0;
const ROW: f64 = 44.0;
const POOL_ROW: f64 = 34.0;
const GAP: f64 = 8.0;

/// Draws the flow's load balancer in full with its top left corner at `at`, the others under it.
pub(super) fn draw(
    board: &mut Board,
    view: &View,
    flow: &FlowBalancer,
    steps: &[Step],
    at: Point,
    wide: f64,
) {
    let bottom = full(board, view, flow, steps, at, wide);
    let others = view.load_balancers.iter().filter(|other| other.resource.name != flow.view.resource.name);
    let mut top = bottom + 14.0;
    for (index, other) in others.enumerate() {
        // A Basic cluster has one per scale set; beyond a few the tables of the page are the place.
        if index == 4 {
            break;
        }
        folded(board, other, Rect::new(at.x, top, wide, 46.0));
        top += 46.0 + 10.0;
    }
}

fn subtitle(view: &LoadBalancerView) -> String {
    let internal =
        view.resource.frontend_ip_configurations.iter().any(|frontend| frontend.private_ip_address.is_some());
    let scope = if internal { ", internal" } else { "" };
    format!("{}, {}{scope}", view.resource.name, view.resource.sku.name)
}

fn folded(board: &mut Board, view: &LoadBalancerView, bounds: Rect) {
    let id = format!("lb/{}", view.resource.name);
    let rules = count(view.resource.load_balancing_rules.len(), "rule");
    let label = format!("Load balancer {}, {rules}", subtitle(view));
    board.touch.insert(
        id.clone(),
        Touch::Balancer { card: bounds, frontend: bounds, pool: bounds, outbound: bounds },
    );
    Draft::new(id.clone(), Kind::LoadBalancer, Tone::Cloud, bounds)
        .object(ObjectRef::cluster_scoped(model::Kind::LoadBalancer, &view.resource.name))
        .label(label)
        .used(board.state(&id), board.steps(&id))
        .body(12.0, Look::Body)
        .text(PADDING, 19.0, bounds.w - 2.0 * PADDING, TextStyle::Name, Ink::Strong, &view.resource.name)
        .text(PADDING, 35.0, bounds.w - 2.0 * PADDING, TextStyle::Note, Ink::Soft, &rules)
        .put(board);
}

fn full(board: &mut Board, view: &View, flow: &FlowBalancer, steps: &[Step], at: Point, wide: f64) -> f64 {
    let resource = &flow.view.resource;
    let id = format!("lb/{}", resource.name);
    let here = board.steps(&id);
    let object = ObjectRef::cluster_scoped(model::Kind::LoadBalancer, &resource.name);
    let parts = Parts {
        id: &id,
        steps,
        here: &here,
        object: object.clone(),
        lit: flow.passed,
        selected: view.selected.is_some(),
    };
    let room = wide - 2.0 * PADDING;
    let mut top = at.y + HEAD;
    let mut row = |height: f64| {
        let bounds = Rect::new(at.x + PADDING, top, room, height);
        top += height + GAP;
        bounds
    };
    let frontend = row(ROW);
    parts.frontend(board, flow, frontend);
    parts.rule(board, flow, row(ROW));
    parts.probe(board, flow, row(ROW));
    let mut pool_row = frontend;
    let mut outbound = None;
    // The flow's pool first, then the outbound pool; a load balancer may have many more.
    let mut pools: Vec<_> = resource.backend_address_pools.iter().collect();
    let flow_pool = flow.pool.map(|pool| pool.name.as_str());
    order::sort_by_key(&mut pools, |pool| {
        (Some(pool.name.as_str()) != flow_pool, pool.outbound_rules.is_empty())
    });
    let drawn = if pools.len() > 4 { 3 } else { pools.len() };
    for (index, pool) in pools.iter().take(drawn).enumerate() {
        let bounds = row(POOL_ROW);
        if index == 0 {
            pool_row = bounds;
        }
        if outbound.is_none() && is_outbound(flow.view, &pool.name) {
            outbound = Some(bounds);
        }
        let members = flow.view.members.get(&pool.name).map_or(0, Vec::len);
        let rules = resource
            .load_balancing_rules
            .iter()
            .filter(|rule| {
                let ids = rule.backend_address_pool.iter().chain(&rule.backend_address_pools);
                ids.into_iter().any(|id| id.id.name() == pool.name)
            })
            .count();
        let in_flow = Some(pool.name.as_str()) == flow_pool;
        parts.pool(board, &pool.name, (members, rules), in_flow, bounds);
    }
    let hidden = pools.len() - drawn;
    let bottom = top - GAP + PADDING + if hidden > 0 { 18.0 } else { 0.0 };
    let card = Rect::new(at.x, at.y, wide, bottom - at.y);
    let outbound = outbound.unwrap_or(pool_row);
    board.touch.insert(id.clone(), Touch::Balancer { card, frontend, pool: pool_row, outbound });
    let mut draft = Draft::new(id.clone(), Kind::LoadBalancer, Tone::Cloud, card)
        .object(object)
        .label(format!("Azure Load Balancer {}", subtitle(flow.view)))
        .used(board.state(&id), here.clone())
        .body(14.0, Look::Body)
        .text(16.0, 25.0, wide - 32.0, TextStyle::Title, Ink::Strong, "Azure Load Balancer")
        .text(16.0, 42.0, wide - 32.0, TextStyle::Note, Ink::Soft, &subtitle(flow.view));
    if hidden > 0 {
        let more = format!("and {}", count(hidden, "more backend pool"));
        draft = draft.text(16.0, card.h - 10.0, wide - 32.0, TextStyle::Note, Ink::Soft, &more);
    }
    draft.put(board);
    bottom
}

/// AKS's own outbound pool, or any pool of an outbound rule.
fn is_outbound(view: &LoadBalancerView, pool: &str) -> bool {
    let rules = &view.resource.outbound_rules;
    rules.iter().any(|rule| rule.backend_address_pool.as_ref().is_some_and(|id| id.id.name() == pool))
}

/// The rows of one load balancer.
struct Parts<'a> {
    id: &'a str,
    steps: &'a [Step],
    here: &'a [usize],
    object: ObjectRef,
    lit: bool,
    selected: bool,
}

impl Parts<'_> {
    fn state(&self, used: bool) -> State {
        match (used && self.lit, self.selected) {
            (false, _) => State::Idle,
            (true, true) => State::Taken,
            (true, false) => State::Possible,
        }
    }

    /// Steps of the load balancer with one of these actions.
    fn steps(&self, actions: &[Action]) -> Vec<usize> {
        let does = |index: &&usize| {
            self.steps.get(**index).is_some_and(|step| {
                step.component == Component::AzureLoadBalancer && actions.contains(&step.action)
            })
        };
        self.here.iter().filter(does).copied().collect()
    }

    /// A row with a small heading and a line in monospace under it.
    fn row(&self, bounds: Rect, kind: Kind, name: &str, used: bool) -> Draft {
        let id = format!("{}/{}/{name}", self.id, kind.word());
        Draft::new(id, kind, Tone::Cloud, bounds)
            .within(self.id)
            .object(self.object.clone())
            .used(self.state(used), Vec::new())
    }

    fn lines(draft: Draft, bounds: Rect, heading: &str, line: &str, more: usize) -> Draft {
        let room = bounds.w - 22.0;
        let more = if more > 0 { format!("+{more} more") } else { String::new() };
        let more_room = crate::measure::width(&more, TextStyle::Note);
        let end = Point::new(bounds.w - 11.0, 18.0);
        draft
            .body(8.0, Look::Body)
            .text(11.0, 18.0, room - more_room - 6.0, TextStyle::Note, Ink::Soft, heading)
            .anchored(Anchor::End, end, more_room + 1.0, TextStyle::Note, Ink::Faint, &more)
            .text(11.0, 35.0, room, TextStyle::Mono, Ink::Strong, line)
    }

    fn frontend(&self, board: &mut Board, flow: &FlowBalancer, bounds: Rect) {
        let all = flow.view.resource.frontend_ip_configurations.len();
        let (line, more) = match (flow.frontend, flow.view.frontends.values().next()) {
            (Some((_, ip)), _) => {
                let port = flow.rule.map_or(0, |rule| rule.frontend_port);
                (socket(ip, port), all.saturating_sub(1))
            }
            (None, Some(ip)) => (ip.to_string(), all.saturating_sub(1)),
            (None, None) => ("none".into(), 0),
        };
        let mut steps = self.steps(&[Action::SelectFrontend]);
        if steps.is_empty() {
            steps = self.here.first().copied().into_iter().collect();
        }
        let draft = self.row(bounds, Kind::Frontend, "", flow.frontend.is_some());
        let draft = Self::lines(draft, bounds, "Frontend", &line, more);
        draft.label(format!("Frontend {line}")).used(self.state(flow.frontend.is_some()), steps).put(board);
    }

    fn rule(&self, board: &mut Board, flow: &FlowBalancer, bounds: Rect) {
        let all = flow.view.resource.load_balancing_rules.len();
        let (heading, line, more) = match flow.rule {
            Some(rule) => {
                let floating = if rule.enable_floating_ip { "on" } else { "off" };
                (format!("Rule, floating IP {floating}"), rule_line(rule), all.saturating_sub(1))
            }
            None if all == 0 => ("Rules".into(), "none".into(), 0),
            None if flow.asked => ("Rule".into(), "none for this flow".into(), all),
            None => ("Rules".into(), all.to_string(), 0),
        };
        let draft = self.row(bounds, Kind::Rule, "", flow.rule.is_some());
        let draft = Self::lines(draft, bounds, &heading, &line, more);
        let steps = self.steps(&[Action::Match]);
        draft.label(format!("{heading}: {line}")).used(self.state(flow.rule.is_some()), steps).put(board);
    }

    fn probe(&self, board: &mut Board, flow: &FlowBalancer, bounds: Rect) {
        let (heading, line) = match (flow.probe, flow.rule) {
            (Some(probe), _) => {
                let every = probe.interval_in_seconds.unwrap_or(15);
                (format!("Health probe, every {every} s"), probe_line(probe))
            }
            (None, Some(_)) => ("Health probe".into(), "none: all count as up".into()),
            (None, None) => ("Health probes".into(), flow.view.resource.probes.len().to_string()),
        };
        // The probe decides who may be chosen, yet the packet does not pass it.
        let draft = self.row(bounds, Kind::Probe, "", false);
        let draft = Self::lines(draft, bounds, &heading, &line, 0);
        let steps = self.steps(&[Action::ProbeGate, Action::SkipProbe]);
        draft.label(format!("{heading}: {line}")).used(State::Idle, steps).put(board);
    }

    fn pool(
        &self,
        board: &mut Board,
        name: &str,
        (members, rules): (usize, usize),
        used: bool,
        bounds: Rect,
    ) {
        let note = if used { count(members, "node") } else { format!("{members}") };
        let note_room = crate::measure::width(&note, TextStyle::Note) + 1.0;
        let end = Point::new(bounds.w - 11.0, 21.3);
        let label = format!("Backend pool {name}: {}, {}", count(members, "node"), count(rules, "rule"));
        let steps = if used { self.steps(&[Action::SelectBackend]) } else { Vec::new() };
        let (style, ink) = if used { (TextStyle::Name, Ink::Strong) } else { (TextStyle::Note, Ink::Soft) };
        self.row(bounds, Kind::BackendPool, name, used)
            .label(label)
            .body(8.0, Look::Body)
            .text(11.0, 21.3, bounds.w - 28.0 - note_room, style, ink, name)
            .anchored(Anchor::End, end, note_room, TextStyle::Note, Ink::Soft, &note)
            .used(self.state(used), steps)
            .put(board);
    }
}

fn rule_line(rule: &LoadBalancingRule) -> String {
    match rule.protocol {
        RuleProtocol::All if rule.frontend_port == 0 => "all ports".into(),
        protocol => {
            let protocol = protocol.to_string().to_uppercase();
            format!("{protocol} {} → {}", rule.frontend_port, rule.backend_port)
        }
    }
}

fn probe_line(probe: &Probe) -> String {
    let path = probe.request_path.as_deref().unwrap_or("/");
    match probe.protocol {
        ProbeProtocol::Tcp => format!("TCP :{}", probe.port),
        ProbeProtocol::Http => format!("HTTP :{}{path}", probe.port),
        ProbeProtocol::Https => format!("HTTPS :{}{path}", probe.port),
    }
}
