//! Login sessions with their refresh tokens, sessions of browsers, and personal API tokens. Only hashes of tokens are
//! stored.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::role::{Principal, TokenScope};
use jiff::{SignedDuration, Timestamp};

use crate::Result;

/// The SHA-256 of a token's random part.
pub type TokenHash = [u8; 32];

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A login session, which its refresh token keeps alive.
    Session,
    /// A personal API token.
    Api,
    /// A session of the dashboard in a browser, whose cookie has one opaque value.
    Browser,
}

impl TokenKind {
    /// Whether somebody signed in with a password to get the token.
    pub fn is_session(self) -> bool {
        self != Self::Api
    }
}

/// A session of any kind or an API token, as its owner sees it.
#[expect(missing_docs, reason = "the other fields are columns of the token's row")]
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// The id (`sid` in access tokens).
    pub id: TokenId,
    pub user_id: UserId,
    pub kind: TokenKind,
    /// The name of an API token, or the device of a session.
    pub name: String,
    /// The restrictions of an API token.
    pub scope: Option<TokenScope>,
    pub created_at: Timestamp,
    /// When a session was last renewed or extended, or an API token last used.
    pub last_used_at: Option<Timestamp>,
    /// When the token expires. `None` if it doesn't.
    pub expires_at: Option<Timestamp>,
}

/// A session or an API token to create.
#[expect(missing_docs, reason = "the other fields are columns of the token's row")]
#[derive(Debug, Clone)]
pub struct NewToken {
    pub id: TokenId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub kind: TokenKind,
    /// A name for people to recognise the token by.
    pub name: String,
    /// The restrictions of an API token.
    pub scope: Option<TokenScope>,
    /// The hash of the API token, of the session's first refresh token, or of the value in the browser's cookie.
    pub hash: TokenHash,
    /// When the token expires. A session expires with its refresh token.
    pub expires_at: Option<Timestamp>,
    /// The network that a session is opened from, such as `192.0.2.0/24` or `2001:db8::/64`, if known.
    pub network: Option<String>,
}

/// Whether an issued API token can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It can be used.
    Live,
    /// It has expired.
    Expired,
    /// It was revoked, or its user was removed.
    Revoked,
}

/// A live session of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserSession {
    /// The session.
    pub id: TokenId,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When its end was last moved. `None` if that has not happened yet.
    pub extended_at: Option<Timestamp>,
    /// When it ends unless it is extended.
    pub expires_at: Timestamp,
}

/// The outcome of exchanging a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The session continues with the new refresh token.
    Rotated {
        /// The session.
        id: TokenId,
        /// The session's user.
        user_id: UserId,
        /// The user's organization.
        org_id: OrgId,
        /// When the new refresh token, and with it the session, expires unless it is renewed.
        expires_at: Timestamp,
    },
    /// The token was exchanged before, so somebody else has a copy. The session was revoked.
    Reused {
        /// The session.
        id: TokenId,
        /// Its user.
        user_id: UserId,
        /// The user's organization.
        org_id: OrgId,
    },
    /// No live session has this token, or it has expired.
    Unknown,
}

/// Stores sessions and API tokens.
#[async_trait]
pub trait TokenStore {
    /// Creates a session or an API token.
    async fn insert_token(&self, new: &NewToken, audit: &AuditEntry) -> Result<()>;

    /// Opens a session for a user whose password was verified against `password_hash`. Returns false, and opens no
    /// session, if the password was changed or the user removed in the meantime.
    async fn open_session(&self, new: &NewToken, password_hash: &str, audit: &AuditEntry) -> Result<bool>;

    /// Whether the live user with this address opened a session from this network between the two times.
    async fn signed_in_from(
        &self,
        email: &str,
        network: &str,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<bool>;

    /// The user behind this session or API token, with memberships. `None` unless the token is live and unexpired,
    /// and its user is live.
    async fn caller(&self, id: TokenId, now: Timestamp) -> Result<Option<Principal>>;

    /// The API token with this hash, and whether it can still be used. Tokens that ended long ago are not found.
    async fn api_token(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<(TokenId, TokenState)>>;

    /// The live session of a browser whose cookie has the value with this hash. `None` if there is none, or if it has
    /// ended.
    async fn browser_session(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<BrowserSession>>;

    /// Moves the end of a browser's session, if it is live and was last moved before `unless_since`. Returns whether
    /// it was moved.
    async fn extend_browser_session(
        &self,
        id: TokenId,
        expires_at: Timestamp,
        unless_since: Timestamp,
        now: Timestamp,
    ) -> Result<bool>;

    /// Gives a live session of a browser another value for its cookie. The old one is unknown afterwards. Returns
    /// whether there was such a session.
    async fn replace_browser_value(&self, id: TokenId, hash: &TokenHash, now: Timestamp) -> Result<bool>;

    /// Exchanges a session's refresh token for a new one. The new one expires at `expires_at`, or when the session
    /// is `longest` old if that is sooner. If an exchanged token is presented again, the session is revoked.
    async fn rotate_refresh_token(
        &self,
        old: &TokenHash,
        new: &TokenHash,
        expires_at: Timestamp,
        longest: SignedDuration,
        now: Timestamp,
    ) -> Result<Rotation>;

    /// The session that a refresh token belongs to, whether the token is current or was exchanged.
    async fn session_of_refresh_token(&self, hash: &TokenHash) -> Result<Option<TokenId>>;

    /// The user's live sessions and API tokens, newest first.
    async fn tokens(&self, user_id: UserId, now: Timestamp) -> Result<Vec<TokenRecord>>;

    /// Revokes one of the user's tokens. Returns whether there was such a live token.
    async fn revoke_token(&self, user_id: UserId, id: TokenId, audit: &AuditEntry) -> Result<bool>;

    /// Removes tokens that expired or were revoked before the given time. Returns how many.
    async fn purge_tokens(&self, before: Timestamp) -> Result<u64>;
}
