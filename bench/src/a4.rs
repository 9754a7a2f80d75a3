//! A4: usage reports of nodes, compared with plain inserts of the same rows into a table of the same database.

use std::path::Path;
use std::time::{Duration, Instant};

use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_model::usage::UsageRow;
use bucketry_store::Store;
use bucketry_store::postgres::{self, PostgresStore};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_store::usage::BatchCounted;
use bucketry_test_servers::bucketry::Options;
use bucketry_test_servers::postgres::Postgres;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Database, Executor, IntoArguments, Pool, QueryBuilder};

use crate::deployment::{Deployment, options};
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

/// Buckets with traffic: a report has one row per bucket and minute.
pub(crate) const BUCKETS: usize = 2_000;
/// Uploaded bytes of each row.
pub(crate) const UPLOADED: u64 = 20_000;
/// Rows per INSERT statement, as in the product's own statements.
const ROWS_A_STATEMENT: usize = 256;

/// The ids and times from which reports are made.
struct TrafficRows {
    node: NodeId,
    org: OrgId,
    repository: RepoId,
    buckets: Vec<BucketId>,
    spool: String,
    first_minute: i64,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    report::complain("SQLite");
    let directory = tempfile::tempdir()?;
    fill(options(&plan.bucketry, directory.path())).await?;
    let store = SqliteStore::open(directory.path(), sqlite::Options::default()).await?;
    let plain = plain_sqlite(directory.path()).await?;
    compare("SQLite", plan, &store, &plain, &mut bars, &mut figures).await?;
    plain.close().await;
    store.close().await;

    match &plan.postgres {
        Some(programs) if programs.exists() => {
            report::complain("PostgreSQL");
            let server = Postgres::start(programs)?;
            let address = server.create_database("measured")?;
            let directory = tempfile::tempdir()?;
            fill(options(&plan.bucketry, directory.path()).env("BUCKETRY_DATABASE_URL", &address)).await?;
            let store = PostgresStore::open(&address.parse()?, &postgres::Options::default()).await?;
            let plain = PgPoolOptions::new().max_connections(1).connect(&address).await?;
            compare("PostgreSQL", plan, &store, &plain, &mut bars, &mut figures).await?;
            plain.close().await;
            store.close().await;
        }
        _ => bars.push(Bar::reported("usage reports on PostgreSQL", "PostgreSQL is missing".to_owned())),
    }
    Ok(Report::new("a4", machine, bars, Value::Object(figures)))
}

/// Creates the database with an organization, a node and buckets.
async fn fill(options: Options) -> Result {
    let options = options.env("BUCKETRY_PROBE_INTERVAL", "86400").env("BUCKETRY_LOG", "warn");
    let deployment = Deployment::start(options).await?;
    deployment.register(BUCKETS, "http://127.0.0.1:9").await?;
    deployment.stop()
}

/// One connection with the product's settings, so that a commit waits for the disk as it does there.
async fn plain_sqlite(directory: &Path) -> Result<Pool<sqlx::Sqlite>> {
    let connecting = SqliteConnectOptions::new()
        .filename(directory.join(DATABASE_FILE))
        .busy_timeout(Duration::from_secs(10))
        .pragma("synchronous", "FULL")
        .pragma("cache_size", "-8192");
    Ok(SqlitePoolOptions::new().max_connections(1).connect_with(connecting).await?)
}

async fn compare<D>(
    engine: &str,
    plan: &Plan,
    store: &dyn Store,
    plain: &Pool<D>,
    bars: &mut Vec<Bar>,
    figures: &mut Map<String, Value>,
) -> Result
where
    D: Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    for<'q> String: sqlx::Encode<'q, D> + sqlx::Type<D>,
    for<'q> i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
{
    let traffic = TrafficRows::of(store).await?;
    plain.execute(sqlx::AssertSqlSafe(plain_table(engine))).await?;
    let rounds = if plan.quick { 5 } else { 25 };
    let (mut reported, mut inserted) = (Vec::new(), Vec::new());
    // The first two rounds fill caches.
    for round in 0..rounds + 2 {
        let batch = traffic.batch(round);
        let mut took = [Duration::ZERO; 2];
        // The order alternates.
        for which in [round % 2, (round + 1) % 2] {
            let start = Instant::now();
            if which == 0 {
                report_batch(store, &traffic, &batch).await?;
            } else {
                insert(plain, &traffic, &batch).await?;
            }
            took[which] = start.elapsed();
        }
        if round >= 2 {
            let rate = |took: Duration| batch.rows.len() as f64 / took.as_secs_f64();
            reported.push(rate(took[0]));
            inserted.push(rate(took[1]));
        }
    }
    let ratio = Spread::of(reported.iter().zip(&inserted).map(|(a, b)| a / b));
    let (reported, inserted) = (Spread::of(reported), Spread::of(inserted));
    bars.push(Bar::at_least(
        &format!("rows per second of usage reports on {engine}, relative to plain inserts of the same rows"),
        (0.5, "≥ 0.5 ×"),
        ratio.median,
        format!("{ratio} × ({:.0} rows/s)", reported.median),
    ));
    figures.insert(
        engine.to_owned(),
        json!({ "ratio": ratio, "reportedRowsPerSecond": reported, "insertedRowsPerSecond": inserted }),
    );
    Ok(())
}

/// The statement that creates a table for plain inserts of the same rows.
fn plain_table(engine: &str) -> String {
    // Text is compared bytewise, as in the product's tables.
    let text = if engine == "PostgreSQL" { "TEXT COLLATE \"C\"" } else { "TEXT" };
    let counts: Vec<String> = (0..11).map(|number| format!("count_{number} BIGINT NOT NULL")).collect();
    let end = if engine == "PostgreSQL" { "" } else { " WITHOUT ROWID" };
    format!(
        "CREATE TABLE plain (bucket_id {text} NOT NULL, minute BIGINT NOT NULL, node_id {text} NOT NULL, \
         repo_id {text} NOT NULL, org_id {text} NOT NULL, {}, \
         PRIMARY KEY (bucket_id, minute, node_id, repo_id)){end}",
        counts.join(", ")
    )
}

async fn report_batch(store: &dyn Store, traffic: &TrafficRows, batch: &UsageBatch) -> Result {
    let counted = store.add_usage(traffic.node, None, batch, SystemClock.now()).await?;
    if counted == BatchCounted::Counted {
        Ok(())
    } else {
        Err(format!("a report was not counted: {counted:?}").into())
    }
}

impl TrafficRows {
    async fn of(store: &dyn Store) -> Result<Self> {
        let org = store.organizations(1).await?.first().ok_or("no organization")?.id;
        let node = store.nodes().await?.first().ok_or("no node")?.id;
        let mut buckets = Vec::new();
        while buckets.len() < BUCKETS {
            let page = store.node_buckets_after(Some(org), buckets.last().copied(), 1_000).await?;
            if page.is_empty() {
                return Err("too few buckets".into());
            }
            buckets.extend(page.into_iter().map(|bucket| bucket.id));
        }
        let now = SystemClock.now();
        Ok(Self {
            node,
            org,
            repository: repository(),
            buckets,
            spool: format!("measured-{}", now.as_second()),
            first_minute: now.as_second() / 60 * 60,
        })
    }

    /// A node's report on one minute.
    fn batch(&self, round: usize) -> UsageBatch {
        let minute = self.first_minute + 60 * i64::try_from(round).unwrap_or(0);
        let rows = report_rows(minute, &self.buckets, self.repository);
        UsageBatch { spool: self.spool.clone(), number: round as u64 + 1, rows }
    }
}

/// The repository of all traffic. It doesn't exist, which doesn't matter.
pub(crate) fn repository() -> RepoId {
    RepoId::new(Timestamp::UNIX_EPOCH, [7; 10])
}

/// A row of traffic for each bucket.
pub(crate) fn report_rows(minute: i64, buckets: &[BucketId], repository: RepoId) -> Vec<UsageRow> {
    let row = |id: &BucketId| UsageRow {
        requests: 10,
        reads: 8,
        writes: 2,
        upload_bytes: UPLOADED,
        download_bytes: 80_000,
        size_change: 20_000,
        latency_sum_ms: 120,
        first_byte_sum_ms: 100,
        ..UsageRow::empty(minute, *id, Some(repository))
    };
    buckets.iter().map(row).collect()
}

/// Inserts only the rows, in one transaction.
async fn insert<D>(plain: &Pool<D>, traffic: &TrafficRows, batch: &UsageBatch) -> Result
where
    D: Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    for<'q> String: sqlx::Encode<'q, D> + sqlx::Type<D>,
    for<'q> i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
{
    let mut transaction = plain.begin().await?;
    for rows in batch.rows.chunks(ROWS_A_STATEMENT) {
        let mut statement = QueryBuilder::<D>::new("INSERT INTO plain ");
        statement.push_values(rows, |mut values, row| {
            values
                .push_bind(row.bucket_id.to_string())
                .push_bind(row.minute)
                .push_bind(traffic.node.to_string())
                .push_bind(traffic.repository.to_string())
                .push_bind(traffic.org.to_string());
            for count in [
                i64::from(row.requests),
                i64::from(row.errors),
                i64::from(row.reads),
                i64::from(row.writes),
                i64::from(row.lists),
                i64::from(row.provider_errors),
                row.upload_bytes.cast_signed(),
                row.download_bytes.cast_signed(),
                row.size_change,
                row.latency_sum_ms.cast_signed(),
                row.first_byte_sum_ms.cast_signed(),
            ] {
                values.push_bind(count);
            }
        });
        statement.build().execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}
