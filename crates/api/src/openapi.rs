//! The OpenAPI document, generated from the types: `GET /openapi.json`.

use std::collections::BTreeMap;

use axum::extract::Extension;
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Deprecated, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::endpoint::RequestSample;
use crate::error::ErrorAnswer;
use crate::pagination::json;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/openapi.json");

/// The document without its paths, which the routers add.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bucketry",
        description = "A self-hosted registry of buckets: their names, their providers, the credentials that open \
            them, and their status.\n\n\
            Log in with `POST /user/login`, or create a personal API token with `POST /token`, and send the token as \
            `Authorization: Bearer …`. Every error response is JSON of one shape, with a stable `error_code` and a \
            sentence that says what to do. Every response has an `x-request-id`, which the server's log has too.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ErrorAnswer)),
    modifiers(&BearerToken),
    tags(
        (name = "Buckets", description = "Registered buckets, their status and their statistics"),
        (name = "Repositories", description = "Buckets behind one endpoint, and their access keys"),
        (name = "Statistics", description = "Traffic and bucket status by minute and by day"),
        (name = "Workspaces", description = "Parts of an organization that roles are granted in"),
        (name = "Users", description = "The organization's users and their roles"),
        (name = "Sessions", description = "Logging in and out"),
        (name = "Tokens", description = "Sessions and personal API tokens"),
        (name = "Notifications", description = "Notification channels, the log of deliveries, and silences"),
        (name = "Audit", description = "Who changed what, and what was refused"),
        (name = "Nodes", description = "The calls that nodes make, and the list of nodes"),
        (name = "Operation", description = "For the operator of the deployment"),
    ),
)]
pub(crate) struct OpenApiDocument;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(
            "An access token of `/user/login`, or a personal API token (`bkt_…`) of `/token`".to_owned(),
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

fn refusal(description: &str) -> RefOr<Described> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorAnswer"))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build().into()
}

/// Groups of error responses that endpoints refer to, so that a status is documented wherever it can occur.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal => $description:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;
        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Described>> {
                [$(($status.to_owned(), refusal($description))),+].into()
            }
        }
    )+};
}

refusals! {
    /// Errors of every endpoint.
    Anytime {
        "429" => "Too many requests (`Retry-After` says how many seconds to wait), or another limit is reached",
        "500" => "An internal error; the server's log has the details under the request id",
        "503" => "The database, or a node that the call needs, is unavailable: try again",
    }
    /// Errors of every endpoint that needs a token.
    Signed {
        "401" => "No valid token was sent (`UNAUTHENTICATED`), or it has expired (`TOKEN_EXPIRED`)",
        "403" => "The password must be changed first (`PASSWORD_CHANGE_REQUIRED`)",
        "429" => "Too many requests (`Retry-After` says how many seconds to wait), or another limit is reached",
        "500" => "An internal error; the server's log has the details under the request id",
        "503" => "The database, or a node that the call needs, is unavailable: try again",
    }
    /// For metrics.
    MetricsRefused {
        "401" => "The token of the server's `--metrics-token-file` is needed",
        "403" => "Only programs on the server's machine may read the metrics of a workspace's buckets",
        "404" => "There is no such workspace, or metrics are served at another address (`--metrics-listen`)",
    }
    /// For endpoints with credentials in the body.
    Refused {
        "401" => "The credentials are wrong",
    }
    /// For endpoints that need a role.
    Forbidden {
        "403" => "The role is too low, or this deployment does not allow the call",
    }
    /// For endpoints that name a resource of the organization.
    InOrganization {
        "403" => "The role is too low, or the resource is in use",
        "404" => "The caller's organization has no such resource",
    }
    /// For endpoints with parameters, or with rules of the domain.
    BadRequest {
        "400" => "A parameter is wrong, or a rule forbids it",
    }
    /// For endpoints with a body.
    WithBody {
        "400" => "The body or one of its fields is wrong (`fields` lists them), or a rule forbids it",
        "408" => "The body did not arrive in time",
        "413" => "The body is too large",
        "415" => "The body is not JSON",
    }
    /// For endpoints that accept an `Idempotency-Key`.
    Repeatable {
        "409" => "The `Idempotency-Key` was used with another body, or the first request with it is still in progress",
    }
    /// For endpoints whose resource others may change at the same time.
    Contended {
        "409" => "The resource was changed by another request in the meantime: read it again and repeat the change",
    }
    /// For endpoints that need a node.
    NodeNeeded {
        "503" => "No node is online, or no node has ever registered (both `NO_NODE_ONLINE`); no node answered in time; or the database is unavailable: try again",
    }
    /// For registering a bucket. Listed after the other groups, because it replaces their 429.
    BucketLimits {
        "429" => "One of three limits, each with an empty `bucketId`. `RATE_LIMITED`: too many requests, per token (6,000 per minute, 300 at once) or per address (12,000 per minute, 600 at once); `Retry-After` says how many seconds to wait. `TOO_MANY_VALIDATIONS`: 8 buckets of the organization are already being validated; `Retry-After` is 1. `QUOTA_EXCEEDED`: the organization has reached its limit of buckets, which `message` states; there is no `Retry-After`, because waiting does not help",
    }
    /// For validating a bucket. Listed after the other groups, because it replaces their 429.
    ValidationLimits {
        "429" => "One of two limits. `RATE_LIMITED`: too many requests, per token (6,000 per minute, 300 at once) or per address (12,000 per minute, 600 at once); `Retry-After` says how many seconds to wait. `TOO_MANY_VALIDATIONS`: 8 buckets of the organization are already being validated; `Retry-After` is 1",
    }
    /// For messages of nodes.
    NodeRefused {
        "400" => "The message is malformed, its signature doesn't verify, or its timestamp is too far from the server's clock",
        "404" => "The node is not registered",
    }
}

/// Paths for clients that still use the old name of buckets.
const OLD_PATHS: [&str; 1] = ["/unit/stats"];

/// Marks the paths that new clients should not call as deprecated.
pub(crate) fn mark_old_paths(document: &mut utoipa::openapi::OpenApi) {
    for path in OLD_PATHS {
        let item = document.paths.paths.get_mut(path);
        if let Some(operation) = item.and_then(|item| item.get.as_mut()) {
            operation.deprecated = Some(Deprecated::True);
        }
    }
}

/// The document as it is served.
#[derive(Clone)]
pub(crate) struct ServedDocument(pub(crate) Bytes);

/// Returns this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Operation",
    operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI document", body = Object)),
)]
pub(crate) async fn openapi(Extension(ServedDocument(document)): Extension<ServedDocument>) -> Response {
    json(document.into())
}
