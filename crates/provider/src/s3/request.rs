//! Sends one signed request and reads its response.

use bucketry_model::hex;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::connection::ResponseTimeout;
use crate::encode::Query;
use crate::error::{ErrorKind, MAX_ERROR_BYTES, ProviderError};
use crate::payload::{Outgoing, Payload};
use crate::pool::Incoming;
use crate::s3::address::root_of;
use crate::s3::identity::SigningIdentity;
use crate::s3::{BucketAddress, S3Driver, error, request_head};
use crate::sigv4::{
    CredentialScope, Credentials, EMPTY_SHA256, Field, SigningTarget, UNSIGNED_PAYLOAD, sign,
};

/// The number of headers that addressing and signing add.
const OWN_HEADERS: usize = 6;

/// A request before addressing and signing.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The key of the object, or `None` for the bucket.
    pub(super) key: Option<&'a str>,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) payload: Option<Payload>,
    pub(super) response_timeout: ResponseTimeout,
    /// Whether "not modified" is a success.
    pub(super) takes_unmodified: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, key: Option<&'a str>) -> Self {
        Self {
            method,
            key,
            query: Query::default(),
            headers: HeaderMap::new(),
            payload: None,
            response_timeout: ResponseTimeout::Usual,
            takes_unmodified: false,
        }
    }
}

/// The parts of a request that are the same in a retry.
struct Draft<'a> {
    method: Method,
    key: Option<&'a str>,
    query: String,
    headers: HeaderMap,
    response_timeout: ResponseTimeout,
    takes_unmodified: bool,
}

impl Draft<'_> {
    /// A request without parameters and headers.
    fn bare(method: Method) -> Self {
        Self {
            method,
            key: None,
            query: String::new(),
            headers: HeaderMap::new(),
            response_timeout: ResponseTimeout::Usual,
            takes_unmodified: false,
        }
    }
}

/// Reads of objects accept gzip, so that a service that decompresses returns objects as they are stored. Other
/// requests don't: their responses would be compressed. Google changes the header before it verifies the signature, so
/// the header is not signed.
fn accepted_coding(draft: &Draft<'_>) -> &'static [Field<'static>] {
    let is_of_object =
        |query: &str| query.is_empty() || query.starts_with("versionId=") || query.starts_with("partNumber=");
    if draft.key.is_some() && is_of_object(&draft.query) { &[("accept-encoding", b"gzip")] } else { &[] }
}

impl S3Driver {
    /// Sends a request. Returns the provider's response if it is a success.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response<Incoming>, ProviderError> {
        let draft = Draft {
            method: call.method,
            key: call.key,
            query: call.query.into_text(),
            headers: call.headers,
            response_timeout: call.response_timeout,
            takes_unmodified: call.takes_unmodified,
        };
        if let Some(payload) = call.payload {
            // Rarely does anything, and contains a whole request. On the heap, it keeps other requests small.
            if !self.region_is_given && self.learned.get().is_none() {
                Box::pin(self.settle_region()).await;
            }
            return self.exchange(&draft, self.bucket_address(), Some(payload)).await;
        }
        match self.exchange(&draft, self.bucket_address(), None).await {
            Err(error) if self.may_repeat(&draft, &error) => {
                Box::pin(self.exchange(&draft, self.bucket_address(), None)).await
            }
            outcome => outcome,
        }
    }

    /// Sends a GET to the service instead of the bucket.
    pub(super) async fn get_root(&self) -> Result<Response<Incoming>, ProviderError> {
        let region = &self.bucket_address().region;
        let address = root_of(&self.home, &self.bucket, region).map_err(|_| {
            ProviderError::InvalidRequest("the endpoint without the bucket is not a valid address")
        })?;
        let root = BucketAddress { region: region.clone(), address };
        self.exchange(&Draft::bare(Method::GET), &root, None).await
    }

    fn may_repeat(&self, draft: &Draft<'_>, error: &ProviderError) -> bool {
        match error {
            ProviderError::BrokenOff => draft.method.is_safe(),
            // The refused session has already been discarded. A new one may be accepted.
            ProviderError::Answer(answer) if answer.kind == ErrorKind::TokenExpired => {
                matches!(self.identity, SigningIdentity::Role(_))
            }
            ProviderError::Answer(answer) if answer.kind == ErrorKind::WrongRegion => {
                answer.region.as_deref().is_some_and(|region| self.learn(region))
            }
            _ => false,
        }
    }

    /// Learns the region before a request with a body, because the body can be sent only once. Costs one successful
    /// request per driver, and none if the region is given. An error is ignored: the request itself will meet and
    /// report it.
    async fn settle_region(&self) {
        let draft = Draft::bare(Method::HEAD);
        match self.exchange(&draft, &self.first, None).await {
            Ok(_) => {
                self.learn(&self.first.region);
            }
            Err(error) => {
                self.may_repeat(&draft, &error);
            }
        }
    }

    async fn exchange(
        &self,
        draft: &Draft<'_>,
        bucket_address: &BucketAddress,
        payload: Option<Payload>,
    ) -> Result<Response<Incoming>, ProviderError> {
        let credentials = self.identity.credentials(&self.connections).await?;
        let answer = if payload.is_none() && matches!(draft.method, Method::GET | Method::HEAD) {
            self.send_head(draft, bucket_address, credentials.as_deref()).await?
        } else {
            // Contains a whole request. On the heap, it keeps small requests small.
            Box::pin(self.send_request(draft, bucket_address, credentials.as_deref(), payload)).await?
        };
        let status = answer.status();
        if status.is_success() || (draft.takes_unmodified && status == StatusCode::NOT_MODIFIED) {
            return Ok(answer);
        }
        let error = Box::pin(self.read_error(answer, draft)).await;
        if let (Some(ErrorKind::TokenExpired), Some(refused)) = (error.kind(), &credentials) {
            self.identity.forget(refused);
        }
        Err(error)
    }

    async fn send_head(
        &self,
        draft: &Draft<'_>,
        bucket_address: &BucketAddress,
        credentials: Option<&Credentials>,
    ) -> Result<Response<Incoming>, ProviderError> {
        let address = &bucket_address.address;
        let scope = CredentialScope::new(&bucket_address.region, "s3", self.connections.clock().now());
        let signing = credentials.map(|credentials| (credentials, self.connections.signing_keys(), &scope));
        let path = address.path(draft.key);
        let target = SigningTarget {
            method: draft.method.as_str(),
            path: &path,
            query: &draft.query,
            payload: EMPTY_SHA256,
        };
        let unsigned = if self.flavour.decompresses { accepted_coding(draft) } else { &[] };
        let host = address.host_header();
        let head = request_head::write(&target, &host, &draft.headers, unsigned, signing)?;
        let to_head = draft.method == Method::HEAD;
        self.connections.send_head(address.origin(), &head, to_head, draft.response_timeout).await
    }

    async fn send_request(
        &self,
        draft: &Draft<'_>,
        bucket_address: &BucketAddress,
        credentials: Option<&Credentials>,
        payload: Option<Payload>,
    ) -> Result<Response<Incoming>, ProviderError> {
        let path = bucket_address.address.path(draft.key);
        let mut request = Request::new(Outgoing::empty());
        *request.method_mut() = draft.method.clone();
        *request.uri_mut() = bucket_address.address.uri(&path, &draft.query)?;
        let mut headers = HeaderMap::with_capacity(draft.headers.len() + OWN_HEADERS);
        headers.extend(draft.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.insert(HOST, bucket_address.address.host_header());
        let mut payload_hash = None;
        if let Some(payload) = &payload {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.length()));
            payload_hash =
                Some(payload.sha256().map_or_else(|| UNSIGNED_PAYLOAD.to_owned(), |hash| hex::encode(hash)));
        }
        if let Some(credentials) = credentials {
            let payload = payload_hash.as_deref().unwrap_or(EMPTY_SHA256);
            let target =
                SigningTarget { method: draft.method.as_str(), path: &path, query: &draft.query, payload };
            let scope = CredentialScope::new(&bucket_address.region, "s3", self.connections.clock().now());
            sign(&mut headers, &target, credentials, self.connections.signing_keys(), &scope)
                .map_err(|_| request_head::key_not_sendable())?;
        }
        *request.headers_mut() = headers;
        let mut progress = None;
        if let Some(payload) = payload {
            (*request.body_mut(), progress) = Outgoing::of(payload);
        }
        self.connections.send(request, progress, draft.response_timeout).await
    }

    async fn read_error(&self, answer: Response<Incoming>, draft: &Draft<'_>) -> ProviderError {
        let (head, body) = answer.into_parts();
        let document = if draft.method == Method::HEAD {
            Bytes::new()
        } else {
            // If the document can't be read, the status is enough.
            self.connections.document(body, MAX_ERROR_BYTES, ResponseTimeout::Usual).await.unwrap_or_default()
        };
        let error = error::read(head.status, &head.headers, &document);
        match error {
            // Servers report an expired session in different ways. The session's own expiry time is more reliable.
            ProviderError::Answer(mut answer)
                if matches!(
                    answer.kind,
                    ErrorKind::KeyUnknown | ErrorKind::SecretWrong | ErrorKind::AccessDenied
                ) && self.identity.has_ended(self.connections.clock().now()) =>
            {
                answer.kind = ErrorKind::TokenExpired;
                ProviderError::Answer(answer)
            }
            error => error,
        }
    }
}
