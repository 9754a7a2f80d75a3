//! `DELETE /organization/{orgId}/key`.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::OrgId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/organization/{orgId}/key");

/// Deletes all keys of the organization's nodes.
///
/// All nodes of the organization are removed immediately. Their messages are refused until they register with a new
/// key. `message` has the number of deleted keys. Needs the organization role ADMINISTRATORS.
#[utoipa::path(
    delete,
    path = "/organization/{orgId}/key",
    tag = "Nodes",
    operation_id = "deleteOrganizationKeys",
    security(("bearer" = [])),
    params(("orgId" = String, Path, format = "uuid", description = "The caller's organization")),
    responses((status = 200, description = "Deleted", body = Message), Signed, InOrganization),
)]
pub(crate) async fn delete_all(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
) -> ApiResult<Json<Message>> {
    let message = match state.control().delete_organization_keys(&caller, id).await? {
        1 => Cow::Borrowed("1 key was deleted"),
        count => Cow::Owned(format!("{count} keys were deleted")),
    };
    Ok(Json(Message { success: true, message }))
}
