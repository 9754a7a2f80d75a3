//! The API for users and scripts, with one module per resource.

pub mod audit;
pub mod bucket;
pub mod finding;
pub mod freshness;
pub mod history;
pub mod node;
pub mod node_stats;
pub mod notification;
pub mod organization;
pub mod repository;
pub mod token;
pub mod traffic;
pub mod user;
pub mod vault;
pub mod workspace;

use bucketry_model::secret::Secret;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderName, Method};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ClientError;
use crate::transport::{Options, Transport};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// All characters except the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of the API. Clones share their connections.
///
/// Dropping the future of a call closes its connection. The server may or may not have carried out the request. To
/// be sure, repeat the call; if it creates something, with the same idempotency key.
#[derive(Clone)]
pub struct ApiClient {
    transport: Transport,
    token: Option<Secret>,
}

impl ApiClient {
    /// Creates a client for the server at a base URL (`https://host`, `http://127.0.0.1:8080`, or with the path
    /// prefix of a proxy). The token is an access token or a personal API token; `None` for logging in.
    pub fn new(base_url: &str, token: Option<Secret>, options: Options) -> Result<Self, ClientError> {
        Ok(Self { transport: Transport::new(base_url, options)?, token })
    }

    /// Returns the same client with another token.
    #[must_use]
    pub fn with_token(&self, token: Option<Secret>) -> Self {
        Self { transport: self.transport.clone(), token }
    }

    /// The base URL of the server.
    pub fn base_url(&self) -> String {
        self.transport.base_url()
    }

    /// `GET`s a path, which may have a query, and parses the response as one of this crate's types or as
    /// `serde_json::Value`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, Body::None, None).await
    }

    /// `POST`s a body as JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        self.call(Method::POST, path, Body::of(body)?, None).await
    }

    /// `POST`s a body as JSON with an idempotency key. Within a day, the same key and body return the first result
    /// again instead of creating another resource.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        idempotency_key: Option<&str>,
    ) -> Result<T, ClientError> {
        self.call(Method::POST, path, Body::of(body)?, idempotency_key).await
    }

    /// `POST`s without a body.
    pub async fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::POST, path, Body::None, None).await
    }

    /// `PUT`s a body as JSON.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        self.call(Method::PUT, path, Body::of(body)?, None).await
    }

    /// `DELETE`s a path.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::DELETE, path, Body::None, None).await
    }

    /// `GET`s a path in another format than JSON. Returns the text, and where the next page begins.
    pub(crate) async fn get_text(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<(Bytes, Option<String>), ClientError> {
        let mut request = self.transport.request(Method::GET, path)?.header(ACCEPT, accept);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let request =
            request.body(Full::new(Bytes::new())).map_err(|error| ClientError::Request(error.to_string()))?;
        let answer = self.transport.send(request, None).await?;
        Ok((answer.body, answer.next_cursor))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
        idempotency_key: Option<&str>,
    ) -> Result<T, ClientError> {
        let mut request = self.transport.request(method, path)?.header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = match body {
            Body::None => Bytes::new(),
            Body::Json(json) => {
                request = request.header(CONTENT_TYPE, "application/json");
                json
            }
        };
        let request =
            request.body(Full::new(body)).map_err(|error| ClientError::Request(error.to_string()))?;
        let answer = self.transport.send(request, None).await?;
        self.transport.read(&answer)
    }
}

enum Body {
    None,
    Json(Bytes),
}

impl Body {
    fn of(body: &impl Serialize) -> Result<Self, ClientError> {
        let json = serde_json::to_vec(body).map_err(|error| ClientError::Request(error.to_string()))?;
        Ok(Self::Json(json.into()))
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| ClientError::Request("the token contains invalid characters".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A path with query parameters. Parameters without a value are left out.
pub fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut whole = path.to_owned();
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(name);
        whole.push('=');
        whole.extend(utf8_percent_encode(value, ENCODED));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_encoded_and_absent_ones_left_out() {
        let path = with_query(
            "/bucket",
            &[("workspaceId", None), ("cursor", Some("a b&c=d/ü")), ("limit", Some("5"))],
        );
        assert_eq!(path, "/bucket?cursor=a%20b%26c%3Dd%2F%C3%BC&limit=5");
        assert_eq!(with_query("/bucket", &[("limit", None)]), "/bucket");
    }
}
