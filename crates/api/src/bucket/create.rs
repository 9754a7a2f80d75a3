//! `POST /bucket`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::bucket::BucketCreated;
use bucketry_api_types::bucket_fields::NewBucketRequest;
use http::{HeaderMap, StatusCode};

use super::answer::{also_registered, read_fields};
use super::input::new_bucket;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{BucketLimits, InOrganization, NodeNeeded, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/bucket",
    r#"{ "name": "{name}", "bucket": "photos", "storageType": "S3", "key": "AKIA", "secret": "s", "workspaceId": "{workspace}" }"#,
);

/// Registers a bucket.
///
/// A node validates the bucket first, unless `skipValidation` is true. If a check fails, the bucket is not registered,
/// and the response (400 `VALIDATION_FAILED`) lists the checks that were made. A validated bucket is ONLINE immediately:
/// the validation counts as the node's first report. Every 429 has an empty `bucketId`. The response is 503
/// `NO_NODE_ONLINE` if no node is online. It is also 503 if no node has ever registered, even with `skipValidation`,
/// because there is no key yet to seal the secret to.
#[utoipa::path(
    post,
    path = "/bucket",
    tag = "Buckets",
    operation_id = "createBucket",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewBucketRequest,
    responses(
        (status = 200, description = "Registered", body = BucketCreated),
        Signed, InOrganization, WithBody, Repeatable, NodeNeeded, BucketLimits,
    ),
)]
pub(crate) async fn create(
    caller: ApiResult<Authenticated>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: ApiResult<JsonBody<NewBucketRequest>>,
) -> ApiResult<Response> {
    register(caller, &state, &headers, body).await.map_err(ApiError::without_bucket)
}

async fn register(
    caller: ApiResult<Authenticated>,
    state: &ApiState,
    headers: &HeaderMap,
    body: ApiResult<JsonBody<NewBucketRequest>>,
) -> ApiResult<Response> {
    let (Authenticated(caller), JsonBody { value, bytes }) = (caller?, body?);
    let input = Arc::new(new_bucket(value));
    let authorize = state.control().authorize_bucket(&caller, &input);
    let (control, creator, new) = (state.control().clone(), caller.clone(), Arc::clone(&input));
    let work = async move {
        let created = control.create_bucket(&creator, &new).await?;
        let answer = BucketCreated {
            success: true,
            bucket_id: created.id,
            read: read_fields(created.read),
            also_registered: also_registered(created.also_registered),
        };
        Ok(Created { status: StatusCode::OK, answer, again: None })
    };
    idempotency::once(state, &caller, headers, "POST /bucket", &bytes, authorize, work).await
}
