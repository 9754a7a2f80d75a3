//! Nodes on other hosts: cut off from the control plane, and at the end of a long, lossy line.

use std::time::Duration;

use bucketry_e2e::{Balancer, Error, NetworkHost, RemoteNode, Result, eventually, shared_s3_endpoint};
use bucketry_faults::{LineQuality, LongLine};

use super::{ControlPlane, MISSED_WITHIN, SOON, control_plane, put};

/// Two hundred milliseconds there and back, and one of fifty pieces lost.
const FAR_AWAY: LineQuality =
    LineQuality { delay: Duration::from_millis(100), lost_one_in: 50, stall: Duration::from_secs(1) };

const NAME: &str = "far";
const ARGUMENTS: [&str; 6] = ["--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "5"];

/// `HOST:PORT` of the control plane.
fn address(control_plane: &ControlPlane) -> String {
    control_plane.server.api().trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn a_node_that_is_cut_off_is_missed_and_its_traffic_is_counted_once_it_is_back() -> Result<()> {
    // `cargo xtask test` counts this as skipped where namespaces aren't allowed.
    let Some(host) = NetworkHost::new()? else { return Ok(()) };
    let control_plane = control_plane().await?;
    let near = |host: &str, to: String| Balancer::start_at(host, vec![to]).map_err(Error::Files);
    let api = near(&host.control_address(), address(&control_plane))?;
    let storage = near(&host.data_address(), shared_s3_endpoint()?.trim_start_matches("http://").to_owned())?;
    let arguments = [&["--name", NAME][..], &ARGUMENTS[..]].concat();
    let url = api.url();
    let started = RemoteNode::start_on(&host, &url, &control_plane.key, &arguments);
    let (node, approved) = tokio::join!(started, control_plane.owner.approve_node(NAME));
    approved?;
    let node = node?;
    let status = async || control_plane.node_status(NAME).await;
    eventually("the node being ONLINE", SOON, status, |status| status == "ONLINE").await?;
    let (bucket, access) = control_plane.serve_bucket_at(&storage.url(), &node, "Far").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    let uploaded = async || control_plane.uploaded(&bucket).await;
    eventually("the first upload being counted", SOON, uploaded, |bytes| *bytes == 1_000).await?;

    host.cut_off()?;
    assert_eq!(put(&access, "meanwhile.txt", 500).await?, 200, "clients still reach it");
    eventually("the absence being noticed", MISSED_WITHIN, status, |status| status == "DISCONNECTED").await?;
    assert_eq!(put(&access, "later.txt", 30).await?, 200);

    host.reconnect()?;
    eventually("the node being back", SOON, status, |status| status == "ONLINE").await?;
    eventually("everything being counted", MISSED_WITHIN, uploaded, |bytes| *bytes >= 1_530).await?;
    assert_eq!(uploaded().await?, 1_530, "nothing is counted twice");
    Ok(())
}

#[tokio::test]
async fn at_the_end_of_a_long_lossy_line_a_node_validates_serves_and_counts_exactly() -> Result<()> {
    let control_plane = control_plane().await?;
    let line = LongLine::start(address(&control_plane).parse().unwrap(), FAR_AWAY).await;
    let line = line.map_err(Error::Files)?;
    let ControlPlane { owner, key, .. } = &control_plane;
    let node = RemoteNode::start_approved(owner, &line.url(), key, NAME, &ARGUMENTS).await?;
    let status = async || control_plane.node_status(NAME).await;
    eventually("the node being ONLINE", SOON, status, |status| status == "ONLINE").await?;
    let (bucket, access) = control_plane.serve_bucket(&node, "Far").await?;
    // Each report is a message more that the line may lose.
    let mut sent = 0;
    let uploaded = async || control_plane.uploaded(&bucket).await;
    for number in 1..=6_usize {
        assert_eq!(put(&access, &format!("{number}.txt"), number * 100).await?, 200);
        sent += number as u64 * 100;
        eventually("the upload being counted", MISSED_WITHIN, uploaded, |bytes| *bytes >= sent).await?;
    }
    assert_eq!(uploaded().await?, sent, "what was reported twice is counted once");
    assert_eq!(status().await?, "ONLINE");
    eventually("a reset", MISSED_WITHIN, async || Ok(line.resets()), |resets| *resets > 0).await?;
    Ok(())
}
