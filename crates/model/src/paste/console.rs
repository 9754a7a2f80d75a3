//! Addresses of web consoles, which show a bucket but aren't its address.

use super::pasted_address::PastedAddress;
use crate::bucket::StorageType;
use crate::endpoint::Endpoint;

/// Reads the address of a known console's page about a bucket, without its scheme.
pub(super) fn read(rest: &str) -> Option<PastedAddress> {
    let (host, page) = rest.split_once('/')?;
    match host {
        "console.cloud.google.com" => google(page),
        "dash.cloudflare.com" => cloudflare(page),
        "portal.azure.com" => azure(page),
        "s3.console.aws.amazon.com" | "console.aws.amazon.com" => aws(page),
        host if host.ends_with(".console.aws.amazon.com") => aws(page),
        _ => None,
    }
}

/// `s3/buckets/BUCKET?region=…&prefix=…`, or `s3/object/BUCKET?…`.
fn aws(page: &str) -> Option<PastedAddress> {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let path = path.strip_prefix("s3/buckets/").or_else(|| path.strip_prefix("s3/object/"))?;
    let mut address = PastedAddress::new(StorageType::S3, path)?;
    let query = query.split('#').next().unwrap_or_default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "region" => address.region = Some(value.to_owned()),
            "prefix" => value.trim_matches('/').clone_into(&mut address.folder),
            _ => {}
        }
    }
    Some(address)
}

/// `storage/browser/BUCKET/FOLDER;tab=…?project=…`.
fn google(page: &str) -> Option<PastedAddress> {
    let path = page.strip_prefix("storage/browser/")?;
    let path = path.strip_prefix("_details/").unwrap_or(path);
    PastedAddress::new(StorageType::Gcs, path.split([';', '?', '#']).next().unwrap_or_default())
}

/// `ACCOUNT/r2/JURISDICTION/buckets/BUCKET`.
fn cloudflare(page: &str) -> Option<PastedAddress> {
    let parts: Vec<&str> = page.split(['/', '?', '#']).collect();
    let (account, jurisdiction, bucket) = match parts.as_slice() {
        [account, "r2", jurisdiction, "buckets", bucket, ..] => (account, *jurisdiction, bucket),
        _ => return None,
    };
    let place = if jurisdiction == "default" { String::new() } else { format!("{jurisdiction}.") };
    let mut address = PastedAddress::new(StorageType::S3, bucket)?;
    address.endpoint =
        Some(Endpoint::parse(&format!("https://{account}.{place}r2.cloudflarestorage.com")).ok()?);
    Some(address)
}

/// A page whose address contains the resource id of the account, and the container by `/path/` or `/containers/`.
fn azure(page: &str) -> Option<PastedAddress> {
    let page = page.replace("%2F", "/").replace("%2f", "/");
    let after = |name: &str| {
        let (_, rest) = page.split_once(name)?;
        rest.split(['/', '?', '#']).next().filter(|text| !text.is_empty())
    };
    let account = after("/storageAccounts/")?;
    let mut address =
        PastedAddress::new(StorageType::Blob, after("/containers/").or_else(|| after("/path/"))?)?;
    address.account = Some(account.to_owned());
    Some(address)
}
