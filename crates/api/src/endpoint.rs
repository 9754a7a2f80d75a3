//! What an endpoint consists of: a handler, and a sample request for the tests that call every endpoint.

use http::Method;

/// A valid request to an endpoint, for tests that call every endpoint in every role.
///
/// Its texts have placeholders for what the test makes. Path parameters are the id of a new resource, under their
/// name in the path: `{bucketId}`, `{repoId}`, `{apikeyId}` (a key of `{repoId}`), `{workspaceId}`, `{userId}` (in
/// paths of a workspace: a member), `{orgId}`, `{keyId}` (a key of `{orgId}`), `{nodeId}` (a node of
/// `{orgId}`), `{tokenId}`, `{channelId}`, `{silenceId}`, `{validationId}` (one of
/// `{bucketId}`). Others are `{workspace}` (an existing workspace),
/// `{user}` (a new user), `{owner}` (an owner's e-mail address), `{password}` (a valid one, and that of `{owner}`),
/// `{name}` and `{email}` (unused ones).
#[derive(Debug, Clone)]
pub struct RequestSample {
    /// The method.
    pub method: Method,
    /// The path as in the OpenAPI document, and the query.
    pub target: &'static str,
    /// The JSON body.
    pub body: Option<&'static str>,
}

impl RequestSample {
    pub(crate) const fn get(target: &'static str) -> Self {
        Self { method: Method::GET, target, body: None }
    }

    pub(crate) const fn post(target: &'static str) -> Self {
        Self { method: Method::POST, target, body: None }
    }

    pub(crate) const fn post_json(target: &'static str, body: &'static str) -> Self {
        Self { method: Method::POST, target, body: Some(body) }
    }

    pub(crate) const fn put_json(target: &'static str, body: &'static str) -> Self {
        Self { method: Method::PUT, target, body: Some(body) }
    }

    pub(crate) const fn delete_json(target: &'static str, body: &'static str) -> Self {
        Self { method: Method::DELETE, target, body: Some(body) }
    }

    pub(crate) const fn delete(target: &'static str) -> Self {
        Self { method: Method::DELETE, target, body: None }
    }
}

/// Defines the `routes()` and `samples()` of a resource: `endpoints!([list::list, create::create]; keys)`.
///
/// Each bracket lists the handlers of one path as `module::handler`; a module has one handler and its `SAMPLE`. After
/// the semicolon follow modules that use this macro themselves.
macro_rules! endpoints {
    ($([$($module:ident :: $handler:ident),+]),+ $(,)? $(; $($nested:ident),+ $(,)?)?) => {
        /// The routes.
        pub(crate) fn routes() -> utoipa_axum::router::OpenApiRouter<crate::state::ApiState> {
            utoipa_axum::router::OpenApiRouter::new()
                $(.routes(utoipa_axum::routes!($($module::$handler),+)))+
                $($(.merge($nested::routes()))+)?
        }

        /// A request for each route.
        pub(crate) fn samples() -> Vec<crate::endpoint::RequestSample> {
            [vec![$($($module::SAMPLE),+),+] $($(, $nested::samples())+)?].concat()
        }
    };
}

pub(crate) use endpoints;
