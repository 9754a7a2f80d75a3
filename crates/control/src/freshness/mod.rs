//! Freshness rules: how old the newest object under a prefix of a bucket may be. `checks` lets nodes look.

mod checks;

use bucketry_model::audit::{AuditAction, AuditDetail, AuditEntry, AuditKind};
use bucketry_model::bucket::Bucket;
use bucketry_model::freshness::{FreshnessRule, InvalidFreshness, MAX_RULES};
use bucketry_model::id::BucketId;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::freshness::{FreshnessSet, StoredFreshness};

use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

/// A rule as a request contains it.
#[derive(Debug, Clone, Default)]
pub struct FreshnessInput {
    /// Only keys that begin with this count. The default is all keys.
    pub prefix: Option<String>,
    /// Smaller objects don't count. The default is 1 byte.
    pub min_bytes: Option<i64>,
    /// How old the newest object may be, in seconds.
    pub max_age_seconds: Option<i64>,
}

impl FreshnessInput {
    fn rule(&self) -> Result<FreshnessRule> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let max_age = self.max_age_seconds.unwrap_or_default();
        FreshnessRule::new(prefix, self.min_bytes.unwrap_or(1), max_age).map_err(|error| {
            let field = match error {
                InvalidFreshness::Prefix => "prefix",
                InvalidFreshness::MinBytes => "minBytes",
                InvalidFreshness::MaxAge => "maxAgeSeconds",
            };
            Error::field(field, error)
        })
    }
}

impl Control {
    /// Returns the rules of a bucket with what their last checks found, by prefix.
    pub async fn freshness_rules(&self, caller: &Caller, id: BucketId) -> Result<Vec<StoredFreshness>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        Ok(self.inner.store.freshness_rules(id).await?)
    }

    /// Sets the rule for a prefix. It replaces one for the same prefix, and is checked soon.
    pub async fn set_freshness_rule(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &FreshnessInput,
    ) -> Result<Vec<StoredFreshness>> {
        let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let rule = input.rule()?;
        let audit = self.audit_of_freshness(caller, &bucket).after(AuditDetail::new(&serde_json::json!({
            "freshness": {
                "prefix": rule.prefix, "minBytes": rule.min_bytes, "maxAgeSeconds": rule.max_age.as_secs(),
            },
        })));
        match self.inner.store.set_freshness_rule(caller.org_id, id, &rule, &audit).await? {
            FreshnessSet::Set => {}
            FreshnessSet::NotFound => return Err(Error::NotFound(ResourceKind::Bucket)),
            FreshnessSet::TooMany => {
                let message =
                    format!("the bucket has {MAX_RULES} freshness rules, the most that it may have");
                return Err(Error::field("prefix", format!("can't have a rule: {message}")));
            }
        }
        self.freshness_rules(caller, id).await
    }

    /// Removes the rule for a prefix.
    pub async fn remove_freshness_rule(&self, caller: &Caller, id: BucketId, prefix: &str) -> Result<()> {
        let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let removed = serde_json::json!({ "freshness": { "prefix": prefix } });
        let audit = self.audit_of_freshness(caller, &bucket).before(AuditDetail::new(&removed));
        if self.inner.store.remove_freshness_rule(caller.org_id, id, prefix, &audit).await? {
            return Ok(());
        }
        Err(Error::field("prefix", "has no rule: the list of rules shows which prefixes have one"))
    }

    fn audit_of_freshness(&self, caller: &Caller, bucket: &Bucket) -> AuditEntry {
        self.audit_of(caller, AuditKind::Bucket, AuditAction::Updated)
            .of(bucket.id, &bucket.name)
            .in_workspace(bucket.workspace_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_field_that_is_wrong() {
        let input = |min_bytes, max_age_seconds, prefix: &str| FreshnessInput {
            prefix: Some(prefix.to_owned()),
            min_bytes,
            max_age_seconds,
        };
        assert_eq!(input(None, Some(3_600), "a/").rule().unwrap().min_bytes, 1);
        for (input, field) in [
            (input(None, None, "a/"), "maxAgeSeconds"),
            (input(Some(-1), Some(3_600), "a/"), "minBytes"),
            (input(None, Some(3_600), "a\n"), "prefix"),
        ] {
            let Err(Error::Invalid(fields)) = input.rule() else { panic!("{input:?}") };
            assert_eq!(fields[0].field, field);
        }
    }
}
