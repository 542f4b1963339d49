//! The runner itself under test: it must notice every changed expectation and every unknown field.
//!
//! A changed input may leave what is expected as it is (a label that nothing reads, the state of an endpoint
//! that is not used), so those are only counted.

use super::{check, files, read};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::IpAddr};

/// Longer lists have alike elements; only so many of them are changed.
const PER_LIST: usize = 3;

/// A place in a case: keys and indexes from the top.
type Place = Vec<String>;

#[test]
fn conformance_runner_notices_every_changed_value() {
    let Some(directory) = crate::cases() else { return };
    let mut noticed = 0;
    let mut equivalent: BTreeMap<String, usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for (folder, path) in files(&directory.join("kube-proxy")) {
        let case = read(&path).unwrap();
        for (place, changed) in changes(&case) {
            if !check(&folder, &changed).passed() {
                noticed += 1;
            } else if is_expectation(&folder, &place) {
                missed.push(format!("{}: {}", path.display(), place.join(".")));
            } else {
                *equivalent.entry(pattern(&folder, &place)).or_default() += 1;
            }
        }
    }
    println!(
        "{noticed} changes noticed; {} leave what is expected as it is:",
        equivalent.values().sum::<usize>()
    );
    equivalent.iter().for_each(|(pattern, count)| println!("  {count:4} {pattern}"));
    assert!(missed.is_empty(), "changed expectations went unnoticed: {missed:#?}");
}

#[test]
fn conformance_runner_notices_every_unknown_field() {
    let Some(directory) = crate::cases() else { return };
    let mut caught = 0;
    for (folder, path) in files(&directory.join("kube-proxy")) {
        let case = read(&path).unwrap();
        for place in objects(&case) {
            let mut changed = case.clone();
            at(&mut changed, &place).as_object_mut().unwrap().insert("unheardOf".into(), json!(1));
            assert!(!check(&folder, &changed).passed(), "{}: {}", path.display(), place.join("."));
            caught += 1;
        }
    }
    println!("{caught} unknown fields noticed");
}

/// Whether a place says what is expected.
fn is_expectation(folder: &str, place: &Place) -> bool {
    let has = |keys: &[&str]| place.iter().any(|key| keys.contains(&key.as_str()));
    match folder {
        "rules" => {
            place.first().is_some_and(|key| key.starts_with("expected"))
                || has(&["changed_services", "existing_nat_chains"])
        }
        "flows" => has(&["output", "masq"]),
        "topology" => has(&["expected"]),
        _ => has(&["expected", "output", "chain", "text", "status", "headers", "body", "/healthz", "/livez"]),
    }
}

/// Every scalar of a case changed, one at a time.
fn changes(case: &Value) -> Vec<(Place, Value)> {
    let mut places = Vec::new();
    walk(case, &mut Vec::new(), &mut |place, value| {
        if !value.is_object() && !value.is_array() {
            places.push(place.clone());
        }
    });
    let change = |place: Place| {
        let mut changed = case.clone();
        let value = at(&mut changed, &place);
        *value = other(value);
        (place, changed)
    };
    places.into_iter().map(change).collect()
}

fn objects(case: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    walk(case, &mut Vec::new(), &mut |place, value| {
        // Maps whose keys are free.
        let is_map = ["labels", "topologyLabels", "nodeLabels", "selector", "headers", "expected_counts"];
        if value.is_object() && !place.last().is_some_and(|key| is_map.contains(&key.as_str())) {
            places.push(place.clone());
        }
    });
    places
}

fn walk(value: &Value, place: &mut Place, visit: &mut impl FnMut(&Place, &Value)) {
    visit(place, value);
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(list) => {
            (0..).zip(list).take(PER_LIST).map(|(i, value): (usize, _)| (i.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        place.push(key);
        walk(child, place, visit);
        place.pop();
    }
}

fn at<'a>(value: &'a mut Value, place: &[String]) -> &'a mut Value {
    place.iter().fold(value, |value, key| match value {
        Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
        value => &mut value[key.as_str()],
    })
}

/// A value of the same type and another meaning.
fn other(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::String(text) => json!(other_text(text)),
        Value::Null => json!(["x"]),
        Value::Array(_) | Value::Object(_) => unreachable!("only scalars are changed"),
    }
}

fn other_text(text: &str) -> String {
    let plus_one = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).wrapping_add(1).into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).wrapping_add(1).into()),
    };
    if let Ok(ip) = text.parse::<IpAddr>() {
        return plus_one(ip).to_string();
    }
    if let Ok(net) = text.parse::<ipnet::IpNet>() {
        let shorter = net.supernet().unwrap_or(net);
        return shorter.to_string();
    }
    match text {
        "Cluster" => "Local".into(),
        "Local" => "Cluster".into(),
        "IPv4" => "IPv6".into(),
        "IPv6" => "IPv4".into(),
        "TCP" => "UDP".into(),
        "VIP" => "Proxy".into(),
        "Proxy" => "VIP".into(),
        "full" => "partial".into(),
        "partial" => "full".into(),
        // In the middle of long text, so that no line is only longer.
        _ if text.len() > 100 => {
            let middle = text.len() / 2;
            let (before, after) =
                text.split_at((0..=middle).rev().find(|i| text.is_char_boundary(*i)).unwrap());
            format!("{before}x{after}")
        }
        _ => format!("{text}x"),
    }
}

/// The place without indexes.
fn pattern(folder: &str, place: &Place) -> String {
    let keys = place.iter().filter(|key| key.parse::<usize>().is_err()).map(String::as_str);
    [folder].into_iter().chain(keys).collect::<Vec<_>>().join(".")
}
