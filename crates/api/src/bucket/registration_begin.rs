//! `POST /bucket/registration`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_api_types::validation::ValidationBegun;

use super::input::new_bucket;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/bucket/registration",
    r#"{ "name": "{name}", "bucket": "photos", "storageType": "S3", "key": "AKIA", "secret": "s", "workspaceId": "{workspace}", "skipValidation": true }"#,
);

/// Begins to register a bucket, with checks that can be followed.
///
/// Takes the same body as `POST /bucket` and does the same, but returns at once. The response has the id with which
/// `GET /bucket/registration/{validationId}` returns the progress, until five minutes after the end.
#[utoipa::path(
    post,
    path = "/bucket/registration",
    tag = "Buckets",
    operation_id = "beginBucketRegistration",
    security(("bearer" = [])),
    request_body = NewBucketRequest,
    responses(
        (status = 200, description = "The registration has begun", body = ValidationBegun),
        Signed, InOrganization, WithBody, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn begin(
    caller: Authenticated,
    State(state): State<ApiState>,
    JsonBody { value, .. }: JsonBody<NewBucketRequest>,
) -> ApiResult<Json<ValidationBegun>> {
    let validation_id = state.control().begin_bucket_creation(&caller, new_bucket(value)).await?;
    Ok(Json(ValidationBegun { success: true, validation_id }))
}
