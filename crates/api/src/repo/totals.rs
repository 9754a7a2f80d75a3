//! `GET /repo/stats`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_control::Control;
use bucketry_control::repositories::RepositoryTotals;
use bucketry_model::id::RepoId;
use bucketry_model::role::Caller;
use bucketry_store::bucket::PageStart;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bucket::totals::Count;
use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::listing::{self, Frame, Source};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::Params;
use crate::state::ApiState;

/// What was ever counted for a repository.
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

/// Totals of repositories.
#[derive(Serialize, ToSchema)]
#[schema(as = RepoTotalsList)]
pub(crate) struct TotalsList {
    /// Always true.
    success: bool,
    /// The totals, newest repository first, or in the order that was asked for.
    stats: Vec<TotalsAnswer>,
    /// Where the next page begins; null at the end. Absent where no page was asked for.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The totals of all repositories that a caller may see.
struct Totals {
    control: Control,
    caller: Arc<Caller>,
}

impl Source for Totals {
    type Entry = RepositoryTotals;
    type Place = PageStart<RepoId>;

    async fn read(&self, after: Option<PageStart<RepoId>>, limit: u32) -> ApiResult<Vec<RepositoryTotals>> {
        Ok(self.control.repository_totals(&self.caller, after, limit).await?)
    }

    fn place(entry: &RepositoryTotals) -> PageStart<RepoId> {
        entry.position
    }

    fn show(entry: &RepositoryTotals) -> impl Serialize {
        TotalsAnswer::from(entry)
    }
}

/// Tells how much traffic nodes ever counted for repositories.
///
/// For those of `repoId`, or for all that the caller may see. All counters are decimal texts; repositories without
/// traffic are there with `"0"`.
#[utoipa::path(
    get,
    path = "/repo/stats",
    tag = "Repositories",
    operation_id = "repositoryTotals",
    security(("bearer" = [])),
    params(
        ("repoId" = Option<String>, Query, description = "Ids, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries of a page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before"),
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
    if let Some(ids) = params.ids(&["repoId"])? {
        let named = state.control().repository_totals_of(&caller, &ids).await?;
        let stats = named.iter().map(TotalsAnswer::from).collect();
        return Ok(Json(TotalsList { success: true, stats, next_cursor: None }).into_response());
    }
    let source = Totals { control: state.control().clone(), caller: Arc::clone(&caller.0) };
    listing::answer(source, Frame::Named("stats"), page).await
}
