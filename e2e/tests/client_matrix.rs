//! Every S3 client over every kind of provider. What works must keep working, and what doesn't is listed with the
//! reason in `clients/known-failures.txt`.

use std::path::Path;

use bucketry_e2e::{
    OPEN_BUCKET, Outcomes, Person, Result, S3Client, Server, azure_bucket, gcs_bucket, options, s3_bucket,
    shared_s3_endpoint, text,
};
use serde_json::Value;

#[tokio::test]
async fn sdks_and_command_line_clients_work_with_a_bucket_at_an_s3_server() -> Result<()> {
    at_an_s3_server(&S3Client::GENERAL).await
}

#[tokio::test]
async fn data_tools_and_backup_programs_work_with_a_bucket_at_an_s3_server() -> Result<()> {
    at_an_s3_server(&S3Client::DATA).await
}

#[tokio::test]
async fn sdks_and_command_line_clients_work_with_an_azure_container() -> Result<()> {
    at_azure("matrix", &S3Client::GENERAL).await
}

#[tokio::test]
async fn data_tools_and_backup_programs_work_with_an_azure_container() -> Result<()> {
    at_azure("matrix-data", &S3Client::DATA).await
}

#[tokio::test]
async fn sdks_and_command_line_clients_work_with_a_bucket_at_google() -> Result<()> {
    at_google("matrix", &S3Client::GENERAL).await
}

#[tokio::test]
async fn data_tools_and_backup_programs_work_with_a_bucket_at_google() -> Result<()> {
    at_google("matrix-data", &S3Client::DATA).await
}

async fn at_an_s3_server(clients: &[S3Client]) -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("S3", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    run_clients("s3", clients, &server, &owner, &body).await
}

async fn at_azure(container: &str, clients: &[S3Client]) -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = azure_bucket("Azure", container, &owner.workspace().await?).await?;
    run_clients("azure", clients, &server, &owner, &body).await
}

async fn at_google(bucket: &str, clients: &[S3Client]) -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = gcs_bucket("Google", bucket, &owner.workspace().await?).await?;
    run_clients("gcs", clients, &server, &owner, &body).await
}

/// Runs the clients and compares their failures with the known ones, and their counts with the table in
/// `docs/provider-matrix.md`. Writes all outcomes to the target directory, for people to read and for
/// `cargo xtask providers`, which writes that table.
async fn run_clients(
    provider: &'static str,
    clients: &[S3Client],
    server: &Server,
    owner: &Person,
    body: &Value,
) -> Result<()> {
    let bucket = owner.register(body).await?;
    let access = owner.repository_access(server, "Matrix", &[(&bucket, text(&body["bucket"]))]).await?;
    let mut outcomes = Outcomes::new(provider);
    for client in clients {
        outcomes.add(client.name(), client.run(&access).await?);
    }
    let part = clients[0].name();
    outcomes.write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{provider}-{part}.tsv")))?;
    let mut surprises = outcomes.surprises();
    surprises.extend(outcomes.not_in_the_table());
    assert!(surprises.is_empty(), "{surprises:#?}");
    Ok(())
}
