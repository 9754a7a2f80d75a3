//! `GET /repo/stats`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_control::Control;
use bucketry_control::repositories::{RepositorySelection, RepositoryTotals};
use bucketry_model::id::RepoId;
use bucketry_store::bucket::PageStart;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

/// A repository's traffic of all time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoTotals)]
pub(crate) struct TotalsAnswer {
    /// The repository's id.
    #[schema(value_type = String, format = "uuid")]
    repo_id: RepoId,
    /// Bytes that clients sent.
    total_upload_bytes: Count,
    /// Bytes that clients received.
    total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    total_size_change: Count,
}

impl From<&RepositoryTotals> for TotalsAnswer {
    fn from(entry: &RepositoryTotals) -> Self {
        Self {
            repo_id: entry.position.id,
            total_upload_bytes: Count(entry.totals.upload_bytes),
            total_download_bytes: Count(entry.totals.download_bytes),
            total_size_change: Count(entry.totals.size_change),
        }
    }
}

/// Traffic of all time by repository.
#[derive(ToSchema)]
#[schema(as = RepoTotalsList)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
pub(crate) struct TotalsList {
    /// Always true.
    success: bool,
    /// One entry per repository: newest repository first, or in the requested order.
    #[schema(inline = false)]
    stats: Vec<TotalsAnswer>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
}

/// The totals of the selected repositories.
struct Totals {
    control: Control,
    selection: RepositorySelection,
}

impl Source for Totals {
    type Entry = RepositoryTotals;
    type Position = PageStart<RepoId>;

    async fn read(&self, after: Option<PageStart<RepoId>>, limit: u32) -> ApiResult<Vec<RepositoryTotals>> {
        Ok(self.control.repository_totals(&self.selection, after, limit).await?)
    }

    fn position(entry: &RepositoryTotals) -> PageStart<RepoId> {
        entry.position
    }

    fn show(entry: &RepositoryTotals) -> impl Serialize {
        TotalsAnswer::from(entry)
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The totals", body = TotalsList),
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
    let source = Totals { control, selection };
    pagination::answer(source, Frame::Named("stats"), page).await
}
