//! The driver for Google Cloud Storage.
//!
//! Two APIs give access to the same objects, and each is used for what it does better:
//! - **XML** for reads and multipart uploads. Its responses include an object's attributes in the headers, so a
//!   read needs one request instead of two. It supports conditions on entity tags. Only its uploads accept parts in
//!   parallel and in any order.
//! - **JSON** for everything else. Names are in a query, in a body or in one escaped path segment, so no server on
//!   the way interprets `a//b` or `a/../b` as a path. Writes can require a generation, copies of any size work in
//!   steps, and errors include a reason.
//!
//! A bucket can be opened with:
//! - a service account (`service_account`), whose key is exchanged for tokens (`token`), or which the node
//!   impersonates;
//! - an HMAC key, with which the bucket speaks the S3 protocol (`interop`);
//! - nothing, for public buckets.
//!
//! Limitations of the service and how the driver handles them:
//! - Every object has a generation, which serves as its version here whether or not the bucket retains old ones.
//! - Conditions on writes exist by generation only. A condition on an entity tag costs a second request. Multipart
//!   uploads have no conditions.
//! - Objects have no tags. They are stored as metadata; see `tags`.
//! - `Expires` is not stored, and the SHA-256 of the content is not verified.

mod attributes;
mod completed_uploads;
mod error;
mod interop;
mod list;
mod object;
mod open_error;
mod other_buckets;
mod request;
mod service_account;
mod tag_text;
mod tags;
mod token;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bucketry_model::bucket::{BucketTarget, StorageType, check_bucket_name};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::provider::Provider;
use bucketry_model::secret::Secret;
use http::Method;

use crate::address::Address;
use crate::connection::Connections;
use crate::driver::{
    Capabilities, Driver, Hints, Lists, MultipartLimits, Permissions, S3Protocol, SharedDriver, Site,
};
use crate::error::{ErrorKind, ProviderError};
use crate::gcs::completed_uploads::CompletedUploads;
use crate::gcs::error::About;
pub use crate::gcs::open_error::GcsOpenError;
use crate::gcs::request::Call;
use crate::gcs::service_account::ServiceAccount;
use crate::gcs::token::TokenSource;
use crate::probe::first_key;
use crate::target_error::TargetError;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

const CAPABILITIES: Capabilities = Capabilities {
    list_start_after: true,
    conditional_get: true,
    put_if_absent: true,
    put_if_match: true,
    conditional_completion: false,
    expires: false,
    copy: true,
    tags: true,
    version_of_every_object: true,
    hidden_metadata: true,
    object_parts: false,
    checksums: false,
    protocol: S3Protocol::None,
    max_key_bytes: 1_024,
    max_put_bytes: 5 * 1024 * GIB,
    multipart: MultipartLimits { min_part_bytes: 5 * MIB, max_part_bytes: 5 * GIB, max_parts: 10_000 },
};

static PERMISSIONS: Permissions = Permissions {
    list: "storage.objects.list (in roles/storage.objectViewer and roles/storage.objectAdmin)",
    write: "storage.objects.create, and storage.objects.delete to replace objects (both in \
            roles/storage.objectAdmin)",
    read: "storage.objects.get (in roles/storage.objectViewer and roles/storage.objectAdmin)",
    delete: "storage.objects.delete (in roles/storage.objectAdmin)",
    uploads: "storage.multipartUploads.list (in roles/storage.objectAdmin)",
    tags: "storage.objects.update (in roles/storage.objectAdmin)",
    hints: &Hints {
        key_unknown: "Check the service account's e-mail address, and check that the account exists and is enabled.",
        secret_wrong: "Check that the key belongs to this service account and was not deleted. Create a new one with \
                       gcloud iam service-accounts keys create.",
        token_expired: "The service does not accept the token. Check that the service account is enabled.",
        account_not_found: "Check that the bucket's project exists and that its billing account is active.",
        bucket_not_found: "Check the bucket's name.",
        of_code: &[
            ("required", "The bucket is not public. Enter a service account."),
            ("AuthenticationRequired", "The bucket is not public. Enter a service account."),
            ("accountDisabled", "Activate the billing account of the bucket's project."),
            ("UserProjectAccountProblem", "Activate the billing account of the bucket's project."),
            (
                "retentionPolicyNotMet",
                "The bucket's retention policy forbids this until the retention period ends.",
            ),
            ("userProjectMissing", "Turn off Requester Pays for the bucket. It is not supported."),
            ("UserProjectMissing", "Turn off Requester Pays for the bucket. It is not supported."),
        ],
    },
};

/// Opens a bucket with the given credential.
pub(crate) fn open(target: &BucketTarget, connections: &Connections) -> Result<SharedDriver, GcsOpenError> {
    if interop::is_hmac_key(target.location.key.as_deref()) {
        return Ok(Arc::new(interop::open(target, connections)?));
    }
    Ok(Arc::new(GcsDriver::open(target, connections)?))
}

/// A bucket on Google Cloud Storage.
pub struct GcsDriver {
    connections: Connections,
    bucket: Box<str>,
    address: Address,
    /// The path of the endpoint, which precedes that of each request.
    base: Box<str>,
    /// `None` for public buckets.
    tokens: Option<TokenSource>,
    /// Whether the account turned out to be allowed to list the bucket but not to look it up.
    may_only_list: AtomicBool,
    completed_uploads: CompletedUploads,
}

impl GcsDriver {
    /// Opens a bucket with a service account. `key` is the account's e-mail address and the secret is its private
    /// key in PEM, or the secret is the whole JSON of a key. With an address and no secret, the node impersonates
    /// the account. Without both, requests are anonymous.
    pub fn open(target: &BucketTarget, connections: &Connections) -> Result<Self, GcsOpenError> {
        let tokens = match (account(target)?, email(target)) {
            (Some(account), _) => Some(TokenSource::of(account, connections)?),
            (None, Some(email)) => {
                // The token would work wherever it is sent, so it is sent to Google only.
                let stubbed = connections.settings().token_services.google_iam.is_some();
                if !stubbed && !target.location.endpoint.as_ref().is_none_or(is_google) {
                    return Err(GcsOpenError::ImpersonationElsewhere);
                }
                Some(TokenSource::impersonating(email, connections)?)
            }
            (None, None) => None,
        };
        Self::with(target, connections, tokens)
    }

    /// Like [`GcsDriver::open`], with a test's token service instead of Google's.
    #[cfg(feature = "contract")]
    pub fn open_with_token_service(
        target: &BucketTarget,
        connections: &Connections,
        token_service: http::Uri,
    ) -> Result<Self, GcsOpenError> {
        let tokens = account(target)?.map(|account| TokenSource::at(token_service, account, connections));
        Self::with(target, connections, tokens)
    }

    fn with(
        target: &BucketTarget,
        connections: &Connections,
        tokens: Option<TokenSource>,
    ) -> Result<Self, GcsOpenError> {
        let location = &target.location;
        check_bucket_name(&location.bucket).map_err(TargetError::InvalidBucket)?;
        let endpoint = location.endpoint.as_ref();
        let tls = endpoint.is_none_or(|endpoint| endpoint.tls);
        let authority = endpoint.map_or_else(|| PUBLIC_HOST.to_owned(), Endpoint::authority);
        Ok(Self {
            connections: connections.clone(),
            bucket: location.bucket.as_str().into(),
            address: Address::new(tls, authority, String::new())?,
            base: endpoint.map_or("", |endpoint| &endpoint.path).into(),
            tokens,
            may_only_list: AtomicBool::new(false),
            completed_uploads: CompletedUploads::default(),
        })
    }

    /// Creates the bucket, for tests.
    #[cfg(feature = "contract")]
    pub async fn create_bucket(&self) -> Result<(), ProviderError> {
        let mut call = Call::new(Method::POST, "/storage/v1/b".to_owned(), About::Bucket);
        call.query.push("project", "test");
        let json = http::HeaderValue::from_static("application/json");
        call.headers.insert(http::header::CONTENT_TYPE, json);
        call.payload =
            Some(crate::payload::Payload::bytes(serde_json::json!({ "name": self.bucket }).to_string()));
        self.send(call).await.map(drop)
    }
}

const PUBLIC_HOST: &str = "storage.googleapis.com";

fn email(target: &BucketTarget) -> Option<&str> {
    target.location.key.as_deref().filter(|key| !key.is_empty())
}

fn account(target: &BucketTarget) -> Result<Option<ServiceAccount>, GcsOpenError> {
    let secret: Option<&Secret> = target.secret.as_ref().filter(|secret| !secret.is_empty());
    secret.map(|secret| ServiceAccount::read(email(target), secret)).transpose()
}

fn is_google(endpoint: &Endpoint) -> bool {
    endpoint.tls && Provider::recognise(StorageType::Gcs, Some(endpoint)) == Provider::Gcp
}

#[async_trait]
impl Driver for GcsDriver {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn site(&self) -> Site {
        Site {
            tls: self.address.tls(),
            host: self.address.host(),
            port: self.address.port(),
            names_account: false,
            assumes_aws: false,
            bucket: self.bucket.clone(),
            permissions: &PERMISSIONS,
        }
    }

    /// Looks up the bucket, which costs a tenth of a list. Most accounts that can use objects lack the permission
    /// for it (`storage.buckets.get`). After one denial, the driver lists one key instead.
    async fn head_bucket(&self) -> Result<(), ProviderError> {
        if !self.may_only_list.load(Ordering::Relaxed) {
            let path = format!("/storage/v1/b/{}", self.bucket);
            let mut call = Call::new(Method::GET, path, About::Bucket);
            call.query.push("fields", "name");
            match self.send_for_json(call, 64 * 1024).await {
                Err(error) if error.kind() == Some(ErrorKind::AccessDenied) => {}
                outcome => return outcome.map(drop),
            }
        }
        self.list(&first_key()).await?;
        self.may_only_list.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn other_buckets(&self) -> Result<Option<u64>, ProviderError> {
        let Some(project) = self.tokens.as_ref().and_then(TokenSource::project) else { return Ok(None) };
        self.count_other_buckets(project).await.map(Some)
    }
}

impl fmt::Debug for GcsDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsDriver")
            .field("bucket", &self.bucket)
            .field("address", &self.address)
            .field("account", &self.tokens)
            .finish_non_exhaustive()
    }
}
