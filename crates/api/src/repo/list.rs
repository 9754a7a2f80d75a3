//! `GET /repo`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::repository::RepoList;
use bucketry_control::Control;
use bucketry_control::repositories::RepositoryView;
use bucketry_model::id::{RepoId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use super::answer::repo;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/repo?workspaceId={workspace}");

/// The most repositories that `repoId` may name.
const MOST_NAMED: usize = 100;

/// The repositories that a caller may see.
struct RepositorySource {
    control: Control,
    caller: Caller,
    workspace: Option<WorkspaceId>,
}

impl Source for RepositorySource {
    type Entry = RepositoryView;
    type Position = PageStart<RepoId>;

    async fn read(&self, after: Option<PageStart<RepoId>>, limit: u32) -> ApiResult<Vec<RepositoryView>> {
        Ok(self.control.list_repositories(&self.caller, self.workspace, after, limit).await?)
    }

    fn position(entry: &RepositoryView) -> PageStart<RepoId> {
        PageStart { created_at: entry.repository.created_at, id: entry.repository.id }
    }

    fn show(entry: &RepositoryView) -> impl Serialize {
        repo(entry)
    }
}

/// Lists repositories with their buckets and access keys.
///
/// Newest first. Without `limit` and `cursor`, the whole list is returned. With `repoId` (at most 100 ids), the
/// named repositories are returned; those that don't exist are left out.
#[utoipa::path(
    get,
    path = "/repo",
    tag = "Repositories",
    operation_id = "listRepositories",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the repositories of this workspace"),
        ("repoId" = Option<String>, Query, description = "Only these repositories: ids, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The repositories", body = RepoList<'static>),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace: Option<WorkspaceId> = params.id("workspaceId")?;
    let page = params.page()?;
    let Some(ids) = params.ids::<RepoId>(&["repoId"])? else {
        let control = state.control().clone();
        let source = RepositorySource { control, caller: caller.0.clone(), workspace };
        return pagination::answer(source, Frame::Named("repos"), page).await;
    };
    if ids.len() > MOST_NAMED {
        return Err(ApiError::field("repoId", format!("must list at most {MOST_NAMED} ids")));
    }
    // An unknown workspace, or one that the caller can't enter, is refused with and without ids.
    state.control().visible(&caller, workspace).await?;
    let mut views = Vec::new();
    for id in ids {
        let view = match state.control().repository(&caller, id).await {
            Err(bucketry_control::Error::NotFound(_)) => continue,
            found => found?,
        };
        if workspace.is_none_or(|only| only == view.repository.workspace_id) {
            views.push(view);
        }
    }
    let repos = views.iter().map(repo).collect();
    Ok(Json(RepoList { success: true, repos, next_cursor: None }).into_response())
}
