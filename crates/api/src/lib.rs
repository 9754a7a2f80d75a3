//! The HTTP side of the control plane: one module per resource, request and response types, the OpenAPI document,
//! error responses.
//!
//! - [`router()`]: all routes as an axum router, over an [`ApiState`].
//! - [`metrics_router()`]: metrics and health, for a separate address.
//! - [`serve()`]: the server that runs it.
//! - [`openapi_json`]: the OpenAPI document.
//!
//! **Invariant:** this crate contains no domain rules and talks to neither the database nor clouds. A handler
//! parses a request, calls one use case of `control`, and writes the response.

mod attention_metrics;
mod audit;
mod body;
mod bucket;
mod bucket_metrics;
mod caller;
mod change_body;
mod cors;
mod docs_page;
mod endpoint;
mod error;
mod events;
mod findings;
mod health;
mod idempotency;
mod limits;
mod list_cache;
mod metrics;
mod metrics_page;
mod node;
mod not_served;
mod notification;
mod observe;
mod openapi;
mod org_role;
mod organization;
mod organization_users;
mod outdated;
mod pagination;
mod params;
mod process;
mod rate_limited;
mod ready;
mod refusals;
mod repo;
mod root;
mod router;
mod serve;
mod session;
mod settings;
mod shared_failures;
mod shared_rates;
mod state;
mod stats;
mod systemevent;
mod token;
mod unit;
mod unknown_parameters;
mod user;
mod vault;
mod workspace;

use bucketry_control::cursor;

pub use audit::{AuditLog, stream_audit};
pub use endpoint::RequestSample;
pub use router::{metrics_router, openapi_json, request_samples, router};
pub use serve::serve;
pub use settings::{ApiSettings, METRICS_BUCKETS, MetricsSettings, RateLimits};
pub use state::ApiState;
