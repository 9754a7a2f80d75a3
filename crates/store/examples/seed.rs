//! Fills a data directory with buckets for measuring, each with a secret, a node's latest report, a day's record
//! and totals. Every second bucket is at AWS, the others are at the provider OTHER. Adds to the first organization, or creates one. The buckets go to its newest workspace.
//!
//! ```text
//! cargo run --release -p bucketry-store --example seed -- DATA_DIR COUNT [ORGANIZATIONS]
//! ```
//!
//! With several organizations, each gets an equal share of the buckets. All but the first are created.
//!
//! Rows are written past the store, many at a time and without waiting for the disk. If the process dies, the data
//! directory may be unusable.

#![expect(clippy::print_stdout, reason = "prints its progress")]

use std::error::Error;
use std::path::{Path, PathBuf};

use bucketry_model::id::{BucketId, NodeId, NodeKeyId, OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{OrgRole, Visibility};
use bucketry_model::time::{Day, to_micros};
use bucketry_store::Store;
use bucketry_store::contract::change;
use bucketry_store::node::{NodeRegistered, NodeRegistration};
use bucketry_store::organization::{NewOrganization, Organization, OrganizationStore as _};
use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use bucketry_store::user::NewUser;
use bucketry_store::workspace::{NewWorkspace, WorkspaceStore};
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Sqlite, SqliteConnection};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rows per statement, and statements per transaction.
const ROWS: u64 = 200;
const STATEMENTS: u64 = 100;
/// About the size of a sealed secret.
const SECRET_BYTES: usize = 600;

/// The first organization's number in rows of traffic. The numbers of series follow it, then those of other organizations.
const ORG_NUMBER: i64 = 1;

/// What the rows belong to.
struct SeedTarget {
    org: OrgId,
    workspace: WorkspaceId,
    node: NodeId,
    /// The organization's number in rows of traffic.
    number: i64,
}

/// A bucket by its number. One was created each second since the start of 2025.
struct Seeded {
    number: u64,
    id: BucketId,
    created_at: Timestamp,
}

impl Seeded {
    fn new(number: u64) -> Result<Self> {
        let start = Timestamp::from_second(1_735_689_600)?;
        let created_at = start + SignedDuration::from_secs(i64::try_from(number)?);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        Ok(Self { number, id: BucketId::new(created_at, random), created_at })
    }

    /// Of one of two providers, so that a filter by provider selects some of the buckets.
    fn endpoint(&self) -> &'static str {
        if self.number.is_multiple_of(2) {
            "https://s3.example.com"
        } else {
            "https://s3.eu-central-1.amazonaws.com"
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (data_dir, count, organizations) = match arguments.as_slice() {
        [data_dir, count] => (data_dir, count, 1),
        [data_dir, count, organizations] => (data_dir, count, organizations.parse::<u32>()?.max(1)),
        _ => return Err("usage: seed DATA_DIR COUNT [ORGANIZATIONS]".into()),
    };
    let (data_dir, count) = (PathBuf::from(data_dir), count.parse::<u64>()?);

    // The store stays open: it creates the schema, and keeps other processes out.
    let store = SqliteStore::open(&data_dir, Options::default()).await?;
    let organization = first_organization(&store).await?;
    let visible = store.workspaces(organization.id, &Visibility::Organization, None, 1).await?;
    let workspace = visible.first().ok_or("the organization has no workspace")?.id;
    let node = node(&store).await?;
    let first = organization.bucket_count;
    let end = first + count;
    let mut targets = vec![SeedTarget { org: organization.id, workspace, node, number: ORG_NUMBER }];
    for place in 1..organizations {
        let new = new_organization(place, organization.created_at)?;
        let number = ORG_NUMBER + 1 + i64::try_from(end)? + i64::from(place);
        targets.push(SeedTarget { org: new.id, workspace: new.workspace.id, node, number });
        store.insert_organization(&new, &change(organization.created_at)).await?;
    }

    let mut connection = connect(&data_dir).await?;
    let share = count.div_ceil(u64::from(organizations));
    let mut number = first;
    for target in &targets {
        let last = (number + share).min(end);
        while number < last {
            let until = (number + ROWS * STATEMENTS).min(last);
            fill(&mut connection, target, number, until).await?;
            number = until;
            println!("{} of {count}", number - first);
        }
    }
    note_last_number(&mut connection, ORG_NUMBER + 1 + i64::try_from(end)? + i64::from(organizations))
        .await?;
    connection.close().await?;
    store.close().await;
    Ok(())
}

async fn first_organization(store: &dyn Store) -> Result<Organization> {
    if let Some(found) = store.organizations(1).await?.pop() {
        return Ok(found);
    }
    let new = new_organization(0, Timestamp::UNIX_EPOCH)?;
    store.insert_organization(&new, &change(Timestamp::UNIX_EPOCH)).await?;
    store.organization(new.id).await?.ok_or_else(|| "the organization was not stored".into())
}

/// An organization whose owner can't log in. `place` distinguishes several: 0 is the first, and the others are younger.
fn new_organization(place: u32, first: Timestamp) -> Result<NewOrganization> {
    let now = first + SignedDuration::from_secs(i64::from(place));
    let mut random = [0; 10];
    random[6..].copy_from_slice(&place.to_be_bytes());
    let suffix = if place == 0 { String::new() } else { format!("-{place}") };
    Ok(NewOrganization {
        id: OrgId::new(now, random),
        name: Name::parse(&format!("default{suffix}"))?,
        bucket_quota: None,
        repo_quota: None,
        owner: NewUser {
            id: UserId::new(now, random),
            email: format!("owner{suffix}@example.com"),
            first_name: Name::parse("Ada")?,
            last_name: Name::parse("Lovelace")?,
            org_role: OrgRole::Owner,
            validated: true,
            password_hash: None,
            must_change_password: false,
        },
        workspace: NewWorkspace { id: WorkspaceId::new(now, random), name: Name::parse("default")? },
    })
}

/// The first node, or a new one.
async fn node(store: &dyn Store) -> Result<NodeId> {
    if let Some(node) = store.nodes().await?.first() {
        return Ok(node.id);
    }
    let now = Timestamp::UNIX_EPOCH;
    let registration = NodeRegistration {
        id: NodeId::new(now, [0; 10]),
        org_id: None,
        name: "seed-node".to_owned(),
        region: "none".to_owned(),
        provider: "OTHER".to_owned(),
        version: "0".to_owned(),
        recipients: Vec::new(),
        approval: bucketry_store::node::KeyApproval::AsBefore,
        key_id: NodeKeyId::new(now, [0; 10]),
        quota: None,
        silent_at: None,
    };
    match store.register_node(&registration, &change(now)).await? {
        NodeRegistered::Registered(node) => Ok(node.id),
        refused => Err(format!("the node seed-node is refused: {refused:?}").into()),
    }
}

async fn connect(data_dir: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(data_dir.join(DATABASE_FILE))
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-262144");
    Ok(options.connect().await?)
}

async fn fill(connection: &mut SqliteConnection, target: &SeedTarget, from: u64, until: u64) -> Result<()> {
    let mut transaction = connection.begin().await?;
    let mut number = from;
    while number < until {
        let seeded =
            (number..(number + ROWS).min(until)).map(Seeded::new).collect::<Result<Vec<Seeded>>>()?;
        for mut statement in [
            buckets(target, &seeded),
            changes(target, &seeded),
            words(target, &seeded),
            days(target, &seeded),
            traffic(target, &seeded),
        ] {
            statement.build().execute(&mut *transaction).await?;
        }
        number += ROWS;
    }
    sqlx::query("INSERT INTO usage_organizations (org_id, number) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(target.org.to_string())
        .bind(target.number)
        .execute(&mut *transaction)
        .await?;
    // The next start adds the new buckets to what searches and filters read.
    sqlx::query("INSERT INTO unlisted (kind, last_id) VALUES ('BUCKET', '') ON CONFLICT DO NOTHING")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE organizations SET bucket_count = bucket_count + $2 WHERE id = $1")
        .bind(target.org.to_string())
        .bind(i64::try_from(until - from)?)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// The highest number that is used in rows of traffic.
async fn note_last_number(connection: &mut SqliteConnection, last: i64) -> Result<()> {
    let number = "INSERT INTO usage_numbers (id, last_number) VALUES (1, $1) \
                  ON CONFLICT (id) DO UPDATE SET last_number = excluded.last_number";
    sqlx::query(number).bind(last).execute(connection).await?;
    Ok(())
}

fn buckets(target: &SeedTarget, seeded: &[Seeded]) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(
        "INSERT INTO buckets (id, org_id, workspace_id, name, name_folded, storage_type, bucket, access_key, \
         endpoint, region, version, created_at, updated_at, sealed_to, secret) ",
    );
    statement.push_values(seeded, |mut row, one| {
        let name = format!("seeded {}", one.number);
        row.push_bind(one.id.to_string())
            .push_bind(target.org.to_string())
            .push_bind(target.workspace.to_string())
            .push_bind(name.clone())
            .push_bind(name)
            .push_bind("S3")
            .push_bind(format!("bucket-{}", one.number))
            .push_bind("AKIAIOSFODNN7EXAMPLE")
            .push_bind(one.endpoint())
            .push_bind("eu-central-1")
            .push_bind(1)
            .push_bind(to_micros(one.created_at))
            .push_bind(to_micros(one.created_at))
            .push_bind("seed")
            .push_bind("s".repeat(SECRET_BYTES));
    });
    statement
}

fn changes(target: &SeedTarget, seeded: &[Seeded]) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new("INSERT INTO changes (org_id, subject_id, at) ");
    statement.push_values(seeded, |mut row, one| {
        row.push_bind(target.org.to_string())
            .push_bind(one.id.to_string())
            .push_bind(to_micros(one.created_at));
    });
    statement
}

fn words(target: &SeedTarget, seeded: &[Seeded]) -> QueryBuilder<Sqlite> {
    let mut statement =
        QueryBuilder::new("INSERT INTO bucket_words (bucket_id, node_id, status, latency_ms, at) ");
    statement.push_values(seeded, |mut row, one| {
        row.push_bind(one.id.to_string())
            .push_bind(target.node.to_string())
            .push_bind("ONLINE")
            .push_bind(25)
            .push_bind(to_micros(one.created_at));
    });
    statement
}

fn days(target: &SeedTarget, seeded: &[Seeded]) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(
        "INSERT INTO day_records (bucket_id, day, node_id, observed_us, online_us, probes, failures, \
         latency_sum_ms, latencies, last_at, last_status, last_latency_ms) ",
    );
    statement.push_values(seeded, |mut row, one| {
        row.push_bind(one.id.to_string())
            .push_bind(Day::of(one.created_at).number())
            .push_bind(target.node.to_string())
            .push_bind(60_000_000)
            .push_bind(60_000_000)
            .push_bind(2)
            .push_bind(0)
            .push_bind(50)
            .push_bind("20:2")
            .push_bind(to_micros(one.created_at))
            .push_bind("ONLINE")
            .push_bind(25);
    });
    statement
}

/// The traffic of each bucket: the row of its series.
fn traffic(target: &SeedTarget, seeded: &[Seeded]) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(
        "INSERT INTO usage_series (number, node_id, bucket_id, repo_id, org_id, workspace_id, org_number, day, minute, requests, \
         errors, reads, writes, lists, provider_errors, upload_bytes, download_bytes, size_change, latency_sum_ms, \
         first_byte_sum_ms, total_requests, total_upload_bytes, total_download_bytes, total_size_change) ",
    );
    statement.push_values(seeded, |mut row, one| {
        row.push_bind(ORG_NUMBER + 1 + i64::try_from(one.number).unwrap_or(i64::MAX))
            .push_bind(target.node.to_string())
            .push_bind(one.id.to_string())
            .push_bind("")
            .push_bind(target.org.to_string())
            .push_bind(target.workspace.to_string())
            .push_bind(target.number)
            .push_bind(Day::of(one.created_at).number())
            .push_bind(one.created_at.as_second().div_euclid(60) * 60);
        for count in [10, 0, 8, 2, 0, 0, 1_000, 9_000, 500, 100, 80, 10, 1_000, 9_000, 500] {
            row.push_bind(count);
        }
    });
    statement
}
