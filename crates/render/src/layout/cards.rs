//! Node pools, node cards and pods.

use super::{
    board::{Board, Draft, Touch},
    cluster::{FlowBalancer, Membership, NodeInfo, PodInfo, Pool},
    hub,
    ways::{Place, Way},
    words::{self, count, list, percent},
};
use crate::{Anchor, Ink, Kind, Look, Point, Rect, TextStyle, Tone, View, measure::width, probe_words};
use model::{Kind as ObjectKind, ObjectRef, azure::AgentPoolMode};
use std::collections::BTreeMap;

const PADDING: f64 = 14.0;
const HEAD: f64 = 42.0;
/// Width of a card with its pods.
const CARD: f64 = 324.0;
/// Size of a card without them.
const SMALL: (f64, f64) = (150.0, 46.0);
const CHIP: f64 = 26.0;
const CHIP_GAP: f64 = 6.0;
/// Where a card's rules and pods begin.
const BODY: f64 = 52.0;
/// From a card's left edge to its pods.
const CHIPS_AT: f64 = 134.0;
/// Pods drawn on one card; more are folded.
const MOST_CHIPS: usize = 5;
/// Nodes drawn on one picture; above, each pool shows those of the flow and folds the rest.
const MOST_NODES: usize = 96;
/// Nodes that a folded pool still shows.
const SHOWN_OF_FOLDED: usize = 11;

/// How much of each node is drawn. It depends on the number of nodes alone, so that a moved node changes no
/// other node's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Density {
    /// Cards with rules and pods, or small ones.
    pub full: bool,
    /// Cards side by side.
    pub columns: usize,
    /// Whether nodes are folded.
    pub folded: bool,
}

impl Density {
    pub(super) fn of(nodes: usize, tall: bool) -> Self {
        let folded = nodes > MOST_NODES;
        let (full, columns) = match (nodes, tall) {
            (_, false) if folded => (false, 3),
            (0..=4, false) | (0..=10, true) => (true, 1),
            (5..=10, false) => (true, 2),
            (_, true) => (false, 2),
            (..=48, false) => (false, 4),
            (_, false) => (false, 6),
        };
        Self { full, columns, folded }
    }

    fn card_width(self) -> f64 {
        if self.full { CARD } else { SMALL.0 }
    }

    fn column_gap(self) -> f64 {
        if self.full { 34.0 } else { 22.0 }
    }

    fn row_gap(self) -> f64 {
        if self.full { 24.0 } else { 14.0 }
    }

    /// Width of a pool's container.
    pub(super) fn pool_width(self) -> f64 {
        let columns = f64::from(u32::try_from(self.columns).unwrap_or(1));
        2.0 * PADDING + columns * self.card_width() + (columns - 1.0) * self.column_gap()
    }
}

/// What every card needs to know.
pub(super) struct Cards<'a> {
    pub view: &'a View<'a>,
    pub flow: Option<&'a FlowBalancer<'a>>,
    pub ways: &'a [Way<'a>],
    pub density: Density,
}

impl Cards<'_> {
    /// Draws all pools, one under the other.
    pub(super) fn draw(&self, board: &mut Board, pools: &[Pool], pending: &[PodInfo], at: Point) {
        let mut top = at.y;
        for pool in pools {
            top += self.pool(board, pool, Point::new(at.x, top)) + 22.0;
        }
        if !pending.is_empty() {
            self.pending(board, pending, Point::new(at.x, top));
        }
    }

    fn pool(&self, board: &mut Board, pool: &Pool, at: Point) -> f64 {
        let id = pool.id();
        let wide = self.density.pool_width();
        let (shown, folded) = self.split(board, pool);
        let mut bottom = at.y + HEAD;
        let mut row_top = bottom;
        for (row, nodes) in shown.chunks(self.density.columns.max(1)).enumerate() {
            let lane = if row == 0 { row_top - 6.0 } else { row_top - self.density.row_gap() / 2.0 };
            let mut x = at.x + PADDING;
            let height = nodes.iter().map(|node| self.height(node)).fold(0.0, f64::max);
            for (column, node) in nodes.iter().enumerate() {
                let bounds = Rect::new(x, row_top, self.density.card_width(), height);
                self.node(board, node, pool.name, bounds, (column, lane));
                x += self.density.card_width() + self.density.column_gap();
            }
            bottom = row_top + height;
            row_top = bottom + self.density.row_gap();
        }
        if !folded.is_empty() {
            let bounds = Rect::new(at.x + PADDING, row_top, wide - 2.0 * PADDING, 56.0);
            self.node_fold(board, &folded, &id, bounds, row_top - self.density.row_gap() / 2.0);
            bottom = bounds.bottom();
        }
        if pool.nodes.is_empty() {
            bottom += 44.0;
        }
        let tag_room = if self.density.full && !pool.nodes.is_empty() { 6.0 } else { 0.0 };
        let bounds = Rect::new(at.x, at.y, wide, bottom + PADDING + tag_room - at.y);
        self.pool_card(board, pool, id, bounds);
        bounds.h
    }

    fn pool_card(&self, board: &mut Board, pool: &Pool, id: String, bounds: Rect) {
        let name = if pool.name.is_empty() { "no pool" } else { pool.name };
        let note = self.pool_note(pool);
        let name_room = width(name, TextStyle::Title).min(self.density.card_width() * 0.6);
        let note_at = 16.0 + name_room + 9.0;
        let label = format!("Node pool {name}, {}. {note}", count(pool.nodes.len(), "node"));
        let cluster = self.view.model.managed_cluster.as_ref();
        let cluster =
            cluster.map(|cluster| ObjectRef::cluster_scoped(ObjectKind::ManagedCluster, &cluster.name));
        let mut draft = Draft::new(id, Kind::NodePool, Tone::Node, bounds)
            .object(cluster)
            .label(label)
            .body(14.0, Look::Body)
            .text(16.0, 26.0, name_room + 1.0, TextStyle::Title, Ink::Strong, name)
            .text(note_at, 26.0, (bounds.w - note_at - 16.0).max(0.0), TextStyle::Note, Ink::Faint, &note);
        if pool.nodes.is_empty() {
            let middle = Point::new(bounds.w / 2.0, HEAD + 22.0);
            let room = bounds.w - 32.0;
            draft = draft.anchored(
                Anchor::Middle,
                middle,
                room,
                TextStyle::Note,
                Ink::Soft,
                "no nodes in this pool",
            );
        }
        draft.put(board);
    }

    /// `System pool, in the backend pool`.
    fn pool_note(&self, pool: &Pool) -> String {
        let mode = match pool.mode {
            Some(AgentPoolMode::System) => "System pool",
            Some(AgentPoolMode::User) => "User pool",
            None => "",
        };
        let inside = self.flow.filter(|flow| flow.pool.is_some()).map(|flow| {
            let inside =
                pool.nodes.iter().filter(|node| flow.membership(node.name) != Membership::Outside).count();
            match (inside, pool.nodes.len()) {
                (_, 0) => "",
                (0, _) => "not in the backend pool",
                (inside, all) if inside == all => "in the backend pool",
                _ => "partly in the backend pool",
            }
        });
        let parts = [mode, inside.unwrap_or_default()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        words::capital(&parts.join(", "))
    }

    /// Which nodes are drawn, and which are folded.
    fn split<'n, 'p>(
        &self,
        board: &Board,
        pool: &'n Pool<'p>,
    ) -> (Vec<&'n NodeInfo<'p>>, Vec<&'n NodeInfo<'p>>) {
        if !self.density.folded {
            return (pool.nodes.iter().collect(), Vec::new());
        }
        let (mut shown, mut folded) = (Vec::new(), Vec::new());
        for node in &pool.nodes {
            let state = board.state(&format!("node/{}", node.name));
            if state >= crate::State::Taken && shown.len() < SHOWN_OF_FOLDED {
                shown.push(node);
            } else {
                folded.push(node);
            }
        }
        (shown, folded)
    }

    fn height(&self, node: &NodeInfo) -> f64 {
        if !self.density.full {
            return SMALL.1;
        }
        let chips = node.pods.len().clamp(1, MOST_CHIPS);
        let chips = f64::from(u32::try_from(chips).unwrap_or(1));
        BODY + (chips * (CHIP + CHIP_GAP) - CHIP_GAP).max(hub::HEIGHT) + 18.0
    }

    fn node(
        &self,
        board: &mut Board,
        node: &NodeInfo,
        pool: &str,
        bounds: Rect,
        (column, lane): (usize, f64),
    ) {
        let id = format!("node/{}", node.name);
        let membership = self.flow.map_or(Membership::NoRule, |flow| flow.membership(node.name));
        let (look, badge) = badge(node, membership);
        let label = node_label(node, pool, &badge);
        let mut draft = Draft::new(id.clone(), Kind::Node, Tone::Node, bounds)
            .within(&format!("pool/{pool}"))
            .object(ObjectRef::node(node.name))
            .label(label)
            .used(board.state(&id), board.steps(&id))
            .body(10.0, Look::Body);
        let inset = if self.density.full { 12.0 } else { 10.0 };
        let mut room = bounds.w - 2.0 * inset;
        let hub = self.density.full.then(|| {
            let body = bounds.h - BODY - 18.0;
            Rect::new(bounds.x + inset, bounds.y + BODY + (body - hub::HEIGHT) / 2.0, hub::WIDTH, hub::HEIGHT)
        });
        if self.density.full {
            if !badge.is_empty() {
                room -= draft.badge(bounds.w - inset, 12.0, bounds.w * 0.4, look, &badge) + 8.0;
            }
            if node.sent > 0.0 {
                let sent = format!("LB {}", percent(node.sent));
                let wide = width(&sent, TextStyle::MonoStrong) + 1.0;
                let end = Point::new(inset + room, 25.5);
                draft = draft.anchored(Anchor::End, end, wide, TextStyle::MonoStrong, Ink::Cloud, &sent);
                room -= wide + 10.0;
            }
            let ip = node.ip.map(|ip| ip.to_string()).unwrap_or_default();
            draft
                .text(inset, 23.0, room, TextStyle::Name, Ink::Strong, node.name.as_str())
                .text(inset, 39.0, room, TextStyle::Mono, Ink::Faint, &ip)
                .put(board);
        } else {
            if !badge.is_empty() && look != Look::Plain {
                room -= 12.0;
                draft = draft.dot(bounds.w - inset - 4.0, 15.0, 4.0, look);
            }
            let received: f64 = node.pods.iter().filter_map(|pod| pod.share).sum();
            let share = if received > 0.0 { percent(received) } else { String::new() };
            let share_room = width(&share, TextStyle::MonoStrong) + 1.0;
            let end = Point::new(bounds.w - inset, 36.0);
            let pods = count(node.pods.len(), "pod");
            let note_room = bounds.w - 2.0 * inset - share_room - 4.0;
            draft
                .text(inset, 19.0, room, TextStyle::Name, Ink::Strong, node.name.as_str())
                .text(inset, 36.0, note_room, TextStyle::Note, Ink::Faint, &pods)
                .anchored(Anchor::End, end, share_room, TextStyle::MonoStrong, Ink::Strong, &share)
                .put(board);
        }
        board.touch.insert(id.clone(), Touch::Card { card: bounds, hub, column, lane });
        match hub {
            Some(at) => {
                hub::draw(board, self.ways, self.view.selected, node.name, at);
                self.chips(board, node, &id, bounds);
            }
            None => {
                for pod in &node.pods {
                    board.stands_for.insert(Place::Pod(pod.key.clone()), id.clone());
                }
            }
        }
    }

    fn chips(&self, board: &mut Board, node: &NodeInfo, card: &str, bounds: Rect) {
        let drawn = if node.pods.len() > MOST_CHIPS { MOST_CHIPS - 1 } else { node.pods.len() };
        // The rows that a fuller card beside this one would need are spread evenly around these.
        let mut top = bounds.y + BODY;
        let rows = node.pods.len().min(MOST_CHIPS);
        let used = f64::from(u32::try_from(rows).unwrap_or(1)) * (CHIP + CHIP_GAP) - CHIP_GAP;
        top += ((bounds.h - BODY - 18.0 - used) / 2.0).max(0.0);
        let wide = bounds.w - CHIPS_AT - 12.0;
        for pod in node.pods.iter().take(drawn) {
            self.chip(board, pod, card, Rect::new(bounds.x + CHIPS_AT, top, wide, CHIP));
            top += CHIP + CHIP_GAP;
        }
        let folded = node.pods.get(drawn..).unwrap_or_default();
        if !folded.is_empty() {
            self.pod_fold(board, folded, card, Rect::new(bounds.x + CHIPS_AT, top, wide, CHIP));
        }
    }

    fn chip(&self, board: &mut Board, pod: &PodInfo, parent: &str, bounds: Rect) {
        let id = format!("pod/{}", pod.key);
        let state = board.state(&id);
        let share = match pod.share {
            Some(share) => percent(share),
            // One on the way to others, such as an ingress controller, is not left out.
            None if pod.endpoint && !self.ways.is_empty() && state == crate::State::Idle => percent(0.0),
            None => String::new(),
        };
        let ink = if pod.share.is_some_and(|share| share > 0.0) { Ink::Tone } else { Ink::Faint };
        let share_room = if share.is_empty() { 0.0 } else { width(&share, TextStyle::MonoStrong) + 1.0 };
        let room = bounds.w - 22.0 - 9.0 - share_room - if share.is_empty() { 0.0 } else { 6.0 };
        let dot = if pod.ready && !pod.terminating { Look::Good } else { Look::Hollow };
        let end = Point::new(bounds.w - 9.0, 17.0);
        Draft::new(id.clone(), Kind::Pod, Tone::Work, bounds)
            .within(parent)
            .object(ObjectRef::namespaced(ObjectKind::Pod, pod.key))
            .label(pod_label(pod))
            .used(state, board.steps(&id))
            .body(7.0, if dot == Look::Good { Look::Body } else { Look::Hollow })
            .dot(12.0, CHIP / 2.0, 3.6, dot)
            .text(22.0, 17.0, room, TextStyle::Mono, Ink::Strong, &pod.key.name)
            .anchored(Anchor::End, end, share_room, TextStyle::MonoStrong, ink, &share)
            .put(board);
        board.touch.insert(id, Touch::Chip { chip: bounds });
    }

    fn pod_fold(&self, board: &mut Board, pods: &[PodInfo], card: &str, bounds: Rect) {
        let id = format!("{card}/pods");
        let mut state = crate::State::Idle;
        for pod in pods {
            state = state.max(board.state(&format!("pod/{}", pod.key)));
            board.stands_for.insert(Place::Pod(pod.key.clone()), id.clone());
        }
        let received: f64 = pods.iter().filter_map(|pod| pod.share).sum();
        let share = if received > 0.0 { percent(received) } else { String::new() };
        let share_room = width(&share, TextStyle::MonoStrong) + 1.0;
        let not_ready = pods.iter().filter(|pod| !pod.ready).count();
        let text = format!("and {}", count(pods.len(), "more pod"));
        let label = format!("{text}, {not_ready} not ready");
        let end = Point::new(bounds.w - 9.0, 17.0);
        Draft::new(id.clone(), Kind::PodFold, Tone::Work, bounds)
            .within(card)
            .label(label)
            .used(state, Vec::new())
            .body(7.0, Look::Hollow)
            .text(12.0, 17.0, bounds.w - 30.0 - share_room, TextStyle::Note, Ink::Soft, &text)
            .anchored(Anchor::End, end, share_room, TextStyle::MonoStrong, Ink::Tone, &share)
            .put(board);
        board.touch.insert(id, Touch::Chip { chip: bounds });
    }

    fn node_fold(&self, board: &mut Board, nodes: &[&NodeInfo], pool: &str, bounds: Rect, lane: f64) {
        let id = format!("{pool}/more");
        let mut state = crate::State::Idle;
        let (mut pods, mut share) = (0, 0.0);
        let mut badges: BTreeMap<String, usize> = BTreeMap::new();
        for node in nodes {
            state = state.max(board.state(&format!("node/{}", node.name)));
            board.stands_for.insert(Place::Node(node.name.clone()), id.clone());
            for pod in &node.pods {
                board.stands_for.insert(Place::Pod(pod.key.clone()), id.clone());
                share += pod.share.unwrap_or(0.0);
            }
            pods += node.pods.len();
            let membership = self.flow.map_or(Membership::NoRule, |flow| flow.membership(node.name));
            *badges.entry(badge(node, membership).1).or_default() += 1;
        }
        let states: Vec<String> = badges
            .into_iter()
            .filter(|(badge, _)| !badge.is_empty())
            .map(|(badge, nodes)| format!("{badge}: {nodes}"))
            .collect();
        let title = count(nodes.len(), "more node");
        let note = [list(&states), count(pods, "pod")].join(if states.is_empty() { "" } else { " · " });
        let share = if share > 0.0 { percent(share) } else { String::new() };
        let share_room = width(&share, TextStyle::MonoStrong) + 1.0;
        let end = Point::new(bounds.w - 14.0, 23.0);
        Draft::new(id.clone(), Kind::NodeFold, Tone::Node, bounds)
            .within(pool)
            .label(format!("{title}: {note}"))
            .used(state, Vec::new())
            .body(10.0, Look::Hollow)
            .text(14.0, 23.0, bounds.w - 36.0 - share_room, TextStyle::Name, Ink::Strong, &title)
            .anchored(Anchor::End, end, share_room, TextStyle::MonoStrong, Ink::Strong, &share)
            .text(14.0, 41.0, bounds.w - 28.0, TextStyle::Note, Ink::Soft, &note)
            .put(board);
        board.touch.insert(id, Touch::Card { card: bounds, hub: None, column: 0, lane });
    }

    fn pending(&self, board: &mut Board, pods: &[PodInfo], at: Point) {
        let wide = self.density.pool_width();
        let drawn = pods.len().min(4);
        let rows = drawn + usize::from(pods.len() > drawn);
        let rows_high = f64::from(u32::try_from(rows).unwrap_or(1)) * (CHIP + CHIP_GAP);
        let bounds = Rect::new(at.x, at.y, wide, HEAD + rows_high + 8.0);
        let title = count(pods.len(), "pod");
        Draft::new("pending".into(), Kind::NodePool, Tone::Work, bounds)
            .label(format!("{title} without a node"))
            .body(14.0, Look::Hollow)
            .text(16.0, 26.0, wide - 32.0, TextStyle::Title, Ink::Strong, "not scheduled")
            .put(board);
        let mut top = at.y + HEAD;
        let chip_wide = (wide - 2.0 * PADDING).min(CARD);
        for pod in pods.iter().take(drawn) {
            self.chip(board, pod, "pending", Rect::new(at.x + PADDING, top, chip_wide, CHIP));
            top += CHIP + CHIP_GAP;
        }
        let folded = pods.get(drawn..).unwrap_or_default();
        if !folded.is_empty() {
            self.pod_fold(board, folded, "pending", Rect::new(at.x + PADDING, top, chip_wide, CHIP));
        }
    }
}

/// What the badge of a node says, and how it looks; empty where there is nothing to say.
fn badge(node: &NodeInfo, membership: Membership) -> (Look, String) {
    match membership {
        _ if !node.ready => (Look::Bad, "not ready".into()),
        Membership::NoRule => (Look::Plain, String::new()),
        Membership::Outside => (Look::Plain, "not in pool".into()),
        Membership::Unprobed => (Look::Plain, "no probe".into()),
        Membership::Unknown => (Look::Plain, "not probed".into()),
        Membership::Probed(state) => {
            let look = if state.up { Look::Good } else { Look::Bad };
            (look, probe_words(state))
        }
    }
}

fn node_label(node: &NodeInfo, pool: &str, badge: &str) -> String {
    let mut parts = vec![format!("Node {}", node.name)];
    if !pool.is_empty() {
        parts.push(format!("pool {pool}"));
    }
    parts.extend(node.ip.map(|ip| ip.to_string()));
    if !badge.is_empty() {
        parts.push(badge.to_owned());
    }
    parts.push(count(node.pods.len(), "pod"));
    parts.join(", ")
}

fn pod_label(pod: &PodInfo) -> String {
    let mut parts = vec![format!("Pod {}", pod.key)];
    parts.extend(pod.ip.map(|ip| ip.to_string()));
    parts.push(match (pod.terminating, pod.ready) {
        (true, _) => "terminating".into(),
        (false, true) => "ready".into(),
        (false, false) => "not ready".into(),
    });
    parts.extend(pod.share.map(|share| format!("receives {} of the flow", percent(share))));
    parts.join(", ")
}
