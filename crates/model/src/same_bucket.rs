//! When two locations are the same bucket.

use crate::bucket::{BucketLocation, StorageType};
use crate::endpoint::{Endpoint, Host};
use crate::provider::{EndpointTraits, Provider};

/// Prefixes of AWS regions that belong to a separate partition. Accounts and buckets there are unrelated to those
/// with the same names elsewhere.
const AWS_PARTITIONS: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"];

/// Whether both are the same bucket of the same provider, by whatever endpoint and credential.
pub fn is_same_bucket(one: &BucketLocation, other: &BucketLocation) -> bool {
    one.storage_type == other.storage_type
        && one.bucket == other.bucket
        && name_space(one) == name_space(other)
}

/// Where a bucket's name is unique.
#[derive(Debug, PartialEq, Eq)]
enum NameSpace<'a> {
    /// A partition of AWS.
    Aws(Option<&'static str>),
    Google,
    /// Account and endpoint.
    Azure(Option<&'a str>, Option<String>),
    /// A server, without the bucket in its host.
    Server(String),
}

fn name_space(location: &BucketLocation) -> NameSpace<'_> {
    let BucketLocation { storage_type, bucket, key, endpoint, region } = location;
    let traits = endpoint.as_ref().map(EndpointTraits::of);
    let provider = Provider::recognise(*storage_type, endpoint.as_ref());
    match (storage_type, provider) {
        (StorageType::S3, Provider::Aws) => {
            let in_host = traits.and_then(|traits| traits.region);
            NameSpace::Aws(aws_partition(in_host.or(region.as_deref())))
        }
        (StorageType::Gcs, Provider::Gcp) => NameSpace::Google,
        (StorageType::Blob, _) => {
            let account = key.as_deref().unwrap_or_default();
            let public = format!("{account}.blob.core.windows.net");
            let is_public =
                |endpoint: &&Endpoint| matches!(&endpoint.host, Host::Name(name) if *name == public);
            let other = endpoint.as_ref().filter(|endpoint| !is_public(endpoint));
            NameSpace::Azure(key.as_deref(), other.map(ToString::to_string))
        }
        _ => {
            let endpoint = endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            NameSpace::Server(endpoint.replacen(&format!("://{bucket}."), "://", 1))
        }
    }
}

/// The separate partition of AWS that a region belongs to. `None` for the public one.
pub fn aws_partition(region: Option<&str>) -> Option<&'static str> {
    AWS_PARTITIONS.into_iter().find(|begin| region.is_some_and(|region| region.starts_with(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(storage_type: StorageType, endpoint: &str, key: &str, region: Option<&str>) -> BucketLocation {
        BucketLocation {
            storage_type,
            bucket: "photos".to_owned(),
            key: Some(key.to_owned()),
            endpoint: (!endpoint.is_empty()).then(|| endpoint.parse().unwrap()),
            region: region.map(str::to_owned),
        }
    }

    #[test]
    fn a_bucket_is_one_place_by_every_endpoint_and_credential() {
        use StorageType::{Blob, Gcs, S3};
        let s3 = |endpoint| at(S3, endpoint, "AKID", None);
        let azure = |endpoint, account| at(Blob, endpoint, account, None);
        for (one, other, is_same) in [
            (s3(""), at(S3, "", "OTHER", Some("eu-west-1")), true),
            (s3(""), s3("https://s3.eu-west-1.amazonaws.com"), true),
            (s3(""), s3("https://photos.s3.eu-west-1.amazonaws.com"), true),
            (s3(""), at(S3, "", "AKID", Some("cn-north-1")), false),
            (s3(""), s3("https://s3.cn-north-1.amazonaws.com.cn"), false),
            (s3("http://h:9000"), s3("http://h:9000"), true),
            (s3("http://h:9000"), s3("http://h:9001"), false),
            (s3("http://h:9000"), s3(""), false),
            (
                s3("https://photos.fra1.digitaloceanspaces.com"),
                s3("https://fra1.digitaloceanspaces.com"),
                true,
            ),
            (at(Gcs, "", "a@p", None), at(Gcs, "https://storage.googleapis.com", "b@p", None), true),
            (azure("", "acct"), azure("https://acct.blob.core.windows.net", "acct"), true),
            (azure("", "acct"), azure("", "other"), false),
            (azure("http://h:1/acct", "acct"), azure("", "acct"), false),
            (s3(""), at(Gcs, "", "a@p", None), false),
        ] {
            assert_eq!(is_same_bucket(&one, &other), is_same, "{one:?} {other:?}");
            assert_eq!(is_same_bucket(&other, &one), is_same);
        }
        let films = BucketLocation { bucket: "films".to_owned(), ..s3("") };
        assert!(!is_same_bucket(&s3(""), &films));
    }
}
