//! `PUT /bucket/{bucketId}/inventory`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::inventory::{BucketInventory, InventoryChanges};
use bucketry_model::id::BucketId;

use super::answer::bucket_inventory;
use super::input::setting;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/bucket/{bucketId}/inventory", r#"{ "everyHours": 24 }"#);

/// Sets when a bucket is measured, and how fast.
///
/// To measure a bucket, a node reads its whole list of objects, page by page, which is called a *walk*. A walk costs
/// about one request per 1,000 objects at the provider. The whole setting is replaced, and a walk in progress is
/// discarded. `{"mode": "OFF"}` turns walks off, `{"mode": "ORGANIZATION"}` follows the organization's schedule.
#[utoipa::path(
    put,
    path = "/bucket/{bucketId}/inventory",
    tag = "Buckets",
    operation_id = "setBucketInventory",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = InventoryChanges,
    responses(
        (status = 200, description = "Changed", body = BucketInventory),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn change(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    ChangeBody { value }: ChangeBody<InventoryChanges>,
) -> ApiResult<Json<BucketInventory>> {
    let view = state.control().set_bucket_inventory(&caller, id, &setting(value)).await?;
    Ok(Json(bucket_inventory(id, view)))
}
