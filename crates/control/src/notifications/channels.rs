//! Notification channels: who may see and change them.

use bucketry_model::audit::{AuditAction, AuditEntry, AuditKind};
use bucketry_model::id::{ChannelId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::notification::{ChannelRules, MAX_CHANNELS};
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_store::bucket::{SecretUpdate, StoredSecret};
use bucketry_store::notification_channel::{ChannelInserted, ChannelUpdate, NewChannel, NotificationChannel};

use super::channel_input::{ChannelInput, ChannelSecretInput};
use crate::access::{log_resource, needs, validated};
use crate::audit::{AuditedChannel, Described, Masked};
use crate::users::parse_name;
use crate::{Control, Error, ResourceKind, Result};

impl Control {
    /// Checks whether the caller may create channels in a workspace, or of the whole organization.
    pub async fn authorize_channel(&self, caller: &Caller, workspace_id: Option<WorkspaceId>) -> Result<()> {
        match workspace_id {
            Some(id) => self.enter(caller, id, WorkspaceRole::Admin).await.map(drop)?,
            None => needs_organization(caller)?,
        }
        validated(caller)
    }

    /// Creates a channel.
    pub async fn create_channel(&self, caller: &Caller, input: &ChannelInput) -> Result<NotificationChannel> {
        self.authorize_channel(caller, input.workspace_id).await?;
        let name = required_name(input)?;
        let (target, secret) = input.target(input.kind()?, None)?;
        let rules = input.rules(&ChannelRules::default())?;
        let id = self.inner.environment.id(ChannelId::new)?;
        let secret = match secret {
            ChannelSecretInput::Replace(secret) => {
                let owner = SecretOwner::Channel(id);
                Some(self.seal(caller.org_id, owner, &secret.to_plain()).await?)
            }
            ChannelSecretInput::Keep | ChannelSecretInput::Clear => None,
        };
        let new = NewChannel {
            id,
            org_id: caller.org_id,
            workspace_id: input.workspace_id,
            name,
            enabled: input.enabled.unwrap_or(true),
            target,
            secret,
            rules,
        };
        let secret = if new.secret.is_some() { Masked::Replaced } else { Masked::Absent };
        let after = AuditedChannel {
            name: &new.name,
            enabled: new.enabled,
            target: &new.target,
            rules: &new.rules,
            secret,
        };
        let audit = self.audit_of_channel(caller, id, &new.name, new.workspace_id, AuditAction::Created);
        let audit = audit.after(after.described());
        match self.inner.store.insert_channel(&new, MAX_CHANNELS, &audit).await? {
            ChannelInserted::Inserted => {}
            ChannelInserted::WorkspaceNotFound => return Err(Error::NotFound(ResourceKind::Workspace)),
            ChannelInserted::TooMany => {
                return Err(Error::Rule {
                    code: "TOO_MANY_CHANNELS",
                    message: format!(
                        "this organization has {MAX_CHANNELS} notification channels, which is the limit: delete one first"
                    ),
                });
            }
        }
        Ok(NotificationChannel {
            id,
            org_id: new.org_id,
            workspace_id: new.workspace_id,
            name: new.name,
            enabled: new.enabled,
            target: new.target,
            has_secret: new.secret.is_some(),
            rules: new.rules,
            created_at: audit.at,
            updated_at: audit.at,
        })
    }

    /// The channels that the caller may see, newest first: with a workspace, only its channels.
    pub async fn notification_channels(
        &self,
        caller: &Caller,
        workspace_id: Option<WorkspaceId>,
    ) -> Result<Vec<NotificationChannel>> {
        if let Some(id) = workspace_id {
            self.enter(caller, id, WorkspaceRole::Read).await?;
        }
        let mut channels = self.inner.store.channels(caller.org_id).await?;
        channels.retain(|channel| {
            let is_selected = workspace_id.is_none() || channel.workspace_id == workspace_id;
            is_selected && may(caller, channel.workspace_id, WorkspaceRole::Read).is_ok()
        });
        Ok(channels)
    }

    /// A channel that the caller may reach with a role in its workspace. One of the whole organization needs a role
    /// there.
    pub(super) async fn reach_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
        needed: WorkspaceRole,
    ) -> Result<NotificationChannel> {
        let found = self.inner.store.channel(caller.org_id, id).await?;
        let channel = found.ok_or(Error::NotFound(ResourceKind::NotificationChannel))?;
        may(caller, channel.workspace_id, needed)?;
        log_resource(id, channel.name.as_str());
        Ok(channel)
    }

    /// Changes a channel. Its kind and workspace stay.
    pub async fn update_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
        input: &ChannelInput,
    ) -> Result<NotificationChannel> {
        let before = self.reach_channel(caller, id, WorkspaceRole::Admin).await?;
        validated(caller)?;
        refuse_newer_rules(&before)?;
        let kind = before.target.kind();
        if input.kind.is_some() && input.kind()? != kind {
            return Err(Error::field("kind", "can't be changed: delete the channel and create another one"));
        }
        if let Some(id) = input.workspace_id.filter(|id| before.workspace_id != Some(*id)) {
            self.enter(caller, id, WorkspaceRole::Read).await?;
            return Err(Error::field(
                "workspaceId",
                "can't be changed: create a channel in the other workspace",
            ));
        }
        let name = if input.name.is_some() { required_name(input)? } else { before.name.clone() };
        let (target, secret) = input.target(kind, Some(&before.target))?;
        let (secret, masked) = self.sealed_change(caller, id, &before, secret).await?;
        let enabled = input.enabled.unwrap_or(before.enabled);
        let update = ChannelUpdate { name, enabled, target, secret, rules: input.rules(&before.rules)? };
        let after = AuditedChannel {
            name: &update.name,
            enabled: update.enabled,
            target: &update.target,
            rules: &update.rules,
            secret: masked,
        };
        let audit = self
            .audit_of_channel(caller, id, &update.name, before.workspace_id, AuditAction::Updated)
            .before(AuditedChannel::of(&before).described())
            .after(after.described());
        if !self.inner.store.update_channel(caller.org_id, id, &update, &audit).await? {
            return Err(Error::NotFound(ResourceKind::NotificationChannel));
        }
        self.inner.outbox.notify_waiters();
        let found = self.inner.store.channel(caller.org_id, id).await?;
        found.ok_or(Error::NotFound(ResourceKind::NotificationChannel))
    }

    async fn sealed_change(
        &self,
        caller: &Caller,
        id: ChannelId,
        before: &NotificationChannel,
        secret: ChannelSecretInput,
    ) -> Result<(SecretUpdate, Masked)> {
        Ok(match secret {
            ChannelSecretInput::Keep => (SecretUpdate::Keep, Masked::stored(before.has_secret)),
            ChannelSecretInput::Clear => (SecretUpdate::Clear, Masked::Absent),
            ChannelSecretInput::Replace(secret) => {
                let owner = SecretOwner::Channel(id);
                let secret: StoredSecret = self.seal(caller.org_id, owner, &secret.to_plain()).await?;
                (SecretUpdate::Replace { secret, expires_at: None }, Masked::Replaced)
            }
        })
    }

    /// Deletes a channel. Messages that wait are not sent.
    pub async fn delete_channel(&self, caller: &Caller, id: ChannelId) -> Result<()> {
        let channel = self.reach_channel(caller, id, WorkspaceRole::Admin).await?;
        validated(caller)?;
        let audit = self
            .audit_of_channel(caller, id, &channel.name, channel.workspace_id, AuditAction::Deleted)
            .before(AuditedChannel::of(&channel).described());
        if self.inner.store.delete_channel(caller.org_id, id, &audit).await? {
            Ok(())
        } else {
            Err(Error::NotFound(ResourceKind::NotificationChannel))
        }
    }

    fn audit_of_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
        name: &Name,
        workspace_id: Option<WorkspaceId>,
        action: AuditAction,
    ) -> AuditEntry {
        let mut audit = self.audit_of(caller, AuditKind::NotificationChannel, action).of(id, name);
        audit.target.workspace_id = workspace_id;
        audit
    }
}

/// A change stores all rules, and would lose those that this version can't read.
fn refuse_newer_rules(channel: &NotificationChannel) -> Result<()> {
    if !channel.rules.has_newer() {
        return Ok(());
    }
    Err(Error::Rule {
        code: "NEWER_RULES",
        message: "a newer version of Bucketry has stored rules of this channel that this server doesn't know, and would lose: change \
                  the channel at a server of that version, or upgrade this server"
            .to_owned(),
    })
}

fn required_name(input: &ChannelInput) -> Result<Name> {
    let text = input.name.as_deref().ok_or_else(|| Error::field("name", "is required"))?;
    let mut wrong = Vec::new();
    parse_name("name", text, &mut wrong).ok_or(Error::Invalid(wrong))
}

fn needs_organization(caller: &Caller) -> Result<()> {
    if caller.may_in_org(OrgRole::Administrators) {
        return Ok(());
    }
    Err(Error::Forbidden(
        "notifications of the whole organization need the organization role ADMINISTRATORS or higher: name a workspace"
            .to_owned(),
    ))
}

/// Refuses a caller without the role in the workspace, or in the organization if there is no workspace.
pub(super) fn may(caller: &Caller, workspace_id: Option<WorkspaceId>, needed: WorkspaceRole) -> Result<()> {
    match workspace_id {
        Some(id) => needs(caller, id, needed),
        None => needs_organization(caller),
    }
}
