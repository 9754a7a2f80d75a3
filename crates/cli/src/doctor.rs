//! `bucketry doctor`: checks a deployment for problems and says how to fix them. What the server found itself is in
//! `doctor_findings`.

use std::path::Path;

use bucketry_client::{ApiClient, ClientError};
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::postgres::{PostgresStore, examine};
use bucketry_store::sqlite::SqliteStore;
use bucketry_store::{Store, StoreError};
use bucketry_vault::{Identities, is_key_file_exposed};
use serde_json::Value;

use crate::arguments::DoctorOptions;
use crate::credentials;
use crate::data_directory::{NODE_KEY, TOKEN_KEYS, VAULT_KEY, is_used, lacks_its_database, open_to_others};
use crate::database::DatabaseUrl;
use crate::doctor_findings::{self, DoctorFinding};
use crate::doctor_nodes;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;
use crate::sealed_secrets::{self, Examined, Extent};
use crate::settings::DEFAULT_NODE_NAME;

/// A larger difference between clocks is reported, in seconds. It would soon break signatures.
const CLOCK_OFF_AT_MOST: i64 = 60;

/// How many buckets to check, newest first. A wrong clock affects all buckets of a provider.
const BUCKETS_LOOKED_AT: u32 = 1_000;
/// The error that nodes report when a provider refuses requests because of their time.
const CLOCK_SKEW: &str = "CLOCK_SKEW";

/// Checks the server, its nodes and clocks, and the data directory and database if they are given.
pub(crate) async fn run(remote: &Remote, options: DoctorOptions) -> Result<()> {
    let mut findings = Vec::new();
    server(remote, &mut findings).await?;
    if let Some(data_dir) = &options.data_dir {
        directory(data_dir, &mut findings);
    }
    if let Some(url) = &options.database_url {
        findings.push(postgres(url).await?);
    }
    if let Some(data_dir) = &options.data_dir {
        findings.extend(secrets(data_dir, options.database_url.as_ref()).await?);
    }
    if remote.json {
        output::json(&findings)?;
    } else {
        for finding in &findings {
            output::line(&finding.text())?;
        }
    }
    summary(&findings)
}

/// The exit status: a failure if anything is wrong.
fn summary(findings: &[DoctorFinding]) -> Result<()> {
    let count = |is_check: bool| {
        let of_kind = findings.iter().filter(|one| one.is_check() == is_check);
        (of_kind.clone().filter(|one| !one.ok).count(), of_kind.count())
    };
    let ((wrong, checks), (found, _)) = (count(true), count(false));
    match (wrong, found) {
        (0, 0) => Ok(()),
        (0, 1) => Err(Failure::failed("1 finding needs attention")),
        (0, _) => Err(Failure::failed(format!("{found} findings need attention"))),
        (_, 0) => Err(Failure::failed(format!("{wrong} of {checks} checks failed"))),
        _ => Err(Failure::failed(format!(
            "{wrong} of {checks} checks failed, and findings need attention: {found}"
        ))),
    }
}

/// Checks the server: whether it answers, whether it is ready, and what a user who is logged in can see.
async fn server(remote: &Remote, findings: &mut Vec<DoctorFinding>) -> Result<()> {
    let url = credentials::url(remote)?;
    let (client, has_token) = match credentials::connect(remote).await {
        Ok(client) => (client, true),
        Err(failure) => {
            findings.push(DoctorFinding::new("credentials", false, failure.message()));
            (credentials::client(remote, &url, None)?, false)
        }
    };
    if health(&client, findings).await
        && readiness(&client, findings).await
        && has_token
        && login(&client, findings).await
    {
        findings.extend(doctor_nodes::pending(&client).await);
        findings.extend(doctor_nodes::unsent_messages(&client, SystemClock.now()).await);
        findings.extend(doctor_findings::of_server(&client, SystemClock.now()).await);
    }
    Ok(())
}

/// Checks the server's clock. Returns whether the server answered.
async fn health(client: &ApiClient, findings: &mut Vec<DoctorFinding>) -> bool {
    let body = match client.get::<Value>("/health").await {
        Ok(body) => body,
        Err(error) => {
            let message = format!("{error}: is `bucketry serve` running there?");
            findings.push(DoctorFinding::new("server", false, message));
            return false;
        }
    };
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let version = text("version").unwrap_or("unknown");
    let message = format!("{} answers, version {version}", client.base_url());
    findings.push(DoctorFinding::new("server", true, message));
    if let Some(time) = text("time").and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
        let (ok, message) = clock(time.duration_since(SystemClock.now()).as_secs());
        findings.push(DoctorFinding::new("clock", ok, message));
    }
    true
}

/// What a server needs to be ready, as `/ready` names it, and what to do without it.
const READINESS: [(&str, &str); 4] = [
    (
        "database",
        "the disk may be full, the database locked by another program, or PostgreSQL unreachable: see the server's log",
    ),
    (
        "writes",
        "nothing can be stored: the disk may be full, or the database read-only. See the server's log",
    ),
    (
        "migrations",
        "the database has the schema of another version, such as a newer one that another server runs: upgrade this server, \
         or run the version that created it",
    ),
    (
        "node",
        "no node is connected: start the server, or another one on the same database, without --no-node, or start a node with `bucketry node`",
    ),
];

/// Checks whether the server is ready. Returns whether it answers other calls.
async fn readiness(client: &ApiClient, findings: &mut Vec<DoctorFinding>) -> bool {
    let body: Value = match client.get("/ready").await {
        Ok(body) => body,
        Err(ClientError::Refused(refusal)) => refusal.body,
        Err(error) => {
            findings.push(DoctorFinding::new("ready", false, error.to_string()));
            return false;
        }
    };
    for (check, remedy) in READINESS {
        let ok = body.get(check).and_then(Value::as_bool).unwrap_or(false);
        findings.push(DoctorFinding::new(check, ok, if ok { "ok" } else { remedy }));
    }
    // With another schema, it refuses every call.
    body.get("migrations").and_then(Value::as_bool) != Some(false)
}

/// Shows who is logged in, and checks for providers that refuse the server's clock. Returns whether the server accepts
/// the session or token.
async fn login(client: &ApiClient, findings: &mut Vec<DoctorFinding>) -> bool {
    let profile = match client.profile().await {
        Ok(profile) => profile,
        Err(error) => {
            let reason = Failure::from(error);
            let message = format!("the server refuses the session or API token: {}", reason.message());
            findings.push(DoctorFinding::new("login", false, message));
            return false;
        }
    };
    let message = format!("as {} ({})", profile.email, profile.org_role_description);
    findings.push(DoctorFinding::new("login", true, message));
    if let Ok(page) = client.buckets(None, Some(BUCKETS_LOOKED_AT), None).await {
        let refused = page.buckets.iter().filter(|bucket| bucket.last_error.as_deref() == Some(CLOCK_SKEW));
        let names: Vec<_> = refused.map(|bucket| bucket.name.as_ref()).collect();
        let (ok, message) = provider_clocks(&names);
        findings.push(DoctorFinding::new("provider clock", ok, message));
    }
    true
}

/// Judges the server's clock, which is this many seconds `ahead` of the local one.
fn clock(ahead: i64) -> (bool, String) {
    let off = ahead.abs();
    if off <= CLOCK_OFF_AT_MOST {
        return (true, format!("the server's clock differs from this machine's by {off} s"));
    }
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    let message = format!(
        "the server's clock is {off} s {how} this machine's: correct the wrong one (NTP). The gateway refuses S3 requests \
         from clients whose clocks are off by more than 15 minutes (RequestTimeTooSkewed), and nodes must be within 5 \
         minutes"
    );
    (false, message)
}

/// Judges the provider clocks by the buckets whose providers refuse requests because of their time.
fn provider_clocks(refused: &[&str]) -> (bool, String) {
    let Some(first) = refused.first() else {
        return (true, "no provider refuses requests because of their time".to_owned());
    };
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" and of {more} more"),
    };
    let message = format!(
        "the provider of {first:?}{more} refuses requests because its clock and the server's differ too much: correct the \
         server's clock (NTP), or the storage server's if you run it yourself"
    );
    (false, message)
}

/// Checks whether this machine reaches the database, and whether the schema is the right one. Changes nothing.
async fn postgres(url: &DatabaseUrl) -> Result<DoctorFinding> {
    let address = url.address()?;
    let (ok, message) = match examine(&address).await {
        Ok(version) => {
            (true, format!("{address} answers, PostgreSQL {version}, with the right schema version"))
        }
        Err(error) => (false, Failure::because(&address.to_string(), &error).message().to_owned()),
    };
    Ok(DoctorFinding::new("postgresql", ok, message))
}

fn directory(data_dir: &Path, findings: &mut Vec<DoctorFinding>) {
    let used = is_used(data_dir);
    let message = if used {
        format!("{} has been used by a server", data_dir.display())
    } else {
        format!("{} has never been used by a server: is it the right directory?", data_dir.display())
    };
    findings.push(DoctorFinding::new("data directory", used, message));
    for message in open_to_others(data_dir) {
        findings.push(DoctorFinding::new("data directory", false, message));
    }
    for file in [VAULT_KEY, NODE_KEY, TOKEN_KEYS] {
        let path = data_dir.join(file);
        let (ok, message) = match std::fs::metadata(&path) {
            Err(error) => (false, format!("{}: {error}", path.display())),
            Ok(metadata) if is_key_file_exposed(&metadata) => {
                (false, format!("other users can read {}: run chmod 600 on it", path.display()))
            }
            Ok(_) => (true, "only its owner can read it".to_owned()),
        };
        findings.push(DoctorFinding::new(file, ok, message));
    }
}

/// Checks whether the directory's keys open the registry's secrets, even while a server uses both. Finds nothing in a
/// directory that was never used, which another check reports.
async fn secrets(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Vec<DoctorFinding>> {
    let finding = |ok, message: String| vec![DoctorFinding::new("secrets", ok, message)];
    let opened: std::result::Result<Box<dyn Store>, StoreError> = match url {
        Some(url) => PostgresStore::open_to_read(&url.address()?).await.map(|store| Box::new(store) as _),
        None if lacks_its_database(data_dir) => {
            let message = "the directory contains keys but no bucketry.db: restore it, or pass the PostgreSQL database with --database-url";
            return Ok(finding(false, message.to_owned()));
        }
        None if !is_used(data_dir) => return Ok(Vec::new()),
        None => SqliteStore::open_to_read(data_dir).await.map(|store| Box::new(store) as _),
    };
    let path = data_dir.join(VAULT_KEY);
    // Another check reports a key file that others can read.
    let keys = Identities::load(&path).unwrap_or_default();
    let name = std::env::var("BUCKETRY_NODE_NAME").unwrap_or_else(|_| DEFAULT_NODE_NAME.to_owned());
    let examined = match opened {
        Ok(store) => {
            let examined =
                sealed_secrets::examine(&*store, keys.as_ref(), &name, Extent::All, SystemClock.now()).await;
            store.close().await;
            examined
        }
        Err(error) => Err(error),
    };
    Ok(match examined {
        Err(error) => {
            finding(false, Failure::because("can't read the registry", &error).message().to_owned())
        }
        Ok(found) => {
            let ok = found.unopened == 0 || found.others;
            let mut findings = finding(ok, opens(&path, &found));
            // A server without a node sends no messages.
            if found.unopened_channels > 0 && keys.is_some() {
                findings.push(DoctorFinding::new("notifications", false, unopened_channels(&found)));
            }
            findings
        }
    })
}

/// Says which secrets the key file opens.
fn opens(path: &Path, found: &Examined) -> String {
    let Examined { secrets, unopened, others, .. } = found;
    match (unopened, others) {
        (0, _) => format!("vault.key opens {secrets} of {secrets}"),
        (_, true) => format!("{unopened} of {secrets} are for other nodes, which are connected"),
        (_, false) => sealed_secrets::explain(path, path.exists(), found),
    }
}

/// Says which messages the server can't send. Another node may be able to open what they need, but doesn't send them.
fn unopened_channels(found: &Examined) -> String {
    let how = if found.others {
        "If a connected node opens them, it seals them to this server's key too: wait until `bucketry nodes list` shows \
         `sealed`. Otherwise, enter them again"
    } else {
        "Enter them again"
    };
    format!(
        "vault.key doesn't open the address and secret of {} notification channels, so the server can't send their \
         messages. {how} with `bucketry notify update`",
        found.unopened_channels
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction_and_the_remedy() {
        assert!(clock(-60).0 && clock(60).0);
        for (ahead, response) in [(3_600, "3600 s ahead of"), (-3_600, "3600 s behind")] {
            let (ok, message) = clock(ahead);
            assert!(!ok && message.contains(response) && message.contains("NTP"), "{message}");
        }
    }

    #[test]
    fn providers_that_refuse_the_time_are_told_by_their_buckets() {
        assert!(provider_clocks(&[]).0);
        let (ok, message) = provider_clocks(&["Photos", "Films"]);
        assert!(!ok && message.contains("\"Photos\" and of 1 more") && message.contains("NTP"), "{message}");
    }

    #[test]
    fn channels_that_the_server_cannot_open_are_reported_even_if_other_nodes_open_all_secrets() {
        let found =
            Examined { secrets: 5, unopened: 2, unopened_channels: 1, others: true, ..Examined::default() };
        assert!(opens(Path::new("vault.key"), &found).contains("2 of 5 are for other nodes"));
        let message = unopened_channels(&found);
        assert!(
            message.contains("of 1 notification channels") && message.contains("nodes list"),
            "{message}"
        );
        let alone = unopened_channels(&Examined { others: false, ..found });
        assert!(alone.contains("Enter them again") && !alone.contains("nodes list"), "{alone}");
    }
}
