//! Credentials as clouds and their tools print them, in one text.

use serde_json::{Value, json};

use super::pasted_credential::{MAX_PASTE_BYTES, PasteError, PastedCredential};
use super::{address, assignments, csv};
use crate::bucket::StorageType;
use crate::credential::sas_parameter;

impl PastedCredential {
    /// An access key; with a session token, as the document that drivers read.
    pub(super) fn aws(key: &str, secret: &str, token: Option<&str>) -> Self {
        let secret = match token {
            None => secret.to_owned(),
            Some(token) => {
                json!({ "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token }).to_string()
            }
        };
        Self::new(StorageType::S3, Some(key.to_owned()), secret)
    }

    /// Reads a credential that is more than a secret. `None` if the text is a plain key or secret, or anything else.
    pub fn read(text: &str) -> Option<Result<Self, PasteError>> {
        if text.len() > MAX_PASTE_BYTES {
            return Some(Err(PasteError::TooLong));
        }
        let text = text.trim();
        if text.starts_with('{') {
            return Some(read_json(text));
        }
        if text.starts_with("-----BEGIN") {
            return None;
        }
        connection_string(text)
            .or_else(|| sas_url(text).map(Ok))
            .or_else(|| csv::read(text))
            .or_else(|| assignments::read(text))
    }
}

/// A key of Google, a session of AWS or an application of Entra. The document stays the secret.
fn read_json(text: &str) -> Result<PastedCredential, PasteError> {
    let document: Value = serde_json::from_str(text).map_err(|_| PasteError::InvalidJson)?;
    let member = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    if let Some(email) = member(&document, "client_email") {
        return Ok(PastedCredential::new(StorageType::Gcs, Some(email), text));
    }
    if document["AccessKey"]["AccessKeyId"].is_string() {
        // `aws iam create-access-key`.
        let access = &document["AccessKey"];
        let secret = member(access, "SecretAccessKey").ok_or(PasteError::Incomplete)?;
        return Ok(PastedCredential::aws(&member(access, "AccessKeyId").unwrap_or_default(), &secret, None));
    }
    let nested = if document["Credentials"].is_object() { &document["Credentials"] } else { &document };
    if let Some(key) = member(nested, "AccessKeyId") {
        return Ok(PastedCredential::new(StorageType::S3, Some(key), text));
    }
    let is_application = ["appId", "clientId", "client_id"].iter().any(|name| document[*name].is_string())
        && ["tenant", "tenantId", "tenant_id"].iter().any(|name| document[*name].is_string());
    if is_application {
        return Ok(PastedCredential::new(StorageType::Blob, None, text));
    }
    Err(PasteError::InvalidJson)
}

/// `AccountName=…;AccountKey=…;EndpointSuffix=…`, or `BlobEndpoint=…;SharedAccessSignature=…`.
fn connection_string(text: &str) -> Option<Result<PastedCredential, PasteError>> {
    let (mut account, mut secret, mut suffix, mut endpoint, mut scheme) = (None, None, None, None, "https");
    for (name, value) in text.split(';').filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "usedevelopmentstorage" => return Some(Err(PasteError::Emulator)),
            "defaultendpointsprotocol" => scheme = value,
            "accountname" => account = Some(value.to_owned()),
            "accountkey" | "sharedaccesssignature" if secret.is_some() => {
                return Some(Err(PasteError::SeveralCredentials));
            }
            "accountkey" | "sharedaccesssignature" => secret = Some(value),
            "endpointsuffix" => suffix = Some(value),
            "blobendpoint" => endpoint = Some(value.trim_end_matches('/').to_owned()),
            _ => {}
        }
    }
    if account.is_none() && endpoint.is_none() {
        return None;
    }
    let Some(secret) = secret else { return Some(Err(PasteError::Incomplete)) };
    let host = endpoint.as_deref().map(|url| url.split_once("://").map_or(url, |(_, rest)| rest));
    let public = host.and_then(address::azure_account);
    if account.is_none() {
        account = public.map(|(account, _)| account.to_owned());
    }
    let is_public = public.is_some_and(|(_, cloud)| cloud == "core.windows.net");
    let mut read = PastedCredential::new(StorageType::Blob, account.clone(), secret);
    read.endpoint = match (endpoint, suffix, account) {
        (Some(_), _, _) if is_public => None,
        (Some(endpoint), _, _) => Some(endpoint),
        (None, Some(suffix), Some(account)) if suffix != "core.windows.net" => {
            Some(format!("{scheme}://{account}.blob.{suffix}"))
        }
        _ => None,
    };
    Some(Ok(read))
}

/// The URL of a container or account with a shared access signature.
fn sas_url(text: &str) -> Option<PastedCredential> {
    let (url, query) = text.split_once('?')?;
    if !url.contains("://") || url.contains(char::is_whitespace) || sas_parameter(query, "sig").is_none() {
        return None;
    }
    if let Some(address) = super::pasted_address::PastedAddress::read(url) {
        let mut read = PastedCredential::new(StorageType::Blob, address.account, query);
        read.bucket = Some(address.bucket);
        read.endpoint = address.endpoint.map(|endpoint| endpoint.to_string());
        return (address.storage_type == StorageType::Blob).then_some(read);
    }
    let (_, rest) = url.split_once("://")?;
    let (account, cloud) = address::azure_account(rest.trim_end_matches('/'))?;
    let mut read = PastedCredential::new(StorageType::Blob, Some(account.to_owned()), query);
    read.endpoint = (cloud != "core.windows.net").then(|| url.trim_end_matches('/').to_owned());
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (StorageType, Option<String>, String, Option<String>) {
        let read = PastedCredential::read(text).unwrap().unwrap();
        (read.storage_type, read.key, read.secret.expose().to_owned(), read.endpoint)
    }

    #[test]
    fn connection_strings_are_read_for_every_cloud() {
        use StorageType::Blob;
        let acct = || Some("acct".to_owned());
        for (text, secret, endpoint) in [
            (
                "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix=core.windows.net",
                "a2V5==",
                None,
            ),
            (
                "AccountName=acct;AccountKey=a2V5==;EndpointSuffix=core.chinacloudapi.cn",
                "a2V5==",
                Some("https://acct.blob.core.chinacloudapi.cn"),
            ),
            (
                "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D",
                "sv=1&sig=x%3D",
                None,
            ),
            (
                "AccountName=acct;AccountKey=k;BlobEndpoint=http://127.0.0.1:10000/acct;",
                "k",
                Some("http://127.0.0.1:10000/acct"),
            ),
            ("https://acct.blob.core.windows.net/photos?sv=1&sig=x", "sv=1&sig=x", None),
            ("https://acct.blob.core.windows.net/?sv=1&sig=x", "sv=1&sig=x", None),
        ] {
            assert_eq!(read(text), (Blob, acct(), secret.to_owned(), endpoint.map(str::to_owned)), "{text}");
        }
        let error = |text: &str| PastedCredential::read(text).unwrap().unwrap_err();
        assert_eq!(error("UseDevelopmentStorage=true"), PasteError::Emulator);
        assert_eq!(error("AccountName=acct;EndpointSuffix=core.windows.net"), PasteError::Incomplete);
    }

    #[test]
    fn documents_stay_the_secret() {
        for (text, storage_type, key) in [
            (r#"{"type":"service_account","client_email":"a@p"}"#, StorageType::Gcs, Some("a@p")),
            (
                r#"{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"s"}}"#,
                StorageType::S3,
                Some("ASIA"),
            ),
            (r#"{"appId":"a","password":"p","tenant":"t"}"#, StorageType::Blob, None),
        ] {
            assert_eq!(read(text), (storage_type, key.map(str::to_owned), text.to_owned(), None));
        }
        let created = r#"{"AccessKey":{"AccessKeyId":"AKID","SecretAccessKey":"s"}}"#;
        assert_eq!(read(created).2, "s");
        for text in ["{", "{}", r#"{"client_email":"a@"#] {
            assert_eq!(PastedCredential::read(text).unwrap().unwrap_err(), PasteError::InvalidJson, "{text}");
        }
    }

    #[test]
    fn a_plain_value_is_no_credential() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG",
            "a2V5==",
            "sv=1&sig=x",
            "-----BEGIN X-----\na=b",
            "s3://a",
        ] {
            assert!(PastedCredential::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_connection_string_is_read_again(account in "[a-z0-9]{3,24}", key in "[A-Za-z0-9+/]{86}==") {
            let text = format!("DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net");
            prop_assert_eq!(read(&text), (StorageType::Blob, Some(account), key, None));
        }

        #[test]
        fn neither_an_error_nor_debug_output_repeats_a_secret(
            begin in prop::sample::select(&["{\"SecretAccessKey\":\"", "AccountName=a;AccountKey=", "aws_secret_access_key=", "x,y\n", ""][..]),
            end in "[\"};\n=,a-z]{0,12}",
        ) {
            const MARK: &str = "MARKEDsecret";
            match PastedCredential::read(&format!("{begin}{MARK}{end}")) {
                None => {}
                Some(Ok(read)) => {
                    let shown = format!("{:?}", (read.storage_type, read.secret));
                    prop_assert!(!shown.contains(MARK));
                },
                Some(Err(error)) => {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains(MARK));
                },
            }
        }

        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = PastedCredential::read(&text);
        }
    }
}
