//! Widely used S3 clients, which run the operations in `e2e/clients` against a repository of a gateway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::Command;

use crate::environment::{self, variable};
use crate::{Answer, Call, Error, Result};

/// An S3 client in a specific version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the clients' own")]
pub enum S3Client {
    Boto3,
    /// A version from before 2025, which adds no checksums by default.
    OlderBoto3,
    AwsCli,
    AwsSdkForJavaScript,
    S5cmd,
    Rclone,
    S3cmd,
    PyArrow,
    DuckDb,
    Polars,
    S3fs,
    AwsCrt,
    MinioPy,
    Litestream,
    Restic,
    DockerRegistry,
}

impl S3Client {
    /// The clients of data tools and backup programs, most of which have their own S3 implementation.
    pub const DATA: [Self; 9] = [
        Self::PyArrow,
        Self::DuckDb,
        Self::Polars,
        Self::S3fs,
        Self::AwsCrt,
        Self::MinioPy,
        Self::Litestream,
        Self::Restic,
        Self::DockerRegistry,
    ];

    /// The SDKs and command-line clients.
    pub const GENERAL: [Self; 7] = [
        Self::Boto3,
        Self::OlderBoto3,
        Self::AwsCli,
        Self::AwsSdkForJavaScript,
        Self::S5cmd,
        Self::Rclone,
        Self::S3cmd,
    ];

    /// The client's name in the list of known failures, which is also the prefix of its keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boto3 => "boto3",
            Self::OlderBoto3 => "boto3-1.34",
            Self::AwsCli => "aws-cli",
            Self::AwsSdkForJavaScript => "aws-sdk-js",
            Self::S5cmd => "s5cmd",
            Self::Rclone => "rclone",
            Self::S3cmd => "s3cmd",
            Self::PyArrow => "pyarrow",
            Self::DuckDb => "duckdb",
            Self::Polars => "polars",
            Self::S3fs => "s3fs",
            Self::AwsCrt => "awscrt",
            Self::MinioPy => "minio-py",
            Self::Litestream => "litestream",
            Self::Restic => "restic",
            Self::DockerRegistry => "docker-registry",
        }
    }

    /// Runs the client's operations in sequence. Maps each operation to `ok` or the reason of its failure; the map of
    /// a client that is not installed is empty. Only restic and docker-registry can be missing, because no package
    /// registry has them.
    ///
    /// # Errors
    /// [`Error::OtherEnd`] if the program itself fails. Dropping the future kills the program.
    pub async fn run(self, at: &RepositoryAccess) -> Result<BTreeMap<String, String>> {
        let dir = tempfile::Builder::new().prefix("bucketry-client-").tempdir().map_err(Error::Files)?;
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let command_line = |tool: &str| -> Result<Command> {
            let mut command = Command::new(environment::python()?);
            command.arg(scripts.join("command_line_operations.py")).arg(tool);
            Ok(command)
        };
        let mut command = match self {
            Self::Boto3 => Command::new(environment::python()?),
            Self::OlderBoto3 => Command::new(variable("BUCKETRY_TEST_OLDER_PYTHON")?),
            Self::AwsSdkForJavaScript => Command::new("node"),
            Self::AwsCli => command_line("aws")?,
            Self::S5cmd => command_line("s5cmd")?,
            Self::Rclone => command_line("rclone")?,
            Self::S3cmd => command_line("s3cmd")?,
            _ => Command::new(variable("BUCKETRY_TEST_DATA_PYTHON")?),
        };
        match self {
            Self::Boto3 | Self::OlderBoto3 => _ = command.arg(scripts.join("boto3_operations.py")),
            Self::AwsSdkForJavaScript => _ = command.arg(scripts.join("aws_sdk_operations.mjs")),
            Self::AwsCli | Self::S5cmd | Self::Rclone | Self::S3cmd => {}
            Self::DockerRegistry => _ = command.arg(scripts.join("docker_registry_operations.py")),
            _ => _ = command.arg(scripts.join("data_operations.py")).arg(self.name()),
        }
        at.enter(&mut command, dir.path()).env("MATRIX_PREFIX", format!("{}-{}", at.prefix, self.name()));
        outcome_of(command, self.name(), "an object of operations").await
    }
}

/// Runs a client's program and reads the JSON that it prints.
async fn outcome_of<T: DeserializeOwned>(mut command: Command, call: &str, expected: &str) -> Result<T> {
    let output = command.output().await.map_err(Error::Files)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&printed).map_err(|_| Error::OtherEnd {
        call: call.to_owned(),
        expected: expected.to_owned(),
        status: output.status.to_string(),
        output: format!("{printed}{}", String::from_utf8_lossy(&output.stderr)),
    })
}

/// The addresses, names and credentials with which a client uses a bucket.
#[derive(Debug, Clone)]
pub struct RepositoryAccess {
    /// The repository's id.
    pub repository: String,
    /// The gateway, as `http://HOST:PORT`.
    pub endpoint: String,
    /// The access key id.
    pub key: String,
    /// The secret access key.
    pub secret: String,
    /// The bucket's name.
    pub bucket: String,
    /// A prefix for all keys, so that runs don't affect each other.
    pub prefix: String,
}

impl RepositoryAccess {
    /// Runs a script of `e2e/clients` that uses boto3, and reads the JSON that it prints.
    ///
    /// # Errors
    /// [`Error::OtherEnd`] with the script's traceback if it fails. Dropping the future kills it.
    pub async fn run_script(&self, script: &str, args: &[&str]) -> Result<Value> {
        let dir = tempfile::Builder::new().prefix("bucketry-client-").tempdir().map_err(Error::Files)?;
        let mut command = Command::new(environment::python()?);
        command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(script)).args(args);
        self.enter(&mut command, dir.path()).env("MATRIX_PREFIX", &self.prefix);
        outcome_of(command, script, "JSON").await
    }

    /// Sets the environment variables with which a program uses the bucket.
    fn enter<'a>(&self, command: &'a mut Command, dir: &Path) -> &'a mut Command {
        command
            .env("MATRIX_ENDPOINT", &self.endpoint)
            .env("MATRIX_KEY", &self.key)
            .env("MATRIX_SECRET", &self.secret)
            .env("MATRIX_BUCKET", &self.bucket)
            .env("MATRIX_ROOM", dir)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_CA_BUNDLE")
            .stdin(Stdio::null())
            .kill_on_drop(true)
    }

    /// Lists the buckets with a wrong signature. The error shows whether the gateway knows the key.
    pub(crate) async fn list_buckets_unsigned(&self) -> Result<Answer> {
        let now = jiff::Timestamp::try_from(std::time::SystemTime::now())
            .unwrap_or_default()
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let credential = format!("{}/{}/us-east-1/s3/aws4_request", self.key, &now[..8]);
        let signature = "0".repeat(64);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
             Signature={signature}"
        );
        Call::new(http::Method::GET, &self.endpoint, "/")
            .header("x-amz-date", &now)
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .header("authorization", &authorization)
            .send()
            .await
    }
}
