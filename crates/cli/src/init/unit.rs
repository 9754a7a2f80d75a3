//! The unit file for systemd: the one in `deploy/systemd`, with the paths of this installation.

use std::path::{Component, Path, PathBuf};

use crate::failure::{Failure, Result};

const TEMPLATE: &str = include_str!("../../../../deploy/systemd/bucketry.service");
/// Where systemd creates the directory of a service and gives it to the service's user.
const STATE: &str = "/var/lib";
/// Directories that `ProtectHome=yes` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// What is different in this installation.
#[derive(Debug, Clone)]
pub(super) struct SystemdUnit {
    /// The program to run.
    pub(super) program: PathBuf,
    /// The configuration file.
    pub(super) config: PathBuf,
    /// The data directory.
    pub(super) data_dir: PathBuf,
    /// An existing user, by name or id. `None`: one that systemd creates.
    pub(super) user: Option<String>,
    /// Whether a port below 1024 is listened on.
    pub(super) is_privileged: bool,
}

impl SystemdUnit {
    /// Whether systemd creates the data directory and gives it to the service's user.
    pub(super) fn is_managed(&self) -> bool {
        state_directory(&self.data_dir).is_some()
    }

    fn uses_home(&self) -> bool {
        let is_home = |path: &Path| HOMES.iter().any(|home| path.starts_with(home));
        is_home(&self.program) || is_home(&self.data_dir)
    }

    /// The text of the unit file.
    ///
    /// # Errors
    /// A path contains characters that mean something to systemd.
    pub(super) fn text(&self) -> Result<String> {
        for path in [&self.program, &self.config, &self.data_dir] {
            check(path)?;
        }
        if let Some(user) = self.user.as_deref().filter(|user| !user.chars().all(is_plain)) {
            return Err(Failure::usage(format!("--service-user: {user:?} is not the name of a user")));
        }
        let lines: Vec<String> = TEMPLATE.lines().flat_map(|line| self.lines_for(line)).collect();
        Ok(lines.join("\n") + "\n")
    }

    /// What a line of the template becomes.
    fn lines_for(&self, line: &str) -> Vec<String> {
        let one = |text: String| vec![text];
        let data_dir = self.data_dir.display();
        match line.split_once('=').map_or(line, |(key, _)| key) {
            "ExecStart" => one(line.replace("/usr/bin/bucketry", &self.program.to_string_lossy())),
            "LoadCredential" => one(format!("LoadCredential=bucketry.toml:{}", self.config.display())),
            "DynamicUser" if self.user.is_some() => one("DynamicUser=no".to_owned()),
            "User" => one(format!("User={}", self.user.as_deref().unwrap_or("bucketry"))),
            "StateDirectory" => one(match state_directory(&self.data_dir) {
                Some(directory) => format!("StateDirectory={}", directory.display()),
                None => format!("ReadWritePaths={data_dir}"),
            }),
            "StateDirectoryMode" if !self.is_managed() => Vec::new(),
            "WorkingDirectory" => one(format!("WorkingDirectory={data_dir}")),
            "ProtectHome" if self.uses_home() => one("ProtectHome=read-only".to_owned()),
            "CapabilityBoundingSet" if self.is_privileged => vec![
                "CapabilityBoundingSet=CAP_NET_BIND_SERVICE".to_owned(),
                "AmbientCapabilities=CAP_NET_BIND_SERVICE".to_owned(),
            ],
            // A capability for the ports of the host is none in a separate user namespace.
            "PrivateUsers" if self.is_privileged => one("PrivateUsers=no".to_owned()),
            _ if line.starts_with("# The user exists only") && self.user.is_some() => Vec::new(),
            _ => one(line.to_owned()),
        }
    }
}

/// The path below `/var/lib`, if it is there.
pub(super) fn state_directory(data_dir: &Path) -> Option<&Path> {
    data_dir.strip_prefix(STATE).ok().filter(|rest| rest.components().next().is_some())
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/._-+@".contains(character)
}

/// Refuses paths that a unit would have to quote, each setting in another way.
fn check(path: &Path) -> Result<()> {
    let is_direct = path.components().all(|part| !matches!(part, Component::ParentDir));
    let text = path.to_string_lossy();
    if path.is_absolute() && is_direct && text.chars().all(is_plain) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "a unit file can't contain the path {text:?}: choose one of letters, digits and ./_-+@, or pass --no-unit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packaged() -> SystemdUnit {
        SystemdUnit {
            program: "/usr/bin/bucketry".into(),
            config: "/etc/bucketry/bucketry.toml".into(),
            data_dir: "/var/lib/bucketry".into(),
            user: None,
            is_privileged: false,
        }
    }

    #[test]
    fn the_unit_of_a_packaged_installation_is_the_one_in_deploy() {
        assert_eq!(packaged().text().unwrap(), TEMPLATE);
    }

    #[test]
    fn other_paths_users_and_ports_change_only_what_they_must() {
        let unit = SystemdUnit {
            program: "/opt/bucketry/bin/bucketry".into(),
            config: "/opt/bucketry/settings.toml".into(),
            data_dir: "/srv/bucketry".into(),
            user: Some("storage".to_owned()),
            is_privileged: true,
        };
        let text = unit.text().unwrap();
        for line in [
            "ExecStart=/opt/bucketry/bin/bucketry serve --config ${CREDENTIALS_DIRECTORY}/bucketry.toml",
            "LoadCredential=bucketry.toml:/opt/bucketry/settings.toml",
            "DynamicUser=no",
            "User=storage",
            "ReadWritePaths=/srv/bucketry",
            "WorkingDirectory=/srv/bucketry",
            "ProtectHome=yes",
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "PrivateUsers=no",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        assert!(!text.contains("StateDirectory") && !text.contains("exists only"), "{text}");
        let kept = TEMPLATE.lines().filter(|line| text.lines().any(|one| one == *line)).count();
        assert!(kept + 12 > TEMPLATE.lines().count(), "{text}");
    }

    #[test]
    fn data_below_var_lib_belongs_to_the_service_and_homes_are_seen_only_if_they_are_used() {
        let unit = SystemdUnit { data_dir: "/var/lib/storage/bucketry".into(), ..packaged() };
        assert!(unit.text().unwrap().contains("\nStateDirectory=storage/bucketry\n"));
        let unit = SystemdUnit { program: "/home/ann/bin/bucketry".into(), ..packaged() };
        assert!(unit.text().unwrap().contains("\nProtectHome=read-only\n"));
    }

    #[test]
    fn paths_that_systemd_would_read_differently_are_refused() {
        for path in ["/srv/my data", "/srv/100%", "/srv/$HOME", "/srv/a\nb", "/srv/../etc", "srv"] {
            let unit = SystemdUnit { data_dir: path.into(), ..packaged() };
            assert!(unit.text().unwrap_err().message().contains("--no-unit"), "{path}");
        }
        let unit = SystemdUnit { user: Some("a b".to_owned()), ..packaged() };
        assert!(unit.text().unwrap_err().message().contains("--service-user"));
    }
}
