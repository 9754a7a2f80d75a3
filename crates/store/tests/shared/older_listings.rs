//! Buckets and repositories of a version without search and filters, and that they are found after an upgrade.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{OrgId, RepoId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::provider::Provider;
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::Visibility;
use bucketry_model::search::SearchWords;
use bucketry_store::Store;
use bucketry_store::contract::change;
use bucketry_store::listing::{BucketFilter, BucketSearch, ListOrder, RepositorySearch, SearchPage};
use bucketry_store::repository::{NewRepository, RepositoryInserted};
use jiff::Timestamp;

/// Takes back the migration with this version, so that the next start applies it to the data that is there.
pub(crate) fn undo(version: i64) -> String {
    format!(
        "DROP TABLE bucket_facets; DROP TABLE facets; DROP TABLE search_words; DROP TABLE unlisted; \
         DROP INDEX repositories_of_org_by_name; DROP INDEX repositories_of_workspace_by_name; \
         ALTER TABLE repositories DROP COLUMN words; DELETE FROM _sqlx_migrations WHERE version = {version}"
    )
}

/// Stores a repository beside the buckets that the test has stored.
pub(crate) async fn add_repository(store: &dyn Store, org_id: OrgId, workspace_id: WorkspaceId) {
    let new = NewRepository {
        id: RepoId::new(Timestamp::UNIX_EPOCH, [1; 10]),
        org_id,
        workspace_id,
        name: Name::parse("Old Repository").unwrap(),
        storage_type: StorageType::S3,
        mode: RepositoryMode::Normal,
        buckets: Vec::new(),
        sealing_key: None,
    };
    let inserted = store.insert_repository(&new, &change(Timestamp::UNIX_EPOCH)).await.unwrap();
    assert_eq!(inserted, RepositoryInserted::Inserted);
}

/// The number of buckets, with and without a filter and a search, and of repositories that a search finds.
pub(crate) async fn counts(store: &dyn Store, org_id: OrgId, word: &str) -> [usize; 4] {
    let all = BucketSearch {
        org_id,
        visible: Visibility::Organization,
        filter: BucketFilter::default(),
        words: None,
        order: Some(ListOrder::Name),
        after: None,
        limit: 1_000,
    };
    let others = BucketFilter { providers: vec![Provider::Gcp], ..BucketFilter::default() };
    let words = SearchWords::parse(word).ok();
    let mut counts = Vec::new();
    for search in [
        all.clone(),
        BucketSearch { filter: others, ..all.clone() },
        BucketSearch { words: words.clone(), order: None, ..all },
    ] {
        let SearchPage::Found { entries, .. } = store.search_buckets(&search).await.unwrap() else {
            panic!("too many")
        };
        counts.push(entries.len());
    }
    let words = SearchWords::parse("repos old").ok();
    let search = RepositorySearch {
        org_id,
        visible: Visibility::Organization,
        words,
        order: None,
        after: None,
        limit: 10,
    };
    let SearchPage::Found { entries, .. } = store.search_repositories(&search).await.unwrap() else {
        panic!("too many")
    };
    [counts[0], counts[1], counts[2], entries.len()]
}
