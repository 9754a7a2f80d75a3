//! Calls that a busy server asks to repeat later: too many validations at the same time, too many requests, or no node
//! online at the moment.

use std::time::Duration;

use bucketry_client::ClientError;

/// How often a call is repeated.
const REPETITIONS: u32 = 30;
/// How often a call is repeated that needs a node while none is online. A node that restarts is back by then, and
/// waiting longer would only hide that there is none.
const REPETITIONS_WITHOUT_NODE: u32 = 1;
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
        let at_most =
            if response.as_ref().is_err_and(lacks_node) { REPETITIONS_WITHOUT_NODE } else { REPETITIONS };
        let Some(wait) = wait.filter(|_| self.repetitions < at_most) else { return false };
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

/// Whether a call was refused because no node is online.
pub(crate) fn lacks_node(error: &ClientError) -> bool {
    error.code() == Some("NO_NODE_ONLINE")
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

    #[tokio::test]
    async fn a_call_that_needs_a_node_is_repeated_once() {
        let ClientError::Refused(mut refusal) = refused(503, Some(0)) else { unreachable!() };
        refusal.error_code = Some("NO_NODE_ONLINE".to_owned());
        let (mut busy, without_node) = (BusyServer::default(), Err::<(), _>(ClientError::Refused(refusal)));
        assert!(busy.wait(&without_node).await);
        assert!(!busy.wait(&without_node).await);
    }

    #[test]
    fn only_a_refusal_for_now_is_waited_for() {
        assert_eq!(wait_for(&refused(503, Some(2))), Some(Duration::from_secs(2)));
        assert_eq!(wait_for(&refused(429, Some(9_999))), Some(LONGEST_WAIT));
        assert_eq!(wait_for(&refused(429, None)), None, "a quota");
        assert_eq!(wait_for(&refused(409, Some(1))), None);
    }
}
