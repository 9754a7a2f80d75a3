//! `Idempotency-Key`: a creating request that arrives twice is done once and answered twice.

use std::future::Future;
use std::sync::Arc;

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

/// The header.
const HEADER: &str = "idempotency-key";

/// A creation's answer.
pub(crate) struct Created<T> {
    /// The status.
    pub(crate) status: StatusCode,
    /// What is answered.
    pub(crate) answer: T,
    /// What is answered when the request comes again, where that is something else: secrets that are told once are
    /// not kept.
    pub(crate) again: Option<T>,
}

/// Does `work` under the request's key, if it has one. `body` is what must be the same for it to be the same request.
///
/// `authorize` is whether the caller may make the request now. It is asked before an earlier result is looked for:
/// whoever has lost the right to the call has lost the right to its result, and to knowing that there is one.
///
/// Keyed work runs to its end even if the client goes away meanwhile: its answer is wanted when the client comes
/// again. A refusal is not kept, since nothing was created: the next try is a new one.
pub(crate) async fn once<T, A, W>(
    state: &ApiState,
    caller: &Arc<Caller>,
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
                "the first request with this Idempotency-Key is still being worked on: ask again in a moment";
            return Err(
                ApiError::new(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_IN_PROGRESS", message).retry_after(1)
            );
        }
    }
    let (control, caller) = (state.control().clone(), Arc::clone(caller));
    let work = async move {
        let reservation = Reservation { control, caller, route, key };
        let done = work.await;
        reservation.end(&done).await;
        done
    };
    let created = tokio::spawn(work.in_current_span()).await.map_err(ApiError::internal)??;
    render(created.status, &created.answer)
}

/// A request that was begun. If it ends by a panic, it is given up as stale by the store after a while.
struct Reservation {
    control: Control,
    caller: Arc<Caller>,
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
            // What was asked for is done; only a repetition would not be recognised.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an answer could not be kept under its key"
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
