//! Login sessions with their refresh tokens, and personal API tokens. Only hashes of tokens are kept.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::role::{Caller, TokenScope};
use jiff::{SignedDuration, Timestamp};

use crate::Result;

/// SHA-256 of a token's random part.
pub type TokenHash = [u8; 32];

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A login session, kept alive by its refresh token.
    Session,
    /// A personal API token.
    Api,
}

/// A session or an API token, as its owner sees it.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// Its id (`sid` of access tokens).
    pub id: TokenId,
    /// The user.
    pub user_id: UserId,
    /// Which kind.
    pub kind: TokenKind,
    /// An API token's name; a session's device.
    pub name: String,
    /// An API token's limits.
    pub scope: Option<TokenScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last renewed (sessions) or is known to have been used.
    pub last_used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A session or an API token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id.
    pub id: TokenId,
    /// The organization.
    pub org_id: OrgId,
    /// The user.
    pub user_id: UserId,
    /// Which kind.
    pub kind: TokenKind,
    /// A name for people.
    pub name: String,
    /// An API token's limits.
    pub scope: Option<TokenScope>,
    /// Hash of the API token, or of the session's first refresh token.
    pub hash: TokenHash,
    /// When it ends: sessions when the refresh token does.
    pub expires_at: Option<Timestamp>,
    /// The network that a session is opened from, as `192.0.2.0/24` or `2001:db8::/64`, where it is known.
    pub network: Option<String>,
}

/// Whether an API token that was issued can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It can.
    Live,
    /// Its time is over.
    Expired,
    /// It was revoked, or its user removed.
    Revoked,
}

/// What came of exchanging a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The session goes on with the new refresh token.
    Rotated {
        /// The session.
        id: TokenId,
        /// Its user.
        user_id: UserId,
        /// Its organization.
        org_id: OrgId,
        /// When the new refresh token, and with it the session, ends unless it is renewed.
        expires_at: Timestamp,
    },
    /// The token had been exchanged before: somebody else has a copy. The session was revoked.
    Reused,
    /// No live session has this token, or it has expired.
    Unknown,
}

/// Keeps sessions and API tokens.
#[async_trait]
pub trait TokenStore {
    /// Makes a session or an API token.
    async fn insert_token(&self, new: &NewToken, now: Timestamp) -> Result<()>;

    /// Makes a session for a user whose password was verified against `password_hash`. False if the password was
    /// changed or the user removed in the meantime: then no session is made.
    async fn open_session(&self, new: &NewToken, password_hash: &str, now: Timestamp) -> Result<bool>;

    /// Whether the live user with this address opened a session from the network in this span of time.
    async fn signed_in_from(
        &self,
        email: &str,
        network: &str,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<bool>;

    /// Who calls with this session or API token: live, unexpired, of a live user; with the user's memberships.
    async fn caller(&self, id: TokenId, now: Timestamp) -> Result<Option<Caller>>;

    /// The API token with this hash, and whether it can still be used. Tokens that ended long ago are not found.
    async fn api_token(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<(TokenId, TokenState)>>;

    /// Exchanges a session's refresh token for a new one that ends at `expires_at`, or when the session is `longest`
    /// old if that is sooner. An old one that comes again revokes the session.
    async fn rotate_refresh_token(
        &self,
        old: &TokenHash,
        new: &TokenHash,
        expires_at: Timestamp,
        longest: SignedDuration,
        now: Timestamp,
    ) -> Result<Rotation>;

    /// The session that a refresh token, present or former, belongs to.
    async fn session_of_refresh_token(&self, hash: &TokenHash) -> Result<Option<TokenId>>;

    /// The user's live sessions and API tokens, newest first.
    async fn tokens(&self, user_id: UserId, now: Timestamp) -> Result<Vec<TokenRecord>>;

    /// Revokes one of the user's tokens. Whether there was such a live one.
    async fn revoke_token(&self, user_id: UserId, id: TokenId, now: Timestamp) -> Result<bool>;

    /// Removes what expired or was revoked before the given time.
    async fn purge_tokens(&self, before: Timestamp) -> Result<u64>;
}
