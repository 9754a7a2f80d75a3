//! Errors of commands and their exit statuses.

use bucketry_client::ClientError;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong: exit status 2.
    Usage(String),
    /// The operation was refused or failed: exit status 1.
    Failed(String),
}

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A failure with the whole chain of causes in its message.
    pub(crate) fn because(what: &str, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(next) = cause {
            text.push_str(": ");
            text.push_str(&next.to_string());
            cause = next.source();
        }
        Self::Failed(text)
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) => message,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let mut text = error.to_string();
        match &error {
            ClientError::InvalidUrl { .. } => return Self::Usage(format!("--url (or BUCKETRY_URL): {text}")),
            ClientError::Certificates { .. } => {
                return Self::Usage(format!("--api-ca-file (or BUCKETRY_API_CA_FILE): {text}"));
            }
            _ => {}
        }
        if let ClientError::Refused(refusal) = &error {
            // With a single field, the message already is about that field.
            let sentence = text.clone();
            for field in refusal.fields.iter().filter(|field| !sentence.contains(&field.message)) {
                text.extend(["\n  ", &field.field, " ", &field.message]);
            }
            if refusal.error_code.as_deref() == Some("UNAUTHENTICATED") {
                text.push_str("\n  run `bucketry login`, or set BUCKETRY_URL and BUCKETRY_TOKEN");
            }
        }
        Self::Failed(text)
    }
}
