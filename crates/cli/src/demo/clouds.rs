//! Emulators of Azure Blob Storage and Google Cloud Storage for the demo, if they are installed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::azure::AzureDriver;
use bucketry_provider::body::Payload;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::driver::{Objects as _, PutRequest};
use bucketry_provider::policy::EndpointPolicy;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::buckets::{BACKUPS, DOCUMENTS, DemoBucket};
use super::store::write_objects;
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

/// A running emulator with one of the demo's buckets. Dropping it stops the emulator.
pub(crate) struct DemoCloud {
    /// The provider's name.
    pub(crate) provider: &'static str,
    pub(crate) bucket: &'static DemoBucket,
    /// The fields that register the bucket, without the workspace.
    pub(crate) fields: NewBucketRequest,
    _process: Child,
}

impl DemoCloud {
    /// Starts the program of an emulator in a separate directory, and creates its bucket with its objects.
    pub(crate) async fn start(cloud: Cloud, program: &Path, dir: &Path) -> Result<Self> {
        let bucket = match cloud {
            Cloud::Azurite => &DOCUMENTS,
            Cloud::Gcs => &BACKUPS,
        };
        let dir = dir.join(cloud.program());
        // fake-gcs-server creates a bucket for each directory in its data directory, with the files as objects.
        let seed = dir.join("seed");
        write_objects(&seed, bucket).map_err(|error| {
            Failure::because(&format!("can't create the bucket {}", bucket.bucket), &error)
        })?;
        let address = free_address()?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(program);
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
        let (provider, fields) = fields(cloud, bucket, endpoint);
        if cloud == Cloud::Azurite {
            create_container(&fields, bucket).await?;
        }
        Ok(Self { provider, bucket, fields, _process: process })
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
                let (program, cause) = (cloud.program(), cloud.likely_cause());
                let text = format!("{program} exited with {status} before it was ready{cause}");
                return Err(Failure::failed(text));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let slow = || Failure::failed(format!("{} was not ready within a minute", cloud.program()));
    tokio::time::timeout(READY_WITHIN, ready).await.map_err(|_| slow())?
}

/// The provider's name, and the fields that register the bucket.
fn fields(cloud: Cloud, bucket: &DemoBucket, endpoint: String) -> (&'static str, NewBucketRequest) {
    let common = NewBucketRequest {
        name: Some(bucket.name.to_owned()),
        bucket: Some(bucket.bucket.to_owned()),
        endpoint: Some(endpoint),
        ..NewBucketRequest::default()
    };
    match cloud {
        Cloud::Azurite => {
            let fields = NewBucketRequest {
                storage_type: Some(StorageType::Blob.into()),
                key: Some(AZURITE_ACCOUNT.to_owned()),
                secret: Some(Secret::new(AZURITE_KEY)),
                ..common
            };
            ("Azure", fields)
        }
        // fake-gcs-server checks no credentials.
        Cloud::Gcs => ("Google", NewBucketRequest { storage_type: Some(StorageType::Gcs.into()), ..common }),
    }
}

async fn create_container(fields: &NewBucketRequest, bucket: &DemoBucket) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("the demo's container {}: {error}", bucket.bucket))
    };
    let endpoint = Endpoint::parse(fields.endpoint.as_deref().unwrap_or_default());
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: bucket.bucket.to_owned(),
            key: fields.key.clone(),
            endpoint: Some(endpoint.map_err(|error| failed(&error))?),
            region: None,
        },
        secret: fields.secret.clone(),
    };
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    let connections = Connections::new(settings).map_err(|error| failed(&error))?;
    let driver = AzureDriver::open(&target, &connections).map_err(|error| failed(&error))?;
    driver.create_container().await.map_err(|error| failed(&error))?;
    for (key, text) in bucket.objects {
        let stored = driver.put(key, Payload::bytes(*text), &PutRequest::default()).await;
        stored.map_err(|error| failed(&error))?;
    }
    Ok(())
}
