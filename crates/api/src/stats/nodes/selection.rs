//! The buckets that a request selects.

use bucketry_control::buckets::BucketSelection;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::params::Params;
use crate::state::ApiState;

pub(super) async fn select(
    caller: &Authenticated,
    state: &ApiState,
    params: &Params,
) -> ApiResult<BucketSelection> {
    let (workspace, named) = (params.id("workspaceId")?, params.ids(&["bucketId", "unitId"])?);
    Ok(state.control().select_buckets(caller, named.as_deref(), workspace).await?)
}
