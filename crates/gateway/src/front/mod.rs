//! The protocols that applications use to access the gateway. Everything outside of a protocol's own folder serves
//! all of them, through the trait [`Front`].

pub(crate) mod cors;
pub(crate) mod s3;

use std::fmt;
use std::sync::Arc;

use bucketry_model::repository::KeyAccess;
use bucketry_web::origins::AllowedOrigins;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body;
use jiff::Timestamp;

use crate::failure::{Failure, Fault};
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::payload::{BoxError, PayloadBody, Receipt};
use crate::routing::key_lookup::KeyLookup;
use crate::routing::registry::ServedKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// A protocol that applications use to access the gateway. The stages of a request call its functions in the order
/// in which they are listed here.
pub(crate) trait Front: Send + Sync + 'static {
    /// A parsed request.
    type Call: FrontCall;
    /// What authentication learned that is needed to read the payload.
    type Proof: Send;
    /// The fields with which a form begins.
    type Form: Send;
    /// What authentication remembers from one request of a connection to the next.
    type Memory: Default + Send + Sync + 'static;
    /// How the protocol describes failures.
    type Error: From<Failure> + fmt::Display + Send + 'static;

    /// The responses of operations that take long.
    const KEEP_ALIVE: KeepAliveForm;

    /// Answers what needs no authentication, such as the preflight of a browser, and refuses what could never be
    /// authenticated.
    fn answer_unauthenticated(
        &self,
        head: &Parts,
        origins: &AllowedOrigins,
    ) -> Result<Option<Response<GatewayBody>>, Self::Error>;

    /// Whether the body is a form, whose fields authenticate the request.
    fn is_form(head: &Parts) -> bool;

    /// Reads the fields with which a form begins. Nobody is authenticated yet, so this reads a fixed number of bytes
    /// at most.
    fn read_form<B>(
        head: &Parts,
        body: &mut B,
    ) -> impl Future<Output = Result<Self::Form, Self::Error>> + Send
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Unpin;

    /// Finds the key that authenticates the request, or refuses the request. Doesn't read the body. `form` is present
    /// if the request [is one](Self::is_form). `memory` is that of the connection.
    fn authenticate(
        &self,
        head: &Parts,
        form: Option<Self::Form>,
        keys: &KeyLookup<'_>,
        now: Timestamp,
        memory: &Self::Memory,
    ) -> Result<AuthenticatedKey<Self::Proof>, Self::Error>;

    /// The stable code of an error that refuses the use of a key. `None` for errors that say nothing about the key.
    fn key_refusal_code(error: &Self::Error) -> Option<&'static str>;

    /// Parses the operation.
    fn parse(&self, head: &Parts, proof: &Self::Proof) -> Result<Self::Call, Self::Error>;

    /// Executes an operation for which no bucket was found, although none is needed.
    fn execute_without_bucket(
        context: &RequestContext,
        headers: &HeaderMap,
        call: &Self::Call,
    ) -> Answer<Self::Error>;

    /// Prepares to read the payload. Nothing is read yet.
    fn payload<B>(head: &Parts, proof: Self::Proof, body: B) -> Result<PayloadBody, Self::Error>
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static;

    /// Executes the operation. `headers` are those of the request.
    ///
    /// Takes the operation and the payload out of the arguments. They are passed by reference because a future
    /// contains each argument that it passes on by value twice.
    fn execute(
        context: &RequestContext,
        bucket: &ResolvedBucket,
        headers: &HeaderMap,
        call: &mut Self::Call,
        payload: &mut PayloadBody,
    ) -> impl Future<Output = Answer<Self::Error>> + Send;

    /// Adds to a response what was verified of the payload.
    fn confirm(receipt: &Receipt, headers: &mut HeaderMap);

    /// The response for an error. `path` is that of the request.
    fn render(error: &Self::Error, method: &Method, path: &str, request_id: &str) -> Response<GatewayBody>;

    /// The document that ends a response whose head was sent before the operation failed.
    fn late_error(error: &Self::Error, request_id: &str) -> Bytes;

    /// The status of the response for an error.
    fn status(error: &Self::Error) -> StatusCode;

    /// Adds the id of the request to a response.
    fn add_request_id(headers: &mut HeaderMap, request_id: &str);
}

/// The caller of a request.
pub(crate) struct AuthenticatedKey<P> {
    pub(crate) key: Arc<ServedKey>,
    pub(crate) proof: P,
}

/// What the stages of a request need to know about an operation.
pub(crate) trait FrontCall: Send + 'static {
    /// The class that the operation is counted in.
    fn class(&self) -> Class;

    /// The protocol's name of the operation, for the access log.
    fn name(&self) -> String;

    /// The access that a key needs for the operation.
    fn access(&self) -> Access;

    /// The name of the bucket, if the operation is on one.
    fn bucket(&self) -> Option<&str>;

    /// Whether the operation creates the bucket, so that it needs none with the name.
    fn creates_bucket(&self) -> bool;

    /// Whether the operation contacts the bucket's provider.
    fn asks_provider(&self) -> bool;

    /// Whether the request has a body that the gateway reads.
    fn takes_content(&self) -> bool;

    /// Whether the provider may have to move whole objects, which can take minutes.
    fn takes_long(&self) -> bool;
}

/// The class that a request is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads an object or its attributes.
    Read,
    /// Stores or copies objects or parts, or changes their attributes.
    Write,
    /// Lists objects or parts.
    List,
    /// Deletes objects or parts.
    Delete,
    /// Everything else, such as requests for information about a bucket.
    Other,
}

impl Class {
    /// Whether the request changes what is stored. Usage counts call all of these writes.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Delete)
    }
}

/// The access that a key needs for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reads objects.
    Read,
    /// Lists objects, or requests information about a bucket.
    List,
    /// Stores, copies or deletes objects.
    Write,
    /// Changes the bucket itself.
    Admin,
}

impl Access {
    /// Whether a key with this access level may do it.
    pub fn is_granted_by(self, key: KeyAccess) -> bool {
        match self {
            Self::Read | Self::List => true,
            Self::Write => key >= KeyAccess::Write,
            Self::Admin => key >= KeyAccess::Admin,
        }
    }
}

/// What a client gets from an operation, with the errors of its protocol.
pub(crate) type Answer<E> = Result<Response<GatewayBody>, RequestFailure<E>>;

/// A request that failed: the error that the client gets, and what the gateway learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct RequestFailure<E> {
    /// The error that the client gets.
    pub error: E,
    /// How the provider caused the failure. `None` if the client caused it.
    pub fault: Option<Fault>,
    /// Whether the provider was contacted and answered, with whatever status.
    pub answered: bool,
}

impl<E: From<Failure>> From<Failure> for RequestFailure<E> {
    fn from(failure: Failure) -> Self {
        let Failure { fault, answered, .. } = failure;
        Self { error: failure.into(), fault, answered }
    }
}

/// How a response begins and continues while its document isn't ready yet.
pub(crate) struct KeepAliveForm {
    /// Its `Content-Type`.
    pub(crate) content_type: &'static str,
    /// What every document begins with.
    pub(crate) opening: &'static str,
    /// What may follow the opening any number of times.
    pub(crate) filler: &'static str,
}
