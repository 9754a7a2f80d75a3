//! Why a page can't be shown, and what it shows instead: what happened, why, and what to do.

use bucketry_control::Error;
use bucketry_web::login_guard::TooManyFailures;
use bucketry_web::rate::RateExceeded;
use bucketry_web::request_body::BodyError;
use http::StatusCode;

use crate::wording;

/// Why a request that changes something was refused as coming from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrossSite {
    /// Another site made the browser send it.
    OtherSite,
    /// The client doesn't say which page sent it.
    Unknown,
}

/// Why a page can't be shown.
#[derive(Debug)]
pub(crate) enum PageError {
    /// A use case refused.
    Control(Error),
    /// The request comes from another site.
    CrossSite(CrossSite),
    /// Too many requests, or too many wrong passwords.
    TooMany {
        message: String,
        /// In seconds.
        retry_after: u64,
    },
    /// The form did not arrive.
    Body(BodyError),
    /// The body is no form.
    NotAForm,
    /// There is no page at the address.
    NoSuchPage,
}

impl From<Error> for PageError {
    fn from(error: Error) -> Self {
        Self::Control(error)
    }
}

impl From<RateExceeded> for PageError {
    fn from(exceeded: RateExceeded) -> Self {
        Self::TooMany { message: exceeded.to_string(), retry_after: exceeded.retry_after }
    }
}

impl From<TooManyFailures> for PageError {
    fn from(failures: TooManyFailures) -> Self {
        Self::TooMany { message: failures.to_string(), retry_after: failures.limit.retry_after }
    }
}

impl From<BodyError> for PageError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl PageError {
    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Control(error) => status_of(error),
            Self::CrossSite(_) => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow | BodyError::Incomplete) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Overloaded(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
        }
    }

    /// After how many seconds the same request may succeed.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after, .. } => Some(*retry_after),
            Self::Control(Error::Unavailable(_)) | Self::Body(BodyError::Overloaded(_)) => Some(5),
            Self::Control(Error::Outdated(_)) => Some(30),
            _ => None,
        }
    }

    /// What happened, in a few words.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Control(Error::NotFound(_)) | Self::NoSuchPage => "There is nothing here",
            Self::Control(Error::Forbidden(_) | Error::NotValidated) => "You don’t have access",
            Self::Control(Error::Unavailable(_)) => "The registry can’t reach its database",
            Self::Control(Error::Outdated(_)) => "This server must be upgraded",
            Self::Control(Error::Conflict) => "Somebody else changed this",
            Self::Control(Error::Internal(_)) => "Something went wrong in the server",
            Self::CrossSite(_) => "This request did not come from this dashboard",
            Self::TooMany { .. } => "Too many requests",
            _ => "This did not work",
        }
    }

    /// Why, and what to do.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Control(error @ Error::NotFound(_)) => {
                format!("{} It may have been deleted, or it belongs to another organization.", wording::message(error))
            }
            Self::Control(error) => wording::message(error),
            Self::CrossSite(CrossSite::OtherSite) => "The browser reports that another site sent it, so nothing was \
                changed. If you sent it from this dashboard, start the server with --public-url set to the address in your \
                browser’s address bar."
                .to_owned(),
            Self::CrossSite(CrossSite::Unknown) => "The browser doesn’t say which page sent it (neither Sec-Fetch-Site nor \
                Origin arrived), so nothing was changed. If a proxy removes these headers, configure it to pass them on, \
                and start the server with --public-url set to the address in your browser’s address bar."
                .to_owned(),
            Self::TooMany { message, .. } => wording::sentence(message),
            Self::Body(error) => wording::sentence(&error.to_string()),
            Self::NotAForm => "The browser sent something other than a form.".to_owned(),
            Self::NoSuchPage => "No page has this address. It may have moved, or the address is incomplete.".to_owned(),
        }
    }

    /// Whether the same request may succeed later without a change.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        matches!(
            self,
            Self::Control(
                Error::Unavailable(_) | Error::Outdated(_) | Error::Internal(_) | Error::NodeTimeout
            ) | Self::TooMany { .. }
                | Self::Body(_)
        )
    }

    /// Logs what only the operator may read.
    pub(crate) fn log(&self) {
        match self {
            Self::Control(error @ (Error::Internal(_) | Error::Unavailable(_))) => {
                tracing::error!(error = error as &dyn std::error::Error, "a page could not be shown");
            }
            Self::Control(error) => {
                tracing::Span::current().record("error_code", error.code());
            }
            _ => {}
        }
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Forbidden(_)
        | Error::NotValidated
        | Error::RegistrationClosed
        | Error::PasswordChangeRequired(_) => StatusCode::FORBIDDEN,
        Error::Unauthenticated(_) | Error::TokenExpired(_) | Error::Login(_) | Error::Refresh(_) => {
            StatusCode::UNAUTHORIZED
        }
        Error::TooManyValidations(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable(_)
        | Error::Outdated(_)
        | Error::NoNodeOnline
        | Error::NoPinnedNodeOnline
        | Error::NoRecipient
        | Error::NodesPending(_)
        | Error::NodeNotApproved(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::NodeTimeout => StatusCode::GATEWAY_TIMEOUT,
        Error::ValidationImpossible(_) => StatusCode::BAD_GATEWAY,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Error::Conflict
        | Error::NameTaken(_)
        | Error::EmailTaken
        | Error::InUse(_)
        | Error::Repository { .. }
        | Error::Rule { .. } => StatusCode::CONFLICT,
        Error::Invalid(_)
        | Error::CurrentPasswordWrong
        | Error::ValidationFailed(_)
        | Error::QuotaExceeded(_)
        | Error::NodeMessage(_)
        | Error::NodeClock(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
