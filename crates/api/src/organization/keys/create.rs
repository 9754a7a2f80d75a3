//! `POST /organization/{orgId}/key`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::organization_key::OrganizationKeyMade;
use bucketry_control::nodes::authorize_organization_key;
use bucketry_model::id::OrgId;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{BadRequest, InOrganization, Repeatable, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/organization/{orgId}/key");

/// The media type of the public contract for a key as PEM.
const PEM: &str = "application/x-pem-file";

/// Creates a key for the organization's nodes.
///
/// Returns the private key (RSA, 2048 bits, as PKCS#1 PEM) only once: as a JSON string, or as PEM text with
/// `Accept: application/x-pem-file`. The server stores the public key. An organization can have 5 keys. Needs the
/// organization role ADMINISTRATORS.
#[utoipa::path(
    post,
    path = "/organization/{orgId}/key",
    tag = "Nodes",
    operation_id = "createOrganizationKey",
    security(("bearer" = [])),
    params(
        ("orgId" = String, Path, format = "uuid", description = "The caller's organization"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the id of the first key, without the private key"),
    ),
    responses(
        (status = 200, description = "Created: the private key", content(
            (OrganizationKeyMade = "application/json"),
            (String = "application/x-pem-file"),
        )),
        Signed, InOrganization, BadRequest, Repeatable,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<OrgId>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (control, creator) = (state.control().clone(), caller.clone());
    let work = async move {
        let created = control.create_organization_key(&creator, id).await?;
        Ok(Created {
            status: StatusCode::OK,
            answer: OrganizationKeyMade::Key(created.private_key),
            again: Some(OrganizationKeyMade::again(created.id)),
        })
    };
    let authorize = std::future::ready(authorize_organization_key(&caller, id));
    // A key for another organization is a different request.
    let (route, request) = ("POST /organization/{orgId}/key", id.to_string());
    let response =
        idempotency::once(&state, &caller, &headers, route, request.as_bytes(), authorize, work).await?;
    if wants_pem(&headers) { as_pem(response).await } else { Ok(response) }
}

fn wants_pem(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains(PEM))
}

/// The text itself instead of a JSON string of it. A repetition stays a JSON object.
async fn as_pem(response: Response) -> ApiResult<Response> {
    let (parts, body) = response.into_parts();
    let json = body.collect().await.map_err(ApiError::internal)?.to_bytes();
    match serde_json::from_slice::<String>(&json) {
        Ok(pem) => Ok(([(CONTENT_TYPE, PEM)], pem).into_response()),
        Err(_) => Ok(Response::from_parts(parts, json.into())),
    }
}
