//! Traffic by minute and by day, in responses.

use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::{EstimatedCost, StatsData};
use bucketry_control::Control;
use bucketry_control::traffic::{PricedPoint, Series, SeriesInput};
use bucketry_model::usage::Resolution;
use bucketry_store::usage::{SeriesPoint, SeriesPosition};
use serde::Serialize;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::pagination::{self, Frame, Source};
use crate::params::{DateOrTime, Params};
use crate::state::ApiState;

fn point(PricedPoint { point, cost }: &PricedPoint) -> StatsData<'_> {
    let SeriesPoint { position, bucket_id, repo_id, host, counts, .. } = point;
    StatsData {
        timestamp: position.at,
        repo_id: *repo_id,
        bucket_id: *bucket_id,
        unit_id: *bucket_id,
        upl_bytes: Count(counts.upload_bytes),
        dwl_bytes: Count(counts.download_bytes),
        size_change: Count(counts.size_change),
        latency_ms: counts.latency_ms(),
        first_byte_ms: counts.first_byte_ms(),
        host: host.as_str().into(),
        requests: counts.requests,
        errors: counts.errors,
        provider_errors: counts.provider_errors,
        reads: counts.reads,
        writes: counts.writes,
        lists: counts.lists,
        estimated_cost: cost.as_ref().map(|cost| EstimatedCost {
            currency: cost.currency.to_string().into(),
            requests: cost.requests,
            egress: cost.egress,
            total: cost.total(),
        }),
    }
}

struct Points {
    control: Control,
    series: Series,
}

impl Source for Points {
    type Entry = PricedPoint;
    type Position = SeriesPosition;

    async fn read(&self, after: Option<SeriesPosition>, limit: u32) -> ApiResult<Vec<PricedPoint>> {
        Ok(self.control.series_page(&self.series, after, limit).await?)
    }

    fn position(entry: &PricedPoint) -> SeriesPosition {
        entry.point.position
    }

    fn show(entry: &PricedPoint) -> impl Serialize {
        point(entry)
    }
}

/// The traffic that a request selects.
pub(super) async fn traffic(
    resolution: Resolution,
    caller: &Authenticated,
    state: &ApiState,
    params: &Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let input = SeriesInput {
        resolution,
        from: params.moments("startDate")?.map(DateOrTime::first),
        until: params.moments("endDate")?.map(DateOrTime::last),
        workspace: params.id("workspaceId")?,
        buckets: params.ids(&["bucketId", "unitId"])?,
        repositories: params.ids(&["repoId"])?,
        hosts: params.texts("hosts"),
    };
    let series = state.control().series(caller, input).await?;
    pagination::answer(Points { control: state.control().clone(), series }, Frame::Named("data"), page).await
}
