//! PostgreSQL fails over to a standby while two control planes, a node and clients are at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bucketry_e2e::{
    Balancer, Error, OPEN_BUCKET, Options, Person, Postgres, Receiver, RepositoryAccess, Result, Server,
    eventually, needs_one_control_plane, options, query, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

/// The limit for each recovery. A loaded machine may take several times as long as an idle one.
const SOON: Duration = Duration::from_mins(1);
const DATABASE: &str = "registry";
const KEY: &str = "the key of the test's webhook";

/// A primary with a standby, at an address that leads to one of them, and two control planes that know this address.
struct FailoverContext {
    primary: Postgres,
    standby: Postgres,
    address: Balancer,
    /// The one with the node, and the other.
    servers: [Server; 2],
    here: Person,
    there: Person,
    _dir: TempDir,
}

/// `HOST:PORT` of a PostgreSQL server.
fn host(server: &Postgres) -> String {
    let url = server.url_of(DATABASE);
    url.split(['@', '/']).nth(3).unwrap_or_default().to_owned()
}

impl FailoverContext {
    async fn start() -> Result<Self> {
        let mut primary = Postgres::start().await?;
        primary.create_database(DATABASE).await?;
        let standby = primary.start_standby().await?;
        // From now on, a commit is acknowledged once the standby has it.
        let maintenance = primary.url_of("postgres");
        query(&maintenance, "ALTER SYSTEM SET synchronous_standby_names = 'standby'").await?;
        query(&maintenance, "SELECT pg_reload_conf()").await?;
        let state = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'";
        let look = async || query(&maintenance, state).await;
        eventually("the standby being synchronous", SOON, look, |state| state == "sync").await?;

        let address = Balancer::start(vec![host(&primary)]).map_err(Error::Files)?;
        let reached = address.url().replace("http://", "postgres://postgres@");
        let on = |options: Options| {
            options
                .env("BUCKETRY_DATABASE_URL", &format!("{reached}/{DATABASE}"))
                .env("BUCKETRY_PROBE_INTERVAL", "1")
        };
        let with_node = Server::start(on(options()?)).await?;
        let dir = tempfile::tempdir().map_err(Error::Files)?;
        let data = dir.path().join("data");
        std::fs::create_dir(&data).map_err(Error::Files)?;
        // Both accept each other's tokens.
        std::fs::copy(with_node.data_dir().join("token.key"), data.join("token.key"))
            .map_err(Error::Files)?;
        let without_node = Server::start(on(options()?.data_dir(&data).arg("--no-node"))).await?;
        let here = with_node.owner().await?;
        let there = here.again_at(&without_node);
        let servers = [with_node, without_node];
        Ok(Self { primary, standby, address, servers, here, there, _dir: dir })
    }

    async fn body(&self, name: &str) -> Result<Value> {
        Ok(s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &self.here.workspace().await?))
    }

    /// Ends the primary, and lets the address lead to the standby, first as it is, then promoted.
    async fn fail_over(&mut self, body: &Value) -> Result<()> {
        self.primary.crash().await?;
        self.address.set(vec![host(&self.standby)]);
        // A standby can be read from. A write is refused as a temporary failure.
        let (here, there) = (&self.here, &self.there);
        let look = async || there.get("/bucket?limit=10").send().await;
        eventually("the standby being read", SOON, look, |answer| answer.status == 200).await?;
        let refused = here.post("/bucket", &with(body, &json!({ "name": "too early" }))).send().await?;
        assert_eq!(refused.json_with_status(503)?["error_code"], "STORAGE_UNAVAILABLE");
        query(&self.standby.url_of("postgres"), "SELECT pg_promote()").await?;
        Ok(())
    }

    /// What the new primary returns.
    async fn ask(&self, sql: &str) -> Result<String> {
        query(&self.standby.url_of(DATABASE), sql).await
    }
}

/// Registers buckets until it is told to stop, and returns the ids of those that were acknowledged.
async fn write(owner: &Person, body: &Value, name: &str, stop: &AtomicBool) -> Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let named = with(body, &json!({ "name": format!("{name} {number}") }));
        let answer = owner.post("/bucket", &named).send().await?;
        match answer.status {
            200 => acknowledged.push(text(&answer.json()?["bucketId"]).to_owned()),
            503 => {}
            _ => return Err(answer.unlike("200 or 503")),
        }
    }
    Ok(acknowledged)
}

async fn put(access: &RepositoryAccess, key: &str) -> Result<u16> {
    Ok(access.object(Method::PUT, key).raw("text/plain", vec![b'x'; 100]).send().await?.status)
}

#[tokio::test]
async fn after_a_failover_everything_continues_and_no_acknowledged_write_is_lost() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let mut context = FailoverContext::start().await?;
    let (here, there) = (context.here.clone(), context.there.clone());
    let body = context.body("Photos").await?;
    let bucket = here.register(&body).await?;
    let access = here.repository_access(&context.servers[0], "Failover", &[(&bucket, OPEN_BUCKET)]).await?;
    let look = async || put(&access, "before.txt").await;
    eventually("the gateway serving", SOON, look, |status| *status == 200).await?;
    // Something is watched for, under a lease.
    let receiver = Receiver::start(KEY).await?;
    let channel = json!({
        "name": "Pager", "kind": "WEBHOOK", "url": format!("{}/hook", receiver.url()), "secret": KEY,
        "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    here.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let watched = "SELECT token FROM leases WHERE name = 'CONDITION_WATCH'";
    let look = async || query(&context.primary.url_of(DATABASE), watched).await;
    eventually("a lease", SOON, look, |token| !token.is_empty()).await?;

    let (unvalidated, stop) = (with(&body, &json!({ "skipValidation": true })), AtomicBool::new(false));
    let failing = async {
        let look = async || Ok(here.buckets().await?.len());
        eventually("some writes", SOON, look, |count| *count >= 10).await?;
        context.fail_over(&unvalidated).await?;
        let promoted = Instant::now();
        assert_eq!(put(&access, "meanwhile.txt").await?, 200, "the gateway needs no database");
        for (owner, which) in [(&here, "here"), (&there, "there")] {
            let named = with(&unvalidated, &json!({ "name": format!("after, {which}") }));
            let look = async || owner.post("/bucket", &named).send().await;
            eventually("writes being accepted", SOON, look, |answer| answer.status == 200).await?;
        }
        println!("writes were accepted {} ms after the promotion", promoted.elapsed().as_millis());
        let before = context.ask("SELECT count(*) FROM buckets").await?;
        let look = async || context.ask("SELECT count(*) FROM buckets").await;
        eventually("further writes", SOON, look, |count| *count != before).await?;
        stop.store(true, Ordering::Relaxed);
        Ok(())
    };
    let (from_here, from_there, ()) = tokio::try_join!(
        write(&here, &unvalidated, "here", &stop),
        write(&there, &unvalidated, "there", &stop),
        failing,
    )?;
    let stored: Vec<String> =
        there.buckets().await?.iter().map(|bucket| text(&bucket["id"]).to_owned()).collect();
    let lost = from_here.iter().chain(&from_there).filter(|id| !stored.contains(id)).count();
    println!("{} writes were acknowledged, {lost} were lost", from_here.len() + from_there.len());
    assert_eq!(lost, 0);

    recovers(&context, &here, &there).await?;
    let uploaded = async || {
        let totals = here.get(&format!("/bucket/stats?bucketId={bucket}")).send().await?;
        let totals = totals.json_with_status(200)?;
        Ok(text(&totals["stats"][0]["totalUploadBytes"]).parse::<u64>().unwrap_or_default())
    };
    eventually("both uploads being counted", SOON, uploaded, |bytes| *bytes >= 200).await?;
    assert_eq!(uploaded().await?, 200, "each is counted once");
    old_primary_is_left_alone(&mut context, &there, &unvalidated).await
}

/// Signals, leases, jobs and the node work on the new primary.
async fn recovers(context: &FailoverContext, here: &Person, there: &Person) -> Result<()> {
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let look = async || context.ask(listening).await;
    eventually("both listening again", SOON, look, |count| count == "2").await?;
    let expires = "SELECT expires_at FROM leases WHERE name = 'CONDITION_WATCH'";
    let before = context.ask(expires).await?;
    let look = async || context.ask(expires).await;
    eventually("the lease being renewed", SOON, look, |expires| *expires > before).await?;

    // A job reaches the node of the other control plane, and its result comes back.
    let id = there.register(&context.body("Afterwards").await?).await?;
    let look = async || here.status_of(&id).await;
    eventually("the new bucket being probed", SOON, look, |status| status == "ONLINE").await?;
    for server in &context.servers {
        let look = async || server.get("/ready").send().await;
        eventually("being ready", SOON, look, |answer| answer.status == 200).await?;
    }
    Ok(())
}

/// The old primary returns with its data, and takes writes. Nobody writes to it, because the address leads elsewhere.
async fn old_primary_is_left_alone(
    context: &mut FailoverContext,
    owner: &Person,
    unvalidated: &Value,
) -> Result<()> {
    context.primary.start_again().await?;
    let old = context.primary.url_of(DATABASE);
    assert_eq!(query(&old, "SELECT pg_is_in_recovery()").await?, "f", "it believes to be the primary");
    let count = "SELECT count(*) FROM buckets";
    let before = query(&old, count).await?;
    let id = owner.register(&with(unvalidated, &json!({ "name": "after its return" }))).await?;
    let found = format!("SELECT count(*) FROM buckets WHERE id = '{id}'");
    assert_eq!(context.ask(&found).await?, "1");
    assert_eq!(query(&old, count).await?, before);
    let used = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bucketry'";
    assert_eq!(query(&old, used).await?, "0");
    Ok(())
}
