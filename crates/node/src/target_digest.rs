//! Tells whether a bucket's location and secret are the same as before, without storing either.

use bucketry_model::bucket::BucketTarget;
use ring::digest::{Context, SHA256};

/// The digest of a location with its secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetDigest([u8; 32]);

impl TargetDigest {
    pub(crate) fn of(target: &BucketTarget) -> Self {
        let mut digest = Context::new(&SHA256);
        // A location always serialises, and its JSON contains no zero byte.
        digest.update(&serde_json::to_vec(&target.location).unwrap_or_default());
        if let Some(secret) = &target.secret {
            digest.update(b"\0");
            digest.update(secret.expose().as_bytes());
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, StorageType};
    use bucketry_model::secret::Secret;

    use super::*;

    #[test]
    fn each_part_of_the_location_and_the_secret_make_a_difference() {
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".to_owned(),
            key: Some("AKID".to_owned()),
            endpoint: None,
            region: None,
        };
        let target = |location: &BucketLocation, secret: Option<&str>| {
            TargetDigest::of(&BucketTarget { location: location.clone(), secret: secret.map(Secret::new) })
        };
        let same = target(&location, Some("secret"));
        assert!(same == target(&location, Some("secret")));
        for other in [
            BucketLocation { storage_type: StorageType::Gcs, ..location.clone() },
            BucketLocation { bucket: "films".to_owned(), ..location.clone() },
            BucketLocation { key: None, ..location.clone() },
            BucketLocation { endpoint: Some("http://minio:9000".parse().unwrap()), ..location.clone() },
            BucketLocation { region: Some("eu".to_owned()), ..location.clone() },
        ] {
            assert!(same != target(&other, Some("secret")), "{other:?}");
        }
        for secret in [None, Some(""), Some("another")] {
            assert!(same != target(&location, secret), "{secret:?}");
        }
        assert!(target(&location, None) != target(&location, Some("")));
    }
}
