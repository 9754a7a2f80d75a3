//! Validations right after nodes were stopped.

use std::time::Duration;

use bucketry_e2e::{OPEN_BUCKET, Result, eventually, s3_bucket, shared_s3_endpoint, text};
use tokio::time::timeout;

use super::{SOON, control_plane};

/// Much less than the 14 seconds that a connected node has for a validation.
const AT_ONCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_node_that_was_stopped_is_not_asked_and_without_another_one_the_answer_comes_at_once() -> Result<()>
{
    let control_plane = control_plane().await?;
    let mut nodes = [control_plane.node("first").await?, control_plane.node("second").await?];
    let workspace = control_plane.owner.workspace().await?;
    let register = async |name: &str| {
        let bucket = s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &workspace);
        timeout(AT_ONCE, control_plane.owner.post("/bucket", &bucket).send()).await.expect("it takes no time")
    };
    let registered = register("Both").await?;
    assert_eq!(registered.status, 200, "{}", registered.text());

    nodes[1].terminate().await?;
    let registered = register("First").await?;
    assert_eq!(registered.status, 200, "{}", registered.text());
    nodes[0].terminate().await?;
    let refused = register("Nobody").await?.json_with_status(503)?;
    assert_eq!(refused["error_code"], "NO_NODE_ONLINE", "{refused}");
    assert!(text(&refused["message"]).contains("start a node with `bucketry node`"), "{refused}");
    assert_eq!(control_plane.node_status("second").await?, "ONLINE", "it may be back within a minute");

    nodes[1].restart().await?;
    let look = async || Ok(register("Back").await?.status);
    eventually("the node doing jobs again", SOON, look, |status| *status == 200).await.map(drop)
}
