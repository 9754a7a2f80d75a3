//! The responses to requests beyond a rate limit.

use bucketry_web::login_guard::TooManyFailures;
use bucketry_web::rate::RateExceeded;

use crate::error::ApiError;

impl From<RateExceeded> for ApiError {
    fn from(exceeded: RateExceeded) -> Self {
        refused(&exceeded, exceeded.to_string())
    }
}

impl From<TooManyFailures> for ApiError {
    fn from(failures: TooManyFailures) -> Self {
        refused(&failures.limit, failures.to_string())
    }
}

fn refused(exceeded: &RateExceeded, message: String) -> ApiError {
    let error = ApiError::too_many_requests(message, exceeded.retry_after);
    exceeded.headers().into_iter().fold(error, |error, (name, value)| error.header(name, value))
}
