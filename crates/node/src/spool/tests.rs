//! The spool through crashes, full disks and restored control planes.

use std::fs::OpenOptions;
use std::io::Write as _;

use bucketry_model::id::BucketId;
use jiff::Timestamp;

use super::*;

const ROOM: u64 = 1 << 30;

fn row(requests: u32) -> UsageRow {
    UsageRow {
        minute: 60,
        bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]),
        repo_id: None,
        requests,
        errors: 0,
        upload_bytes: 1,
        download_bytes: 2,
        size_change: -3,
        latency_sum_ms: 4,

        ..UsageRow::empty(60, BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]), None)
    }
}

/// Opens a spool as a node does at its start.
fn open(directory: &Path) -> Spool {
    Spool::open(directory, ROOM, &uuid::Uuid::new_v4().to_string()).unwrap()
}

fn open_named(directory: &Path, name: &str) -> Spool {
    Spool::open(directory, ROOM, name).unwrap()
}

/// The numbers and requests of all waiting batches. Acknowledges them one by one.
fn drain(spool: &mut Spool) -> Vec<(u64, u32)> {
    let mut response = vec![];
    while let Some(batch) = spool.oldest().unwrap() {
        response.push((batch.number, batch.rows.iter().map(|row| row.requests).sum()));
        spool.acknowledge(batch.number).unwrap();
    }
    response
}

fn newest_file(directory: &Path) -> PathBuf {
    Segment::find(directory).unwrap().pop().unwrap().1
}

/// Changes the last letter of a text in the newest file.
fn damage(directory: &Path, text: &str) {
    let path = newest_file(directory);
    let mut bytes = std::fs::read(&path).unwrap();
    let begin = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[begin + text.len() - 1] = b'7';
    OpenOptions::new().write(true).open(&path).unwrap().write_all(&bytes).unwrap();
}

#[test]
fn batches_are_numbered_and_stay_until_they_are_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_named(directory.path(), "first");
    assert!(spool.oldest().unwrap().is_none());
    spool.append(&[row(1), row(2)]).unwrap();
    spool.append(&[row(3)]).unwrap();
    let first = spool.oldest().unwrap().unwrap();
    assert_eq!((first.spool.as_str(), first.number, first.rows), ("first", 1, vec![row(1), row(2)]));
    assert_eq!(spool.oldest().unwrap().unwrap().number, 1);
    assert_eq!(drain(&mut spool), [(1, 3), (2, 3)]);
}

#[test]
fn a_crash_at_any_byte_of_a_write_loses_that_write_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[row(1)]).unwrap();
    let before = std::fs::metadata(newest_file(directory.path())).unwrap().len();
    spool.append(&[row(2)]).unwrap();
    drop(spool);
    let whole = std::fs::read(newest_file(directory.path())).unwrap();

    let before = usize::try_from(before).unwrap();
    for end in before..whole.len() {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("usage-000000000001.log"), &whole[..end]).unwrap();
        let mut spool = open(copy.path());
        assert_eq!(spool.waiting(), 1, "cut at {end}");
        spool.append(&[row(9)]).unwrap();
        drop(spool);
        assert_eq!(drain(&mut open(copy.path())), [(1, 1), (1, 9)], "cut at {end}");
    }
}

#[test]
fn a_batch_that_was_sent_before_a_crash_is_sent_again_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[row(1)]).unwrap();
    let sent = spool.oldest().unwrap().unwrap();
    drop(spool);
    let mut spool = Spool::open(directory.path(), ROOM, "another name").unwrap();
    spool.append(&[row(2)]).unwrap();
    assert_eq!(spool.oldest().unwrap().unwrap(), sent);
}

#[test]
fn what_was_acknowledged_is_not_told_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&[row(1)]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 1)]);
    drop(spool);
    let mut spool = open(directory.path());
    assert_eq!(spool.waiting(), 0, "the acknowledgement is remembered");
    spool.append(&[row(2)]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 2)]);
}

#[test]
fn many_rows_become_several_batches_that_fit_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let mut largest = row(u32::MAX);
    largest.minute = 253_402_300_740;
    largest.repo_id = Some("0197a3b0-0000-7000-8000-0000000000bb".parse().unwrap());
    largest.errors = u32::MAX;
    largest.upload_bytes = 1 << 50;
    largest.download_bytes = 1 << 50;
    largest.size_change = -(1 << 50);
    largest.latency_sum_ms = 1 << 50;
    spool.append(&vec![largest; 5_000]).unwrap();
    assert_eq!(spool.waiting(), 5_000_usize.div_ceil(ROWS_OF_A_BATCH));
    let text = serde_json::to_string(&spool.oldest().unwrap().unwrap()).unwrap();
    assert!(text.len() < 1 << 20, "{} bytes", text.len());
}

#[test]
fn acknowledged_batches_give_their_room_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let rows = vec![row(1); 2_000];
    for _ in 0..40 {
        spool.append(&rows).unwrap();
        assert_eq!(spool.oldest().unwrap().unwrap().rows.len(), 2_000);
        let number = spool.oldest().unwrap().unwrap().number;
        spool.acknowledge(number).unwrap();
        assert!(spool.bytes() < 2 * SEGMENT_BYTES);
    }
    drop(spool);
    let mut spool = open(directory.path());
    spool.append(&[row(1)]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 1)]);
}

#[test]
fn a_full_spool_refuses_and_takes_again_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), 1_000, "first").unwrap();
    spool.append(&[row(1)]).unwrap();
    spool.append(&[row(2)]).unwrap();
    assert!(matches!(spool.append(&[row(3), row(3)]), Err(SpoolError::Full)));
    assert_eq!(drain(&mut spool), [(1, 1), (2, 2)]);
}

#[test]
fn a_second_node_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let second = Spool::open(directory.path(), ROOM, "second");
    assert!(matches!(second, Err(SpoolError::InUse(_))));
    drop(first);
    assert!(Spool::open(directory.path(), ROOM, "second").is_ok());
}

#[test]
fn starting_over_keeps_what_waits_under_new_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    (1..=3).for_each(|n| spool.append(&[row(n)]).unwrap());
    spool.acknowledge(1).unwrap();
    let old = std::fs::read(newest_file(directory.path())).unwrap();
    spool.start_over("second").unwrap();
    assert_eq!(spool.oldest().unwrap().unwrap().spool, "second");
    drop(spool);

    // As if the node had been killed before it deleted the old file.
    std::fs::write(directory.path().join("usage-000000000001.log"), old).unwrap();
    let mut spool = open(directory.path());
    assert_eq!(drain(&mut spool), [(1, 2), (2, 3)]);
}

#[test]
fn a_damaged_batch_is_told_and_starting_over_saves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    (1..=3).for_each(|n| spool.append(&[row(n)]).unwrap());
    damage(directory.path(), "\"requests\":1");
    assert!(matches!(spool.oldest(), Err(SpoolError::Damaged)));
    spool.start_over("second").unwrap();
    assert_eq!(drain(&mut spool), [(1, 2), (2, 3)]);
}

#[test]
fn a_file_that_is_no_spool_is_set_aside_and_its_name_not_used_again() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    std::fs::write(directory.path().join("usage-000000000002.log"), b"garbage").unwrap();
    let mut spool = open(directory.path());
    spool.append(&[row(1)]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 1)]);
    assert!(directory.path().join("usage-000000000002.damaged").exists());
}

#[test]
fn impossible_figures_are_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let wrong = UsageRow { minute: 61, ..row(5) };
    spool.append(&[wrong.clone(), row(1)]).unwrap();
    spool.append(&[wrong]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 1)]);
}

#[test]
fn each_start_numbers_its_batches_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_named(directory.path(), "first");
    spool.append(&[row(1)]).unwrap();
    drop(spool);
    let mut spool = open_named(directory.path(), "second");
    spool.append(&[row(2)]).unwrap();
    drop(spool);
    let mut spool = open_named(directory.path(), "third");
    let mut response = vec![];
    while let Some(batch) = spool.oldest().unwrap() {
        response.push((batch.spool, batch.number, batch.rows[0].requests));
        spool.acknowledge(batch.number).unwrap();
    }
    assert_eq!(response, [("first".to_owned(), 1, 1), ("second".to_owned(), 1, 2)]);
    assert!(Segment::find(directory.path()).unwrap().is_empty(), "no file remains of acknowledged batches");
}

#[test]
fn a_directory_that_was_put_back_to_an_older_state_uses_no_number_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open_named(directory.path(), "first");
    spool.append(&[row(1)]).unwrap();
    let older = std::fs::read(newest_file(directory.path())).unwrap();
    spool.append(&[row(2)]).unwrap();
    drop(spool);

    let path = newest_file(directory.path());
    std::fs::write(&path, older).unwrap();
    let mut spool = open_named(directory.path(), "second");
    spool.append(&[row(3)]).unwrap();
    let first = spool.oldest().unwrap().unwrap();
    assert_eq!((first.spool.as_str(), first.number, &first.rows), ("first", 1, &vec![row(1)]));
    spool.acknowledge(2).unwrap();
    let next = spool.oldest().unwrap().unwrap();
    assert_eq!((next.spool.as_str(), next.number, next.rows), ("second", 1, vec![row(3)]));
}

#[test]
fn what_follows_a_damaged_batch_still_counts() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    (1..=3).for_each(|n| spool.append(&[row(n)]).unwrap());
    drop(spool);
    damage(directory.path(), "\"requests\":2");
    let mut spool = open_named(directory.path(), "second");
    spool.append(&[row(4)]).unwrap();
    assert_eq!(drain(&mut spool), [(1, 1), (3, 3), (1, 4)]);
}

#[cfg(unix)]
#[test]
fn its_files_are_for_their_owner_only_also_those_of_an_earlier_version() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("spool");
    let modes = || {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let mut files: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| mode(&entry.unwrap().path())).collect();
        files.sort_unstable();
        (mode(&directory), files)
    };
    let mut spool = open(&directory);
    spool.append(&[row(1)]).unwrap();
    assert_eq!(modes(), (0o700, vec![0o600, 0o600]));
    drop(spool);
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(&directory).unwrap() {
        fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
    }
    let spool = open(&directory);
    assert_eq!(modes(), (0o700, vec![0o600, 0o600]));
    assert_eq!(spool.waiting(), 1);
}
