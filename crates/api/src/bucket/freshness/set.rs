//! `PUT /bucket/{bucketId}/freshness`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::freshness::{FreshnessChanges, FreshnessList};
use bucketry_control::freshness::FreshnessInput;
use bucketry_model::id::BucketId;

use super::answer::list;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::put_json(
    "/bucket/{bucketId}/freshness",
    r#"{ "prefix": "backups/", "minBytes": 1000, "maxAgeSeconds": 93600 }"#,
);

/// Sets how old the newest object under a prefix may be.
///
/// Replaces the rule for the same prefix. A node lists the prefix at intervals of a quarter of that age, but at least 5
/// minutes and at most 6 hours. This costs one request per 1,000 objects. If the newest object is too old, this is
/// reported as a finding (`GET /findings`).
#[utoipa::path(
    put,
    path = "/bucket/{bucketId}/freshness",
    tag = "Buckets",
    operation_id = "setBucketFreshness",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = FreshnessChanges,
    responses(
        (status = 200, description = "Set; all rules of the bucket", body = FreshnessList),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn set(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    ChangeBody { value }: ChangeBody<FreshnessChanges>,
) -> ApiResult<Json<FreshnessList>> {
    let FreshnessChanges { prefix, min_bytes, max_age_seconds } = value;
    let input = FreshnessInput { prefix, min_bytes, max_age_seconds };
    Ok(Json(list(state.control().set_freshness_rule(&caller, id, &input).await?)))
}
