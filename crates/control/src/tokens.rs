//! The caller's sessions and personal API tokens.

use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::{Caller, TokenScope, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_store::token::{NewToken, TokenKind, TokenRecord};
use jiff::Timestamp;

use crate::users::{parse_name, validated};
use crate::{Control, Error, ResourceKind, Result, api_token};

/// An API token to be made.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// A name for people.
    pub name: String,
    /// When it ends; never if not given.
    pub expires_at: Option<Timestamp>,
    /// The only workspace that it may be used for.
    pub workspace_id: Option<WorkspaceId>,
    /// The highest role that it may use in any workspace.
    pub role: Option<WorkspaceRole>,
}

/// An API token that was just made: its text is shown this once.
#[derive(Debug)]
pub struct CreatedApiToken {
    /// Its id.
    pub id: TokenId,
    /// Its text.
    pub token: Secret,
}

impl Control {
    /// Whether the caller may make this token, apart from its name and its end.
    pub async fn authorize_token(&self, caller: &Caller, input: &NewApiToken) -> Result<()> {
        validated(caller)?;
        if caller.scope.is_some() {
            return Err(Error::Forbidden(
                "a token with limits can't make other tokens: log in instead".to_owned(),
            ));
        }
        if let Some(workspace) = input.workspace_id {
            self.enter(caller, workspace, input.role.unwrap_or(WorkspaceRole::Read)).await?;
        }
        Ok(())
    }

    /// Makes a personal API token. A token without scope may do all that its user may.
    pub async fn create_token(&self, caller: &Caller, input: NewApiToken) -> Result<CreatedApiToken> {
        self.authorize_token(caller, &input).await?;
        let now = self.inner.environment.now();
        let mut wrong = Vec::new();
        let Some(name) = parse_name("name", &input.name, &mut wrong) else {
            return Err(Error::Invalid(wrong));
        };
        if input.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::field("expiresAt", "must be in the future"));
        }
        let expires_at = self.token_end(input.expires_at, now)?;
        let scope = match (input.workspace_id, input.role) {
            (None, None) => None,
            (workspace_id, role) => {
                Some(TokenScope { workspace_id, role: role.unwrap_or(WorkspaceRole::Admin) })
            }
        };
        let random: [u8; 32] = self.inner.environment.random()?;
        let id = self.inner.environment.id(TokenId::new)?;
        let token = NewToken {
            id,
            org_id: caller.org_id,
            user_id: caller.user_id,
            kind: TokenKind::Api,
            name: name.as_str().to_owned(),
            scope,
            hash: api_token::hash(&random),
            expires_at,
            network: None,
        };
        self.inner.store.insert_token(&token, now).await?;
        Ok(CreatedApiToken { id, token: api_token::to_text(random) })
    }

    /// When a token ends: as asked for, but not later than the deployment allows.
    fn token_end(&self, asked: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>> {
        let Some(longest) = self.inner.settings.api_token_lifetime else { return Ok(asked) };
        let latest = now.checked_add(longest).map_err(Error::internal)?;
        match asked {
            Some(end) if end > latest => {
                let days = longest.as_hours() / 24;
                Err(Error::field(
                    "expiresAt",
                    format!("must be at most {days} days from now in this deployment"),
                ))
            }
            asked => Ok(Some(asked.unwrap_or(latest))),
        }
    }

    /// The caller's live sessions and API tokens, newest first.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenRecord>> {
        Ok(self.inner.store.tokens(caller.user_id, self.inner.environment.now()).await?)
    }

    /// Ends one of the caller's sessions or API tokens, at once.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        if caller.scope.is_some() && caller.token_id != id {
            return Err(Error::Forbidden(
                "a token with limits can only revoke itself: log in instead".to_owned(),
            ));
        }
        let revoked = self.inner.store.revoke_token(caller.user_id, id, self.inner.environment.now()).await?;
        self.inner.callers.forget_all();
        if revoked { Ok(()) } else { Err(Error::NotFound(ResourceKind::Token)) }
    }
}
