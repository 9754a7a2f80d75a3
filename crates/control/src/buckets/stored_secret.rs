//! A stored secret is used only for the location that it was entered for.
//!
//! Entering a secret proves access to what it opens. Changing a bucket without entering the secret again proves
//! nothing, so the stored secret must not be used at another location or as another account. Otherwise a secret
//! that opens a whole account could be used to reach other people's buckets.

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::same_bucket::aws_partition;

use crate::error::FieldError;

/// The API fields whose change leads to another location or account. Both locations are parsed, so different
/// spellings of the same location are equal.
pub(super) fn moved(from: &BucketLocation, to: &BucketLocation) -> Vec<&'static str> {
    let BucketLocation { storage_type, bucket, key, endpoint, region } = from;
    let mut fields = Vec::new();
    let mut note = |field, differs: bool| fields.extend(differs.then_some(field));
    note("storageType", *storage_type != to.storage_type);
    note("bucket", *bucket != to.bucket);
    note("endpoint", *endpoint != to.endpoint);
    note("key", *key != to.key);
    // The region doesn't matter within an AWS partition, where a bucket's name is unique across regions. At an
    // endpoint, it is only part of the signature.
    note(
        "region",
        is_of_region(from)
            && is_of_region(to)
            && aws_partition(region.as_deref()) != aws_partition(to.region.as_deref()),
    );
    fields
}

/// Whether the region decides which host is called.
fn is_of_region(location: &BucketLocation) -> bool {
    let is_aws = location.endpoint.as_ref().is_none_or(|at| at.to_string() == "https://s3.amazonaws.com");
    location.storage_type == StorageType::S3 && is_aws
}

/// The error for a change that would use the stored secret elsewhere.
pub(super) fn must_be_sent_again(moved: &[&'static str], is_role: bool) -> FieldError {
    let fields = moved.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
    let verb = if moved.len() == 1 { "changes" } else { "change" };
    let role =
        if is_role { ". For a role, send the organization's external id or an empty text" } else { "" };
    let message = format!(
        "must be sent again, because {fields} {verb}: a stored secret is used only for what it was entered for{role}"
    );
    FieldError::new("secret", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location() -> BucketLocation {
        BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".to_owned(),
            key: Some("AKID".to_owned()),
            endpoint: Some("https://s3.example.com".parse().unwrap()),
            region: Some("eu-central-1".to_owned()),
        }
    }

    fn at(endpoint: &str) -> BucketLocation {
        BucketLocation { endpoint: Some(endpoint.parse().unwrap()), ..location() }
    }

    fn in_region(region: Option<&str>) -> BucketLocation {
        BucketLocation { endpoint: None, region: region.map(str::to_owned), ..location() }
    }

    #[test]
    fn every_field_that_leads_elsewhere_is_named() {
        let elsewhere = BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: "films".to_owned(),
            key: None,
            endpoint: None,
            region: None,
        };
        assert_eq!(moved(&location(), &elsewhere), ["storageType", "bucket", "endpoint", "key"]);
        for (to, fields) in [
            (BucketLocation { bucket: "Photos".to_owned(), ..location() }, vec!["bucket"]),
            (BucketLocation { key: Some("AKID2".to_owned()), ..location() }, vec!["key"]),
            (at("http://s3.example.com"), vec!["endpoint"]),
            (at("https://s3.example.com:9000"), vec!["endpoint"]),
            (at("https://s3.example.com/tenant"), vec!["endpoint"]),
            (at("https://photos.s3.example.com"), vec!["endpoint"]),
        ] {
            assert_eq!(moved(&location(), &to), fields, "{to:?}");
        }
    }

    #[test]
    fn other_spellings_of_one_endpoint_are_one_place() {
        for spelling in ["s3.example.com", "HTTPS://S3.EXAMPLE.com/", "https://s3.example.com.:443"] {
            assert!(moved(&location(), &at(spelling)).is_empty(), "{spelling}");
        }
    }

    #[test]
    fn a_region_is_another_place_only_where_it_is_another_world() {
        let other = BucketLocation { region: None, ..location() };
        assert!(moved(&location(), &other).is_empty(), "at an endpoint");
        let home = in_region(Some("eu-west-1"));
        for (region, fields) in [
            (Some("us-east-1"), vec![]),
            (None, vec![]),
            (Some("cn-north-1"), vec!["region"]),
            (Some("us-gov-west-1"), vec!["region"]),
        ] {
            assert_eq!(moved(&home, &in_region(region)), fields, "{region:?}");
        }
    }

    #[test]
    fn the_refusal_names_the_fields_and_the_reason() {
        let FieldError { field, message } = must_be_sent_again(&["bucket", "key"], false);
        assert_eq!(field, "secret");
        assert!(message.starts_with("must be sent again, because `bucket`, `key` change: "), "{message}");
        assert!(must_be_sent_again(&["bucket"], true).message.contains("external id"));
    }
}
