//! `bucketry doctor`: looks for what is wrong and says what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::postgres::examine;
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{DoctorOptions, Remote};
use crate::credentials::{self, DEFAULT_URL};
use crate::database::DatabaseUrl;
use crate::deployment::{NODE_KEY, VAULT_KEY, is_used};
use crate::failure::{Failure, Result};
use crate::output;

/// A clock that is off by more than this breaks signatures soon, in seconds.
const CLOCK_OFF_AT_MOST: i64 = 60;

/// What one look found.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    message: String,
}

/// Looks at the server, its nodes, the clocks, and at the data directory and the database that are given.
pub(crate) async fn run(remote: &Remote, options: DoctorOptions) -> Result<()> {
    let mut findings = Vec::new();
    server(remote, &mut findings).await?;
    if let Some(data_dir) = &options.data_dir {
        directory(data_dir, &mut findings);
    }
    if let Some(url) = &options.database_url {
        findings.push(postgres(url).await?);
    }
    if remote.json {
        output::json(&findings)?;
    } else {
        for Finding { check, ok, message } in &findings {
            output::line(&format!("{} {check:<14} {message}", if *ok { "✓" } else { "✗" }))?;
        }
    }
    match findings.iter().filter(|finding| !finding.ok).count() {
        0 => Ok(()),
        wrong => Err(Failure::failed(format!("{wrong} of {} checks failed", findings.len()))),
    }
}

async fn server(remote: &Remote, findings: &mut Vec<Finding>) -> Result<()> {
    let mut add = |check, ok, message: String| findings.push(Finding { check, ok, message });
    let url = remote.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned());
    let client = match credentials::connect(remote).await {
        Ok(client) => client,
        Err(failure) => {
            add("credentials", false, failure.message().to_owned());
            credentials::client(remote, &url, None)?
        }
    };
    match client.get::<Value>("/health").await {
        Ok(health) => {
            let version = health.get("version").and_then(Value::as_str).unwrap_or("of unknown version");
            add("server", true, format!("{} answers, version {version}", client.base_url()));
            if let Some(time) = health
                .get("time")
                .and_then(Value::as_str)
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            {
                let off = time.duration_since(SystemClock.now()).as_secs().abs();
                let message = format!("the server's clock is {off} s from this machine's");
                add("clock", off <= CLOCK_OFF_AT_MOST, message);
            }
        }
        Err(error) => {
            add("server", false, format!("{error}: is `bucketry serve` running there?"));
            return Ok(());
        }
    }
    let ready: std::result::Result<Value, _> = client.get("/ready").await;
    let body = match ready {
        Ok(body) => body,
        Err(bucketry_client::ClientError::Refused(refusal)) => refusal.body,
        Err(error) => {
            add("ready", false, error.to_string());
            return Ok(());
        }
    };
    for (check, remedy) in [
        (
            "database",
            "the disk may be full, the database locked by another program, or PostgreSQL not reachable: see the server's log",
        ),
        ("migrations", "the database is of another version: run the version that made it"),
        ("node", "no node is connected: start the server without --no-node, or a node"),
    ] {
        let ok = body.get(check).and_then(Value::as_bool).unwrap_or(false);
        add(check, ok, if ok { "fine".to_owned() } else { remedy.to_owned() });
    }
    if let Ok(profile) = client.profile().await {
        add(
            "login",
            true,
            format!("as {} ({})", profile.email, profile.org_role_description.unwrap_or_default()),
        );
    }
    Ok(())
}

/// Looks whether this machine reaches the database, and at its schema. Changes nothing.
async fn postgres(url: &DatabaseUrl) -> Result<Finding> {
    let address = url.address()?;
    let (ok, message) = match examine(&address).await {
        Ok(version) => {
            (true, format!("{address} answers, PostgreSQL {version}, its schema is the right one"))
        }
        Err(error) => (false, Failure::because(&address.to_string(), &error).message().to_owned()),
    };
    Ok(Finding { check: "postgresql", ok, message })
}

fn directory(data_dir: &Path, findings: &mut Vec<Finding>) {
    let used = is_used(data_dir);
    findings.push(Finding {
        check: "data directory",
        ok: used,
        message: if used {
            format!("{} was used by a server", data_dir.display())
        } else {
            format!("{} was never used: is it the right one?", data_dir.display())
        },
    });
    for file in [VAULT_KEY, NODE_KEY, "token.key"] {
        let path = data_dir.join(file);
        let (ok, message) = match std::fs::metadata(&path) {
            Err(error) => (false, format!("{}: {error}", path.display())),
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                (false, format!("others can read {}: run chmod 600 on it", path.display()))
            }
            Ok(_) => (true, "only its owner can read it".to_owned()),
        };
        findings.push(Finding { check: file, ok, message });
    }
}
