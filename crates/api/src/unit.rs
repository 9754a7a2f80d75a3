//! `/unit`: the old name of `/bucket`. Only the call that the current public client still makes.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::{UnitTotals, UnitTotalsList};
use bucketry_control::buckets::BucketTotals;
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use crate::bucket::totals::BucketTotalsSource;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/unit/stats?unitId={bucketId}");

fn unit_totals(entry: &BucketTotals) -> UnitTotals {
    UnitTotals {
        unit_id: entry.position.id,
        total_count: Count(entry.totals.requests),
        total_upload_bytes: Count(entry.totals.upload_bytes),
        total_download_bytes: Count(entry.totals.download_bytes),
        total_size_change: Count(entry.totals.size_change),
    }
}

struct Units(BucketTotalsSource);

impl Source for Units {
    type Entry = BucketTotals;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        self.0.page(after, limit).await
    }

    fn position(entry: &BucketTotals) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketTotals) -> impl Serialize {
        unit_totals(entry)
    }
}

/// Returns the traffic of all time by bucket, under the old field names.
///
/// For clients that still call it. New clients use `GET /bucket/stats`.
#[utoipa::path(
    get,
    path = "/unit/stats",
    tag = "Buckets",
    operation_id = "unitTotals",
    security(("bearer" = [])),
    params(
        ("unitId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `bucketId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The totals", body = UnitTotalsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn stats(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let source = Units(BucketTotalsSource::select(&caller, &state, &params, &["unitId", "bucketId"]).await?);
    pagination::answer(source, Frame::Named("stats"), page).await
}
