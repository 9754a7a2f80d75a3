//! The driver for AWS S3 and servers that speak its protocol.
//!
//! One request is one signed HTTP exchange. `address` determines the URL, `crate::sigv4` signs, `request` sends and
//! reads errors, and each group of operations has a module for its headers and documents.
//!
//! A request without a body is retried once in three cases: the response taught the region where none was given,
//! the session of an assumed role had expired, or the server closed the pooled connection of a request that changes
//! nothing.

mod address;
mod attributes;
mod error;
mod forward;
mod identity;
mod list;
mod multipart;
mod object;
mod open_error;
mod other_buckets;
mod request;
mod request_head;
mod role;
mod uploads;

use std::fmt;
use std::sync::OnceLock;

use async_trait::async_trait;
use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::provider::Provider;
use http::Method;

use crate::address::Address;
use crate::connection::Connections;
use crate::driver::{
    Capabilities, Driver, Hints, MultipartLimits, Permissions, S3Passthrough, S3Protocol, Site, Tags,
};
use crate::error::ProviderError;
use crate::s3::address::{DEFAULT_REGION, Home, address_of};
use crate::s3::identity::SigningIdentity;
pub use crate::s3::multipart::parts_document;
pub use crate::s3::open_error::S3OpenError;
use crate::s3::request::Call;
pub(crate) use crate::s3::uploads::{MAX_UPLOADS_BYTES, parse_uploads, uploads_query};

const CAPABILITIES: Capabilities = Capabilities {
    list_start_after: true,
    conditional_get: true,
    put_if_absent: true,
    put_if_match: true,
    conditional_completion: true,
    expires: true,
    copy: true,
    tags: false,
    version_of_every_object: false,
    hidden_metadata: false,
    object_parts: false,
    checksums: true,
    protocol: S3Protocol::Whole,
    max_key_bytes: 1_024,
    max_put_bytes: 5 * 1024 * 1024 * 1024,
    multipart: MultipartLimits {
        min_part_bytes: 5 * 1024 * 1024,
        max_part_bytes: 5 * 1024 * 1024 * 1024,
        max_parts: 10_000,
    },
};

/// The capabilities and permission names of a service that speaks S3.
pub(crate) struct Flavour {
    pub(crate) capabilities: Capabilities,
    pub(crate) permissions: Permissions,
    /// Whether the service decompresses objects that are stored as gzip, unless a request accepts gzip. Their length
    /// is then unknown, and ranges are ignored.
    pub(crate) decompresses: bool,
}

static AWS: Flavour = Flavour { capabilities: CAPABILITIES, permissions: PERMISSIONS, decompresses: false };

/// For servers that don't accept checksums, or aren't known to.
static WITHOUT_CHECKSUMS: Flavour = Flavour {
    capabilities: Capabilities { checksums: false, ..CAPABILITIES },
    permissions: PERMISSIONS,
    decompresses: false,
};

/// For servers that also ignore conditions on writes.
static UNCONDITIONAL: Flavour = Flavour {
    capabilities: Capabilities {
        put_if_absent: false,
        put_if_match: false,
        conditional_completion: false,
        checksums: false,
        ..CAPABILITIES
    },
    permissions: PERMISSIONS,
    decompresses: false,
};

/// For buckets at Google's interoperable endpoint that are registered as S3.
static GOOGLE: Flavour = Flavour {
    capabilities: Capabilities { ..UNCONDITIONAL.capabilities },
    permissions: PERMISSIONS,
    decompresses: true,
};

const PERMISSIONS: Permissions = Permissions {
    list: "s3:ListBucket",
    write: "s3:PutObject",
    read: "s3:GetObject",
    delete: "s3:DeleteObject",
    uploads: "s3:ListBucketMultipartUploads",
    tags: "s3:GetObjectTagging, s3:PutObjectTagging and s3:DeleteObjectTagging",
    hints: &Hints {
        key_unknown: "Check the access key, and check that it belongs to this provider and account.",
        secret_wrong: "Enter the whole secret again, without spaces around it.",
        token_expired: "Enter a credential that is still valid.",
        account_not_found: "Check the account at the provider.",
        bucket_not_found: "Check the bucket's name and region, and check that it belongs to this provider and account.",
        of_code: &[],
    },
};

/// A bucket on AWS S3 or on a server that speaks its protocol.
pub struct S3Driver {
    connections: Connections,
    flavour: &'static Flavour,
    bucket: Box<str>,
    home: Home,
    identity: SigningIdentity,
    first: BucketAddress,
    /// Where the provider said that the bucket is. Stays empty if the region was given.
    learned: OnceLock<Box<BucketAddress>>,
    region_is_given: bool,
}

// Each bucket has one.
const _: () = assert!(size_of::<S3Driver>() <= 208);

/// A region and the bucket's address in that region.
#[derive(Debug)]
struct BucketAddress {
    region: Box<str>,
    address: Address,
}

impl S3Driver {
    /// Opens a bucket. If no region is given, it is learned from the provider's responses.
    ///
    /// Key and secret can be an access key and its secret, or a role's ARN and the external id. The secret can also
    /// be the JSON of a session, and the key may then be left out. Without a key and a secret, requests are not
    /// signed.
    pub fn open(target: &BucketTarget, connections: &Connections) -> Result<Self, S3OpenError> {
        let provider = Provider::recognise(StorageType::S3, target.location.endpoint.as_ref());
        let quirks = provider.quirks();
        let flavour = match (quirks.conditional_writes, quirks.checksums) {
            _ if provider == Provider::Gcp => &GOOGLE,
            (true, true) => &AWS,
            (true, false) => &WITHOUT_CHECKSUMS,
            (false, _) => &UNCONDITIONAL,
        };
        Self::open_as(target, connections, flavour)
    }

    /// Like [`S3Driver::open`], for a service with other capabilities or permission names.
    pub(crate) fn open_as(
        target: &BucketTarget,
        connections: &Connections,
        flavour: &'static Flavour,
    ) -> Result<Self, S3OpenError> {
        let location = &target.location;
        let (home, region_of_host) = Home::of(location.endpoint.as_ref());
        let given = location
            .region
            .as_deref()
            .filter(|region| !region.is_empty())
            .map(str::to_owned)
            .or(region_of_host);
        let region_is_given = given.is_some();
        let region = given.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let address = address_of(&home, &location.bucket, &region)?;
        Ok(Self {
            connections: connections.clone(),
            flavour,
            bucket: location.bucket.as_str().into(),
            home,
            identity: SigningIdentity::read(target, region_is_given.then_some(&region), connections)?,
            first: BucketAddress { region: region.into(), address },
            learned: OnceLock::new(),
            region_is_given,
        })
    }

    /// Creates the bucket, for tests.
    #[cfg(feature = "contract")]
    pub async fn create_bucket(&self) -> Result<(), ProviderError> {
        let call = Call { payload: Some(crate::payload::Payload::bytes("")), ..Call::new(Method::PUT, None) };
        self.send(call).await.map(drop)
    }

    /// Turns on versioning, for tests.
    #[cfg(feature = "contract")]
    pub async fn keep_versions(&self) -> Result<(), ProviderError> {
        let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let call = Call {
            query: crate::encode::Query::new(&[("versioning", "")]),
            payload: Some(crate::payload::Payload::bytes(document)),
            ..Call::new(Method::PUT, None)
        };
        self.send(call).await.map(drop)
    }

    fn bucket_address(&self) -> &BucketAddress {
        self.learned.get().map_or(&self.first, |learned| learned)
    }

    /// Records the region that the provider named. Returns whether it is new.
    fn learn(&self, region: &str) -> bool {
        if self.region_is_given || self.learned.get().is_some() {
            return false;
        }
        match address_of(&self.home, &self.bucket, region) {
            Ok(address) => {
                self.learned.set(Box::new(BucketAddress { region: region.into(), address })).is_ok()
                    && region != &*self.first.region
            }
            Err(_) => false,
        }
    }
}

#[async_trait]
impl Driver for S3Driver {
    fn capabilities(&self) -> &'static Capabilities {
        &self.flavour.capabilities
    }

    fn site(&self) -> Site {
        let address = &self.bucket_address().address;
        Site {
            tls: address.tls(),
            host: address.host(),
            port: address.port(),
            names_account: false,
            assumes_aws: matches!(self.home, Home::Aws),
            bucket: self.bucket.clone(),
            permissions: &self.flavour.permissions,
        }
    }

    async fn head_bucket(&self) -> Result<(), ProviderError> {
        let answer = self.send(Call::new(Method::HEAD, None)).await?;
        // Any web server answers a HEAD with its page. A bucket doesn't.
        let content_type = answer.headers().get(http::header::CONTENT_TYPE);
        if content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html")) {
            return Err(ProviderError::NotAnObjectStore { status: Some(answer.status()) });
        }
        Ok(())
    }

    async fn other_buckets(&self) -> Result<Option<u64>, ProviderError> {
        if matches!(self.identity, SigningIdentity::Anonymous) {
            return Ok(None);
        }
        self.count_other_buckets().await.map(Some)
    }

    fn forwarder(&self) -> Option<&dyn S3Passthrough> {
        Some(self)
    }
}

impl Tags for S3Driver {}

impl fmt::Debug for S3Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Driver")
            .field("bucket", &self.bucket)
            .field("bucket_address", self.bucket_address())
            .finish_non_exhaustive()
    }
}
