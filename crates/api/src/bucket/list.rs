//! `GET /bucket`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::bucket::BucketList;
use bucketry_control::Control;
use bucketry_control::buckets::{BucketListInput, BucketView, FoundPage};
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::ListPosition;
use serde::Serialize;

use super::answer::bucket_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::list_cache::ListKey;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, ReadPage, Source, Whole, json};
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

/// The buckets that a caller may see and that parameters select or order.
struct SearchedBuckets {
    control: Control,
    caller: Caller,
    input: BucketListInput,
}

impl Source for SearchedBuckets {
    type Entry = BucketView;
    type Position = ListPosition<BucketId>;

    async fn read(&self, after: Option<Self::Position>, limit: u32) -> ApiResult<Vec<BucketView>> {
        Ok(self.read_page(after, limit).await?.entries)
    }

    async fn read_page(&self, after: Option<Self::Position>, limit: u32) -> ApiResult<ReadPage<Self>> {
        let found = self.control.search_buckets(&self.caller, &self.input, after, limit).await?;
        let FoundPage { entries, next } = found;
        Ok(ReadPage { entries, next })
    }

    fn position(entry: &BucketView) -> Self::Position {
        ListPosition::Newest(PageStart { created_at: entry.bucket.created_at, id: entry.bucket.id })
    }

    fn show(entry: &BucketView) -> impl Serialize {
        bucket_info(entry)
    }
}

fn input(params: &Params) -> ApiResult<BucketListInput> {
    Ok(BucketListInput {
        workspace: params.id("workspaceId")?,
        statuses: params.values("status")?,
        providers: params.values("provider")?,
        storage_types: params.values("storageType")?,
        words: params.search()?,
        order: params.sort()?,
    })
}

/// Lists the buckets that the caller may see.
///
/// Without `limit` and `cursor`, the whole list is returned.
#[utoipa::path(
    get,
    path = "/bucket",
    tag = "Buckets",
    operation_id = "listBuckets",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("status" = Option<String>, Query, description = "Only buckets with this status: `ONLINE`, `OFFLINE` or `DISCONNECTED`; several are separated by commas"),
        ("provider" = Option<String>, Query, description = "Only buckets at this provider: a value that `provider` has in responses, or another name such as `r2`; several are separated by commas"),
        ("storageType" = Option<String>, Query, description = "Only buckets of this type: `S3`, `GCS` or `BLOB`; several are separated by commas"),
        ("search" = Option<String>, Query, description = "Only buckets with these words in `name` or `bucket`. A word is found by its beginning, whatever its case and accents, and all words must be found. At most 255 characters and 8 words"),
        ("sort" = Option<String>, Query, description = "The order: `newest` (creation time, newest first) or `name`. The default is `newest`; with `search`, it is the alphabetical order of the words that were found. A search is refused if each of its words is found in more than 1,000 entries and `sort` is sent"),
        ("walletAddress" = Option<String>, Query, deprecated, description = "Ignored; some clients send it"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent. With a filter or `search`, a page may have fewer, even if more pages follow"),
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
    let input = input(&params)?;
    let page = params.page_in_order()?;
    let control = state.control();
    let frame = Frame::Named("buckets");
    if !input.is_plain() {
        let source = SearchedBuckets { control: control.clone(), caller: caller.0.clone(), input };
        return pagination::answer(source, frame, page).await;
    }
    let workspace = input.workspace;
    let source = Buckets { control: control.clone(), caller: caller.0.clone(), workspace };
    if let Page::Part { after, limit } = page {
        let after = match after {
            Some(ListPosition::Newest(start)) => Some(start),
            _ => None,
        };
        return pagination::answer(source, frame, Page::Part { after, limit }).await;
    }
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
