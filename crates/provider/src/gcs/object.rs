//! Single objects: reads use the XML API; writes, copies and deletions use the JSON API.

use async_trait::async_trait;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::body::ProviderBody;
use crate::conditions::judge;
use crate::connection::ResponseTimeout;
use crate::driver::{
    Conditions, CopyRequest, Deleted, GetRequest, HiddenMetadata, ObjectInfo, ObjectRead, Objects,
    PutRequest, Stored, VersionId,
};
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::gcs::GcsDriver;
use crate::gcs::attributes::{DEFAULT_TYPE, info, replacing_resource, resource, stored};
use crate::gcs::error::{self, About};
use crate::gcs::request::{Call, key_segment};
use crate::gcs::tag_text::text_of;
use crate::header_text::encoded_words;
use crate::headers::{OBJECT_CONDITIONS, content_range, put_conditions, range, value};
use crate::payload::Payload;

/// The fields of an object that the driver needs.
pub(super) const FIELDS: &str = "name,size,etag,md5Hash,generation,updated";
/// The limit on a resource, which is a few hundred bytes long without its access control list.
pub(super) const MAX_RESOURCE_BYTES: usize = 256 * 1024;

#[async_trait]
impl Objects for GcsDriver {
    async fn head(&self, key: &str, conditions: &Conditions) -> Result<ObjectInfo, ProviderError> {
        let call = self.reading(Method::HEAD, key, conditions)?;
        let info = info(self.send(call).await?.into_parts().0.headers);
        verify(conditions, &info)?;
        Ok(info)
    }

    async fn get(&self, key: &str, request: &GetRequest) -> Result<ObjectRead, ProviderError> {
        let mut call = self.reading(Method::GET, key, &request.conditions)?;
        if let Some(wanted) = request.range {
            call.headers.insert(RANGE, value(&range(wanted))?);
        }
        let answer = match self.send(call).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(key, error).await),
        };
        let (head, body) = answer.into_parts();
        let range = (head.status == StatusCode::PARTIAL_CONTENT)
            .then(|| content_range(&head.headers))
            .flatten()
            .map(|(first, last, _)| (first, last));
        let info = info(head.headers);
        verify(&request.conditions, &info)?;
        let body = ProviderBody::new(body, self.connections.settings().stall_timeout);
        Ok(ObjectRead { info, range, body })
    }

    /// Stores an object with one request of two parts: the resource with its attributes, and the content.
    async fn put(&self, key: &str, payload: Payload, request: &PutRequest) -> Result<Stored, ProviderError> {
        key_segment(key)?;
        let generation = self.pin_for_write(key, &request.conditions).await?;
        let hidden = HiddenMetadata { tags: text_of(&request.tags)?, ..request.hidden.clone() };
        let mut resource = resource(&request.attributes, &hidden)?;
        resource.insert("name".to_owned(), json!(key));
        let boundary = Uuid::new_v4().simple().to_string();
        let kind = request.attributes.content_type.as_deref().unwrap_or(DEFAULT_TYPE);
        let kind = encoded_words(kind);
        let before = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n\
             --{boundary}\r\nContent-Type: {kind}\r\n\r\n",
            Value::Object(resource)
        );
        let path = format!("/upload/storage/v1/b/{}/o", self.bucket);
        let mut call = Call::new(Method::POST, path, About::Bucket);
        call.query.push("uploadType", "multipart");
        call.query.push("fields", FIELDS);
        if let Some(generation) = generation {
            call.query.push("ifGenerationMatch", &generation);
        }
        call.headers.insert(CONTENT_TYPE, value(&format!("multipart/related; boundary={boundary}"))?);
        call.payload = Some(payload.framed(before, format!("\r\n--{boundary}--\r\n")));
        Ok(stored(&self.send_for_json(call, MAX_RESOURCE_BYTES).await?))
    }

    async fn delete(&self, key: &str, of: Option<&VersionId>) -> Result<Deleted, ProviderError> {
        let mut call = self.json_object(Method::DELETE, key)?;
        if let Some(of) = of {
            call.query.push("generation", of.as_str());
        }
        match self.send(call).await {
            Ok(_) => Ok(Deleted::default()),
            Err(error) if matches!(error.kind(), Some(ErrorKind::NotFound | ErrorKind::ObjectNotFound)) => {
                Ok(Deleted::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Copies with the rewrite method, in as many steps as the service needs: large objects that change their
    /// storage class take several. If the future is dropped between steps, no copy exists.
    async fn copy(&self, source: &str, key: &str, request: &CopyRequest) -> Result<Stored, ProviderError> {
        let (generation, resource) = self.source_of_copy(source, request).await?;
        let mut step: Option<String> = None;
        loop {
            let path = format!(
                "/storage/v1/b/{0}/o/{1}/rewriteTo/b/{0}/o/{2}",
                self.bucket,
                key_segment(source)?,
                key_segment(key)?
            );
            let mut call = Call::new(Method::POST, path, About::Object);
            call.query.push("fields", &format!("done,rewriteToken,resource({FIELDS})"));
            if let Some(generation) = &generation {
                call.query.push("sourceGeneration", generation);
            }
            if let Some(step) = &step {
                call.query.push("rewriteToken", step);
            }
            let body =
                resource.clone().map_or_else(String::new, |resource| Value::Object(resource).to_string());
            call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
            call.payload = Some(Payload::bytes(body));
            call.response_timeout = ResponseTimeout::Slow;
            let answer = self.send_for_json(call, MAX_RESOURCE_BYTES).await?;
            match answer["rewriteToken"].as_str() {
                Some(token) if answer["done"] != true => step = Some(token.to_owned()),
                _ => return Ok(stored(&answer["resource"])),
            }
        }
    }
}

impl GcsDriver {
    fn reading(&self, method: Method, key: &str, conditions: &Conditions) -> Result<Call, ProviderError> {
        let mut call = self.xml_object(method, key)?;
        // Without this header, the service decompresses objects that are stored as gzip.
        call.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        put_conditions(&mut call.headers, OBJECT_CONDITIONS, conditions)?;
        Ok(call)
    }

    /// Finds the reason for an error that came without one, which the real service never sends, by asking the JSON
    /// API.
    async fn explain(&self, key: &str, error: ProviderError) -> ProviderError {
        let silent =
            error.answer().is_some_and(|answer| answer.code.is_none() && answer.kind == ErrorKind::NotFound);
        if !silent {
            return error;
        }
        match self.resource_of(key).await {
            Err(reason) if reason.answer().is_some_and(|answer| answer.code.is_some()) => reason,
            _ => error,
        }
    }

    async fn resource_of(&self, key: &str) -> Result<Value, ProviderError> {
        let mut call = self.json_object(Method::GET, key)?;
        call.query.push("fields", FIELDS);
        self.send_for_json(call, MAX_RESOURCE_BYTES).await
    }

    /// Returns the generation that a write must require. The service supports conditions on writes by generation
    /// only. A condition on an entity tag is checked on the current object, and the write then requires that
    /// object's generation, so nothing can change in between.
    async fn pin_for_write(
        &self,
        key: &str,
        conditions: &Conditions,
    ) -> Result<Option<String>, ProviderError> {
        if *conditions == Conditions::default() {
            return Ok(None);
        }
        let absent = Some("0".to_owned());
        if *conditions == (Conditions { if_none_match: Some("*".to_owned()), ..Conditions::default() }) {
            return Ok(absent);
        }
        match self.head(key, &Conditions::default()).await {
            Ok(info) => {
                // Whichever condition isn't met, a write fails with 412 (RFC 9110 §13.1.2).
                let held = judge(conditions, info.etag.as_deref(), info.last_modified);
                held.map_err(|_| refused(ErrorKind::PreconditionFailed))?;
                Ok(info.version)
            }
            Err(error) if matches!(error.kind(), Some(ErrorKind::NotFound | ErrorKind::ObjectNotFound)) => {
                if conditions.if_match.is_some() {
                    // As in S3, the missing object is the error, not the condition.
                    Err(error)
                } else {
                    Ok(absent)
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the generation that a copy must require of its source, and the resource of the copy if it differs from
    /// that of the source. The service replaces all metadata or none.
    async fn source_of_copy(
        &self,
        source: &str,
        request: &CopyRequest,
    ) -> Result<(Option<String>, Option<Map<String, Value>>), ProviderError> {
        let CopyRequest { attributes, tags, source_conditions } = request;
        let replaces = attributes.is_some() || tags.is_some();
        if *source_conditions == Conditions::default() && !replaces {
            return Ok((None, None));
        }
        let info = self.head(source, &Conditions::default()).await?;
        let held = judge(source_conditions, info.etag.as_deref(), info.last_modified);
        held.map_err(|_| refused(ErrorKind::PreconditionFailed))?;
        if !replaces {
            return Ok((info.version, None));
        }
        let mut hidden = info.hidden.as_deref().cloned().unwrap_or_default();
        if let Some(tags) = tags {
            hidden.tags = text_of(tags)?;
        }
        let attributes = attributes.as_ref().unwrap_or(&info.attributes);
        Ok((info.version, Some(replacing_resource(attributes, &hidden)?)))
    }
}

/// Checks conditions on the response too, because some servers that speak this protocol ignore them.
fn verify(conditions: &Conditions, info: &ObjectInfo) -> Result<(), ProviderError> {
    judge(conditions, info.etag.as_deref(), info.last_modified).map_err(|kind| match kind {
        ErrorKind::NotModified => unmodified(&info.headers),
        kind => refused(kind),
    })
}

/// The error for an object that hasn't changed. `headers` describe it.
fn unmodified(headers: &HeaderMap) -> ProviderError {
    error::read(StatusCode::NOT_MODIFIED, headers, b"", About::Object)
}

fn refused(kind: ErrorKind) -> ProviderError {
    let status = match kind {
        ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
        _ => StatusCode::PRECONDITION_FAILED,
    };
    ErrorAnswer::new(status, kind, None, &HeaderMap::new()).into()
}
