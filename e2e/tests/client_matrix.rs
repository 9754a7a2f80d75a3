//! Every S3 client over every kind of provider: what works stays, and what doesn't is listed with its reason in
//! `clients/known-failures.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bucketry_e2e::{
    Error, OPEN_BUCKET, Person, Result, S3Client, Server, azure_bucket, gcs_bucket, known_failures, options,
    s3_bucket, shared_s3_endpoint, text,
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

/// Runs all clients, and compares what fails with what is known to. Leaves a table of all outcomes in the target
/// directory, for who wants to read it.
async fn all_clients(provider: &str, server: &Server, owner: &Person, body: &Value) -> Result<()> {
    let bucket = owner.register(body).await?;
    let access = owner.repository_access(server, "Matrix", &[(&bucket, text(&body["bucket"]))]).await?;
    let mut failures: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut table = Vec::new();
    for client in S3Client::ALL {
        let told = client.run(&access).await?;
        for (operation, outcome) in told {
            table.push([provider, client.name(), &operation, &outcome].join("\t"));
            if outcome != "ok" {
                failures.insert((client.name().to_owned(), operation), outcome);
            }
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-matrix-{provider}.tsv"));
    std::fs::write(file, table.join("\n")).map_err(Error::Files)?;
    let known = known_failures(provider);
    let found: BTreeSet<_> = failures.keys().cloned().collect();
    let new: Vec<_> = failures.iter().filter(|(which, _)| !known.contains(*which)).collect();
    assert!(new.is_empty(), "operations that fail and are not known to: {new:#?}");
    let mended: Vec<_> = known.difference(&found).collect();
    assert!(
        mended.is_empty(),
        "operations that work by now, to be taken off the list of known failures: {mended:?}"
    );
    Ok(())
}
