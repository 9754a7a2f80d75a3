//! Builds request URLs from a scheme, an authority and a prefix before every key. Nothing is normalised.

use bucketry_model::endpoint::Host;
use bytes::Bytes;
use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};

use crate::encode::push_path;
use crate::error::ProviderError;
use crate::pool::Origin;
use crate::target_error::TargetError;

/// The address of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    origin: Origin,
    /// The authority as the `Host` header. Created once and shared by all requests.
    host: HeaderValue,
    /// The path before every key: the endpoint's path, and in path style also the bucket.
    base: Box<str>,
}

impl Address {
    pub(crate) fn new(tls: bool, authority: String, base: String) -> Result<Self, TargetError> {
        let authority = Authority::try_from(authority).map_err(|_| TargetError::InvalidEndpoint)?;
        let host = Bytes::copy_from_slice(authority.as_str().as_bytes());
        let host = HeaderValue::from_maybe_shared(host).map_err(|_| TargetError::InvalidEndpoint)?;
        Ok(Self { origin: Origin { tls, authority }, host, base: base.into() })
    }

    pub(crate) fn tls(&self) -> bool {
        self.origin.tls
    }

    pub(crate) fn host(&self) -> Host {
        let host = self.origin.authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.origin.authority.port_u16().unwrap_or(if self.origin.tls { 443 } else { 80 })
    }

    pub(crate) fn host_header(&self) -> HeaderValue {
        self.host.clone()
    }

    /// Where connections for the bucket lead.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path of a key, or of the bucket itself. A key that begins with a slash gets a second one, because the
    /// slash is part of the key.
    pub(crate) fn path(&self, key: Option<&str>) -> String {
        let mut path = String::with_capacity(self.base.len() + key.map_or(0, str::len) * 2 + 1);
        path.push_str(&self.base);
        if let Some(key) = key {
            path.push('/');
            push_path(&mut path, key);
        } else if path.is_empty() {
            path.push('/');
        }
        path
    }

    /// The complete URL of a request.
    pub(crate) fn uri(&self, path: &str, query: &str) -> Result<Uri, ProviderError> {
        let path_and_query = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let invalid = |_| ProviderError::InvalidRequest("the key is too long for a URL");
        let path_and_query = PathAndQuery::try_from(path_and_query).map_err(invalid)?;
        Uri::builder()
            .scheme(if self.origin.tls { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(self.origin.authority.clone())
            .path_and_query(path_and_query)
            .build()
            .map_err(|_| ProviderError::InvalidRequest("the address is not a valid URL"))
    }
}
