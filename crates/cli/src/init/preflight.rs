//! What can be checked before the first start: ports, the data directory, the database and the clock.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bucketry_model::time::{Clock as _, SystemClock};
use bucketry_store::postgres::{Address, CandidateDatabase, candidate};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Access, access, statvfs};

use crate::data_directory::{is_used, lacks_its_database};
use crate::database::Database;
use crate::failure::Failure;
use crate::settings::Settings;

/// A larger difference of clocks is a problem, in seconds: nodes and signatures would be refused before long.
const CLOCK_OFF_AT_MOST: i64 = 60;
/// Less free space is mentioned.
const MUCH_SPACE: u64 = 10 << 30;
/// The first port that every user may listen on.
pub(super) const FIRST_FREE_PORT: u16 = 1024;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// To know before going on.
    Note,
    /// The server would not start, or not work.
    Problem,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PreflightCheck {
    pub(super) verdict: Verdict,
    message: String,
}

impl PreflightCheck {
    fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Self { verdict, message: message.into() }
    }

    /// A line for people.
    pub(super) fn text(&self) -> String {
        let mark = match self.verdict {
            Verdict::Fine => '✓',
            Verdict::Note => '!',
            Verdict::Problem => '✗',
        };
        format!("{mark} {}", self.message)
    }
}

/// Checks everything. `is_managed` says that systemd creates the data directory.
pub(super) async fn check(settings: &Settings, is_managed: bool) -> Vec<PreflightCheck> {
    let mut checks = ports(&addresses(settings));
    checks.extend(directory(&settings.data_dir, is_managed));
    match &settings.database {
        Database::Embedded => {
            if lacks_its_database(&settings.data_dir) {
                checks.push(PreflightCheck::new(
                    Verdict::Problem,
                    format!(
                        "{} contains keys but no database: it is that of a registry in PostgreSQL, or its database is lost",
                        settings.data_dir.display()
                    ),
                ));
            }
        }
        Database::Postgres { address, .. } => checks.extend(database(address).await),
    }
    checks
}

/// What the server listens on, with the flag of each.
pub(super) fn addresses(settings: &Settings) -> Vec<(&'static str, SocketAddr)> {
    let gateway = settings.node.as_ref().and_then(|node| node.gateway.as_ref());
    let dashboard = settings.dashboard.as_ref().and_then(|plan| plan.listen);
    [
        ("--listen", Some(settings.listen)),
        ("--gateway-listen", gateway.map(|gateway| gateway.address)),
        ("--dashboard-listen", dashboard),
        ("--metrics-listen", settings.metrics_listen),
    ]
    .into_iter()
    .filter_map(|(flag, address)| Some((flag, address?)))
    .collect()
}

/// Checks whether all addresses can be listened on at the same time.
fn ports(addresses: &[(&'static str, SocketAddr)]) -> Vec<PreflightCheck> {
    // Kept until all are checked, so that two settings can't have the same port.
    let mut listeners = Vec::new();
    let mut checks = Vec::new();
    for (flag, address) in addresses {
        checks.push(match TcpListener::bind(address) {
            Ok(listener) => {
                listeners.push(listener);
                listening(flag, *address)
            }
            Err(error) => PreflightCheck::new(
                if error.kind() == ErrorKind::PermissionDenied { Verdict::Note } else { Verdict::Problem },
                cannot_listen(flag, *address, &error),
            ),
        });
    }
    checks
}

fn listening(flag: &str, address: SocketAddr) -> PreflightCheck {
    match address.port() {
        0 => PreflightCheck::new(
            Verdict::Note,
            format!("{flag} {address}: each start picks another port, which clients would have to find out"),
        ),
        port if port < FIRST_FREE_PORT => PreflightCheck::new(
            Verdict::Fine,
            format!("{flag} {address} is free; the unit file permits the port, which is below 1024"),
        ),
        _ => PreflightCheck::new(Verdict::Fine, format!("{flag} {address} is free")),
    }
}

fn cannot_listen(flag: &str, address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{flag} {address} is in use: stop the program that uses it, or choose another port")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{flag} {address} is not an address of this machine: `ip address` lists them")
        }
        ErrorKind::PermissionDenied => format!(
            "{flag} {address}: ports below 1024 need a permission, which the unit file gives to the service. Whether the \
             port is free was not checked"
        ),
        _ => format!("{flag} {address} can't be listened on: {error}"),
    }
}

/// Checks whether the data directory can be used or created, who can read it, and how much space it has.
fn directory(data_dir: &Path, is_managed: bool) -> Vec<PreflightCheck> {
    let shown = data_dir.display();
    let mut checks = Vec::new();
    match fs::metadata(data_dir) {
        Ok(metadata) if !metadata.is_dir() => {
            return vec![PreflightCheck::new(Verdict::Problem, format!("{shown} is not a directory"))];
        }
        Ok(metadata) => {
            checks.push(existing(data_dir, is_managed));
            if metadata.permissions().mode() & 0o077 != 0 && !is_managed {
                checks.push(PreflightCheck::new(
                    Verdict::Note,
                    format!("other users can access {shown}: run chmod 700 on it"),
                ));
            }
        }
        Err(_) if is_managed => {
            checks.push(PreflightCheck::new(Verdict::Fine, format!("systemd will create {shown}")));
        }
        Err(_) => checks.push(creatable(data_dir)),
    }
    if let Some(free) = free_space(data_dir) {
        let verdict = if free < MUCH_SPACE { Verdict::Note } else { Verdict::Fine };
        checks.push(PreflightCheck::new(verdict, format!("{} MiB are free for {shown}", free >> 20)));
    }
    checks
}

fn existing(data_dir: &Path, is_managed: bool) -> PreflightCheck {
    let shown = data_dir.display();
    if is_used(data_dir) {
        return PreflightCheck::new(
            Verdict::Note,
            format!("{shown} contains a registry, which the server will use; it already has an owner"),
        );
    }
    if !is_managed && access(data_dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return PreflightCheck::new(
            Verdict::Problem,
            format!("you may not write to {shown}: change its owner"),
        );
    }
    let is_empty = fs::read_dir(data_dir).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty {
        PreflightCheck::new(Verdict::Fine, format!("{shown} is empty"))
    } else {
        PreflightCheck::new(Verdict::Note, format!("{shown} contains files of something else"))
    }
}

fn creatable(data_dir: &Path) -> PreflightCheck {
    let shown = data_dir.display();
    let parent = data_dir.ancestors().skip(1).find(|path| path.exists());
    match parent {
        Some(parent) if access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok() => {
            PreflightCheck::new(Verdict::Fine, format!("{shown} can be created"))
        }
        Some(parent) => PreflightCheck::new(
            Verdict::Problem,
            format!("{shown} can't be created: you may not write to {}", parent.display()),
        ),
        None => PreflightCheck::new(Verdict::Problem, format!("{shown} can't be created")),
    }
}

/// The free space in bytes of the file system on which a directory is or will be.
fn free_space(data_dir: &Path) -> Option<u64> {
    let existing = data_dir.ancestors().find(|path| path.exists())?;
    let disk = statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Checks whether the database can be used, and its clock.
async fn database(address: &Address) -> Vec<PreflightCheck> {
    match candidate(address).await {
        Ok(CandidateDatabase { version, time, is_new }) => {
            let content = if is_new { "no registry yet" } else { "a registry, which the server will use" };
            let message = format!("{address} can be used: PostgreSQL {version}, with {content}");
            let verdict = if is_new { Verdict::Fine } else { Verdict::Note };
            vec![PreflightCheck::new(verdict, message), clock(time, SystemClock.now())]
        }
        Err(error) => {
            let failure = Failure::because(&address.to_string(), &error);
            vec![PreflightCheck::new(Verdict::Problem, failure.message())]
        }
    }
}

/// Compares the clock of the database server with that of this machine.
fn clock(database: Timestamp, here: Timestamp) -> PreflightCheck {
    let difference: SignedDuration = here.duration_since(database);
    let seconds = difference.as_secs();
    if seconds.abs() <= CLOCK_OFF_AT_MOST {
        return PreflightCheck::new(
            Verdict::Fine,
            format!("the clocks of this machine and of the database differ by {} s", seconds.abs()),
        );
    }
    let how = if seconds > 0 { "ahead of" } else { "behind" };
    PreflightCheck::new(
        Verdict::Problem,
        format!(
            "this machine's clock is {} s {how} that of the database: correct the wrong one (NTP), because providers refuse \
             requests with a wrong time",
            seconds.abs()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(checks: &[PreflightCheck]) -> Vec<Verdict> {
        checks.iter().map(|check| check.verdict).collect()
    }

    #[test]
    fn a_port_that_is_taken_or_given_twice_is_a_problem() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let checks = ports(&[("--listen", taken), ("--gateway-listen", free), ("--metrics-listen", free)]);
        assert_eq!(verdicts(&checks), [Verdict::Problem, Verdict::Fine, Verdict::Problem]);
        assert!(checks[0].text().contains(&format!("--listen {taken} is in use")), "{checks:?}");
        let elsewhere = ports(&[("--listen", "192.0.2.1:8080".parse().unwrap())]);
        assert_eq!(verdicts(&elsewhere), [Verdict::Problem]);
        assert!(elsewhere[0].text().contains("not an address of this machine"), "{elsewhere:?}");
        let any = ports(&[("--listen", "127.0.0.1:0".parse().unwrap())]);
        assert_eq!(verdicts(&any), [Verdict::Note]);
    }

    #[test]
    fn a_data_directory_is_judged_by_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/data");
        assert!(directory(&data, false)[0].text().contains("can be created"));
        assert!(directory(&data, true)[0].text().contains("systemd will create"));
        fs::create_dir_all(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(directory(&data, false)[0].text().contains("is empty"));
        fs::write(data.join("photo.jpg"), "x").unwrap();
        assert_eq!(directory(&data, false)[0].verdict, Verdict::Note);
        fs::write(data.join("vault.key"), "x").unwrap();
        assert!(directory(&data, false)[0].text().contains("contains a registry"));
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(directory(&data, false)[1].text().contains("chmod 700"));
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        assert_eq!(verdicts(&directory(&file, false)), [Verdict::Problem]);
    }

    #[test]
    fn a_clock_that_is_off_is_a_problem_with_its_direction() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let after = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(clock(now, after(60)).verdict, Verdict::Fine);
        assert!(clock(now, after(61)).text().contains("61 s ahead of"));
        assert!(clock(now, after(-3_600)).text().contains("3600 s behind"));
    }
}
