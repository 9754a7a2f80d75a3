//! What is specific to SQLite: the data directory, its lock and modes, schemas of other versions, backups, a full
//! disk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sqlite/backup.rs"]
mod backup;
#[path = "shared/backups.rs"]
mod backups;
#[path = "shared/newer_schema.rs"]
mod newer_schema;
#[path = "shared/older_listings.rs"]
mod older_listings;
#[path = "shared/older_nodes.rs"]
mod older_nodes;
#[path = "shared/older_traffic.rs"]
mod older_traffic;

#[path = "sqlite/unknown_values.rs"]
mod unknown_values;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{BucketId, OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::OrgRole;
use bucketry_model::secret::SealedSecret;
use bucketry_store::bucket::{BucketDeleted, BucketInserted, BucketStore, NewBucket, StoredSecret};
use bucketry_store::contract::change;
use bucketry_store::organization::{NewOrganization, OrganizationStore};
use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use bucketry_store::user::NewUser;
use bucketry_store::vault::VaultStore;
use bucketry_store::workspace::NewWorkspace;
use bucketry_store::{Store, StoreError};
use jiff::Timestamp;
use newer_schema::{BREAK, names_the_remedy, two_compatible_migrations};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn quick() -> Options {
    Options { durable: false, ..Options::default() }
}

async fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, quick()).await.unwrap()
}

fn organization() -> NewOrganization {
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

fn bucket(number: u16, sealed: &str) -> NewBucket {
    let mut random = [0; 10];
    random[8..].copy_from_slice(&number.to_be_bytes());
    NewBucket {
        id: BucketId::new(now(), random),
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
        secret: Some(StoredSecret { sealed: SealedSecret::from_text(sealed), sealed_to: "r".into() }),
        secret_expires_at: None,
        first_report: None,
        pinned_to: bucketry_model::pinning::BucketPins::default(),
    }
}

/// A store with an organization and one bucket.
async fn furnished(directory: &Path) -> SqliteStore {
    let store = open(directory).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    store.insert_bucket(&bucket(0, "sealed"), &change(now())).await.unwrap();
    store
}

async fn run(directory: &Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.join(DATABASE_FILE))
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn schema_error(directory: &Path) -> String {
    match SqliteStore::open(directory, quick()).await {
        Err(error @ (StoreError::Schema(_) | StoreError::Outdated(_))) => error.to_string(),
        other => panic!("expected a schema error, not {other:?}"),
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    store.check().await.unwrap();
    // Without closing it, as when the process is killed.
    drop(store);
    let store = open(directory.path()).await;
    let found = store.bucket(organization().id, bucket(0, "").id).await.unwrap().unwrap();
    assert_eq!(found.secret, Some(SealedSecret::from_text("sealed")));
    store.close().await;
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_process() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let second = SqliteStore::open(directory.path(), quick()).await;
    assert!(matches!(second, Err(StoreError::InUse)));
    drop(store);
    open(directory.path()).await;
}

#[tokio::test]
async fn nobody_but_the_owner_reads_the_data() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("data");
    let store = furnished(&directory).await;
    assert_eq!(mode(&directory), 0o700);
    for file in fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    store.close().await;
}

#[tokio::test]
async fn a_newer_schema_that_this_version_can_work_with_is_used_but_not_moved() {
    let directory = TempDir::new().unwrap();
    furnished(directory.path()).await.close().await;
    run(directory.path(), &two_compatible_migrations("x'00'")).await;
    let store = open(directory.path()).await;
    store.check().await.unwrap();
    store.insert_bucket(&bucket(7, "x"), &change(now())).await.unwrap();
    store.close().await;
    drop(store);
    SqliteStore::open_to_read(directory.path()).await.unwrap().check().await.unwrap();
    let refused = SqliteStore::open_to_move(directory.path(), quick()).await.unwrap_err().to_string();
    assert!(refused.contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_newer_schema_that_breaks_this_version_is_left_alone() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).await.close().await;
    run(directory.path(), &two_compatible_migrations("x'00'")).await;
    run(directory.path(), BREAK).await;
    let response = schema_error(directory.path()).await;
    assert!(names_the_remedy(&response), "{response}");
}

#[tokio::test]
async fn traffic_that_an_older_version_counted_is_told_and_goes_on() {
    let all = Migrator::new(Path::new("migrations/sqlite")).await.unwrap();
    let directory = TempDir::new().unwrap();
    run(directory.path(), "PRAGMA application_id = 0x424b5452").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(DATABASE_FILE));
    let mut connection = options.connect().await.unwrap();
    let older = all.migrations.iter().filter(|migration| migration.version < 5).cloned().collect();
    Migrator { migrations: older, ..Migrator::DEFAULT }.run(&mut connection).await.unwrap();
    let statements = older_traffic::statements(bucket(1, "").id, organization().id);
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    older_traffic::is_told_and_goes_on(&open(directory.path()).await, &bucket(1, "")).await;
}

#[tokio::test]
async fn what_an_older_version_stored_is_found_after_an_upgrade() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    // More than one slice.
    for number in 2..=501 {
        store.insert_bucket(&bucket(number, "x"), &change(now())).await.unwrap();
    }
    let organization = organization();
    older_listings::add_repository(&store, organization.id, organization.workspace.id).await;
    let before = older_listings::counts(&store, organization.id, "bucket 7").await;
    store.close().await;
    drop(store);
    run(directory.path(), &older_listings::undo(15)).await;
    let store = open(directory.path()).await;
    assert_eq!(older_listings::counts(&store, organization.id, "bucket 7").await, before);
    assert_eq!(before, [501, 0, 11, 1]);
    store.close().await;
    drop(store);
    // Nothing is left to do, and a later start doesn't begin again.
    run(directory.path(), "DELETE FROM search_words").await;
    assert_eq!(older_listings::counts(&open(directory.path()).await, organization.id, "bucket").await[2], 0);
}

#[tokio::test]
async fn a_node_that_exists_at_an_upgrade_continues_to_get_secrets() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    older_nodes::add(&store).await;
    store.close().await;
    drop(store);
    run(directory.path(), &older_nodes::undo(33)).await;
    older_nodes::are_approved(&open(directory.path()).await).await;
}

#[tokio::test]
async fn a_changed_migration_is_told() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).await.close().await;
    run(directory.path(), "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    assert!(schema_error(directory.path()).await.contains("another form"));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let directory = TempDir::new().unwrap();
    run(directory.path(), "CREATE TABLE recipes (id INTEGER PRIMARY KEY)").await;
    assert!(schema_error(directory.path()).await.contains("another program"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join(DATABASE_FILE), "This is not a database.".repeat(100)).unwrap();
    let opened = SqliteStore::open(directory.path(), quick()).await;
    assert!(matches!(opened, Err(StoreError::Damaged(_))), "{opened:?}");
}

#[tokio::test]
async fn an_interrupted_first_start_is_finished_by_the_next() {
    let directory = TempDir::new().unwrap();
    // The furthest that a process can have come before the schema existed.
    run(
        directory.path(),
        "PRAGMA application_id = 0x424b5452; CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, \
         description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .await;
    furnished(directory.path()).await.check().await.unwrap();
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_told_by_its_column() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    run(directory.path(), "UPDATE buckets SET storage_type = 'hunter2'").await;
    let response = store.bucket(organization().id, bucket(0, "").id).await.unwrap_err();
    assert!(
        matches!(&response, StoreError::Damaged(column) if column == "column storage_type"),
        "{response:?}"
    );
}

#[tokio::test]
async fn a_destroyed_secret_is_not_left_in_the_files() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    let sealed = "unmistakable ".repeat(1_000);
    store.insert_bucket(&bucket(1, &sealed), &change(now())).await.unwrap();
    store.delete_bucket(organization().id, bucket(1, "").id, &change(now())).await.unwrap();
    store.close().await;
    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"unmistakable"), "{}", path.display());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_does_no_harm() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    store.close().await;
    drop(store);
    let size = fs::metadata(directory.path().join(DATABASE_FILE)).unwrap().len();
    let pages = u32::try_from(size / 4_096 + 20).unwrap();
    let options = Options { max_pages: Some(pages), ..quick() };
    let store = SqliteStore::open(directory.path(), options).await.unwrap();
    let large = "x".repeat(8_000);
    let mut stored = 0;
    let error = loop {
        match store.insert_bucket(&bucket(stored + 1, &large), &change(now())).await {
            Ok(inserted) => assert_eq!(inserted, BucketInserted::Inserted),
            Err(error) => break error,
        }
        stored += 1;
    };
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert!((1..40).contains(&stored));
    // Reads continue, and return what was stored before.
    assert_eq!(store.count_secrets().await.unwrap(), u64::from(stored) + 1);
    let counted = store.organization(organization().id).await.unwrap().unwrap().bucket_count;
    assert_eq!(counted, u64::from(stored) + 1);
    // SQLite has rolled back the transaction itself, and the next one must be able to begin.
    for _ in 0..2 {
        let refused = store.insert_bucket(&bucket(stored + 1, &large), &change(now())).await.unwrap_err();
        assert!(matches!(refused, StoreError::DiskFull(_)), "{refused:?}");
    }
    assert_eq!(
        store.delete_bucket(organization().id, bucket(stored, "").id, &change(now())).await.unwrap(),
        BucketDeleted::Deleted
    );
    let inserted = store.insert_bucket(&bucket(999, &large), &change(now())).await.unwrap();
    assert_eq!(inserted, BucketInserted::Inserted, "there is room again");
    drop(store);

    let store = open(directory.path()).await;
    let inserted = store.insert_bucket(&bucket(stored + 1, &large), &change(now())).await.unwrap();
    assert_eq!(inserted, BucketInserted::Inserted);
    store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(DATABASE_FILE));
    let mut connection = options.connect().await.unwrap();
    let response: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(response, "ok");
}

#[tokio::test]
async fn a_database_locked_by_a_stranger_is_unavailable() {
    let directory = TempDir::new().unwrap();
    let options = Options { busy_timeout: std::time::Duration::ZERO, ..quick() };
    let store = SqliteStore::open(directory.path(), options).await.unwrap();
    let stranger = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(DATABASE_FILE));
    let mut stranger = stranger.connect().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut stranger).await.unwrap();
    let error = store.insert_organization(&organization(), &change(now())).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut stranger).await.unwrap();
    store.insert_organization(&organization(), &change(now())).await.unwrap();
}

#[tokio::test]
async fn a_change_whose_record_cant_be_stored_is_refused_and_reads_continue() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let file = directory.path().join(DATABASE_FILE);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END";
    sqlx::query(full).execute(&mut connection).await.unwrap();

    let new = bucket(7, "sealed");
    let refused = store.insert_bucket(&new, &change(now())).await;
    assert!(matches!(refused, Err(StoreError::Audit(_))), "{refused:?}");
    assert!(store.bucket(organization().id, new.id).await.unwrap().is_none());
    let stored = store.organization(organization().id).await.unwrap().unwrap();
    assert_eq!(stored.bucket_count, 0, "nothing of the change is stored");

    sqlx::query("DROP TRIGGER full").execute(&mut connection).await.unwrap();
    assert_eq!(store.insert_bucket(&new, &change(now())).await.unwrap(), BucketInserted::Inserted);
}
