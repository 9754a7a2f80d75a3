//! Records of what was refused. They are bounded, so that a client that is refused over and over can't fill the
//! disk: beyond a number per minute, equal refusals become one record with a count.

use std::collections::HashMap;
use std::mem;

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::role::Caller;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::Control;

/// The number of refusals per minute that are recorded one by one, of one actor.
const MOST_OF_ACTOR: u32 = 20;
/// The number of refusals per minute that are recorded one by one, of all actors.
const MOST_OF_ALL: u32 = 120;
/// The number of groups per minute. Refusals beyond them are grouped without their actor.
const MOST_GROUPS: usize = 1_000;

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// The kind of resource that the call is about.
    pub kind: AuditKind,
    /// What the call would have done.
    pub action: AuditAction,
    /// The id in the path, as it was sent.
    pub target_id: Option<String>,
    /// The name of what was called, where there is no id.
    pub target_name: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The stable code of the error.
    pub code: &'static str,
}

/// What makes refusals equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    actor: Option<String>,
    kind: AuditKind,
    action: AuditAction,
    code: String,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    of_all: u32,
    of_actor: HashMap<String, u32>,
    groups: HashMap<Group, AuditEntry>,
}

/// Counts the refusals of the current minute.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Minute>);

/// Somebody who isn't known can send any name, and is told apart by the address.
fn actor_key(entry: &AuditEntry) -> String {
    match (&entry.actor, entry.origin.address) {
        (AuditActor::User { id, .. }, _) => id.to_string(),
        (AuditActor::Unknown(_), Some(address)) => address.to_string(),
        (AuditActor::Unknown(name) | AuditActor::Node(name), _) => name.clone(),
        (AuditActor::Operator | AuditActor::System, _) => String::new(),
    }
}

impl Refusals {
    /// Takes a refusal. Returns the records to store now: this one, or those of an earlier minute.
    fn take(&self, entry: AuditEntry) -> Vec<AuditEntry> {
        let mut minute = self.0.lock();
        let mut due = minute.begin(entry.at);
        let actor = actor_key(&entry);
        if minute.admits(&actor) {
            due.push(entry);
            return due;
        }
        let code = entry.refusal.as_ref().map(|refusal| refusal.code.to_string()).unwrap_or_default();
        let mut group = Group { actor: Some(actor), kind: entry.kind, action: entry.action, code };
        let has_room = minute.groups.len() < MOST_GROUPS || minute.groups.contains_key(&group);
        let times = entry.repeats;
        let mut first = AuditEntry { repeats: 0, ..entry };
        if !has_room {
            group.actor = None;
            first.actor = AuditActor::Unknown("others".to_owned());
        }
        let grouped = minute.groups.entry(group).or_insert(first);
        grouped.repeats = grouped.repeats.saturating_add(times);
        due
    }

    /// The groups of earlier minutes.
    fn due(&self, now: Timestamp) -> Vec<AuditEntry> {
        self.0.lock().begin(now)
    }
}

impl Minute {
    /// Begins the minute of this time, if it is another one. Returns the groups of the previous one.
    fn begin(&mut self, at: Timestamp) -> Vec<AuditEntry> {
        let number = at.as_second().div_euclid(60);
        if self.number == number {
            return Vec::new();
        }
        let previous = mem::replace(self, Self { number, ..Self::default() });
        previous.groups.into_values().collect()
    }

    fn admits(&mut self, actor: &str) -> bool {
        if self.of_all >= MOST_OF_ALL {
            return false;
        }
        let count = self.of_actor.entry(actor.to_owned()).or_default();
        if *count >= MOST_OF_ACTOR {
            return false;
        }
        *count += 1;
        self.of_all += 1;
        true
    }
}

impl Control {
    /// Records that a call was refused.
    pub async fn record_refused_call(&self, caller: &Caller, call: RefusedCall) {
        let mut entry = self.audit_of(caller, call.kind, call.action).refused(call.status, call.code);
        entry.target.id = call.target_id;
        entry.target.name = call.target_name;
        self.record_refusal(entry).await;
    }

    /// Records a refusal. If that fails, the log has it: the caller is refused anyway.
    pub(crate) async fn record_refusal(&self, entry: AuditEntry) {
        let due = self.inner.refusals.take(entry);
        self.store_refusals(due).await;
    }

    /// Records the groups of minutes that have ended.
    pub(crate) async fn record_due_refusals(&self) {
        let due = self.inner.refusals.due(self.inner.environment.now());
        self.store_refusals(due).await;
    }

    async fn store_refusals(&self, mut due: Vec<AuditEntry>) {
        if due.is_empty() {
            return;
        }
        for entry in due.iter_mut().filter(|entry| entry.target.name.is_none()) {
            entry.target.name = self.name_of_target(entry).await;
        }
        if let Err(error) = self.inner.store.record(&due).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                lost = due.len(),
                "records of refusals could not be stored"
            );
        }
    }

    /// The name of the bucket, repository or workspace that a refused call was about. If it can't be read, the record still
    /// has the id.
    async fn name_of_target(&self, entry: &AuditEntry) -> Option<String> {
        let (org_id, id) = (entry.org_id?, entry.target.id.as_deref()?);
        let store = &self.inner.store;
        let name = match entry.kind {
            AuditKind::Bucket => store.buckets_ever(org_id, &[id.parse().ok()?]).await.ok()?.pop()?.name,
            AuditKind::Repository => store.repository(org_id, id.parse().ok()?).await.ok()??.name,
            AuditKind::Workspace => store.workspace(org_id, id.parse().ok()?).await.ok()??.name,
            _ => return None,
        };
        Some(name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn refusal(address: u8, at: Timestamp) -> AuditEntry {
        let actor = AuditActor::Unknown("somebody@example.com".to_owned());
        let mut entry = AuditEntry::new(at, actor, AuditKind::Session, AuditAction::SignedIn);
        entry.origin.address = Some([192, 0, 2, address].into());
        entry.refused(401, "INVALID_PASSWORD")
    }

    #[test]
    fn an_actor_fills_a_bounded_number_of_records_and_the_rest_is_counted() {
        let refusals = Refusals::default();
        let start = Timestamp::UNIX_EPOCH;
        let stored: usize = (0..10_000).map(|_| refusals.take(refusal(1, start)).len()).sum();
        assert_eq!(stored, 20);
        assert_eq!(refusals.take(refusal(2, start)).len(), 1, "another one is recorded");
        assert!(refusals.due(start).is_empty());

        let due = refusals.due(start + SignedDuration::from_mins(1));
        let [grouped] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!(grouped.repeats, 9_980);
        assert!(refusals.due(start + SignedDuration::from_mins(1)).is_empty());
    }

    #[test]
    fn many_actors_at_once_are_bounded_too() {
        let refusals = Refusals::default();
        let start = Timestamp::UNIX_EPOCH;
        let mut stored = 0;
        for number in 0..20_000_u32 {
            let mut entry = refusal(0, start);
            entry.origin.address = Some(std::net::IpAddr::from(number.to_be_bytes()));
            stored += refusals.take(entry).len();
        }
        assert_eq!(stored, 120);
        let due = refusals.due(start + SignedDuration::from_mins(1));
        assert_eq!(due.len(), MOST_GROUPS + 1);
        let counted: u32 = due.iter().map(|entry| entry.repeats).sum();
        assert_eq!(counted, 20_000 - 120);
    }
}
