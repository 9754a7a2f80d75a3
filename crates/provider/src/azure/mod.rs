//! The driver for Azure Blob Storage.
//!
//! Objects are block blobs. One request is one HTTP exchange. `address` determines the URL, `credentials` reads the
//! container's credential, `sign` signs with an account key, `request` sends and reads errors, and each group of
//! operations has a module for its headers and documents.
//!
//! Limitations of the service and how the driver handles them:
//! - Some keys would arrive as other keys, such as those that end with a dot. They are refused; see `key`.
//! - Lists can't start after a key, and `Expires` is not stored.
//! - Entity tags are counters rather than hashes, and the SHA-256 of the content is not verified.
//! - Ranges that count from the end cost a second request.
//! - Multipart uploads are emulated with blocks; see `upload`.

mod address;
mod attributes;
mod credentials;
mod entra;
mod error;
mod key;
mod list;
mod object;
mod open_error;
mod other_containers;
mod request;
mod sign;
mod tags;
mod upload;
mod upload_blocks;
mod upload_checks;
mod upload_list;

use std::fmt;

use async_trait::async_trait;
use bucketry_model::bucket::BucketTarget;
use bucketry_model::secret::Secret;
use http::Method;

use crate::address::Address;
use crate::azure::address::{address_of, check_account};
use crate::azure::credentials::Credentials;
pub use crate::azure::open_error::AzureOpenError;
use crate::azure::request::Call;
use crate::azure::upload_checks::UploadChecks;
use crate::connection::Connections;
use crate::driver::{Capabilities, Driver, Hints, Lists, MultipartLimits, Permissions, S3Protocol, Site};
use crate::error::ProviderError;
use crate::payload::Payload;
use crate::probe::first_key;
use crate::target_error::TargetError;

const MIB: u64 = 1024 * 1024;

const CAPABILITIES: Capabilities = Capabilities {
    list_start_after: false,
    conditional_get: true,
    put_if_absent: true,
    put_if_match: true,
    conditional_completion: true,
    expires: false,
    copy: true,
    tags: true,
    version_of_every_object: false,
    hidden_metadata: true,
    object_parts: true,
    checksums: false,
    protocol: S3Protocol::None,
    max_key_bytes: 1_024,
    max_put_bytes: 5_000 * MIB,
    multipart: MultipartLimits { min_part_bytes: 1, max_part_bytes: 4_000 * MIB, max_parts: 10_000 },
};

/// A SAS has a letter per permission. An account key has all permissions, so the roles are for applications.
static PERMISSIONS: Permissions = Permissions {
    list: "List (l) in the SAS, or the role Storage Blob Data Reader",
    write: "Write (w) and Create (c) in the SAS, or the role Storage Blob Data Contributor",
    read: "Read (r) in the SAS, or the role Storage Blob Data Reader",
    delete: "Delete (d) in the SAS, or the role Storage Blob Data Contributor",
    uploads: "List (l) and Read (r) in the SAS, or the role Storage Blob Data Reader",
    tags: "Tags (t) in the SAS, or the role Storage Blob Data Owner",
    hints: &Hints {
        key_unknown: "Check the storage account's name.",
        secret_wrong: "Copy the whole key or SAS again (in the storage account, Access keys or Shared access \
                       signature). A SAS must be for this container or account, and signed with a key that is still \
                       valid.",
        token_expired: "Create a new SAS with a later expiry. If the expiry is in the future, check that the start \
                        time has passed.",
        account_not_found: "Check the storage account's name, and check that the account is not disabled. If it is in \
                            another cloud, check the endpoint.",
        bucket_not_found: "Check the container's name, and check that it is in this storage account.",
        of_code: &[
            (
                "AuthorizationSourceIPMismatch",
                "The SAS allows certain IP addresses only (sip). Add this node's address.",
            ),
            ("AuthorizationProtocolMismatch", "The SAS allows https only (spr). Use an https endpoint."),
            (
                "AuthorizationResourceTypeMismatch",
                "The SAS lacks resource types. An account SAS needs Container and Object (srt=co).",
            ),
            (
                "AuthorizationServiceMismatch",
                "The SAS is for other services. An account SAS needs Blob (ss=b).",
            ),
            (
                "AuthorizationFailure",
                "Allow this node's address in the storage account's Networking, and check the SAS's permissions.",
            ),
            (
                "KeyBasedAuthenticationNotPermitted",
                "The account refuses keys. Turn on \"Allow storage account key access\", or use a user delegation SAS.",
            ),
            (
                "InvalidAuthenticationInfo",
                "Check that the application belongs to the directory (tenant) of the storage account's subscription.",
            ),
            ("AccountRequiresHttps", "The account requires secure transfer. Use an https endpoint."),
        ],
    },
};

/// A container of a storage account.
pub struct AzureDriver {
    connections: Connections,
    account: Box<str>,
    container: Box<str>,
    address: Address,
    account_is_in_host: bool,
    credentials: Credentials,
    upload_checks: UploadChecks,
}

impl AzureDriver {
    /// Opens a container. `bucket` is its name and `key` is the name of its storage account. The secret is the
    /// account's key, a SAS, or the JSON of an application.
    pub fn open(target: &BucketTarget, connections: &Connections) -> Result<Self, AzureOpenError> {
        let location = &target.location;
        let account =
            location.key.as_deref().filter(|key| !key.is_empty()).ok_or(AzureOpenError::MissingAccount)?;
        check_account(account)?;
        let (address, account_is_in_host) =
            address_of(location.endpoint.as_ref(), account, &location.bucket)?;
        let secret: &Secret = target.secret.as_ref().ok_or(TargetError::MissingSecret)?;
        Ok(Self {
            connections: connections.clone(),
            account: account.into(),
            container: location.bucket.as_str().into(),
            address,
            account_is_in_host,
            credentials: Credentials::read(secret, location.endpoint.as_ref(), connections)?,
            upload_checks: UploadChecks::default(),
        })
    }

    /// Creates the container, for demonstrations and tests.
    pub async fn create_container(&self) -> Result<(), ProviderError> {
        let call = Call { payload: Some(Payload::bytes("")), ..Call::container(Method::PUT, &[]) };
        self.send(call).await.map(drop)
    }
}

#[async_trait]
impl Driver for AzureDriver {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn site(&self) -> Site {
        Site {
            tls: self.address.tls(),
            host: self.address.host(),
            port: self.address.port(),
            names_account: self.account_is_in_host,
            assumes_aws: false,
            bucket: self.container.clone(),
            permissions: &PERMISSIONS,
        }
    }

    /// Lists one key if the credential is a SAS, because a SAS for a container never allows reading the container's
    /// properties.
    async fn head_bucket(&self) -> Result<(), ProviderError> {
        if matches!(self.credentials, Credentials::Sas(_)) {
            return self.list(&first_key()).await.map(drop);
        }
        let answer = self.send(Call::container(Method::HEAD, &[])).await?;
        // Any web server answers a HEAD. Only the service sends this header.
        if answer.headers().contains_key("x-ms-request-id") {
            Ok(())
        } else {
            Err(ProviderError::NotAnObjectStore { status: Some(answer.status()) })
        }
    }

    async fn other_buckets(&self) -> Result<Option<u64>, ProviderError> {
        if self.credentials.is_of_container() {
            return Ok(Some(0));
        }
        self.count_other_containers().await.map(Some)
    }
}

impl fmt::Debug for AzureDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureDriver")
            .field("account", &self.account)
            .field("address", &self.address)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
