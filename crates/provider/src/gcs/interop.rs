//! Buckets that are opened with an HMAC key. The XML API then speaks the S3 protocol ("Interoperability with other
//! storage providers"), with a few features missing.

use bucketry_model::bucket::BucketTarget;
use bucketry_model::endpoint::Endpoint;

use crate::connection::Connections;
use crate::driver::{Capabilities, Hints, MultipartLimits, Permissions, S3Protocol};
use crate::gcs::{CAPABILITIES, PERMISSIONS, PUBLIC_HOST};
use crate::s3::{Flavour, S3Driver, S3OpenError};
use crate::target_error::TargetError;

/// The service accepts any region in a signature.
const REGION: &str = "auto";

static FLAVOUR: Flavour = Flavour {
    capabilities: Capabilities {
        // Conditions on writes exist by generation only, which the S3 protocol can't express.
        put_if_absent: false,
        put_if_match: false,
        // The S3 protocol can't change the metadata of an object, in which its tags would be stored.
        tags: false,
        version_of_every_object: false,
        hidden_metadata: false,
        // Versions are generations. Tags and checksums other than MD5 are not supported.
        protocol: S3Protocol::Basic,
        multipart: MultipartLimits { ..CAPABILITIES.multipart },
        ..CAPABILITIES
    },
    permissions: Permissions {
        list: PERMISSIONS.list,
        write: PERMISSIONS.write,
        read: PERMISSIONS.read,
        delete: PERMISSIONS.delete,
        uploads: PERMISSIONS.uploads,
        tags: PERMISSIONS.tags,
        hints: &Hints {
            key_unknown: "Check the HMAC key's access id, and check that the key is active (Cloud Storage, Settings, \
                          Interoperability).",
            secret_wrong: "Enter the HMAC key's secret again. It is shown only when the key is created.",
            token_expired: "Enter an HMAC key that is active.",
            account_not_found: "Check that the bucket's project exists and that its billing account is active.",
            bucket_not_found: "Check the bucket's name.",
            of_code: &[],
        },
    },
    decompresses: true,
};

/// Whether a key is the access id of an HMAC key.
pub(super) fn is_hmac_key(key: Option<&str>) -> bool {
    key.is_some_and(|key| key.starts_with("GOOG") && !key.contains('@'))
}

pub(super) fn open(target: &BucketTarget, connections: &Connections) -> Result<S3Driver, S3OpenError> {
    let mut target = target.clone();
    let location = &mut target.location;
    if location.endpoint.is_none() {
        let public = Endpoint::parse(PUBLIC_HOST).map_err(|_| TargetError::InvalidEndpoint)?;
        location.endpoint = Some(public);
    }
    location.region = Some(REGION.to_owned());
    S3Driver::open_as(&target, connections, &FLAVOUR)
}
