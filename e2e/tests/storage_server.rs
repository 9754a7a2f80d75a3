//! The S3 server of the journeys behaves like a real one: it checks signatures, can be stopped, and restarts with
//! its data.

use std::time::Duration;

use bucketry_e2e::{
    Call, Error, OPEN_BUCKET, Result, SCOPED_BUCKET, SeaweedFs, eventually, needs_one_control_plane,
};
use http::Method;

const SOON: Duration = Duration::from_secs(20);

async fn status_of(server: &SeaweedFs, path: &str) -> Result<u16> {
    Call::new(Method::GET, server.endpoint(), path).send().await.map(|answer| answer.status)
}

#[tokio::test]
async fn it_goes_away_and_comes_back_on_the_same_port() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let mut server = SeaweedFs::start().await?;
    server.create_bucket("third").await?;
    for bucket in [SCOPED_BUCKET, OPEN_BUCKET, "third"] {
        assert_eq!(status_of(&server, &format!("/{bucket}")).await?, 403, "an unsigned request to {bucket}");
    }

    server.stop().await?;
    let refused = status_of(&server, "/").await;
    assert!(matches!(refused, Err(Error::NoAnswer { .. })), "{refused:?}");

    let endpoint = server.endpoint().to_owned();
    server.start_again().await?;
    assert_eq!(server.endpoint(), endpoint);
    eventually(
        "the server answering again",
        SOON,
        async || status_of(&server, "/").await,
        |status| *status == 403,
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn two_of_them_run_side_by_side() -> Result<()> {
    needs_one_control_plane!("it starts no control plane");
    let (one, other) = tokio::join!(SeaweedFs::start(), SeaweedFs::start());
    let (one, other) = (one?, other?);
    assert_ne!(one.endpoint(), other.endpoint());
    Ok(())
}
