//! The services that issue temporary credentials.

/// A service that issues temporary credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenService {
    /// AWS Security Token Service.
    AwsSts,
    /// Google's OAuth 2.0 server.
    GoogleToken,
    /// Google's IAM Service Account Credentials API.
    GoogleIam,
    /// Microsoft Entra.
    Entra,
}

impl TokenService {
    /// The service's name in messages for users.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsSts => "AWS STS",
            Self::GoogleToken => "Google's token service",
            Self::GoogleIam => "Google's IAM Credentials API",
            Self::Entra => "Microsoft Entra",
        }
    }
}
