//! Messages of newer versions, which may contain values that this version doesn't know: a newer node sends them to an older
//! control plane, or the other way round. A message is read without what can't be read, so that one value doesn't spoil all others.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    BucketStatus, Heartbeat, InventoryReport, JobProgress, JobResult, NodeBucket, NodeRepository,
    NodeRepositoryKey, Report, SyncAnswer, Task, WalkReport,
};

/// A message that a newer version may send.
pub trait FromNewer: DeserializeOwned {
    /// Removes or replaces what this version can't read because of an unknown value.
    fn drop_unknown(message: &mut Value);
}

/// Reads a message, without what has a value that only newer versions know. Other mistakes are errors.
pub fn read_known<T: FromNewer>(text: &[u8]) -> serde_json::Result<T> {
    let error = match serde_json::from_slice(text) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    if !is_unknown_value(&error) {
        return Err(error);
    }
    let mut message = serde_json::from_slice(text)?;
    T::drop_unknown(&mut message);
    serde_json::from_value(message)
}

/// Whether an enum lacks the value. Serde has no other way to say so.
fn is_unknown_value(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("unknown variant")
}

fn has_unknown_value<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_err_and(|error| is_unknown_value(&error))
}

fn list<'a>(message: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    message.get_mut(name)?.as_array_mut()
}

/// Removes the entries of a list that have unknown values, and returns them.
fn take_unknown<T: DeserializeOwned>(message: &mut Value, name: &str) -> Vec<Value> {
    list(message, name)
        .map(|entries| entries.extract_if(.., |entry| has_unknown_value::<T>(entry)).collect())
        .unwrap_or_default()
}

/// Moves the ids of entries with unknown values to the list of what was removed.
fn remove_unknown<T: DeserializeOwned>(message: &mut Value, name: &str, removed: &str) {
    let ids: Vec<Value> = take_unknown::<T>(message, name)
        .iter_mut()
        .filter_map(|entry| Some(entry.get_mut("id")?.take()))
        .collect();
    if ids.is_empty() {
        return;
    }
    match list(message, removed) {
        Some(all) => all.extend(ids),
        None => message[removed] = ids.into(),
    }
}

/// A probe with another status than ONLINE and OFFLINE doesn't count.
impl FromNewer for Heartbeat {
    fn drop_unknown(message: &mut Value) {
        take_unknown::<BucketStatus>(message, "buckets");
    }
}

/// An unknown result ends its job as failed, so that nobody waits for it.
impl FromNewer for Report {
    fn drop_unknown(message: &mut Value) {
        take_unknown::<JobProgress>(message, "progress");
        for result in list(message, "results").into_iter().flatten() {
            if has_unknown_value::<JobResult>(result) {
                let reason = "The node has a newer version, and the control plane doesn't know its result: upgrade the server.";
                result["outcome"] = json!({ "kind": "failed", "reason": reason });
            }
        }
    }
}

/// A walk whose report can't be read counts as interrupted.
impl FromNewer for InventoryReport {
    fn drop_unknown(message: &mut Value) {
        take_unknown::<WalkReport>(message, "walks");
    }
}

/// The node doesn't serve buckets and repositories that it can't read, and doesn't accept such keys. It reports unknown jobs as
/// failed.
impl FromNewer for SyncAnswer {
    fn drop_unknown(message: &mut Value) {
        for repository in list(message, "repositories").into_iter().flatten() {
            take_unknown::<NodeRepositoryKey>(repository, "keys");
        }
        remove_unknown::<NodeBucket>(message, "buckets", "removed");
        remove_unknown::<NodeRepository>(message, "repositories", "removedRepositories");
        for job in list(message, "jobs").into_iter().flatten() {
            if job.get("task").is_some_and(has_unknown_value::<Task>) {
                job["task"] = json!({ "kind": "unknown" });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_protocol::Outcome;

    const ID: &str = "00000000-0000-7000-8000-000000000001";
    const OTHER: &str = "00000000-0000-7000-8000-000000000002";

    fn read<T: FromNewer>(message: Value) -> T {
        read_known(message.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_probe_with_an_unknown_status_is_left_out_and_others_are_read() {
        let probe =
            |status: &str| json!({ "bucketId": ID, "status": status, "createdAt": "2026-01-01T00:00:00Z" });
        let message = json!({ "ip": "n", "region": "r", "buckets": [probe("ASLEEP"), probe("ONLINE")] });
        assert_eq!(read::<Heartbeat>(message).buckets.len(), 1);
        let malformed =
            json!({ "ip": "n", "region": "r", "buckets": [{ "bucketId": 7, "status": "ONLINE" }] });
        assert!(read_known::<Heartbeat>(malformed.to_string().as_bytes()).is_err(), "a mistake is refused");
    }

    #[test]
    fn an_unknown_result_of_a_job_ends_the_job_and_unknown_progress_is_left_out() {
        let report: Report = read(json!({
            "ip": "n",
            "results": [
                { "jobId": ID, "outcome": { "kind": "painted", "colour": "red" } },
                { "jobId": OTHER, "outcome": { "kind": "done" } },
            ],
        }));
        let [Outcome::Failed { reason, .. }, Outcome::Done] =
            [0, 1].map(|index| report.results[index].outcome.clone())
        else {
            panic!("{:?}", report.results)
        };
        assert!(reason.contains("upgrade the server"), "{reason}");
    }

    #[test]
    fn the_report_of_a_walk_with_an_unknown_end_is_left_out() {
        let walk = |kind: &str| json!({ "bucketId": ID, "startedAt": "2026-01-01T00:00:00Z", "end": { "kind": kind } });
        let report: InventoryReport = read(json!({ "ip": "n", "walks": [walk("slept"), walk("paused")] }));
        assert_eq!(report.walks.len(), 1);
    }

    #[test]
    fn a_node_does_not_serve_what_it_cannot_read_and_serves_all_else() {
        let bucket = |id: &str, kind: &str| {
            json!({
                "id": id, "orgId": ID, "version": 1, "location": { "storageType": kind, "bucket": "b" },
            })
        };
        let key = |id: &str, access: &str| json!({ "id": id, "key": "k", "access": access, "secret": "s" });
        let repository = |id: &str, mode: &str| {
            json!({
                "id": id, "orgId": ID, "version": 1, "name": "r", "mode": mode, "buckets": [],
                "keys": [key(ID, "DANCE"), key(OTHER, "READ")],
            })
        };
        let validation = json!({
            "kind": "validate", "orgId": ID, "bucketId": ID, "location": { "storageType": "MOON", "bucket": "b" },
            "scope": "full", "deadlineMs": 1,
        });
        let answer: SyncAnswer = read(json!({
            "success": true, "cursor": "c.1", "snapshot": false, "more": false, "removed": [],
            "buckets": [bucket(ID, "MOON"), bucket(OTHER, "S3")],
            "repositories": [repository(ID, "SPIRAL"), repository(OTHER, "NORMAL")],
            "jobs": [{ "id": ID, "task": validation }],
        }));
        assert_eq!(answer.buckets.iter().map(|one| one.id.to_string()).collect::<Vec<_>>(), [OTHER]);
        assert_eq!(answer.removed.iter().map(ToString::to_string).collect::<Vec<_>>(), [ID]);
        let [repository] = &answer.repositories[..] else { panic!("{:?}", answer.repositories) };
        assert_eq!(repository.keys.iter().map(|one| one.id.to_string()).collect::<Vec<_>>(), [OTHER]);
        assert_eq!(answer.removed_repositories.iter().map(ToString::to_string).collect::<Vec<_>>(), [ID]);
        assert_eq!(answer.jobs[0].task, Task::Unknown);
    }
}
