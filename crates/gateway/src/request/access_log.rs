//! The access log: one JSON line per request, if the operator switches it on.
//!
//! Lines are written by a thread, so that no request waits for a disk or a pipe. If it can't keep up, lines are
//! dropped and counted, and the log says how many.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bucketry_model::id::{BucketId, RepoId};
use jiff::Timestamp;
use serde::Serialize;

use crate::front::Class;
use crate::request::request_id::RequestId;

/// How many lines may wait to be written.
const MOST_WAITING: usize = 8_192;

/// Which requests the access log contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedRequests {
    /// All.
    All,
    /// Those that store or delete something, and those that failed or were cut off.
    WritesAndErrors,
}

/// The access log. Clones write to the same log, until the last one is dropped.
#[derive(Clone)]
pub struct AccessLog {
    requests: LoggedRequests,
    lines: SyncSender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog").field("requests", &self.requests).finish_non_exhaustive()
    }
}

impl AccessLog {
    /// Starts the thread that writes to a file or a pipe.
    pub fn start(requests: LoggedRequests, to: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(MOST_WAITING);
        let lost = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_lines(&waiting, to, &counted))?;
        Ok(Self { requests, lines, lost })
    }

    /// Begins to note what becomes known of a request.
    pub(crate) fn begin(&self, id: RequestId) -> AccessNote {
        AccessNote { log: self.clone(), id, key: None, operation: None }
    }

    fn is_logged(&self, end: &AccessEnd) -> bool {
        match self.requests {
            LoggedRequests::All => true,
            LoggedRequests::WritesAndErrors => {
                end.class.is_some_and(Class::is_write)
                    || !end.whole
                    || end.status.is_none_or(|status| status >= 400)
            }
        }
    }
}

/// What is known of a request that will be logged.
pub(crate) struct AccessNote {
    log: AccessLog,
    id: RequestId,
    key: Option<String>,
    operation: Option<String>,
}

/// How a request ended.
pub(crate) struct AccessEnd {
    pub(crate) at: Timestamp,
    pub(crate) class: Option<Class>,
    pub(crate) bucket: Option<(RepoId, BucketId)>,
    /// The status of the response. `None` if the client disconnected before there was one.
    pub(crate) status: Option<u16>,
    /// Whether the response was sent completely.
    pub(crate) whole: bool,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) took: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessLine<'a> {
    time: String,
    request_id: &'a str,
    key: Option<&'a str>,
    repository: Option<RepoId>,
    bucket: Option<BucketId>,
    operation: Option<&'a str>,
    status: Option<u16>,
    complete: bool,
    bytes_received: u64,
    bytes_sent: u64,
    ms: f64,
}

impl AccessNote {
    /// The key that signed the request.
    pub(crate) fn set_key(&mut self, access_key: &str) {
        self.key = Some(access_key.to_owned());
    }

    /// What the request asks for.
    pub(crate) fn set_operation(&mut self, name: String) {
        self.operation = Some(name);
    }

    /// Logs the request, unless requests like it aren't logged.
    pub(crate) fn end(self, end: &AccessEnd) {
        if !self.log.is_logged(end) {
            return;
        }
        let line = AccessLine {
            time: format!("{:.3}", end.at),
            request_id: self.id.as_str(),
            key: self.key.as_deref(),
            repository: end.bucket.map(|(repository, _)| repository),
            bucket: end.bucket.map(|(_, bucket)| bucket),
            operation: self.operation.as_deref(),
            status: end.status,
            complete: end.whole,
            bytes_received: end.received,
            bytes_sent: end.sent,
            ms: end.took.as_micros() as f64 / 1_000.0,
        };
        // A struct of texts and numbers always serialises.
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        if self.log.lines.try_send(line).is_err() {
            self.log.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines until all clones of the log are dropped.
fn write_lines(waiting: &Receiver<Vec<u8>>, mut to: impl Write, lost: &AtomicU64) {
    while let Ok(first) = waiting.recv() {
        let mut lines = first;
        let mut count = 1;
        while lines.len() < 64 << 10
            && let Ok(next) = waiting.try_recv()
        {
            lines.extend_from_slice(&next);
            count += 1;
        }
        if let Err(error) = to.write_all(&lines).and_then(|()| to.flush()) {
            lost.fetch_add(count, Ordering::Relaxed);
            tracing::warn!(error = &error as &dyn std::error::Error, "the access log can't be written");
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "requests are missing in the access log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::request_id::RequestIds;
    use parking_lot::Mutex;

    /// Sends what is written to the test, and its end.
    struct Shared(Arc<Mutex<Vec<u8>>>, std::sync::mpsc::Sender<()>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Drop for Shared {
        fn drop(&mut self) {
            _ = self.1.send(());
        }
    }

    fn end(class: Class, status: Option<u16>, whole: bool) -> AccessEnd {
        AccessEnd {
            at: Timestamp::UNIX_EPOCH,
            class: Some(class),
            bucket: None,
            status,
            whole,
            received: 5,
            sent: 7,
            took: Duration::from_micros(1_500),
        }
    }

    fn logged(requests: LoggedRequests) -> Vec<serde_json::Value> {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let (ended, end_of_log) = std::sync::mpsc::channel();
        let log = AccessLog::start(requests, Shared(Arc::clone(&text), ended)).unwrap();
        let ids = RequestIds::new(7);
        for (class, status, whole) in [
            (Class::Read, Some(200), true),
            (Class::Read, Some(404), true),
            (Class::Write, Some(200), true),
            (Class::Read, Some(200), false),
            (Class::List, None, false),
        ] {
            let mut note = log.begin(ids.next());
            note.set_key("BKTEXAMPLE");
            note.set_operation("GetObject".to_owned());
            note.end(&end(class, status, whole));
        }
        drop(log);
        end_of_log.recv().unwrap();
        let text = String::from_utf8(text.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_tells_who_did_what_with_which_result() {
        let all = logged(LoggedRequests::All);
        assert_eq!(all.len(), 5);
        let first = &all[0];
        assert_eq!(first["key"], "BKTEXAMPLE");
        assert_eq!(first["operation"], "GetObject");
        assert_eq!((&first["status"], &first["ms"]), (&200.into(), &1.5.into()));
        assert_eq!((&first["bytesReceived"], &first["bytesSent"]), (&5.into(), &7.into()));
        assert_eq!(first["requestId"].as_str().unwrap().len(), 16);
        assert_eq!(first["time"], "1970-01-01T00:00:00.000Z");
        assert!(all[4]["status"].is_null());
    }

    #[test]
    fn complete_reads_can_be_left_out() {
        let some = logged(LoggedRequests::WritesAndErrors);
        let statuses: Vec<_> = some.iter().map(|line| line["status"].as_u64()).collect();
        assert_eq!(statuses, [Some(404), Some(200), Some(200), None]);
    }
}
