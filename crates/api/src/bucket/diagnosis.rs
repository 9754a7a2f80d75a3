//! `GET /bucket/{bucketId}/diagnosis`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::history::{DiagnosisAnswer, StoredDiagnosis};
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::DiagnosisView;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/diagnosis");

fn stored(view: DiagnosisView) -> StoredDiagnosis {
    let row = view.row;
    let healthy = row.checks.iter().all(|check| check.ok);
    StoredDiagnosis {
        at: Moment(row.at),
        node_id: row.node_id,
        ip: view.node_name,
        status: if healthy { Status::Online } else { Status::Offline },
        outdated: view.outdated,
        checks: row.checks,
    }
}

/// Returns the checks of the last validation of the stored bucket.
///
/// Validations of fields that were sent but not stored don't count.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/diagnosis",
    tag = "Buckets",
    operation_id = "bucketDiagnosis",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "The last diagnosis", body = DiagnosisAnswer),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn diagnosis(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Json<DiagnosisAnswer>> {
    let diagnosis = state.control().bucket_diagnosis(&caller, id).await?;
    Ok(Json(DiagnosisAnswer { success: true, diagnosis: diagnosis.map(stored) }))
}
