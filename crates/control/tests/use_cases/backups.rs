//! Scheduled backups: when they are made, by whom, and what operators learn about failures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bucketry_control::Settings;
use bucketry_control::backups::{BackupFailed, BackupMaker, BackupSchedule, BegunBackup};
use bucketry_model::finding::FindingCode;
use jiff::{SignedDuration, Timestamp};

use crate::support::TestContext;

/// Writes empty files.
#[derive(Debug, Clone, Default)]
struct FakeMaker {
    made: Arc<AtomicUsize>,
    busy: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
}

#[async_trait]
impl BackupMaker for FakeMaker {
    async fn begin(&self) -> Result<Option<Box<dyn BegunBackup>>, BackupFailed> {
        let free = !self.busy.load(Ordering::SeqCst);
        Ok(free.then(|| Box::new(self.clone()) as Box<dyn BegunBackup>))
    }
}

#[async_trait]
impl BegunBackup for FakeMaker {
    async fn write(&mut self, to: &Path, _began_at: Timestamp) -> Result<(), BackupFailed> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(BackupFailed("the disk of /backups is full".to_owned()));
        }
        self.made.fetch_add(1, Ordering::SeqCst);
        std::fs::write(to, "").map_err(|error| BackupFailed(error.to_string()))
    }
}

fn schedule(directory: &Path) -> BackupSchedule {
    BackupSchedule {
        directory: directory.to_owned(),
        interval: SignedDuration::from_hours(24),
        keep: 2,
        keep_for: None,
    }
}

async fn deployment(directory: &Path) -> TestContext {
    TestContext::with(Settings { backups: Some(schedule(directory)), ..Settings::default() }).await
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_backup_is_made_each_interval_and_the_newest_are_retained() {
    let directory = tempfile::tempdir().unwrap();
    let (context, maker) = (deployment(directory.path()).await, FakeMaker::default());
    let schedule = schedule(directory.path());
    std::fs::write(directory.path().join("notes"), "").unwrap();
    let mut made = Vec::new();
    for _ in 0..4 {
        made.extend(context.control.back_up_if_due(&schedule, &maker).await.unwrap());
        assert_eq!(context.control.back_up_if_due(&schedule, &maker).await.unwrap(), None, "not due yet");
        context.clock.advance(SignedDuration::from_hours(24));
    }
    let expected = [made[2].clone(), made[3].clone(), directory.path().join("notes")];
    assert_eq!(files(directory.path()), expected);
    assert_eq!(maker.made.load(Ordering::SeqCst), 4);
    assert!(made[0].ends_with("bucketry-20260301T100000Z.backup"), "{}", made[0].display());
    // A backup that somebody made by other means counts.
    let now = context.control.clock().now();
    context.control.store().record_backup(now).await.unwrap();
    assert_eq!(context.control.back_up_if_due(&schedule, &maker).await.unwrap(), None);
}

#[tokio::test]
async fn while_another_server_makes_a_backup_this_one_waits() {
    let directory = tempfile::tempdir().unwrap();
    let (context, maker) = (deployment(directory.path()).await, FakeMaker::default());
    maker.busy.store(true, Ordering::SeqCst);
    let made = context.control.back_up_if_due(&schedule(directory.path()), &maker).await.unwrap();
    assert_eq!((made, maker.made.load(Ordering::SeqCst)), (None, 0));
    // That server was killed, and this one takes over.
    maker.busy.store(false, Ordering::SeqCst);
    assert!(context.control.back_up_if_due(&schedule(directory.path()), &maker).await.unwrap().is_some());
}

#[tokio::test]
async fn a_failure_is_a_finding_when_the_last_backup_is_too_old_and_ends_with_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let (context, maker) = (deployment(directory.path()).await, FakeMaker::default());
    let found = async || {
        let report = context.control.finding_report(&context.owner).await.unwrap();
        let old = report.findings.iter().find(|finding| finding.key.code == FindingCode::BackupOld);
        old.map(|finding| finding.sentence.clone())
    };
    maker.fails.store(true, Ordering::SeqCst);
    let control = context.control.clone();
    let running = {
        let maker = maker.clone();
        tokio::spawn(async move { control.run_backups(&maker).await })
    };
    context.clock.advance(SignedDuration::from_hours(50));
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let sentence = loop {
        assert!(tokio::time::Instant::now() < deadline, "no finding");
        tokio::task::yield_now().await;
        match found().await {
            Some(sentence) if sentence.contains("failed") => break sentence,
            _ => context.clock.advance(SignedDuration::from_mins(2)),
        }
    };
    assert!(sentence.contains("/backups is full") && sentence.contains("24 h"), "{sentence}");
    running.abort();
    maker.fails.store(false, Ordering::SeqCst);
    context.control.back_up_if_due(&schedule(directory.path()), &maker).await.unwrap().unwrap();
    context.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(found().await, None);
}
