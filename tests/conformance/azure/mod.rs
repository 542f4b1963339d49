//! Cases of Azure: what the cloud controller writes, and what the fabric does with packets.
//!
//! The format stands in the README of the cases. A field that no struct here names fails its case, in inputs
//! and in what is expected. Free text is compared with the texts that a check stands behind.

mod balancers;
mod facts;
mod ingress;
mod input;
mod membership;
#[cfg(test)]
mod mutations;
mod nsg;
mod reconcile;
mod routes;
mod snat;
mod storage;

use crate::report::Report;
use serde_json::Value;
use std::path::Path;

/// Checks one case: its mismatches, or why it cannot be read.
type Check = fn(&Value) -> Result<Vec<String>, String>;

/// The check of a file's cases.
fn check_of(file: &str) -> Option<Check> {
    Some(match file {
        "lb-rules-and-probes" | "nsg-rules" => balancers::check,
        "reconcile" => reconcile::check,
        "node-membership" => membership::check,
        "snat-and-outbound" => snat::check,
        "nsg-evaluation" => nsg::check,
        "routes" => routes::check,
        "storage-access" => storage::check,
        "ingress" => ingress::check,
        "facts/dataplane-lb" | "facts/dataplane-node" | "facts/scheduling" => facts::check,
        _ => return None,
    })
}

/// The part of a file outside of its cases.
fn check_header(file: &str, mut header: serde_json::Map<String, Value>) -> Result<Vec<String>, String> {
    header.remove("about");
    header.remove("name");
    let mut take = |key: &str| header.remove(key).ok_or_else(|| format!("{key} is missing"));
    let mismatches = match file {
        "snat-and-outbound" => snat::check_constants(&take("constants")?)?,
        "nsg-evaluation" => nsg::check_defaults(&take("defaults")?)?,
        "routes" => routes::check_system(&take("systemDefaults")?)?,
        _ => Vec::new(),
    };
    match header.keys().next() {
        Some(key) => Err(format!("unknown field {key}")),
        None => Ok(mismatches),
    }
}

/// A file's own mismatches, and those of its cases by name.
type Checked = (Vec<String>, Vec<(String, Vec<String>)>);

/// Checks a whole file.
fn check_file(file: &str, content: &Value) -> Result<Checked, String> {
    if file == "facts/lb-json-shape" {
        return Ok((facts::check_shape(content)?, Vec::new()));
    }
    let check = check_of(file).ok_or_else(|| "no cases of this kind are known".to_owned())?;
    let mut header = content.as_object().ok_or("not an object")?.clone();
    let cases = header.remove("cases").ok_or("cases is missing")?;
    let cases = cases.as_array().ok_or("cases is not a list")?;
    let mut own = check_header(file, header)?;
    if cases.is_empty() {
        own.push("the file has no cases".into());
    }
    let rows = cases.iter().map(|case| {
        let name = case["name"].as_str().unwrap_or("(no name)").to_owned();
        let mismatches = check(case).unwrap_or_else(|error| vec![error]);
        (name, mismatches)
    });
    Ok((own, rows.collect()))
}

/// Checks every case in a directory and in its `facts`.
pub(crate) fn run(directory: &Path, report: &mut Report) {
    for file in files(directory) {
        let path = directory.join(format!("{file}.json"));
        let read = crate::kube_proxy::read(&path).and_then(|content| check_file(&file, &content));
        let (mut own, rows) = read.unwrap_or_else(|error| (vec![error], Vec::new()));
        let failed = rows.iter().filter(|(_, mismatches)| !mismatches.is_empty()).count();
        if failed > 0 {
            own.push(format!("{failed} of {} rows failed", rows.len()));
        }
        for (row, mismatches) in rows {
            report.case(&format!("azure/{file}: {row}"), &mismatches);
        }
        report.case(&format!("azure/{file}"), &own);
    }
}

/// The files of a directory and of its `facts`, by name without the ending, in order.
fn files(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for (prefix, folder) in [("", directory.to_owned()), ("facts/", directory.join("facts"))] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let names_here = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            name.strip_suffix(".json").map(|stem| format!("{prefix}{stem}"))
        });
        names.extend(names_here);
    }
    names.sort();
    names
}
