//! The credential of a container: the account's key, a shared access signature (SAS), or a Microsoft Entra
//! application.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::bucket::StorageType;
use bucketry_model::credential::{EntraApplication, credential_expiry, sas_parameter};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use jiff::Timestamp;
use ring::hmac;
use zeroize::Zeroizing;

use crate::azure::entra::Application;
use crate::azure::open_error::AzureOpenError;
use crate::connection::Connections;
use crate::target_error::TargetError;

/// How requests are authorised.
pub(super) enum Credentials {
    /// The account's key, which signs each request.
    SharedKey(hmac::Key),
    /// A shared access signature, which is added to each URL unchanged.
    Sas(Sas),
    /// An application, whose secret is exchanged for tokens.
    Application(Application),
}

/// A shared access signature.
pub(super) struct Sas {
    /// The query parameters, escaped as they were entered.
    query: Secret,
    /// When the SAS expires, if it says so. A stored access policy can contain the time instead.
    expires: Option<Timestamp>,
}

impl Credentials {
    /// Reads the secret of a container at `endpoint`. JSON is an application. A text with `sig=` is a SAS, with or
    /// without a `?` or a whole URL in front. Everything else is an account key.
    pub(super) fn read(
        secret: &Secret,
        endpoint: Option<&Endpoint>,
        connections: &Connections,
    ) -> Result<Self, AzureOpenError> {
        if let Some(application) = EntraApplication::read(secret) {
            let application = application.map_err(|_| AzureOpenError::InvalidApplication)?;
            return Application::new(application, endpoint, connections).map(Self::Application);
        }
        Self::read_plain(secret)
    }

    fn read_plain(secret: &Secret) -> Result<Self, AzureOpenError> {
        let text = secret.expose().trim();
        if text.is_empty() {
            return Err(TargetError::MissingSecret.into());
        }
        if text.contains("sig=") {
            let query = text.rsplit_once('?').map_or(text, |(_, query)| query);
            return Sas::read(query).map(Self::Sas);
        }
        let key = Zeroizing::new(STANDARD.decode(text).map_err(|_| AzureOpenError::InvalidAccountKey)?);
        Ok(Self::SharedKey(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// Whether it is a SAS for a container or a blob, and so can't be for others.
    pub(super) fn is_of_container(&self) -> bool {
        // Only the SAS of an account names types of resources.
        matches!(self, Self::Sas(sas) if sas_parameter(sas.query(), "srt").is_none())
    }

    /// When the credential expires, if known.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::SharedKey(_) | Self::Application(_) => None,
            Self::Sas(sas) => sas.expires,
        }
    }
}

impl Sas {
    fn read(query: &str) -> Result<Self, AzureOpenError> {
        let fits = query.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>'));
        if !fits || sas_parameter(query, "sig").is_none_or(str::is_empty) {
            return Err(AzureOpenError::InvalidSas);
        }
        let query = Secret::new(query.trim_end_matches('&'));
        let expires = credential_expiry(StorageType::Blob, &query).map(|expiry| expiry.at);
        Ok(Self { query, expires })
    }

    /// The parameters in the form for a URL.
    pub(super) fn query(&self) -> &str {
        self.query.expose()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SharedKey(_) => "SharedKey",
            Self::Sas(_) => "Sas",
            Self::Application(_) => "Application",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sas(text: &str) -> Result<(String, Option<String>), AzureOpenError> {
        match Credentials::read_plain(&Secret::new(text))? {
            Credentials::Sas(sas) => Ok((sas.query().to_owned(), sas.expires.map(|time| time.to_string()))),
            _ => panic!("{text} is not read as a SAS"),
        }
    }

    #[test]
    fn a_sas_is_taken_alone_after_a_question_mark_and_out_of_a_url() {
        let query = "sv=2023-11-03&se=2026-01-02T03%3A04%3A05Z&sr=c&sp=rwdl&sig=a%2Bb%3D";
        let expected = Ok((query.to_owned(), Some("2026-01-02T03:04:05Z".to_owned())));
        assert_eq!(sas(query), expected);
        assert_eq!(sas(&format!("?{query}")), expected);
        assert_eq!(sas(&format!(" https://acct.blob.core.windows.net/photos?{query}\n")), expected);
    }

    #[test]
    fn what_is_neither_a_key_nor_a_sas_is_refused() {
        for (text, error) in [
            ("", TargetError::MissingSecret.into()),
            ("not base64!", AzureOpenError::InvalidAccountKey),
            ("AccountName=x;AccountKey=abc", AzureOpenError::InvalidAccountKey),
            ("sp=r&sig=", AzureOpenError::InvalidSas),
            ("sp=r&sig=a b", AzureOpenError::InvalidSas),
            ("sig=a#fragment", AzureOpenError::InvalidSas),
        ] {
            assert_eq!(Credentials::read_plain(&Secret::new(text)).err(), Some(error), "{text}");
        }
        assert!(matches!(Credentials::read_plain(&Secret::new("c2VjcmV0")), Ok(Credentials::SharedKey(_))));
    }
}
