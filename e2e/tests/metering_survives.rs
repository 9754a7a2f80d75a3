//! Traffic counts when the process is killed and when the disk is full: nothing is counted twice, and no more is
//! lost than `docs/operations.md` says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, RepositoryAccess, Result, Server, eventually, fill_disk, free_disk,
    ignoring_full_disks, list, options, s3_bucket, shared_s3_endpoint,
};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);

/// The interval at which counts are written to the disk, plus the duration of one write on a busy machine.
const AT_MOST_LOST: Duration = Duration::from_secs(5 + 2);

/// The size of each object written under load, in bytes.
const SIZE: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    requests: i64,
    uploaded: i64,
    stored: i64,
    reads: i64,
    lists: i64,
}

fn figure(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// The bucket's counts per day, added up.
async fn days(owner: &Person, bucket: &str) -> Result<Counted> {
    let response =
        owner.get(&format!("/stats/daily?bucketId={bucket}")).send().await?.json_with_status(200)?;
    let sum = |name: &str| list(&response["data"]).iter().map(|day| figure(&day[name])).sum::<i64>();
    Ok(Counted {
        requests: sum("requests"),
        uploaded: sum("upl_bytes"),
        stored: sum("size_change"),
        reads: sum("reads"),
        lists: sum("lists"),
    })
}

/// The counts. Days and totals must agree if nothing is added while they are read.
async fn counted(owner: &Person, bucket: &str) -> Result<Counted> {
    let path = format!("/bucket/stats?bucketId={bucket}");
    let look = async || {
        let before = days(owner, bucket).await?;
        let totals = owner.get(&path).send().await?.json_with_status(200)?["stats"][0].clone();
        Ok((before, totals, days(owner, bucket).await?))
    };
    let (days, totals, _) =
        eventually("a moment without new counts", SOON, look, |(before, _, after)| before == after).await?;
    let total = |name: &str| figure(&totals[name]);
    assert_eq!(
        (total("totalCount"), total("totalUploadBytes"), total("totalSizeChange")),
        (days.requests, days.uploaded, days.stored)
    );
    Ok(days)
}

async fn deployment(options: Options, folder: &str) -> Result<(Server, Person, String, RepositoryAccess)> {
    let server = Server::start(options.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Metered", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let folder = format!("{folder}-{}", std::process::id());
    let place = json!([{ "bucketId": id, "folder": folder, "master": false }]);
    let fields = json!({ "name": "Metered", "repoBuckets": place });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    Ok((server, owner, id, access))
}

/// The same access after a restart, once the gateway serves the bucket again. Waiting adds read requests.
async fn again(server: &Server, access: &RepositoryAccess) -> Result<RepositoryAccess> {
    let endpoint = server.gateway().unwrap_or_default().to_owned();
    let access = RepositoryAccess { endpoint, ..access.clone() };
    let look = async || Ok(access.object(Method::HEAD, "marker").send().await?.status);
    eventually("the bucket being served again", SOON, look, |status| *status == 404).await?;
    Ok(access)
}

/// Waits until all earlier requests are counted. Batches are counted in order, so it sends a list request as a
/// marker and waits until that is counted.
async fn settled(owner: &Person, bucket: &str, access: &RepositoryAccess) -> Result<Counted> {
    let before = counted(owner, bucket).await?;
    let path = format!("/{OPEN_BUCKET}?list-type=2&prefix=marker");
    assert_eq!(access.signed(Method::GET, &path, SignedDuration::ZERO).send().await?.status, 200);
    let look = async || counted(owner, bucket).await;
    eventually("the marker being counted", SOON, look, |now| now.lists > before.lists).await
}

/// Clients that write objects in sequence until the server is gone.
struct Load {
    clients: JoinSet<Vec<Instant>>,
    sent: Arc<AtomicI64>,
    over: Arc<AtomicBool>,
}

impl Load {
    fn start(access: &RepositoryAccess) -> Self {
        let (sent, over) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for client in 0..4 {
            let (access, sent, over) = (access.clone(), Arc::clone(&sent), Arc::clone(&over));
            clients.spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let call = access.object(Method::PUT, &format!("{client}/{number}"));
                    sent.fetch_add(1, Ordering::Relaxed);
                    match call.raw("text/plain", vec![b'x'; SIZE]).send().await {
                        Ok(response) if response.status == 200 => acknowledged.push(Instant::now()),
                        _ => break,
                    }
                }
                acknowledged
            });
        }
        Self { clients, sent, over }
    }

    /// Stops the clients. Returns the number of requests sent, and the times at which requests were acknowledged.
    async fn end(mut self) -> (i64, Vec<Instant>) {
        self.over.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            acknowledged.extend(client.unwrap_or_default());
        }
        (self.sent.load(Ordering::Relaxed), acknowledged)
    }
}

#[tokio::test]
async fn killed_under_load_it_loses_seconds_of_counts_at_most_and_counts_nothing_twice() -> Result<()> {
    let (mut server, owner, bucket, access) = deployment(options()?, "killed").await?;
    let access = again(&server, &access).await?;
    let before = settled(&owner, &bucket, &access).await?;
    let load = Load::start(&access);
    let look = async || Ok(counted(&owner, &bucket).await?.uploaded - before.uploaded);
    eventually("a first report", SOON, look, |bytes| *bytes > 0).await?;
    let reported = Instant::now();
    // Long enough that most counts since then must be on the disk, and some are not.
    let look = async || Ok(reported.elapsed());
    eventually("more load", SOON, look, |so_far| *so_far > AT_MOST_LOST + Duration::from_secs(1)).await?;
    let killed = Instant::now();
    server.kill_hard().await?;
    let (sent, acknowledged) = load.end().await;

    server.restart().await?;
    let owner = owner.again_at(&server);
    let access = again(&server, &access).await?;
    let after = settled(&owner, &bucket, &access).await?;
    let (written, size) = (after.uploaded - before.uploaded, i64::try_from(SIZE).unwrap());
    let safe = acknowledged.iter().filter(|at| killed.duration_since(**at) > AT_MOST_LOST).count();
    let safe = i64::try_from(safe).unwrap();
    eprintln!(
        "{sent} sent, {} acknowledged, {safe} of them {AT_MOST_LOST:?} before; counted {}",
        acknowledged.len(),
        written / size
    );
    assert_eq!(written % size, 0, "only whole requests are counted");
    assert!(safe > 0 && (safe..=sent).contains(&(written / size)), "{safe} <= {} <= {sent}", written / size);
    assert_eq!(after.stored - before.stored, written, "the stored size grew by what was uploaded");

    // Another start has nothing left to report.
    server.kill_hard().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    let access = again(&server, &access).await?;
    let then = settled(&owner, &bucket, &access).await?;
    assert_eq!((then.uploaded, then.stored), (after.uploaded, after.stored), "nothing is counted twice");
    let new = (then.requests - after.requests, then.reads - after.reads, then.lists - after.lists);
    assert!(new.2 == 1 && new.0 == new.1 + 1, "only this test's own checks are new: {new:?}");
    Ok(())
}

async fn metric(server: &Server, name: &str) -> Result<i64> {
    let metrics = server.get("/metrics").send().await?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.and_then(|count| count.parse().ok()).unwrap_or(-1))
}

#[tokio::test]
async fn on_a_full_disk_the_gateway_serves_on_and_its_counts_arrive_when_there_is_room() -> Result<()> {
    options()?;
    let dir = tempfile::tempdir().unwrap();
    let limited = Options::new(&ignoring_full_disks(dir.path())?);
    let (mut server, owner, bucket, access) = deployment(limited, "full").await?;
    let access = again(&server, &access).await?;
    let before = settled(&owner, &bucket, &access).await?;
    assert_eq!(metric(&server, "bucketry_usage_writes_failed_total").await?, 0);

    fill_disk(&server).await?;
    let objects = 10;
    let write = async |from: i64| {
        for number in from..from + objects {
            let key = format!("object-{number}");
            let call = access.object(Method::PUT, &key).raw("text/plain", vec![b'x'; SIZE]);
            let response = call.send().await?;
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(access.object(Method::GET, &key).send().await?.body.len(), SIZE);
        }
        Ok::<_, bucketry_e2e::Error>(())
    };
    write(0).await?;
    let look = async || metric(&server, "bucketry_usage_writes_failed_total").await;
    eventually("the metric showing it", SOON, look, |failed| *failed > 0).await?;
    assert!(server.get("/metrics").send().await?.text().contains("bucketry_usage_rows_lost_total 0"));
    write(objects).await?;
    let look = async || metric(&server, "bucketry_usage_writes_failed_total").await;
    eventually("another try", SOON, look, |failed| *failed > 1).await?;
    assert_eq!(counted(&owner, &bucket).await?, before, "nothing can be counted meanwhile");

    free_disk(&server).await?;
    let size = i64::try_from(SIZE).unwrap();
    let expected = Counted {
        requests: before.requests + 4 * objects,
        uploaded: before.uploaded + 2 * objects * size,
        stored: before.stored + 2 * objects * size,
        reads: before.reads + 2 * objects,
        lists: before.lists,
    };
    let look = async || counted(&owner, &bucket).await;
    let response =
        eventually("the counts arriving", SOON * 2, look, |now| now.requests >= expected.requests).await?;
    assert_eq!(response, expected);
    server.terminate().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    assert_eq!(counted(&owner, &bucket).await?, expected, "once");
    Ok(())
}
