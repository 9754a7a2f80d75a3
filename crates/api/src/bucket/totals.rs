//! `GET /bucket/stats`, and what `GET /unit/stats` shares with it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_control::Control;
use bucketry_control::buckets::BucketTotals;
use bucketry_model::id::BucketId;
use bucketry_model::role::Caller;
use bucketry_model::time::from_micros;
use bucketry_store::bucket::PageStart;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::listing::{self, Frame, Source};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::Params;
use crate::state::ApiState;

/// A 64-bit counter, written as decimal text: JavaScript's numbers lose what is beyond 2^53.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, example = "1048576", pattern = "^-?[0-9]+$")]
pub(crate) struct Count(pub(crate) i64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What was ever counted for a bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BucketTotals)]
pub(crate) struct TotalsAnswer {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// Requests served through nodes.
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
            bucket_id: entry.bucket_id,
            total_count: Count(entry.totals.requests),
            total_upload_bytes: Count(entry.totals.upload_bytes),
            total_download_bytes: Count(entry.totals.download_bytes),
            total_size_change: Count(entry.totals.size_change),
        }
    }
}

/// Totals of buckets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotalsList {
    /// Always true.
    success: bool,
    /// The totals, newest bucket first, or in the order that was asked for.
    stats: Vec<TotalsAnswer>,
    /// Where the next page begins; null at the end. Absent where no page was asked for.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The totals of all buckets that a caller may see.
pub(crate) struct Totals {
    pub(crate) control: Control,
    pub(crate) caller: Arc<Caller>,
}

impl Totals {
    pub(crate) async fn page(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        Ok(self.control.bucket_totals(&self.caller, after, limit).await?)
    }

    pub(crate) fn place_of(entry: &BucketTotals) -> PageStart {
        let unknown = PageStart { created_at: from_micros(0), id: entry.bucket_id };
        entry.position.unwrap_or(unknown)
    }
}

impl Source for Totals {
    type Entry = BucketTotals;
    type Place = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketTotals>> {
        self.page(after, limit).await
    }

    fn place(entry: &BucketTotals) -> PageStart {
        Self::place_of(entry)
    }

    fn show(entry: &BucketTotals) -> impl Serialize {
        TotalsAnswer::from(entry)
    }
}

/// Tells how much traffic nodes ever counted for buckets.
///
/// For those of `bucketId`, or for all that the caller may see. All counters are decimal texts; buckets without
/// traffic are there with `"0"`.
#[utoipa::path(
    get,
    path = "/bucket/stats",
    tag = "Buckets",
    operation_id = "bucketTotals",
    security(("bearer" = [])),
    params(
        ("bucketId" = Option<String>, Query, description = "Ids, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries of a page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before"),
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
    if let Some(ids) = params.ids(&["bucketId", "unitId"])? {
        let named = state.control().bucket_totals_of(&caller, &ids).await?;
        let stats = named.iter().map(TotalsAnswer::from).collect();
        return Ok(Json(TotalsList { success: true, stats, next_cursor: None }).into_response());
    }
    let source = Totals { control: state.control().clone(), caller: Arc::clone(&caller.0) };
    listing::answer(source, Frame::Named("stats"), page).await
}
