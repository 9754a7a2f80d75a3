//! Waits until a condition is true by polling, never by guessing how long it takes.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// The pause between two polls: short compared with a program's start, long compared with a poll.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Polls `look` until it returns `Ok(value)`, for at most `within`. `Err` describes what was seen instead; the
/// error contains the last description. `what` completes the sentence "… did not happen".
///
/// Blocks the calling thread. Asynchronous tests must call it where blocking is allowed.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(last) if Instant::now() >= deadline => {
                return Err(Error::TimedOut { what: what.to_owned(), within, last });
            }
            Err(_) => pause(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "another program sends no event that could be awaited")]
fn pause() {
    std::thread::sleep(BETWEEN_LOOKS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_until_it_is_true() {
        let mut looks = 0;
        let seen = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("{looks} looks")) }
        });
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn says_what_it_saw_last_when_the_time_is_over() {
        let refused = until::<()>("the door opening", Duration::ZERO, || Err("a closed door".to_owned()));
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "the door opening did not happen within 0 s; last seen: a closed door");
    }
}
