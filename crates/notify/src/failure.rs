//! Why a message wasn't accepted.

use bucketry_provider::error::ProviderError;
use http::StatusCode;
use lettre::transport::smtp::Error as SmtpError;

/// Why an attempt failed, in words that may be shown. Never what the receiver wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendFailure {
    /// The receiver's status, of HTTP or SMTP.
    pub(crate) status: Option<u16>,
    /// A clause without a full stop.
    pub(crate) reason: String,
    /// How many seconds the receiver asks to wait.
    pub(crate) retry_after: Option<u64>,
    /// Whether the receiver refuses this message and may accept another one.
    pub(crate) is_of_message: bool,
}

impl SendFailure {
    /// A failure without a response.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { status: None, reason: reason.into(), retry_after: None, is_of_message: false }
    }

    /// A response that isn't a success.
    pub(crate) fn of_status(status: StatusCode, retry_after: Option<u64>) -> Self {
        let name = status.canonical_reason().map(|name| format!(" ({name})")).unwrap_or_default();
        let reason = if status.is_redirection() {
            format!(
                "the receiver answered {}{name}, and redirects are not followed: enter the final URL",
                status.as_u16()
            )
        } else {
            format!("the receiver answered {}{name}", status.as_u16())
        };
        Self {
            status: Some(status.as_u16()),
            reason,
            retry_after,
            is_of_message: matches!(status.as_u16(), 400 | 413 | 415 | 422),
        }
    }

    /// A connection or a request that failed.
    pub(crate) fn of_connection(error: &ProviderError) -> Self {
        let reason = match error {
            ProviderError::Blocked(refusal) => {
                return Self::new(format!("the endpoint policy refuses {refusal}. {}", refusal.hint()));
            }
            ProviderError::DnsFailed => "the host name can't be resolved",
            ProviderError::ConnectionRefused => "the host refuses connections to this port",
            ProviderError::ConnectTimeout => "connecting timed out",
            ProviderError::Unreachable => "the host can't be reached",
            ProviderError::Tls(failure) => return Self::new(failure.to_string()),
            ProviderError::TimedOut => "the receiver did not answer in time",
            ProviderError::BrokenOff => "the receiver closed the connection before it answered",
            ProviderError::InvalidRequest(reason) => reason,
            _ => "the receiver's answer isn't HTTP",
        };
        Self::new(reason)
    }

    /// A mail server that refused, or a conversation that failed.
    pub(crate) fn of_smtp(error: &SmtpError) -> Self {
        if let Some(code) = error.status() {
            let status = code.to_string().parse().ok();
            let kind = if error.is_permanent() { "permanently" } else { "for now" };
            return Self {
                status,
                is_of_message: matches!(status, Some(552 | 554)),
                ..Self::new(format!("the mail server refuses with status {code}, {kind}"))
            };
        }
        Self::new(if error.is_tls() || names_certificate(error) {
            "TLS with the mail server failed: check its certificate"
        } else if error.is_timeout() {
            "the mail server did not answer in time"
        } else if error.is_response() {
            "the answer of the mail server isn't SMTP"
        } else {
            "the mail server closed the connection"
        })
    }
}

/// Whether the cause is a certificate that isn't trusted. lettre reports that as a failed connection.
fn names_certificate(error: &SmtpError) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // The text is that of the TLS library, not of the server.
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use bucketry_provider::policy::Refusal;

    use super::*;

    #[test]
    fn reasons_say_what_to_do_and_never_repeat_what_was_received() {
        let moved = SendFailure::of_status(StatusCode::FOUND, None);
        assert!(moved.reason.contains("302 (Found), and redirects are not followed"), "{}", moved.reason);
        for (status, is_of_message) in [
            (StatusCode::BAD_REQUEST, true),
            (StatusCode::PAYLOAD_TOO_LARGE, true),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, true),
            (StatusCode::UNPROCESSABLE_ENTITY, true),
            (StatusCode::UNAUTHORIZED, false),
            (StatusCode::NOT_FOUND, false),
            (StatusCode::TOO_MANY_REQUESTS, false),
            (StatusCode::INTERNAL_SERVER_ERROR, false),
        ] {
            assert_eq!(SendFailure::of_status(status, None).is_of_message, is_of_message, "{status}");
        }
        let busy = SendFailure::of_status(StatusCode::TOO_MANY_REQUESTS, Some(30));
        assert_eq!((busy.status, busy.retry_after), (Some(429), Some(30)));
        let blocked = SendFailure::of_connection(&ProviderError::Blocked(Refusal::Private));
        assert!(blocked.reason.contains("a private network address. To allow"), "{}", blocked.reason);
    }
}
