//! Waits for a condition by polling the state, not for an event that may already have passed.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Result};

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Calls `look` until `enough` accepts its result, and returns that result. A failed `look` counts as "not yet".
/// `what` completes the sentence "… did not happen".
///
/// # Errors
/// [`Error::TimedOut`] with the last result, once `within` has passed. A call in progress is dropped.
pub async fn eventually<T: Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T>,
    mut enough: impl FnMut(&T) -> bool,
) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut last = "nothing".to_owned();
    loop {
        match tokio::time::timeout_at(deadline, look()).await {
            Ok(Ok(seen)) if enough(&seen) => return Ok(seen),
            Ok(Ok(seen)) => last = format!("{seen:?}"),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => {}
        }
        if Instant::now() + BETWEEN_LOOKS >= deadline {
            return Err(Error::TimedOut { what: what.to_owned(), within, last });
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Error {
        Error::NoAnswer { call: "GET /".to_owned(), reason: "refused".to_owned() }
    }

    #[tokio::test]
    async fn looks_again_after_failures_and_until_it_is_enough() {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            if looks == 1 { Err(refusal()) } else { Ok(looks) }
        };
        let seen = eventually("three looks", Duration::from_secs(20), look, |seen| *seen == 3).await;
        assert_eq!(seen.unwrap(), 3);
    }

    #[tokio::test]
    async fn tells_what_was_seen_last() {
        let outcome =
            eventually("success", Duration::ZERO, async || Err::<(), _>(refusal()), |()| true).await;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "success did not happen within 0 s; last seen: GET /: refused"
        );
    }

    #[tokio::test]
    async fn a_look_that_hangs_does_not_hang_the_journey() {
        let within = Duration::from_millis(20);
        let outcome = eventually("an answer", within, async || std::future::pending().await, |()| true).await;
        assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
    }
}
