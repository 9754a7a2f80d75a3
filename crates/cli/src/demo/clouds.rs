//! Emulators of Azure Blob Storage and Google Cloud Storage for the demo, if they are installed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::azure::AzureDriver;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::policy::EndpointPolicy;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::store::BUCKET;
use crate::demo_options::Cloud;
use crate::failure::{Failure, Result};

/// Azurite is a Node.js program that reads hundreds of files when it starts.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How often to check whether the emulator accepts connections.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Azurite's built-in account and its key, which are published in its documentation.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl Cloud {
    fn program(self) -> &'static str {
        match self {
            Self::Azurite => "azurite-blob",
            Self::Gcs => "fake-gcs-server",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Azurite => "BUCKETRY_DEMO_AZURITE",
            Self::Gcs => "BUCKETRY_DEMO_FAKE_GCS",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Azurite => "install it with `npm install --global azurite`",
            Self::Gcs => "download it from https://github.com/fsouza/fake-gcs-server/releases",
        }
    }

    /// The program's path, from its environment variable or PATH.
    fn find(self) -> Result<PathBuf> {
        if let Some(named) = std::env::var_os(self.variable()).filter(|path| !path.is_empty()) {
            return Ok(named.into());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|place| place.join(self.program())).find(|file| file.is_file());
        found.ok_or_else(|| {
            let (program, variable, remedy) = (self.program(), self.variable(), self.remedy());
            Failure::failed(format!(
                "the demo needs the program {program}, which is not in PATH: {remedy}, or set {variable} to its path"
            ))
        })
    }
}

/// A running emulator with a sample bucket. Dropping it stops the emulator.
pub(crate) struct DemoCloud {
    /// URL of the emulator.
    pub(crate) endpoint: String,
    /// The fields that register its sample bucket, without the workspace.
    pub(crate) sample: NewBucketRequest,
    _process: Child,
}

impl DemoCloud {
    /// Starts an emulator in a separate directory, and creates its sample bucket.
    pub(crate) async fn start(cloud: Cloud, dir: &Path) -> Result<Self> {
        let program = cloud.find()?;
        let dir = dir.join(cloud.program());
        // fake-gcs-server creates a bucket for each directory in its data directory.
        let seed = dir.join("seed");
        let failed = |error: std::io::Error| Failure::because("can't create the sample bucket", &error);
        std::fs::create_dir_all(seed.join(BUCKET)).map_err(failed)?;
        std::fs::write(seed.join(BUCKET).join("README.txt"), "This bucket is deleted when the demo ends.\n")
            .map_err(failed)?;
        let address = free_address()?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(&program);
        match cloud {
            Cloud::Azurite => command
                .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"])
                .args(["--blobHost", &host, "--blobPort", &port]),
            Cloud::Gcs => command
                .args(["-backend", "memory", "-scheme", "http", "-log-level", "error"])
                .args(["-host", &host, "-port", &port, "-public-host", &address.to_string()])
                .args(["-external-url", &format!("http://{address}")])
                .arg("-data")
                .arg(&seed),
        };
        command.current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::because(&format!("can't start {}", program.display()), &error))?;
        wait(cloud, &mut process, address).await?;
        let endpoint = format!("http://{address}");
        let sample = sample(cloud, &endpoint);
        if cloud == Cloud::Azurite {
            create_container(&sample).await?;
        }
        Ok(Self { endpoint, sample, _process: process })
    }
}

fn free_address() -> Result<SocketAddr> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::because("can't find a free port", &error))
}

/// Waits until the emulator accepts connections.
async fn wait(cloud: Cloud, process: &mut Child, address: SocketAddr) -> Result<()> {
    let ready = async {
        while TcpStream::connect(address).await.is_err() {
            if let Ok(Some(status)) = process.try_wait() {
                let text = format!("{} exited with {status} before it was ready", cloud.program());
                return Err(Failure::failed(text));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let slow = || Failure::failed(format!("{} was not ready within a minute", cloud.program()));
    tokio::time::timeout(READY_WITHIN, ready).await.map_err(|_| slow())?
}

fn sample(cloud: Cloud, endpoint: &str) -> NewBucketRequest {
    let common = NewBucketRequest {
        bucket: Some(BUCKET.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        ..NewBucketRequest::default()
    };
    match cloud {
        Cloud::Azurite => NewBucketRequest {
            name: Some("Sample at Azure".to_owned()),
            storage_type: Some(StorageType::Blob.into()),
            key: Some(AZURITE_ACCOUNT.to_owned()),
            secret: Some(Secret::new(AZURITE_KEY)),
            ..common
        },
        // fake-gcs-server checks no credentials.
        Cloud::Gcs => NewBucketRequest {
            name: Some("Sample at Google".to_owned()),
            storage_type: Some(StorageType::Gcs.into()),
            ..common
        },
    }
}

async fn create_container(sample: &NewBucketRequest) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("the sample container: {error}"));
    let endpoint = Endpoint::parse(sample.endpoint.as_deref().unwrap_or_default());
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: BUCKET.to_owned(),
            key: sample.key.clone(),
            endpoint: Some(endpoint.map_err(|error| failed(&error))?),
            region: None,
        },
        secret: sample.secret.clone(),
    };
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    let connections = Connections::new(settings).map_err(|error| failed(&error))?;
    let driver = AzureDriver::open(&target, &connections).map_err(|error| failed(&error))?;
    driver.create_container().await.map_err(|error| failed(&error))
}
