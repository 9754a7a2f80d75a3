//! Control planes of another version: a node works with what older ones leave out, and without what newer ones add.

use bucketry_model::node_protocol::{Outcome, SyncAnswer};
use serde_json::{Value, json};

use crate::context::{TestContext, id, org, seconds};

fn answer(text: Value) -> SyncAnswer {
    serde_json::from_value(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_an_older_control_plane_is_enough() {
    let context = TestContext::start();
    context.control_plane.announce(answer(json!({
        "success": true, "cursor": "c.1", "snapshot": true, "more": false, "removed": [], "jobs": [],
        "buckets": [{
            "id": id(1), "orgId": org(), "version": 1, "location": { "storageType": "S3", "bucket": "b1" },
        }],
    })));
    seconds(2).await;
    assert!(!context.control_plane.samples(id(1)).is_empty(), "the node probes the bucket");
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_control_plane_adds_is_ignored_and_a_job_that_it_adds_fails() {
    let context = TestContext::start();
    let new = json!({ "answer": [42] });
    let job = "00000000-0000-7000-8000-000000000007";
    context.control_plane.announce(answer(json!({
        "success": true, "cursor": "c.1", "snapshot": true, "more": false, "removed": [], "new": new,
        "buckets": [{
            "id": id(1), "orgId": org(), "version": 1, "configVersion": 1, "new": new,
            "location": { "storageType": "S3", "bucket": "b1", "new": new },
            "pinnedTo": { "nodes": [], "regions": ["eu"], "new": new },
        }],
        "repositories": [], "removedRepositories": [],
        "jobs": [{ "id": job, "task": { "kind": "fromTheFuture", "bucketId": id(1), "new": new }, "new": new }],
    })));
    seconds(2).await;
    assert!(!context.control_plane.samples(id(1)).is_empty(), "the node probes the bucket");
    let state = context.control_plane.state();
    let [result] = &state.results[..] else { panic!("{:?}", state.results) };
    assert_eq!(result.job_id.to_string(), job);
    match &result.outcome {
        Outcome::Failed { reason, .. } => assert!(reason.contains("upgrade the node"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
