//! The request and response types of the HTTP API, one module per resource, as the server and its client exchange
//! them. JSON has the names that `docs/api.md` documents; the field descriptions are those of the OpenAPI document.
//!
//! - Ids in request bodies are text, because the server refuses a malformed id as an unknown one (404).
//! - Required fields are optional in some request bodies, so that the server can report all missing ones at once.
//! - Texts in responses of which a list can have many are [`Cow`](std::borrow::Cow)s: the server borrows them.
//! - The feature `openapi` derives `utoipa::ToSchema`. Where another crate uses a name differently, the type here has
//!   another one, and its name in the document is in `schema(as = …)`.

pub mod audit;
pub mod audit_export;
pub mod bucket;
pub mod bucket_fields;
pub mod bucket_status;
pub mod count;
pub mod csv;
pub mod error;
pub mod finding;
pub mod freshness;
pub mod history;
pub mod inventory;
pub mod moment;
pub mod node;
pub mod node_stats;
pub mod notification;
pub mod organization;
pub mod organization_key;
pub mod organization_user;
pub mod outcome;
pub mod pinned_to;
pub mod repository;
pub mod repository_key;
mod secret;
pub mod session;
pub mod token;
pub mod traffic;
pub mod user;
pub mod validation;
pub mod vault;
pub mod workspace;
