//! Users.

use bucketry_model::id::UserId;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use futures_util::future::join;

use super::fixture::{TestContext, at, audit, fresh, name, new_user};
use crate::Store;
use crate::token::{NewToken, TokenKind, TokenState};
use crate::user::{NewPassword, NewUser, PasswordAuthority, UserChanged, UserChanges, UserInserted};

fn to_role(role: OrgRole) -> UserChanges {
    UserChanges { org_role: Some(role), ..UserChanges::default() }
}

/// The initial password hash of the users in these stories.
const FIRST: &str = "$argon2id$hash";

fn password(hash: &str, authority: PasswordAuthority) -> UserChanges {
    let must_change = matches!(authority, PasswordAuthority::Reset);
    let password = NewPassword { hash: hash.to_owned(), must_change, authority, at: at(50) };
    UserChanges { password: Some(password), ..UserChanges::default() }
}

fn own(replaces: &str, token: &NewToken) -> PasswordAuthority {
    PasswordAuthority::Own { replaces: Some(replaces.to_owned()), token: token.id }
}

pub async fn a_user_reads_back(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = NewUser { validated: false, ..new_user("Grace@Example.com", OrgRole::Billing) };
    assert_eq!(store.insert_user(context.org, &new, &audit(at(9))).await.unwrap(), UserInserted::Inserted);

    let found = store.user(context.org, new.id).await.unwrap().unwrap();
    assert_eq!((found.id, found.org_id, found.email), (new.id, context.org, new.email));
    assert_eq!((found.first_name, found.last_name), (new.first_name, new.last_name));
    assert_eq!((found.org_role, found.validated, found.created_at), (OrgRole::Billing, false, at(9)));
    let by_email = store.user_by_email("grace@example.COM").await.unwrap().unwrap();
    assert_eq!((by_email.user.id, by_email.password_hash), (new.id, new.password_hash));
}

pub async fn a_new_password_ends_the_other_sessions_and_leaves_api_tokens(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let user = context.user("grace@example.com", OrgRole::User).await;
    let [mine, other, foreign] = [(user, 1), (user, 2), (context.owner, 3)]
        .map(|(of, n)| context.new_token(of, TokenKind::Session, n));
    let api = context.new_token(user, TokenKind::Api, 4);
    let browser = context.new_token(user, TokenKind::Browser, 5);
    for token in [&mine, &other, &foreign, &api, &browser] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    let names = UserChanges { first_name: Some(name("Grace")), ..password("$new", own(FIRST, &mine)) };
    assert_eq!(
        store.update_user(context.org, user, &names, &audit(at(0))).await.unwrap(),
        UserChanged::Changed
    );
    let stored = store.user_by_email("grace@example.com").await.unwrap().unwrap();
    assert_eq!((stored.password_hash.as_deref(), stored.user.first_name.as_str()), (Some("$new"), "Grace"));
    for (token, stays) in [(&mine, true), (&other, false), (&foreign, true), (&api, true), (&browser, false)]
    {
        assert_eq!(store.caller(token.id, at(51)).await.unwrap().is_some(), stays, "{token:?}");
    }

    let reset = password("$one-time", PasswordAuthority::Reset);
    assert_eq!(
        store.update_user(context.org, user, &reset, &audit(at(0))).await.unwrap(),
        UserChanged::Changed
    );
    assert!(store.caller(mine.id, at(51)).await.unwrap().is_none());
    assert!(!store.caller(api.id, at(51)).await.unwrap().unwrap().must_change_password);
    let nobody = store.update_user(context.org, fresh(UserId::new), &reset, &audit(at(0))).await.unwrap();
    assert_eq!(nobody, UserChanged::NotFound);
}

pub async fn a_password_that_must_be_changed_is_remembered_until_it_is(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = NewUser { must_change_password: true, ..new_user("grace@example.com", OrgRole::User) };
    store.insert_user(context.org, &new, &audit(at(0))).await.unwrap();
    let session = context.new_token(new.id, TokenKind::Session, 1);
    assert!(store.open_session(&session, FIRST, &audit(at(7))).await.unwrap());
    let caller = store.caller(session.id, at(8)).await.unwrap().unwrap();
    assert_eq!((caller.must_change_password, caller.signed_in_at), (true, Some(at(7))));

    let names = UserChanges { first_name: Some(name("Grace")), ..UserChanges::default() };
    store.update_user(context.org, new.id, &names, &audit(at(0))).await.unwrap();
    assert!(store.caller(session.id, at(8)).await.unwrap().unwrap().must_change_password);
    store
        .update_user(context.org, new.id, &password("$own", own(FIRST, &session)), &audit(at(0)))
        .await
        .unwrap();
    assert!(!store.caller(session.id, at(8)).await.unwrap().unwrap().must_change_password);
}

pub async fn a_change_that_was_checked_against_an_older_password_or_session_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [session, ended] = [1, 2].map(|n| context.new_token(context.owner, TokenKind::Session, n));
    for token in [&session, &ended] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    store.revoke_token(context.owner, ended.id, &audit(at(2))).await.unwrap();
    for authority in [own("$older", &session), own(FIRST, &ended)] {
        let late = UserChanges { first_name: Some(name("Late")), ..password("$late", authority) };
        let refused = store.update_user(context.org, context.owner, &late, &audit(at(0))).await.unwrap();
        assert_eq!(refused, UserChanged::Outdated);
    }
    let stored = store.user(context.org, context.owner).await.unwrap().unwrap();
    assert_eq!(stored.first_name.as_str(), "Ada", "nothing was changed");
}

pub async fn of_two_changes_of_one_password_at_once_one_is_refused(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [a, b] = [1, 2].map(|n| context.new_token(context.owner, TokenKind::Session, n));
    for token in [&a, &b] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    let (one, two) = (password("$one", own(FIRST, &a)), password("$two", own(FIRST, &b)));
    let (one, two) = join(
        store.update_user(context.org, context.owner, &one, &audit(at(0))),
        store.update_user(context.org, context.owner, &two, &audit(at(0))),
    )
    .await;
    let outcomes = [one.unwrap(), two.unwrap()];
    assert!(outcomes.contains(&UserChanged::Changed) && outcomes.contains(&UserChanged::Outdated));
}

pub async fn a_session_is_not_opened_with_a_password_that_was_replaced_meanwhile(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    let reset = password("$one-time", PasswordAuthority::Reset);
    let (opened, changed) = join(
        store.open_session(&session, FIRST, &audit(at(1))),
        store.update_user(context.org, context.owner, &reset, &audit(at(0))),
    )
    .await;
    assert_eq!(changed.unwrap(), UserChanged::Changed);
    opened.unwrap();
    // Whichever came first, the session was either never opened or has ended.
    assert!(store.caller(session.id, at(51)).await.unwrap().is_none());
    let late = context.new_token(context.owner, TokenKind::Session, 2);
    assert!(!store.open_session(&late, FIRST, &audit(at(51))).await.unwrap());
    assert!(store.open_session(&late, "$one-time", &audit(at(51))).await.unwrap());
}

pub async fn addresses_are_unique_without_letter_case_until_the_user_is_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let first = context.user("ada@example.com", OrgRole::User).await;
    let again = new_user("ADA@example.com", OrgRole::User);
    assert_eq!(store.insert_user(other.org, &again, &audit(at(1))).await.unwrap(), UserInserted::EmailTaken);
    assert!(store.user(other.org, again.id).await.unwrap().is_none());

    assert_eq!(store.delete_user(context.org, first, &audit(at(2))).await.unwrap(), UserChanged::Changed);
    assert!(store.user_by_email("ada@example.com").await.unwrap().is_none());
    assert_eq!(store.insert_user(other.org, &again, &audit(at(3))).await.unwrap(), UserInserted::Inserted);
}

pub async fn two_users_with_one_address_at_once_give_one_user(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let users = ["ada@example.com", "Ada@example.com"].map(|email| new_user(email, OrgRole::User));
    let (a, b) = join(
        store.insert_user(context.org, &users[0], &audit(at(1))),
        store.insert_user(context.org, &users[1], &audit(at(1))),
    )
    .await;
    let mut outcomes = [a.unwrap(), b.unwrap()];
    outcomes.sort_by_key(|outcome| *outcome == UserInserted::EmailTaken);
    assert_eq!(outcomes, [UserInserted::Inserted, UserInserted::EmailTaken]);
}

pub async fn users_are_paged_newest_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut made = vec![context.owner];
    for seconds in 1..=4 {
        let new = new_user(&format!("{seconds}@example.com"), OrgRole::User);
        store.insert_user(context.org, &new, &audit(at(seconds))).await.unwrap();
        made.push(new.id);
    }
    made.reverse();
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = store.users(context.org, after, 2).await.unwrap();
        walked.extend(page.iter().map(|user| user.id));
        after = page.last().map(|user| user.id);
        if page.is_empty() {
            break;
        }
    }
    assert_eq!(walked, made);
    assert!(store.users(context.org, Some(fresh(UserId::new)), 10).await.unwrap().is_empty());
}

pub async fn users_are_found_by_their_role(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let elsewhere = TestContext::another(store).await;
    elsewhere.user("linus@example.com", OrgRole::Administrators).await;
    context.user("ada@example.com", OrgRole::User).await;
    let grace = context.user("grace@example.com", OrgRole::Administrators).await;
    let removed = context.user("alan@example.com", OrgRole::Administrators).await;
    store.delete_user(context.org, removed, &audit(at(9))).await.unwrap();
    let ids = async |role, limit| {
        let found = store.users_with_role(context.org, role, limit).await.unwrap();
        found.iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(OrgRole::Administrators, 5).await, [grace]);
    assert_eq!(ids(OrgRole::Owner, 5).await, [context.owner]);
    assert!(ids(OrgRole::Workspaces, 5).await.is_empty() && ids(OrgRole::Owner, 0).await.is_empty());
}

pub async fn a_user_changes(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let user = context.user("grace@example.com", OrgRole::User).await;
    let changes = UserChanges { first_name: Some(name("Grace")), ..to_role(OrgRole::Workspaces) };
    assert_eq!(
        store.update_user(context.org, user, &changes, &audit(at(0))).await.unwrap(),
        UserChanged::Changed
    );
    let found = store.user(context.org, user).await.unwrap().unwrap();
    assert_eq!((found.first_name.as_str(), found.last_name.as_str()), ("Grace", "Lovelace"));
    assert_eq!(found.org_role, OrgRole::Workspaces);
}

pub async fn a_user_of_another_organization_is_not_found(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let changes = UserChanges::default();
    assert!(store.user(other.org, context.owner).await.unwrap().is_none());
    assert_eq!(
        store.update_user(other.org, context.owner, &changes, &audit(at(0))).await.unwrap(),
        UserChanged::NotFound
    );
    assert_eq!(
        store.delete_user(other.org, context.owner, &audit(at(1))).await.unwrap(),
        UserChanged::NotFound
    );
}

pub async fn the_last_owner_is_neither_lowered_nor_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let lower = to_role(OrgRole::Administrators);
    assert_eq!(
        store.update_user(context.org, context.owner, &lower, &audit(at(0))).await.unwrap(),
        UserChanged::LastOwner
    );
    assert_eq!(
        store.delete_user(context.org, context.owner, &audit(at(1))).await.unwrap(),
        UserChanged::LastOwner
    );

    context.user("second@example.com", OrgRole::Owner).await;
    assert_eq!(
        store.update_user(context.org, context.owner, &lower, &audit(at(0))).await.unwrap(),
        UserChanged::Changed
    );
}

pub async fn two_owners_who_lower_each_other_at_once_leave_one(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let second = context.user("second@example.com", OrgRole::Owner).await;
    let lower = to_role(OrgRole::User);
    let (a, b) = join(
        store.update_user(context.org, context.owner, &lower, &audit(at(0))),
        store.update_user(context.org, second, &lower, &audit(at(0))),
    )
    .await;
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(outcomes.contains(&UserChanged::Changed) && outcomes.contains(&UserChanged::LastOwner));
}

pub async fn the_last_admin_of_a_workspace_is_not_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let workspace = context.another_workspace(1).await;
    let admin = context.member(workspace, "admin@example.com", WorkspaceRole::Admin).await;
    store.remove_member(context.org, workspace, context.owner, &audit(at(0))).await.unwrap();
    assert_eq!(store.delete_user(context.org, admin, &audit(at(2))).await.unwrap(), UserChanged::LastAdmin);
    assert!(store.user(context.org, admin).await.unwrap().is_some());

    context.member(workspace, "second@example.com", WorkspaceRole::Admin).await;
    assert_eq!(store.delete_user(context.org, admin, &audit(at(2))).await.unwrap(), UserChanged::Changed);
}

pub async fn removing_a_user_ends_memberships_and_tokens(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let user = context.member(context.workspace, "grace@example.com", WorkspaceRole::Write).await;
    let token = context.new_token(user, TokenKind::Api, 1);
    store.insert_token(&token, &audit(at(1))).await.unwrap();
    assert!(store.caller(token.id, at(2)).await.unwrap().is_some());

    assert_eq!(store.delete_user(context.org, user, &audit(at(3))).await.unwrap(), UserChanged::Changed);
    assert!(store.caller(token.id, at(4)).await.unwrap().is_none());
    let found = store.api_token(&token.hash, at(4)).await.unwrap();
    assert_eq!(found, Some((token.id, TokenState::Revoked)));
    assert!(store.user(context.org, user).await.unwrap().is_none());
    let reset = password("$late", PasswordAuthority::Reset);
    assert_eq!(
        store.update_user(context.org, user, &reset, &audit(at(0))).await.unwrap(),
        UserChanged::NotFound
    );
    let members = store.members(&[context.workspace]).await.unwrap();
    assert!(members.iter().all(|(_, member)| member.user.id != user));
    assert_eq!(store.delete_user(context.org, user, &audit(at(5))).await.unwrap(), UserChanged::NotFound);
}
