//! Backups of a data directory, and restores into one.

use std::fs;
use std::path::{Path, PathBuf};

use bucketry_store::Store as _;
use bucketry_store::StoreError;
use bucketry_store::backup::{
    BackupError, BackupHeader, BackupPace, BackupWriter, RestoreTarget as _, tables_of,
};
use bucketry_store::bucket::BucketStore as _;
use bucketry_store::contract::change;
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteRestore};
use bucketry_store::transfer::{Target as _, UnfinishedTransfer};
use bucketry_store::vault::VaultStore as _;
use sqlx::ConnectOptions as _;
use sqlx::migrate::Migrator;
use tempfile::TempDir;

use crate::backups::{back_up, checked, contents, restore};
use crate::{bucket, furnished, mode, now, open, organization, run};

const SEALED: &str = "-----BEGIN AGE ENCRYPTED FILE-----\nxyz";

/// A directory with a registry, and the path of a backup of it.
async fn backed_up() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    store.insert_bucket(&bucket(1, SEALED), &change(now())).await.unwrap();
    store.close().await;
    let to = directory.path().join("backup");
    back_up(sqlite::source(directory.path()).await.unwrap(), &to).await.unwrap();
    (directory, to)
}

async fn restored(backup: &Path) -> TempDir {
    let checked = checked(backup).await.unwrap();
    let directory = TempDir::new().unwrap();
    let target = SqliteRestore::create(directory.path(), &checked.registry.migrations).await.unwrap();
    restore(checked, &target).await;
    directory
}

async fn refused(backup: &Path) -> String {
    let error = checked(backup).await.map(|_| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&backup.display().to_string()), "the file is named: {text}");
    text
}

#[tokio::test]
async fn a_restored_registry_has_every_row_and_goes_on() {
    let (directory, backup) = backed_up().await;
    let restored = restored(&backup).await;
    let (before, after) = (open(directory.path()).await, open(restored.path()).await);
    let tables = before.tables().await.unwrap();
    assert_eq!(contents(&after, &tables).await, contents(&before, &tables).await);
    assert_eq!(after.unfinished_transfer().await.unwrap(), None);
    after.insert_bucket(&bucket(2, "later"), &change(now())).await.unwrap();
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(mode(&restored.path().join(DATABASE_FILE)), 0o600);
}

#[tokio::test]
async fn a_backup_of_a_store_in_use_shows_one_moment_and_blocks_no_writer() {
    let directory = TempDir::new().unwrap();
    let store = furnished(directory.path()).await;
    let mut source = sqlite::source(directory.path()).await.unwrap();
    let to = directory.path().join("backup");
    let header = BackupHeader::new(now(), "id".to_owned());
    let mut writer = BackupWriter::create(&to, &header, BackupPace::Gentle).await.unwrap();
    let migrations = source.begin().await.unwrap();
    // The snapshot is open.
    store.insert_bucket(&bucket(1, "later"), &change(now())).await.unwrap();
    writer.registry(&mut *source, migrations, None).await.unwrap();
    assert!(!to.exists(), "an incomplete backup doesn't have its name");
    let written = writer.finish().await.unwrap();
    assert_eq!(written.bytes, fs::metadata(&to).unwrap().len());
    // The directory must outlive the store, which opens further connections.
    let there = restored(&to).await;
    let copy = open(there.path()).await;
    assert_eq!(copy.count_secrets().await.unwrap(), 1);
    // A snapshot that is begun again shows the present.
    let migrations = source.begin().await.unwrap();
    let again = directory.path().join("again");
    let mut writer = BackupWriter::create(&again, &header, BackupPace::Full).await.unwrap();
    writer.registry(&mut *source, migrations, None).await.unwrap();
    writer.finish().await.unwrap();
    let there = restored(&again).await;
    assert_eq!(open(there.path()).await.count_secrets().await.unwrap(), 2);
}

#[tokio::test]
async fn a_backup_never_takes_the_place_of_a_file_and_leaves_nothing_incomplete() {
    let (directory, _) = backed_up().await;
    let dir = directory.path();
    let source = async || sqlite::source(dir).await.unwrap();
    let precious = dir.join("precious");
    fs::write(&precious, "precious").unwrap();
    let error = back_up(source().await, &precious).await.unwrap_err();
    assert!(matches!(&error, BackupError::Exists(path) if *path == precious), "{error:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    let nowhere = dir.join("missing").join("backup");
    let error = back_up(source().await, &nowhere).await.unwrap_err();
    assert!(error.to_string().contains("missing/backup"), "{error}");

    let to = dir.join("given-up");
    let header = BackupHeader::new(now(), "id".to_owned());
    let writer = BackupWriter::create(&to, &header, BackupPace::Full).await.unwrap();
    let names = || fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(names().iter().any(|name| name.to_string_lossy().ends_with(".partial")));
    drop(writer);
    assert!(!names().iter().any(|name| name.to_string_lossy().contains("given-up")), "{:?}", names());
}

#[tokio::test]
async fn an_incomplete_backup_is_refused_wherever_it_ends() {
    let (directory, backup) = backed_up().await;
    let whole = fs::read(&backup).unwrap();
    let part = directory.path().join("part");
    let lines = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let mut ends: Vec<usize> = lines.flat_map(|end| [end - 1, end]).collect();
    ends.extend((0..whole.len()).step_by(997));
    for end in ends.into_iter().filter(|end| *end < whole.len()) {
        fs::write(&part, &whole[..end]).unwrap();
        let text = refused(&part).await;
        assert!(text.contains("is incomplete") || text.contains("is not a backup"), "{end}: {text}");
        assert!(end < 20 || text.contains("is incomplete"), "{end}: {text}");
    }
}

#[tokio::test]
async fn an_altered_backup_is_refused_whichever_byte_it_is() {
    let (directory, backup) = backed_up().await;
    let whole = fs::read(&backup).unwrap();
    let altered = directory.path().join("altered");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    // Every byte of the last line, which the checksum doesn't cover, and a sample of all others.
    let places = (0..last).step_by(401).chain(last..whole.len());
    for at in places {
        for change in [1, 0x20] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fs::write(&altered, bytes).unwrap();
            refused(&altered).await;
        }
    }
    let mut longer = whole.clone();
    longer.extend_from_slice(b"{}\n");
    fs::write(&altered, longer).unwrap();
    assert!(refused(&altered).await.contains("something follows the end"));
    // A line less, as a text editor would do it.
    let text = String::from_utf8(whole).unwrap();
    let row = text.lines().find(|line| line.starts_with('[')).unwrap();
    fs::write(&altered, text.replacen(&format!("{row}\n"), "", 1)).unwrap();
    assert!(refused(&altered).await.contains("checksum"));
}

#[tokio::test]
async fn what_is_no_backup_is_told() {
    let (directory, _) = backed_up().await;
    let other = directory.path().join("other");
    for content in ["", "\n", "{}\n", "hello", "{\"backup\":7}\n", "{\"backup\":{\"format\":\"1\"}}\n"] {
        fs::write(&other, content).unwrap();
        assert!(refused(&other).await.contains("is not a backup"), "{content}");
    }
    assert!(refused(&directory.path().join(DATABASE_FILE)).await.contains("is not a backup"));
    assert!(refused(&directory.path().join("missing")).await.contains("can't read"));
}

#[tokio::test]
async fn a_backup_of_a_newer_version_is_refused() {
    let (directory, backup) = backed_up().await;
    let text = fs::read_to_string(&backup).unwrap();
    let newer = directory.path().join("newer");
    fs::write(&newer, text.replacen("\"format\":1", "\"format\":2,\"new\":true", 1)).unwrap();
    let response = refused(&newer).await;
    assert!(response.contains("newer version of Bucketry (format 2"), "{response}");
    fs::write(&newer, text.replacen("\"first light\"", "\"first light\",\"from the future\"", 1)).unwrap();
    let response = refused(&newer).await;
    assert!(response.contains("newer version") && response.contains("from the future"), "{response}");
}

#[tokio::test]
async fn a_registry_of_a_newer_version_is_backed_up_with_that_version() {
    let (directory, _) = backed_up().await;
    run(
        directory.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'from the future', TRUE, x'00', 1)",
    )
    .await;
    let source = sqlite::source(directory.path()).await.unwrap();
    let error = back_up(source, &directory.path().join("newer")).await.unwrap_err();
    assert!(
        matches!(&error, BackupError::NewerRegistry(name) if name.contains("from the future")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_upgraded_when_it_is_restored() {
    let directory = TempDir::new().unwrap();
    run(directory.path(), "PRAGMA application_id = 0x424b5452").await;
    let all = Migrator::new(Path::new("migrations/sqlite")).await.unwrap();
    let older: Vec<_> = all.migrations.iter().filter(|migration| migration.version < 12).cloned().collect();
    let descriptions: Vec<String> = older.iter().map(|one| one.description.to_string()).collect();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(DATABASE_FILE));
    let mut connection = options.connect().await.unwrap();
    Migrator { migrations: older.into(), ..Migrator::DEFAULT }.run(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let org = organization();
    run(
        directory.path(),
        &format!(
            "INSERT INTO organizations (id, name, bucket_count, created_at) VALUES ('{}', 'default', 0, 0);",
            org.id
        ),
    )
    .await;
    let backup = directory.path().join("backup");
    back_up(sqlite::source(directory.path()).await.unwrap(), &backup).await.unwrap();
    assert_eq!(checked(&backup).await.unwrap().registry.migrations, descriptions);
    let restored = restored(&backup).await;
    let store = open(restored.path()).await;
    assert_eq!(store.organization(org.id).await.unwrap().unwrap().name.as_str(), "default");
}

#[tokio::test]
async fn an_interrupted_restore_begins_again_and_no_other_registry_is_touched() {
    let (directory, backup) = backed_up().await;
    let checked_once = checked(&backup).await.unwrap();
    let restored = TempDir::new().unwrap();
    let target = SqliteRestore::create(restored.path(), &checked_once.registry.migrations).await.unwrap();
    assert!(target.target().begin_restore(checked_once.tables()).await.unwrap());
    let tables = checked_once.tables().to_vec();
    bucketry_store::backup::load(checked_once, target.target(), |_, _| Ok(()), |_| ()).await.unwrap();
    assert_eq!(target.target().unfinished_transfer().await.unwrap(), Some(UnfinishedTransfer::Restore));
    assert!(!target.target().begin_transfer(&tables).await.unwrap(), "a migration doesn't continue it");
    // It was killed here.
    restore(checked(&backup).await.unwrap(), &target).await;
    drop(target);
    let (before, after) = (open(directory.path()).await, open(restored.path()).await);
    assert_eq!(contents(&after, &tables).await, contents(&before, &tables).await);
    assert!(!after.begin_restore(&tables).await.unwrap(), "it is a registry now");
}

#[tokio::test]
async fn an_unfinished_registry_is_not_backed_up() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let tables = store.tables().await.unwrap();
    assert!(store.begin_transfer(&tables).await.unwrap());
    let to = directory.path().join("backup");
    let error = back_up(sqlite::source(directory.path()).await.unwrap(), &to).await.unwrap_err();
    assert!(matches!(error, BackupError::Unfinished) && !to.exists(), "{error:?}");
}

#[tokio::test]
async fn a_directory_without_a_registry_is_told_with_its_path() {
    let directory = TempDir::new().unwrap();
    let error = sqlite::source(directory.path()).await.map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, StoreError::Directory { path, .. } if path.ends_with(DATABASE_FILE)),
        "{error:?}"
    );
    let error = sqlite::record_backup(directory.path(), now()).await.unwrap_err();
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
    // A file that is none.
    fs::write(directory.path().join(DATABASE_FILE), "").unwrap();
    let source = sqlite::source(directory.path()).await.unwrap();
    let error = back_up(source, &directory.path().join("backup")).await.unwrap_err();
    assert!(error.to_string().contains("no registry"), "{error}");
}

#[tokio::test]
async fn samples_of_sealed_secrets_are_found_by_their_recipients() {
    let (_directory, backup) = backed_up().await;
    let checked = checked(&backup).await.unwrap();
    let found: Vec<(u64, &str)> =
        checked.secrets.iter().map(|sample| (sample.count, sample.sealed.as_str())).collect();
    assert_eq!(found, [(1, SEALED)], "the other bucket's text isn't a sealed secret");
    assert!(checked.rows > 5 && checked.keys.is_none() && checked.spool.is_empty());
    let expected = tables_of(&checked.registry.migrations).await.unwrap().unwrap();
    assert_eq!(checked.tables(), expected);
}
