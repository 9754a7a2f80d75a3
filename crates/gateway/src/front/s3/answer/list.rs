//! `ListObjects`, `ListObjectsV2`, and `ListObjectVersions` as for a bucket without versioning.

use bucketry_provider::driver::{ListPage, ListedObject};
use jiff::Timestamp;

use crate::front::s3::answer::bucket::owner;
use crate::front::s3::operation::{List, Marker};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::{Document, listed};
use crate::object;
use crate::object::context::RequestContext;
use crate::object::list::ListQuery;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The operation whose response format is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `ListObjects`.
    First,
    /// `ListObjectsV2`.
    Second,
    /// `ListObjectVersions`.
    Versions,
}

pub(super) async fn keys(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    form: Form,
    list: &List,
) -> S3Answer {
    // The older operations have only a parameter for a key. A token takes its place after a page without keys.
    let token = list.token.clone().filter(|token| !token.is_empty()).map(Marker::Token);
    let query = ListQuery {
        prefix: &list.prefix,
        delimiter: list.delimiter.as_ref(),
        start: token.as_ref().or(list.start_after.as_ref()),
        most: list.max_keys,
        continues_at_key: form != Form::Second,
    };
    let (page, next) = object::list::page(context, resolved, &query).await?;
    let document = ListWriter { resolved, list, form }.document(&page, next.as_deref());
    Ok(document)
}

struct ListWriter<'a> {
    resolved: &'a ResolvedBucket,
    list: &'a List,
    form: Form,
}

impl ListWriter<'_> {
    fn document(
        &self,
        page: &ListPage,
        next: Option<&str>,
    ) -> http::Response<crate::object::body::GatewayBody> {
        let list = self.list;
        let name = |text: &str| listed(text, list.url_encoded);
        let mut document = Document::new(match self.form {
            Form::First | Form::Second => "ListBucketResult",
            Form::Versions => "ListVersionsResult",
        });
        document.element("Name", self.resolved.name());
        document.element("Prefix", &name(list.prefix.as_str()));
        let after = list.start_after.as_ref().map(Marker::as_str);
        match self.form {
            Form::First => {
                document.element("Marker", &name(after.unwrap_or_default()));
                document.optional("NextMarker", next.map(name).as_deref());
            }
            Form::Second => {
                document.optional("StartAfter", after.map(name).as_deref());
                document.optional("ContinuationToken", list.token.as_deref());
                document.optional("NextContinuationToken", next);
                document.element("KeyCount", &(page.objects.len() + page.prefixes.len()).to_string());
            }
            Form::Versions => {
                document.element("KeyMarker", &name(after.unwrap_or_default()));
                document.element("VersionIdMarker", "");
                document.optional("NextKeyMarker", next.map(name).as_deref());
                document.optional("NextVersionIdMarker", next.map(|_| "null"));
            }
        }
        document.element("MaxKeys", &list.max_keys.to_string());
        document.optional("Delimiter", list.delimiter.as_ref().map(|text| name(text.as_str())).as_deref());
        document.optional("EncodingType", list.url_encoded.then_some("url"));
        document.element("IsTruncated", if next.is_some() { "true" } else { "false" });
        for object in &page.objects {
            if let Some(key) = self.resolved.folder().strip(&object.key) {
                self.object(&mut document, &name(key), object);
            }
        }
        for common in page.prefixes.iter().filter_map(|common| self.resolved.folder().strip(common)) {
            document.group("CommonPrefixes", |document| document.element("Prefix", &name(common)));
        }
        response::document(document.finish())
    }

    fn object(&self, document: &mut Document, key: &str, object: &ListedObject) {
        let versions = self.form == Form::Versions;
        document.group(if versions { "Version" } else { "Contents" }, |document| {
            document.element("Key", key);
            if versions {
                document.element("VersionId", "null");
                document.element("IsLatest", "true");
            }
            document.time("LastModified", object.last_modified.unwrap_or(Timestamp::UNIX_EPOCH));
            document.optional("ETag", object.etag.as_deref());
            document.element("Size", &object.size.to_string());
            if self.form != Form::Second || self.list.fetch_owner {
                owner(document, "Owner");
            }
            document.element("StorageClass", storage_class(object.storage_class.as_deref()));
        });
    }
}

/// Other classes, such as Azure's tiers, would make parsers fail that know only those of S3.
fn storage_class(class: Option<&str>) -> &str {
    class
        .filter(|class| {
            !class.is_empty()
                && class.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        })
        .unwrap_or("STANDARD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_s3_name_a_storage_class() {
        assert_eq!(storage_class(Some("GLACIER_IR")), "GLACIER_IR");
        for other in [None, Some("Hot"), Some("")] {
            assert_eq!(storage_class(other), "STANDARD");
        }
    }
}
