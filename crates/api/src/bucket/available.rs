//! `GET /bucket/available`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
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
use crate::state::ApiState;

/// A bucket that a new repository can use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AvailableBucket)]
pub(crate) struct AvailableAnswer<'a> {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    id: BucketId,
    /// The display name.
    #[schema(value_type = String)]
    name: &'a str,
    /// The storage protocol of the provider.
    storage_type: StorageType,
    /// The name of the bucket or container at its provider.
    #[schema(value_type = String)]
    bucket: &'a str,
    /// The identity that accesses the bucket: access key id, role ARN, client e-mail or account name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    key: Option<&'a str>,
    /// The bucket's status, combined from the reports of its nodes.
    status: Status,
    /// When the secret expires. Absent if it doesn't expire, or if its expiry isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_expires_at: Option<Moment>,
    /// The workspace that the bucket belongs to.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// When the bucket was registered.
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `x-next-cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The available buckets", body = Vec<AvailableAnswer<'static>>,
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
    let source = Available { control: state.control().clone(), caller: Arc::clone(&caller.0), workspace };
    pagination::answer(source, Frame::Bare, params.page()?).await
}
