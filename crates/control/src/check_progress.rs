//! How far a validation has come, as its node reports it.

use bucketry_model::diagnosis::{Check, CheckName};
use bucketry_model::node_protocol::{JobProgress, PROGRESS_PER_SECOND};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Messages and hints are cut to this length, in characters.
const LONGEST_TEXT: usize = 1_000;

/// The checks of a validation that somebody follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckProgress {
    /// Raised by every change.
    pub(crate) revision: u64,
    /// The checks that have ended.
    pub(crate) checks: Vec<Check>,
    /// The check in progress.
    pub(crate) running: Option<CheckName>,
    /// Whether the validation has ended.
    pub(crate) is_over: bool,
}

impl CheckProgress {
    /// Applies a node's report. Returns whether it changed anything.
    ///
    /// **Rule:** checks only ever become more, in their order. A report that isn't a continuation of what is known is
    /// ignored, because messages may overtake each other, and a node may send anything.
    fn apply(&mut self, report: JobProgress) -> bool {
        let JobProgress { checks, running, .. } = report;
        let in_order = checks.windows(2).all(|pair| pair[0].name < pair[1].name);
        let continues = checks.len() >= self.checks.len()
            && self.checks.iter().zip(&checks).all(|(known, check)| known.name == check.name);
        if self.is_over || !in_order || !continues {
            return false;
        }
        let last = checks.last().map(|check| check.name);
        let running = running.filter(|name| last.is_none_or(|last| *name > last));
        let is_new = checks.len() > self.checks.len() || running > self.running;
        let known = self.checks.len();
        self.checks.extend(checks.into_iter().skip(known).map(bounded));
        // Only a new check can end the one in progress.
        if is_new {
            self.running = running;
            self.revision += 1;
        }
        is_new
    }
}

fn bounded(check: Check) -> Check {
    let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
    Check { message: cut(check.message), hint: check.hint.map(cut), ..check }
}

/// Where reports on one validation go.
pub(crate) struct ProgressSink {
    state: watch::Sender<CheckProgress>,
    pace: Mutex<ReportPace>,
}

/// How many reports a validation has had since the first.
#[derive(Default)]
struct ReportPace {
    first: Option<Timestamp>,
    taken: u32,
}

impl ReportPace {
    /// Whether a report may be taken: as many as nodes may send, and as many again at once, because messages that were
    /// delayed arrive together.
    fn allows(&mut self, now: Timestamp) -> bool {
        let first = *self.first.get_or_insert(now);
        let seconds = u32::try_from(now.duration_since(first).as_secs()).unwrap_or(0);
        let allowed = seconds.saturating_add(2).saturating_mul(PROGRESS_PER_SECOND);
        let allows = self.taken < allowed;
        self.taken += u32::from(allows);
        allows
    }
}

impl ProgressSink {
    /// A validation with nothing tried yet, and where to read its progress.
    pub(crate) fn new() -> (Self, watch::Receiver<CheckProgress>) {
        let (state, receiver) = watch::channel(CheckProgress::default());
        (Self { state, pace: Mutex::default() }, receiver)
    }

    /// Takes a report of the node that makes the checks.
    pub(crate) fn report(&self, report: JobProgress, now: Timestamp) {
        if self.pace.lock().allows(now) {
            self.state.send_if_modified(|state| state.apply(report));
        }
    }

    /// Forgets the checks of a node that couldn't run the validation, before another one is asked.
    pub(crate) fn restart(&self) {
        self.state.send_if_modified(|state| {
            let was_begun = !state.checks.is_empty() || state.running.is_some();
            state.checks.clear();
            state.running = None;
            state.revision += u64::from(was_begun);
            was_begun
        });
    }

    /// Ends the validation, with all its checks if they are known. Later reports change nothing.
    pub(crate) fn end(&self, checks: Option<&[Check]>) {
        self.state.send_modify(|state| {
            if let Some(checks) = checks {
                state.checks = checks.to_vec();
            }
            state.running = None;
            state.revision += 1;
            state.is_over = true;
        });
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::JobId;
    use jiff::SignedDuration;

    use super::*;

    fn check(name: CheckName, ok: bool) -> Check {
        Check { name, ok, latency_ms: 3, message: "looked".to_owned(), error_code: None, hint: None }
    }

    fn report(checks: &[CheckName], running: Option<CheckName>) -> JobProgress {
        let checks = checks.iter().map(|name| check(*name, true)).collect();
        JobProgress { job_id: JobId::new(Timestamp::UNIX_EPOCH, [1; 10]), checks, running }
    }

    fn names(state: &CheckProgress) -> Vec<CheckName> {
        state.checks.iter().map(|check| check.name).collect()
    }

    #[test]
    fn checks_become_more_and_an_older_report_changes_nothing() {
        use CheckName::{Connect, Dns, List};
        let mut state = CheckProgress::default();
        assert!(state.apply(report(&[], Some(Dns))));
        assert!(state.apply(report(&[Dns], Some(Connect))));
        assert!(!state.apply(report(&[], Some(Dns))), "it was overtaken");
        assert!(!state.apply(report(&[Dns], None)), "it was overtaken");
        assert_eq!((names(&state), state.running, state.revision), (vec![Dns], Some(Connect), 2));
        assert!(state.apply(report(&[Dns, Connect, List], None)));
        assert_eq!((names(&state), state.running), (vec![Dns, Connect, List], None));
    }

    #[test]
    fn what_no_validation_reports_is_ignored() {
        use CheckName::{Connect, Dns, List, Read};
        let mut state = CheckProgress::default();
        assert!(!state.apply(report(&[Connect, Dns], None)), "in another order");
        assert!(!state.apply(report(&[Dns, Dns], None)), "twice");
        assert!(state.apply(report(&[Dns, List], Some(Dns))));
        assert_eq!(state.running, None, "a check that has ended isn't in progress");
        assert!(!state.apply(report(&[Dns, Connect, Read], None)), "with another past");
        let mut long = report(&[Dns, List, Read], None);
        long.checks[2].message = format!("\u{1b}[31m{}", "x".repeat(5_000));
        assert!(state.apply(long));
        assert_eq!(state.checks[2].message.chars().count(), LONGEST_TEXT);
        assert!(!state.checks[2].message.contains('\u{1b}'));
    }

    #[test]
    fn an_outcome_that_was_reported_stays() {
        let mut state = CheckProgress::default();
        let mut first = report(&[CheckName::Dns], None);
        first.checks[0] = check(CheckName::Dns, false);
        assert!(state.apply(first));
        state.apply(report(&[CheckName::Dns, CheckName::Connect], None));
        assert!(!state.checks[0].ok);
    }

    #[test]
    fn nothing_changes_after_the_end() {
        let (sink, state) = ProgressSink::new();
        let now = Timestamp::UNIX_EPOCH;
        sink.report(report(&[CheckName::Dns], Some(CheckName::Connect)), now);
        sink.end(None);
        sink.report(report(&[CheckName::Dns, CheckName::Connect], Some(CheckName::List)), now);
        let state = state.borrow();
        assert_eq!((names(&state), state.running, state.is_over), (vec![CheckName::Dns], None, true));
    }

    #[test]
    fn reports_in_excess_of_the_allowed_pace_are_ignored() {
        let mut pace = ReportPace::default();
        let now = Timestamp::UNIX_EPOCH;
        let taken = |pace: &mut ReportPace, now| (0..100).filter(|_| pace.allows(now)).count();
        assert_eq!(taken(&mut pace, now), 10);
        assert_eq!(taken(&mut pace, now + SignedDuration::from_secs(1)), 5);
        assert_eq!(taken(&mut pace, now - SignedDuration::from_secs(9)), 0, "the clock was set back");
    }
}
