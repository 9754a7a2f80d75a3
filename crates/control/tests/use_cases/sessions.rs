//! Tests of sessions, tokens and permissions.

use crate::support::{OWNER, PASSWORD, TestContext};
use bucketry_control::Error;
use bucketry_control::error::LoginFailure;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::users::{NewUserInput, UserInput};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::id::{TokenId, UserId};
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

fn user(email: &str, org_role: OrgRole) -> NewUserInput {
    NewUserInput {
        email: email.to_owned(),
        password: Secret::new(PASSWORD),
        first_name: "A".to_owned(),
        last_name: "B".to_owned(),
        org_role,
    }
}

#[tokio::test]
async fn wrong_logins_are_told_apart_as_the_contract_asks() {
    let cx = TestContext::new().await;
    let login = |email: &'static str, password: &'static str| {
        let control = cx.control.clone();
        async move { control.login(email, Secret::new(password), None).await }
    };
    assert!(matches!(login(OWNER, "Wrong-Horse-1").await, Err(Error::Login(LoginFailure::InvalidPassword))));
    assert!(matches!(
        login("nobody@example.com", PASSWORD).await,
        Err(Error::Login(LoginFailure::UserNotFound))
    ));
    assert!(login("OWNER@example.com", PASSWORD).await.is_ok(), "addresses are compared without letter case");
}

#[tokio::test]
async fn logging_out_ends_the_access_token_at_once() {
    let cx = TestContext::new().await;
    let session = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    cx.control.authenticate(&session.access_token).await.unwrap();
    cx.control.logout(&session.refresh_token, RequestOrigin::default()).await.unwrap();
    let refused = cx.control.authenticate(&session.access_token).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session() {
    let cx = TestContext::new().await;
    let first = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    let second = cx.control.refresh(&first.refresh_token, RequestOrigin::default()).await.unwrap();
    cx.control.authenticate(&second.access_token).await.unwrap();
    assert!(matches!(
        cx.control.refresh(&first.refresh_token, RequestOrigin::default()).await,
        Err(Error::Refresh(_))
    ));
    assert!(matches!(cx.control.authenticate(&second.access_token).await, Err(Error::Unauthenticated(_))));
    assert!(matches!(
        cx.control.refresh(&second.refresh_token, RequestOrigin::default()).await,
        Err(Error::Refresh(_))
    ));
}

#[tokio::test]
async fn an_access_token_expires_after_an_hour() {
    let cx = TestContext::new().await;
    let session = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    cx.clock.advance(SignedDuration::from_mins(60));
    assert!(matches!(cx.control.authenticate(&session.access_token).await, Err(Error::TokenExpired(_))));
}

#[tokio::test]
async fn losing_a_role_takes_effect_at_once() {
    let cx = TestContext::new().await;
    let made = cx.control.create_user(&cx.owner, user("w@example.com", OrgRole::User)).await.unwrap();
    cx.control.add_member(&cx.owner, cx.workspace, made.id, WorkspaceRole::Write).await.unwrap();
    let session = cx.control.login("w@example.com", Secret::new(PASSWORD), None).await.unwrap();
    let writer = cx.control.authenticate(&session.access_token).await.unwrap();
    assert!(writer.may(WorkspaceRole::Write, cx.workspace));
    cx.control.set_member_role(&cx.owner, cx.workspace, made.id, WorkspaceRole::Read).await.unwrap();
    let reader = cx.control.authenticate(&session.access_token).await.unwrap();
    assert!(!reader.may(WorkspaceRole::Write, cx.workspace));
    cx.control.delete_user(&cx.owner, made.id).await.unwrap();
    assert!(matches!(cx.control.authenticate(&session.access_token).await, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn an_api_token_works_within_its_limits_until_it_is_revoked() {
    let cx = TestContext::new().await;
    let limits = NewApiToken {
        name: "ci".to_owned(),
        expires_at: None,
        workspace_id: Some(cx.workspace),
        role: Some(WorkspaceRole::Read),
    };
    let made = cx.control.create_token(&cx.owner, limits).await.unwrap();
    let caller = cx.control.authenticate(made.token.expose()).await.unwrap();
    assert_eq!(caller.role_in(cx.workspace), Some(WorkspaceRole::Read));
    let more = NewApiToken { name: "more".to_owned(), expires_at: None, workspace_id: None, role: None };
    assert!(matches!(cx.control.create_token(&caller, more).await, Err(Error::Forbidden(_))));
    cx.control.revoke_token(&cx.owner, made.id).await.unwrap();
    assert!(matches!(cx.control.authenticate(made.token.expose()).await, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn nobody_grants_more_than_they_have_and_the_last_owner_stays() {
    let cx = TestContext::new().await;
    cx.control.create_user(&cx.owner, user("m@example.com", OrgRole::Workspaces)).await.unwrap();
    let session = cx.control.login("m@example.com", Secret::new(PASSWORD), None).await.unwrap();
    let manager = cx.control.authenticate(&session.access_token).await.unwrap();
    let too_much = cx.control.create_user(&manager, user("x@example.com", OrgRole::Workspaces)).await;
    assert!(matches!(too_much, Err(Error::Forbidden(_))), "{too_much:?}");
    let above = UserInput { org_role: Some(OrgRole::User), ..UserInput::default() };
    let refused = cx.control.update_user(&manager, cx.owner.user_id, above).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let last = cx.control.set_org_role(&cx.owner, cx.owner.user_id, OrgRole::User).await;
    assert!(matches!(last, Err(Error::Rule { code: "LAST_OWNER", .. })), "{last:?}");
}

#[tokio::test]
async fn registration_is_closed_unless_the_operator_opens_it() {
    let registration = || bucketry_control::organizations::Registration {
        email: "new@example.com".to_owned(),
        password: Secret::new(PASSWORD),
        first_name: "N".to_owned(),
        last_name: "N".to_owned(),
        company_name: "New".to_owned(),
    };
    let cx = TestContext::new().await;
    assert!(matches!(
        cx.control.register(registration(), RequestOrigin::default()).await,
        Err(Error::RegistrationClosed)
    ));
    let settings = bucketry_control::Settings { open_registration: true, ..Default::default() };
    let cx = TestContext::with(settings).await;
    let session = cx.control.register(registration(), RequestOrigin::default()).await.unwrap();
    let owner = cx.control.authenticate(&session.access_token).await.unwrap();
    assert_eq!(owner.org_role, OrgRole::Owner);
    assert!(matches!(
        cx.control.register(registration(), RequestOrigin::default()).await,
        Err(Error::EmailTaken)
    ));
    let id = cx.unchecked("Photos").await;
    assert!(matches!(cx.control.bucket(&owner, id).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn what_changes_nothing_leaves_all_callers_cached() {
    let cx = TestContext::new().await;
    cx.unchecked("Photos").await;
    let (control, owner, workspace) = (&cx.control, &cx.owner, cx.workspace);
    let (token, user) = (TokenId::new(cx.clock.now(), [9; 10]), UserId::new(cx.clock.now(), [9; 10]));
    let session = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    let caller = control.authenticate(&session.access_token).await.unwrap();
    // The session ends without a signal, so the caller is known only as long as it is cached.
    let end = format!("UPDATE tokens SET revoked_at = 1 WHERE id = '{}'", caller.token_id);
    cx.newer_version_writes(&end).await;
    let known = async |what: &str| {
        let known = control.authenticate(&session.access_token).await;
        assert!(known.is_ok(), "after {what}: {known:?}");
    };
    control.revoke_token(owner, token).await.unwrap_err();
    known("an unknown token").await;
    control.remove_member(owner, workspace, user).await.unwrap_err();
    known("an unknown member").await;
    control.set_member_role(owner, workspace, user, WorkspaceRole::Read).await.unwrap_err();
    known("the role of an unknown member").await;
    control.add_member(owner, workspace, user, WorkspaceRole::Read).await.unwrap_err();
    known("an unknown user").await;
    control.delete_workspace(owner, workspace).await.unwrap_err();
    known("a workspace in use").await;
    control.delete_user(owner, user).await.unwrap_err();
    known("an unknown user").await;
    control.sign_out(&caller).await.unwrap();
    known("a session that has ended").await;
    control.renew_browser_value(&caller).await.unwrap_err();
    known("a value of no browser").await;
    control.logout(&session.refresh_token, RequestOrigin::default()).await.unwrap();
    known("a refresh token of no session").await;

    control.create_workspace(owner, "Second").await.unwrap();
    assert!(control.authenticate(&session.access_token).await.is_err(), "now callers are read again");
}
