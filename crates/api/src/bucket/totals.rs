//! `GET /bucket/stats`, and the code that it shares with `GET /unit/stats`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::{BucketTraffic, BucketTrafficList};
use bucketry_control::Control;
use bucketry_control::buckets::{BucketSelection, BucketTotals};
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/stats?bucketId={bucketId}");

fn bucket_traffic(entry: &BucketTotals) -> BucketTraffic {
    BucketTraffic {
        bucket_id: entry.position.id,
        total_count: Count(entry.totals.requests),
        total_upload_bytes: Count(entry.totals.upload_bytes),
        total_download_bytes: Count(entry.totals.download_bytes),
        total_size_change: Count(entry.totals.size_change),
    }
}

/// The totals of the selected buckets.
pub(crate) struct BucketTotalsSource {
    pub(crate) control: Control,
    pub(crate) selection: BucketSelection,
}

impl BucketTotalsSource {
    /// Selects the buckets by the parameter `names[0]` or its other spellings.
    pub(crate) async fn select(
        caller: &Authenticated,
        state: &ApiState,
        params: &Params,
        names: &[&'static str],
    ) -> ApiResult<Self> {
        let (workspace, named) = (params.id("workspaceId")?, params.ids(names)?);
        let control = state.control().clone();
        let selection = control.select_buckets(caller, named.as_deref(), workspace).await?;
        Ok(Self { control, selection })
    }

    pub(crate) async fn page(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        Ok(self.control.bucket_totals(&self.selection, after, limit).await?)
    }
}

impl Source for BucketTotalsSource {
    type Entry = BucketTotals;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        self.page(after, limit).await
    }

    fn position(entry: &BucketTotals) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketTotals) -> impl Serialize {
        bucket_traffic(entry)
    }
}

/// Returns the traffic of all time by bucket.
///
/// Covers the buckets in `bucketId`, including deleted ones, or all that the caller may see. Malformed and unknown
/// ids are left out. Counters are decimal texts; a bucket without traffic has `"0"`.
#[utoipa::path(
    get,
    path = "/bucket/stats",
    tag = "Buckets",
    operation_id = "bucketTotals",
    security(("bearer" = [])),
    params(
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The totals", body = BucketTrafficList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn totals(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let source = BucketTotalsSource::select(&caller, &state, &params, &["bucketId", "unitId"]).await?;
    pagination::answer(source, Frame::Named("stats"), page).await
}
