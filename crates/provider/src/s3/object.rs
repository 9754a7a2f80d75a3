//! Single objects: `HeadObject`, `GetObject`, `PutObject`, `DeleteObject`, `CopyObject`.

use async_trait::async_trait;
use http::header::{HeaderName, HeaderValue, RANGE};
use http::{HeaderMap, Method, StatusCode};

use crate::body::ProviderBody;
use crate::connection::ResponseTimeout;
use crate::driver::{
    Conditions, CopyRequest, Deleted, GetRequest, ObjectInfo, ObjectRead, Objects, PutRequest, Stored,
    VersionId,
};
use crate::encode::{Query, push_path};
use crate::error::{ErrorKind, ProviderError};
use crate::headers::{content_range, range, value};
use crate::payload::Payload;
use crate::s3::attributes::{ConditionsOn, info, put_attributes, put_conditions, stored, version};
use crate::s3::request::Call;
use crate::s3::{S3Driver, error};
use crate::xml;

/// The limit on the response to a copy, which is usually a few hundred bytes long.
const MAX_COPY_ANSWER_BYTES: usize = 64 * 1024;

#[async_trait]
impl Objects for S3Driver {
    async fn head(&self, key: &str, conditions: &Conditions) -> Result<ObjectInfo, ProviderError> {
        let mut headers = HeaderMap::new();
        put_conditions(&mut headers, ConditionsOn::Object, conditions)?;
        let answer = self.send(Call { headers, ..object(Method::HEAD, key)? }).await?;
        Ok(info(answer.into_parts().0.headers))
    }

    async fn get(&self, key: &str, request: &GetRequest) -> Result<ObjectRead, ProviderError> {
        let mut headers = HeaderMap::new();
        put_conditions(&mut headers, ConditionsOn::Object, &request.conditions)?;
        if let Some(wanted) = request.range {
            headers.insert(RANGE, value(&range(wanted))?);
        }
        let answer = self.send(Call { headers, ..object(Method::GET, key)? }).await?;
        let (head, body) = answer.into_parts();
        let range = (head.status == StatusCode::PARTIAL_CONTENT)
            .then(|| content_range(&head.headers))
            .flatten()
            .map(|(first, last, _)| (first, last));
        let body = ProviderBody::new(body, self.connections.settings().stall_timeout);
        Ok(ObjectRead { info: info(head.headers), range, body })
    }

    async fn put(&self, key: &str, payload: Payload, request: &PutRequest) -> Result<Stored, ProviderError> {
        let mut headers = HeaderMap::new();
        put_attributes(&mut headers, &request.attributes)?;
        put_conditions(&mut headers, ConditionsOn::Object, &request.conditions)?;
        let call = Call { headers, payload: Some(payload), ..object(Method::PUT, key)? };
        Ok(stored(self.send(call).await?.headers()))
    }

    async fn delete(&self, key: &str, of: Option<&VersionId>) -> Result<Deleted, ProviderError> {
        let mut query = Query::default();
        if let Some(of) = of {
            query.push("versionId", of.as_str());
        }
        match self.send(Call { query, ..object(Method::DELETE, key)? }).await {
            Ok(answer) => Ok(Deleted { version: version(answer.headers()) }),
            // S3 itself reports success. Google's interoperable API and some servers report the missing object.
            Err(error) if error.kind() == Some(ErrorKind::ObjectNotFound) => Ok(Deleted::default()),
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, source: &str, key: &str, request: &CopyRequest) -> Result<Stored, ProviderError> {
        let mut headers = HeaderMap::new();
        let mut from = format!("/{}/", self.bucket);
        push_path(&mut from, source);
        headers.insert(HeaderName::from_static("x-amz-copy-source"), value(&from)?);
        put_conditions(&mut headers, ConditionsOn::CopySource, &request.source_conditions)?;
        if let Some(attributes) = &request.attributes {
            headers.insert(
                HeaderName::from_static("x-amz-metadata-directive"),
                HeaderValue::from_static("REPLACE"),
            );
            put_attributes(&mut headers, attributes)?;
        }
        let call = Call {
            headers,
            payload: Some(Payload::bytes("")),
            response_timeout: ResponseTimeout::Slow,
            ..object(Method::PUT, key)?
        };
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_COPY_ANSWER_BYTES, ResponseTimeout::Slow).await?;
        let mut copied = stored(&head.headers);
        let read = xml::read(&document, "CopyObjectResult", |element| {
            if element.name == "ETag" {
                copied.etag = Some(element.text.to_owned());
            }
            Ok(())
        });
        match read {
            Ok(()) => Ok(copied),
            Err(_) => Err(error::read_late(&head.headers, &document)
                .unwrap_or(ProviderError::NotAnObjectStore { status: Some(head.status) })),
        }
    }
}

/// A request about an object. An empty key is refused, because it would address the bucket.
pub(super) fn object(method: Method, key: &str) -> Result<Call<'_>, ProviderError> {
    if key.is_empty() {
        Err(ProviderError::InvalidRequest("the key is empty"))
    } else {
        Ok(Call::new(method, Some(key)))
    }
}
