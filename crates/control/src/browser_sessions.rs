//! Sessions of the dashboard in a browser. A cookie has one opaque value, of which only the hash is stored. The session
//! ends when nobody has used it for a while, and at the latest some days after the sign-in.
//!
//! One value and not a pair of tokens, because two tabs that exchange a refresh token at the same moment look like a
//! thief and the owner.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::audit::{AuditAction, AuditKind, RequestOrigin};
use bucketry_model::id::TokenId;
use bucketry_model::role::Caller;
use bucketry_model::secret::Secret;
use bucketry_store::token::{NewToken, TokenKind};
use bucketry_store::user::User;
use jiff::{SignedDuration, Timestamp};

use crate::error::TokenFault;
use crate::sessions::{CachedCredential, device_name};
use crate::{Control, Error, Result, api_token};

/// How long a session lasts without use.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// How long a session lasts at most, however much it is used.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How often the end of a session that is in use is moved, at most.
const EXTEND_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A session that was just opened.
#[derive(Debug)]
pub struct OpenedBrowserSession {
    /// The value for the cookie. It is not stored, and can't be shown again.
    pub value: Secret,
    /// The session.
    pub token_id: TokenId,
    /// When the session ends at the latest.
    pub ends_at: Timestamp,
    /// The user who signed in.
    pub user: User,
}

impl Control {
    /// Signs a user in with e-mail address and password. `device` names the browser, `network` is remembered for
    /// [`Control::signed_in_from`].
    pub async fn sign_in_browser(
        &self,
        email: &str,
        password: Secret,
        device: Option<&str>,
        network: Option<String>,
        origin: RequestOrigin,
    ) -> Result<OpenedBrowserSession> {
        let (user, password_hash) = self.verify_password(email, password, &origin).await?;
        let now = self.inner.environment.now();
        let (value, hash) = self.new_browser_value()?;
        let id = self.inner.environment.id(TokenId::new)?;
        let session = NewToken {
            id,
            org_id: user.org_id,
            user_id: user.id,
            kind: TokenKind::Browser,
            name: device_name(device),
            scope: None,
            hash,
            expires_at: Some(self.browser_end(now, now)),
            network,
        };
        self.store_session(&user, &session, &password_hash, origin).await?;
        Ok(OpenedBrowserSession { value, token_id: id, ends_at: now + self.longest_browser_session(), user })
    }

    /// Returns the caller of a request with this cookie. The session is extended, at most every five minutes.
    pub async fn authenticate_browser(&self, value: &str) -> Result<Caller> {
        let hash = value_hash(value).ok_or(Error::Unauthenticated(TokenFault::Malformed))?;
        self.caller_with(CachedCredential::Browser(hash), self.inner.environment.now()).await
    }

    /// Whether the session with this value hasn't ended. Unlike a request, asking doesn't extend it.
    pub async fn is_live_browser_session(&self, value: &str) -> Result<bool> {
        let Some(hash) = value_hash(value) else { return Ok(false) };
        Ok(self.inner.store.browser_session(&hash, self.inner.environment.now()).await?.is_some())
    }

    /// Gives the caller's browser a new value for its cookie, after what it knew may have become known to others: after
    /// a change of the password. The old value ends immediately.
    pub async fn renew_browser_value(&self, caller: &Caller) -> Result<Secret> {
        let (value, hash) = self.new_browser_value()?;
        let now = self.inner.environment.now();
        let replaced = self.inner.store.replace_browser_value(caller.token_id, &hash, now).await?;
        if !replaced {
            return Err(Error::Unauthenticated(TokenFault::SessionEnded));
        }
        self.inner.callers.forget_all();
        Ok(value)
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let audit = self.audit_of(caller, AuditKind::Session, AuditAction::SignedOut).of(caller.token_id, "");
        if self.inner.store.revoke_token(caller.user_id, caller.token_id, &audit).await? {
            self.inner.callers.forget_all();
        }
        Ok(())
    }

    /// The live session with this hash, after extending it if that is due.
    pub(crate) async fn live_browser_session(&self, hash: &[u8; 32], now: Timestamp) -> Result<TokenId> {
        let ended = Error::Unauthenticated(TokenFault::SessionEnded);
        let session = self.inner.store.browser_session(hash, now).await?.ok_or(ended)?;
        let last = session.extended_at.unwrap_or(session.created_at);
        let end = self.browser_end(session.created_at, now);
        // A session can't be moved while the database accepts no writes. Reading must work all the same.
        if now.duration_since(last) >= EXTEND_EVERY
            && end > session.expires_at
            && let Err(error) =
                self.inner.store.extend_browser_session(session.id, end, now - EXTEND_EVERY, now).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the session of a browser could not be extended"
            );
        }
        Ok(session.id)
    }

    /// When a session that began at `began` and is used now ends unless it is used again.
    fn browser_end(&self, began: Timestamp, now: Timestamp) -> Timestamp {
        // One that began in the future was stored by a clock that was ahead.
        (now + IDLE).min(began.min(now) + self.longest_browser_session())
    }

    fn longest_browser_session(&self) -> SignedDuration {
        LONGEST.min(self.inner.settings.session_lifetime)
    }

    fn new_browser_value(&self) -> Result<(Secret, [u8; 32])> {
        let random: [u8; 32] = self.inner.environment.random()?;
        Ok((Secret::new(URL_SAFE_NO_PAD.encode(random)), api_token::hash(&random)))
    }
}

fn value_hash(value: &str) -> Option<[u8; 32]> {
    let random: [u8; 32] = URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok()?;
    Some(api_token::hash(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thirty_two_bytes_are_a_value() {
        assert!(value_hash(&URL_SAFE_NO_PAD.encode([7; 32])).is_some());
        for wrong in ["", "abc", "ä", &URL_SAFE_NO_PAD.encode([7; 31]), &URL_SAFE_NO_PAD.encode([7; 33])] {
            assert_eq!(value_hash(wrong), None, "{wrong}");
        }
    }
}
