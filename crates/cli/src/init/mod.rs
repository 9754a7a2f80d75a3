//! `bucketry init`: writes the configuration file and the systemd unit of a production server, after it has checked what
//! can be checked.

mod next_steps;
mod preflight;
mod questions;
mod unit;
mod user;

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use self::next_steps::SystemdService;
use self::preflight::{FIRST_FREE_PORT, PreflightCheck, Verdict};
use self::unit::SystemdUnit;
use self::user::{is_root, user_id};
use crate::failure::{Failure, Result};
use crate::init_arguments::InitOptions;
use crate::output;
use crate::settings::Settings;

/// The configuration file of a server for all users of the machine. The packaged unit reads it.
const SYSTEM_CONFIG: &str = "/etc/bucketry/bucketry.toml";

/// Asks, checks, writes, and prints what to do next.
pub(crate) async fn run(options: InitOptions) -> Result<()> {
    let asks = !options.yes && questions::can_ask();
    let config = config_file(&options)?;
    let unit_file = unit_file(&options)?;
    if !options.force {
        [Some(&config), unit_file.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|path| refuse_existing(path))?;
    }
    let layer = questions::complete(options.settings, asks)?.with_absolute_paths()?;
    let settings = layer.planned()?;
    let config_text = layer.commented()?;
    let unit = match &unit_file {
        Some(_) => Some(unit(&settings, &config, options.service_user)?),
        None => None,
    };
    let unit_text = unit.as_ref().map(SystemdUnit::text).transpose()?;
    let is_managed = unit.as_ref().is_some_and(SystemdUnit::is_managed);
    let checks = preflight::check(&settings, is_managed).await;
    for check in &checks {
        output::sentence(&check.text())?;
    }
    accept(&checks, asks, options.skip_checks, &config, unit_file.as_deref())?;

    // The file contains the password of the database, or will some day.
    write(&config, &config_text, 0o600, options.force)?;
    if let (Some(path), Some(text)) = (&unit_file, unit_text) {
        write(path, &text, 0o644, options.force)?;
    }
    let written: Vec<_> = [Some(&config), unit_file.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| path.display().to_string())
        .collect();
    output::sentence(&format!("\nWrote {}.\n", written.join(" and ")))?;
    let packaged = if unit.is_none() { packaged_unit(&settings, &config) } else { None };
    let service = match (unit_file.as_deref(), &unit, &packaged) {
        (Some(file), Some(unit), _) => Some(SystemdService { file, unit }),
        (_, _, Some(unit)) => Some(SystemdService { file: Path::new(next_steps::PACKAGED_UNIT), unit }),
        _ => None,
    };
    output::sentence(&next_steps::text(&settings, &config, service.as_ref()))
}

fn config_file(options: &InitOptions) -> Result<PathBuf> {
    let default = if is_root() { SYSTEM_CONFIG } else { "bucketry.toml" };
    absolute(options.config.as_deref().unwrap_or(Path::new(default)))
}

fn unit_file(options: &InitOptions) -> Result<Option<PathBuf>> {
    if options.no_unit {
        return Ok(None);
    }
    let units = Path::new(next_steps::UNITS);
    let directory = if is_root() && units.is_dir() { units } else { Path::new("") };
    let default = directory.join("bucketry.service");
    absolute(options.unit.as_deref().unwrap_or(&default)).map(Some)
}

/// What is in the unit of the Debian package, if it is installed and runs a server with these settings.
fn packaged_unit(settings: &Settings, config: &Path) -> Option<SystemdUnit> {
    let fits = config == Path::new(SYSTEM_CONFIG) && settings.data_dir == Path::new(questions::SYSTEM_DATA);
    (fits && Path::new(next_steps::PACKAGED_UNIT).exists()).then(|| SystemdUnit {
        program: PathBuf::from("/usr/bin/bucketry"),
        config: config.to_owned(),
        data_dir: settings.data_dir.clone(),
        user: None,
        is_privileged: is_privileged(settings),
    })
}

/// Whether a port is listened on that only privileged processes may listen on.
fn is_privileged(settings: &Settings) -> bool {
    let addresses = preflight::addresses(settings);
    addresses.iter().any(|(_, address)| (1..FIRST_FREE_PORT).contains(&address.port()))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn refuse_existing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::failed(format!(
            "{} exists: pass --force to overwrite it, or choose another file with --config or --unit",
            path.display()
        )));
    }
    Ok(())
}

/// The unit for these settings. A data directory that systemd doesn't manage belongs to a user who exists.
fn unit(settings: &Settings, config: &Path, service_user: Option<String>) -> Result<SystemdUnit> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::because("can't find the path of this program", &error))?;
    let data_dir = settings.data_dir.clone();
    let user = match service_user {
        None if unit::state_directory(&data_dir).is_none() => Some(owner(&data_dir)?),
        given => given,
    };
    let is_privileged = is_privileged(settings);
    Ok(SystemdUnit { program, config: config.to_owned(), data_dir, user, is_privileged })
}

/// The user that a directory belongs to or, if there is none yet, who runs this program: by id. Root is refused, because
/// the server needs none of its rights.
fn owner(data_dir: &Path) -> Result<String> {
    let of_directory = fs::metadata(data_dir).ok().map(|metadata| metadata.uid());
    match of_directory.or_else(user_id) {
        Some(id) if id != 0 => Ok(id.to_string()),
        _ => Err(Failure::usage(format!(
            "name the user to run the service as with --service-user: only below /var/lib, systemd would create {} for a \
             dedicated user",
            data_dir.display()
        ))),
    }
}

/// Decides whether to write the files. A person may write them in spite of problems.
fn accept(
    checks: &[PreflightCheck],
    asks: bool,
    skip: bool,
    config: &Path,
    unit: Option<&Path>,
) -> Result<()> {
    let problems = checks.iter().filter(|check| check.verdict == Verdict::Problem).count();
    let counted =
        if problems == 1 { "1 check failed".to_owned() } else { format!("{problems} checks failed") };
    let refused = |why: &str| Failure::failed(format!("{why}nothing was written"));
    if asks {
        let files = match unit {
            Some(unit) => format!("{} and {}", config.display(), unit.display()),
            None => config.display().to_string(),
        };
        let (question, default) = match problems {
            0 => (format!("Write {files}?"), true),
            _ => (format!("{counted}. Write {files} anyway?"), skip),
        };
        return if questions::confirm(&question, default)? { Ok(()) } else { Err(refused("")) };
    }
    if problems > 0 && !skip {
        return Err(refused(&format!("{counted} (--skip-checks writes the files anyway): ")));
    }
    Ok(())
}

/// Writes a file completely or not at all, and creates its directory.
fn write(path: &Path, text: &str, mode: u32, overwrite: bool) -> Result<()> {
    let failed = |error: &std::io::Error| Failure::failed(format!("can't write {}: {error}", path.display()));
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bucketry-").permissions(Permissions::from_mode(mode));
    let mut file = builder.tempfile_in(directory).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| failed(&error))?;
    let moved = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    moved.map(drop).map_err(|error| failed(&error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etc/bucketry.toml");
        write(&path, "a = 1\n", 0o600, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(&path, "a = 2\n", 0o600, false).is_err());
        assert!(refuse_existing(&path).unwrap_err().message().contains("--force"));
        write(&path, "a = 3\n", 0o644, true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a = 3\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }
}
