//! Checks whether keys open more than their buckets.

use serde::{Deserialize, Serialize};

use crate::id::BucketId;

/// The largest number of buckets in a message.
pub const MAX_KEY_CHECKS: usize = 50;

/// Where a node stops counting the other buckets that a key opens.
pub const MOST_OTHER_BUCKETS: u64 = 1_000;

/// Buckets that the node serves, whose keys are to be checked. Each check is one request, which changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyChecks {
    /// The buckets, at most [`MAX_KEY_CHECKS`].
    pub bucket_ids: Vec<BucketId>,
    /// Time limit for all of them together, in milliseconds.
    pub deadline_ms: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedKey {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The version of the bucket that last set its location and secret, as the node had it.
    pub config_version: i64,
    /// How many other buckets the key opens, as far as the provider shows, at most
    /// [`MOST_OTHER_BUCKETS`]. 0 if it opens only this one.
    pub other_buckets: u64,
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::node_protocol::{Outcome, Task};

    #[test]
    fn tasks_and_outcomes_are_written_with_camel_case_names() {
        let bucket_id = BucketId::new(Timestamp::UNIX_EPOCH, [2; 10]);
        let task = Task::CheckKeys(KeyChecks { bucket_ids: vec![bucket_id], deadline_ms: 5 });
        let written = json!({ "kind": "checkKeys", "bucketIds": [bucket_id], "deadlineMs": 5 });
        assert_eq!(serde_json::to_value(&task).unwrap(), written);
        let keys = vec![CheckedKey { bucket_id, config_version: 3, other_buckets: 1 }];
        let outcome = Outcome::CheckedKeys { keys };
        let written = json!({
            "kind": "checkedKeys", "keys": [{ "bucketId": bucket_id, "configVersion": 3, "otherBuckets": 1 }],
        });
        assert_eq!(serde_json::to_value(&outcome).unwrap(), written);
        assert_eq!(serde_json::from_value::<Outcome>(written).unwrap(), outcome);
    }
}
