//! `GET /stats/nodes/minute`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::node_stats::{NodeStatsMinute, NodeStatsMinuteList};
use bucketry_control::Control;
use bucketry_control::buckets::{BucketSelection, BucketStates};
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use super::selection::select;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Elements, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/nodes/minute?bucketId={bucketId}");

fn minutes(entry: &BucketStates) -> impl Iterator<Item = NodeStatsMinute> {
    let id = entry.position.id;
    entry.nodes.iter().map(move |state| NodeStatsMinute {
        node_id: state.node_id,
        bucket_id: id,
        unit_id: id,
        node_status: state.status,
        last_updated: Moment(state.last_updated),
        latency_ms: state.latency_ms.unwrap_or(0),
    })
}

struct Minutes {
    control: Control,
    selection: BucketSelection,
}

impl Source for Minutes {
    type Entry = BucketStates;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketStates>> {
        Ok(self.control.bucket_states(&self.selection, after, limit).await?)
    }

    fn position(entry: &BucketStates) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketStates) -> impl Serialize {
        minutes(entry).collect::<Vec<_>>()
    }

    fn write(entry: &BucketStates, list: &mut Elements<'_>) -> ApiResult<()> {
        minutes(entry).try_for_each(|row| list.add(&row))
    }
}

/// Returns the current status of buckets, by node.
///
/// One entry per bucket and node that has probed it: for the buckets in `bucketId`, or for all that the caller may
/// see. Deleted buckets have no entries. `limit` counts buckets.
#[utoipa::path(
    get,
    path = "/stats/nodes/minute",
    tag = "Statistics",
    operation_id = "nodeStatsMinute",
    security(("bearer" = [])),
    params(
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Buckets per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The current status", body = NodeStatsMinuteList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn minute(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let selection = select(&caller, &state, &params).await?;
    let source = Minutes { control: state.control().clone(), selection };
    pagination::answer(source, Frame::Named("data"), page).await
}
