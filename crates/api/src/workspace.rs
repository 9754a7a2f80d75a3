//! `/workspace`: workspaces and their members.

mod members;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::outcome::Done;
use bucketry_control::Control;
use bucketry_control::workspaces::WorkspaceView;
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::workspace::{Member, Workspace};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
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

/// A workspace.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Workspace)]
struct WorkspaceAnswer {
    /// The workspace's id.
    #[schema(value_type = String, format = "uuid")]
    id: WorkspaceId,
    /// The workspace's name.
    #[schema(example = "default")]
    name: String,
    /// The organization that the workspace belongs to.
    #[schema(value_type = String, format = "uuid")]
    org_id: OrgId,
}

impl From<&Workspace> for WorkspaceAnswer {
    fn from(workspace: &Workspace) -> Self {
        Self { id: workspace.id, name: workspace.name.as_str().to_owned(), org_id: workspace.org_id }
    }
}

/// A workspace with its members.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceWithMembers)]
struct FullWorkspace {
    #[serde(flatten)]
    workspace: WorkspaceAnswer,
    /// The members, newest first. Users with implicit rights are not included.
    users: Vec<MemberAnswer>,
}

/// A member of a workspace.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
struct MemberAnswer {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: UserId,
    /// The role in the workspace.
    role: WorkspaceRole,
    /// The member's account.
    user: MemberUser,
}

/// A member's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemberUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// First name.
    name: String,
    /// Last name.
    last_name: String,
    /// E-mail address.
    email: String,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
}

impl From<&Member> for MemberAnswer {
    fn from(member: &Member) -> Self {
        let user = &member.user;
        Self {
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
}

impl From<&WorkspaceView> for FullWorkspace {
    fn from(view: &WorkspaceView) -> Self {
        Self {
            workspace: (&view.workspace).into(),
            users: view.members.iter().map(MemberAnswer::from).collect(),
        }
    }
}

/// A response with a workspace.
#[derive(Serialize, ToSchema)]
struct OneWorkspace {
    /// Always true.
    success: bool,
    /// The workspace.
    workspace: WorkspaceAnswer,
}

/// A response with a workspace and its members.
#[derive(Serialize, ToSchema)]
struct OneFullWorkspace {
    /// Always true.
    success: bool,
    /// The workspace.
    workspace: FullWorkspace,
}

/// A list of workspaces.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
struct WorkspaceList {
    /// Always true.
    success: bool,
    /// The workspaces, newest first.
    workspaces: Vec<FullWorkspace>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
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
        FullWorkspace::from(entry)
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

/// A workspace to create.
#[derive(Deserialize, ToSchema)]
struct NewWorkspace {
    /// The name of the new workspace.
    #[schema(min_length = 1, max_length = 255, example = "research")]
    name: String,
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
    request_body = NewWorkspace,
    responses(
        (status = 201, description = "Created", body = OneWorkspace),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewWorkspace>,
) -> ApiResult<Response> {
    let (control, creator) = (state.control().clone(), Arc::clone(&caller));
    let work = async move {
        let workspace = control.create_workspace(&creator, &value.name).await?;
        let answer = OneWorkspace { success: true, workspace: (&workspace).into() };
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
    Ok(Json(OneFullWorkspace { success: true, workspace: (&view).into() }))
}

/// Changes to a workspace.
#[derive(Deserialize, ToSchema)]
struct WorkspaceChanges {
    /// The new name.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
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
    Ok(Json(OneWorkspace { success: true, workspace: (&workspace).into() }))
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
