//! What becomes of a message after an attempt to send it.

use bucketry_model::notification::{DeliveryState, NotificationKind, clean};
use bucketry_store::notification::{DeliveryAttempt, StoredNotification};
use jiff::{SignedDuration, Timestamp};

use crate::failure::SendFailure;

/// How long a message is tried.
pub(crate) const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The wait after the first failure. It doubles with every further one.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait between two attempts, unless the receiver asks for a longer one.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: i64 = 3_600;
/// After this many refusals of a message by a receiver that may accept others, these no longer wait for it.
const REFUSALS: u32 = 3;
/// The longest stored reason, in characters.
const LONGEST_REASON: usize = 300;

/// What to store after an attempt. `random` spreads the attempts of many channels at one receiver.
pub(crate) fn after(
    stored: &StoredNotification,
    outcome: Result<Option<u16>, SendFailure>,
    now: Timestamp,
    random: u32,
) -> DeliveryAttempt {
    let failure = match outcome {
        Ok(status) => {
            return DeliveryAttempt {
                id: stored.id,
                state: DeliveryState::Delivered,
                status,
                error: None,
                next_at: None,
                is_deferred: false,
            };
        }
        Err(failure) => failure,
    };
    let end = stored.created_at.saturating_add(TRIED_FOR).unwrap_or(Timestamp::MAX);
    // Nobody waits for a test that succeeds later.
    let is_last = stored.kind == NotificationKind::Test || now >= end;
    let next_at = now.saturating_add(wait(stored.attempts, &failure, random)).unwrap_or(end).min(end);
    DeliveryAttempt {
        id: stored.id,
        state: if is_last { DeliveryState::Failed } else { DeliveryState::Pending },
        status: failure.status,
        error: Some(clean(&failure.reason, LONGEST_REASON)),
        next_at: (!is_last).then_some(next_at),
        is_deferred: failure.is_of_message && stored.attempts + 1 >= REFUSALS,
    }
}

/// The wait before the next attempt: 10 s, 20 s, 40 s … 15 min, each longer or shorter by up to a fifth.
fn wait(failures: u32, failure: &SendFailure, random: u32) -> SignedDuration {
    let doubled = FIRST_RETRY.checked_mul(1 << failures.min(16)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    let share = f64::from(random) / f64::from(u32::MAX) * 0.4 + 0.8;
    let spread = SignedDuration::try_from_secs_f64(doubled.as_secs_f64() * share).unwrap_or(doubled);
    let asked = failure.retry_after.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0);
    spread.max(SignedDuration::from_secs(asked.min(LONGEST_ASKED)))
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::{ChannelId, NotificationId};

    use super::*;

    const MIDDLE: u32 = u32::MAX / 2 + 1;

    fn stored(kind: NotificationKind, attempts: u32) -> StoredNotification {
        StoredNotification {
            id: NotificationId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            channel_id: ChannelId::new(Timestamp::UNIX_EPOCH, [2; 10]),
            kind,
            title: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            state: DeliveryState::Pending,
            attempts,
            status: None,
            error: None,
            tried_at: None,
            next_at: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fail(attempts: u32, second: i64, random: u32, failure: SendFailure) -> DeliveryAttempt {
        after(&stored(NotificationKind::Alerting, attempts), Err(failure), at(second), random)
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour_and_are_spread() {
        let wait = |attempts, random| {
            let attempt = fail(attempts, 0, random, SendFailure::new("x"));
            attempt.next_at.unwrap().as_second()
        };
        let waits: Vec<i64> = (0..9).map(|attempts| wait(attempts, MIDDLE)).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!((wait(0, 0), wait(0, u32::MAX)), (8, 12));
        assert_eq!(wait(u32::MAX - 1, MIDDLE), 900);
        let asked = SendFailure { retry_after: Some(120), ..SendFailure::new("x") };
        assert_eq!(fail(0, 0, MIDDLE, asked).next_at, Some(at(120)));
        let forever = SendFailure { retry_after: Some(u64::MAX), ..SendFailure::new("x") };
        assert!(fail(0, 0, MIDDLE, forever).next_at.unwrap() < at(3_601));
        let a_day = SendFailure { retry_after: Some(86_400), ..SendFailure::new("x") };
        assert_eq!(fail(0, 0, MIDDLE, a_day).next_at, Some(at(3_600)));
    }

    #[test]
    fn a_message_is_tried_for_a_day() {
        let day = 86_400;
        let almost = fail(99, day - 10, MIDDLE, SendFailure::new("x"));
        assert_eq!((almost.state, almost.next_at), (DeliveryState::Pending, Some(at(day))));
        let last = fail(100, day, MIDDLE, SendFailure::new("x"));
        assert_eq!((last.state, last.next_at), (DeliveryState::Failed, None));
        let done = after(&stored(NotificationKind::Alerting, 5), Ok(Some(204)), at(day), 0);
        assert_eq!((done.state, done.status, done.error), (DeliveryState::Delivered, Some(204), None));
    }

    #[test]
    fn what_failed_is_stored_in_one_bounded_line() {
        let reason = format!("the receiver\r\nanswered {}", "x".repeat(1_000));
        let failure = SendFailure { status: Some(503), ..SendFailure::new(reason) };
        let attempt = fail(0, 0, MIDDLE, failure);
        let error = attempt.error.unwrap();
        assert!(error.starts_with("the receiver  answered x") && error.chars().count() == 300, "{error}");
        assert_eq!((attempt.status, attempt.state), (Some(503), DeliveryState::Pending));
    }

    #[test]
    fn a_test_is_tried_once() {
        let test = after(&stored(NotificationKind::Test, 0), Err(SendFailure::new("x")), at(1), 0);
        assert_eq!((test.state, test.error.as_deref()), (DeliveryState::Failed, Some("x")));
    }

    #[test]
    fn others_do_not_wait_for_a_message_that_is_refused_again_and_again() {
        let refused = SendFailure { is_of_message: true, ..SendFailure::new("x") };
        assert!(!fail(1, 0, 0, refused.clone()).is_deferred);
        assert!(fail(2, 0, 0, refused).is_deferred);
        assert!(!fail(99, 0, 0, SendFailure::new("down")).is_deferred);
    }
}
