//! The server is killed again and again while changes arrive: every change that exists has exactly one record, and no
//! record is about one that doesn't. The log of records has all of them, in complete lines.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bucketry_e2e::{
    Options, Person, Result, Server, each, embedded_options, eventually, list, needs_one_control_plane,
    new_database, options, text,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
/// How often the server is killed.
const KILLS: u32 = 6;
/// Clients that change something at the same time.
const CLIENTS: u32 = 4;

/// What clients got an answer for.
#[derive(Default)]
struct Accepted {
    created: Vec<String>,
    deleted: Vec<String>,
}

/// Creates workspaces, and deletes every second one, until the server is gone.
async fn change(owner: Person, client: u32, number: Arc<AtomicU32>) -> Result<Accepted> {
    let mut accepted = Accepted::default();
    loop {
        let name = format!("w-{client}-{}", number.fetch_add(1, Ordering::Relaxed));
        let Ok(answer) = owner.post("/workspace", &json!({ "name": name })).send().await else { break };
        if answer.status != 201 {
            continue;
        }
        accepted.created.push(name.clone());
        let id = text(&answer.json()?["workspace"]["id"]).to_owned();
        if accepted.created.len() % 2 == 0 {
            let Ok(answer) = owner.delete(&format!("/workspace/{id}")).send().await else { break };
            if answer.status == 200 {
                accepted.deleted.push(name);
            }
        }
    }
    Ok(accepted)
}

/// How many records there are for each name, of one action on workspaces.
async fn records(owner: &Person, action: &str) -> Result<BTreeMap<String, usize>> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/audit?kind=workspace&action={action}&result=done&limit=1000{cursor}");
        let page = owner.get(&path).send().await?.json_with_status(200)?;
        for name in each(&page["records"], "targetName") {
            *found.entry(name.to_owned()).or_default() += 1;
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}

async fn workspaces(owner: &Person) -> Result<BTreeSet<String>> {
    let found = owner.get("/workspace").send().await?.json_with_status(200)?;
    let names = each(&found["workspaces"], "name").into_iter().filter(|name| name.starts_with("w-"));
    Ok(names.map(str::to_owned).collect())
}

/// The ids in the log, each line of which must be complete. A record may be there twice after a crash.
fn logged(log: &Path) -> BTreeSet<i64> {
    let content = std::fs::read_to_string(log).unwrap();
    assert!(content.is_empty() || content.ends_with('\n'), "the last line is torn");
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap();
    content.lines().map(id).collect()
}

async fn changes_survive_kills(options: Options) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.jsonl");
    let options = options
        .env("BUCKETRY_AUDIT_LOG", &log.to_string_lossy())
        .env("BUCKETRY_RATE_LIMIT", "off")
        .env("BUCKETRY_PROBE_INTERVAL", "3600");
    let mut server = Server::start(options).await?;
    let mut owner = server.owner().await?;
    let number = Arc::new(AtomicU32::new(0));
    let (mut created, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..KILLS {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(change(owner.again_at(&server), client, Arc::clone(&number))))
            .collect();
        // Different lengths, so that the kills meet different moments.
        tokio::time::sleep(Duration::from_millis(400 + u64::from(round) * 137)).await;
        server.kill_hard().await?;
        for client in clients {
            let accepted = client.await??;
            created.extend(accepted.created);
            deleted.extend(accepted.deleted);
        }
        // A crash may tear the line that is being written.
        if round % 2 == 0 {
            let torn = std::fs::read(&log).unwrap();
            std::fs::write(&log, [&torn[..], b"{\"id\":1,\"times"].concat()).unwrap();
        }
        server.restart().await?;
        owner = owner.again_at(&server);
    }

    let exist = workspaces(&owner).await?;
    let (made, removed) = (records(&owner, "created").await?, records(&owner, "deleted").await?);
    assert!(made.len() > 50, "{} changes are too few to prove anything", made.len());
    assert!(made.values().chain(removed.values()).all(|count| *count == 1), "{made:?} {removed:?}");
    let made: BTreeSet<String> = made.into_keys().collect();
    let removed: BTreeSet<String> = removed.into_keys().collect();
    assert_eq!(exist, &made - &removed, "what exists was created and not deleted, and nothing else");
    assert!(created.is_subset(&made) && deleted.is_subset(&removed), "what was answered is recorded");

    let all = owner.get("/audit?limit=1").send().await?.json_with_status(200)?;
    let newest = all["records"][0]["id"].as_i64().unwrap();
    let look = async || Ok(logged(&log));
    let ids = eventually("the log catching up", SOON, look, |ids| ids.contains(&newest)).await?;
    for action in ["created", "deleted"] {
        let path = format!("/audit?kind=workspace&action={action}&limit=1000");
        let page = owner.get(&path).send().await?.json_with_status(200)?;
        for record in list(&page["records"]) {
            let id = record["id"].as_i64().unwrap();
            assert!(ids.contains(&id), "record {id} is missing in the log");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_change_that_exists_has_one_record_whenever_the_server_is_killed() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    changes_survive_kills(embedded_options()?).await
}

#[tokio::test]
async fn every_change_on_postgres_that_exists_has_one_record() -> Result<()> {
    let database = new_database().await?;
    changes_survive_kills(options()?.env("BUCKETRY_DATABASE_URL", &database)).await
}
