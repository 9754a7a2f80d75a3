//! Sessions, tokens and rights, seen through the use cases.

use crate::support::{OWNER, PASSWORD, World};
use bucketry_control::Error;
use bucketry_control::error::LoginFailure;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::users::{NewUserInput, UserInput};
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
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
    let world = World::new().await;
    let login = |email: &'static str, password: &'static str| {
        let control = world.control.clone();
        async move { control.login(email, Secret::new(password), None).await }
    };
    assert!(matches!(login(OWNER, "Wrong-Horse-1").await, Err(Error::Login(LoginFailure::InvalidPassword))));
    assert!(matches!(
        login("nobody@example.com", PASSWORD).await,
        Err(Error::Login(LoginFailure::UserNotFound))
    ));
    assert!(login("OWNER@example.com", PASSWORD).await.is_ok(), "letter case of addresses doesn't count");
}

#[tokio::test]
async fn logging_out_ends_the_access_token_at_once() {
    let world = World::new().await;
    let session = world.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    world.control.authenticate(&session.access_token).await.unwrap();
    world.control.logout(&session.refresh_token).await.unwrap();
    let refused = world.control.authenticate(&session.access_token).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session() {
    let world = World::new().await;
    let first = world.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    let second = world.control.refresh(&first.refresh_token).await.unwrap();
    world.control.authenticate(&second.access_token).await.unwrap();
    assert!(matches!(world.control.refresh(&first.refresh_token).await, Err(Error::Refresh(_))));
    assert!(matches!(world.control.authenticate(&second.access_token).await, Err(Error::Unauthenticated(_))));
    assert!(matches!(world.control.refresh(&second.refresh_token).await, Err(Error::Refresh(_))));
}

#[tokio::test]
async fn an_access_token_expires_after_an_hour() {
    let world = World::new().await;
    let session = world.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(60));
    assert!(matches!(world.control.authenticate(&session.access_token).await, Err(Error::TokenExpired(_))));
}

#[tokio::test]
async fn losing_a_role_takes_effect_at_once() {
    let world = World::new().await;
    let made = world.control.create_user(&world.owner, user("w@example.com", OrgRole::User)).await.unwrap();
    world.control.add_member(&world.owner, world.workspace, made.id, WorkspaceRole::Write).await.unwrap();
    let session = world.control.login("w@example.com", Secret::new(PASSWORD), None).await.unwrap();
    let writer = world.control.authenticate(&session.access_token).await.unwrap();
    assert!(writer.may(WorkspaceRole::Write, world.workspace));
    world.control.set_member_role(&world.owner, world.workspace, made.id, WorkspaceRole::Read).await.unwrap();
    let reader = world.control.authenticate(&session.access_token).await.unwrap();
    assert!(!reader.may(WorkspaceRole::Write, world.workspace));
    world.control.delete_user(&world.owner, made.id).await.unwrap();
    assert!(matches!(
        world.control.authenticate(&session.access_token).await,
        Err(Error::Unauthenticated(_))
    ));
}

#[tokio::test]
async fn an_api_token_works_within_its_limits_until_it_is_revoked() {
    let world = World::new().await;
    let limits = NewApiToken {
        name: "ci".to_owned(),
        expires_at: None,
        workspace_id: Some(world.workspace),
        role: Some(WorkspaceRole::Read),
    };
    let made = world.control.create_token(&world.owner, limits).await.unwrap();
    let caller = world.control.authenticate(made.token.expose()).await.unwrap();
    assert_eq!(caller.role_in(world.workspace), Some(WorkspaceRole::Read));
    let more = NewApiToken { name: "more".to_owned(), expires_at: None, workspace_id: None, role: None };
    assert!(matches!(world.control.create_token(&caller, more).await, Err(Error::Forbidden(_))));
    world.control.revoke_token(&world.owner, made.id).await.unwrap();
    assert!(matches!(world.control.authenticate(made.token.expose()).await, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn nobody_grants_more_than_they_have_and_the_last_owner_stays() {
    let world = World::new().await;
    world.control.create_user(&world.owner, user("m@example.com", OrgRole::Workspaces)).await.unwrap();
    let session = world.control.login("m@example.com", Secret::new(PASSWORD), None).await.unwrap();
    let manager = world.control.authenticate(&session.access_token).await.unwrap();
    let too_much = world.control.create_user(&manager, user("x@example.com", OrgRole::Workspaces)).await;
    assert!(matches!(too_much, Err(Error::Forbidden(_))), "{too_much:?}");
    let above = UserInput { org_role: Some(OrgRole::User), ..UserInput::default() };
    let refused = world.control.update_user(&manager, world.owner.user_id, above).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let last = world.control.set_org_role(&world.owner, world.owner.user_id, OrgRole::User).await;
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
    let world = World::new().await;
    assert!(matches!(world.control.register(registration()).await, Err(Error::RegistrationClosed)));
    let settings = bucketry_control::Settings { open_registration: true, ..Default::default() };
    let world = World::with(settings).await;
    let session = world.control.register(registration()).await.unwrap();
    let owner = world.control.authenticate(&session.access_token).await.unwrap();
    assert_eq!(owner.org_role, OrgRole::Owner);
    assert!(matches!(world.control.register(registration()).await, Err(Error::EmailTaken)));
    let id = world.unchecked("Photos").await;
    assert!(matches!(world.control.bucket(&owner, id).await, Err(Error::NotFound(_))));
}
