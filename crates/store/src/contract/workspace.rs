//! Workspaces and members.

use bucketry_model::id::{UserId, WorkspaceId};
use bucketry_model::role::{OrgRole, TokenScope, Visibility, WorkspaceRole};
use futures_util::future::join;

use super::fixture::{TestContext, at, audit, fresh, name};
use crate::Store;
use crate::token::{NewToken, TokenKind};
use crate::workspace::{MemberChanged, NewWorkspace, WorkspaceChanged};

pub async fn a_workspace_reads_back_with_its_creator_as_admin(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = NewWorkspace { id: fresh(WorkspaceId::new), name: name("Photos") };
    store.insert_workspace(context.org, &new, context.owner, &audit(at(3))).await.unwrap();
    let found = store.workspace(context.org, new.id).await.unwrap().unwrap();
    assert_eq!(
        (found.id, found.org_id, found.name, found.created_at),
        (new.id, context.org, new.name, at(3))
    );
    let members = store.members(&[new.id]).await.unwrap();
    assert_eq!((members[0].0, members[0].1.role), (new.id, WorkspaceRole::Admin));
    assert_eq!(members[0].1.user.id, context.owner);

    let other = TestContext::another(store).await;
    assert!(store.workspace(other.org, new.id).await.unwrap().is_none());
}

pub async fn workspaces_are_paged_newest_first_and_only_where_visible(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let mut made = vec![context.workspace];
    for seconds in [10, 20, 20, 30] {
        made.push(context.another_workspace(seconds).await);
    }
    made.reverse();
    let some = vec![made[0], made[2], made[4], other.workspace];
    let seen = [made[0], made[2], made[4]];
    for (visible, expected) in [
        (Visibility::Organization, made.as_slice()),
        (Visibility::Workspaces(some), seen.as_slice()),
        (Visibility::Workspaces(vec![]), [].as_slice()),
    ] {
        let mut walked = Vec::new();
        let mut after = None;
        loop {
            let page = store.workspaces(context.org, &visible, after, 2).await.unwrap();
            walked.extend(page.iter().map(|workspace| workspace.id));
            after = page.last().map(|workspace| workspace.id);
            if page.is_empty() {
                break;
            }
        }
        assert_eq!(walked, expected);
    }
}

pub async fn a_workspace_is_renamed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let new = name("Renamed");
    let renamed = store.rename_workspace(context.org, context.workspace, &new, &audit(at(0))).await.unwrap();
    assert_eq!(renamed, WorkspaceChanged::Changed);
    assert_eq!(store.workspace(context.org, context.workspace).await.unwrap().unwrap().name, new);
    let foreign = store.rename_workspace(other.org, context.workspace, &new, &audit(at(0))).await.unwrap();
    assert_eq!(foreign, WorkspaceChanged::NotFound);
}

pub async fn a_workspace_with_buckets_stays(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let change = audit(at(1));
    let delete = || store.delete_workspace(context.org, context.workspace, &change);
    assert_eq!(delete().await.unwrap(), WorkspaceChanged::InUse);
    store.delete_bucket(context.org, bucket, &audit(at(1))).await.unwrap();
    assert_eq!(delete().await.unwrap(), WorkspaceChanged::Changed);
    assert_eq!(delete().await.unwrap(), WorkspaceChanged::NotFound);
}

pub async fn removing_a_workspace_ends_memberships_and_tokens_scoped_to_it(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let workspace = context.another_workspace(1).await;
    let scoped = NewToken {
        scope: Some(TokenScope { workspace_id: Some(workspace), role: WorkspaceRole::Read }),
        ..context.new_token(context.owner, TokenKind::Api, 1)
    };
    let wide = NewToken {
        scope: Some(TokenScope { workspace_id: None, role: WorkspaceRole::Write }),
        ..context.new_token(context.owner, TokenKind::Api, 2)
    };
    store.insert_token(&scoped, &audit(at(1))).await.unwrap();
    store.insert_token(&wide, &audit(at(1))).await.unwrap();

    let removed = store.delete_workspace(context.org, workspace, &audit(at(2))).await.unwrap();
    assert_eq!(removed, WorkspaceChanged::Changed);
    assert!(store.workspace(context.org, workspace).await.unwrap().is_none());
    assert!(store.members(&[workspace]).await.unwrap().is_empty());
    assert!(store.caller(scoped.id, at(3)).await.unwrap().is_none());
    let caller = store.caller(wide.id, at(3)).await.unwrap().unwrap();
    assert!(!caller.memberships.contains_key(&workspace));
}

pub async fn members_are_added_once_and_listed_newest_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let user = context.user("grace@example.com", OrgRole::User).await;
    let change = audit(at(9));
    let add = |org, workspace, user| store.add_member(org, workspace, user, WorkspaceRole::Read, &change);
    assert_eq!(add(context.org, context.workspace, user).await.unwrap(), MemberChanged::Changed);
    assert_eq!(add(context.org, context.workspace, user).await.unwrap(), MemberChanged::AlreadyAMember);
    assert_eq!(add(context.org, context.workspace, other.owner).await.unwrap(), MemberChanged::UserNotFound);
    assert_eq!(add(context.org, other.workspace, user).await.unwrap(), MemberChanged::WorkspaceNotFound);

    let members = store.members(&[context.workspace, other.workspace]).await.unwrap();
    let of_world: Vec<_> = members
        .iter()
        .filter(|(workspace, _)| *workspace == context.workspace)
        .map(|(_, member)| (member.user.id, member.role))
        .collect();
    assert_eq!(of_world, [(user, WorkspaceRole::Read), (context.owner, WorkspaceRole::Admin)]);
    assert_eq!(members.len(), 3);
}

pub async fn members_are_paged_by_account(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let mut all = vec![context.owner];
    for number in 0..4 {
        let email = format!("member-{number}@example.com");
        all.push(context.member(context.workspace, &email, WorkspaceRole::Read).await);
    }
    all.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
    let page = async |after| store.member_page(context.workspace, after, 2).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let members = page(after).await;
        let Some(last) = members.last() else { break };
        after = Some(last.user.id);
        assert!(members.len() <= 2);
        seen.extend(members.into_iter().map(|member| member.user.id));
    }
    assert_eq!(seen, all);
    let elsewhere = store.member_page(other.workspace, None, 10).await.unwrap();
    assert_eq!(elsewhere.iter().map(|one| one.user.id).collect::<Vec<_>>(), [other.owner]);
}

pub async fn the_last_admin_stays(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (org, workspace) = (context.org, context.workspace);
    let user = context.member(workspace, "grace@example.com", WorkspaceRole::Write).await;
    let change = audit(at(0));
    let set = |user, role| store.set_member_role(org, workspace, user, role, &change);
    let remove = |user| store.remove_member(org, workspace, user, &change);
    let stranger = fresh(UserId::new);

    assert_eq!(set(context.owner, WorkspaceRole::Write).await.unwrap(), MemberChanged::LastAdmin);
    assert_eq!(set(context.owner, WorkspaceRole::Admin).await.unwrap(), MemberChanged::Changed);
    assert_eq!(remove(context.owner).await.unwrap(), MemberChanged::LastAdmin);
    assert_eq!(set(user, WorkspaceRole::Admin).await.unwrap(), MemberChanged::Changed);
    assert_eq!(remove(context.owner).await.unwrap(), MemberChanged::Changed);
    assert_eq!(remove(context.owner).await.unwrap(), MemberChanged::NotAMember);
    assert_eq!(set(stranger, WorkspaceRole::Read).await.unwrap(), MemberChanged::NotAMember);
    let elsewhere = fresh(WorkspaceId::new);
    let nowhere =
        store.set_member_role(org, elsewhere, user, WorkspaceRole::Read, &audit(at(0))).await.unwrap();
    assert_eq!(nowhere, MemberChanged::WorkspaceNotFound);
    let nowhere = store.remove_member(org, elsewhere, user, &audit(at(0))).await.unwrap();
    assert_eq!(nowhere, MemberChanged::WorkspaceNotFound);
    let members = store.members(&[workspace]).await.unwrap();
    assert_eq!((members.len(), members[0].1.role), (1, WorkspaceRole::Admin));
}

pub async fn two_admins_who_remove_each_other_at_once_leave_one(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let second = context.member(context.workspace, "grace@example.com", WorkspaceRole::Admin).await;
    let (a, b) = join(
        store.remove_member(context.org, context.workspace, context.owner, &audit(at(0))),
        store.remove_member(context.org, context.workspace, second, &audit(at(0))),
    )
    .await;
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(outcomes.contains(&MemberChanged::Changed) && outcomes.contains(&MemberChanged::LastAdmin));
}
