//! The caller's sessions and personal API tokens.

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::{TokenId, WorkspaceId};
use bucketry_model::role::{Caller, TokenScope, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_store::token::{NewToken, TokenKind, TokenRecord};
use jiff::Timestamp;

use crate::access::validated;
use crate::audit::Described;
use crate::users::parse_name;
use crate::{Control, Error, ResourceKind, Result, api_token};

/// The fields of a new API token.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// A name for the user to recognise the token by.
    pub name: String,
    /// Expiry; `None` means never, or the maximum lifetime of the deployment.
    pub expires_at: Option<Timestamp>,
    /// The only workspace that the token gives access to; `None` means all of the user's.
    pub workspace_id: Option<WorkspaceId>,
    /// The highest role that the token gives in a workspace; `None` means the user's own.
    pub role: Option<WorkspaceRole>,
}

/// An API token that was just created. Its text is shown only once.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are those of the response")]
pub struct CreatedApiToken {
    pub id: TokenId,
    pub token: Secret,
}

impl Control {
    /// Checks whether the caller may create this token. Ignores its name and expiry.
    pub async fn authorize_token(&self, caller: &Caller, input: &NewApiToken) -> Result<()> {
        validated(caller)?;
        if caller.scope.is_some() {
            return Err(Error::Forbidden(
                "an API token with a restricted scope can't create tokens: log in instead".to_owned(),
            ));
        }
        if let Some(workspace) = input.workspace_id {
            self.enter(caller, workspace, input.role.unwrap_or(WorkspaceRole::Read)).await?;
        }
        Ok(())
    }

    /// Creates a personal API token. Without a scope, it gives all rights of its user.
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
        let mut audit = self
            .audit_of(caller, AuditKind::ApiToken, AuditAction::Created)
            .of(id, &token.name)
            .after(token.described());
        audit.target.workspace_id = input.workspace_id;
        self.inner.store.insert_token(&token, &audit).await?;
        Ok(CreatedApiToken { id, token: api_token::to_text(random) })
    }

    /// The expiry of a token: the requested one, within the maximum lifetime of the deployment.
    fn token_end(&self, asked: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>> {
        let Some(longest) = self.inner.settings.api_token_lifetime else { return Ok(asked) };
        let latest = now.checked_add(longest).map_err(Error::internal)?;
        match asked {
            Some(end) if end > latest => {
                let days = longest.as_hours() / 24;
                Err(Error::field(
                    "expiresAt",
                    format!("must not exceed the lifetime limit of tokens in this deployment ({days} d)"),
                ))
            }
            asked => Ok(Some(asked.unwrap_or(latest))),
        }
    }

    /// The caller's live sessions and API tokens, newest first.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<TokenRecord>> {
        Ok(self.inner.store.tokens(caller.user_id, self.inner.environment.now()).await?)
    }

    /// Ends one of the caller's sessions or API tokens immediately.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        if caller.scope.is_some() && caller.token_id != id {
            return Err(Error::Forbidden(
                "an API token with a restricted scope can only revoke itself: log in instead".to_owned(),
            ));
        }
        let own = self.inner.store.tokens(caller.user_id, self.inner.environment.now()).await?;
        let stored = own.into_iter().find(|token| token.id == id);
        let kind = match stored.as_ref().map(|token| token.kind) {
            Some(TokenKind::Session | TokenKind::Browser) => AuditKind::Session,
            // The list leaves out tokens that only a newer version can read. They must be revocable, too: the store changes
            // nothing but a token of the caller.
            Some(TokenKind::Api) | None => AuditKind::ApiToken,
        };
        let mut audit = self.audit_of(caller, kind, AuditAction::Deleted);
        match &stored {
            Some(token) => audit = audit.of(id, &token.name),
            None => audit.target.id = Some(id.to_string()),
        }
        let revoked = self.inner.store.revoke_token(caller.user_id, id, &audit).await?;
        if !revoked {
            return Err(Error::NotFound(ResourceKind::Token));
        }
        self.inner.callers.forget_all();
        Ok(())
    }
}
