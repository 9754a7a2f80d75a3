//! Errors of commands and their exit statuses.

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong: exit status 2.
    Usage(String),
    /// The operation was refused or failed: exit status 1.
    Failed(String),
    /// Nobody reads the output any more, such as in `bucketry bucket list | head -1`: no message, and the exit status that
    /// a shell reports for other programs that a closed pipe ends (128 + SIGPIPE).
    ClosedPipe,
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
        Self::failed_because(error).about(what)
    }

    /// An error and the whole chain of its causes.
    pub(crate) fn failed_because(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let said = next.to_string();
            // Some errors repeat their cause.
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = next.source();
        }
        Self::Failed(text)
    }

    /// A failure to write to standard output.
    pub(crate) fn of_output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Failed(format!("can't write to standard output: {error}")),
        }
    }

    /// The same failure, which says what it is about.
    #[must_use]
    pub(crate) fn about(self, what: &str) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("{what}: {message}")),
            Self::Failed(message) => Self::Failed(format!("{what}: {message}")),
            Self::ClosedPipe => Self::ClosedPipe,
        }
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            Self::ClosedPipe => 141,
        }
    }

    /// What to print. Empty if nothing is to be said.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) => message,
            Self::ClosedPipe => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    /// An error whose text contains its cause.
    #[derive(Debug)]
    struct Repeating(Error);

    impl std::fmt::Display for Repeating {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "can't read: {}", self.0)
        }
    }

    impl std::error::Error for Repeating {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_cause_is_named_once() {
        let failure = Failure::because("no backup", &Repeating(Error::other("disk full")));
        assert_eq!(failure.message(), "no backup: can't read: disk full");
    }

    #[test]
    fn a_closed_pipe_is_no_error_to_read_about() {
        let failure = Failure::of_output(&Error::from(ErrorKind::BrokenPipe)).about("--x");
        assert_eq!((failure.message(), failure.exit_status()), ("", 141));
        assert_eq!(Failure::of_output(&Error::from(ErrorKind::StorageFull)).exit_status(), 1);
    }
}
