//! `GET /bucket`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::bucket::BucketList;
use bucketry_control::Control;
use bucketry_control::buckets::BucketView;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use super::answer::bucket_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::list_cache::ListKey;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source, Whole, json};
use crate::params::{Page, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket?workspaceId={workspace}");

/// The buckets that a caller may see.
struct Buckets {
    control: Control,
    caller: Caller,
    workspace: Option<WorkspaceId>,
}

impl Source for Buckets {
    type Entry = BucketView;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketView>> {
        Ok(self.control.list_buckets(&self.caller, self.workspace, after, limit).await?)
    }

    fn position(entry: &BucketView) -> PageStart {
        PageStart { created_at: entry.bucket.created_at, id: entry.bucket.id }
    }

    fn show(entry: &BucketView) -> impl Serialize {
        bucket_info(entry)
    }
}

/// Lists the buckets that the caller may see.
///
/// Newest first. Without `limit` and `cursor`, the whole list is returned.
#[utoipa::path(
    get,
    path = "/bucket",
    tag = "Buckets",
    operation_id = "listBuckets",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("walletAddress" = Option<String>, Query, deprecated, description = "Ignored; some clients send it"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The buckets that the caller may see", body = BucketList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace = params.id("workspaceId")?;
    let page = params.page()?;
    let control = state.control();
    let source = Buckets { control: control.clone(), caller: caller.0.clone(), workspace };
    let frame = Frame::Named("buckets");
    let Page::Whole = page else { return pagination::answer(source, frame, page).await };
    let key = ListKey {
        org_id: caller.org_id,
        visible: control.visible(&caller, workspace).await?,
        // Read before the list: a change while the list is read makes the next request read it again.
        generation: control.bucket_generation(&caller).await?,
    };
    if let Some(body) = state.lists().get(&key) {
        return Ok(json(Body::from(body)));
    }
    let whole = pagination::whole(source, frame).await?;
    if let Whole::Collected(body) = &whole {
        state.lists().insert(key, body.clone());
    }
    Ok(whole.into_response())
}
