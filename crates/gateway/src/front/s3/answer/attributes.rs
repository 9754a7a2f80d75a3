//! `GetObjectAttributes`.

use bucketry_provider::driver::{ObjectInfo, ObjectPart};
use http::HeaderMap;
use http::header::LAST_MODIFIED;

use crate::front::s3::answer::read::{check, unmodified_or_failed};
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::operation::GetObject;
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::stored_checksum::type_of;
use crate::front::s3::xml::Document;
use crate::object;
use crate::object::stored_checksum::{self, StoredChecksum};
use crate::payload::checksum::Checksum;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The most parts in a response.
const MAX_PARTS: usize = 1_000;

/// What a request asks for.
struct WantedAttributes<'h> {
    /// `None` asks for everything but the parts.
    names: Option<Vec<&'h str>>,
    max_parts: usize,
    after: u32,
}

impl<'h> WantedAttributes<'h> {
    fn of_headers(headers: &'h HeaderMap) -> Result<Self> {
        let all = headers.get_all("x-amz-object-attributes").iter();
        let names: Vec<&str> = all
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .collect();
        let known = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
        if names.iter().any(|name| !known.contains(name)) {
            let message = "x-amz-object-attributes must be a list of ETag, Checksum, ObjectParts, StorageClass and \
                           ObjectSize.";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        let max_parts = number(headers, "x-amz-max-parts")?.map_or(MAX_PARTS, |most| most as usize);
        Ok(Self {
            names: (!names.is_empty()).then_some(names),
            max_parts: max_parts.min(MAX_PARTS),
            after: number(headers, "x-amz-part-number-marker")?.unwrap_or(0),
        })
    }

    fn has(&self, name: &str) -> bool {
        self.names.as_ref().map_or(name != "ObjectParts", |names| names.contains(&name))
    }
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u32>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
        S3Error::new(Code::InvalidArgument, format!("The header '{name}' must be a whole number."))
    })
}

/// `GetObjectAttributes`. What the provider or the gateway didn't store is left out, as by S3 for objects without it.
pub(crate) async fn attributes(
    resolved: &ResolvedBucket,
    reading: GetObject,
    headers: &HeaderMap,
) -> S3Answer {
    check(&reading)?;
    let wanted = WantedAttributes::of_headers(headers)?;
    let info = match object::get::head(resolved, &reading.key, None, None, &reading.conditions).await {
        Ok(head) => head.info,
        Err(failure) => return unmodified_or_failed(&reading, failure),
    };
    let parts = if wanted.has("ObjectParts") {
        object::part::parts_of(resolved, &resolved.key(&reading.key)?, &info).await?
    } else {
        Vec::new()
    };
    let mut document = Document::new("GetObjectAttributesResponse");
    if wanted.has("ETag") {
        document.optional("ETag", info.etag.as_deref().map(|etag| etag.trim_matches('"')));
    }
    if wanted.has("Checksum")
        && let Some(stored) = StoredChecksum::of(&info)
    {
        document.group("Checksum", |document| {
            document.element(&element(&stored.checksum), &stored.value());
            document.element("ChecksumType", type_of(&stored));
        });
    }
    if !parts.is_empty() {
        write_parts(&mut document, &wanted, &parts, &info);
    }
    if wanted.has("StorageClass") {
        document.element("StorageClass", "STANDARD");
    }
    if wanted.has("ObjectSize") {
        document.optional("ObjectSize", info.size.map(|size| size.to_string()).as_deref());
    }
    let mut response = response::document(document.finish());
    let mut described = HeaderMap::new();
    response::describe(&mut described, &info);
    if let Some(modified) = described.remove(LAST_MODIFIED) {
        response.headers_mut().insert(LAST_MODIFIED, modified);
    }
    Ok(response)
}

fn write_parts(
    document: &mut Document,
    wanted: &WantedAttributes<'_>,
    parts: &[ObjectPart],
    info: &ObjectInfo,
) {
    let checksums =
        stored_checksum::of_parts(info.hidden.as_deref()).filter(|list| list.len() == parts.len());
    let checksum = |at: usize| checksums.as_ref().and_then(|list| list.get(at));
    let first = parts.partition_point(|part| part.number <= wanted.after);
    let page: Vec<(usize, &ObjectPart)> =
        parts.iter().enumerate().skip(first).take(wanted.max_parts).collect();
    let is_truncated = first + page.len() < parts.len();
    let next = page.last().map_or(wanted.after, |(_, part)| part.number);
    document.group("ObjectParts", |document| {
        document.element("PartsCount", &parts.len().to_string());
        document.element("PartNumberMarker", &wanted.after.to_string());
        document.element("NextPartNumberMarker", &next.to_string());
        document.element("MaxParts", &wanted.max_parts.to_string());
        document.element("IsTruncated", if is_truncated { "true" } else { "false" });
        for (at, part) in page {
            document.group("Part", |document| {
                document.element("PartNumber", &part.number.to_string());
                document.element("Size", &part.size.to_string());
                if let Some(checksum) = checksum(at) {
                    document.element(&element(checksum), checksum.value().to_str().unwrap_or_default());
                }
            });
        }
    });
}

fn element(checksum: &Checksum) -> String {
    format!("Checksum{}", checksum.algorithm.name())
}
