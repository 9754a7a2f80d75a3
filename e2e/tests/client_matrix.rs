//! Every S3 client over every kind of provider. What works must keep working, and what doesn't is listed with the
//! reason in `clients/known-failures.txt`.

use std::path::Path;

use bucketry_e2e::{
    OPEN_BUCKET, Outcomes, Person, Result, S3Client, Server, azure_bucket, gcs_bucket, options, s3_bucket,
    shared_s3_endpoint, text,
};
use serde_json::Value;

#[tokio::test]
async fn every_client_works_with_a_bucket_at_an_s3_server() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("S3", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    all_clients("s3", &server, &owner, &body).await
}

#[tokio::test]
async fn every_client_works_with_an_azure_container() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = azure_bucket("Azure", "matrix", &owner.workspace().await?).await?;
    all_clients("azure", &server, &owner, &body).await
}

#[tokio::test]
async fn every_client_works_with_a_bucket_at_google() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = gcs_bucket("Google", "matrix", &owner.workspace().await?).await?;
    all_clients("gcs", &server, &owner, &body).await
}

/// Runs all clients and compares their failures with the known ones. Writes a table of all outcomes to the target
/// directory, for people to read.
async fn all_clients(provider: &'static str, server: &Server, owner: &Person, body: &Value) -> Result<()> {
    let bucket = owner.register(body).await?;
    let access = owner.repository_access(server, "Matrix", &[(&bucket, text(&body["bucket"]))]).await?;
    let mut outcomes = Outcomes::new(provider);
    for client in S3Client::ALL {
        outcomes.add(client.name(), client.run(&access).await?);
    }
    outcomes.write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-matrix-{provider}.tsv")))?;
    let surprises = outcomes.surprises();
    assert!(surprises.is_empty(), "{surprises:#?}");
    Ok(())
}
