//! Finds things by the names that people know them by, and says which there are if a name isn't enough.

use std::fmt::Write as _;
use std::str::FromStr;

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::repository::Repo;
use bucketry_client::ApiClient;
use bucketry_client::api::bucket::BucketListSelection;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::search::SearchWords;

use crate::failure::{Failure, Result};

/// Entries per request.
const PAGE: u32 = 1_000;
/// Entries of one name that a message lists.
const MOST_LISTED: usize = 20;

/// Something that has the wanted name.
#[derive(Debug)]
pub(crate) struct NamedResource<T> {
    pub(crate) id: String,
    /// What distinguishes it from others of its name. May be empty.
    pub(crate) note: String,
    pub(crate) value: T,
}

/// What a command names: an entry of a list, or an id that the list doesn't have. A server leaves out what only a newer version
/// can read, and revokes it by its id all the same.
#[derive(Debug)]
pub(crate) enum ListedOrId<T, I> {
    Listed(T),
    Id(I),
}

/// Like [`one_named`]. If nothing has the name, but it is an id, the server decides.
pub(crate) fn one_named_or_id<T, I: FromStr>(
    kinds: &str,
    name_or_id: &str,
    found: Vec<NamedResource<T>>,
    missing: impl FnOnce() -> String,
) -> Result<ListedOrId<T, I>> {
    match name_or_id.trim().parse() {
        Ok(id) if found.is_empty() => Ok(ListedOrId::Id(id)),
        _ => one_named(kinds, name_or_id, found, missing).map(ListedOrId::Listed),
    }
}

/// The only one of this name. `missing` is the message if there is none.
pub(crate) fn one_named<T>(
    kinds: &str,
    name: &str,
    mut found: Vec<NamedResource<T>>,
    missing: impl FnOnce() -> String,
) -> Result<T> {
    if found.len() > 1 {
        let mut message = format!("several {kinds} are named {name:?}: use the id of one of them");
        for one in found.iter().take(MOST_LISTED) {
            // Writing to a string can't fail.
            _ = write!(message, "\n  {}  {}", one.id, one.note);
        }
        return Err(Failure::failed(message.trim_end()));
    }
    found.pop().map(|one| one.value).ok_or_else(|| Failure::failed(missing()))
}

/// Finds a bucket by id or by name, ignoring case.
pub(crate) async fn find_bucket(client: &ApiClient, name_or_id: &str) -> Result<BucketInfo<'static>> {
    let missing = || {
        format!(
            "there is no bucket {name_or_id:?} that you have access to; `bucketry bucket list` shows your buckets"
        )
    };
    if let Ok(id) = name_or_id.parse::<BucketId>() {
        return client.bucket(id).await.map_err(|error| match error.status() {
            Some(404) => Failure::failed(missing()),
            _ => error.into(),
        });
    }
    let wanted = name_or_id.trim().to_lowercase();
    let selection = BucketListSelection { search: search_for(name_or_id), ..BucketListSelection::default() };
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.select_buckets(&selection, Some(PAGE), cursor.as_deref()).await?;
        let named = page.buckets.into_iter().filter(|bucket| bucket.name.to_lowercase() == wanted);
        found.extend(named.map(|bucket| NamedResource {
            id: bucket.id.to_string(),
            note: format!("{} at {}", bucket.bucket, bucket.provider),
            value: bucket,
        }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return one_named("buckets", name_or_id, found, missing);
        }
    }
}

/// Finds a repository by id or by name, ignoring case.
pub(crate) async fn find_repository(client: &ApiClient, name_or_id: &str) -> Result<Repo<'static>> {
    let missing = || {
        format!(
            "there is no repository {name_or_id:?} that you have access to; `bucketry repo list` shows your repositories"
        )
    };
    if let Ok(id) = name_or_id.parse::<RepoId>() {
        return client.repository(id).await?.ok_or_else(|| Failure::failed(missing()));
    }
    let wanted = name_or_id.trim().to_lowercase();
    let search = search_for(name_or_id);
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page =
            client.select_repositories(None, search.as_deref(), None, Some(PAGE), cursor.as_deref()).await?;
        let named = page.repos.into_iter().filter(|repo| repo.name.to_lowercase() == wanted);
        found.extend(named.map(|repo| NamedResource {
            id: repo.id.to_string(),
            note: String::new(),
            value: repo,
        }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return one_named("repositories", name_or_id, found, missing);
        }
    }
}

/// What to search for to find everything of a name. `None` if no word finds it.
pub(crate) fn search_for(name: &str) -> Option<String> {
    SearchWords::of_name(name).map(|words| words.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_searched_by_its_first_words() {
        assert_eq!(search_for(" Holiday  photos (2026)").as_deref(), Some("2026 holiday photos"));
        assert_eq!(search_for("a b c d e f g h i j").as_deref(), Some("a b c d e f g h"));
        assert_eq!(search_for(" … "), None);
        let bucket = "my-company-prod-eu-west-1-logs-archive-2024-01";
        assert_eq!(search_for(bucket).as_deref(), Some("1 archive company eu logs my prod west"));
        for long in ["long name ".repeat(40), "x".repeat(300), "one".repeat(60) + " " + &"two".repeat(60)] {
            assert!(SearchWords::parse(&search_for(&long).unwrap()).is_ok());
        }
    }

    #[test]
    fn several_of_one_name_are_listed_with_ids_and_what_distinguishes_them() {
        let of = |id: &str, note: &str| NamedResource { id: id.to_owned(), note: note.to_owned(), value: () };
        let failure = one_named("keys", "job", vec![of("1", "READ"), of("2", "")], String::new).unwrap_err();
        assert_eq!(
            failure.message(),
            "several keys are named \"job\": use the id of one of them\n  1  READ\n  2"
        );
        assert_eq!(
            one_named::<()>("keys", "job", Vec::new(), || "none".to_owned()).unwrap_err().message(),
            "none"
        );
    }
}
