//! The runner must notice a changed case: every expected value of every case is changed, one at a time.

use super::{check_file, files};
use crate::kube_proxy::read;
use serde_json::{Value, json};

/// Another value of the same type.
fn changed(value: &Value) -> Value {
    match value {
        Value::Null => json!("x"),
        Value::Bool(truth) => json!(!truth),
        Value::Number(number) => json!(number.as_i64().unwrap_or_default() + 1),
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(items) => Value::Array([items.as_slice(), &[json!("x")]].concat()),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert("x".into(), json!(1));
            Value::Object(fields)
        }
    }
}

/// The pointers to every value below one.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(item, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn fails(file: &str, content: &Value) -> bool {
    match check_file(file, content) {
        Err(_) => true,
        Ok((own, rows)) => !own.is_empty() || rows.iter().any(|(_, mismatches)| !mismatches.is_empty()),
    }
}

#[test]
fn conformance_azure_notices_every_changed_expectation() {
    let Some(directory) = crate::cases() else { return };
    let directory = directory.join("azure");
    let (mut changes, mut unnoticed) = (0, Vec::new());
    for file in files(&directory) {
        let content = read(&directory.join(format!("{file}.json"))).expect("a case file");
        let cases = content["cases"].as_array().cloned().unwrap_or_default();
        for case in cases {
            // Each case alone, with the file's header, so that one change costs one check.
            let mut alone = content.clone();
            alone["cases"] = json!([case]);
            let mut found = Vec::new();
            pointers(&case["expected"], "/cases/0/expected", &mut found);
            for pointer in found {
                let mut mutated = alone.clone();
                let Some(slot) = mutated.pointer_mut(&pointer) else { continue };
                *slot = changed(slot);
                changes += 1;
                if !fails(&file, &mutated) {
                    unnoticed.push(format!("{file}: {}: {pointer}", case["name"]));
                }
            }
        }
    }
    println!("azure: {changes} changed expectations, {} unnoticed", unnoticed.len());
    assert!(unnoticed.is_empty(), "unnoticed changes:\n{}", unnoticed.join("\n"));
    assert!(changes > 0 || files(&directory).is_empty(), "nothing was changed");
}
