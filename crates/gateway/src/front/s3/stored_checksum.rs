//! Returns the checksums that the gateway stored with objects.

use bucketry_provider::driver::ObjectInfo;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::front::s3::checksum;
use crate::object::stored_checksum::StoredChecksum;
use crate::payload::checksum::Checksum;

static MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");
static TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

/// Adds the checksum of an object to the response, if the request asks for it. `asked` are the headers of the
/// request, which are looked at only if the object has a checksum.
pub(crate) fn tell(headers: &mut HeaderMap, info: &ObjectInfo, asked: &HeaderMap) {
    if info.hidden.is_none() || !is_enabled(asked) {
        return;
    }
    let Some(stored) = StoredChecksum::of(info) else { return };
    let name = checksum::header_name(stored.checksum.algorithm);
    if let Ok(value) = HeaderValue::try_from(stored.value()) {
        headers.insert(HeaderName::from_static(name), value);
        headers.insert(&TYPE, HeaderValue::from_static(type_of(&stored)));
    }
}

/// Adds the checksum of a part to the response, if the request asks for it.
pub(crate) fn tell_of_part(headers: &mut HeaderMap, checksum: &Checksum, asked: &HeaderMap) {
    if is_enabled(asked) {
        let (name, value) = checksum::header(checksum);
        headers.insert(name, value);
    }
}

/// How the checksum is computed, in S3's words.
pub(crate) fn type_of(stored: &StoredChecksum) -> &'static str {
    if stored.parts.is_some() { "COMPOSITE" } else { "FULL_OBJECT" }
}

fn is_enabled(asked: &HeaderMap) -> bool {
    asked.get(&MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"ENABLED"))
}
