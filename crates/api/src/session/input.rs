//! The refresh token in requests.

use bucketry_api_types::session::RefreshToken;
use bucketry_model::secret::Secret;

use crate::error::{ApiError, ApiResult};

pub(super) fn read_token(given: RefreshToken) -> ApiResult<Secret> {
    given
        .refresh_token
        .or(given.refresh_token_again)
        .ok_or_else(|| ApiError::field("refreshToken", "is required"))
}
