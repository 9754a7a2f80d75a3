//! SeaweedFS: a real S3 server that checks signatures, checksums and conditions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::process::Supervised;
use crate::{Error, Result, loopback, ports};

const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long a look at a starting server may take. A request that reaches its S3 port too early is never answered.
const LOOK_WITHIN: Duration = Duration::from_secs(3);

/// How many sets of ports are tried before starting fails.
const ATTEMPTS: usize = 3;

/// Flags that keep a server independent of how full its disk is. Each bucket needs its own volumes, whose number would
/// otherwise depend on free space, and a disk that is 99 % full, as that of a machine that builds may be, would make
/// them read-only.
const ANY_DISK: &[&str] =
    &["-volume.max=2000", "-master.volumeSizeLimitMB=128", "-volume.minFreeSpace=16MiB"];

/// Flags that versions before 4.35 don't have.
const NEWER_FLAGS: &[&str] = &["-s3.port.lance=0"];

/// Flags for versions before 4.35.
const OLDER_FLAGS: &[&str] = &[];

/// An access key of the server, and what it may do.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// The name in the server's configuration.
    pub name: &'static str,
    /// The access key id that requests are signed with.
    pub key: &'static str,
    /// The secret of `key`.
    pub secret: &'static str,
    actions: &'static [&'static str],
}

/// May do everything in every bucket.
pub const ADMIN: Identity = Identity {
    name: "admin",
    key: "AKIDTESTADMIN",
    secret: "test-secret-of-the-admin-identity",
    actions: &["Admin", "Read", "Write", "List", "Tagging"],
};

/// May read and list objects in [`SCOPED_BUCKET`], but not write.
pub const READ_ONLY: Identity = Identity {
    name: "readonly",
    key: "AKIDTESTREADONLY",
    secret: "test-secret-of-the-readonly-identity",
    actions: &["Read:scoped", "List:scoped"],
};

/// May write and delete objects in [`SCOPED_BUCKET`], but neither read nor list. A HEAD of the bucket is refused
/// too.
pub const WRITE_ONLY: Identity = Identity {
    name: "writeonly",
    key: "AKIDTESTWRITEONLY",
    secret: "test-secret-of-the-writeonly-identity",
    actions: &["Write:scoped"],
};

/// May read, write and delete objects in [`SCOPED_BUCKET`], but not list.
pub const NO_LIST: Identity = Identity {
    name: "nolist",
    key: "AKIDTESTNOLIST",
    secret: "test-secret-of-the-nolist-identity",
    actions: &["Read:scoped", "Write:scoped"],
};

/// The bucket that the restricted identities may use.
pub const SCOPED_BUCKET: &str = "scoped";

/// A bucket that only [`ADMIN`] may use.
pub const OPEN_BUCKET: &str = "e2e";

/// A running server with its own data, ports and process. It can be stopped and started again with the same data
/// and ports.
#[derive(Debug)]
pub struct SeaweedFs {
    program: PathBuf,
    flags: &'static [&'static str],
    dir: TempDir,
    ports: Ports,
    process: Option<Supervised>,
}

impl SeaweedFs {
    /// Starts `program` (the `weed` executable) on free ports with an empty data directory and the buckets
    /// [`SCOPED_BUCKET`] and [`OPEN_BUCKET`]. Returns when it accepts requests, after two to four seconds.
    ///
    /// # Errors
    /// The program can't be run; or it exits or isn't ready within a minute, on each of several sets of ports.
    pub fn start(program: &Path) -> Result<Self> {
        Self::start_with(program, NEWER_FLAGS)
    }

    /// Like [`SeaweedFs::start`], for a version before 4.35, which has other flags.
    ///
    /// # Errors
    /// See [`SeaweedFs::start`].
    pub fn start_older(program: &Path) -> Result<Self> {
        Self::start_with(program, OLDER_FLAGS)
    }

    fn start_with(program: &Path, flags: &'static [&'static str]) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(program, flags) {
                Ok(server) => return Ok(server),
                Err(Error::Spawn { program, source }) => return Err(Error::Spawn { program, source }),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    fn start_once(program: &Path, flags: &'static [&'static str]) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bucketry-seaweedfs-").tempdir()?;
        std::fs::create_dir(dir.path().join("data"))?;
        std::fs::create_dir(dir.path().join("logs"))?;
        std::fs::write(dir.path().join("identities.json"), identities())?;
        let program = program.to_owned();
        let mut server = Self { program, flags, dir, ports: Ports::free()?, process: None };
        server.start_again()?;
        for bucket in [SCOPED_BUCKET, OPEN_BUCKET] {
            server.create_bucket(bucket)?;
        }
        Ok(server)
    }

    /// The URL for S3 requests, `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port for S3 requests.
    pub fn port(&self) -> u16 {
        self.ports.s3
    }

    /// Creates an empty bucket. An existing bucket stays unchanged.
    ///
    /// # Errors
    /// The server doesn't run or refuses.
    pub fn create_bucket(&self, name: &str) -> Result<()> {
        // The filer stores buckets as folders of this path, and requires no signature.
        let answer = loopback::request("POST", self.ports.filer, &format!("/buckets/{name}/"), &[], "")?;
        match answer.status {
            200..300 => Ok(()),
            status => {
                Err(Error::UnexpectedAnswer(format!("creating bucket {name}: {status} {}", answer.body)))
            }
        }
    }

    /// Kills the server, as a power failure would. Does nothing if the server is stopped.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Starts a stopped server on the same ports with the same data, and waits until it is ready.
    ///
    /// # Errors
    /// See [`SeaweedFs::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut process = Supervised::start(self.command(), self.dir.path(), &self.ports.socket_files())?;
        let ports = self.ports;
        process.wait_ready("SeaweedFS taking requests", READY_WITHIN, || ports.ready())?;
        self.process = Some(process);
        Ok(())
    }

    fn command(&self) -> Command {
        let at = self.dir.path();
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-logdir={}", at.join("logs").display()))
            .args(["server", "-filer", "-s3", "-master.telemetry=false"])
            .arg(format!("-dir={}", at.join("data").display()))
            .arg(format!("-s3.config={}", at.join("identities.json").display()))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args(["-s3.port.iceberg=0", "-s3.allowDeleteBucketNotEmpty=false"])
            .args(ANY_DISK)
            .args(self.flags)
            .args(self.ports.flags())
            .current_dir(at)
            // SeaweedFS's SDK refuses to start if this variable names a bundle that it can't use.
            .env_remove("AWS_CA_BUNDLE");
        command
    }
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    s3: u16,
    master: u16,
    volume: u16,
    filer: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        let [s3, master, volume, filer] = ports::free()?;
        Ok(Self { s3, master, volume, filer })
    }

    fn named(self) -> [(&'static str, u16); 4] {
        [("s3", self.s3), ("master", self.master), ("volume", self.volume), ("filer", self.filer)]
    }

    fn flags(self) -> impl Iterator<Item = String> {
        self.named().into_iter().map(|(name, port)| format!("-{name}.port={port}"))
    }

    /// The server's socket files. It always creates them in this directory and leaves them behind.
    fn socket_files(self) -> Vec<PathBuf> {
        let at = Path::new("/tmp");
        self.named()
            .into_iter()
            .flat_map(|(name, port)| {
                let peer = port + ports::PEER_OFFSET;
                [format!("seaweedfs-{name}-{port}.sock"), format!("seaweedfs-{name}-grpc-{peer}.sock")]
            })
            .map(|file| at.join(file))
            .collect()
    }

    /// Fails until a volume accepts writes, the filer responds, and S3 refuses an unsigned request.
    fn ready(self) -> std::result::Result<(), String> {
        let look = |port, path| {
            loopback::request_within(LOOK_WITHIN, "GET", port, path, &[], "")
                .map_err(|error| error.to_string())
        };
        let assigned = look(self.master, "/dir/assign")?;
        if !assigned.body.contains("\"fid\"") {
            return Err(format!("no volume yet: {}", assigned.body));
        }
        let filer = look(self.filer, "/")?;
        if filer.status != 200 {
            return Err(format!("the filer responds with {}", filer.status));
        }
        match look(self.s3, "/")?.status {
            403 => Ok(()),
            status => Err(format!("S3 responds with {status} to an unsigned request")),
        }
    }
}

fn identities() -> String {
    let list: Vec<_> = [ADMIN, READ_ONLY, WRITE_ONLY, NO_LIST]
        .iter()
        .map(|identity| {
            json!({
                "name": identity.name,
                "credentials": [{ "accessKey": identity.key, "secretKey": identity.secret }],
                "actions": identity.actions,
            })
        })
        .collect();
    json!({ "identities": list }).to_string()
}
