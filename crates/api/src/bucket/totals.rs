//! `GET /bucket/stats`, and the code that it shares with `GET /unit/stats`.

use axum::extract::State;
use axum::response::Response;
use bucketry_control::Control;
use bucketry_control::buckets::{BucketSelection, BucketTotals};
use bucketry_model::id::BucketId;
use bucketry_store::bucket::PageStart;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

/// A 64-bit counter, written as decimal text because JavaScript numbers are exact only up to 2^53.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, example = "1048576", pattern = "^-?[0-9]+$")]
pub(crate) struct Count(pub(crate) i64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A bucket's traffic of all time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BucketTotals)]
pub(crate) struct TotalsAnswer {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// Requests that nodes served.
    total_count: Count,
    /// Bytes that clients sent.
    total_upload_bytes: Count,
    /// Bytes that clients received.
    total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    total_size_change: Count,
}

impl From<&BucketTotals> for TotalsAnswer {
    fn from(entry: &BucketTotals) -> Self {
        Self {
            bucket_id: entry.position.id,
            total_count: Count(entry.totals.requests),
            total_upload_bytes: Count(entry.totals.upload_bytes),
            total_download_bytes: Count(entry.totals.download_bytes),
            total_size_change: Count(entry.totals.size_change),
        }
    }
}

/// Traffic of all time by bucket.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
pub(crate) struct TotalsList {
    /// Always true.
    success: bool,
    /// One entry per bucket: newest bucket first, or in the requested order.
    #[schema(inline = false)]
    stats: Vec<TotalsAnswer>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
}

/// The totals of the selected buckets.
pub(crate) struct Totals {
    pub(crate) control: Control,
    pub(crate) selection: BucketSelection,
}

impl Totals {
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

impl Source for Totals {
    type Entry = BucketTotals;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        self.page(after, limit).await
    }

    fn position(entry: &BucketTotals) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketTotals) -> impl Serialize {
        TotalsAnswer::from(entry)
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The totals", body = TotalsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn totals(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let source = Totals::select(&caller, &state, &params, &["bucketId", "unitId"]).await?;
    pagination::answer(source, Frame::Named("stats"), page).await
}
