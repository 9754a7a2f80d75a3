//! The page of the API in a real browser. Its examples succeed when they are pasted into a shell.

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Result, Server, eventually, list, options, run_in_browser, s3_bucket, shared_s3_endpoint,
};
use serde_json::json;

const SOON: Duration = Duration::from_mins(1);

#[tokio::test]
async fn examples_of_the_page_succeed_when_they_are_pasted() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("product-images", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let bucket = owner.register(&body).await?;
    let status = async || owner.status_of(&bucket).await;
    eventually("the bucket being ONLINE", SOON, status, |seen| seen == "ONLINE").await?;
    owner.repository_access(&server, "Streaming", &[(&bucket, OPEN_BUCKET)]).await?;
    let channel = json!({ "name": "On call", "kind": "WEBHOOK", "url": "http://127.0.0.1:9/", "secret": "the key of the messages" });
    owner.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("dashboard");
    let variables = [
        ("URL_OF_SERVER", server.api().to_owned()),
        ("TOKEN", owner.token().to_owned()),
        ("OUT", screenshots.to_string_lossy().into_owned()),
    ];
    let Some(report) = run_in_browser("docs.mjs", &variables).await? else { return Ok(()) };
    assert_eq!(report["findings"], json!([]), "{report:#}");
    assert!(list(&report["pasted"]).len() > 40, "{report:#}");
    assert_eq!(list(&report["skipped"]).len(), 6, "what nodes sign: {report:#}");
    Ok(())
}
