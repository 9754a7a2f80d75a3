//! `docs/s3-compatibility.md` shows what the code declares. `UPDATE_S3_COMPATIBILITY=1` rewrites its tables.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bucketry_gateway::internals::operation::{Handling, OPERATIONS};
use bucketry_gateway::internals::support::{Support, support};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::Capabilities;
use bucketry_provider::open::open;

const BEGIN: &str =
    "<!-- The tables are written by a test of crates/gateway; see tests/compatibility.rs. -->\n";
const END: &str = "<!-- End of the tables. -->\n";

/// Reads a limit of a provider.
type Bound = fn(&Capabilities) -> String;

/// The capabilities of a bucket's driver. Nothing is sent.
fn capabilities(storage_type: StorageType, key: Option<&str>, secret: Option<&str>) -> Capabilities {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type,
            bucket: "bucket".to_owned(),
            key: key.map(str::to_owned),
            endpoint: None,
            region: None,
        },
        secret: secret.map(Secret::new),
    };
    let connections = Connections::new(ConnectionSettings::default()).unwrap();
    *open(&target, &connections).unwrap().capabilities()
}

fn providers() -> [(&'static str, Capabilities); 4] {
    [
        ("S3 and compatible", capabilities(StorageType::S3, None, None)),
        ("Google, service account", capabilities(StorageType::Gcs, None, None)),
        ("Google, HMAC key", capabilities(StorageType::Gcs, Some("GOOG1EXAMPLE"), Some("secret"))),
        ("Azure Blob", capabilities(StorageType::Blob, Some("account"), Some("c2VjcmV0"))),
    ]
}

/// A number of bytes in the largest unit of which it is a multiple.
fn size(bytes: u64) -> String {
    let units = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

fn tables() -> String {
    let providers = providers();
    let mut text = String::from("| operation |");
    for (name, _) in &providers {
        let _ = write!(text, " {name} |");
    }
    text.push_str(" notes |\n|---|---|---|---|---|---|\n");
    for row in OPERATIONS {
        let Handling::Done(name, _) = row.handling else { continue };
        let supports = providers.map(|(_, can)| support(name, &can));
        let alike = supports.iter().all(|one| *one == supports[0]);
        let _ = write!(text, "| {} |", row.name);
        for one in supports {
            let _ = match one {
                Support::Noted(note) if !alike => write!(text, " yes: {note} |"),
                Support::Whole | Support::Noted(_) => write!(text, " yes |"),
                Support::Refused(_) => write!(text, " no |"),
            };
        }
        let note = match supports[0] {
            Support::Noted(note) if alike => note,
            _ => "",
        };
        let _ = writeln!(text, " {note} |");
    }
    text.push_str("\n| limit |");
    for (name, _) in &providers {
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n|---|---|---|---|---|\n");
    let bounds: [(&str, Bound); 5] = [
        ("longest key, including the repository's folder, in UTF-8", |can| {
            format!("{} bytes", can.max_key_bytes)
        }),
        ("largest object in one PUT", |can| size(can.max_put_bytes)),
        ("smallest part, except the last", |can| size(can.multipart.min_part_bytes)),
        ("largest part", |can| size(can.multipart.max_part_bytes)),
        ("most parts of an upload", |can| can.multipart.max_parts.to_string()),
    ];
    for (name, bound) in bounds {
        let _ = write!(text, "| {name} |");
        for (_, can) in &providers {
            let _ = write!(text, " {} |", bound(can));
        }
        text.push('\n');
    }
    text.push_str("\nNot supported by these providers:\n\n");
    let mut lacking: Vec<(String, Vec<&str>)> = Vec::new();
    for row in OPERATIONS {
        let Handling::Done(name, _) = row.handling else { continue };
        let refused = |(who, can): &(&'static str, Capabilities)| match support(name, can) {
            Support::Refused(why) => Some((*who, why)),
            Support::Whole | Support::Noted(_) => None,
        };
        let (who, whys): (Vec<_>, Vec<_>) = providers.iter().filter_map(refused).unzip();
        let Some(why) = whys.first() else { continue };
        let line = format!("{}. *{why}*", who.join("; "));
        match lacking.iter_mut().find(|(known, _)| *known == line) {
            Some((_, names)) => names.push(row.name),
            None => lacking.push((line, vec![row.name])),
        }
    }
    for (line, names) in lacking {
        let _ = writeln!(text, "- {}: {line}", names.join(", "));
    }
    text.push_str(
        "\nNot supported for any provider; the response is `NotImplemented`, and nothing changes:\n\n",
    );
    let mut whys: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in OPERATIONS {
        let Handling::Refused(why) = row.handling else { continue };
        match whys.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) if names.contains(&row.name) => {}
            Some((_, names)) => names.push(row.name),
            None => whys.push((why, vec![row.name])),
        }
    }
    for (why, names) in whys {
        let _ = writeln!(text, "- {}. *{why}*", names.join(", "));
    }
    text
}

#[test]
fn the_page_on_compatibility_shows_what_the_code_declares() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/s3-compatibility.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let declared = format!("\n{}\n", tables());
    if std::env::var_os("UPDATE_S3_COMPATIBILITY").is_some() {
        fs::write(&page, format!("{before}{BEGIN}{declared}{END}{after}")).unwrap();
    } else {
        assert!(
            shown == declared,
            "docs/s3-compatibility.md is out of date: run with UPDATE_S3_COMPATIBILITY=1"
        );
    }
}
