//! Connection strings and URLs with a shared access signature, as Azure's portal and tools print them.

use super::address;
use super::pasted_address::PastedAddress;
use super::pasted_credential::{PasteError, PastedCredential};
use crate::bucket::StorageType;
use crate::credential::sas_parameter;

/// Reads `AccountName=…;AccountKey=…;EndpointSuffix=…`, or `BlobEndpoint=…;SharedAccessSignature=…`. `None` if the text has
/// no such parts.
pub(super) fn read(text: &str) -> Option<Result<PastedCredential, PasteError>> {
    let (mut account, mut secret, mut suffix, mut endpoint, mut scheme) = (None, None, None, None, "https");
    for (name, value) in text.split(';').filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "usedevelopmentstorage" => return Some(Err(PasteError::Emulator)),
            "defaultendpointsprotocol" => scheme = value,
            "accountname" if account.as_deref().is_some_and(|known| known != value) => {
                return Some(Err(PasteError::SeveralCredentials));
            }
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
    // A single part is a value with its name.
    if account.is_none()
        && endpoint.is_none()
        && (secret.is_none() || !text.trim_end_matches(';').contains(';'))
    {
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
pub(super) fn sas_url(text: &str) -> Option<PastedCredential> {
    let (url, query) = text.split_once('?')?;
    if !url.contains("://") || url.contains(char::is_whitespace) || sas_parameter(query, "sig").is_none() {
        return None;
    }
    if let Some(address) = PastedAddress::read(url) {
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

    type Read = (StorageType, Option<String>, String, Option<String>);

    fn read(text: &str) -> Read {
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
        assert_eq!(
            read("AccountKey=a2V5==;EndpointSuffix=core.windows.net").1,
            None,
            "the account is a field"
        );
        let error = |text: &str| PastedCredential::read(text).unwrap().unwrap_err();
        assert_eq!(error("UseDevelopmentStorage=true"), PasteError::Emulator);
        assert_eq!(error("AccountName=acct;EndpointSuffix=core.windows.net"), PasteError::Incomplete);
        for text in ["AccountName=a;AccountKey=k;AccountKey=l", "AccountName=a;AccountKey=k;AccountName=b"] {
            assert_eq!(error(text), PasteError::SeveralCredentials, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_connection_string_is_read_again(account in "[a-z0-9]{3,24}", key in "[A-Za-z0-9+/]{86}==") {
            let text = format!("DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net");
            prop_assert_eq!(read(&text), (StorageType::Blob, Some(account), key, None));
        }
    }
}
