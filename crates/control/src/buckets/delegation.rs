//! Delegated access: the node assumes a role or a service account of the bucket's owner, so no key is handed over.
//!
//! Nodes that serve several organizations are the "confused deputy" that AWS warns of: anyone who guesses the name
//! of someone else's role could make the node use it. AWS's remedy is the external id, which the role's trust
//! policy requires. Bucketry assigns it, one per organization. Google has no equivalent, so shared nodes are
//! refused there.

use bucketry_model::bucket::{Bucket, BucketLocation};
use bucketry_model::hex;
use bucketry_model::id::OrgId;
use bucketry_model::node::serves;
use bucketry_model::provider::Provider;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::Secret;

use super::credential_fields::SecretInput;
use super::delegated_identity::{is_impersonation, is_role};
use super::input::LocationChanges;
use super::stored_secret::moved;
use crate::access::needs;
use crate::{Control, Error, ResourceKind, Result};

/// The prefix of every external id, so that people recognise it in a trust policy.
const PREFIX: &str = "bucketry-";

/// A trust policy that lets the nodes assume a role, and only on behalf of this organization.
fn trust_policy(external_id: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": "ARN-OF-THE-NODES-IDENTITY" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }],
    })
    .to_string()
}

fn foreign_external_id(own: &str) -> Error {
    let policy = trust_policy(own);
    let message = format!(
        "must be empty or this organization's external id, {own}, because the key is a role: with an id that others can \
         choose too, they could use the role. Use this trust policy for the role: {policy}"
    );
    Error::field("secret", message)
}

impl Control {
    /// The external id that the organization's roles must require. It is created when first needed and never
    /// changes.
    pub async fn aws_external_id(&self, org_id: OrgId) -> Result<String> {
        let random: [u8; 20] = self.inner.environment.random()?;
        let new = format!("{PREFIX}{}", hex::encode(&random));
        let id = self.inner.store.aws_external_id(org_id, &new).await?;
        id.ok_or(Error::NotFound(ResourceKind::Organization))
    }

    /// A new bucket's secret under the rules of delegated access: for a role, it is the external id and nothing
    /// else.
    pub(super) async fn delegated_secret(
        &self,
        caller: &Caller,
        location: &BucketLocation,
        secret: Option<Secret>,
    ) -> Result<Option<Secret>> {
        if is_role(location) {
            let own = self.aws_external_id(caller.org_id).await?;
            if secret.is_some_and(|given| given.expose() != own) {
                return Err(foreign_external_id(&own));
            }
            self.may_take_on(caller, location).await?;
            return Ok(Some(Secret::new(own)));
        }
        if is_impersonation(location, secret.is_some()) {
            self.may_impersonate(caller.org_id).await?;
            self.may_take_on(caller, location).await?;
        }
        Ok(secret)
    }

    /// Like [`Self::delegated_secret`], for changes to a bucket.
    pub(super) async fn delegated_changes(
        &self,
        caller: &Caller,
        stored: &Bucket,
        changes: LocationChanges,
    ) -> Result<LocationChanges> {
        let LocationChanges { location, secret } = changes;
        let (was_role, is_role) = (is_role(&stored.location), is_role(&location));
        let stays = moved(&stored.location, &location).is_empty();
        let secret = match (is_role, secret) {
            (true, SecretInput::Keep | SecretInput::Clear) if stays && stored.secret.is_some() => {
                SecretInput::Keep
            }
            (true, secret) => {
                let given = match secret {
                    SecretInput::Replace(given) => Some(given),
                    SecretInput::Keep | SecretInput::Clear => None,
                };
                let own = self.delegated_secret(caller, &location, given).await?;
                own.map_or(SecretInput::Clear, SecretInput::Replace)
            }
            (false, SecretInput::Keep) if was_role => {
                return Err(Error::field("secret", "is required, because the key is no longer a role"));
            }
            (false, secret) => secret,
        };
        let has_secret = match &secret {
            SecretInput::Keep => stored.secret.is_some(),
            SecretInput::Replace(_) => true,
            SecretInput::Clear => false,
        };
        if is_impersonation(&location, has_secret) {
            if location.key != stored.location.key || stored.secret.is_some() {
                self.may_impersonate(stored.org_id).await?;
            }
            if !stays || stored.secret.is_some() {
                self.may_take_on(caller, &location).await?;
            }
        }
        Ok(LocationChanges { location, secret })
    }

    /// Refuses an identity that the caller may not have the nodes assume for a bucket. The caller enters no secret
    /// and so proves nothing: the identity must not open a bucket in a workspace where the caller has no write
    /// access.
    async fn may_take_on(&self, caller: &Caller, location: &BucketLocation) -> Result<()> {
        let key = location.key.as_deref().unwrap_or_default();
        let sharing = self
            .inner
            .store
            .buckets_sharing(caller.org_id, location.storage_type, &location.bucket, key)
            .await?;
        let provider = |at: &BucketLocation| Provider::recognise(at.storage_type, at.endpoint.as_ref());
        let is_foreign = |workspace_id| needs(caller, workspace_id, WorkspaceRole::Write).is_err();
        let opens_others = sharing.iter().any(|other| {
            let concerned =
                other.location.key.as_deref() == Some(key) || provider(&other.location) == provider(location);
            concerned && is_foreign(other.workspace_id)
        });
        if opens_others {
            return Err(Error::field(
                "key",
                "names an identity that nodes assume without a secret, and this identity or this `bucket` is used by a \
                 workspace in which you don't have the role WRITE: ask somebody who has it in both workspaces, or enter an \
                 access key of your own",
            ));
        }
        Ok(())
    }

    /// Refuses service accounts unless the nodes belong to the organization or serve no other one.
    async fn may_impersonate(&self, org_id: OrgId) -> Result<()> {
        let nodes = self.known_nodes().await?;
        let shared = nodes.iter().any(|node| serves(node, org_id) && node.org_id.is_none());
        if !shared || self.inner.store.organizations(2).await?.len() < 2 {
            return Ok(());
        }
        Err(Error::field(
            "secret",
            "is required, because the nodes of this deployment serve several organizations, and each of them could name a \
             service account that trusts the nodes: send the service account's key",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trust_policy_asks_for_the_external_id() {
        let policy: serde_json::Value = serde_json::from_str(&trust_policy("bucketry-1")).unwrap();
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(condition["StringEquals"]["sts:ExternalId"], "bucketry-1");
    }
}
