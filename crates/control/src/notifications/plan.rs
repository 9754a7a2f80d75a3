//! What a channel must be notified about: compares what was found with what the channel knows. Pure functions.

use std::collections::{BTreeMap, HashMap, HashSet};

use bucketry_model::finding::{Finding, FindingCode, FindingKey};
use bucketry_model::id::{ChannelId, WorkspaceId};
use bucketry_model::notification::{ChannelRules, MAX_ITEMS, NotificationItem, NotificationSilence};
use bucketry_store::notification::StoredCondition;
use jiff::{SignedDuration, Timestamp};

use crate::findings::CREDENTIAL_WARNING;

/// The longest chain of causes that is followed.
const MOST_CAUSES: usize = 8;

/// What conditions of one message have in common: the code, and the cause that explains all of them but that the
/// channel isn't notified about.
pub(super) type GroupKey = (FindingCode, Option<FindingKey>);

/// Since when conditions of a group wait to be sent. It is only in memory: after a restart, a message may be later by
/// one collection window.
pub(super) type OpenGroups = HashMap<GroupKey, Timestamp>;

/// Everything that decides what a channel is notified about.
pub(super) struct ChannelView<'a> {
    pub(super) channel_id: ChannelId,
    pub(super) workspace_id: Option<WorkspaceId>,
    pub(super) rules: &'a ChannelRules,
    /// Of the whole organization.
    pub(super) findings: &'a [Finding],
    /// Whether a condition that isn't among the findings has ended.
    pub(super) is_complete: bool,
    /// Those that apply now.
    pub(super) silences: &'a [NotificationSilence],
    /// What the channel was notified about.
    pub(super) conditions: &'a [StoredCondition],
    pub(super) now: Timestamp,
    /// How long the first condition of a group waits for others.
    pub(super) window: SignedDuration,
}

/// Conditions that one message reports as begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BegunGroup {
    pub(super) cause: Option<String>,
    /// The first ones have an item for the message.
    pub(super) conditions: Vec<StoredCondition>,
}

/// Conditions that one message reports as resolved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EndedGroup {
    pub(super) conditions: Vec<String>,
    pub(super) items: Vec<NotificationItem>,
}

/// What to store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChannelPlan {
    /// Conditions that aren't found any more.
    pub(super) cleared: Vec<String>,
    /// Conditions that are found again before they were reported as resolved.
    pub(super) found_again: Vec<String>,
    /// Conditions to remove without a message.
    pub(super) dropped: Vec<String>,
    pub(super) begun: Vec<BegunGroup>,
    pub(super) ended: Vec<EndedGroup>,
}

impl ChannelPlan {
    /// Whether a message is to be stored.
    pub(super) fn has_messages(&self) -> bool {
        !self.begun.is_empty() || !self.ended.is_empty()
    }
}

/// Compares what was found with what the channel knows.
pub(super) fn plan(view: &ChannelView<'_>, open: &mut OpenGroups) -> ChannelPlan {
    let mut plan = ChannelPlan::default();
    let found: HashSet<String> =
        view.findings.iter().filter(|one| view.is_in_scope(one)).map(|one| one.key.to_string()).collect();
    view.end(&found, &mut plan);
    view.begin(open, &mut plan);
    plan
}

impl ChannelView<'_> {
    fn is_in_scope(&self, finding: &Finding) -> bool {
        self.workspace_id.is_none() || finding.workspace_id == self.workspace_id
    }

    fn is_silenced(&self, item: &NotificationItem) -> bool {
        self.silences.iter().any(|silence| silence.covers(self.channel_id, item))
    }

    /// What has ended, and what has ended long enough ago to be reported.
    fn end(&self, found: &HashSet<String>, plan: &mut ChannelPlan) {
        let mut ended: BTreeMap<FindingCode, (Timestamp, EndedGroup)> = BTreeMap::new();
        for condition in self.conditions {
            let key = &condition.condition;
            let has_rule = self.rules.rule(condition.code).is_some();
            let lasts = has_rule && (found.contains(key) || !self.is_complete);
            let since = match (lasts, condition.cleared_at) {
                (true, None) => continue,
                (true, Some(_)) => {
                    plan.found_again.push(key.clone());
                    continue;
                }
                (false, None) => {
                    plan.cleared.push(key.clone());
                    continue;
                }
                (false, Some(since)) => since,
            };
            if !has_rule || !self.rules.send_resolved {
                plan.dropped.push(key.clone());
                continue;
            }
            if condition.item.as_ref().is_some_and(|item| self.is_silenced(item)) {
                continue;
            }
            let (first, group) = ended.entry(condition.code).or_insert((since, EndedGroup::default()));
            *first = since.min(*first);
            group.conditions.push(key.clone());
            group.items.extend(condition.item.clone());
        }
        let is_due = |(first, _): &(Timestamp, EndedGroup)| has_passed(*first, self.window, self.now);
        plan.ended.extend(ended.into_values().filter(is_due).map(|(_, group)| group));
    }

    /// What has lasted long enough, by group. A group is sent when its first condition has waited for the window.
    fn begin(&self, open: &mut OpenGroups, plan: &mut ChannelPlan) {
        let known: HashSet<&str> = self.conditions.iter().map(|one| one.condition.as_str()).collect();
        let by_key: HashMap<&FindingKey, &Finding> =
            self.findings.iter().map(|one| (&one.key, one)).collect();
        let mut waiting: BTreeMap<GroupKey, Vec<&Finding>> = BTreeMap::new();
        for finding in self.findings.iter().filter(|one| self.is_in_scope(one) && self.is_due(one)) {
            let Explanation::Group(cause) = self.explanation(finding, &by_key) else { continue };
            if known.contains(finding.key.to_string().as_str())
                || self.is_silenced(&NotificationItem::of(finding))
            {
                continue;
            }
            waiting.entry((finding.key.code, cause)).or_default().push(finding);
        }
        // A clock that was set back must not keep a group waiting.
        open.retain(|key, since| waiting.contains_key(key) && *since <= self.now);
        for (key, findings) in waiting {
            let since = *open.entry(key.clone()).or_insert(self.now);
            if has_passed(since, self.window, self.now) {
                open.remove(&key);
                let cause = key.1.map(|cause| describe_cause(&cause, &by_key));
                plan.begun.push(BegunGroup { cause, conditions: self.conditions_of(&findings) });
            }
        }
    }

    fn conditions_of(&self, findings: &[&Finding]) -> Vec<StoredCondition> {
        let condition = |(index, finding): (usize, &&Finding)| StoredCondition {
            condition: finding.key.to_string(),
            code: finding.key.code,
            item: (index < MAX_ITEMS).then(|| NotificationItem::of(finding)),
            alerted_at: self.now,
            cleared_at: None,
        };
        findings.iter().enumerate().map(condition).collect()
    }

    /// Whether the channel is to be notified about a finding, and it has lasted long enough for that.
    fn is_due(&self, finding: &Finding) -> bool {
        let Some(rule) = self.rules.rule(finding.key.code) else { return false };
        let mut wait = finding.visible_after.max(SignedDuration::from_mins(i64::from(rule.after_minutes)));
        if let Some(days) = rule.within_days {
            // Such a finding begins a fixed time before the end of the credential.
            wait = wait.max(CREDENTIAL_WARNING - SignedDuration::from_hours(24 * i64::from(days)));
        }
        finding.since.is_none_or(|since| has_passed(since, wait, self.now))
    }

    /// Whether the channel is notified about a cause of a finding. If it isn't, because the cause is outside of its
    /// workspace or has no rule, findings with the same cause belong together.
    fn explanation(&self, finding: &Finding, by_key: &HashMap<&FindingKey, &Finding>) -> Explanation {
        let mut cause = None;
        let mut next = finding.depends_on.as_ref();
        for _ in 0..MOST_CAUSES {
            let Some(found) = next.and_then(|key| by_key.get(key)) else { break };
            if self.is_in_scope(found) && self.rules.rule(found.key.code).is_some() {
                return Explanation::Notified;
            }
            cause = Some(found.key.clone());
            next = found.depends_on.as_ref();
        }
        Explanation::Group(cause)
    }
}

enum Explanation {
    /// The channel is notified about the cause instead.
    Notified,
    /// It isn't: this is the cause to group by, if there is one.
    Group(Option<FindingKey>),
}

fn describe_cause(key: &FindingKey, by_key: &HashMap<&FindingKey, &Finding>) -> String {
    by_key.get(key).map_or_else(String::new, |cause| {
        let item = NotificationItem::of(cause);
        format!("{}: {}", item.title, item.name)
    })
}

/// Whether a time has passed since a moment. A moment in the future comes from a wrong clock and is long past.
fn has_passed(since: Timestamp, time: SignedDuration, now: Timestamp) -> bool {
    let passed = now.duration_since(since);
    passed >= time || passed < SignedDuration::from_mins(-5)
}

#[cfg(test)]
mod tests;
