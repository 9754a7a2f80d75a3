//! Addresses of buckets as clouds, consoles and tools write them.

use super::console;
use super::pasted_address::PastedAddress;
use crate::bucket::StorageType;
use crate::endpoint::{Endpoint, Host};
use crate::provider::{EndpointTraits, Provider};

impl PastedAddress {
    /// Reads an address. `None` if the text is none, or doesn't say which bucket it means. Signatures and other parameters
    /// of a URL are not part of it.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(resource) = text.strip_prefix("arn:") {
            return arn(resource);
        }
        let (scheme, rest) = text.split_once("://")?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" | "s3n" => Self::new(StorageType::S3, path),
            "gs" | "gcs" => Self::new(StorageType::Gcs, path),
            "az" | "azure" => Self::new(StorageType::Blob, path),
            "abfs" | "abfss" | "wasb" | "wasbs" => hadoop(path),
            "http" | "https" => console::read(rest).or_else(|| web(scheme, path)),
            _ => None,
        }
    }

    /// Reads `bucket/folder`, which isn't a valid name of a bucket.
    pub fn read_with_folder(text: &str, storage_type: StorageType) -> Option<Self> {
        let (_, folder) = text.split_once('/')?;
        let fits = !text.contains("://") && folder.split('/').all(|part| !matches!(part, "." | ".."));
        Self::new(storage_type, text).filter(|_| fits)
    }
}

/// The endpoint without the bucket at the end of its path; `None` if it isn't there.
pub fn endpoint_without_bucket(endpoint: &Endpoint, bucket: &str) -> Option<Endpoint> {
    let path = endpoint.path.strip_suffix(bucket)?.strip_suffix('/')?;
    Some(Endpoint { path: path.to_owned(), ..endpoint.clone() })
}

/// `aws:s3:::bucket/key`, in any partition. An access point's address is none of a bucket.
fn arn(resource: &str) -> Option<PastedAddress> {
    let parts: Vec<&str> = resource.splitn(5, ':').collect();
    let [_, "s3", "", "", path] = parts.as_slice() else { return None };
    PastedAddress::new(StorageType::S3, path.trim_end_matches('*'))
}

/// `container@account.dfs.core.windows.net/path`.
fn hadoop(rest: &str) -> Option<PastedAddress> {
    let (container, rest) = rest.split_once('@')?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    web("https", &format!("{host}/{container}/{path}"))
}

/// The http address of a bucket at a known provider, with the bucket in the host or in the path.
fn web(scheme: &str, rest: &str) -> Option<PastedAddress> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}")).ok()?;
    let Host::Name(name) = &endpoint.host else { return None };
    if let Some((account, rest)) = azure_account(name) {
        let mut address = PastedAddress::new(StorageType::Blob, path)?;
        address.account = Some(account.to_owned());
        let host = format!("{account}.blob.{rest}");
        address.endpoint =
            (rest != "core.windows.net").then(|| Endpoint { host: Host::Name(host), ..endpoint.clone() });
        return Some(address);
    }
    let traits = EndpointTraits::of(&endpoint);
    let front = traits.front;
    match traits.provider {
        Provider::Gcp if name == "storage.googleapis.com" || name == "storage.cloud.google.com" => {
            PastedAddress::new(StorageType::Gcs, path)
        }
        Provider::Gcp if !front.is_empty() && name.ends_with(".storage.googleapis.com") => {
            PastedAddress::new(StorageType::Gcs, &format!("{front}/{path}"))
        }
        _ if name == "storage.cloud.google.com" => PastedAddress::new(StorageType::Gcs, path),
        Provider::Gcp
        | Provider::Azure
        | Provider::Storj
        | Provider::Minio
        | Provider::Ceph
        | Provider::Oracle
        | Provider::Other => None,
        _ if name.contains("vpce") => None,
        Provider::Aws if name == "s3.amazonaws.com" => PastedAddress::new(StorageType::S3, path),
        Provider::Aws if traits.region.is_none() => {
            let bucket = name.strip_suffix(".s3.amazonaws.com")?;
            PastedAddress::new(StorageType::S3, &format!("{bucket}/{path}"))
        }
        _ => {
            let region = traits.region?;
            let path = if front.is_empty() { path.to_owned() } else { format!("{front}/{path}") };
            let mut address = PastedAddress::new(StorageType::S3, &path)?;
            let host = name.strip_prefix(front).unwrap_or(name).trim_start_matches('.');
            address.region = (traits.provider == Provider::Aws).then(|| region.to_owned());
            address.endpoint = Some(Endpoint { host: Host::Name(host.to_owned()), ..endpoint.clone() });
            Some(address)
        }
    }
}

/// The account in a host of Azure's blob or data lake service, and the cloud's domain.
pub fn azure_account(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    let cloud = rest.strip_prefix("blob.").or_else(|| rest.strip_prefix("dfs."))?;
    let known = matches!(cloud, "core.windows.net" | "core.chinacloudapi.cn" | "core.usgovcloudapi.net");
    (known && !account.is_empty()).then_some((account, cloud))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        PastedAddress::read(text).map(|address| {
            let endpoint = address.endpoint.map_or_else(|| "-".to_owned(), |endpoint| endpoint.to_string());
            let (account, region) = (address.account.unwrap_or_default(), address.region.unwrap_or_default());
            let PastedAddress { storage_type, bucket, folder, .. } = address;
            format!("{storage_type} {bucket} [{folder}] {account}@{endpoint} {region}")
        })
    }

    #[test]
    fn addresses_of_every_cloud_are_read() {
        for (text, expected) in [
            ("s3://photos", "S3 photos [] @- "),
            ("s3a://photos/2024/", "S3 photos [2024] @- "),
            ("gs://photos/a/b", "GCS photos [a/b] @- "),
            ("az://photos", "BLOB photos [] @- "),
            ("abfss://photos@acct.dfs.core.windows.net/a", "BLOB photos [a] acct@- "),
            ("arn:aws:s3:::photos/*", "S3 photos [] @- "),
            ("arn:aws-cn:s3:::photos", "S3 photos [] @- "),
            ("https://photos.s3.amazonaws.com/a.jpg", "S3 photos [a.jpg] @- "),
            ("https://s3.amazonaws.com/photos", "S3 photos [] @- "),
            (
                "https://photos.s3.eu-west-1.amazonaws.com/",
                "S3 photos [] @https://s3.eu-west-1.amazonaws.com eu-west-1",
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/photos/a?X-Amz-Signature=0",
                "S3 photos [a] @https://s3.eu-west-1.amazonaws.com eu-west-1",
            ),
            (
                "https://0a1b.r2.cloudflarestorage.com/photos",
                "S3 photos [] @https://0a1b.r2.cloudflarestorage.com ",
            ),
            (
                "https://photos.nyc3.digitaloceanspaces.com",
                "S3 photos [] @https://nyc3.digitaloceanspaces.com ",
            ),
            ("https://storage.googleapis.com/photos/a", "GCS photos [a] @- "),
            ("https://photos.storage.googleapis.com/a", "GCS photos [a] @- "),
            ("https://storage.cloud.google.com/photos", "GCS photos [] @- "),
            ("https://acct.blob.core.windows.net/photos", "BLOB photos [] acct@- "),
            (
                "https://acct.blob.core.chinacloudapi.cn/photos/a?sig=x",
                "BLOB photos [a] acct@https://acct.blob.core.chinacloudapi.cn ",
            ),
            (
                "https://s3.console.aws.amazon.com/s3/buckets/photos?region=eu-central-1&tab=objects",
                "S3 photos [] @- eu-central-1",
            ),
            (
                "https://console.cloud.google.com/storage/browser/photos/a;tab=objects?project=p",
                "GCS photos [a] @- ",
            ),
            (
                "https://dash.cloudflare.com/0a1b/r2/default/buckets/photos",
                "S3 photos [] @https://0a1b.r2.cloudflarestorage.com ",
            ),
            (
                "https://portal.azure.com/#view/X/storageAccountId/%2Fproviders%2FstorageAccounts%2Facct/path/photos/etag/1",
                "BLOB photos [] acct@- ",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_bucket_is_no_address_of_one() {
        for text in [
            "photos",
            "s3://",
            "s3://../a",
            "https://s3.eu-west-1.amazonaws.com",
            "https://example.com/photos",
            "https://amazonaws.com.evil.example/photos",
            "http://127.0.0.1:9000/photos",
            "arn:aws:iam::123456789012:role/reader",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/x",
            "ftp://photos",
            "https://acct.blob.core.windows.net",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_bucket_at_the_end_of_a_path_is_cut_off() {
        let cut = |text: &str| {
            endpoint_without_bucket(&Endpoint::parse(text).unwrap(), "photos").map(|left| left.to_string())
        };
        assert_eq!(cut("http://h:9000/photos/").as_deref(), Some("http://h:9000"));
        assert_eq!(cut("http://h/s3/photos").as_deref(), Some("http://h/s3"));
        assert_eq!(cut("http://h/myphotos"), None);
        assert_eq!(cut("http://photos"), None);
    }

    proptest! {
        #[test]
        fn written_addresses_are_read_again(
            bucket in "[a-z][a-z0-9-]{1,60}[a-z0-9]", folder in "([a-z0-9]{1,8}/){0,3}[a-z0-9]{0,8}",
            account in "[a-z0-9]{3,24}",
        ) {
            for (text, storage_type, found) in [
                (format!("s3://{bucket}/{folder}"), StorageType::S3, None),
                (format!("arn:aws:s3:::{bucket}/{folder}"), StorageType::S3, None),
                (format!("gs://{bucket}/{folder}"), StorageType::Gcs, None),
                (format!("https://{account}.blob.core.windows.net/{bucket}/{folder}"), StorageType::Blob, Some(&account)),
                (format!("https://{bucket}.s3.eu-west-1.amazonaws.com/{folder}"), StorageType::S3, None),
            ] {
                let address = PastedAddress::read(&text).unwrap();
                prop_assert_eq!(&address.bucket, &bucket, "{}", text);
                prop_assert_eq!(&address.folder, folder.trim_matches('/'));
                prop_assert_eq!(address.storage_type, storage_type);
                prop_assert_eq!(address.account.as_ref(), found);
            }
        }

        #[test]
        fn no_text_breaks_it(text in any::<String>(), scheme in "(s3|https|abfss|arn)(://|:)[a-z.@/%:]{0,40}") {
            let _ = PastedAddress::read(&text);
            let _ = PastedAddress::read(&format!("{scheme}{text}"));
        }
    }
}
