//! `bucketry demo`: a temporary deployment with buckets of several providers and an invented past.

mod buckets;
mod clouds;
mod contents;
mod emulators;
mod history;
mod introduction;
mod past;
mod past_node;
mod store;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bucketry_client::{ApiClient, Options};
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::postgres::{self, Address, ThrowawaySchema};

use self::buckets::PHOTOS;
use self::clouds::DemoCloud;
use self::contents::{DemoContents, REPOSITORY};
use self::introduction::Introduction;
use self::past_node::PastNode;
use self::store::DemoStore;
use crate::database::Database;
use crate::demo_options::{Cloud, DemoOptions};
use crate::deployment::Deployment;
use crate::failure::{Failure, Result};
use crate::first_start::generated_password;
use crate::serve::{Stop, write_ready};
use crate::settings::{Settings, SettingsLayer};
use crate::{logging, output};

/// The demo's access key id, which is valid only within the demo.
const ACCESS_KEY: &str = "DEMOACCESSKEY";
/// The name of the organization, which the dashboard shows on every page.
const ORGANIZATION: &str = "Demo (invented history)";
/// Seconds between two probes: few, so that there is something to see.
const PROBE_INTERVAL: u64 = 5;

/// Runs the demo until Ctrl-C.
pub(crate) async fn run(options: DemoOptions) -> Result<()> {
    let emulators = emulators::find(&options.with)?;
    let dir = tempfile::Builder::new()
        .prefix("bucketry-demo-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::because("can't create a temporary directory", &error))?;
    let settings = SettingsLayer::for_demo(
        dir.path().join("data"),
        free(options.listen.socket()),
        free(options.gateway_listen.socket()),
        PROBE_INTERVAL,
    );
    let mut settings = settings.read()?;
    ORGANIZATION.clone_into(&mut settings.control.first_organization);
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
    let ended = run_in(&options, &settings, &emulators, dir.path(), stop).await;
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
async fn run_in(
    options: &DemoOptions,
    settings: &Settings,
    emulators: &[(Cloud, PathBuf)],
    dir: &Path,
    stop: Stop,
) -> Result<()> {
    let secret = generated_password()?;
    let storage = DemoStore::start(&dir.join("objects"), &secret).await?;
    let mut clouds = Vec::new();
    for (cloud, program) in emulators {
        clouds.push(DemoCloud::start(*cloud, program, dir).await?);
    }
    // The demo uses BUCKETRY_ADMIN_PASSWORD if it is set. The password needn't be changed, because all data is
    // temporary.
    let password = match std::env::var("BUCKETRY_ADMIN_PASSWORD") {
        Ok(given) if !given.is_empty() => Secret::new(given),
        _ => generated_password()?,
    };
    let settings = Settings { first_password: Some(password.clone()), ..settings.clone() };
    let source = Source { storage: &storage, secret: &secret, clouds: &clouds };
    let (deployment, email, contents) = start(&settings, &password, &source).await?;
    let (url, gateway) = (deployment.url(), deployment.gateway_url().unwrap_or_default());
    let providers: Vec<_> = clouds.iter().map(|cloud| (cloud.bucket.bucket, cloud.provider)).collect();
    let introduction = Introduction {
        url: &url,
        gateway: &gateway,
        email: &email,
        password: &password,
        token: &contents.token,
        key: &contents.key.key,
        key_secret: &contents.key_secret,
        storage: &storage.url(),
        secret: &secret,
        clouds: &providers,
    };
    let files = introduction.write_files(dir)?;
    output::line(&introduction.text(&files))?;
    if let Some(path) = &options.ready_file {
        let ready = serde_json::json!({
            "api": url, "gateway": gateway, "pid": std::process::id(), "email": email,
            "password": password.expose(), "token": contents.token.expose(),
            "s3": storage.url(), "accessKey": ACCESS_KEY, "secretKey": secret.expose(), "bucket": PHOTOS.bucket,
            "repository": REPOSITORY, "repositoryKey": contents.key.key,
            "repositorySecret": contents.key_secret.expose(), "shell": files.shell, "paste": files.spare,
        });
        write_ready(path, &ready)?;
    }
    stop.wait().await;
    deployment.stop().await;
    Ok(())
}

/// Where the buckets are.
struct Source<'a> {
    storage: &'a DemoStore,
    /// The secret of the embedded S3 server.
    secret: &'a Secret,
    clouds: &'a [DemoCloud],
}

/// Starts the deployment. The buckets and their past are stored before its node starts to probe them, because older
/// reports than the latest one are ignored. Returns the owner's e-mail address, and what was created.
async fn start(
    settings: &Settings,
    password: &Secret,
    source: &Source<'_>,
) -> Result<(Deployment, String, DemoContents)> {
    let started = Deployment::start_control_plane(settings, |_, _| ()).await?;
    let deployment = started.deployment();
    let (Some(owner), Some(node)) = (&deployment.first_owner, &settings.node) else {
        return Err(Failure::failed("the demo's directory is not empty"));
    };
    let email = owner.email.clone();
    let past = PastNode::register(deployment.control(), &deployment.url(), &settings.data_dir, node).await?;
    let client = ApiClient::new(&deployment.url(), None, Options::default())?;
    let session = client.login(&email, password).await?;
    let client = client.with_token(Some(session.access_token));
    let now = SystemClock.now();
    let contents = DemoContents::create(&client, source.storage, source.secret, source.clouds, now).await?;
    past.report(&past::of(&contents)).await?;
    let deployment = started.start_node(settings).await?;
    contents.validate(&client).await?;
    Ok((deployment, email, contents))
}

/// The address, or a free port of the same host if the address is taken.
fn free(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}
