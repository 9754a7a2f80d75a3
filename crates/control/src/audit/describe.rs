//! How records describe resources: the fields that the API returns, with secrets masked.

use bucketry_model::audit::AuditDetail;
use bucketry_model::bucket::{Bucket, BucketLocation};
use bucketry_model::id::WorkspaceId;
use bucketry_model::name::Name;
use bucketry_model::node_protocol::Register;
use bucketry_model::notification::{ChannelRules, ChannelTarget};
use bucketry_model::pinning::BucketPins;
use bucketry_model::repository::{KeyAccess, Repository, RepositoryBucket, RepositoryKey, RepositoryMode};
use bucketry_model::role::{OrgRole, TokenScope, WorkspaceRole};
use bucketry_store::notification_channel::NotificationChannel;
use bucketry_store::organization::NewOrganization;
use bucketry_store::repository::{NewRepository, RepositoryUpdate};
use bucketry_store::token::NewToken;
use bucketry_store::user::{NewUser, User, UserChanges};
use serde_json::{Value, json};

/// What stands in a record for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masked {
    /// None is stored.
    Absent,
    /// One is stored, and the change doesn't touch it.
    Present,
    /// The change stores a new one.
    Replaced,
}

impl Masked {
    /// Absent or present.
    pub(crate) fn stored(is_stored: bool) -> Self {
        if is_stored { Self::Present } else { Self::Absent }
    }

    fn value(self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Present => json!("***"),
            Self::Replaced => json!("*** (new)"),
        }
    }
}

/// A resource that records describe.
pub(crate) trait Described {
    /// The resource's fields, without secrets.
    fn described(&self) -> AuditDetail;
}

/// A bucket.
pub(crate) struct AuditedBucket<'a> {
    pub(crate) name: &'a Name,
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) location: &'a BucketLocation,
    pub(crate) secret: Masked,
    pub(crate) pinned_to: &'a BucketPins,
}

impl<'a> AuditedBucket<'a> {
    /// A bucket as it is stored.
    pub(crate) fn of(bucket: &'a Bucket) -> Self {
        Self {
            name: &bucket.name,
            workspace_id: bucket.workspace_id,
            location: &bucket.location,
            secret: Masked::stored(bucket.secret.is_some()),
            pinned_to: &bucket.pinned_to,
        }
    }
}

impl Described for AuditedBucket<'_> {
    fn described(&self) -> AuditDetail {
        let location = self.location;
        AuditDetail::new(&json!({
            "name": self.name.as_str(),
            "workspaceId": self.workspace_id,
            "storageType": location.storage_type.as_str(),
            "bucket": location.bucket,
            "key": location.key,
            "endpoint": location.endpoint.as_ref().map(ToString::to_string),
            "region": location.region,
            "secret": self.secret.value(),
            "pinnedTo": if self.pinned_to.is_empty() { Value::Null } else { json!(self.pinned_to) },
        }))
    }
}

fn repository(
    name: &Name,
    workspace_id: WorkspaceId,
    mode: RepositoryMode,
    buckets: &[RepositoryBucket],
) -> AuditDetail {
    let bucket = |one: &RepositoryBucket| json!({ "id": one.bucket_id, "folder": one.folder.as_str(), "master": one.master });
    AuditDetail::new(&json!({
        "name": name.as_str(),
        "workspaceId": workspace_id,
        "mode": mode.as_str(),
        "buckets": buckets.iter().map(bucket).collect::<Vec<_>>(),
    }))
}

impl Described for Repository {
    fn described(&self) -> AuditDetail {
        repository(&self.name, self.workspace_id, self.mode, &self.buckets)
    }
}

impl Described for NewRepository {
    fn described(&self) -> AuditDetail {
        repository(&self.name, self.workspace_id, self.mode, &self.buckets)
    }
}

impl Described for RepositoryUpdate {
    fn described(&self) -> AuditDetail {
        repository(&self.name, self.workspace_id, self.mode, &self.buckets)
    }
}

/// A key of a repository.
pub(crate) struct AuditedKey<'a> {
    pub(crate) name: &'a Name,
    pub(crate) access: KeyAccess,
    /// The access key id.
    pub(crate) key: Option<&'a str>,
}

impl Described for AuditedKey<'_> {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({
            "name": self.name.as_str(),
            "accessType": self.access.as_str(),
            "key": self.key,
        }))
    }
}

impl Described for RepositoryKey {
    fn described(&self) -> AuditDetail {
        AuditedKey { name: &self.name, access: self.access, key: Some(&self.key) }.described()
    }
}

/// A notification channel.
pub(crate) struct AuditedChannel<'a> {
    pub(crate) name: &'a Name,
    pub(crate) enabled: bool,
    pub(crate) target: &'a ChannelTarget,
    pub(crate) rules: &'a ChannelRules,
    pub(crate) secret: Masked,
}

impl<'a> AuditedChannel<'a> {
    /// A channel as it is stored.
    pub(crate) fn of(channel: &'a NotificationChannel) -> Self {
        Self {
            name: &channel.name,
            enabled: channel.enabled,
            target: &channel.target,
            rules: &channel.rules,
            secret: Masked::stored(channel.has_secret),
        }
    }
}

impl Described for AuditedChannel<'_> {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({
            "name": self.name.as_str(),
            "enabled": self.enabled,
            "target": self.target,
            "rules": self.rules,
            "secret": self.secret.value(),
        }))
    }
}

fn user(email: &str, first_name: &Name, last_name: &Name, role: OrgRole, password: Masked) -> AuditDetail {
    AuditDetail::new(&json!({
        "email": email,
        "firstName": first_name.as_str(),
        "lastName": last_name.as_str(),
        "orgRole": role.as_str(),
        "password": password.value(),
    }))
}

impl Described for User {
    fn described(&self) -> AuditDetail {
        user(&self.email, &self.first_name, &self.last_name, self.org_role, Masked::Present)
    }
}

impl Described for NewUser {
    fn described(&self) -> AuditDetail {
        user(&self.email, &self.first_name, &self.last_name, self.org_role, Masked::Replaced)
    }
}

/// A user with changes.
pub(crate) struct ChangedUser<'a>(pub(crate) &'a User, pub(crate) &'a UserChanges);

impl Described for ChangedUser<'_> {
    fn described(&self) -> AuditDetail {
        let Self(before, changes) = self;
        user(
            &before.email,
            changes.first_name.as_ref().unwrap_or(&before.first_name),
            changes.last_name.as_ref().unwrap_or(&before.last_name),
            changes.org_role.unwrap_or(before.org_role),
            if changes.password.is_some() { Masked::Replaced } else { Masked::Present },
        )
    }
}

impl Described for NewToken {
    fn described(&self) -> AuditDetail {
        let scope = |scope: &TokenScope| json!({ "workspaceId": scope.workspace_id, "role": scope.role });
        AuditDetail::new(&json!({
            "name": self.name,
            "scope": self.scope.as_ref().map(scope),
            "expiresAt": self.expires_at.map(|at| at.to_string()),
        }))
    }
}

impl Described for Name {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({ "name": self.as_str() }))
    }
}

impl Described for NewOrganization {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({ "name": self.name.as_str(), "owner": self.owner.email }))
    }
}

impl Described for WorkspaceRole {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({ "role": self }))
    }
}

impl Described for Register {
    fn described(&self) -> AuditDetail {
        AuditDetail::new(&json!({
            "ip": self.ip,
            "region": self.region,
            "provider": self.provider,
            "version": self.version,
            "recipients": self.recipients,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_by_whether_one_is_stored() {
        let name = Name::parse("Photos").unwrap();
        let location = BucketLocation {
            storage_type: bucketry_model::bucket::StorageType::S3,
            bucket: "photos".to_owned(),
            key: Some("AKIAEXAMPLE".to_owned()),
            endpoint: None,
            region: None,
        };
        let workspace_id = WorkspaceId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        let of = |secret| {
            let pinned_to = &BucketPins::default();
            let fields = AuditedBucket { name: &name, workspace_id, location: &location, secret, pinned_to };
            let read: Value = serde_json::from_str(fields.described().as_text()).unwrap();
            read["secret"].clone()
        };
        assert_eq!(of(Masked::stored(false)), Value::Null);
        assert_eq!(of(Masked::stored(true)), "***");
        assert_eq!(of(Masked::Replaced), "*** (new)");
    }
}
