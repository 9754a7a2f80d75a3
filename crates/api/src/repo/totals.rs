//! `GET /repo/stats`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::repository::{RepoTotals, RepoTotalsList};
use bucketry_control::Control;
use bucketry_control::repositories::{RepositorySelection, RepositoryTotals};
use bucketry_model::id::RepoId;
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/repo/stats?repoId={repoId}");

fn repo_totals(entry: &RepositoryTotals) -> RepoTotals {
    RepoTotals {
        repo_id: entry.position.id,
        total_upload_bytes: Count(entry.totals.upload_bytes),
        total_download_bytes: Count(entry.totals.download_bytes),
        total_size_change: Count(entry.totals.size_change),
    }
}

/// The totals of the selected repositories.
struct RepositoryTotalsSource {
    control: Control,
    selection: RepositorySelection,
}

impl Source for RepositoryTotalsSource {
    type Entry = RepositoryTotals;
    type Position = PageStart<RepoId>;

    async fn read(&self, after: Option<PageStart<RepoId>>, limit: u32) -> ApiResult<Vec<RepositoryTotals>> {
        Ok(self.control.repository_totals(&self.selection, after, limit).await?)
    }

    fn position(entry: &RepositoryTotals) -> PageStart<RepoId> {
        entry.position
    }

    fn show(entry: &RepositoryTotals) -> impl Serialize {
        repo_totals(entry)
    }
}

/// Returns the traffic of all time by repository.
///
/// Covers the repositories in `repoId`, including deleted ones, or all that the caller may see. Malformed and
/// unknown ids are left out. Counters are decimal texts; a repository without traffic has `"0"`.
#[utoipa::path(
    get,
    path = "/repo/stats",
    tag = "Repositories",
    operation_id = "repositoryTotals",
    security(("bearer" = [])),
    params(
        ("repoId" = Option<String>, Query, description = "Only these repositories: ids, separated by commas"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the repositories of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The totals", body = RepoTotalsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn totals(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let (workspace, named) = (params.id("workspaceId")?, params.ids(&["repoId"])?);
    let control = state.control().clone();
    let selection = control.select_repositories(&caller, named.as_deref(), workspace).await?;
    let source = RepositoryTotalsSource { control, selection };
    pagination::answer(source, Frame::Named("stats"), page).await
}
