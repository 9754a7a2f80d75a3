//! Organizations.

use bucketry_model::role::{OrgRole, WorkspaceRole};

use super::fixture::{TestContext, at, audit, new_organization};
use crate::Store;
use crate::organization::{NewOrganization, OrganizationInserted};

pub async fn an_organization_comes_with_its_owner_and_first_workspace(store: &dyn Store) {
    let new = NewOrganization { bucket_quota: Some(7), ..new_organization("ada@example.com") };
    assert_eq!(store.insert_organization(&new, &audit(at(5))).await.unwrap(), OrganizationInserted::Inserted);

    let found = store.organization(new.id).await.unwrap().unwrap();
    assert_eq!((found.id, found.name, found.created_at), (new.id, new.name, at(5)));
    assert_eq!((found.bucket_quota, found.bucket_count), (Some(7), 0));
    let owner = store.user(new.id, new.owner.id).await.unwrap().unwrap();
    assert_eq!((owner.org_role, owner.email.as_str()), (OrgRole::Owner, "ada@example.com"));
    let workspace = store.workspace(new.id, new.workspace.id).await.unwrap().unwrap();
    assert_eq!(workspace.name, new.workspace.name);
    let members = store.members(&[new.workspace.id]).await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].1.user.id, members[0].1.role), (new.owner.id, WorkspaceRole::Admin));
}

pub async fn an_organization_whose_owner_has_a_taken_address_is_not_made(store: &dyn Store) {
    TestContext::new(store).await;
    let new = new_organization("OWNER@example.com");
    assert_eq!(
        store.insert_organization(&new, &audit(at(0))).await.unwrap(),
        OrganizationInserted::EmailTaken
    );
    assert!(store.organization(new.id).await.unwrap().is_none());
    assert!(store.workspace(new.id, new.workspace.id).await.unwrap().is_none());
}

pub async fn organizations_are_listed_in_the_order_in_which_they_were_made(store: &dyn Store) {
    assert!(store.organizations(2).await.unwrap().is_empty());
    let mut made = Vec::new();
    for seconds in [20, 10, 30] {
        let new = new_organization(&format!("{seconds}@example.com"));
        store.insert_organization(&new, &audit(at(seconds))).await.unwrap();
        made.push(new.id);
    }
    let listed: Vec<_> = store.organizations(2).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed, [made[0], made[1]], "a clock that was set back makes nobody the first");
}

pub async fn a_quota_is_set_and_lifted(store: &dyn Store) {
    let context = TestContext::new(store).await;
    for quota in [Some(3), None] {
        assert!(store.set_bucket_quota(context.org, quota).await.unwrap());
        assert!(store.set_repo_quota(context.org, quota).await.unwrap());
        let found = store.organization(context.org).await.unwrap().unwrap();
        assert_eq!((found.bucket_quota, found.repo_quota), (quota, quota));
    }
    assert!(!store.set_bucket_quota(new_organization("x").id, Some(1)).await.unwrap());
    assert!(!store.set_repo_quota(new_organization("x").id, Some(1)).await.unwrap());
}

pub async fn writes_are_found_to_be_taken(store: &dyn Store) {
    for seconds in [1, 2] {
        store.check_writes(at(seconds)).await.unwrap();
    }
}

pub async fn the_latest_backup_is_remembered(store: &dyn Store) {
    assert_eq!(store.last_backup().await.unwrap(), None);
    for (made, remembered) in [(100, 100), (300, 300), (200, 300)] {
        store.record_backup(at(made)).await.unwrap();
        assert_eq!(store.last_backup().await.unwrap(), Some(at(remembered)));
    }
}
