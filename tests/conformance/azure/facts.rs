//! Facts in free words. Each case has a test that bears its name: the test computes what the case states and
//! puts it in the case's words, inputs included, so that a changed value mismatches.

mod balancer;
mod node;
mod scheduling;

use super::input::{self, compare, strict};
use model::azure::LoadBalancer;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The whole body of a case as the test would write it.
type Fact = fn() -> Result<Value, String>;

/// The test that bears a name.
fn fact(name: &str) -> Option<Fact> {
    balancer::fact(name).or_else(|| node::fact(name)).or_else(|| scheduling::fact(name))
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let name = case["name"].as_str().ok_or("name is missing")?;
    let fact = fact(name).ok_or_else(|| format!("no test bears the name {name}"))?;
    let body: Map<String, Value> = input::read(case)?;
    let got = fact()?;
    let got = got.as_object().ok_or("a body is an object")?;
    let mut mismatches = Vec::new();
    for key in body.keys().chain(got.keys().filter(|key| !body.contains_key(*key))) {
        mismatches.extend(compare(key, &body.get(key), &got.get(key)));
    }
    Ok(mismatches)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "notes")]
    _notes: Vec<String>,
    az_cli: Value,
    arm_rest: Value,
}

/// Fields that Azure prints and nothing here reads.
const UNREAD: [&str; 4] = ["type", "etag", "provisioningState", "inboundNatPools"];

/// Both shapes are the same load balancer, and what Hopscope writes back is what it read.
pub(super) fn check_shape(content: &Value) -> Result<Vec<String>, String> {
    let shape: Shape = strict(content)?;
    let cli = plain(shape.az_cli);
    let mut rest = plain(shape.arm_rest);
    // `az rest` does not tell the resource group.
    rest["resourceGroup"] = cli["resourceGroup"].clone();
    let document: LoadBalancer = strict(&cli).map_err(|error| format!("azCli: {error}"))?;
    let from_rest: LoadBalancer = strict(&rest).map_err(|error| format!("armRest: {error}"))?;
    let written = serde_json::to_value(&document).map_err(|error| error.to_string())?;
    Ok([compare("armRest", &from_rest, &document), compare("written back", &cli, &written)].concat())
}

/// Lifts `properties`, and drops what nothing reads.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_reference = fields.keys().all(|key| key == "id" || key == "resourceGroup");
            let mut plain_fields = Map::new();
            for (key, value) in fields {
                if key == "properties" {
                    if let Value::Object(inner) = plain(value) {
                        plain_fields.extend(inner);
                    }
                } else if !UNREAD.contains(&key.as_str()) && !(is_reference && key == "resourceGroup") {
                    plain_fields.insert(key, plain(value));
                }
            }
            Value::Object(plain_fields)
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}
