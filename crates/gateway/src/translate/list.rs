//! `ListObjects`, `ListObjectsV2`, and `ListObjectVersions` as for a bucket without versioning.
//!
//! A list continues at a token of the gateway that contains the provider's token. Some providers can't start after
//! a given key. For those, pages are read from the beginning and the keys before it are dropped, a few pages per
//! request. A response may therefore be empty and still have a token to continue at, as S3 allows.

use bucketry_provider::driver::{ListPage, ListRequest, ListedObject, PageToken};
use jiff::Timestamp;

use crate::execute::{Answer, RequestContext, ResolvedBucket, answer};
use crate::failure::Failure;
use crate::operation::{KeyText, List, Marker};
use crate::page_token::{PagePosition, Scope, not_of_this_list};
use crate::translate::bucket::owner;
use crate::xml::{Document, listed};

/// The most pages of the provider that one request reads until it finds something.
const MAX_ROUNDS: usize = 10;

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
) -> Answer {
    let prefix = resolved.folder().add(&list.prefix);
    let scope = Scope {
        repository: context.key.routes.repository(),
        bucket: resolved.id(),
        prefix: &prefix,
        delimiter: list.delimiter.as_ref().map(KeyText::as_str),
    };
    let start = start(context, resolved, list, scope)?;
    let (page, next) = if list.max_keys == 0 {
        (ListPage::default(), None)
    } else {
        page(resolved, list, &prefix, start).await?
    };
    let next =
        next.map(|Start { token, after }| PagePosition { token: token.map(PageToken::into_text), after });
    let next = next.map(|next| context.key.key.page_tokens.seal(scope, &next)).transpose()?;
    let document = ListWriter { resolved, list, form }.document(&page, next.as_deref());
    Ok(document)
}

/// Where a page starts. Keys include the repository's folder.
#[derive(Default)]
struct Start {
    token: Option<PageToken>,
    after: Option<String>,
}

fn start(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    list: &List,
    scope: Scope<'_>,
) -> Result<Start, Failure> {
    match (&list.token, &list.start_after) {
        // The older operations have only a key parameter, so they use tokens in place of keys.
        (Some(token), _) | (None, Some(Marker::Token(token))) => {
            let PagePosition { token, after } = context.key.key.page_tokens.open(scope, token)?;
            let token = token.map(PageToken::new).transpose().map_err(|_| not_of_this_list())?;
            Ok(Start { token, after: resolved.opened_marker(after)? })
        }
        (None, Some(Marker::Key(after))) => {
            Ok(Start { token: None, after: Some(resolved.folder().add(after)) })
        }
        (None, None) => Ok(Start::default()),
    }
}

/// Reads a page. Also returns where the next one starts.
async fn page(
    resolved: &ResolvedBucket,
    list: &List,
    prefix: &str,
    mut at: Start,
) -> Result<(ListPage, Option<Start>), Failure> {
    let by_name = resolved.driver().capabilities().list_start_after;
    for _ in 0..MAX_ROUNDS {
        let request = ListRequest {
            prefix: prefix.to_owned(),
            delimiter: list.delimiter.as_ref().map(|delimiter| delimiter.as_str().to_owned()),
            start_after: at.after.clone().filter(|_| by_name && at.token.is_none()),
            token: at.token.clone(),
            max_keys: Some(list.max_keys),
        };
        let mut page = resolved.driver().list(&request).await.map_err(|error| resolved.failure(&error))?;
        leave_out(&mut page, prefix, at.after.as_deref());
        let is_empty = page.objects.is_empty() && page.prefixes.is_empty();
        let Some(token) = page.next.take() else { return Ok((page, None)) };
        // A provider that itself started after the key doesn't need it again.
        at = Start { token: Some(token), after: at.after.filter(|_| !by_name) };
        if !is_empty {
            return Ok((page, Some(at)));
        }
    }
    Ok((ListPage::default(), Some(at)))
}

/// Drops keys outside the prefix, whatever the provider returns, and keys before the start.
fn leave_out(page: &mut ListPage, prefix: &str, after: Option<&str>) {
    page.objects
        .retain(|object| object.key.starts_with(prefix) && after.is_none_or(|after| *object.key > *after));
    page.prefixes.retain(|common| {
        // A common prefix that contains the start may have more keys after it.
        let guard =
            |after: &str| **common > *after || (after.len() > common.len() && after.starts_with(&**common));
        common.starts_with(prefix) && after.is_none_or(guard)
    });
}

struct ListWriter<'a> {
    resolved: &'a ResolvedBucket,
    list: &'a List,
    form: Form,
}

impl ListWriter<'_> {
    fn document(&self, page: &ListPage, next: Option<&str>) -> http::Response<crate::execute::GatewayBody> {
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
                document.optional("NextMarker", next);
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
                document.optional("NextKeyMarker", next);
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
        answer::document(document.finish())
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

    fn after(objects: &[&str], prefixes: &[&str], after: &str) -> (Vec<String>, Vec<String>) {
        let object = |key: &&str| ListedObject { key: (*key).to_owned(), ..Default::default() };
        let mut page = ListPage {
            objects: objects.iter().map(object).collect(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            next: None,
        };
        leave_out(&mut page, "f/", Some(after));
        (page.objects.into_iter().map(|object| object.key).collect(), page.prefixes)
    }

    #[test]
    fn what_lies_elsewhere_or_comes_before_is_left_out() {
        let (objects, prefixes) =
            after(&["f/a", "f/b", "f/c", "g/x", "other"], &["f/a/", "f/b/", "f/z/", "e/"], "f/b");
        assert_eq!(objects, ["f/c"]);
        assert_eq!(prefixes, ["f/b/", "f/z/"]);
    }

    #[test]
    fn a_common_prefix_is_gone_once_it_was_named_and_stays_while_keys_below_it_may_follow() {
        assert_eq!(after(&[], &["f/a/"], "f/a/").1, Vec::<String>::new());
        assert_eq!(after(&[], &["f/a/"], "f/a/k").1, ["f/a/"]);
    }

    #[test]
    fn only_words_of_s3_name_a_storage_class() {
        assert_eq!(storage_class(Some("GLACIER_IR")), "GLACIER_IR");
        for other in [None, Some("Hot"), Some("")] {
            assert_eq!(storage_class(other), "STANDARD");
        }
    }
}
