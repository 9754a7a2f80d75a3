//! Login, sessions, and authentication of callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::audit::{AuditAction, AuditActor, AuditKind, RequestOrigin, bounded};
use bucketry_model::id::{OrgId, TokenId};
use bucketry_model::role::{Caller, Principal};
use bucketry_model::secret::Secret;
use bucketry_store::token::{NewToken, Rotation, TokenKind, TokenState};
use bucketry_store::user::User;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use crate::access_token::Claims;
use crate::error::{LoginFailure, TokenFault};
use crate::{Control, Error, Result, api_token};

/// How long a caller's rights are cached. Changes take effect immediately. Only while signals of other control planes are
/// lost, their changes take effect after this time at the latest.
pub const REMEMBER: SignedDuration = SignedDuration::from_secs(5);
/// How long a network is trusted more than others after a user signed in from it.
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far a stored time may be in the future, because the clocks of control planes differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The maximum number of cached callers.
const REMEMBERED_AT_MOST: usize = 10_000;

/// The result of a login, a registration or a refresh.
#[derive(Debug)]
pub struct LoggedIn {
    /// JSON Web Token for the `Authorization` header.
    pub access_token: String,
    /// To be exchanged after the access token has expired. It can be used once.
    pub refresh_token: Secret,
    /// Id of the session.
    pub token_id: TokenId,
    /// Expiry of the access token.
    pub expires_at: Timestamp,
    /// The user who logged in.
    pub user: User,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum CachedCredential {
    Session(TokenId),
    Api([u8; 32]),
    Browser([u8; 32]),
}

#[derive(Clone)]
struct Remembered {
    principal: Arc<Principal>,
    since: Timestamp,
    epoch: u64,
}

/// Callers that were authenticated recently.
pub(crate) struct CallerCache {
    callers: Cache<CachedCredential, Remembered>,
    epoch: AtomicU64,
}

impl Default for CallerCache {
    fn default() -> Self {
        Self { callers: Cache::new(REMEMBERED_AT_MOST), epoch: AtomicU64::new(0) }
    }
}

impl CallerCache {
    /// Drops all cached callers after somebody's rights changed. A lookup in progress is not cached either. Not to be called
    /// if nothing was changed: then a user could make every request of everybody read the database.
    pub(crate) fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

impl Control {
    /// Logs a user in with e-mail address and password.
    pub async fn login(&self, email: &str, password: Secret, device: Option<&str>) -> Result<LoggedIn> {
        self.login_from(email, password, device, None, RequestOrigin::default()).await
    }

    /// Like [`Control::login`], and remembers the network for [`Control::signed_in_from`].
    pub async fn login_from(
        &self,
        email: &str,
        password: Secret,
        device: Option<&str>,
        network: Option<String>,
        origin: RequestOrigin,
    ) -> Result<LoggedIn> {
        let (user, hash) = self.verify_password(email, password, &origin).await?;
        self.open_session(user, &hash, device, network, origin).await
    }

    /// Returns the user with this address and password, and the password's hash. A failure is recorded.
    pub(crate) async fn verify_password(
        &self,
        email: &str,
        password: Secret,
        origin: &RequestOrigin,
    ) -> Result<(User, String)> {
        let refused = |org_id, failure| self.refused_login(email, org_id, failure, origin.clone());
        let Some(found) = self.inner.store.user_by_email(email.trim()).await? else {
            self.inner.passwords.pretend_to_verify(password).await?;
            return Err(refused(None, LoginFailure::UserNotFound).await);
        };
        let org_id = Some(found.user.org_id);
        let Some(hash) = found.password_hash else {
            return Err(refused(org_id, LoginFailure::NoPasswordSet).await);
        };
        if !self.inner.passwords.verify(password, hash.clone()).await? {
            return Err(refused(org_id, LoginFailure::InvalidPassword).await);
        }
        Ok((found.user, hash))
    }

    /// Records a failed login. Returns it as an error.
    async fn refused_login(
        &self,
        email: &str,
        org_id: Option<OrgId>,
        failure: LoginFailure,
        origin: RequestOrigin,
    ) -> Error {
        let email = bounded(email.trim());
        tracing::Span::current().record("email", tracing::field::debug(&email));
        let error = Error::Login(failure);
        match self.org_or_only(org_id).await {
            Ok(org_id) => {
                let audit = self
                    .audit_by(AuditActor::Unknown(email), org_id, AuditKind::Session, AuditAction::SignedIn)
                    .from_origin(origin)
                    .refused(401, error.code());
                self.record_refusal(audit).await;
                error
            }
            Err(unavailable) => unavailable,
        }
    }

    /// Whether the user with this address signed in from the network within the last 30 days.
    pub async fn signed_in_from(&self, email: &str, network: &str) -> Result<bool> {
        let now = self.inner.environment.now();
        Ok(self.inner.store.signed_in_from(email, network, now - LATELY, now + SKEW).await?)
    }

    /// Opens a session for a user, if the password still has this hash.
    pub(crate) async fn open_session(
        &self,
        user: User,
        password_hash: &str,
        device: Option<&str>,
        network: Option<String>,
        origin: RequestOrigin,
    ) -> Result<LoggedIn> {
        let now = self.inner.environment.now();
        let expires_at = self.session_end(now);
        let (refresh_token, hash) = self.new_refresh_token()?;
        let id = self.inner.environment.id(TokenId::new)?;
        let session = NewToken {
            id,
            org_id: user.org_id,
            user_id: user.id,
            kind: TokenKind::Session,
            name: device_name(device),
            scope: None,
            hash,
            expires_at: Some(expires_at),
            network,
        };
        self.store_session(&user, &session, password_hash, origin).await?;
        self.hand_out(user, id, refresh_token, expires_at, now)
    }

    /// Stores and records a session of any kind, if the password still has this hash.
    pub(crate) async fn store_session(
        &self,
        user: &User,
        session: &NewToken,
        password_hash: &str,
        origin: RequestOrigin,
    ) -> Result<()> {
        let actor = AuditActor::User { id: user.id, email: user.email.clone(), token_id: Some(session.id) };
        let audit = self
            .audit_by(actor, Some(user.org_id), AuditKind::Session, AuditAction::SignedIn)
            .of(session.id, &session.name)
            .from_origin(origin);
        if self.inner.store.open_session(session, password_hash, &audit).await? {
            Ok(())
        } else {
            Err(Error::Login(LoginFailure::InvalidPassword))
        }
    }

    /// When a session that starts now ends, unless it is refreshed.
    fn session_end(&self, now: Timestamp) -> Timestamp {
        let settings = &self.inner.settings;
        now + settings.refresh_token_lifetime.min(settings.session_lifetime)
    }

    /// Exchanges a refresh token for a new pair of tokens.
    pub async fn refresh(&self, refresh_token: &Secret, origin: RequestOrigin) -> Result<LoggedIn> {
        let now = self.inner.environment.now();
        let old =
            refresh_hash(refresh_token).ok_or(Error::Refresh("this is not a refresh token: log in again"))?;
        let (new_token, new_hash) = self.new_refresh_token()?;
        let expires_at = now + self.inner.settings.refresh_token_lifetime;
        let longest = self.inner.settings.session_lifetime;
        match self.inner.store.rotate_refresh_token(&old, &new_hash, expires_at, longest, now).await? {
            Rotation::Rotated { id, user_id, org_id, expires_at } => {
                let user = self.inner.store.user(org_id, user_id).await?;
                let user = user.ok_or(Error::Unauthenticated(TokenFault::SessionEnded))?;
                self.hand_out(user, id, new_token, expires_at, now)
            }
            Rotation::Reused { id, user_id, org_id } => {
                self.inner.callers.forget_all();
                let error = Error::Refresh(
                    "this refresh token was already used, so somebody else may have a copy: the session was ended, log in again",
                );
                let user = self.inner.store.user(org_id, user_id).await?;
                let email = user.map(|user| user.email).unwrap_or_default();
                let actor = AuditActor::User { id: user_id, email, token_id: Some(id) };
                let audit = self
                    .audit_by(actor, Some(org_id), AuditKind::Session, AuditAction::Deleted)
                    .of(id, "a refresh token was used again")
                    .from_origin(origin)
                    .refused(401, error.code());
                self.record_refusal(audit).await;
                Err(error)
            }
            Rotation::Unknown => Err(Error::Refresh("the session has ended: log in again")),
        }
    }

    /// Ends the session of a refresh token. A session that has already ended is not an error.
    pub async fn logout(&self, refresh_token: &Secret, origin: RequestOrigin) -> Result<()> {
        let Some(hash) = refresh_hash(refresh_token) else { return Ok(()) };
        if let Some(owner) = self.session_owner(&hash).await? {
            let owner = Caller::new(Arc::new(owner));
            let audit = self
                .audit_of(&owner, AuditKind::Session, AuditAction::SignedOut)
                .of(owner.token_id, "")
                .from_origin(origin);
            if self.inner.store.revoke_token(owner.user_id, owner.token_id, &audit).await? {
                self.inner.callers.forget_all();
            }
        }
        Ok(())
    }

    async fn session_owner(&self, hash: &[u8; 32]) -> Result<Option<Principal>> {
        let Some(id) = self.inner.store.session_of_refresh_token(hash).await? else { return Ok(None) };
        Ok(self.inner.store.caller(id, self.inner.environment.now()).await?)
    }

    /// Returns the caller of a request with this bearer token.
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller> {
        let now = self.inner.environment.now();
        let credential = match api_token::from_text(bearer) {
            Some(random) => CachedCredential::Api(api_token::hash(&random)),
            None if bearer.starts_with(api_token::PREFIX) => {
                return Err(Error::Unauthenticated(TokenFault::Malformed));
            }
            None => CachedCredential::Session(self.inner.access_tokens.verify(bearer, now)?.sid),
        };
        self.caller_with(credential, now).await
    }

    /// Returns the caller with this credential, from the cache if the rights were looked up recently.
    pub(crate) async fn caller_with(&self, credential: CachedCredential, now: Timestamp) -> Result<Caller> {
        let cache = &self.inner.callers;
        let epoch = cache.epoch.load(Ordering::SeqCst);
        if let Some(known) = cache.callers.get(&credential)
            && known.epoch == epoch
            && now.duration_since(known.since).abs() < REMEMBER
        {
            return Ok(Caller::new(known.principal));
        }
        let (id, ended) = match &credential {
            CachedCredential::Session(id) => (*id, TokenFault::SessionEnded),
            CachedCredential::Api(hash) => (self.api_token_id(hash, now).await?, TokenFault::Revoked),
            CachedCredential::Browser(hash) => {
                (self.live_browser_session(hash, now).await?, TokenFault::SessionEnded)
            }
        };
        let found = self.inner.store.caller(id, now).await?;
        let principal = Arc::new(found.ok_or(Error::Unauthenticated(ended))?);
        // A caller who must change the password isn't cached, because the change may be made at another control
        // plane, and the next request must not wait for its signal.
        if !principal.must_change_password {
            let remembered = Remembered { principal: Arc::clone(&principal), since: now, epoch };
            cache.callers.insert(credential, remembered);
        }
        Ok(Caller::new(principal))
    }

    async fn api_token_id(&self, hash: &[u8; 32], now: Timestamp) -> Result<TokenId> {
        match self.inner.store.api_token(hash, now).await? {
            Some((id, TokenState::Live)) => Ok(id),
            Some((_, TokenState::Expired)) => Err(Error::TokenExpired(TokenKind::Api)),
            Some((_, TokenState::Revoked)) => Err(Error::Unauthenticated(TokenFault::Revoked)),
            None => Err(Error::Unauthenticated(TokenFault::Unknown)),
        }
    }

    /// Returns the caller's own account.
    pub async fn profile(&self, caller: &Caller) -> Result<User> {
        self.inner
            .store
            .user(caller.org_id, caller.user_id)
            .await?
            .ok_or(Error::NotFound(crate::ResourceKind::User))
    }

    fn hand_out(
        &self,
        user: User,
        id: TokenId,
        refresh_token: Secret,
        session_end: Timestamp,
        now: Timestamp,
    ) -> Result<LoggedIn> {
        let expires_at = session_end.min(now + self.inner.settings.access_token_lifetime);
        let access_token = self.inner.access_tokens.sign(&Claims {
            user_id: user.id,
            email: user.email.clone(),
            org_id: user.org_id,
            kind: "access".to_owned(),
            iat: now.as_second(),
            exp: expires_at.as_second(),
            sid: id,
        })?;
        Ok(LoggedIn { access_token, refresh_token, token_id: id, expires_at, user })
    }

    fn new_refresh_token(&self) -> Result<(Secret, [u8; 32])> {
        let random: [u8; 32] = self.inner.environment.random()?;
        Ok((Secret::new(URL_SAFE_NO_PAD.encode(random)), api_token::hash(&random)))
    }
}

/// The name of a session, as the client gives it.
pub(crate) fn device_name(device: Option<&str>) -> String {
    device.unwrap_or("").chars().filter(|c| !c.is_control()).take(255).collect()
}

fn refresh_hash(token: &Secret) -> Option<[u8; 32]> {
    let random: [u8; 32] = URL_SAFE_NO_PAD.decode(token.expose()).ok()?.try_into().ok()?;
    Some(api_token::hash(&random))
}
