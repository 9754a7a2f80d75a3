//! `/workspace`: workspaces and their members.

mod members;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::workspace::{
    MemberInfo, MemberUser, NewWorkspaceRequest, OneFullWorkspace, OneWorkspace, WorkspaceChanges,
    WorkspaceInfo, WorkspaceList, WorkspaceWithMembers,
};
use bucketry_control::Control;
use bucketry_control::workspaces::WorkspaceView;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Caller;
use bucketry_store::workspace::{Member, Workspace};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{BadRequest, InOrganization, Repeatable, Signed, WithBody};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, rename, delete))
        .merge(members::routes())
}

fn workspace_info(workspace: &Workspace) -> WorkspaceInfo {
    WorkspaceInfo { id: workspace.id, name: workspace.name.as_str().to_owned(), org_id: workspace.org_id }
}

fn member_info(member: &Member) -> MemberInfo {
    let user = &member.user;
    MemberInfo {
        user_id: user.id,
        role: member.role,
        user: MemberUser {
            id: user.id,
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            email: user.email.clone(),
            org_role: user.org_role.number(),
        },
    }
}

fn with_members(view: &WorkspaceView) -> WorkspaceWithMembers {
    WorkspaceWithMembers {
        workspace: workspace_info(&view.workspace),
        users: view.members.iter().map(member_info).collect(),
    }
}

struct Workspaces {
    control: Control,
    caller: Arc<Caller>,
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The workspaces", body = WorkspaceList),
        Signed, BadRequest,
    ),
)]
async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Workspaces { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Named("workspaces"), params.page()?).await
}

/// Creates a workspace.
///
/// Needs the organization role WORKSPACES. The caller becomes an ADMIN of the workspace.
#[utoipa::path(
    post,
    path = "/workspace",
    tag = "Workspaces",
    operation_id = "createWorkspace",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewWorkspaceRequest,
    responses(
        (status = 201, description = "Created", body = OneWorkspace),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewWorkspaceRequest>,
) -> ApiResult<Response> {
    let (control, creator) = (state.control().clone(), Arc::clone(&caller));
    let work = async move {
        let workspace = control.create_workspace(&creator, &value.name).await?;
        let answer = OneWorkspace { success: true, workspace: workspace_info(&workspace) };
        Ok(Created { status: StatusCode::CREATED, answer, again: None })
    };
    let authorize = async { Control::authorize_workspace(&caller) };
    idempotency::once(&state, &caller, &headers, "POST /workspace", &bytes, authorize, work).await
}

/// Returns a workspace and its members.
#[utoipa::path(
    get,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "readWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    responses(
        (status = 200, description = "The workspace", body = OneFullWorkspace),
        Signed, InOrganization,
    ),
)]
async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
) -> ApiResult<Json<OneFullWorkspace>> {
    let view = state.control().workspace(&caller, id).await?;
    Ok(Json(OneFullWorkspace { success: true, workspace: with_members(&view) }))
}

/// Renames a workspace. Needs the role ADMIN in it.
#[utoipa::path(
    put,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "renameWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    request_body = WorkspaceChanges,
    responses(
        (status = 200, description = "Renamed", body = OneWorkspace),
        Signed, InOrganization, WithBody,
    ),
)]
async fn rename(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
    ChangeBody { value }: ChangeBody<WorkspaceChanges>,
) -> ApiResult<Json<OneWorkspace>> {
    let workspace = state.control().rename_workspace(&caller, id, value.name.as_deref()).await?;
    Ok(Json(OneWorkspace { success: true, workspace: workspace_info(&workspace) }))
}

/// Deletes a workspace that contains no buckets. Needs the role ADMIN in it.
#[utoipa::path(
    delete,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "deleteWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    responses(
        (status = 200, description = "Deleted", body = Done),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
) -> ApiResult<Json<Done>> {
    state.control().delete_workspace(&caller, id).await?;
    Ok(Json(Done::YES))
}
