//! Tests of the sessions of browsers.

use bucketry_control::Error;
use bucketry_control::accounts::AccountInput;
use bucketry_control::browser_sessions::{IDLE, LONGEST, OpenedBrowserSession};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::secret::Secret;
use bucketry_store::token::TokenKind;
use jiff::SignedDuration;

use crate::support::{OWNER, PASSWORD, TestContext};

impl TestContext {
    async fn sign_in(&self) -> OpenedBrowserSession {
        let password = Secret::new(PASSWORD);
        let signed_in = self
            .control
            .sign_in_browser(OWNER, password, Some("Firefox"), None, RequestOrigin::default())
            .await;
        signed_in.unwrap()
    }

    async fn is_signed_in(&self, session: &OpenedBrowserSession) -> bool {
        match self.control.authenticate_browser(session.value.expose()).await {
            Ok(caller) => caller.token_id == session.token_id,
            Err(error) => {
                assert!(matches!(error, Error::Unauthenticated(_)), "{error}");
                false
            }
        }
    }
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_lasts_while_somebody_does() {
    let cx = TestContext::new().await;
    let idle = cx.sign_in().await;
    let used = cx.sign_in().await;
    let hour = SignedDuration::from_hours(1);
    for _ in 0..IDLE.as_hours() - 1 {
        cx.clock.advance(hour);
        assert!(cx.is_signed_in(&used).await);
    }
    cx.clock.advance(hour);
    assert!(!cx.is_signed_in(&idle).await, "12 hours without use");
    assert!(cx.is_signed_in(&used).await);
    for _ in IDLE.as_hours()..LONGEST.as_hours() - 1 {
        cx.clock.advance(hour);
        assert!(cx.is_signed_in(&used).await);
    }
    cx.clock.advance(hour);
    assert!(!cx.is_signed_in(&used).await, "14 days");
}

#[tokio::test]
async fn uses_at_short_intervals_do_not_write() {
    let cx = TestContext::new().await;
    let session = cx.sign_in().await;
    let extended = async || {
        let all = cx.control.tokens(&cx.owner).await.unwrap();
        let one = all.into_iter().find(|token| token.id == session.token_id).unwrap();
        assert_eq!((one.kind, one.name.as_str()), (TokenKind::Browser, "Firefox"));
        one.last_used_at
    };
    cx.clock.advance(SignedDuration::from_secs(299));
    assert!(cx.is_signed_in(&session).await);
    assert_eq!(extended().await, None);
    cx.clock.advance(SignedDuration::from_secs(10));
    assert!(cx.is_signed_in(&session).await);
    assert!(extended().await.is_some());
}

#[tokio::test]
async fn asking_whether_a_session_lives_does_not_keep_it_alive() {
    let cx = TestContext::new().await;
    let session = cx.sign_in().await;
    let hour = SignedDuration::from_hours(1);
    for _ in 0..IDLE.as_hours() - 1 {
        cx.clock.advance(hour);
        assert!(cx.control.is_live_browser_session(session.value.expose()).await.unwrap());
    }
    cx.clock.advance(hour);
    assert!(!cx.control.is_live_browser_session(session.value.expose()).await.unwrap());
    assert!(!cx.control.is_live_browser_session("no value").await.unwrap());
}

#[tokio::test]
async fn a_session_that_is_revoked_or_signed_out_ends_at_once() {
    let cx = TestContext::new().await;
    let [revoked, left] = [cx.sign_in().await, cx.sign_in().await];
    assert!(cx.is_signed_in(&revoked).await);
    cx.control.revoke_token(&cx.owner, revoked.token_id).await.unwrap();
    assert!(!cx.is_signed_in(&revoked).await);
    let caller = cx.control.authenticate_browser(left.value.expose()).await.unwrap();
    cx.control.sign_out(&caller).await.unwrap();
    assert!(!cx.is_signed_in(&left).await);
}

#[tokio::test]
async fn a_new_password_gives_the_browser_a_new_value_and_ends_the_others() {
    let cx = TestContext::new().await;
    let [own, other] = [cx.sign_in().await, cx.sign_in().await];
    let caller = cx.control.authenticate_browser(own.value.expose()).await.unwrap();
    let input = AccountInput {
        password: Some(Secret::new("Another-Horse-2")),
        current_password: Some(Secret::new(PASSWORD)),
        ..AccountInput::default()
    };
    cx.control.update_account(&caller, caller.user_id, input).await.unwrap();
    let value = cx.control.renew_browser_value(&caller).await.unwrap();
    assert!(!cx.is_signed_in(&own).await, "the old value");
    assert!(!cx.is_signed_in(&other).await, "another browser");
    let again = cx.control.authenticate_browser(value.expose()).await.unwrap();
    assert_eq!(again.token_id, own.token_id);
}

#[tokio::test]
async fn the_api_does_not_accept_the_value_of_a_cookie() {
    let cx = TestContext::new().await;
    let session = cx.sign_in().await;
    let refused = cx.control.authenticate(session.value.expose()).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
    let api = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    for wrong in [api.access_token.as_str(), api.refresh_token.expose()] {
        let refused = cx.control.authenticate_browser(wrong).await;
        assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
    }
}
