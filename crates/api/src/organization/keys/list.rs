//! `GET /organization/{orgId}/key`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::organization_key::{KeyedNode, OrganizationKeyInfo, OrganizationKeyList};
use bucketry_control::nodes::OrganizationKey;
use bucketry_model::id::OrgId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/{orgId}/key");

/// Lists the keys of the organization's nodes, newest first.
///
/// Needs the organization role ADMINISTRATORS.
#[utoipa::path(
    get,
    path = "/organization/{orgId}/key",
    tag = "Nodes",
    operation_id = "listOrganizationKeys",
    security(("bearer" = [])),
    params(("orgId" = String, Path, format = "uuid", description = "The caller's organization")),
    responses(
        (status = 200, description = "The keys, without their private halves", body = OrganizationKeyList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
    _: Params,
) -> ApiResult<Json<OrganizationKeyList>> {
    let keys = state.control().organization_keys(&caller, id).await?;
    let message = match keys.len() {
        1 => "the organization has 1 key".to_owned(),
        count => format!("the organization has {count} keys"),
    };
    let data = keys.into_iter().map(key_info).collect();
    Ok(Json(OrganizationKeyList { success: true, data, message }))
}

fn key_info(key: OrganizationKey) -> OrganizationKeyInfo {
    let keyed = |node_id| KeyedNode { key_id: key.id, node_id };
    OrganizationKeyInfo {
        id: key.id,
        org_id: key.org_id,
        public_key: key.public_key,
        created_at: Moment(key.created_at),
        node_keys: key.nodes.into_iter().map(keyed).collect(),
    }
}
