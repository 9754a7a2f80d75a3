//! `/unit`: the older name of buckets. Only what the current public client still calls.

use axum::extract::State;
use axum::response::Response;
use bucketry_control::buckets::BucketTotals;
use bucketry_model::id::BucketId;
use bucketry_store::bucket::PageStart;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bucket::totals::{Count, Totals};
use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

/// What was ever counted for a bucket, in the older spelling.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnitTotals)]
pub(crate) struct UnitTotalsAnswer {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    unit_id: BucketId,
    /// Requests served through nodes.
    total_count: Count,
    /// Bytes that clients sent.
    total_upload_bytes: Count,
    /// Bytes that clients received.
    total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    total_size_change: Count,
}

impl From<&BucketTotals> for UnitTotalsAnswer {
    fn from(entry: &BucketTotals) -> Self {
        Self {
            unit_id: entry.position.id,
            total_count: Count(entry.totals.requests),
            total_upload_bytes: Count(entry.totals.upload_bytes),
            total_download_bytes: Count(entry.totals.download_bytes),
            total_size_change: Count(entry.totals.size_change),
        }
    }
}

/// Totals of buckets, in the older spelling.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `listing`")]
pub(crate) struct UnitTotalsList {
    /// Always true.
    success: bool,
    /// The totals.
    #[schema(inline = false)]
    stats: Vec<UnitTotalsAnswer>,
    /// Where the next page begins; null at the end. Absent where no page was asked for.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
}

struct Units(Totals);

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
        UnitTotalsAnswer::from(entry)
    }
}

/// Returns how much traffic nodes ever counted for buckets, in the older spelling.
///
/// For clients that still call it; others use `GET /bucket/stats`.
#[utoipa::path(
    get,
    path = "/unit/stats",
    tag = "Buckets",
    operation_id = "unitTotals",
    security(("bearer" = [])),
    params(
        ("unitId" = Option<String>, Query, description = "Ids, separated by commas; also `bucketId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries of a page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before"),
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
    let source = Units(Totals::select(&caller, &state, &params, &["unitId", "bucketId"]).await?);
    pagination::answer(source, Frame::Named("stats"), page).await
}
