//! The data plane. Applications send S3 requests signed with a repository's key, and the gateway forwards them to
//! the repository's buckets at any provider.
//!
//! From the outside in:
//! - `server` accepts connections.
//! - `request` takes a request through its stages, and measures it however it ends.
//! - `front` contains the protocols of applications, of which there is one: `front::s3` authenticates the caller,
//!   parses the operation, and renders the response.
//! - `object` executes operations on objects over the provider's driver.
//! - `payload` verifies the body of a request while it passes.
//! - `routing` resolves the names that clients use to buckets, and seals what clients store for the gateway.
//! - `protection` limits concurrency, and pauses requests to providers that can't be reached.
//!
//! **Invariants:**
//! - No provider is contacted before signature and access are checked.
//! - What the gateway doesn't understand is refused. A request for a sub-resource never reaches the bucket or the
//!   object itself.
//! - An object that ends before its length breaks the connection. A payload that can't be verified is never stored.

mod credential;
mod failure;
mod front;
mod gateway;
mod object;
mod payload;
mod protection;
mod request;
mod routing;
mod server;
mod server_settings;
mod settings;

pub use credential::Credential;
pub use failure::Failure;
pub use gateway::Gateway;
pub use protection::{BreakerSettings, ProtectionSettings};
pub use request::access_log::{AccessLog, LoggedRequests};
pub use request::latency::{LATENCY_BOUNDS, LatencyCounts};
pub use request::observer::{KeyRefusal, Observer};
pub use request::stats::{CLASSES, STATUSES, Stats};
pub use routing::registry::OpenKey;
pub use routing::seals::Seals;
pub use server_settings::ServerSettings;
pub use settings::GatewaySettings;

/// What this crate's own tests use of its inside. Not for other crates.
#[doc(hidden)]
pub mod internals {
    pub use crate::credential::SigningSecret;
    pub use crate::failure::{Failure, FailureKind, Fault};
    pub use crate::front::s3::{
        auth, checksum, completed_parts, dispatch, error, form, operation, payload, support, xml,
    };
    pub use crate::object::body::GatewayBody;
    pub use crate::object::context::{RequestContext, Settings};
    pub use crate::object::write_state::{DetachedWrites, WriteState};
    pub use crate::payload::{BoxError, PayloadBody};
    pub use crate::routing::page_token::{PagePosition, PageTokens, Scope};
    pub use crate::routing::registry::{Registry, ServedKey};
    pub use crate::routing::upload_id::{UploadIds, UploadScope};
}
