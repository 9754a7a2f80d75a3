//! What the first start with an empty data directory creates: keys, an organization, a workspace and an owner.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use bucketry_control::Control;
use bucketry_control::access_token::AccessTokens;
use bucketry_control::environment::{Randomness, SystemRandomness};
use bucketry_model::hex;
use bucketry_model::secret::Secret;
use bucketry_vault::is_key_file_exposed;

use crate::data_directory::TOKEN_KEYS;
use crate::database::Database;
use crate::failure::{Failure, Result};
use crate::settings::Settings;

/// The variable with the first owner's password.
const ADMIN_PASSWORD: &str = "BUCKETRY_ADMIN_PASSWORD";

/// The owner that the first start created; a generated password is shown only once.
pub(crate) struct FirstOwner {
    pub(crate) email: String,
    pub(crate) generated_password: Option<Secret>,
}

/// Reads the keys that sign access tokens, and creates the first one if there is none.
pub(crate) fn access_tokens(data_dir: &Path) -> Result<AccessTokens> {
    let path = data_dir.join(TOKEN_KEYS);
    let wrong =
        |why: &dyn std::fmt::Display| Failure::failed(format!("the token keys {}: {why}", path.display()));
    if !path.exists() {
        let text = format!("{} {}\n", hex::encode(&random::<4>()?), hex::encode(&random::<32>()?));
        // Written to another file and renamed, so that an interrupted start leaves no partial key.
        let aside = path.with_extension("key.new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)
            .map_err(|error| wrong(&error))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| wrong(&error))?;
        fs::rename(&aside, &path).map_err(|error| wrong(&error))?;
    }
    if is_key_file_exposed(&fs::metadata(&path).map_err(|error| wrong(&error))?) {
        return Err(wrong(&"other users can read the file: run chmod 600 on it"));
    }
    let text = fs::read_to_string(&path).map_err(|error| wrong(&error))?;
    let mut keys = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let key =
            line.split_once(' ').and_then(|(name, key)| Some((name.to_owned(), hex::decode(key.trim())?)));
        keys.push(key.ok_or_else(|| wrong(&"a line must be a name and a key in hexadecimal digits"))?);
    }
    AccessTokens::new(&keys).map_err(|error| wrong(&error))
}

/// Creates the first organization if there is none. A generated password must be changed at the first sign-in.
pub(crate) async fn first_owner(control: &Control, settings: &Settings) -> Result<Option<FirstOwner>> {
    let failed =
        |error: bucketry_control::Error| Failure::because("can't create the first organization", &error);
    if control.has_organization().await.map_err(failed)? {
        if let Some(source) = password_source(settings) {
            tracing::warn!("{}", no_effect(source, settings));
        }
        return Ok(None);
    }
    let email = &settings.admin_email;
    let given = admin_password(settings)?.or_else(|| settings.first_password.clone());
    let (made, generated_password) = if let Some(password) = given {
        (control.bootstrap(email, password).await, None)
    } else {
        let password = generated_password()?;
        (control.bootstrap_with_one_time_password(email, password.clone()).await, Some(password))
    };
    Ok(made.map_err(failed)?.map(|_| FirstOwner { email: email.clone(), generated_password }))
}

/// The name of the flag or variable that gives the first owner's password.
fn password_source(settings: &Settings) -> Option<&'static str> {
    let direct = std::env::var_os(ADMIN_PASSWORD).is_some_and(|text| !text.is_empty());
    match &settings.admin_password_file {
        Some(_) => Some("--admin-password-file"),
        None => direct.then_some(ADMIN_PASSWORD),
    }
}

/// The warning for a password given to an existing registry: the operator may think that it replaced the owner's.
fn no_effect(source: &str, settings: &Settings) -> String {
    let (place, hint) = match &settings.database {
        Database::Embedded => {
            (format!("--data-dir {}", settings.data_dir.display()), ", stop this server and run")
        }
        Database::Postgres { .. } => ("--database-url \"$BUCKETRY_DATABASE_URL\"".to_owned(), ", run"),
    };
    format!(
        "{source} has no effect, because it is for the first start and this registry already exists. To replace a lost \
         password{hint}: bucketry admin reset-password {} {place}",
        settings.admin_email
    )
}

fn admin_password(settings: &Settings) -> Result<Option<Secret>> {
    let direct = std::env::var(ADMIN_PASSWORD).ok().filter(|text| !text.is_empty());
    match (direct, &settings.admin_password_file) {
        (Some(_), Some(_)) => {
            Err(Failure::usage("set BUCKETRY_ADMIN_PASSWORD or --admin-password-file, not both"))
        }
        (Some(direct), None) => Ok(Some(Secret::new(direct))),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("--admin-password-file: can't read {}: {error}", path.display()))
            })?;
            Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
        }
        (None, None) => Ok(None),
    }
}

/// Generates a password of 120 random bits that follows the password rules.
pub(crate) fn generated_password() -> Result<Secret> {
    Ok(bucketry_control::password::generate(random()?))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandomness
        .fill(&mut bytes)
        .map_err(|error| Failure::because("can't get random numbers", &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::settings::SettingsLayer;

    #[test]
    fn token_keys_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        access_tokens(dir.path()).unwrap();
        let path = dir.path().join(TOKEN_KEYS);
        let first = fs::read_to_string(&path).unwrap();
        access_tokens(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(access_tokens(dir.path()).err().unwrap().message().contains("chmod 600"));
    }

    #[test]
    fn damaged_token_keys_are_told() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "name", "name xyz", "name 00", "name äö"] {
            let path = dir.path().join(TOKEN_KEYS);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(access_tokens(dir.path()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_for_a_registry_that_exists_is_told_to_have_no_effect() {
        let mut settings = SettingsLayer::default().read().unwrap();
        settings.data_dir = "/srv/registry".into();
        let response = no_effect(ADMIN_PASSWORD, &settings);
        assert!(response.starts_with("BUCKETRY_ADMIN_PASSWORD has no effect"), "{response}");
        assert!(
            response.ends_with("bucketry admin reset-password admin@localhost --data-dir /srv/registry"),
            "{response}"
        );
    }
}
