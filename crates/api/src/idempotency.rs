//! `Idempotency-Key`: a creating request that arrives twice is carried out once, and both get the result.

use std::future::Future;

use axum::body::Body;
use axum::response::Response;
use bucketry_control::{Control, FieldError};
use bucketry_model::role::Caller;
use bucketry_store::idempotency::Begun;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tracing::Instrument as _;

use crate::error::{ApiError, ApiResult};
use crate::pagination::json;
use crate::state::ApiState;

const HEADER: &str = "idempotency-key";

/// The response to a creating request.
pub(crate) struct Created<T> {
    /// The HTTP status, the same for repetitions.
    pub(crate) status: StatusCode,
    /// The first response.
    pub(crate) answer: T,
    /// The response to a repetition, where it differs: secrets are returned once and not stored.
    pub(crate) again: Option<T>,
}

/// Runs `work` under the request's key, if it has one. `body` is what two requests must share to count as the same.
///
/// `authorize` checks whether the caller may make the request now. It runs before an earlier result is looked up: a
/// caller that has lost the right to the call gets neither its result nor the information that there is one.
///
/// Work with a key completes even if the client disconnects, because the client needs the result when it tries
/// again. An error is not stored: nothing was created, and the next attempt is a new request.
pub(crate) async fn once<T, A, W>(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    route: &'static str,
    body: &[u8],
    authorize: A,
    work: W,
) -> ApiResult<Response>
where
    A: Future<Output = bucketry_control::Result<()>> + Send,
    T: Serialize + Send + Sync + 'static,
    W: Future<Output = ApiResult<Created<T>>> + Send + 'static,
{
    let Some(key) = read_key(headers)? else {
        let created = work.await?;
        return render(created.status, &created.answer);
    };
    authorize.await?;
    match state.control().begin_request(caller, route, &key, body).await? {
        Begun::New => {}
        Begun::Answered { status, body } => {
            let mut response = json(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).map_err(ApiError::internal)?;
            return Ok(response);
        }
        Begun::OtherBody => {
            let message = "this Idempotency-Key was used with another body: use a new key for a new request";
            return Err(ApiError::new(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED", message));
        }
        Begun::InProgress => {
            let message =
                "the first request with this Idempotency-Key is still in progress: try again in a moment";
            return Err(
                ApiError::new(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_IN_PROGRESS", message).retry_after(1)
            );
        }
    }
    let (control, caller) = (state.control().clone(), caller.clone());
    let work = async move {
        let reservation = Reservation { control, caller, route, key };
        let done = work.await;
        reservation.end(&done).await;
        done
    };
    let created = tokio::spawn(work.in_current_span()).await.map_err(ApiError::internal)??;
    render(created.status, &created.answer)
}

/// A request in progress that holds its key. If its work panics, the store treats the key as stale after a while.
struct Reservation {
    control: Control,
    caller: Caller,
    route: &'static str,
    key: String,
}

impl Reservation {
    async fn end<T: Serialize + Sync>(&self, done: &ApiResult<Created<T>>) {
        let kept = match done {
            Ok(created) => {
                let body = serde_json::to_string(created.again.as_ref().unwrap_or(&created.answer));
                match body {
                    Ok(body) => {
                        let status = created.status.as_u16();
                        self.control
                            .complete_request(&self.caller, self.route, &self.key, status, &body)
                            .await
                    }
                    Err(error) => Err(bucketry_control::Error::internal(error)),
                }
            }
            Err(_) => self.control.abandon_request(&self.caller, self.route, &self.key).await,
        };
        if let Err(error) = kept {
            // The work is done. Only a repetition would not be recognised.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a response could not be stored under its Idempotency-Key"
            );
        }
    }
}

fn read_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok("") => Ok(None),
        Ok(key) => Ok(Some(key.to_owned())),
        Err(_) => {
            let wrong = FieldError::new("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
            Err(bucketry_control::Error::Invalid(vec![wrong]).into())
        }
    }
}

fn render<T: Serialize>(status: StatusCode, answer: &T) -> ApiResult<Response> {
    let body = serde_json::to_vec(answer).map_err(ApiError::internal)?;
    let mut response = json(Body::from(body));
    *response.status_mut() = status;
    Ok(response)
}
