//! `bucketry demo`: a temporary deployment with a sample bucket on an embedded S3 server.

mod clouds;
mod store;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_api_types::repository::{BucketPlace, NewRepo};
use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_api_types::token::NewTokenRequest;
use bucketry_client::{ApiClient, Options};
use bucketry_model::bucket::StorageType;
use bucketry_model::repository::{KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use bucketry_store::postgres::{self, Address, ThrowawaySchema};

use self::clouds::DemoCloud;
use self::store::{BUCKET, DemoStore};
use crate::connect::{Connection, REGION, new_secret};
use crate::database::Database;
use crate::demo_options::DemoOptions;
use crate::deployment::Deployment;
use crate::failure::{Failure, Result};
use crate::first_start::generated_password;
use crate::repository_arguments::Tool;
use crate::serve::{Stop, write_ready};
use crate::settings::{Settings, SettingsLayer};
use crate::{logging, output, program};

/// The demo's access key id, which is valid only within the demo.
const ACCESS_KEY: &str = "DEMOACCESSKEY";
/// The name of the repository with the sample bucket.
const REPOSITORY: &str = "Demo";
/// Seconds between two probes: few, so that there is something to see.
const PROBE_INTERVAL: u64 = 5;

/// Runs the demo until Ctrl-C.
pub(crate) async fn run(options: DemoOptions) -> Result<()> {
    let dir = tempfile::Builder::new()
        .prefix("bucketry-demo-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::because("can't create a temporary directory", &error))?;
    let settings = SettingsLayer::for_demo(
        dir.path().join("data"),
        free(options.listen),
        free(options.gateway_listen),
        PROBE_INTERVAL,
    );
    let mut settings = settings.read()?;
    logging::start(settings.log_format, &settings.log)?;
    let stop = Stop::listen_with_terminal()?;
    let schema = match &options.database_url {
        Some(url) => Some(schema_in(&url.address()?).await?),
        None => None,
    };
    if let Some(schema) = &schema {
        settings.database =
            Database::Postgres { address: schema.address(), options: postgres::Options::default() };
    }
    let ended = run_in(&options, &settings, dir.path(), stop).await;
    if let Some(schema) = schema {
        let name = schema.name().to_owned();
        let removed = schema.remove().await;
        removed.map_err(|error| Failure::because(&format!("can't remove the schema {name}"), &error))?;
    }
    ended?;
    output::remark("The demo has ended; all its data was removed.");
    Ok(())
}

/// Creates a schema for the demo, which must not touch anything else in the database.
async fn schema_in(database: &Address) -> Result<ThrowawaySchema> {
    ThrowawaySchema::make(database, "bucketry_demo")
        .await
        .map_err(|error| Failure::because(&format!("can't create a schema in {database}"), &error))
}

/// Runs the demo, with its files in `dir`, until a signal stops it.
async fn run_in(options: &DemoOptions, settings: &Settings, dir: &Path, stop: Stop) -> Result<()> {
    let secret = generated_password()?;
    let objects = dir.join("objects");
    std::fs::create_dir_all(&objects)
        .map_err(|error| Failure::because("can't create the sample bucket", &error))?;
    let storage = DemoStore::start(&objects, ACCESS_KEY, &secret).await?;
    let mut clouds = Vec::new();
    let mut wanted = options.with.clone();
    wanted.dedup();
    for cloud in wanted {
        clouds.push(DemoCloud::start(cloud, dir).await?);
    }
    // The demo uses BUCKETRY_ADMIN_PASSWORD if it is set. The password needn't be changed, because all data is
    // temporary.
    let password = match std::env::var("BUCKETRY_ADMIN_PASSWORD") {
        Ok(given) if !given.is_empty() => Secret::new(given),
        _ => generated_password()?,
    };
    let settings = Settings { first_password: Some(password.clone()), ..settings.clone() };
    let deployment = Deployment::start(&settings, |_, _| ()).await?;
    let url = deployment.url();
    let Some(owner) = &deployment.first_owner else {
        return Err(Failure::failed("the demo's directory is not empty"));
    };
    let email = owner.email.clone();
    let made = fill(&url, &email, &password, &storage, &secret, &clouds).await?;
    let gateway = deployment.gateway_url().unwrap_or_default();
    introduce(&Introduction {
        url: &url,
        gateway: &gateway,
        email: &email,
        password: &password,
        made: &made,
        storage: &storage,
        secret: &secret,
    })?;
    introduce_clouds(&clouds)?;
    if let Some(path) = &options.ready_file {
        let ready = serde_json::json!({
            "api": url, "gateway": gateway, "pid": std::process::id(), "email": email,
            "password": password.expose(), "token": made.token.expose(),
            "s3": format!("http://{}", storage.address), "accessKey": ACCESS_KEY, "secretKey": secret.expose(),
            "repository": REPOSITORY, "repositoryKey": made.key.key, "repositorySecret": made.key_secret.expose(),
        });
        write_ready(path, &ready)?;
    }
    stop.wait().await;
    deployment.stop().await;
    Ok(())
}

/// What the demo created in its deployment.
struct DemoContents {
    token: Secret,
    key: RepoKeyMade,
    key_secret: Secret,
}

/// Registers the sample bucket through the API, attaches it to a repository, and creates a key and a token.
async fn fill(
    url: &str,
    email: &str,
    password: &Secret,
    storage: &DemoStore,
    secret: &Secret,
    clouds: &[DemoCloud],
) -> Result<DemoContents> {
    let client = ApiClient::new(url, None, Options::default())?;
    let session = client.login(email, password).await?;
    let client = client.with_token(Some(session.access_token));
    let workspaces = client.workspaces().await?;
    let workspace = workspaces.first().ok_or_else(|| Failure::failed("the demo has no workspace"))?;
    let workspace = &workspace.workspace;
    let sample = NewBucketRequest {
        name: Some("Sample".to_owned()),
        bucket: Some(BUCKET.to_owned()),
        storage_type: Some(StorageType::S3.into()),
        key: Some(ACCESS_KEY.to_owned()),
        secret: Some(secret.clone()),
        endpoint: Some(format!("http://{}", storage.address)),
        workspace_id: Some(workspace.id.to_string()),
        ..NewBucketRequest::default()
    };
    let bucket_id = client.create_bucket(&sample, None).await?.bucket_id;
    for cloud in clouds {
        let sample =
            NewBucketRequest { workspace_id: Some(workspace.id.to_string()), ..cloud.sample.clone() };
        client.create_bucket(&sample, None).await?;
    }
    let whole = BucketPlace { bucket_id: Some(bucket_id.to_string()), ..BucketPlace::default() };
    let repository = NewRepo {
        name: Some(REPOSITORY.to_owned()),
        storage_type: Some(StorageType::S3),
        mode: Some(RepositoryMode::Normal.as_str().to_owned()),
        workspace_id: Some(workspace.id.to_string()),
        repo_buckets: Some(vec![whole]),
        repo_units: None,
    };
    let repo_id = client.create_repository(&repository, None).await?.repo_id;
    let key = client.create_repository_key(repo_id, "demo", KeyAccess::Write).await?;
    let token = NewTokenRequest { name: "demo".to_owned(), expires_at: None, workspace_id: None, role: None };
    let token = client.create_token(&token).await?.token;
    let token = token.ok_or_else(|| Failure::failed("the demo got no token"))?;
    let key_secret = new_secret(&key)?.clone();
    Ok(DemoContents { token, key, key_secret })
}

/// What the demo prints when it starts.
struct Introduction<'a> {
    url: &'a str,
    gateway: &'a str,
    email: &'a str,
    password: &'a Secret,
    made: &'a DemoContents,
    storage: &'a DemoStore,
    secret: &'a Secret,
}

fn introduce(response: &Introduction<'_>) -> Result<()> {
    let program = program::command();
    let connection = Connection {
        endpoint: response.gateway.to_owned(),
        region: REGION,
        key: response.made.key.key.clone(),
        secret: Some(response.made.key_secret.expose().to_owned()),
        buckets: vec![BUCKET.to_owned()],
    };
    let settings = connection.settings(Tool::Aws).replace('\n', "\n  ");
    output::line(&format!(
        "Bucketry demo: all data is in a temporary directory and is deleted when you press Ctrl-C.

  dashboard  {url}/ui   (sign in with the user and the password below)
  API        {url}   (documentation: {url}/docs)
  gateway    {gateway}
  user       {email}
  password   {password}
  token      {token}
  S3 server  http://{storage}   access key {ACCESS_KEY}, secret {secret}

The bucket `{BUCKET}` of that server is registered as `Sample`; the node probes it every {PROBE_INTERVAL} seconds.
Try this in another terminal:

  export BUCKETRY_URL={url} BUCKETRY_TOKEN={token}
  {program} bucket list
  {program} bucket validate Sample
  {program} bucket stats Sample

It is also in the repository `{REPOSITORY}`, which applications use through the gateway with the repository's key. With
the AWS command line:

  {settings}
  echo hello | aws s3 cp - s3://{BUCKET}/hello.txt
  aws s3 cp s3://{BUCKET}/hello.txt -
  {program} repo connect {REPOSITORY} --tool rclone --new-key laptop
",
        url = response.url,
        gateway = response.gateway,
        email = response.email,
        password = response.password.expose(),
        token = response.made.token.expose(),
        storage = response.storage.address,
        secret = response.secret.expose(),
    ))
}

fn introduce_clouds(clouds: &[DemoCloud]) -> Result<()> {
    for cloud in clouds {
        let name = cloud.sample.name.as_deref().unwrap_or_default();
        output::line(&format!("`{name}` is the bucket `{BUCKET}` at {}.", cloud.endpoint))?;
    }
    Ok(())
}

/// The address, or a free port of the same host if the address is taken.
fn free(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}
