//! What to do after the files are written.

use std::fmt::Write as _;
use std::path::Path;

use super::preflight;
use super::unit::SystemdUnit;
use crate::data_directory::{NODE_KEY, TOKEN_KEYS, VAULT_KEY};
use crate::database::Database;
use crate::listener_url::url;
use crate::program::{self, quoted};
use crate::settings::{Settings, TlsListener};

/// Where systemd finds units of the administrator.
pub(super) const UNITS: &str = "/etc/systemd/system";

/// The unit of the Debian package.
pub(super) const PACKAGED_UNIT: &str = "/usr/lib/systemd/system/bucketry.service";

/// A service of systemd.
#[derive(Debug)]
pub(super) struct SystemdService<'a> {
    /// The unit file.
    pub(super) file: &'a Path,
    /// What is in it.
    pub(super) unit: &'a SystemdUnit,
}

impl SystemdService<'_> {
    fn name(&self) -> String {
        self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// The steps, numbered, with commands to copy.
pub(super) fn text(settings: &Settings, config: &Path, service: Option<&SystemdService<'_>>) -> String {
    let steps = [
        Some(start(config, service)),
        password(settings, service),
        Some(sign_in(settings)),
        expose(settings),
        Some(keep(settings)),
    ];
    let numbered = steps.into_iter().flatten().enumerate();
    let steps: Vec<String> =
        numbered.map(|(index, step)| format!("{}. {}", index + 1, step.replace('\n', "\n   "))).collect();
    format!("Next steps:\n\n{}", steps.join("\n"))
}

fn start(config: &Path, service: Option<&SystemdService<'_>>) -> String {
    let Some(service) = service else {
        let config = quoted(&config.to_string_lossy());
        return format!("Start the server:\n  {} serve --config {config}", program::command());
    };
    let (name, file) = (service.name(), service.file.display());
    let mut text = "Start the server, now and whenever the machine starts:".to_owned();
    if let Some(user) = service.unit.user.as_ref().filter(|_| !service.unit.is_managed()) {
        let directory = service.unit.data_dir.display();
        let _ = write!(text, "\n  sudo install -d -o {user} -m 0700 {directory}");
    }
    let is_packaged = service.file == Path::new(PACKAGED_UNIT);
    if !is_packaged && service.file.parent() != Some(Path::new(UNITS)) {
        let _ = write!(text, "\n  sudo install -m 0644 {file} {UNITS}/{name}");
    }
    if is_packaged && service.unit.is_privileged {
        text.insert_str(
            0,
            "The unit of the package permits no ports below 1024: run bucketry init again with --force and without \
             --no-unit, to write one that does. Then:\n",
        );
    }
    let _ = write!(text, "\n  sudo systemctl daemon-reload\n  sudo systemctl enable --now {name}");
    text
}

/// How to get the owner's password, unless the operator has chosen one.
fn password(settings: &Settings, service: Option<&SystemdService<'_>>) -> Option<String> {
    if settings.admin_password_file.is_some() {
        return None;
    }
    let email = &settings.admin_email;
    let place = match service.map(SystemdService::name) {
        Some(name) => {
            format!(
                "Read it in the log:\n  sudo journalctl --unit {name} --output cat --grep 'shown only once'"
            )
        }
        None => "It is in a frame in the output of the server.".to_owned(),
    };
    Some(format!(
        "If the registry is new, the first start creates the owner {email} with a one-time password, and prints it once. {place}"
    ))
}

fn sign_in(settings: &Settings) -> String {
    let has_tls = |listener| settings.tls.iter().any(|one| one.listener == listener);
    let api = url(settings.listen, has_tls(TlsListener::Api));
    let program = program::command();
    let page = settings.dashboard.as_ref().map(|plan| match (&plan.settings.public_url, plan.listen) {
        (Some(public), _) => public.as_text(),
        (None, Some(address)) => url(address, has_tls(TlsListener::Dashboard)),
        (None, None) => api.clone(),
    });
    let browser = page.map(|page| format!("open {page}/ui in a browser, or")).unwrap_or_default();
    format!(
        "Sign in, and replace the password if it is a one-time password: {browser}\n  \
         {program} login --url {api} --email {}\n  {program} user password",
        quoted(&settings.admin_email)
    )
}

/// How to make the server reachable, unless a proxy or TLS is set up already.
fn expose(settings: &Settings) -> Option<String> {
    if !settings.tls.is_empty() {
        return None;
    }
    let addresses = preflight::addresses(settings);
    let is_local = addresses.iter().all(|(_, address)| address.ip().is_loopback());
    let public = settings.dashboard.as_ref().and_then(|plan| plan.settings.public_url.as_ref());
    match (public, is_local) {
        (Some(_), _) => None,
        (None, true) => Some(
            "Only programs on this machine can reach the server. For others, put a reverse proxy with TLS in front of it, or \
             give it a certificate (--tls-certificate, --acme-domain): see docs/operations.md"
                .to_owned(),
        ),
        (None, false) => Some(
            "Other machines can reach the server without encryption. Give it a certificate (--tls-certificate, \
             --acme-domain), or put a reverse proxy with TLS in front of it: see docs/operations.md"
                .to_owned(),
        ),
    }
}

fn keep(settings: &Settings) -> String {
    let directory = settings.data_dir.to_string_lossy();
    let quoted_directory = quoted(&directory);
    let database = match &settings.database {
        Database::Embedded => "",
        Database::Postgres { .. } => " --database-url \"$BUCKETRY_DATABASE_URL\"",
    };
    let backup = format!(
        "Back up the registry every day, or let the server do it (--backup-dir):\n  {} backup FILE --data-dir \
         {quoted_directory}{database}",
        program::command()
    );
    format!(
        "{backup}\nCopy {VAULT_KEY}, {NODE_KEY} and {TOKEN_KEYS} from {directory} once, and store them elsewhere, or \
         include them in backups with --recipient: without {VAULT_KEY}, the stored secrets are lost."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingsLayer;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let layer = pairs.iter().fold(SettingsLayer::default(), |layer, (name, value)| {
            SettingsLayer::one(name, value).unwrap().over(layer)
        });
        layer.planned().unwrap()
    }

    fn unit(user: Option<&str>) -> SystemdUnit {
        SystemdUnit {
            program: "/usr/bin/bucketry".into(),
            config: "/etc/bucketry/bucketry.toml".into(),
            data_dir: "/srv/bucketry".into(),
            user: user.map(str::to_owned),
            is_privileged: false,
        }
    }

    #[test]
    fn the_steps_fit_what_was_written() {
        let unit = unit(None);
        let service = SystemdService { file: Path::new("/etc/systemd/system/bucketry.service"), unit: &unit };
        let config = Path::new("/etc/bucketry/bucketry.toml");
        let text = text(&settings(&[("admin_email", "ops@example.com")]), config, Some(&service));
        for part in ["systemctl enable --now bucketry.service", "--grep 'shown only once'", "ops@example.com"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            text.contains("\n4. Only programs on this machine") && !text.contains("install -m"),
            "{text}"
        );
    }

    #[test]
    fn a_server_without_a_unit_is_started_by_its_command() {
        let set = settings(&[
            ("database_url", "postgres://ada:hunter2@db/registry"),
            ("public_url", "https://storage.example.com"),
            ("admin_password_file", "/etc/bucketry/owner"),
        ]);
        let text = text(&set, Path::new("/srv/my files/b.toml"), None);
        assert!(text.contains("serve --config '/srv/my files/b.toml'"), "{text}");
        assert!(
            text.contains("open https://storage.example.com/ui") && text.contains("--database-url"),
            "{text}"
        );
        assert!(!text.contains("one-time password, and prints") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_unit_of_the_package_is_started_where_it_is() {
        let unit = SystemdUnit { is_privileged: true, data_dir: "/var/lib/bucketry".into(), ..unit(None) };
        let service = SystemdService { file: Path::new(PACKAGED_UNIT), unit: &unit };
        let text = text(&settings(&[]), Path::new("/etc/bucketry/bucketry.toml"), Some(&service));
        assert!(
            text.contains("systemctl enable --now bucketry.service") && !text.contains("install"),
            "{text}"
        );
        assert!(text.contains("without --no-unit"), "{text}");
    }

    #[test]
    fn a_unit_elsewhere_is_installed_first_and_open_addresses_are_mentioned() {
        let unit = unit(Some("storage"));
        let service = SystemdService { file: Path::new("/tmp/b.service"), unit: &unit };
        let text = text(&settings(&[("listen", ":8080")]), Path::new("/x.toml"), Some(&service));
        assert!(text.contains("sudo install -d -o storage -m 0700 /srv/bucketry"), "{text}");
        assert!(text.contains("sudo install -m 0644 /tmp/b.service /etc/systemd/system/b.service"), "{text}");
        assert!(text.contains("without encryption"), "{text}");
    }
}
