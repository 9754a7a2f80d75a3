//! Sends one authorised request and reads its response.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::azure::credentials::Credentials;
use crate::azure::error::Refused;
use crate::azure::key::check_key;
use crate::azure::sign::{StringToSign, sign};
use crate::azure::{AzureDriver, error};
use crate::connection::ResponseTimeout;
use crate::encode::Query;
use crate::error::{MAX_ERROR_BYTES, ProviderError};
use crate::headers::{http_date, value};
use crate::payload::{Outgoing, Payload};
use crate::pool::Incoming;

/// The version of the REST API. It has every operation used here, and blocks of up to 4,000 MiB.
const VERSION: &str = "2023-11-03";

/// A request before addressing and authorisation.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The key of the blob, or `None` for the container.
    pub(super) key: Option<&'a str>,
    /// Whether the request is about the account instead.
    pub(super) of_account: bool,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) payload: Option<Payload>,
    pub(super) response_timeout: ResponseTimeout,
}

impl<'a> Call<'a> {
    /// A request about the container.
    pub(super) fn container(method: Method, query: &[(&'static str, &str)]) -> Self {
        let mut query = Query::new(query);
        query.push("restype", "container");
        Self {
            method,
            key: None,
            of_account: false,
            query,
            headers: HeaderMap::new(),
            payload: None,
            response_timeout: ResponseTimeout::Usual,
        }
    }

    /// A request about the account.
    pub(super) fn account(method: Method, query: &[(&'static str, &str)]) -> Self {
        Self {
            method,
            key: None,
            of_account: true,
            query: Query::new(query),
            headers: HeaderMap::new(),
            payload: None,
            response_timeout: ResponseTimeout::Usual,
        }
    }

    /// A request about a blob. Refuses keys that the service would store under another name.
    pub(super) fn blob(method: Method, key: &'a str) -> Result<Self, ProviderError> {
        check_key(key)?;
        Ok(Self {
            method,
            key: Some(key),
            of_account: false,
            query: Query::default(),
            headers: HeaderMap::new(),
            payload: None,
            response_timeout: ResponseTimeout::Usual,
        })
    }
}

impl AzureDriver {
    /// Sends a request. Returns the service's response if it is a success.
    ///
    /// A request that changes nothing is retried once: if the server closed its pooled connection, or with a new
    /// token if the service refuses the application's token.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response<Incoming>, ProviderError> {
        let repeatable = call.method.is_safe() && call.payload.is_none();
        let Call { method, key, of_account, mut query, headers, mut payload, response_timeout } = call;
        let path = if of_account { self.account_path() } else { self.address.path(key) };
        let pairs = query.sorted().to_vec();
        let query = self.with_sas(query.into_text());
        let uri = self.address.uri(&path, &query)?;
        let mut attempts = if repeatable { 2 } else { 1 };
        loop {
            attempts -= 1;
            let mut request = Request::new(Outgoing::empty());
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            let mut headers = headers.clone();
            if let Some(payload) = &payload {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
            }
            self.authorise(&mut headers, &method, &path, &pairs).await?;
            let sent = matches!(self.credentials, Credentials::Application(_)).then(|| headers.clone());
            *request.headers_mut() = headers;
            let mut progress = None;
            if let Some(payload) = payload.take() {
                (*request.body_mut(), progress) = Outgoing::of(payload);
            }
            return match self.connections.send(request, progress, response_timeout).await {
                Err(ProviderError::BrokenOff) if attempts > 0 => continue,
                Err(error) => Err(error),
                Ok(answer) if answer.status().is_success() => Ok(answer),
                Ok(answer)
                    if answer.status() == StatusCode::UNAUTHORIZED
                        && self.forget(sent.as_ref())
                        && attempts > 0 =>
                {
                    continue;
                }
                Ok(answer) => Err(self.read_error(answer, &method, key.is_some()).await),
            };
        }
    }

    /// The path of requests about the account: that of the container without its name.
    fn account_path(&self) -> String {
        let mut path = self.address.path(None);
        path.truncate(path.len().saturating_sub(self.container.len()));
        path
    }

    /// Discards the token of a refused request. Returns whether a new one can be obtained.
    fn forget(&self, sent: Option<&HeaderMap>) -> bool {
        match (&self.credentials, sent) {
            (Credentials::Application(application), Some(sent)) => {
                application.forget(sent);
                true
            }
            _ => false,
        }
    }

    pub(super) fn with_sas(&self, mut query: String) -> String {
        if let Credentials::Sas(sas) = &self.credentials {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(sas.query());
        }
        query
    }

    async fn authorise(
        &self,
        headers: &mut HeaderMap,
        method: &Method,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Result<(), ProviderError> {
        headers.insert(HOST, self.address.host_header());
        headers.insert(HeaderName::from_static("x-ms-version"), HeaderValue::from_static(VERSION));
        let now = http_date(self.connections.clock().now())?;
        headers.insert(HeaderName::from_static("x-ms-date"), value(&now)?);
        let key = match &self.credentials {
            Credentials::SharedKey(key) => key,
            Credentials::Sas(_) => return Ok(()),
            Credentials::Application(application) => {
                let authorization = application.authorization(&self.connections).await?;
                headers.insert(AUTHORIZATION, authorization);
                return Ok(());
            }
        };
        let target = StringToSign { method: method.as_str(), account: &self.account, path, query };
        sign(headers, &target, key)
            .map_err(|_| ProviderError::InvalidRequest("the account's name is not allowed in a header"))
    }

    async fn read_error(&self, answer: Response<Incoming>, method: &Method, of_blob: bool) -> ProviderError {
        let (head, body) = answer.into_parts();
        let document = if *method == Method::HEAD {
            Bytes::new()
        } else {
            // If the document can't be read, the code in the header is enough.
            self.connections.document(body, MAX_ERROR_BYTES, ResponseTimeout::Usual).await.unwrap_or_default()
        };
        let now = self.connections.clock().now();
        let refused = Refused { of_blob, expires: self.credentials.expires(), now };
        error::read(head.status, &head.headers, &document, &refused)
    }
}
