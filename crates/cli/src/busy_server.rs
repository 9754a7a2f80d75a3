//! Calls that a busy server asks to repeat later: too many validations at the same time, or too many requests.

use std::time::Duration;

use bucketry_client::ClientError;

/// How often a call is repeated.
const REPETITIONS: u32 = 30;
/// The longest time to wait before a repetition, whatever the server says.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Counts the repetitions of one call.
#[derive(Debug, Default)]
pub(crate) struct BusyServer {
    repetitions: u32,
}

impl BusyServer {
    /// Waits if the server refused the call for now, which means that it did nothing. Returns whether to repeat the call.
    pub(crate) async fn wait<T>(&mut self, response: &Result<T, ClientError>) -> bool {
        let wait = response.as_ref().err().and_then(wait_for);
        let Some(wait) = wait.filter(|_| self.repetitions < REPETITIONS) else { return false };
        self.repetitions += 1;
        tokio::time::sleep(wait).await;
        true
    }
}

/// How long to wait before a call is repeated. `None` if repeating it wouldn't help.
fn wait_for(error: &ClientError) -> Option<Duration> {
    let ClientError::Refused(refusal) = error else { return None };
    let is_for_now = matches!(refusal.status, 429 | 503);
    refusal.retry_after.filter(|_| is_for_now).map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use bucketry_client::Refusal;
    use serde_json::Value;

    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> ClientError {
        ClientError::Refused(Box::new(Refusal {
            status,
            error_code: None,
            message: "later".to_owned(),
            fields: Vec::new(),
            retry_after: retry_after.map(Duration::from_secs),
            body: Value::Null,
        }))
    }

    #[tokio::test]
    async fn a_call_is_repeated_while_the_server_is_busy_but_not_for_ever() {
        let mut busy = BusyServer::default();
        assert!(!busy.wait(&Ok(())).await);
        let later = Err::<(), _>(refused(429, Some(0)));
        for _ in 0..REPETITIONS {
            assert!(busy.wait(&later).await);
        }
        assert!(!busy.wait(&later).await);
    }

    #[test]
    fn only_a_refusal_for_now_is_waited_for() {
        assert_eq!(wait_for(&refused(503, Some(2))), Some(Duration::from_secs(2)));
        assert_eq!(wait_for(&refused(429, Some(9_999))), Some(LONGEST_WAIT));
        assert_eq!(wait_for(&refused(429, None)), None, "a quota");
        assert_eq!(wait_for(&refused(409, Some(1))), None);
    }
}
