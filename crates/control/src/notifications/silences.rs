//! Times in which channels aren't notified.

use bucketry_model::audit::{AuditAction, AuditDetail, AuditEntry, AuditKind};
use bucketry_model::id::{BucketId, ChannelId, OrgId, SilenceId, WorkspaceId};
use bucketry_model::inventory::DailyWindow;
use bucketry_model::name::MAX_NAME_CHARS;
use bucketry_model::notification::{
    MAX_SILENCES, NotificationSilence, SilencedPart, clean, code_of, code_text,
};
use bucketry_model::role::{Caller, WorkspaceRole};
use jiff::{SignedDuration, Timestamp};

use super::channels::may;
use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

/// The longest silence.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A silence as sent.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct SilenceInput {
    pub workspace_id: Option<WorkspaceId>,
    pub channel_id: Option<ChannelId>,
    pub code: Option<String>,
    pub bucket_id: Option<BucketId>,
    /// `None` for now.
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub window: Option<String>,
    pub comment: Option<String>,
}

impl Control {
    /// Checks whether the caller may create this silence.
    pub async fn authorize_silence(&self, caller: &Caller, input: &SilenceInput) -> Result<()> {
        self.silenced_workspace(caller, input).await.map(drop)
    }

    /// The workspace that a silence is about: that of its bucket or channel, if it names no other.
    async fn silenced_workspace(&self, caller: &Caller, input: &SilenceInput) -> Result<Option<WorkspaceId>> {
        let mut workspace_id = input.workspace_id;
        if let Some(id) = workspace_id {
            self.enter(caller, id, WorkspaceRole::Write).await?;
        }
        if let Some(id) = input.bucket_id {
            let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
            workspace_id = workspace_id.or(Some(bucket.workspace_id));
        }
        if let Some(id) = input.channel_id {
            let channel = self.reach_channel(caller, id, WorkspaceRole::Write).await?;
            workspace_id = workspace_id.or(channel.workspace_id);
        }
        may(caller, workspace_id, WorkspaceRole::Write)?;
        validated(caller)?;
        Ok(workspace_id)
    }

    /// Creates a silence.
    pub async fn create_silence(&self, caller: &Caller, input: &SilenceInput) -> Result<NotificationSilence> {
        let workspace_id = self.silenced_workspace(caller, input).await?;
        let now = self.inner.environment.now();
        let code = input.code.as_deref().filter(|text| !text.trim().is_empty()).map(code_of).transpose();
        let starts_at = input.starts_at.unwrap_or(now);
        let ends_at = input.ends_at.ok_or_else(|| Error::field("endsAt", "is required"))?;
        if ends_at <= now || ends_at <= starts_at {
            return Err(Error::field("endsAt", "must be in the future and after `startsAt`"));
        }
        if ends_at.duration_since(starts_at.max(now)) > LONGEST {
            return Err(Error::field("endsAt", "must be at most 366 days after the start"));
        }
        let window = input.window.as_deref().filter(|text| !text.trim().is_empty());
        let window: Option<DailyWindow> = window
            .map(|text| text.trim().parse().map_err(|error| Error::field("window", error)))
            .transpose()?;
        let silence = NotificationSilence {
            id: self.inner.environment.id(SilenceId::new)?,
            org_id: caller.org_id,
            part: SilencedPart {
                workspace_id,
                channel_id: input.channel_id,
                code: code.map_err(|error| Error::field("code", error))?,
                bucket_id: input.bucket_id,
            },
            starts_at,
            ends_at,
            window,
            comment: clean(input.comment.as_deref().unwrap_or_default().trim(), MAX_NAME_CHARS),
            created_by: caller.email.clone(),
            created_at: now,
        };
        let audit = self.audit_of_silence(caller, &silence, AuditAction::Created).after(described(&silence));
        if self.inner.store.insert_notification_silence(&silence, MAX_SILENCES, &audit).await? {
            return Ok(silence);
        }
        Err(Error::Rule {
            code: "TOO_MANY_SILENCES",
            message: format!(
                "this organization has {MAX_SILENCES} silences, which is the limit: delete one first"
            ),
        })
    }

    /// The silences that the caller may see and that haven't ended, newest first: with a workspace, only those about it.
    pub async fn notification_silences(
        &self,
        caller: &Caller,
        workspace_id: Option<WorkspaceId>,
    ) -> Result<Vec<NotificationSilence>> {
        if let Some(id) = workspace_id {
            self.enter(caller, id, WorkspaceRole::Read).await?;
        }
        let now = self.inner.environment.now();
        let mut silences = self.inner.store.notification_silences(caller.org_id, now).await?;
        silences.retain(|silence| {
            let about = silence.part.workspace_id;
            (workspace_id.is_none() || about == workspace_id)
                && may(caller, about, WorkspaceRole::Read).is_ok()
        });
        Ok(silences)
    }

    /// Ends a silence by deleting it.
    pub async fn delete_silence(&self, caller: &Caller, id: SilenceId) -> Result<()> {
        let missing = Error::NotFound(ResourceKind::NotificationSilence);
        let now = self.inner.environment.now();
        let silences = self.inner.store.notification_silences(caller.org_id, now).await?;
        let Some(silence) = silences.into_iter().find(|silence| silence.id == id) else {
            return Err(missing);
        };
        may(caller, silence.part.workspace_id, WorkspaceRole::Write)?;
        validated(caller)?;
        let audit = self.audit_of_silence(caller, &silence, AuditAction::Deleted).before(described(&silence));
        let deleted = self.inner.store.delete_notification_silence(caller.org_id, id, &audit).await?;
        if deleted { Ok(()) } else { Err(missing) }
    }

    /// The silences of an organization that apply now.
    pub(super) async fn active_silences(&self, org_id: OrgId) -> Result<Vec<NotificationSilence>> {
        let now = self.inner.environment.now();
        let mut silences = self.inner.store.notification_silences(org_id, now).await?;
        silences.retain(|silence| silence.is_active(now));
        Ok(silences)
    }

    fn audit_of_silence(
        &self,
        caller: &Caller,
        silence: &NotificationSilence,
        action: AuditAction,
    ) -> AuditEntry {
        let mut audit =
            self.audit_of(caller, AuditKind::NotificationSilence, action).of(silence.id, &silence.comment);
        audit.target.workspace_id = silence.part.workspace_id;
        audit
    }
}

fn described(silence: &NotificationSilence) -> AuditDetail {
    AuditDetail::new(&serde_json::json!({
        "workspaceId": silence.part.workspace_id,
        "channelId": silence.part.channel_id,
        "code": silence.part.code.map(code_text),
        "bucketId": silence.part.bucket_id,
        "startsAt": silence.starts_at.to_string(),
        "endsAt": silence.ends_at.to_string(),
        "window": silence.window,
        "comment": silence.comment,
    }))
}
