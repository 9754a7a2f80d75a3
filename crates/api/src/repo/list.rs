//! `GET /repo`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::repository::RepoList;
use bucketry_control::Control;
use bucketry_control::buckets::FoundPage;
use bucketry_control::repositories::{RepositoryListInput, RepositoryView};
use bucketry_model::id::{RepoId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::ListPosition;
use serde::Serialize;

use super::answer::repo;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, ReadPage, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/repo?workspaceId={workspace}");

/// The most repositories that `repoId` may name.
const MOST_NAMED: usize = 100;

/// The repositories that a caller may see.
struct RepositorySource {
    control: Control,
    caller: Caller,
    input: RepositoryListInput,
}

impl Source for RepositorySource {
    type Entry = RepositoryView;
    type Position = ListPosition<RepoId>;

    async fn read(&self, after: Option<Self::Position>, limit: u32) -> ApiResult<Vec<RepositoryView>> {
        Ok(self.read_page(after, limit).await?.entries)
    }

    async fn read_page(&self, after: Option<Self::Position>, limit: u32) -> ApiResult<ReadPage<Self>> {
        let found = self.control.search_repositories(&self.caller, &self.input, after, limit).await?;
        let FoundPage { entries, next } = found;
        Ok(ReadPage { entries, next })
    }

    fn position(entry: &RepositoryView) -> Self::Position {
        ListPosition::Newest(PageStart { created_at: entry.repository.created_at, id: entry.repository.id })
    }

    fn show(entry: &RepositoryView) -> impl Serialize {
        repo(entry)
    }
}

/// Lists repositories with their buckets and access keys.
///
/// Without `limit` and `cursor`, the whole list is returned. With `repoId` (at most 100 ids), the
/// named repositories are returned; those that don't exist are left out.
#[utoipa::path(
    get,
    path = "/repo",
    tag = "Repositories",
    operation_id = "listRepositories",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the repositories of this workspace"),
        ("search" = Option<String>, Query, description = "Only repositories with these words in `name`. A word is found by its beginning, whatever its case and accents, and all words must be found. At most 255 characters and 8 words. Can't be combined with `repoId`"),
        ("sort" = Option<String>, Query, description = "The order: `newest` (creation time, newest first) or `name`. The default is `newest`; with `search`, it is the alphabetical order of the words that were found. A search is refused if each of its words is found in more than 1,000 entries and `sort` is sent"),
        ("walletAddress" = Option<String>, Query, deprecated, description = "Ignored; some clients send it"),
        ("repoId" = Option<String>, Query, description = "Only these repositories: ids, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
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
    let input = RepositoryListInput { workspace, words: params.search()?, order: params.sort()? };
    let page = params.page_in_order()?;
    let Some(ids) = params.ids::<RepoId>(&["repoId"])? else {
        let control = state.control().clone();
        let source = RepositorySource { control, caller: caller.0.clone(), input };
        return pagination::answer(source, Frame::Named("repos"), page).await;
    };
    for (name, is_given) in [("search", input.words.is_some()), ("sort", input.order.is_some())] {
        if is_given {
            return Err(ApiError::field(name, "can't be combined with repoId"));
        }
    }
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
