//! Which findings a channel is notified about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::FindingCode;

/// The longest time that a condition may have to last before it is sent, in minutes: one week.
pub const MAX_AFTER_MINUTES: u32 = 10_080;
/// The longest time before the end of a credential in which it is sent, in days.
pub const MAX_WITHIN_DAYS: u16 = 14;

/// A kind of finding that a channel is notified about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRule {
    /// The kind of finding.
    pub code: FindingCode,
    /// How long the condition must last until it is sent, in minutes, if that is longer than the finding's own time.
    pub after_minutes: u32,
    /// For [`FindingCode::CredentialExpiring`]: how many days before its end. `None` for as early as it is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<u16>,
}

/// The text is not a code of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a code of findings, such as BUCKET_OFFLINE or NODE_SILENT")]
pub struct UnknownFindingCode;

/// The name of a code on the wire and in the database.
pub fn code_text(code: FindingCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The code of that name.
pub fn code_of(text: &str) -> Result<FindingCode, UnknownFindingCode> {
    let text = text.trim().to_ascii_uppercase().replace('-', "_");
    serde_json::from_value(text.into()).map_err(|_| UnknownFindingCode)
}

/// Why a list of rules is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// Two rules are about the same code.
    #[error("must have each code only once")]
    Repeated,
    /// The time is too long.
    #[error("must have afterMinutes from 0 to {MAX_AFTER_MINUTES} (1 week)")]
    After,
    /// The number of days is out of range, or the rule is about something that has no end.
    #[error("must have withinDays from 1 to {MAX_WITHIN_DAYS}, and only for CREDENTIAL_EXPIRING")]
    Within,
    /// Nobody can be notified about the session of the person who looks.
    #[error("must not contain SESSION_INVALID, which only the command line finds")]
    Session,
}

/// The rules of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "StoredChannelRules")]
pub struct ChannelRules {
    /// `None` for the usual ones.
    rules: Option<Vec<ChannelRule>>,
    /// Whether a message is sent when a condition ends.
    pub send_resolved: bool,
    #[serde(skip)]
    has_newer: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredChannelRules {
    rules: Option<Vec<Value>>,
    send_resolved: bool,
}

impl From<StoredChannelRules> for ChannelRules {
    fn from(StoredChannelRules { rules: stored, send_resolved }: StoredChannelRules) -> Self {
        let count = stored.as_ref().map(Vec::len);
        let rules: Option<Vec<ChannelRule>> = stored
            .map(|rules| rules.into_iter().filter_map(|rule| serde_json::from_value(rule).ok()).collect());
        let has_newer = rules.as_ref().map(Vec::len) != count;
        Self { rules, send_resolved, has_newer }
    }
}

/// The usual rules: everything that fails or will fail, outages and silences after five minutes.
const USUAL: [(FindingCode, u32, Option<u16>); 18] = [
    (FindingCode::BucketOffline, 5, None),
    (FindingCode::EndpointOffline, 5, None),
    (FindingCode::NodeIsolated, 5, None),
    (FindingCode::NodeSilent, 5, None),
    (FindingCode::NodeDuplicated, 5, None),
    (FindingCode::PinnedNodesMissing, 5, None),
    (FindingCode::SecretUnreadable, 0, None),
    (FindingCode::CredentialExpiring, 0, Some(14)),
    (FindingCode::CredentialExpired, 0, None),
    (FindingCode::ErrorRateHigh, 5, None),
    (FindingCode::QuotaNear, 0, None),
    (FindingCode::ObjectsStale, 0, None),
    (FindingCode::InventoryOld, 0, None),
    (FindingCode::BackupOld, 0, None),
    (FindingCode::DiskFull, 0, None),
    (FindingCode::CertificateExpiring, 0, None),
    (FindingCode::CertificateRefused, 0, None),
    (FindingCode::CertificateName, 0, None),
];

impl ChannelRules {
    /// Checks a list of rules. `None` means the usual ones, now and in later versions.
    pub fn new(rules: Option<Vec<ChannelRule>>, send_resolved: bool) -> Result<Self, InvalidRule> {
        for (index, rule) in rules.iter().flatten().enumerate() {
            if rules.iter().flatten().take(index).any(|other| other.code == rule.code) {
                return Err(InvalidRule::Repeated);
            }
            if rule.code == FindingCode::SessionInvalid {
                return Err(InvalidRule::Session);
            }
            if rule.after_minutes > MAX_AFTER_MINUTES {
                return Err(InvalidRule::After);
            }
            let has_end = rule.code == FindingCode::CredentialExpiring;
            if rule.within_days.is_some_and(|days| !has_end || !(1..=MAX_WITHIN_DAYS).contains(&days)) {
                return Err(InvalidRule::Within);
            }
        }
        Ok(Self { rules, send_resolved, has_newer: false })
    }

    /// The rule for a kind of finding, if the channel is notified about it.
    pub fn rule(&self, code: FindingCode) -> Option<ChannelRule> {
        match &self.rules {
            Some(rules) => rules.iter().copied().find(|rule| rule.code == code),
            None => Self::usual().find(|rule| rule.code == code),
        }
    }

    /// All rules that apply.
    pub fn all(&self) -> Vec<ChannelRule> {
        self.rules.clone().unwrap_or_else(|| Self::usual().collect())
    }

    /// Whether they are the usual ones.
    pub fn are_usual(&self) -> bool {
        self.rules.is_none()
    }

    /// Whether there are others, about findings that only a newer version knows. They are left out here, so storing these rules
    /// would lose them.
    pub fn has_newer(&self) -> bool {
        self.has_newer
    }

    fn usual() -> impl Iterator<Item = ChannelRule> {
        USUAL.into_iter().map(|(code, after_minutes, within_days)| ChannelRule {
            code,
            after_minutes,
            within_days,
        })
    }
}

impl Default for ChannelRules {
    fn default() -> Self {
        Self { rules: None, send_resolved: true, has_newer: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(code: FindingCode, after_minutes: u32, within_days: Option<u16>) -> ChannelRule {
        ChannelRule { code, after_minutes, within_days }
    }

    #[test]
    fn the_usual_rules_are_valid_and_may_be_replaced() {
        let usual = ChannelRules::default();
        assert_eq!(usual.rule(FindingCode::BucketOffline).unwrap().after_minutes, 5);
        assert_eq!(usual.rule(FindingCode::BucketUnused), None);
        assert!(ChannelRules::new(Some(usual.all()), true).is_ok());
        let own = ChannelRules::new(Some(vec![rule(FindingCode::BucketUnused, 0, None)]), false).unwrap();
        assert!(
            own.rule(FindingCode::BucketOffline).is_none() && own.rule(FindingCode::BucketUnused).is_some()
        );
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<ChannelRules>(&text).unwrap(), own);
    }

    #[test]
    fn rules_about_findings_of_a_newer_version_are_left_out() {
        let text = r#"{"rules":[{"code":"FROM_THE_FUTURE","afterMinutes":0},{"code":"BUCKET_UNUSED","afterMinutes":7}],"sendResolved":true}"#;
        let read: ChannelRules = serde_json::from_str(text).unwrap();
        assert_eq!(read.all(), [rule(FindingCode::BucketUnused, 7, None)]);
        assert!(read.has_newer());
        for known in [r#"{"rules":null,"sendResolved":true}"#, r#"{"rules":[],"sendResolved":false}"#] {
            assert!(!serde_json::from_str::<ChannelRules>(known).unwrap().has_newer());
        }
    }

    #[test]
    fn codes_read_back_in_either_spelling() {
        assert_eq!(code_text(FindingCode::BucketOffline), "BUCKET_OFFLINE");
        assert_eq!(code_of(" bucket-offline "), Ok(FindingCode::BucketOffline));
        assert_eq!(code_of("bucket"), Err(UnknownFindingCode));
    }

    #[test]
    fn wrong_rules_are_refused_with_the_reason() {
        use FindingCode as C;
        for (rules, error) in [
            (vec![rule(C::BucketOffline, 1, None), rule(C::BucketOffline, 2, None)], InvalidRule::Repeated),
            (vec![rule(C::BucketOffline, 10_081, None)], InvalidRule::After),
            (vec![rule(C::BucketOffline, 1, Some(1))], InvalidRule::Within),
            (vec![rule(C::CredentialExpiring, 0, Some(15))], InvalidRule::Within),
            (vec![rule(C::CredentialExpiring, 0, Some(0))], InvalidRule::Within),
            (vec![rule(C::SessionInvalid, 0, None)], InvalidRule::Session),
        ] {
            assert_eq!(ChannelRules::new(Some(rules), true), Err(error));
        }
        let limits = vec![rule(C::BucketOffline, 10_080, None), rule(C::CredentialExpiring, 0, Some(14))];
        assert!(ChannelRules::new(Some(limits), true).is_ok());
    }
}
