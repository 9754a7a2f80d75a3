//! Determines the host and path of a container's requests.
//!
//! An account's public address is `ACCOUNT.blob.core.windows.net`. An endpoint changes that:
//! - `https://blob.core.chinacloudapi.cn` selects a cloud; the account is added in front.
//! - `https://ACCOUNT.blob.core.usgovcloudapi.net` and `https://files.example.com` are the account's own hosts.
//! - `http://127.0.0.1:10000` and `http://azurite:10000` are servers with many accounts, such as the emulator. The
//!   account is added as the first segment of the path, unless it is already there.

use bucketry_model::bucket::{InvalidBucketName, check_bucket_name};
use bucketry_model::endpoint::{Endpoint, Host};

use crate::address::Address;
use crate::azure::open_error::AzureOpenError;
use crate::target_error::TargetError;

/// The address of a container, and whether the host name contains the account. If so, an unknown host means an
/// unknown account.
pub(super) fn address_of(
    endpoint: Option<&Endpoint>,
    account: &str,
    container: &str,
) -> Result<(Address, bool), AzureOpenError> {
    check_container(container)?;
    let Some(endpoint) = endpoint else {
        let address =
            Address::new(true, format!("{account}.blob.core.windows.net"), format!("/{container}"))?;
        return Ok((address, true));
    };
    let authority = endpoint.authority();
    let (authority, path, in_host) = match &endpoint.host {
        Host::Name(name) if name.starts_with("blob.") => {
            (format!("{account}.{authority}"), endpoint.path.clone(), true)
        }
        Host::Name(name) if name.contains('.') => {
            let in_host = name.strip_prefix(account).is_some_and(|rest| rest.starts_with('.'));
            (authority, endpoint.path.clone(), in_host)
        }
        _ if first_segment(&endpoint.path) == account => (authority, endpoint.path.clone(), false),
        _ => (authority, format!("{}/{account}", endpoint.path), false),
    };
    Ok((Address::new(endpoint.tls, authority, format!("{path}/{container}"))?, in_host))
}

fn first_segment(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// Checks the name of an account, which is the first label of a host: 3 to 24 lower-case letters and digits.
pub(super) fn check_account(account: &str) -> Result<(), AzureOpenError> {
    let fits = (3..=24).contains(&account.len())
        && account.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fits { Ok(()) } else { Err(AzureOpenError::InvalidAccount) }
}

fn check_container(name: &str) -> Result<(), AzureOpenError> {
    check_bucket_name(name).map_err(TargetError::InvalidBucket)?;
    if matches!(name, "$root" | "$web" | "$logs") {
        return Ok(());
    }
    if name.contains('$') {
        return Err(TargetError::InvalidBucket(InvalidBucketName::Character).into());
    }
    let fits = (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if fits { Ok(()) } else { Err(AzureOpenError::InvalidContainer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(endpoint: Option<&str>, key: Option<&str>) -> (String, bool) {
        let endpoint = endpoint.map(|text| Endpoint::parse(text).unwrap());
        let (address, in_host) = address_of(endpoint.as_ref(), "acct", "photos").unwrap();
        (address.uri(&address.path(key), "").unwrap().to_string(), in_host)
    }

    #[test]
    fn the_account_is_in_the_host_or_in_the_path() {
        for (endpoint, expected, in_host) in [
            (None, "https://acct.blob.core.windows.net/photos", true),
            (
                Some("https://blob.core.chinacloudapi.cn"),
                "https://acct.blob.core.chinacloudapi.cn/photos",
                true,
            ),
            (
                Some("https://acct.blob.core.usgovcloudapi.net"),
                "https://acct.blob.core.usgovcloudapi.net/photos",
                true,
            ),
            (Some("https://files.example.com"), "https://files.example.com/photos", false),
            (Some("http://127.0.0.1:10000"), "http://127.0.0.1:10000/acct/photos", false),
            (Some("http://127.0.0.1:10000/acct"), "http://127.0.0.1:10000/acct/photos", false),
            (Some("http://azurite:10000"), "http://azurite:10000/acct/photos", false),
            (Some("http://[::1]:10000"), "http://[::1]:10000/acct/photos", false),
        ] {
            assert_eq!(uri(endpoint, None), (expected.to_owned(), in_host), "{endpoint:?}");
        }
        assert_eq!(uri(None, Some("a//b c")).0, "https://acct.blob.core.windows.net/photos/a//b%20c");
    }

    #[test]
    fn an_account_or_a_container_cannot_lead_elsewhere() {
        for wrong in ["", "ab", "Acct", "a.b", "evil.com/", "a-b", &"a".repeat(25)] {
            assert_eq!(check_account(wrong), Err(AzureOpenError::InvalidAccount), "{wrong}");
        }
        for wrong in ["Photos", "ab", "-ab", "ab-", "a--b", "a_b", "a.b"] {
            assert_eq!(check_container(wrong), Err(AzureOpenError::InvalidContainer), "{wrong}");
        }
        for wrong in ["..", "a/b", "$other", ""] {
            assert!(
                matches!(check_container(wrong), Err(AzureOpenError::Target(TargetError::InvalidBucket(_)))),
                "{wrong}"
            );
        }
        for right in ["photos", "my-photos-1", "$web", "$root"] {
            assert_eq!(check_container(right), Ok(()), "{right}");
        }
    }
}
