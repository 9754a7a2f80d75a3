//! `GET /workspace`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::workspace::WorkspaceList;
use bucketry_control::Control;
use bucketry_control::workspaces::WorkspaceView;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Caller;
use serde::Serialize;

use super::answer::with_members;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/workspace");

struct Workspaces {
    control: Control,
    caller: Caller,
}

impl Source for Workspaces {
    type Entry = WorkspaceView;
    type Position = WorkspaceId;

    async fn read(&self, after: Option<WorkspaceId>, limit: u32) -> ApiResult<Vec<WorkspaceView>> {
        Ok(self.control.workspaces(&self.caller, after, limit).await?)
    }

    fn position(entry: &WorkspaceView) -> WorkspaceId {
        entry.workspace.id
    }

    fn show(entry: &WorkspaceView) -> impl Serialize {
        with_members(entry)
    }
}

/// Lists the workspaces that the caller can enter, with their members.
#[utoipa::path(
    get,
    path = "/workspace",
    tag = "Workspaces",
    operation_id = "listWorkspaces",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The workspaces", body = WorkspaceList),
        Signed, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Workspaces { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Named("workspaces"), params.page()?).await
}
