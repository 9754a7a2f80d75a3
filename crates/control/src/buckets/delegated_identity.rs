//! Recognises the identities that nodes assume, by what is entered as a bucket's key.

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::credential_kind::KeyForm;

pub(super) fn is_role(location: &BucketLocation) -> bool {
    location.storage_type == StorageType::S3
        && location.key.as_deref().is_some_and(|key| KeyForm::RoleArn.fits(key))
}

/// Whether access is by a Google service account that the node impersonates: it is named without a secret.
pub(super) fn is_impersonation(location: &BucketLocation, has_secret: bool) -> bool {
    location.storage_type == StorageType::Gcs && location.key.is_some() && !has_secret
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(storage_type: StorageType, key: Option<&str>) -> BucketLocation {
        let key = key.map(str::to_owned);
        BucketLocation { storage_type, bucket: "photos".to_owned(), key, endpoint: None, region: None }
    }

    #[test]
    fn a_role_is_told_from_an_access_key() {
        for (storage_type, key, role) in [
            (StorageType::S3, Some("arn:aws:iam::123456789012:role/reader"), true),
            (StorageType::S3, Some("arn:aws-cn:iam::123456789012:role/path/reader"), true),
            (StorageType::S3, Some("arn:aws:iam::123456789012:user/ada"), false),
            (StorageType::S3, Some("AKIAIOSFODNN7EXAMPLE"), false),
            (StorageType::S3, None, false),
            (StorageType::Gcs, Some("arn:aws:iam::123456789012:role/reader"), false),
        ] {
            assert_eq!(is_role(&location(storage_type, key)), role, "{key:?}");
        }
    }
}
