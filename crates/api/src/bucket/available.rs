//! `GET /bucket/available`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bucketry_control::Control;
use bucketry_control::buckets::BucketView;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_model::status::Status;
use bucketry_store::bucket::PageStart;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::schema::{Moment, StatusSchema, StorageTypeSchema};
use crate::state::ApiState;

/// A bucket that a new repository may take.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AvailableBucket)]
pub(crate) struct AvailableAnswer<'a> {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: BucketId,
    /// What people call it.
    #[schema(value_type = String)]
    name: &'a str,
    /// The protocol of its provider.
    #[schema(value_type = StorageTypeSchema)]
    storage_type: StorageType,
    /// Its name at the provider.
    #[schema(value_type = String)]
    bucket: &'a str,
    /// The identity that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    key: Option<&'a str>,
    /// Its status.
    #[schema(value_type = StatusSchema)]
    status: Status,
    /// When its secret expires. Absent where it doesn't, or doesn't tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_expires_at: Option<Moment>,
    /// Its workspace.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// When it was registered.
    created_at: Moment,
}

struct Available {
    control: Control,
    caller: Arc<Caller>,
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
        AvailableAnswer {
            id: bucket.id,
            name: bucket.name.as_str(),
            storage_type: bucket.location.storage_type,
            bucket: &bucket.location.bucket,
            key: bucket.location.key.as_deref(),
            status: entry.status,
            credential_expires_at: bucket.credential.expires_at.map(Moment),
            workspace_id: bucket.workspace_id,
            created_at: Moment(bucket.created_at),
        }
    }
}

/// Lists the buckets that a new repository may take.
///
/// Those that no repository of mode MIRROR holds. The answer is a bare array; the next page's cursor is in the header
/// `x-next-cursor`.
#[utoipa::path(
    get,
    path = "/bucket/available",
    tag = "Buckets",
    operation_id = "listAvailableBuckets",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries of a page"),
        ("cursor" = Option<String>, Query, description = "The `x-next-cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The available buckets", body = Vec<AvailableAnswer<'static>>,
            headers(("x-next-cursor" = String, description = "Where the next page begins; absent at the end"))),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn available(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace = params.id("workspaceId")?;
    let source = Available { control: state.control().clone(), caller: Arc::clone(&caller.0), workspace };
    pagination::answer(source, Frame::Bare, params.page()?).await
}
