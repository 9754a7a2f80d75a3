//! The bill of materials: every crate in the binary, as CycloneDX JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Release, VERSION};
use crate::command::{self, Result};

/// The package whose binary is described.
const PACKAGE: &str = "bucketry";

/// Writes `bucketry-VERSION.cdx.json`.
pub(super) fn make(release: &Release) -> Result<PathBuf> {
    let mut ask = command::cargo(&release.root);
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    ask.args(["metadata", "--locked", "--format-version=1", "--filter-platform", &platform]);
    let metadata: Value = serde_json::from_str(&command::output(&mut ask)?)?;
    let checksums = checksums(&fs::read_to_string(release.root.join("Cargo.lock"))?);
    let time = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", &format!("@{}", release.epoch)])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())?;
    let document = describe(&metadata, &checksums, &time).ok_or("cargo metadata lacks the dependencies")?;
    let file = release.to.join(format!("bucketry-{VERSION}.cdx.json"));
    fs::write(&file, serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(file)
}

/// The SHA-256 of the packages in a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, key: &str| {
        let start = format!("{key} = \"");
        package.lines().find_map(|line| Some(line.strip_prefix(&start)?.strip_suffix('"')?.to_owned()))
    };
    let entries = lock.split("[[package]]").filter_map(|package| {
        Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    });
    entries.collect()
}

/// The document. `None` if the metadata lacks what it describes.
fn describe(metadata: &Value, checksums: &BTreeMap<(String, String), String>, time: &str) -> Option<Value> {
    let packages = members(metadata, "packages", "id")?;
    let nodes = members(&metadata["resolve"], "nodes", "id")?;
    let root = *packages.values().find(|package| package["name"] == PACKAGE)?;
    let shipped = shipped(root["id"].as_str()?, &nodes);
    let component = |id: &&str| packages.get(id).map(|package| component(package, checksums));
    let main = reference(root);
    let components: Vec<Value> =
        shipped.iter().filter(|id| root["id"] != **id).filter_map(component).collect();
    let dependencies: Vec<Value> = shipped
        .iter()
        .filter_map(|id| {
            let needed =
                linked(nodes.get(id)?).filter_map(|id| packages.get(id)).map(|needed| reference(needed));
            let needed: BTreeSet<String> = needed.collect();
            Some(json!({ "ref": reference(packages.get(id)?), "dependsOn": needed }))
        })
        .collect();
    Some(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {
                "type": "application", "bom-ref": main, "name": PACKAGE, "version": root["version"],
                "purl": main, "licenses": [{ "expression": root["license"] }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The members of a list by the value of one of their fields.
fn members<'a>(of: &'a Value, list: &str, key: &str) -> Option<BTreeMap<&'a str, &'a Value>> {
    of[list].as_array()?.iter().map(|member| Some((member[key].as_str()?, member))).collect()
}

/// The ids of everything that is linked into the package, including itself.
fn shipped<'a>(root: &'a str, nodes: &BTreeMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(nodes.get(id).copied().into_iter().flat_map(linked));
        }
    }
    found
}

/// The ids of a node's dependencies, without those of tests and build scripts.
fn linked(node: &Value) -> impl Iterator<Item = &str> {
    let is_linked = |dependency: &&Value| {
        dependency["dep_kinds"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let dependencies = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies.iter().filter(is_linked).filter_map(|dependency| dependency["pkg"].as_str())
}

/// The package URL, which identifies a package across registries.
fn reference(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version").replace('+', "%2B"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let purl = reference(package);
    let mut component = json!({
        "type": "library", "bom-ref": purl, "purl": purl, "name": text("name"), "version": text("version"),
        "scope": "required",
    });
    // The registry accepts `MIT/Apache-2.0`, which isn't an SPDX expression.
    let licence = text("license").replace('/', " OR ");
    if !licence.is_empty() {
        component["licenses"] = json!([{ "expression": licence }]);
    }
    if let Some(checksum) = checksums.get(&(text("name"), text("version"))) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = package["repository"].as_str() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_linked_is_listed_with_its_checksum() {
        let package =
            |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Zlib" });
        let needs = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package(PACKAGE), package("linked"), package("only_tests")],
            "resolve": { "nodes": [
                { "id": PACKAGE, "deps": [needs("linked", Value::Null), needs("only_tests", json!("dev"))] },
                { "id": "linked", "deps": [] },
            ] },
        });
        let lock = "[[package]]\nname = \"linked\"\nversion = \"1.0.0\"\nchecksum = \"ab12\"\n";
        let document = describe(&metadata, &checksums(lock), "2026-01-31T12:00:00Z").unwrap();
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 1, "{document}");
        assert_eq!(components[0]["purl"], "pkg:cargo/linked@1.0.0");
        assert_eq!(components[0]["hashes"][0]["content"], "ab12");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Zlib");
        assert_eq!(document["dependencies"][0]["dependsOn"], json!(["pkg:cargo/linked@1.0.0"]));
    }
}
