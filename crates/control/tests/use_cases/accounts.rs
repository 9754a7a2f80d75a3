//! Tests of changing, losing and resetting passwords.

use std::sync::Arc;

use crate::support::{OWNER, PASSWORD, TestContext};
use bucketry_control::accounts::{AccountInput, reset_as_operator};
use bucketry_control::error::{LoginFailure, TokenFault};
use bucketry_control::organizations::Registration;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::users::NewUserInput;
use bucketry_control::{Environment, Error, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::id::UserId;
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use jiff::SignedDuration;

const NEW: &str = "Another1Horse";

fn to(password: &str, current: Option<&str>) -> AccountInput {
    AccountInput {
        password: Some(Secret::new(password)),
        current_password: current.map(Secret::new),
        ..AccountInput::default()
    }
}

fn names(first: &str) -> AccountInput {
    AccountInput { first_name: Some(first.to_owned()), ..AccountInput::default() }
}

impl TestContext {
    async fn signs_in(&self, email: &str, password: &str) -> Caller {
        let session = self.control.login(email, Secret::new(password), None).await.unwrap();
        self.control.authenticate(&session.access_token).await.unwrap()
    }

    async fn refuses(&self, email: &str, password: &str) -> bool {
        let refused = self.control.login(email, Secret::new(password), None).await;
        matches!(refused, Err(Error::Login(LoginFailure::InvalidPassword)))
    }

    /// Creates a user with an organization role who still has the one-time password [`PASSWORD`].
    async fn add(&self, email: &str, org_role: OrgRole) -> UserId {
        let input = NewUserInput {
            email: email.to_owned(),
            password: Secret::new(PASSWORD),
            first_name: "A".to_owned(),
            last_name: "B".to_owned(),
            org_role,
        };
        self.control.create_user(&self.owner, input).await.unwrap().id
    }
}

#[tokio::test]
async fn a_password_is_changed_with_the_current_one_or_right_after_signing_in() {
    let cx = TestContext::new().await;
    let (control, me) = (&cx.control, cx.owner.user_id);
    let session = cx.signs_in(OWNER, PASSWORD).await;
    let wrong = control.update_account(&session, me, to(NEW, Some("Wrong1Horse"))).await;
    assert!(matches!(wrong, Err(Error::CurrentPasswordWrong)), "{wrong:?}");
    control.update_account(&session, me, to(NEW, None)).await.unwrap();
    assert!(cx.refuses(OWNER, PASSWORD).await);

    cx.clock.advance(SignedDuration::from_mins(5) + SignedDuration::from_secs(1));
    let late = control.update_account(&session, me, to(PASSWORD, None)).await;
    assert!(late.unwrap_err().to_string().contains("currentPassword is required"));
    control.update_account(&session, me, to(PASSWORD, Some(NEW))).await.unwrap();
    let again = control.update_account(&session, me, to(PASSWORD, Some(NEW))).await;
    assert!(matches!(again, Err(Error::CurrentPasswordWrong)), "a repetition changes nothing: {again:?}");
    cx.signs_in(OWNER, PASSWORD).await;
}

#[tokio::test]
async fn a_session_of_the_future_is_no_sign_of_having_signed_in_just_now() {
    let cx = TestContext::new().await;
    cx.clock.advance(SignedDuration::from_hours(48));
    let session = cx.signs_in(OWNER, PASSWORD).await;
    cx.clock.advance(SignedDuration::from_hours(-48));
    let refused = cx.control.update_account(&session, session.user_id, to(NEW, None)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_at_once() {
    let cx = TestContext::new().await;
    let control = &cx.control;
    let other = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    control.authenticate(&other.access_token).await.unwrap();
    let input = NewApiToken { name: "ci".to_owned(), expires_at: None, workspace_id: None, role: None };
    let api = control.create_token(&cx.owner, input).await.unwrap();
    let mine = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    let caller = control.authenticate(&mine.access_token).await.unwrap();
    control.update_account(&caller, caller.user_id, to(NEW, None)).await.unwrap();

    let ended = control.authenticate(&other.access_token).await;
    assert!(matches!(ended, Err(Error::Unauthenticated(TokenFault::SessionEnded))), "{ended:?}");
    assert!(matches!(
        control.refresh(&other.refresh_token, RequestOrigin::default()).await,
        Err(Error::Refresh(_))
    ));
    control.authenticate(&mine.access_token).await.unwrap();
    let machine = control.authenticate(api.token.expose()).await.unwrap();
    let refused = control.update_account(&machine, caller.user_id, to(PASSWORD, None)).await;
    assert!(refused.unwrap_err().to_string().contains("with an API token"));
    control.update_account(&machine, caller.user_id, to(PASSWORD, Some(NEW))).await.unwrap();
    assert!(control.authenticate(&mine.access_token).await.is_err(), "no session is the token's own");
}

#[tokio::test]
async fn a_password_that_an_administrator_chose_must_be_changed_before_anything_else() {
    let cx = TestContext::new().await;
    let control = &cx.control;
    let id = cx.add("ada@example.com", OrgRole::Administrators).await;
    let session = cx.signs_in("ada@example.com", PASSWORD).await;
    assert!(session.must_change_password);
    for (whose, input) in [(id, names("Ada")), (cx.owner.user_id, to(NEW, None))] {
        let refused = control.update_account(&session, whose, input).await;
        assert!(matches!(refused, Err(Error::PasswordChangeRequired(own)) if own == id), "{refused:?}");
    }
    let same = control.update_account(&session, id, to(PASSWORD, None)).await;
    assert!(same.unwrap_err().to_string().contains("differ from the one-time password"));
    let both = AccountInput { password: Some(Secret::new(NEW)), ..names("Ada") };
    control.update_account(&session, id, both).await.unwrap();
    let session = cx.signs_in("ada@example.com", NEW).await;
    assert!(!session.must_change_password);
    assert_eq!(control.profile(&session).await.unwrap().first_name.as_str(), "Ada");
}

#[tokio::test]
async fn passwords_are_reset_by_administrators_for_lower_roles_only() {
    let cx = TestContext::new().await;
    let control = &cx.control;
    let (user, manager) = (
        cx.add("user@example.com", OrgRole::User).await,
        cx.add("manager@example.com", OrgRole::Workspaces).await,
    );
    cx.add("admin@example.com", OrgRole::Administrators).await;
    let peer = cx.add("peer@example.com", OrgRole::Administrators).await;
    let owner = cx.add("second@example.com", OrgRole::Owner).await;
    let admin = cx.signs_in("admin@example.com", PASSWORD).await;
    let workspaces = cx.signs_in("manager@example.com", PASSWORD).await;
    for (caller, target, allowed) in [
        (&workspaces, user, false),
        (&admin, user, true),
        (&admin, manager, true),
        (&admin, peer, false),
        (&admin, owner, false),
        (&admin, cx.owner.user_id, false),
        (&cx.owner, owner, true),
    ] {
        let done = control.reset_password(caller, target).await;
        assert_eq!(done.is_ok(), allowed, "{} resets {target}: {done:?}", caller.org_role);
        if let Err(refused) = done {
            assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
        }
    }
    let own = control.reset_password(&cx.owner, cx.owner.user_id).await;
    assert!(matches!(own, Err(Error::Rule { code: "CANNOT_RESET_SELF", .. })), "{own:?}");
}

#[tokio::test]
async fn a_reset_ends_sessions_and_the_last_one_counts() {
    let cx = TestContext::new().await;
    let control = &cx.control;
    let id = cx.add("ada@example.com", OrgRole::User).await;
    let session = control.login("ada@example.com", Secret::new(PASSWORD), None).await.unwrap();
    control.authenticate(&session.access_token).await.unwrap();
    let first = control.reset_password(&cx.owner, id).await.unwrap();
    let second = control.reset_password(&cx.owner, id).await.unwrap();
    assert!(control.authenticate(&session.access_token).await.is_err());
    assert!(cx.refuses("ada@example.com", PASSWORD).await);
    assert!(cx.refuses("ada@example.com", first.expose()).await);
    assert!(cx.signs_in("ada@example.com", second.expose()).await.must_change_password);
}

#[tokio::test]
async fn the_operator_resets_anybodys_password_at_the_store() {
    let cx = TestContext::new().await;
    let environment = Environment {
        clock: Arc::clone(&cx.clock) as Arc<dyn bucketry_model::time::Clock>,
        ..Environment::system()
    };
    let store = cx.control.store();
    let password = reset_as_operator(store, &environment, " OWNER@example.com ").await.unwrap().unwrap();
    assert!(cx.refuses(OWNER, PASSWORD).await);
    assert!(cx.signs_in(OWNER, password.expose()).await.must_change_password);
    assert!(reset_as_operator(store, &environment, "nobody@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn other_users_have_their_names_changed_but_not_their_passwords() {
    let cx = TestContext::new().await;
    let control = &cx.control;
    let id = cx.add("ada@example.com", OrgRole::User).await;
    control.update_account(&cx.owner, id, names("Ada")).await.unwrap();
    assert_eq!(control.user(&cx.owner, id).await.unwrap().first_name.as_str(), "Ada");
    let refused = control.update_account(&cx.owner, id, to(NEW, None)).await.unwrap_err();
    assert!(refused.to_string().contains("/reset-password"), "{refused}");
    let ada = cx.signs_in("ada@example.com", PASSWORD).await;
    control.update_account(&ada, id, to(NEW, None)).await.unwrap();
    let ada = cx.signs_in("ada@example.com", NEW).await;
    let refused = control.update_account(&ada, cx.owner.user_id, names("Eve")).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn a_session_ends_when_it_is_as_old_as_the_deployment_allows() {
    let settings = Settings { session_lifetime: SignedDuration::from_hours(40 * 24), ..Settings::default() };
    let cx = TestContext::with(settings).await;
    let control = &cx.control;
    let mut session = control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    for _ in 0..3 {
        cx.clock.advance(SignedDuration::from_hours(13 * 24));
        session = control.refresh(&session.refresh_token, RequestOrigin::default()).await.unwrap();
    }
    cx.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(30));
    session = control.refresh(&session.refresh_token, RequestOrigin::default()).await.unwrap();
    let left = session.expires_at.duration_since(bucketry_model::time::Clock::now(&*cx.clock));
    assert_eq!(left, SignedDuration::from_mins(30), "an access token does not outlive its session");
    cx.clock.advance(SignedDuration::from_mins(31));
    let refused = control.refresh(&session.refresh_token, RequestOrigin::default()).await;
    assert!(matches!(refused, Err(Error::Refresh(_))), "{refused:?}");
}

#[tokio::test]
async fn api_tokens_live_as_long_as_the_deployment_allows() {
    let longest = SignedDuration::from_hours(30 * 24);
    let settings = Settings { api_token_lifetime: Some(longest), ..Settings::default() };
    let cx = TestContext::with(settings).await;
    let now = bucketry_model::time::Clock::now(&*cx.clock);
    let make = async |expires_at| {
        let input = NewApiToken { name: "ci".to_owned(), expires_at, workspace_id: None, role: None };
        cx.control.create_token(&cx.owner, input).await
    };
    let refused = make(Some(now + longest + SignedDuration::from_secs(1))).await.unwrap_err();
    assert!(refused.to_string().contains("expiresAt must not exceed the lifetime limit"), "{refused}");
    make(Some(now + longest)).await.unwrap();
    let made = make(None).await.unwrap();
    cx.control.authenticate(made.token.expose()).await.unwrap();
    cx.clock.advance(longest);
    let expired = cx.control.authenticate(made.token.expose()).await;
    assert!(expired.unwrap_err().to_string().contains("API token has expired"));
}

#[tokio::test]
async fn members_are_added_by_the_address_of_an_account_of_the_same_organization() {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let registration = Registration {
        email: "elsewhere@example.com".to_owned(),
        password: Secret::new(PASSWORD),
        first_name: "E".to_owned(),
        last_name: "W".to_owned(),
        company_name: "Elsewhere".to_owned(),
    };
    cx.control.register(registration, RequestOrigin::default()).await.unwrap();
    let grace = cx.add("grace@example.com", OrgRole::User).await;
    let admin = cx.member("admin@example.com", Some(WorkspaceRole::Admin)).await;
    let add = async |caller: &Caller, email: &str| {
        cx.control.add_member_by_email(caller, cx.workspace, email, WorkspaceRole::Read).await
    };
    for unknown in ["elsewhere@example.com", "nobody@example.com"] {
        let refused = add(&admin, unknown).await.unwrap_err().to_string();
        assert!(refused.contains("is not that of a user of your organization"), "{refused}");
    }
    assert!(add(&admin, " ").await.unwrap_err().to_string().contains("email is required"));
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    assert!(matches!(add(&reader, "grace@example.com").await, Err(Error::Forbidden(_))));
    add(&admin, "GRACE@example.com").await.unwrap();
    let first = cx.control.workspace_with_members(&reader, cx.workspace, None, 2).await.unwrap();
    let after = first.members.last().map(|member| member.user.id);
    let rest = cx.control.workspace_with_members(&reader, cx.workspace, after, 10).await.unwrap();
    let all: Vec<UserId> = first.members.iter().chain(&rest.members).map(|member| member.user.id).collect();
    assert_eq!((first.members.len(), all.len()), (2, 4));
    assert!(all.contains(&grace));

    let found = cx.control.user_with_email(&cx.owner, "Grace@example.com").await.unwrap();
    assert_eq!(found.map(|user| user.id), Some(grace));
    assert!(cx.control.user_with_email(&cx.owner, "elsewhere@example.com").await.unwrap().is_none());
    assert!(matches!(cx.control.user_with_email(&reader, "x").await, Err(Error::Forbidden(_))));
}
