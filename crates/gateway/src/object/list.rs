//! Lists objects.
//!
//! A list continues at a token of the gateway that contains the provider's token. Some providers can't start after
//! a given key. For those, pages are read from the beginning and the keys before it are dropped, a few pages per
//! request. A response may therefore be empty and still have a token to continue at, as S3 allows.

use bucketry_provider::driver::{ListPage, ListRequest, PageToken};

use crate::failure::Failure;
use crate::object::context::RequestContext;
use crate::routing::object_key::KeyText;
use crate::routing::page_token::{Marker, PagePosition, Scope, not_of_this_list};
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::route::KeyPrefix;

/// The most pages of the provider that one request reads until it finds something.
const MAX_ROUNDS: usize = 10;

/// The page of a list to read.
pub(crate) struct ListQuery<'a> {
    /// Only keys that start with this.
    pub(crate) prefix: &'a KeyText,
    /// Folds keys that contain this after the prefix into common prefixes.
    pub(crate) delimiter: Option<&'a KeyText>,
    /// Where the page starts. `None` is the beginning.
    pub(crate) start: Option<&'a Marker>,
    /// The most keys and common prefixes.
    pub(crate) most: u16,
    /// Whether the client continues at the last key of a page, if it has any.
    pub(crate) continues_at_key: bool,
}

/// A page of a list, and the token or key at which the next page starts. Keys include the repository's folder.
pub(crate) async fn page(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    list: &ListQuery<'_>,
) -> Result<(ListPage, Option<String>), Failure> {
    let prefix = resolved.folder().add(list.prefix);
    let scope = Scope {
        repository: context.key.routes.repository(),
        bucket: resolved.id(),
        prefix: &prefix,
        delimiter: list.delimiter.map(KeyText::as_str),
    };
    let start = start(context, resolved, list, scope)?;
    let (page, next) = if list.most == 0 {
        (ListPage::default(), None)
    } else {
        read(resolved, list, &prefix, start).await?
    };
    let Some(Start { token, after }) = next else { return Ok((page, None)) };
    let next = PagePosition { token: token.map(PageToken::into_text), after };
    let name = if list.continues_at_key { last_name(resolved, &page) } else { None };
    if let Some(name) = name {
        context.registry.list_positions.remember(scope, &name, next, context.now);
        return Ok((page, Some(name)));
    }
    let token = context.key.seals()?.page_tokens.seal(scope, &next)?;
    Ok((page, Some(token)))
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
    list: &ListQuery<'_>,
    scope: Scope<'_>,
) -> Result<Start, Failure> {
    let PagePosition { token, after } = match list.start {
        Some(Marker::Token(token)) => context.key.seals()?.page_tokens.open(scope, token)?,
        Some(Marker::Key(key)) => {
            let known = if list.continues_at_key {
                context.registry.list_positions.find(scope, key.as_str(), context.now)
            } else {
                None
            };
            let Some(known) = known else {
                return Ok(Start { token: None, after: Some(resolved.folder().add(key)) });
            };
            known
        }
        None => return Ok(Start::default()),
    };
    let token = token.map(PageToken::new).transpose().map_err(|_| not_of_this_list())?;
    Ok(Start { token, after: resolved.opened_marker(after)? })
}

/// Reads a page. Also returns where the next one starts.
async fn read(
    resolved: &ResolvedBucket,
    list: &ListQuery<'_>,
    prefix: &str,
    mut at: Start,
) -> Result<(ListPage, Option<Start>), Failure> {
    let by_name = resolved.driver().capabilities().list_start_after;
    for _ in 0..MAX_ROUNDS {
        let request = ListRequest {
            prefix: prefix.to_owned(),
            delimiter: list.delimiter.map(|delimiter| delimiter.as_str().to_owned()),
            start_after: at.after.clone().filter(|_| by_name && at.token.is_none()),
            token: at.token.clone(),
            max_keys: Some(list.most),
        };
        let mut page = resolved.driver().list(&request).await.map_err(|error| resolved.failure(&error))?;
        leave_out(&mut page, resolved.folder(), prefix, at.after.as_deref(), by_name);
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

/// Drops keys outside the prefix, whatever the provider returns, the object that is the folder itself, and keys before
/// the start. A provider that itself started after the key may have another order, so only the key itself is dropped.
fn leave_out(page: &mut ListPage, folder: &KeyPrefix, prefix: &str, after: Option<&str>, by_name: bool) {
    page.objects.retain(|object| {
        let is_later = |after: &str| if by_name { *object.key != *after } else { *object.key > *after };
        object.key.starts_with(prefix) && folder.strip(&object.key).is_some() && after.is_none_or(is_later)
    });
    page.prefixes.retain(|common| {
        // A common prefix that contains the start may have more keys after it.
        let contains = |after: &str| after.len() > common.len() && after.starts_with(&**common);
        let is_later =
            |after: &str| if by_name { **common != *after } else { **common > *after || contains(after) };
        common.starts_with(prefix) && folder.strip(common).is_some() && after.is_none_or(is_later)
    });
}

/// The last key or common prefix of a page, as a key at which a client can continue. `None` if the page is empty, or if
/// the gateway wouldn't accept the key as a marker.
fn last_name(resolved: &ResolvedBucket, page: &ListPage) -> Option<String> {
    let keys = page.objects.iter().map(|object| object.key.as_str());
    let last = keys.chain(page.prefixes.iter().map(String::as_str)).max()?;
    resolved.folder().strip(last).filter(|name| Marker::is_key(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use bucketry_provider::driver::ListedObject;

    use super::*;

    fn after(objects: &[&str], prefixes: &[&str], after: &str) -> (Vec<String>, Vec<String>) {
        let object = |key: &&str| ListedObject { key: (*key).to_owned(), ..Default::default() };
        let mut page = ListPage {
            objects: objects.iter().map(object).collect(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            next: None,
        };
        leave_out(&mut page, &KeyPrefix::default(), "f/", Some(after), false);
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
}
