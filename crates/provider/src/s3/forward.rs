//! Forwards requests about objects unchanged, for callers that speak S3 themselves.
//!
//! This driver handles only addressing, signing, region and errors. The caller decides which headers and parameters
//! pass: all that it gives are sent.

use std::any::Any;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Response};

use crate::body::ProviderBody;
use crate::connection::ResponseTimeout;
use crate::driver::{S3Passthrough, UpstreamRequest, VersionId};
use crate::encode::{Query, push_path, segment};
use crate::error::ProviderError;
use crate::headers::value;
use crate::s3::object::object;
use crate::s3::request::Call;
use crate::s3::{S3Driver, error};
use crate::xml;

#[async_trait]
impl S3Passthrough for S3Driver {
    async fn forward(&self, request: UpstreamRequest<'_>) -> Result<Response<ProviderBody>, ProviderError> {
        let call = Call { takes_unmodified: true, ..call(request)? };
        let answer = self.send(call).await?;
        Ok(answer.map(|body| ProviderBody::new(body, self.connections.settings().stall_timeout)))
    }

    async fn forward_for_document(
        &self,
        request: UpstreamRequest<'_>,
        root: &str,
        limit: usize,
    ) -> Result<Response<Bytes>, ProviderError> {
        let call = call(request)?;
        let response_timeout = call.response_timeout;
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, limit, response_timeout).await?;
        if xml::read(&document, root, |_| Ok(())).is_err() {
            let late = error::read_late(&head.headers, &document);
            return Err(late.unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) }));
        }
        Ok(Response::from_parts(head, document))
    }

    fn copy_source(&self, key: &str, version: Option<&VersionId>) -> Result<HeaderValue, ProviderError> {
        let mut source = format!("/{}/", self.bucket);
        push_path(&mut source, key);
        if let Some(version) = version {
            source.push_str("?versionId=");
            source.push_str(&segment(version.as_str()));
        }
        value(&source)
    }

    fn shares_account_with(&self, other: &dyn S3Passthrough) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| self.home == other.home && self.identity.is_the_same_as(&other.identity))
    }
}

fn call(request: UpstreamRequest<'_>) -> Result<Call<'_>, ProviderError> {
    let UpstreamRequest { method, key, query, headers, payload, takes_long } = request;
    let response_timeout = if takes_long { ResponseTimeout::Slow } else { ResponseTimeout::Usual };
    let mut parameters = Query::default();
    for parameter in query {
        parameter.add_to(&mut parameters);
    }
    Ok(Call { query: parameters, headers, payload, response_timeout, ..object(method, key)? })
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
    use bucketry_model::endpoint::Endpoint;
    use bucketry_model::secret::Secret;

    use super::*;
    use crate::connection::{ConnectionSettings, Connections};
    use crate::driver::Driver as _;

    fn driver(bucket: &str, endpoint: Option<&str>, pair: Option<(&str, &str)>) -> S3Driver {
        let target = BucketTarget {
            location: BucketLocation {
                storage_type: StorageType::S3,
                bucket: bucket.to_owned(),
                key: pair.map(|(key, _)| key.to_owned()),
                endpoint: endpoint.map(|endpoint| Endpoint::parse(endpoint).unwrap()),
                region: Some("us-east-1".to_owned()),
            },
            secret: pair.map(|(_, secret)| Secret::new(secret)),
        };
        S3Driver::open(&target, &Connections::new(ConnectionSettings::default()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_account_is_an_endpoint_and_a_credential() {
        let (here, there) = (Some("https://s3.example.com"), Some("https://s3.example.org"));
        let pair = Some(("key", "secret"));
        let one = driver("one", here, pair);
        assert!(one.shares_account_with(&driver("two", here, pair)));
        assert!(driver("one", None, pair).shares_account_with(&driver("two", None, pair)));
        for other in [
            driver("one", there, pair),
            driver("one", None, pair),
            driver("one", here, Some(("key", "other"))),
            driver("one", here, Some(("other", "secret"))),
            driver("one", here, None),
        ] {
            assert!(!one.shares_account_with(&other), "{other:?}");
        }
        let anonymous = driver("one", here, None);
        assert!(!anonymous.shares_account_with(&driver("two", here, None)));
    }

    #[tokio::test]
    async fn providers_that_refuse_checksums_are_known_not_to_take_them() {
        for (endpoint, conditions, checksums) in [
            (None, true, true),
            (Some("http://192.0.2.1:9000"), true, true),
            (Some("https://0a1b.r2.cloudflarestorage.com"), true, false),
            (Some("https://s3.us-west-004.backblazeb2.com"), false, false),
        ] {
            let driver = driver("one", endpoint, Some(("key", "secret")));
            let can = driver.capabilities();
            assert_eq!((can.put_if_absent, can.checksums), (conditions, checksums), "{endpoint:?}");
        }
    }

    #[tokio::test]
    async fn the_source_of_a_copy_is_escaped_once() {
        let one = driver("one", None, None);
        let source = one.copy_source("a b/ü?versionId=x", VersionId::new("v/1+").ok().as_ref()).unwrap();
        assert_eq!(source, "/one/a%20b/%C3%BC%3FversionId%3Dx?versionId=v%2F1%2B");
    }
}
