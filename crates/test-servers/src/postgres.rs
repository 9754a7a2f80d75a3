//! PostgreSQL: a real server, in which each test creates its own databases.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Supervised;
use crate::{Error, Result, ports};

const READY_WITHIN: Duration = Duration::from_mins(1);

/// How many ports are tried before starting fails.
const ATTEMPTS: usize = 3;

/// The user id of `nobody`. The server runs as this user if the tests run as root, because it refuses to run as
/// root.
const UNPRIVILEGED: u32 = 65_534;

/// The superuser of the server. Every client may log in as this user, with any password or none.
pub const USER: &str = "postgres";

/// Settings of a server that differ from those of the shared one.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    place: Option<PathBuf>,
    parameters: Vec<(String, String)>,
}

impl Settings {
    /// Stores the data in a temporary directory within this one.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.place = Some(directory.to_owned());
        self
    }

    /// Sets a PostgreSQL parameter. If a name repeats, the last value counts.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running server with its own data, port and process. It can be stopped and started again with the same data and
/// port.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    parameters: Vec<(String, String)>,
    dir: TempDir,
    port: u16,
    process: Option<Supervised>,
}

impl Postgres {
    /// Starts an empty server on a free port. `programs` is the folder of `postgres`, `initdb` and PostgreSQL's other
    /// programs.
    /// Returns when the server accepts connections, after about two seconds. It doesn't sync to disk: data survives
    /// a killed process, but not a power failure.
    ///
    /// # Errors
    /// The program can't be run; or it exits or isn't ready within a minute, on each of several ports.
    pub fn start(programs: &Path) -> Result<Self> {
        Self::start_with(programs, Settings::default())
    }

    /// Like [`Postgres::start`], with other settings.
    ///
    /// # Errors
    /// See [`Postgres::start`].
    pub fn start_with(programs: &Path, settings: Settings) -> Result<Self> {
        let mut server = Self::prepare(programs, settings)?;
        let mut initdb = server.command("initdb")?;
        initdb.arg("--pgdata").arg(server.data()).args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        ]);
        succeed("initdb", &mut initdb)?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    /// Starts a standby of this server, which must run with `wal_level=replica` (the default). The standby receives every
    /// write and serves reads. It calls itself `standby`, the name that `synchronous_standby_names` of this server can
    /// contain. To make it a primary, run `SELECT pg_promote()` in it.
    ///
    /// # Errors
    /// See [`Postgres::start`], or the data can't be copied.
    pub fn start_standby(&self) -> Result<Self> {
        let mut standby = Self::prepare(&self.programs, Settings::default())?;
        let from = format!("host=127.0.0.1 port={} user={USER} application_name=standby", self.port);
        let mut copy = standby.command("pg_basebackup")?;
        copy.arg("--pgdata").arg(standby.data()).args(["--dbname", &from]);
        copy.args(["--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--no-sync"]);
        succeed("pg_basebackup", &mut copy)?;
        standby.start_on_a_free_port()?;
        Ok(standby)
    }

    /// A server without data.
    fn prepare(programs: &Path, settings: Settings) -> Result<Self> {
        let place = settings.place.unwrap_or_else(std::env::temp_dir);
        let dir = tempfile::Builder::new().prefix("bucketry-postgres-").tempdir_in(place)?;
        let data = dir.path().join("data");
        std::fs::create_dir(&data)?;
        // The program refuses data that other users can change.
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700))?;
        if is_root(&data)? {
            // The unprivileged user must be able to reach its data.
            std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755))?;
            chown(&data, Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        let parameters = settings.parameters;
        Ok(Self { programs: programs.to_owned(), parameters, dir, port: 0, process: None })
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        let mut attempt = 1;
        loop {
            [self.port] = ports::free()?;
            match self.start_again() {
                Ok(()) => return Ok(()),
                Err(Error::Spawn { program, source }) => return Err(Error::Spawn { program, source }),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// The URL of the server without a database: `postgres://postgres@127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}", self.port)
    }

    /// The data directory of the server.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Errors
    /// The server doesn't run, or a database with this name exists.
    pub fn create_database(&self, name: &str) -> Result<String> {
        create_database(&self.programs, &self.address(), name)
    }

    /// Stops the server immediately: it rolls back open transactions and closes all connections. Does nothing if
    /// the server is stopped.
    ///
    /// # Errors
    /// The server doesn't stop within a minute.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            // SIGINT is PostgreSQL's "fast shutdown". A killed server would leave a shared memory segment behind.
            Some(mut process) => process.interrupt(READY_WITHIN).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Ends the server as a crash would: nothing is written and no standby is waited for. Does nothing if the server is
    /// stopped.
    ///
    /// # Errors
    /// The server doesn't end within a minute.
    pub fn crash(&mut self) -> Result<()> {
        match self.process.take() {
            // SIGQUIT is PostgreSQL's "immediate shutdown". A killed server would leave a shared memory segment behind.
            Some(mut process) => process.quit(READY_WITHIN).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Starts a stopped server on the same port with the same data, and waits until it is ready.
    ///
    /// # Errors
    /// See [`Postgres::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.command("postgres")?;
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-k", ""])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=64MB"]);
        for (name, value) in &self.parameters {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process = Supervised::start(command, self.dir.path(), &[])?;
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.args(["--quiet", "--host", "127.0.0.1", "--port", &self.port.to_string()]);
        ready.stdin(Stdio::null());
        process.wait_ready("PostgreSQL taking connections", READY_WITHIN, || match ready.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("pg_isready ended with {status}")),
            Err(error) => Err(error.to_string()),
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// A command that runs one of PostgreSQL's programs as a user that the server accepts.
    fn command(&self, program: &str) -> Result<Command> {
        let program = self.programs.join(program);
        let mut command = if is_root(self.dir.path())? {
            let user = UNPRIVILEGED.to_string();
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={user}"))
                .arg("--clear-groups")
                .arg("--");
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.dir.path()).env("HOME", self.dir.path());
        Ok(command)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // If this fails, dropping the process kills the server.
        drop(self.stop());
    }
}

/// Creates an empty database on the server with this URL, which may be a shared one, and returns the database's
/// URL.
///
/// # Errors
/// See [`Postgres::create_database`].
pub fn create_database(programs: &Path, server: &str, name: &str) -> Result<String> {
    let mut createdb = Command::new(programs.join("createdb"));
    createdb.arg("--maintenance-db").arg(format!("{server}/postgres")).arg(name);
    succeed("createdb", &mut createdb)?;
    Ok(format!("{server}/{name}"))
}

/// Runs a statement in the database with this URL. Returns one line per row, with columns separated by `|`.
///
/// # Errors
/// The server doesn't run or refuses the statement.
pub fn query(programs: &Path, database: &str, sql: &str) -> Result<String> {
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]);
    psql.args(["--dbname", database, "--command", sql]);
    Ok(String::from_utf8_lossy(&succeed("psql", &mut psql)?.stdout).trim().to_owned())
}

fn succeed(name: &str, command: &mut Command) -> Result<Output> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(|source| Error::Spawn { program, source })?;
    if output.status.success() {
        return Ok(output);
    }
    let log = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Ended { name: name.to_owned(), status: output.status.to_string(), log })
}

/// Whether this process runs as root, judged by the owner of a file that it created.
fn is_root(made: &Path) -> Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(made)?.uid() == 0)
}
