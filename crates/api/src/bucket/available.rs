//! `GET /bucket/available`.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::bucket::AvailableBucket;
use bucketry_api_types::moment::Moment;
use bucketry_control::Control;
use bucketry_control::buckets::BucketView;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/available?workspaceId={workspace}");

struct Available {
    control: Control,
    caller: Caller,
    workspace: Option<WorkspaceId>,
}

impl Source for Available {
    type Entry = BucketView;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketView>> {
        Ok(self.control.available_buckets(&self.caller, self.workspace, after, limit).await?)
    }

    fn position(entry: &BucketView) -> PageStart {
        PageStart { created_at: entry.bucket.created_at, id: entry.bucket.id }
    }

    fn show(entry: &BucketView) -> impl Serialize {
        let bucket = &entry.bucket;
        AvailableBucket {
            id: bucket.id,
            name: bucket.name.as_str().into(),
            storage_type: bucket.location.storage_type,
            bucket: bucket.location.bucket.as_str().into(),
            key: bucket.location.key.as_deref().map(Cow::Borrowed),
            status: entry.status,
            credential_expires_at: bucket.credential.expires_at.map(Moment),
            workspace_id: bucket.workspace_id,
            created_at: Moment(bucket.created_at),
        }
    }
}

/// Lists the buckets that a new repository can use.
///
/// These are the buckets that no repository of mode MIRROR contains. The response is a bare array. The cursor of
/// the next page is in the header `x-next-cursor`.
#[utoipa::path(
    get,
    path = "/bucket/available",
    tag = "Buckets",
    operation_id = "listAvailableBuckets",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `x-next-cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The available buckets", body = Vec<AvailableBucket<'static>>,
            headers(("x-next-cursor" = String, description = "The cursor of the next page; absent on the last page"))),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn available(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace = params.id("workspaceId")?;
    let source = Available { control: state.control().clone(), caller: caller.0.clone(), workspace };
    pagination::answer(source, Frame::Bare, params.page_from("an x-next-cursor")?).await
}
