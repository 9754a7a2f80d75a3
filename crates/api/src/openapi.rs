//! The OpenAPI document, generated from the types: `GET /openapi.json`.

use std::collections::BTreeMap;

use axum::extract::Extension;
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Deprecated, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::error::ErrorAnswer;
use crate::pagination::json;

/// What stands above the paths, which the routers bring.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bucketry",
        description = "A self-hosted registry of buckets: what they are called, where they lie, what opens them, \
            and how they are doing.\n\n\
            Log in with `POST /user/login`, or make a personal token with `POST /token`, and send it as \
            `Authorization: Bearer …`. Every refusal is JSON of one shape, with a stable `error_code` and a sentence \
            that a person can act on. Every answer carries `x-request-id`, which the server's log carries too.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ErrorAnswer)),
    modifiers(&BearerToken),
    tags(
        (name = "Buckets", description = "Registered buckets, their status and their statistics"),
        (name = "Repositories", description = "Buckets behind one endpoint, and the access keys that open them"),
        (name = "Statistics", description = "Traffic by minute and by day"),
        (name = "Workspaces", description = "Parts of an organization that roles are granted in"),
        (name = "Users", description = "The organization's users and their roles"),
        (name = "Sessions", description = "Logging in and out"),
        (name = "Tokens", description = "Sessions and personal API tokens"),
        (name = "Nodes", description = "What nodes say, and the list of them"),
        (name = "Operation", description = "For those who run the deployment"),
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

/// Groups of refusals that endpoints name, so that a status is documented wherever it can occur.
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
    /// What every endpoint may answer.
    Anytime {
        "429" => "Too many requests (`Retry-After` tells when to come again), or a limit is reached",
        "500" => "A mistake of ours; the server's log says more under the request's id",
        "503" => "The storage or a node can't be reached right now: try again",
    }
    /// What every endpoint that needs a token may answer.
    Signed {
        "401" => "No valid token was sent (`UNAUTHENTICATED`), or it has expired (`TOKEN_EXPIRED`)",
        "403" => "The password must be changed first (`PASSWORD_CHANGE_REQUIRED`)",
        "429" => "Too many requests (`Retry-After` tells when to come again), or a limit is reached",
        "500" => "A mistake of ours; the server's log says more under the request's id",
        "503" => "The storage or a node can't be reached right now: try again",
    }
    /// Credentials in the body were refused.
    Refused {
        "401" => "The credentials are wrong",
    }
    /// The role is too low.
    Forbidden {
        "403" => "The role is too low, or it is not allowed in this deployment",
    }
    /// A thing of the organization is named.
    InOrganization {
        "403" => "The role is too low, or the thing is in use",
        "404" => "There is no such thing in the caller's organization",
    }
    /// Parameters are read, or a rule of the domain may forbid it.
    BadRequest {
        "400" => "A parameter is wrong, or a rule forbids it",
    }
    /// A body is read.
    WithBody {
        "400" => "The body or a field of it is wrong (`fields` tells which), or a rule forbids it",
        "408" => "The body did not arrive in time",
        "413" => "The body is too large",
        "415" => "The body is not JSON",
    }
    /// `Idempotency-Key` is taken.
    Repeatable {
        "409" => "The `Idempotency-Key` was used with another body, or its first request is still being worked on",
    }
    /// Somebody else may change the same thing.
    Contended {
        "409" => "It was changed by somebody else in the meantime",
    }
    /// A node must look.
    NodeNeeded {
        "503" => "No node is online, or none has ever registered (both `NO_NODE_ONLINE`), none answered in time, or the storage can't be reached: try again",
    }
    /// A bucket is registered: after the others, of which it replaces one.
    BucketLimits {
        "429" => "One of three limits, each with an empty `bucketId`. `RATE_LIMITED`: too many requests, by token (6,000 a minute, 300 at once) or by address (12,000, 600 at once); `Retry-After` says when the next one may come. `TOO_MANY_VALIDATIONS`: 8 buckets of the organization are being validated already; `Retry-After` is 1. `QUOTA_EXCEEDED`: the organization has as many buckets as it may (`message` says how many); no `Retry-After`, because waiting does not help",
    }
    /// A bucket is validated: after the others, of which it replaces one.
    ValidationLimits {
        "429" => "One of two limits. `RATE_LIMITED`: too many requests, by token (6,000 a minute, 300 at once) or by address (12,000, 600 at once); `Retry-After` says when the next one may come. `TOO_MANY_VALIDATIONS`: 8 buckets of the organization are being validated already; `Retry-After` is 1",
    }
    /// A node's message is taken.
    NodeRefused {
        "400" => "The message is wrong, its signature doesn't verify, or its time is off",
        "404" => "The node is not registered",
    }
}

/// Paths that are served only for clients that know the older name of buckets.
const OLD_PATHS: [&str; 1] = ["/unit/stats"];

/// Marks what new clients should not call.
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

/// Tells this document.
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
