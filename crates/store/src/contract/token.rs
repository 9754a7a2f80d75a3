//! Sessions, refresh tokens, API tokens.

use bucketry_model::role::{OrgRole, TokenScope, WorkspaceRole};
use futures_util::future::join;
use jiff::SignedDuration;

use super::fixture::{TestContext, at, audit};
use crate::Store;
use crate::token::{NewToken, Rotation, TokenKind, TokenState};

/// The largest age of a session in these stories.
const LONGEST: SignedDuration = SignedDuration::from_secs(5_000);

pub async fn a_caller_is_known_with_memberships_and_scope(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let user = context.member(context.workspace, "grace@example.com", WorkspaceRole::Write).await;
    let second = context.another_workspace(1).await;
    store.add_member(context.org, second, user, WorkspaceRole::Read, &audit(at(1))).await.unwrap();
    let scope = Some(TokenScope { workspace_id: Some(second), role: WorkspaceRole::Read });
    let token = NewToken { scope, ..context.new_token(user, TokenKind::Api, 1) };
    store.insert_token(&token, &audit(at(1))).await.unwrap();

    let caller = store.caller(token.id, at(2)).await.unwrap().unwrap();
    assert_eq!((caller.user_id, caller.org_id, caller.token_id), (user, context.org, token.id));
    assert_eq!((caller.org_role, caller.validated, caller.scope), (OrgRole::User, true, scope));
    assert_eq!((caller.signed_in_at, caller.must_change_password), (None, false));
    let memberships: Vec<_> = caller.memberships.into_iter().collect();
    let mut expected = vec![(context.workspace, WorkspaceRole::Write), (second, WorkspaceRole::Read)];
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(memberships, expected);

    let lonely = context.user("lonely@example.com", OrgRole::User).await;
    let session = context.new_token(lonely, TokenKind::Session, 2);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    assert!(store.caller(session.id, at(2)).await.unwrap().unwrap().memberships.is_empty());
}

pub async fn an_expired_or_revoked_token_has_no_caller(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let expires = context.new_token(context.owner, TokenKind::Api, 1);
    let forever = NewToken { expires_at: None, ..context.new_token(context.owner, TokenKind::Api, 2) };
    for token in [&expires, &forever] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    assert!(store.caller(expires.id, at(999)).await.unwrap().is_some());
    assert!(store.caller(expires.id, at(1_000)).await.unwrap().is_none());
    assert!(store.caller(forever.id, at(1_000_000)).await.unwrap().is_some());
    assert!(store.revoke_token(context.owner, forever.id, &audit(at(5))).await.unwrap());
    assert!(store.caller(forever.id, at(6)).await.unwrap().is_none());
    let found = store.api_token(&forever.hash, at(6)).await.unwrap();
    assert_eq!(found, Some((forever.id, TokenState::Revoked)));
}

pub async fn an_api_token_is_found_by_its_hash(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let api = context.new_token(context.owner, TokenKind::Api, 1);
    let session = context.new_token(context.owner, TokenKind::Session, 2);
    for token in [&api, &session] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    assert_eq!(store.api_token(&api.hash, at(2)).await.unwrap(), Some((api.id, TokenState::Live)));
    assert_eq!(store.api_token(&api.hash, at(1_000)).await.unwrap(), Some((api.id, TokenState::Expired)));
    assert_eq!(store.api_token(&[9; 32], at(2)).await.unwrap(), None);
    assert_eq!(store.api_token(&session.hash, at(2)).await.unwrap(), None);
    assert_eq!(store.session_of_refresh_token(&session.hash).await.unwrap(), Some(session.id));
    assert_eq!(store.session_of_refresh_token(&api.hash).await.unwrap(), None);
}

pub async fn a_browser_is_known_by_its_value_until_the_session_ends(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [session, revoked] = [1, 2].map(|n| context.new_token(context.owner, TokenKind::Browser, n));
    for token in [&session, &revoked] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    let found = store.browser_session(&session.hash, at(2)).await.unwrap().unwrap();
    assert_eq!((found.id, found.created_at, found.extended_at), (session.id, at(1), None));
    assert_eq!(found.expires_at, at(1_000));
    assert_eq!(store.browser_session(&session.hash, at(1_000)).await.unwrap(), None, "it has ended");
    assert_eq!(store.api_token(&session.hash, at(2)).await.unwrap(), None, "the API knows no browsers");
    let caller = store.caller(session.id, at(2)).await.unwrap().unwrap();
    assert_eq!(caller.signed_in_at, Some(at(1)));

    assert!(store.replace_browser_value(session.id, &[7; 32], at(3)).await.unwrap());
    assert_eq!(store.browser_session(&session.hash, at(3)).await.unwrap(), None);
    assert_eq!(store.browser_session(&[7; 32], at(3)).await.unwrap().map(|one| one.id), Some(session.id));
    assert!(store.revoke_token(context.owner, revoked.id, &audit(at(4))).await.unwrap());
    assert_eq!(store.browser_session(&revoked.hash, at(4)).await.unwrap(), None);
    assert!(!store.replace_browser_value(revoked.id, &[8; 32], at(4)).await.unwrap());
}

pub async fn a_browsers_session_is_extended_once_in_a_while(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Browser, 1);
    let api = context.new_token(context.owner, TokenKind::Api, 2);
    for token in [&session, &api] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    let extend = |id, end, since, now| store.extend_browser_session(id, at(end), at(since), at(now));
    assert!(!extend(session.id, 1_500, 1, 2).await.unwrap(), "it began too recently");
    assert!(extend(session.id, 1_500, 2, 10).await.unwrap());
    let found = store.browser_session(&session.hash, at(1_400)).await.unwrap().unwrap();
    assert_eq!((found.expires_at, found.extended_at), (at(1_500), Some(at(10))));
    assert!(!extend(session.id, 1_600, 10, 11).await.unwrap(), "it was extended too recently");
    assert!(!extend(session.id, 1_600, 1_500, 1_500).await.unwrap(), "it has ended");
    assert!(!extend(api.id, 1_600, 2, 10).await.unwrap(), "it is no browser's");
}

pub async fn a_refresh_token_is_exchanged_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    let rotated = Rotation::Rotated {
        id: session.id,
        user_id: context.owner,
        org_id: context.org,
        expires_at: at(2_000),
    };
    let exchange = |old: u8, new: u8| store.rotate_refresh_token_at(old, new);
    assert_eq!(exchange(1, 2).await, rotated);
    assert_eq!(exchange(2, 3).await, rotated);
    assert_eq!(exchange(9, 4).await, Rotation::Unknown);
    assert_eq!(store.session_of_refresh_token(&[1; 32]).await.unwrap(), Some(session.id));

    let listed = store.tokens(context.owner, at(60)).await.unwrap();
    assert_eq!((listed[0].last_used_at, listed[0].expires_at), (Some(at(50)), Some(at(2_000))));
    assert!(store.caller(session.id, at(1_500)).await.unwrap().is_some());
}

pub async fn a_refresh_token_that_comes_again_ends_the_session(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    store.rotate_refresh_token_at(1, 2).await;
    let reused = Rotation::Reused { id: session.id, user_id: context.owner, org_id: context.org };
    assert_eq!(store.rotate_refresh_token_at(1, 3).await, reused);
    assert!(store.caller(session.id, at(60)).await.unwrap().is_none());
    assert_eq!(store.rotate_refresh_token_at(2, 3).await, Rotation::Unknown);
    assert_eq!(store.rotate_refresh_token_at(1, 3).await, Rotation::Unknown);
}

pub async fn two_exchanges_of_one_refresh_token_at_once_succeed_at_most_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    let (a, b) = join(store.rotate_refresh_token_at(1, 2), store.rotate_refresh_token_at(1, 3)).await;
    let outcomes = [a, b];
    assert!(outcomes.iter().any(|one| matches!(one, Rotation::Reused { .. })));
    assert_eq!(outcomes.iter().filter(|one| matches!(one, Rotation::Rotated { .. })).count(), 1);
}

pub async fn an_expired_session_is_not_renewed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    let late = store.rotate_refresh_token(&[1; 32], &[2; 32], at(5_000), LONGEST, at(1_000)).await.unwrap();
    assert_eq!(late, Rotation::Unknown);
}

pub async fn a_session_is_renewed_until_it_is_as_old_as_it_may_become(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store.insert_token(&session, &audit(at(1))).await.unwrap();
    let longest = SignedDuration::from_secs(1_500);
    let renew = async |old: u8, now: i64, longest| {
        let (old, new) = ([old; 32], [old + 1; 32]);
        store.rotate_refresh_token(&old, &new, at(now + 1_000), longest, at(now)).await.unwrap()
    };
    let Rotation::Rotated { expires_at, .. } = renew(1, 400, longest).await else { panic!() };
    assert_eq!(expires_at, at(1_400));
    let Rotation::Rotated { expires_at, .. } = renew(2, 1_300, longest).await else { panic!() };
    assert_eq!(expires_at, at(1_501), "not a thousand seconds, but the rest of the session");
    assert!(store.caller(session.id, at(1_500)).await.unwrap().is_some());
    assert!(store.caller(session.id, at(1_501)).await.unwrap().is_none());
    assert_eq!(renew(3, 1_501, longest).await, Rotation::Unknown);
    // This also holds when the setting is lowered during a session.
    assert_eq!(renew(3, 1_450, SignedDuration::from_secs(100)).await, Rotation::Unknown);
}

pub async fn networks_that_a_user_signed_in_from_are_remembered(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let network = Some("192.0.2.0/24".to_owned());
    let session = NewToken { network, ..context.new_token(context.owner, TokenKind::Session, 1) };
    assert!(store.open_session(&session, "$argon2id$hash", &audit(at(100))).await.unwrap());
    store.revoke_token(context.owner, session.id, &audit(at(101))).await.unwrap();
    context.user("grace@example.com", OrgRole::User).await;
    for (email, network, after, until, known) in [
        ("Owner@Example.com", "192.0.2.0/24", 99, 100, true),
        ("owner@example.com", "192.0.3.0/24", 99, 100, false),
        ("grace@example.com", "192.0.2.0/24", 99, 100, false),
        ("nobody@example.com", "192.0.2.0/24", 99, 100, false),
        ("owner@example.com", "192.0.2.0/24", 100, 200, false),
        ("owner@example.com", "192.0.2.0/24", 0, 99, false),
    ] {
        let found = store.signed_in_from(email, network, at(after), at(until)).await.unwrap();
        assert_eq!(found, known, "{email} {network} {after} {until}");
    }
}

pub async fn a_session_from_the_future_is_not_renewed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    // Created by a clock two days ahead, so it would outlive every session that is opened now.
    let session = context.new_token(context.owner, TokenKind::Session, 1);
    store
        .insert_token(&NewToken { expires_at: Some(at(2 * 86_400)), ..session }, &audit(at(1)))
        .await
        .unwrap();
    let renew = async |expires_at| {
        store
            .rotate_refresh_token(&[1; 32], &[2; 32], at(expires_at), SignedDuration::MAX, at(10))
            .await
            .unwrap()
    };
    assert_eq!(renew(1_000).await, Rotation::Unknown);
    assert!(
        matches!(renew(2 * 86_400 - 300).await, Rotation::Rotated { .. }),
        "clocks may differ by this much"
    );
}

pub async fn tokens_are_listed_newest_first_and_revoked_by_their_owner_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let user = context.user("grace@example.com", OrgRole::User).await;
    let scope = Some(TokenScope { workspace_id: None, role: WorkspaceRole::Write });
    let api = NewToken { scope, ..context.new_token(context.owner, TokenKind::Api, 1) };
    let session = context.new_token(context.owner, TokenKind::Session, 2);
    store.insert_token(&api, &audit(at(10))).await.unwrap();
    store.insert_token(&session, &audit(at(20))).await.unwrap();

    let listed = store.tokens(context.owner, at(30)).await.unwrap();
    let response: Vec<_> = listed.iter().map(|one| (one.id, one.kind, one.created_at)).collect();
    assert_eq!(response, [(session.id, TokenKind::Session, at(20)), (api.id, TokenKind::Api, at(10))]);
    assert_eq!((listed[1].user_id, listed[1].name.as_str()), (context.owner, "laptop"));
    assert_eq!(
        (listed[1].scope, listed[1].expires_at, listed[1].last_used_at),
        (scope, api.expires_at, None)
    );

    assert!(!store.revoke_token(user, api.id, &audit(at(31))).await.unwrap());
    assert!(store.revoke_token(context.owner, api.id, &audit(at(31))).await.unwrap());
    assert!(!store.revoke_token(context.owner, api.id, &audit(at(32))).await.unwrap());
    assert_eq!(store.tokens(context.owner, at(33)).await.unwrap().len(), 1);
    assert!(store.tokens(context.owner, at(1_000)).await.unwrap().is_empty());
    assert!(!store.revoke_token(context.owner, session.id, &audit(at(1_000))).await.unwrap());
}

pub async fn ended_tokens_are_purged(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let revoked = context.new_token(context.owner, TokenKind::Api, 1);
    let expired = context.new_token(context.owner, TokenKind::Session, 2);
    let live = NewToken { expires_at: None, ..context.new_token(context.owner, TokenKind::Api, 3) };
    for token in [&revoked, &expired, &live] {
        store.insert_token(token, &audit(at(1))).await.unwrap();
    }
    store.revoke_token(context.owner, revoked.id, &audit(at(10))).await.unwrap();
    assert_eq!(store.purge_tokens(at(10)).await.unwrap(), 0);
    assert_eq!(store.purge_tokens(at(11)).await.unwrap(), 1);
    assert_eq!(store.session_of_refresh_token(&expired.hash).await.unwrap(), Some(expired.id));
    assert_eq!(store.purge_tokens(at(2_000)).await.unwrap(), 1);
    assert_eq!(store.session_of_refresh_token(&expired.hash).await.unwrap(), None);
    assert!(store.caller(live.id, at(3_000)).await.unwrap().is_some());
}

impl dyn Store {
    /// Exchanges a token at second 50, for one that expires at second 2,000.
    async fn rotate_refresh_token_at(&self, old: u8, new: u8) -> Rotation {
        self.rotate_refresh_token(&[old; 32], &[new; 32], at(2_000), LONGEST, at(50)).await.unwrap()
    }
}
