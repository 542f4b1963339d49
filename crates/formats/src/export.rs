//! Documents out: YAML as kubectl prints it (keys in order, lists not indented), JSON, and `az … show`.

use crate::{classify, scalar};
use model::{Model, Object};
use serde_json::{Map, Value};
use std::fmt::Write;

/// The whole model as one multi-document YAML text. Importing it gives the model back.
pub fn model_yaml(model: &Model) -> String {
    let documents: Vec<String> = model.objects().map(|object| object_yaml(&object)).collect();
    documents.join("---\n")
}

/// The whole model as one JSON document, a `kind: List`. Importing it gives the model back.
pub fn model_json(model: &Model) -> String {
    let mut list = Map::new();
    list.insert("apiVersion".to_owned(), Value::from("v1"));
    list.insert("kind".to_owned(), Value::from("List"));
    list.insert("items".to_owned(), model.objects().map(|object| document(&object)).collect());
    pretty(&Value::Object(list))
}

/// One object as a YAML document.
pub fn object_yaml(object: &Object) -> String {
    let mut text = String::new();
    write_value(&mut text, &document(object), 0);
    text
}

/// One object as a JSON document: Azure objects as `az … show -o json` prints them, all others as kubectl does.
pub fn object_json(object: &Object) -> String {
    let kind = object.object_ref().kind;
    match classify::resource_type(kind) {
        Some(resource) => {
            let mut fields = fields(object);
            fields.insert("type".to_owned(), resource.into());
            pretty(&Value::Object(fields))
        }
        None => pretty(&document(object)),
    }
}

fn pretty(value: &Value) -> String {
    let mut text = format!("{value:#}");
    text.push('\n');
    text
}

/// The object as a document: Azure objects wrapped.
fn document(object: &Object) -> Value {
    let mut fields = fields(object);
    let id = object.object_ref();
    let (version, mut document) = if let Some(version) = classify::api_version(id.kind) {
        (version, fields)
    } else {
        fields.remove("name");
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), Value::from(&*id.name));
        let mut wrapped = Map::new();
        wrapped.insert("metadata".to_owned(), metadata.into());
        wrapped.insert("spec".to_owned(), fields.into());
        (classify::WRAPPED, wrapped)
    };
    document.insert("apiVersion".to_owned(), version.into());
    document.insert("kind".to_owned(), id.kind.to_string().into());
    Value::Object(document)
}

/// The object's fields; absent ones are left out.
fn fields(object: &Object) -> Map<String, Value> {
    // `{"kind": …, "object": {…}}`
    let tagged = serde_json::to_value(object);
    match tagged.ok().and_then(|mut tagged| tagged.get_mut("object").map(Value::take)) {
        Some(Value::Object(mut fields)) => {
            fields.values_mut().for_each(without_nulls);
            fields.retain(|_, value| !value.is_null());
            fields
        }
        // Plain data with text keys always becomes an object.
        _ => Map::new(),
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nulls);
            fields.retain(|_, value| !value.is_null());
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Writes the lines of a value, each with its indentation, the last with its end.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 {
                    pad(text, indent);
                }
                write_scalar(text, key);
                text.push(':');
                write_under_key(text, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    pad(text, indent);
                }
                text.push_str("- ");
                write_value(text, item, indent + 2);
            }
        }
        Value::Object(_) => text.push_str("{}\n"),
        Value::Array(_) => text.push_str("[]\n"),
        Value::String(word) => {
            write_scalar(text, word);
            text.push('\n');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{value}");
        }
    }
}

/// Writes a value after its key: collections on the next lines, lists at the key's own indentation.
fn write_under_key(text: &mut String, value: &Value, indent: usize) {
    let indent = match value {
        Value::Object(fields) if !fields.is_empty() => indent + 2,
        Value::Array(items) if !items.is_empty() => indent,
        _ => {
            text.push(' ');
            return write_value(text, value, indent);
        }
    };
    text.push('\n');
    pad(text, indent);
    write_value(text, value, indent);
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

/// Writes a text, quoted where YAML would take it for something else.
fn write_scalar(text: &mut String, word: &str) {
    if is_plain(word) {
        text.push_str(word);
    } else if word.chars().all(|letter| matches!(letter, ' '..='~')) && !word.contains(['\\', '"']) {
        text.push('"');
        text.push_str(word);
        text.push('"');
    } else {
        // A JSON string is a YAML string, but for characters that YAML wants escaped.
        text.push('"');
        for letter in word.chars() {
            match letter {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                letter
                    if letter.is_control()
                        || matches!(
                            letter,
                            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                        ) =>
                {
                    let _ = write!(text, "\\U{:08X}", u32::from(letter));
                }
                letter => text.push(letter),
            }
        }
        text.push('"');
    }
}

/// Whether a text may stand without quotes.
fn is_plain(word: &str) -> bool {
    let safe =
        |letter: char| letter.is_ascii_alphanumeric() || "-_./:+=~@%()$;,".contains(letter) || letter == ' ';
    let starts = |letter: char| letter.is_ascii_alphanumeric() || "/_.(+$".contains(letter);
    word.starts_with(starts)
        && word.chars().all(safe)
        && !word.ends_with([' ', ':'])
        && !word.contains(": ")
        && !word.starts_with("...")
        && scalar::resolve(word) == scalar::Scalar::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_yaml_would_take_them_for_something_else() {
        for (word, expected) in [
            ("echo", "echo"),
            ("10.0.0.1", "10.0.0.1"),
            ("a: b", "\"a: b\""),
            ("on", "\"on\""),
            ("080", "\"080\""),
            ("80", "\"80\""),
            ("", "\"\""),
            ("*", "\"*\""),
            ("fd00::1", "fd00::1"),
            ("::1", "\"::1\""),
            ("None", "None"),
            ("null", "\"null\""),
            (" a", "\" a\""),
            ("a #b", "\"a #b\""),
            ("a\nb", "\"a\\nb\""),
            ("- a", "\"- a\""),
            ("kubernetes.io/service-name", "kubernetes.io/service-name"),
            ("\u{7}é", "\"\\U00000007é\""),
        ] {
            let mut text = String::new();
            write_scalar(&mut text, word);
            assert_eq!(text, expected, "{word:?}");
        }
    }
}
