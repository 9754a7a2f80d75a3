//! Single blobs: Get Blob Properties, Get Blob, Put Blob, Delete Blob, Copy Blob.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderName, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::azure::AzureDriver;
use crate::azure::attributes::{
    SOURCE_CONDITIONS, info, put_attributes, put_hidden, put_metadata, put_properties, quoted, stored,
    version,
};
use crate::azure::request::Call;
use crate::azure::tags::put_tags;
use crate::body::ProviderBody;
use crate::conditions::judge;
use crate::connection::ResponseTimeout;
use crate::driver::{
    ByteRange, Conditions, CopyRequest, Deleted, GetRequest, HiddenMetadata, ObjectAttributes, ObjectInfo,
    ObjectRead, Objects, PutRequest, Stored, Tags as _, VersionId,
};
use crate::encode::Query;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError};
use crate::headers::{OBJECT_CONDITIONS, content_range, put_conditions, range, text, value};
use crate::payload::Payload;

/// The interval of status checks during a copy. Copies within an account usually finish immediately.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

#[async_trait]
impl Objects for AzureDriver {
    async fn head(&self, key: &str, conditions: &Conditions) -> Result<ObjectInfo, ProviderError> {
        let mut call = Call::blob(Method::HEAD, key)?;
        put_conditions(&mut call.headers, OBJECT_CONDITIONS, &without_lists(conditions))?;
        let info = info(self.send(call).await?.into_parts().0.headers);
        verify(conditions, &info)?;
        Ok(info)
    }

    async fn get(&self, key: &str, request: &GetRequest) -> Result<ObjectRead, ProviderError> {
        let mut call = Call::blob(Method::GET, key)?;
        put_conditions(&mut call.headers, OBJECT_CONDITIONS, &without_lists(&request.conditions))?;
        if let Some(wanted) = request.range {
            let wanted = self.without_suffix(key, wanted, &request.conditions).await?;
            call.headers.insert(HeaderName::from_static("x-ms-range"), value(&range(wanted))?);
        }
        let (head, body) = self.send(call).await?.into_parts();
        let range = (head.status == StatusCode::PARTIAL_CONTENT)
            .then(|| content_range(&head.headers))
            .flatten()
            .map(|(first, last, _)| (first, last));
        // For a range outside the blob, the emulator sends a reversed range instead of an error.
        if range.is_some_and(|(first, last)| last < first) {
            return Err(outside());
        }
        let info = info(head.headers);
        verify(&request.conditions, &info)?;
        let body = ProviderBody::new(body, self.connections.settings().stall_timeout);
        Ok(ObjectRead { info, range, body })
    }

    async fn put(&self, key: &str, payload: Payload, request: &PutRequest) -> Result<Stored, ProviderError> {
        let mut call = Call::blob(Method::PUT, key)?;
        call.headers.insert(HeaderName::from_static("x-ms-blob-type"), HeaderValue::from_static("BlockBlob"));
        put_attributes(&mut call.headers, &request.attributes)?;
        put_hidden(&mut call.headers, &request.hidden)?;
        put_tags(&mut call.headers, &request.tags)?;
        put_conditions(&mut call.headers, OBJECT_CONDITIONS, &request.conditions)?;
        self.check_exists_if_matched(key, &request.conditions).await?;
        call.payload = Some(payload);
        Ok(stored(self.send(call).await?.headers()))
    }

    async fn delete(&self, key: &str, of: Option<&VersionId>) -> Result<Deleted, ProviderError> {
        let mut call = Call::blob(Method::DELETE, key)?;
        if let Some(of) = of {
            call.query.push("versionid", of.as_str());
        } else {
            // A blob with snapshots can be deleted only together with them.
            let name = HeaderName::from_static("x-ms-delete-snapshots");
            call.headers.insert(name, HeaderValue::from_static("include"));
        }
        match self.send(call).await {
            Ok(answer) => Ok(Deleted { version: version(answer.headers()) }),
            Err(error) if error.kind() == Some(ErrorKind::ObjectNotFound) => Ok(Deleted::default()),
            Err(error) => Err(error),
        }
    }

    /// Copies within the container. New attributes can only be set after the copy, so for a moment the copy has
    /// those of its source. The service doesn't copy tags, so they are looked up before.
    async fn copy(&self, source: &str, key: &str, request: &CopyRequest) -> Result<Stored, ProviderError> {
        let from = Call::blob(Method::GET, source)?;
        let from = self.address.uri(&self.address.path(from.key), &self.with_sas(String::new()))?.to_string();
        let mut call = Call::blob(Method::PUT, key)?;
        let mut from = value(&from)?;
        from.set_sensitive(true);
        call.headers.insert(HeaderName::from_static("x-ms-copy-source"), from);
        let of_source = self.head(source, &Conditions::default()).await?;
        let hidden = of_source.hidden.as_deref().cloned().unwrap_or_default();
        let mut conditions = request.source_conditions.clone();
        if request.attributes.is_some() && !hidden.is_empty() && conditions.if_match.is_none() {
            // A checksum must not be stored with other content.
            conditions.if_match = of_source.etag;
        }
        put_conditions(&mut call.headers, SOURCE_CONDITIONS, &conditions)?;
        if let Some(attributes) = &request.attributes {
            put_metadata(&mut call.headers, attributes)?;
            put_hidden(&mut call.headers, &hidden)?;
        }
        match &request.tags {
            Some(tags) => put_tags(&mut call.headers, tags)?,
            // Without the permission for tags, the service doesn't return their number.
            None if of_source.tag_count.is_some_and(|count| count > 0) => {
                put_tags(&mut call.headers, &self.get_tags(source).await?)?;
            }
            None => {}
        }
        call.payload = Some(Payload::bytes(""));
        call.response_timeout = ResponseTimeout::Slow;
        let answer = self.send(call).await?.into_parts().0.headers;
        let mut copied = stored(&answer);
        if text(&answer, "x-ms-copy-status").as_deref() == Some("pending") {
            copied = self.finish_copy(key).await?;
        }
        match &request.attributes {
            Some(attributes) => self.replace_attributes(key, copied, attributes, &hidden).await,
            None => Ok(copied),
        }
    }
}

impl AzureDriver {
    /// Fails if a write requires an entity tag of an object that doesn't exist. The service may store it then.
    pub(super) async fn check_exists_if_matched(
        &self,
        key: &str,
        conditions: &Conditions,
    ) -> Result<(), ProviderError> {
        if conditions.if_match.is_none() {
            return Ok(());
        }
        self.head(key, &Conditions::default()).await.map(drop)
    }

    /// Replaces a range that counts from the end, which the service doesn't support, by looking up the size first.
    /// If the object is replaced in between, the range is based on the old size.
    async fn without_suffix(
        &self,
        key: &str,
        wanted: ByteRange,
        conditions: &Conditions,
    ) -> Result<ByteRange, ProviderError> {
        let ByteRange::Last(count) = wanted else { return Ok(wanted) };
        let size = self.head(key, conditions).await?.size.unwrap_or_default();
        if count == 0 || size == 0 {
            return Err(outside());
        }
        Ok(ByteRange::From(size.saturating_sub(count)))
    }

    /// Waits until a copy is complete. If the future is dropped, the copy continues in the background.
    async fn finish_copy(&self, key: &str) -> Result<Stored, ProviderError> {
        let deadline = Instant::now() + self.connections.answer_timeout(ResponseTimeout::Slow);
        loop {
            let info = self.head(key, &Conditions::default()).await?;
            match text(&info.headers, "x-ms-copy-status").as_deref() {
                Some("pending") if Instant::now() < deadline => sleep(BETWEEN_LOOKS).await,
                Some("pending") => return Err(ProviderError::TimedOut),
                Some("failed" | "aborted") => {
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    return Err(ErrorAnswer::new(status, ErrorKind::Internal, None, &HeaderMap::new()).into());
                }
                _ => return Ok(Stored { etag: info.etag.map(quoted), version: info.version }),
            }
        }
    }

    async fn replace_attributes(
        &self,
        key: &str,
        copied: Stored,
        attributes: &ObjectAttributes,
        hidden: &HiddenMetadata,
    ) -> Result<Stored, ProviderError> {
        let mut last = copied;
        // A copy request without metadata copied the source's metadata, so it is removed.
        if attributes.metadata.is_empty() && hidden.is_empty() {
            last = self.set(key, "metadata", &last, HeaderMap::new()).await?;
        }
        let mut headers = HeaderMap::new();
        put_properties(&mut headers, attributes)?;
        let set = self.set(key, "properties", &last, headers).await?;
        Ok(Stored { version: set.version.or(last.version), ..set })
    }

    async fn set(
        &self,
        key: &str,
        what: &str,
        of: &Stored,
        mut headers: HeaderMap,
    ) -> Result<Stored, ProviderError> {
        if let Some(etag) = &of.etag {
            headers.insert(IF_MATCH, value(etag)?);
        }
        let query = Query::new(&[("comp", what)]);
        let payload = Some(Payload::bytes(""));
        let call = Call { query, headers, payload, ..Call::blob(Method::PUT, key)? };
        Ok(stored(self.send(call).await?.headers()))
    }
}

/// The conditions that the service can evaluate. It compares a list of entity tags as if it were one tag, and refuses
/// `If-None-Match: *` for reads, so these are left to [`verify`].
fn without_lists(conditions: &Conditions) -> Conditions {
    let is_list = |tags: &Option<String>| tags.as_ref().is_some_and(|tags| tags.contains(','));
    let is_any = conditions.if_none_match.as_deref().is_some_and(|tags| tags.trim() == "*");
    if is_any || is_list(&conditions.if_match) || is_list(&conditions.if_none_match) {
        // A date counts only without tags, so it must not be evaluated instead of them.
        return Conditions::default();
    }
    conditions.clone()
}

/// Checks the conditions on the response if they contain a list of entity tags.
fn verify(conditions: &Conditions, info: &ObjectInfo) -> Result<(), ProviderError> {
    if *conditions == without_lists(conditions) {
        return Ok(());
    }
    judge(conditions, info.etag.as_deref(), info.last_modified).map_err(|kind| {
        let status = match kind {
            ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
            _ => StatusCode::PRECONDITION_FAILED,
        };
        ErrorAnswer::new(status, kind, None, &info.headers).into()
    })
}

/// The error for a range outside the blob.
fn outside() -> ProviderError {
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    ErrorAnswer::new(status, ErrorKind::RangeNotSatisfiable, None, &HeaderMap::new()).into()
}
