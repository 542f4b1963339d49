//! Laws of the layout, over drawn and generated clusters.

#[allow(
    dead_code,
    clippy::expect_used,
    clippy::type_complexity,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::too_many_lines,
    clippy::trivially_copy_pass_by_ref,
    reason = "each test uses a part of it"
)]
mod fixture;

use fixture::{Fixture, PoolSpec, build, caveat, pools};
use model::{azure::SkuName, kubernetes::TrafficPolicy};
use proptest::prelude::*;
use render::{Anchor, Format, Kind, Options, Point, Rect, Scene, Shape, State, TextStyle, measure, svg};
use std::collections::BTreeMap;

fn draw(fixture: &Fixture, selected: Option<usize>, shape: Format) -> Scene {
    fixture.with(selected, false, |view| render::scene(view, Options { shape }))
}

/// What a person would call broken; empty for a sound scene.
fn faults(scene: &Scene) -> Vec<String> {
    let mut faults = Vec::new();
    let by_id: BTreeMap<&str, &render::Group> =
        scene.groups.iter().map(|group| (group.id.as_str(), group)).collect();
    if by_id.len() != scene.groups.len() {
        faults.push("two groups have one id".into());
    }
    let page = Rect::new(0.0, 0.0, scene.width, scene.height);
    for group in &scene.groups {
        if !page.contains(group.bounds) {
            faults.push(format!("{} leaves the page", group.id));
        }
        if let Some(parent) = &group.parent {
            match by_id.get(parent.as_str()) {
                Some(parent) if parent.bounds.contains(group.bounds) => {}
                Some(parent) => faults.push(format!("{} leaves {}", group.id, parent.id)),
                None => faults.push(format!("{} has no parent {parent}", group.id)),
            }
        }
        faults.extend(shape_faults(group));
    }
    let boxes: Vec<_> = scene.groups.iter().filter(|group| group.kind != Kind::Verdict).collect();
    for (index, a) in boxes.iter().enumerate() {
        for b in boxes.iter().skip(index + 1).filter(|b| a.parent == b.parent && a.bounds.overlaps(b.bounds))
        {
            faults.push(format!("{} overlaps {}", a.id, b.id));
        }
    }
    for link in &scene.links {
        let bounds = link.curve.bounds();
        if ![bounds.x, bounds.y, bounds.w, bounds.h].iter().all(|value| value.is_finite()) {
            faults.push(format!("{} is not a line", link.id));
        }
        // The control points may lie outside; the line must not.
        let track = link.curve.flatten();
        if !page.contains(Rect { w: 0.0, h: 0.0, ..point_rect(track.middle()) }) {
            faults.push(format!("{} leaves the page", link.id));
        }
    }
    for capsule in &scene.capsules {
        if !page.contains(capsule.bounds) {
            faults.push(format!("{} leaves the page", capsule.id));
        }
        for (_, parts) in capsule.lines() {
            let line: String = parts.iter().map(|(part, _)| *part).collect();
            if measure::width(&line, TextStyle::Header) > capsule.bounds.w {
                faults.push(format!("{line:?} leaves its capsule"));
            }
        }
    }
    faults
}

fn point_rect(point: Point) -> Rect {
    Rect::new(point.x, point.y, 0.0, 0.0)
}

/// Every text within its group, and no two texts of a group on each other.
fn shape_faults(group: &render::Group) -> Vec<String> {
    let mut faults = Vec::new();
    let own = Rect::new(0.0, 0.0, group.bounds.w, group.bounds.h);
    let mut texts: Vec<(Rect, &str)> = Vec::new();
    for shape in &group.shapes {
        let Shape::Text(text) = shape else { continue };
        let wide = measure::width(&text.content, text.style);
        let x = match text.anchor {
            Anchor::Start => text.at.x,
            Anchor::Middle => text.at.x - wide / 2.0,
            Anchor::End => text.at.x - wide,
        };
        let size = text.style.size();
        let around = Rect::new(x, text.at.y - 0.75 * size, wide, size);
        if wide > text.room + 0.01 || !own.contains(around) {
            faults.push(format!("{:?} leaves {}", text.content, group.id));
        }
        for (other, content) in &texts {
            if other.overlaps(around) {
                faults.push(format!("{:?} lies on {content:?} in {}", text.content, group.id));
            }
        }
        texts.push((around, &text.content));
    }
    faults
}

#[test]
fn the_caveat_cluster_stands_where_it_should() {
    let scene = draw(&caveat(TrafficPolicy::Local), Some(0), Format::Wide);
    let state = |id: &str| scene.group(id).map(|group| group.state);
    for (id, expected) in [
        ("host/198.51.100.7", State::Taken),
        ("lb/kubernetes", State::Taken),
        ("node/aks-system-0", State::Taken),
        ("pod/default/echo-58mz5", State::Taken),
        ("node/aks-pool-1-0", State::Idle),
        ("pod/default/echo-fpwkf", State::Idle),
    ] {
        assert_eq!(state(id), Some(expected), "{id}");
    }
    let links: Vec<_> = scene.links.iter().map(|link| (link.id.as_str(), link.state)).collect();
    assert_eq!(
        links,
        [
            ("host/198.51.100.7>lb/kubernetes", State::Taken),
            ("lb/kubernetes>node/aks-system-0", State::Taken),
            ("lb/kubernetes/in>lb/kubernetes/out", State::Taken),
            ("node/aks-system-0>pod/default/echo-58mz5", State::Taken),
        ]
    );
}

#[test]
fn capsules_show_what_was_rewritten() {
    let headers = |policy| {
        let spec = pools(&[("p", &[("n0", &["a"]), ("n1", &["b"])])]);
        let scene = draw(&build(&spec, 2, policy, SkuName::Standard), Some(0), Format::Wide);
        let line = |capsule: &render::Capsule| {
            let mark = |field: &render::Field| {
                if field.changed { format!("*{}*", field.text) } else { field.text.clone() }
            };
            format!("{} → {}", mark(&capsule.source), mark(&capsule.destination))
        };
        scene.capsules.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        headers(TrafficPolicy::Local),
        [
            "198.51.100.7 → 20.72.161.43:80",
            "198.51.100.7 → 20.72.161.43:80",
            "198.51.100.7 → *10.244.0.11:8080*"
        ]
    );
    assert_eq!(
        headers(TrafficPolicy::Cluster),
        [
            "198.51.100.7 → 20.72.161.43:80",
            "198.51.100.7 → 20.72.161.43:80",
            "*10.224.0.4* → *10.244.0.11:8080*"
        ]
    );
}

#[test]
fn a_lost_branch_says_where_and_why() {
    let spec = pools(&[("system", &[("n0", &[])]), ("user", &[("n1", &["a"])])]);
    let scene = draw(&build(&spec, 1, TrafficPolicy::Local, SkuName::Standard), Some(0), Format::Wide);
    assert_eq!(scene.group("lb/kubernetes").map(|group| group.state), Some(State::Failed));
    assert_eq!(scene.group("verdict").map(|group| group.label.as_str()), Some("✕ dropped: all probes down"));
    assert!(scene.links.iter().any(|link| link.state == State::Failed));
}

/// A node that moves to another pool leaves all other pools' and nodes' order and columns alone.
#[test]
fn an_edit_moves_only_what_it_must() {
    let before = pools(&[("a", &[("n0", &["p"]), ("n1", &[])]), ("b", &[("n2", &[]), ("n3", &[])])]);
    let after = pools(&[("a", &[("n0", &["p"])]), ("b", &[("n1", &[]), ("n2", &[]), ("n3", &[])])]);
    let place = |spec: &[PoolSpec], id: &str| {
        let scene = draw(&build(spec, 4, TrafficPolicy::Local, SkuName::Standard), Some(0), Format::Wide);
        scene.group(id).map(|group| group.bounds)
    };
    for id in ["host/198.51.100.7", "lb/kubernetes", "node/n0", "pod/default/p"] {
        assert_eq!(place(&before, id), place(&after, id), "{id}");
    }
}

#[test]
fn thousands_of_nodes_cost_no_more_than_a_few() {
    let pool = |name: &str, nodes: usize| {
        (
            name.to_owned(),
            (0..nodes).map(|n| (format!("{name}-{n}"), vec![format!("p-{name}-{n}")])).collect(),
        )
    };
    let spec: Vec<PoolSpec> = vec![pool("system", 500), pool("user", 4500)];
    let scene = draw(&build(&spec, 5000, TrafficPolicy::Local, SkuName::Standard), Some(3), Format::Wide);
    let elements: usize =
        scene.groups.iter().map(|group| 2 + group.shapes.len()).sum::<usize>() + 4 * scene.links.len();
    assert!(elements < 3000, "{elements} elements");
    assert!(scene.group("pool/user/more").is_some_and(|group| group.label.starts_with("4,500 more nodes")));
}

/// The text between tags and in attributes, checked by hand: tags balance, and nothing hostile is left.
fn well_formed(document: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        if rest.get(..start).is_some_and(|text| text.contains('>')) {
            return Err("a stray >".into());
        }
        let end = rest.get(start..).and_then(|tag| tag.find('>')).ok_or("an open tag")?;
        let tag = rest.get(start + 1..start + end).unwrap_or_default();
        let name = tag.trim_matches('/').split([' ', '/']).next().unwrap_or_default();
        if !["svg", "title", "desc", "style", "rect", "g", "text", "tspan", "path", "circle"].contains(&name)
        {
            return Err(format!("an element {name:?}"));
        }
        if let Some(closed) = tag.strip_prefix('/') {
            if open.pop() != Some(closed) {
                return Err(format!("{closed} closes nothing"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        // Of the style sheet, which has `>`, only the end is looked for.
        let after = rest.get(start + end + 1..).unwrap_or_default();
        rest = if name == "style" && !tag.starts_with('/') {
            after.find("</style>").and_then(|at| after.get(at..)).unwrap_or_default()
        } else {
            after
        };
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

#[test]
fn hostile_names_stay_text() {
    let spec = pools(&[(
        "<script>alert(1)</script>",
        &[("\"'&<b>\u{202E}gnp.exe", &["\u{0}\u{1B}[2J", "مرحبا", "]]>--><!--", "a\nb"])],
    )]);
    let scene = draw(&build(&spec, 1, TrafficPolicy::Local, SkuName::Standard), Some(0), Format::Wide);
    for theme in [svg::Theme::Auto, svg::Theme::Light, svg::Theme::Dark] {
        let document = svg::to_string(&scene, theme);
        assert_eq!(well_formed(&document), Ok(()));
        for hostile in ["<script", "\u{202E}", "\u{0}", "\u{1B}", "<b>"] {
            assert!(!document.contains(hostile), "{hostile:?}");
        }
        assert!(document.contains("مرحبا"));
    }
}

fn spec() -> impl Strategy<Value = Vec<PoolSpec>> {
    let name = "[a-z0-9.-]{1,40}|[\\PC]{1,20}";
    let node = (name, 0_usize..8);
    let pool = (name, prop::collection::vec(node, 0..7));
    prop::collection::vec(pool, 0..5).prop_map(|pools| {
        pools
            .into_iter()
            .enumerate()
            .map(|(p, (pool, nodes))| {
                let nodes = nodes.into_iter().enumerate().map(|(n, (node, pods))| {
                    (format!("{p}{n}{node}"), (0..pods).map(|pod| format!("{p}{n}{pod}{pool}")).collect())
                });
                (format!("{p}{pool}"), nodes.collect())
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_scene_is_sound(spec in spec(), members in 0_usize..9, local: bool, tall: bool, reply: bool, selected: Option<prop::sample::Index>) {
        let policy = if local { TrafficPolicy::Local } else { TrafficPolicy::Cluster };
        let fixture = build(&spec, members, policy, SkuName::Standard);
        let selected = selected.map(|index| index.index(fixture.paths.outcomes.len()));
        let shape = if tall { Format::Tall } else { Format::Wide };
        let draw = || fixture.with(selected, reply, |view| render::scene(view, Options { shape }));
        let scene = draw();
        prop_assert_eq!(faults(&scene), Vec::<String>::new());
        prop_assert_eq!(&scene, &draw());
        prop_assert_eq!(well_formed(&svg::to_string(&scene, svg::Theme::Auto)), Ok(()));
    }
}
