//! What is specific to PostgreSQL: several processes, schemas of other versions and programs, locks of other
//! sessions, dropped connections, a read-only database.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{BucketId, NodeId, OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::OrgRole;
use bucketry_model::usage::UsageRow;
use bucketry_store::bucket::{BucketInserted, BucketStore, NewBucket};
use bucketry_store::contract::change;
use bucketry_store::lease::{LeaseName, LeaseStore as _};
use bucketry_store::organization::{NewOrganization, OrganizationStore};
use bucketry_store::postgres::{Address, GENERATION_FRESH_FOR, Options, PostgresStore};
use bucketry_store::usage::{BatchCounted, UsageStore};
use bucketry_store::user::NewUser;
use bucketry_store::workspace::NewWorkspace;
use bucketry_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use sqlx::Connection as _;
use sqlx::migrate::Migrator;

use crate::server::{address_of, connect, database, empty_database, open, run};
use crate::{older_listings, older_nodes, older_traffic};

/// The time limit for what must happen eventually.
const PATIENCE: Duration = Duration::from_secs(20);
const LEASE_LASTS: SignedDuration = SignedDuration::from_mins(1);

pub(crate) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn organization() -> NewOrganization {
    NewOrganization {
        id: OrgId::new(now(), [1; 10]),
        name: name("default"),
        bucket_quota: None,
        repo_quota: None,
        owner: NewUser {
            id: UserId::new(now(), [1; 10]),
            email: "owner@example.com".into(),
            first_name: name("Ada"),
            last_name: name("Lovelace"),
            org_role: OrgRole::Owner,
            validated: true,
            password_hash: None,
            must_change_password: false,
        },
        workspace: NewWorkspace { id: WorkspaceId::new(now(), [1; 10]), name: name("default") },
    }
}

pub(crate) fn bucket(number: u8) -> NewBucket {
    NewBucket {
        id: BucketId::new(now(), [number; 10]),
        org_id: organization().id,
        workspace_id: organization().workspace.id,
        name: name(&format!("bucket {number}")),
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".into(),
            key: None,
            endpoint: None,
            region: None,
        },
        secret: None,
        secret_expires_at: None,
        first_report: None,
        pinned_to: bucketry_model::pinning::BucketPins::default(),
    }
}

async fn try_open(address: &str) -> Result<PostgresStore, StoreError> {
    let address: Address = address.parse().unwrap();
    PostgresStore::open(&address, &Options { connections: 2, ..Options::default() }).await
}

async fn schema_error(database: &str) -> String {
    match try_open(&address_of(database)).await {
        Err(error @ (StoreError::Schema(_) | StoreError::Outdated(_))) => error.to_string(),
        other => panic!("expected a schema error, not {other:?}"),
    }
}

fn is_unavailable<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn of_first_starts_at_the_same_time_one_makes_the_schema() {
    let database = empty_database().await;
    let address = address_of(&database);
    let (first, second, third) = tokio::join!(try_open(&address), try_open(&address), try_open(&address));
    for store in [first, second, third] {
        store.unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_migration_is_told() {
    let database = database().await;
    run(&database, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1").await;
    assert!(schema_error(&database).await.contains("another form"));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let one = empty_database().await;
    run(&one, "CREATE TABLE recipes (id BIGINT PRIMARY KEY)").await;
    assert!(schema_error(&one).await.contains("another program"));

    let with_the_same_library = database().await;
    run(&with_the_same_library, "UPDATE _sqlx_migrations SET description = 'recipes' WHERE version = 1")
        .await;
    assert!(schema_error(&with_the_same_library).await.contains("another program"));
}

#[tokio::test]
async fn a_schema_of_its_own_beside_another_program_will_do() {
    let database = empty_database().await;
    run(&database, "CREATE TABLE recipes (id BIGINT PRIMARY KEY); CREATE SCHEMA registry").await;
    let address = format!("{}?options=-csearch_path%3Dregistry", address_of(&database));
    try_open(&address).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_first_start_is_finished_by_the_next() {
    let database = empty_database().await;
    // The furthest that a process can have come before the schema existed.
    run(
        &database,
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
         installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, \
         execution_time BIGINT NOT NULL)",
    )
    .await;
    try_open(&address_of(&database)).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    assert!(is_unavailable(&try_open(&address_of("nowhere")).await));
}

#[tokio::test]
async fn calls_wait_neither_for_a_strangers_lock_nor_for_a_connection_without_end() {
    let database = database().await;
    let hasty = Options {
        connections: 1,
        acquire_timeout: Duration::from_millis(200),
        lock_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let store = open(&database, &hasty).await;
    let mut stranger = connect(&database).await;
    let mut held = stranger.begin().await.unwrap();
    sqlx::query("LOCK TABLE organizations").execute(&mut *held).await.unwrap();

    let (locked_out, without_connection) = tokio::join!(store.organizations(1), async {
        tokio::task::yield_now().await;
        store.organizations(1).await
    });
    assert!(is_unavailable(&locked_out), "{locked_out:?}");
    assert!(is_unavailable(&without_connection), "{without_connection:?}");

    held.rollback().await.unwrap();
    store.organizations(1).await.unwrap();
}

#[tokio::test]
async fn cut_connections_are_replaced() {
    let database = database().await;
    let store = open(&database, &Options { connections: 2, ..Options::default() }).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    run(
        "postgres",
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
    )
    .await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.insert_bucket(&bucket(1), &change(now())).await {
            Ok(inserted) => {
                assert_eq!(inserted, BucketInserted::Inserted);
                break;
            }
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
        assert!(Instant::now() < deadline, "no connection came back");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_write_leaves_nothing_of_it() {
    let database = database().await;
    let store = open(&database, &Options { connections: 2, ..Options::default() }).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let mut stranger = connect(&database).await;
    let mut held = stranger.begin().await.unwrap();
    // The last table that a registration writes. Bucket, name and count are stored by then, but not committed.
    sqlx::query("LOCK TABLE changes").execute(&mut *held).await.unwrap();
    let one = bucket(1);
    let audit = change(now());
    let (inserted, ()) =
        tokio::join!(store.insert_bucket(&one, &audit), cut_when_it_waits(&database, "INSERT INTO changes%"));
    assert!(is_unavailable(&inserted), "{inserted:?}");
    held.rollback().await.unwrap();

    assert!(store.bucket(organization().id, one.id).await.unwrap().is_none());
    let org = store.organization(organization().id).await.unwrap().unwrap();
    assert_eq!(org.bucket_count, 0);
    assert_eq!(store.insert_bucket(&one, &change(now())).await.unwrap(), BucketInserted::Inserted);
}

/// Ends the session whose statement of this form waits for a lock.
async fn cut_when_it_waits(database: &str, statement: &str) {
    let mut connection = connect(database).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
               AND wait_event_type = 'Lock' AND query LIKE $1";
    let deadline = Instant::now() + PATIENCE;
    while sqlx::query(cut).bind(statement).fetch_optional(&mut connection).await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing waits");
    }
}

#[tokio::test]
async fn a_lease_belongs_to_one_process_until_it_expires() {
    let database = database().await;
    let store = open(&database, &Options { connections: 2, ..Options::default() }).await;
    let acquire =
        async |holder| store.acquire_lease(LeaseName::Maintenance, holder, LEASE_LASTS).await.unwrap();
    let first = acquire("a").await.unwrap();
    assert_eq!(acquire("b").await, None);
    assert_eq!(acquire("a").await, Some(first), "its holder renews it");
    run(&database, "UPDATE leases SET expires_at = expires_at - 61000000").await;
    let second = acquire("b").await.unwrap();
    assert!(second.token > first.token);
    assert_eq!(acquire("a").await, None);
    run(&database, "UPDATE leases SET expires_at = expires_at + 3600000000").await;
    assert!(acquire("a").await.unwrap().token > second.token, "the clock of the database was ahead");
}

#[tokio::test]
async fn a_lease_changes_hands_only_after_a_write_that_has_checked_it() {
    let database = database().await;
    let store = Arc::new(open(&database, &Options { connections: 3, ..Options::default() }).await);
    let first = store.acquire_lease(LeaseName::Maintenance, "a", LEASE_LASTS).await.unwrap().unwrap();
    store.release_lease(&first).await.unwrap();
    let mut stranger = connect(&database).await;
    let mut held = stranger.begin().await.unwrap();
    sqlx::query("LOCK TABLE backups").execute(&mut *held).await.unwrap();
    let fenced = store.fenced(&first);
    let write = tokio::spawn(async move { fenced.record_backup(now()).await });
    until_one_waits(&database, "INSERT INTO backups%").await;
    let other = Arc::clone(&store);
    let other =
        tokio::spawn(async move { other.acquire_lease(LeaseName::Maintenance, "b", LEASE_LASTS).await });
    until_one_waits(&database, "INSERT INTO leases%").await;
    held.rollback().await.unwrap();
    write.await.unwrap().unwrap();
    let second = other.await.unwrap().unwrap().unwrap();
    assert!(second.token > first.token);
    let late = store.fenced(&first).record_backup(now()).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(LeaseName::Maintenance))), "{late:?}");
}

/// Returns when a statement of this form waits for a lock.
async fn until_one_waits(database: &str, statement: &str) {
    let mut connection = connect(database).await;
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE $1";
    let deadline = Instant::now() + PATIENCE;
    while sqlx::query(waits).bind(statement).fetch_optional(&mut connection).await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing waits");
    }
}

/// Passes the database to the process of the test below.
const INTERRUPTED_DATABASE: &str = "BUCKETRY_TEST_INTERRUPTED_DATABASE";

#[tokio::test]
#[ignore = "the process that another test kills"]
async fn process_that_opens_a_database() {
    try_open(&address_of(&std::env::var(INTERRUPTED_DATABASE).unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_killed_in_the_middle_of_a_migration_is_followed_by_one_that_finishes_it() {
    let all = Migrator::new(Path::new("migrations/postgres")).await.unwrap();
    let database = empty_database().await;
    let mut stranger = connect(&database).await;
    // A database of the previous version.
    let (_, older) = all.migrations.split_last().unwrap();
    let older = Migrator { migrations: older.to_vec().into(), ..Migrator::DEFAULT };
    older.run(&mut stranger).await.unwrap();
    let mut held = stranger.begin().await.unwrap();
    // Its steps are done, but not yet recorded.
    sqlx::query("LOCK TABLE _sqlx_migrations IN SHARE MODE").execute(&mut *held).await.unwrap();

    let mut process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine::process_that_opens_a_database", "--ignored"])
        .env(INTERRUPTED_DATABASE, &database)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut watching = connect(&database).await;
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE '%_sqlx_migrations%'";
    let deadline = Instant::now() + PATIENCE;
    while sqlx::query(waits).fetch_optional(&mut watching).await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "no migration is under way");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    held.rollback().await.unwrap();

    // The server may notice only now that the process died. The next process waits for its turn.
    try_open(&address_of(&database)).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn traffic_that_an_older_version_counted_is_told_and_goes_on() {
    let all = Migrator::new(Path::new("migrations/postgres")).await.unwrap();
    let database = empty_database().await;
    let mut connection = connect(&database).await;
    let older = all.migrations.iter().filter(|migration| migration.version < 6).cloned().collect();
    Migrator { migrations: older, ..Migrator::DEFAULT }.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    run(&database, &older_traffic::statements(bucket(1).id, organization().id)).await;

    let store = open(&database, &Options::default()).await;
    older_traffic::is_told_and_goes_on(&store, &bucket(1)).await;
}

#[tokio::test]
async fn what_an_older_version_stored_is_found_after_an_upgrade() {
    let database = database().await;
    let organization = organization();
    let store = open(&database, &Options::default()).await;
    store.insert_organization(&organization, &change(now())).await.unwrap();
    for number in 1..=9 {
        store.insert_bucket(&bucket(number), &change(now())).await.unwrap();
    }
    older_listings::add_repository(&store, organization.id, organization.workspace.id).await;
    let before = older_listings::counts(&store, organization.id, "bucket 7").await;
    store.close().await;
    run(&database, &older_listings::undo(16)).await;
    let store = open(&database, &Options::default()).await;
    assert_eq!(older_listings::counts(&store, organization.id, "bucket 7").await, before);
    assert_eq!(before, [9, 0, 1, 1]);
}

#[tokio::test]
async fn a_node_that_exists_at_an_upgrade_continues_to_get_secrets() {
    let database = database().await;
    let store = open(&database, &Options::default()).await;
    older_nodes::add(&store).await;
    store.close().await;
    run(&database, &older_nodes::undo(34)).await;
    older_nodes::are_approved(&open(&database, &Options::default()).await).await;
}

#[tokio::test]
async fn traffic_is_added_while_old_minutes_are_removed() {
    let database = database().await;
    let hasty = Options { lock_timeout: Duration::from_millis(200), ..Options::default() };
    let store = open(&database, &hasty).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let one = bucket(1);
    store.insert_bucket(&one, &change(now())).await.unwrap();
    let node = NodeId::new(now(), [1; 10]);
    let batch = |number, minute| {
        let row = UsageRow { requests: 1, ..UsageRow::empty(minute, one.id, None) };
        UsageBatch { spool: "spool-1".to_owned(), number, rows: vec![row] }
    };
    store.add_usage(node, None, &batch(1, 60), now()).await.unwrap();

    let mut remover = connect(&database).await;
    let mut removing = remover.begin().await.unwrap();
    let removed = sqlx::query("DELETE FROM usage_minutes WHERE minute < 3600").execute(&mut *removing).await;
    assert_eq!(removed.unwrap().rows_affected(), 1);
    let counted = store.add_usage(node, None, &batch(2, 7_200), now()).await.unwrap();
    assert_eq!(counted, BatchCounted::Counted);
    removing.commit().await.unwrap();
    assert_eq!(store.usage_totals_of(&[one.id]).await.unwrap()[0].1.requests, 2);
}

/// Waits until this many transactions wait for locks.
async fn are_waiting(database: &str, count: i64) {
    let mut watching = connect(database).await;
    let begun = Instant::now();
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watching).await.unwrap() < count {
        assert!(begun.elapsed() < PATIENCE, "nobody waits");
    }
}

#[tokio::test]
async fn a_day_that_one_spool_adds_to_while_another_ends_it_is_whole() {
    let database = database().await;
    let store = open(&database, &Options { connections: 4, ..Options::default() }).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let bucket = bucket(1);
    store.insert_bucket(&bucket, &change(now())).await.unwrap();
    let node = NodeId::new(now(), [1; 10]);
    let batch = |spool: &str, minute, requests| {
        let row = UsageRow { requests, ..UsageRow::empty(minute, bucket.id, None) };
        UsageBatch { spool: spool.to_owned(), number: 1, rows: vec![row] }
    };
    store.add_usage(node, None, &batch("spool-0", 60, 1), now()).await.unwrap();

    // Delays the first report after it has added to the day and before it writes its minute.
    let mut stranger = connect(&database).await;
    let mut holding = stranger.begin().await.unwrap();
    let minute = "INSERT INTO usage_minutes SELECT org_number, 120, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
                  FROM usage_series";
    sqlx::query(minute).execute(&mut *holding).await.unwrap();
    let (adding, ending) = (batch("spool-1", 120, 10), batch("spool-2", 86_400, 100));
    let add = store.add_usage(node, None, &adding, now());
    let end = async {
        are_waiting(&database, 1).await;
        store.add_usage(node, None, &ending, now()).await
    };
    let let_go = async {
        are_waiting(&database, 2).await;
        holding.rollback().await.unwrap();
    };
    let (added, ended, ()) = tokio::join!(add, end, let_go);
    assert_eq!([added.unwrap(), ended.unwrap()], [BatchCounted::Counted; 2]);
    let days = "SELECT requests FROM usage_days UNION ALL SELECT requests FROM usage_series ORDER BY 1";
    let mut connection = connect(&database).await;
    let response: Vec<i64> = sqlx::query_scalar(days).fetch_all(&mut connection).await.unwrap();
    assert_eq!(response, [11, 100]);
}

#[tokio::test]
async fn two_spools_of_one_node_at_once_are_both_counted_in_the_end() {
    let database = database().await;
    let store = open(&database, &Options { connections: 4, ..Options::default() }).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let buckets: Vec<NewBucket> = (1..=5).map(bucket).collect();
    for bucket in &buckets {
        store.insert_bucket(bucket, &change(now())).await.unwrap();
    }
    let rows = |minute| -> Vec<UsageRow> {
        buckets.iter().map(|one| UsageRow { requests: 1, ..UsageRow::empty(minute, one.id, None) }).collect()
    };
    let node = NodeId::new(now(), [1; 10]);
    let batch = |spool: &str, rows| UsageBatch { spool: spool.to_owned(), number: 1, rows };
    store.add_usage(node, None, &batch("spool-0", rows(60)), now()).await.unwrap();

    // Both have read the same rows of series before either can change one: of another day, and of the same minute.
    let mut stranger = connect(&database).await;
    let mut holding = stranger.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM usage_series FOR UPDATE").execute(&mut *holding).await.unwrap();
    let let_go = async {
        are_waiting(&database, 2).await;
        holding.commit().await.unwrap();
    };
    let [one, other] = ["spool-1", "spool-2"].map(|spool| batch(spool, rows(86_400)));
    let (first, second, ()) = tokio::join!(
        store.add_usage(node, None, &one, now()),
        store.add_usage(node, None, &other, now()),
        let_go
    );
    for (outcome, batch) in [(first, one), (second, other)] {
        // As a node does when it is told to try again.
        let counted = match outcome {
            Err(StoreError::Unavailable(_)) => store.add_usage(node, None, &batch, now()).await.unwrap(),
            outcome => outcome.unwrap(),
        };
        assert_eq!(counted, BatchCounted::Counted);
    }
    let ids: Vec<BucketId> = buckets.iter().map(|bucket| bucket.id).collect();
    let response = store.usage_totals_of(&ids).await.unwrap();
    assert!(response.iter().all(|(_, totals)| totals.requests == 3), "{response:?}");
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told() {
    let database = database().await;
    run("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    let opened = try_open(&address_of(&database)).await;
    assert!(matches!(opened, Err(StoreError::ReadOnly(_))), "{opened:?}");
}

#[tokio::test]
async fn a_dropped_table_is_a_matter_of_the_schema() {
    let database = database().await;
    let store = open(&database, &Options::default()).await;
    run(&database, "DROP TABLE usage_series").await;
    let response = store.bucket(organization().id, bucket(1).id).await;
    assert!(response.is_ok());
    run(&database, "DROP TABLE buckets CASCADE").await;
    let response = store.bucket(organization().id, bucket(1).id).await;
    assert!(matches!(response, Err(StoreError::Schema(_))), "{response:?}");
}

#[tokio::test]
async fn what_another_process_changes_is_noticed_soon_and_own_changes_at_once() {
    let database = database().await;
    let (here, there) =
        (open(&database, &Options::default()).await, open(&database, &Options::default()).await);
    here.insert_organization(&organization(), &change(now())).await.unwrap();
    let org = organization().id;

    let before = here.bucket_generation(org).await.unwrap();
    here.insert_bucket(&bucket(1), &change(now())).await.unwrap();
    let own = here.bucket_generation(org).await.unwrap();
    assert_ne!(own, before);

    // Until both processes agree, numbers may still change.
    tokio::time::sleep(GENERATION_FRESH_FOR).await;
    let settled = here.bucket_generation(org).await.unwrap();
    there.insert_bucket(&bucket(2), &change(now())).await.unwrap();
    let deadline = Instant::now() + GENERATION_FRESH_FOR + PATIENCE;
    while here.bucket_generation(org).await.unwrap() == settled {
        assert!(Instant::now() < deadline, "the change of the other process stays unseen");
        tokio::task::yield_now().await;
    }
}
