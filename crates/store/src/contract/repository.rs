//! Repositories: how they are created, which buckets they may contain, and how they are removed.

use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::repository::{RepositoryBucket, RepositoryMode};
use bucketry_model::role::Visibility;
use futures_util::future::join;

use super::fixture::{TestContext, at, attachment, audit, fresh, name};
use crate::Store;
use crate::bucket::PageStart;
use crate::repository::{
    NewRepository, Proposal, RepositoryInserted, RepositoryQuery, RepositoryUpdate, RepositoryUpdated,
};

fn refusal(inserted: &RepositoryInserted) -> &AttachmentRefused {
    match inserted {
        RepositoryInserted::Refused(refused) => refused,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn mirror(new: NewRepository) -> NewRepository {
    let buckets = new.buckets.into_iter().zip(0..);
    let buckets = buckets.map(|(attachment, n)| RepositoryBucket { master: n == 0, ..attachment }).collect();
    NewRepository { mode: RepositoryMode::Mirror, buckets, ..new }
}

pub async fn a_repository_reads_back_with_its_buckets_in_order(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let (a, b) = (context.bucket("a").await, context.bucket("b").await);
    let new = context.new_repository("Main", &[(b, "x/y"), (a, "")]);
    assert_eq!(store.insert_repository(&new, &audit(at(5))).await.unwrap(), RepositoryInserted::Inserted);
    let found = store.repository(context.org, new.id).await.unwrap().unwrap();
    assert_eq!(found.buckets, new.buckets);
    assert_eq!((found.name, found.mode, found.storage_type), (new.name, new.mode, new.storage_type));
    assert_eq!((found.org_id, found.workspace_id, found.version), (context.org, context.workspace, 1));
    assert_eq!((found.created_at, found.updated_at), (at(5), at(5)));
    assert_eq!(store.repository(other.org, new.id).await.unwrap(), None);
    let asked = [new.id, fresh(RepoId::new)];
    let response = store.workspaces_of_repositories(context.org, &asked).await.unwrap();
    assert_eq!(response, [(new.id, context.workspace)]);
    assert!(store.workspaces_of_repositories(other.org, &asked).await.unwrap().is_empty());
    assert!(store.delete_repository(context.org, new.id, &audit(at(6))).await.unwrap());
    let response = store.workspaces_of_repositories(context.org, &asked).await.unwrap();
    assert_eq!(response, [(new.id, context.workspace)], "its statistics are retained");
}

pub async fn repository_names_are_unique_without_letter_case_until_the_repository_is_removed(
    store: &dyn Store,
) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let first = context.repository("Main", &[]).await;
    assert!(store.repository_name_taken(context.org, &name("mAIN"), None).await.unwrap());
    assert!(!store.repository_name_taken(context.org, &name("main"), Some(first)).await.unwrap());
    let again = context.new_repository("MAIN", &[]);
    assert_eq!(store.insert_repository(&again, &audit(at(1))).await.unwrap(), RepositoryInserted::NameTaken);
    other.repository("main", &[]).await;
    assert!(store.delete_repository(context.org, first, &audit(at(2))).await.unwrap());
    assert_eq!(store.insert_repository(&again, &audit(at(3))).await.unwrap(), RepositoryInserted::Inserted);
}

pub async fn the_quota_of_repositories_holds_for_creations_at_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    assert!(store.set_repo_quota(context.org, Some(1)).await.unwrap());
    let [a, b] = ["a", "b"].map(|label| context.new_repository(label, &[]));
    let (x, y) =
        join(store.insert_repository(&a, &audit(at(1))), store.insert_repository(&b, &audit(at(1)))).await;
    let outcomes = [x.unwrap(), y.unwrap()];
    assert!(outcomes.contains(&RepositoryInserted::Inserted));
    assert!(outcomes.contains(&RepositoryInserted::QuotaExceeded));
    let organization = store.organization(context.org).await.unwrap().unwrap();
    assert_eq!((organization.repo_count, organization.repo_quota), (1, Some(1)));
}

pub async fn buckets_must_be_live_ones_of_the_same_workspace(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let second = context.another_workspace(1).await;
    let removed = context.bucket("removed").await;
    store.delete_bucket(context.org, removed, &audit(at(1))).await.unwrap();
    let elsewhere = context.bucket_in(second, "elsewhere", at(1)).await;
    for wrong in [removed, elsewhere, other.bucket("foreign").await, fresh(BucketId::new)] {
        let new = context.new_repository("main", &[(wrong, "")]);
        let inserted = store.insert_repository(&new, &audit(at(2))).await.unwrap();
        assert_eq!(refusal(&inserted), &AttachmentRefused::BucketNotFound(wrong));
    }
    let foreign = NewRepository { workspace_id: other.workspace, ..context.new_repository("main", &[]) };
    let inserted = store.insert_repository(&foreign, &audit(at(2))).await.unwrap();
    assert_eq!(inserted, RepositoryInserted::WorkspaceNotFound);
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().repo_count, 0);
}

pub async fn a_folder_belongs_to_one_repository(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    context.repository("first", &[(bucket, "a/b")]).await;
    for used in ["a/b", "a", "a/b/c", ""] {
        let new = context.new_repository("second", &[(bucket, used)]);
        let inserted = store.insert_repository(&new, &audit(at(1))).await.unwrap();
        let AttachmentRefused::FolderUsed { repository, folder, .. } = refusal(&inserted) else {
            panic!("{used}: {inserted:?}")
        };
        assert_eq!((repository.as_deref(), folder.as_str()), (Some("first"), "a/b"));
    }
    context.repository("second", &[(bucket, "a/c")]).await;
}

pub async fn a_folder_that_two_repositories_take_at_once_goes_to_one(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let [a, b] = ["a", "b"].map(|label| context.new_repository(label, &[(bucket, "")]));
    let (x, y) =
        join(store.insert_repository(&a, &audit(at(1))), store.insert_repository(&b, &audit(at(1)))).await;
    let inserted = [x.unwrap(), y.unwrap()];
    assert_eq!(inserted.iter().filter(|one| **one == RepositoryInserted::Inserted).count(), 1);
}

pub async fn a_mirror_shares_its_buckets_with_no_other_repository(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (a, b, c) = (context.bucket("a").await, context.bucket("b").await, context.bucket("c").await);
    context.repository("normal", &[(a, "x")]).await;
    let first = mirror(context.new_repository("mirror", &[(b, ""), (a, "")]));
    let inserted = store.insert_repository(&first, &audit(at(1))).await.unwrap();
    assert!(
        matches!(refusal(&inserted), AttachmentRefused::Mirrored { repository, .. } if repository == "normal")
    );
    let second = mirror(context.new_repository("mirror", &[(b, ""), (c, "")]));
    assert_eq!(store.insert_repository(&second, &audit(at(2))).await.unwrap(), RepositoryInserted::Inserted);
    for new in
        [context.new_repository("other", &[(c, "y")]), mirror(context.new_repository("other", &[(c, "y")]))]
    {
        let inserted = store.insert_repository(&new, &audit(at(3))).await.unwrap();
        assert!(matches!(refusal(&inserted), AttachmentRefused::Mirrored { .. }));
    }
}

pub async fn a_repository_is_changed_from_the_version_that_was_read(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (a, b) = (context.bucket("a").await, context.bucket("b").await);
    let id = context.repository("main", &[(a, "x")]).await;
    let unchanged = context.repository_update_of(id).await;
    let update = RepositoryUpdate {
        name: name("Other"),
        buckets: vec![attachment(b, "y"), attachment(a, "x")],
        ..unchanged.clone()
    };
    assert_eq!(store.update_repository(&update, &audit(at(7))).await.unwrap(), RepositoryUpdated::Updated);
    assert_eq!(store.update_repository(&update, &audit(at(8))).await.unwrap(), RepositoryUpdated::Conflict);
    let found = store.repository(context.org, id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.version), ("Other", 2));
    assert_eq!(found.buckets, [attachment(b, "y"), attachment(a, "x")]);
    assert_eq!((found.created_at, found.updated_at), (at(0), at(7)));
    let emptied = RepositoryUpdate { from_version: 2, buckets: Vec::new(), ..update };
    assert_eq!(store.update_repository(&emptied, &audit(at(9))).await.unwrap(), RepositoryUpdated::Updated);
    context.repository("second", &[(a, ""), (b, "")]).await;
}

pub async fn a_change_of_a_repository_that_breaks_a_rule_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let a = context.bucket("a").await;
    context.repository("taken", &[]).await;
    let id = context.repository("main", &[(a, "x")]).await;
    let unchanged = context.repository_update_of(id).await;
    let second = context.another_workspace(1).await;
    for (update, outcome) in [
        (RepositoryUpdate { name: name("TAKEN"), ..unchanged.clone() }, RepositoryUpdated::NameTaken),
        (
            RepositoryUpdate { workspace_id: other.workspace, ..unchanged.clone() },
            RepositoryUpdated::WorkspaceNotFound,
        ),
        (
            RepositoryUpdate { workspace_id: second, ..unchanged.clone() },
            RepositoryUpdated::Refused(AttachmentRefused::BucketNotFound(a)),
        ),
        (
            RepositoryUpdate { buckets: vec![attachment(a, "z")], ..unchanged.clone() },
            RepositoryUpdated::Refused(AttachmentRefused::FolderChanged(a)),
        ),
        (
            RepositoryUpdate { mode: RepositoryMode::Mirror, ..unchanged.clone() },
            RepositoryUpdated::Refused(AttachmentRefused::MasterMissing),
        ),
        (RepositoryUpdate { org_id: other.org, ..unchanged.clone() }, RepositoryUpdated::NotFound),
        (RepositoryUpdate { id: fresh(RepoId::new), ..unchanged.clone() }, RepositoryUpdated::NotFound),
    ] {
        assert_eq!(store.update_repository(&update, &audit(at(1))).await.unwrap(), outcome);
    }
    let found = store.repository(context.org, id).await.unwrap().unwrap();
    assert_eq!((found.version, found.buckets), (1, unchanged.buckets));
}

pub async fn a_removed_repository_frees_name_buckets_and_quota(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let bucket = context.bucket("photos").await;
    let id = context.repository("main", &[(bucket, "")]).await;
    assert!(!store.delete_repository(other.org, id, &audit(at(1))).await.unwrap());
    assert!(store.delete_repository(context.org, id, &audit(at(1))).await.unwrap());
    assert!(!store.delete_repository(context.org, id, &audit(at(2))).await.unwrap());
    assert_eq!(store.repository(context.org, id).await.unwrap(), None);
    assert_eq!(store.organization(context.org).await.unwrap().unwrap().repo_count, 0);
    context.repository("Main", &[(bucket, "")]).await;
}

pub async fn a_proposal_is_checked_and_not_stored(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let id = context.repository("main", &[(bucket, "x")]).await;
    let proposal = |repo_id, folder| Proposal {
        org_id: context.org,
        workspace_id: context.workspace,
        repo_id,
        mode: RepositoryMode::Normal,
        buckets: vec![attachment(bucket, folder)],
    };
    let before = store.latest_change().await.unwrap();
    assert_eq!(store.check_proposal(&proposal(Some(id), "x")).await.unwrap(), Ok(()));
    assert_eq!(store.check_proposal(&proposal(None, "y")).await.unwrap(), Ok(()));
    let refused = store.check_proposal(&proposal(None, "x")).await.unwrap();
    assert!(matches!(refused, Err(AttachmentRefused::FolderUsed { .. })));
    let refused = store.check_proposal(&proposal(Some(id), "y")).await.unwrap();
    assert_eq!(refused, Err(AttachmentRefused::FolderChanged(bucket)));
    assert_eq!(store.latest_change().await.unwrap(), before);
}

pub async fn repositories_are_paged_newest_first_and_only_where_visible(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let second = context.another_workspace(1).await;
    other.repository("foreign", &[]).await;
    let mut made = Vec::new();
    for n in 0..5 {
        let workspace_id = if n % 2 == 0 { context.workspace } else { second };
        let new = NewRepository { workspace_id, ..context.new_repository(&format!("repository {n}"), &[]) };
        store.insert_repository(&new, &audit(at(n))).await.unwrap();
        made.insert(0, new.id);
    }
    let bucket = context.bucket("photos").await;
    let update = RepositoryUpdate {
        buckets: vec![attachment(bucket, "x")],
        ..context.repository_update_of(made[0]).await
    };
    store.update_repository(&update, &audit(at(9))).await.unwrap();
    let both = Visibility::Workspaces(vec![context.workspace, second]);
    for visible in [Visibility::Organization, both] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let query = RepositoryQuery { org_id: context.org, visible: visible.clone(), after, limit: 2 };
            let page = store.repositories(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(PageStart { created_at: last.created_at, id: last.id });
            assert!(page.iter().all(|one| one.buckets.len() == usize::from(one.id == made[0])));
            walked.extend(page.iter().map(|one| one.id));
        }
        assert_eq!(walked, made);
    }
    let only = Visibility::Workspaces(vec![second]);
    let query = RepositoryQuery { org_id: context.org, visible: only, after: None, limit: 10 };
    let page = store.repositories(&query).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [made[1], made[3]]);
    let none = RepositoryQuery { visible: Visibility::Workspaces(vec![]), ..query };
    assert!(store.repositories(&none).await.unwrap().is_empty());
}
