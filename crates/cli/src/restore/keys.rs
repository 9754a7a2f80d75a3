//! The key files of a restored registry: from the backup, or from the data directory.

use std::path::Path;

use bucketry_model::secret::SealedSecret;
use bucketry_store::backup::{CheckedBackup, SealedKeys};
use bucketry_vault::{Identities, KeyFiles, VaultError, opens};

use crate::arguments::RestoreOptions;
use crate::data_directory::{KEY_FILES, VAULT_KEY};
use crate::failure::{Failure, Result};
use crate::output;

/// The key files that a restore uses.
pub(super) struct RestoredKeys {
    /// `None` if the files in the data directory are used.
    from_backup: Option<KeyFiles>,
    /// How many secrets these keys don't open, of how many.
    unopened: (u64, u64),
}

/// Decides which key files to use, and checks that they open the secrets of the backup. Writes nothing.
pub(super) fn choose(checked: &CheckedBackup, options: &RestoreOptions) -> Result<RestoredKeys> {
    let data_dir = &options.data_dir;
    let secrets: u64 = checked.secrets.iter().map(|sample| sample.count).sum();
    if options.without_keys {
        return Ok(RestoredKeys { from_backup: None, unopened: (secrets, secrets) });
    }
    let from_backup = match (&checked.keys, &options.identity) {
        (Some(sealed), Some(path)) => Some(open(sealed, &checked.header.id, path)?),
        (None, Some(_)) => {
            return Err(Failure::usage(
                "the backup contains no key files, so leave out --identity, and copy vault.key, node.pem and token.key to the \
                 data directory before",
            ));
        }
        (_, None) => None,
    };
    let identities = match &from_backup {
        Some(files) => files.identities(VAULT_KEY),
        None => Identities::load(&data_dir.join(VAULT_KEY)),
    };
    let identities =
        identities.map_err(|error| Failure::because("nothing was restored: can't read the keys", &error))?;
    let Some(identities) = identities else {
        if secrets == 0 && checked.keys.is_none() {
            return Ok(RestoredKeys { from_backup, unopened: (0, 0) });
        }
        return Err(missing(checked.keys.as_ref(), data_dir));
    };
    let opened = |sealed: &str| opens(&SealedSecret::from_text(sealed), &identities);
    let lost = checked.secrets.iter().filter(|sample| !opened(&sample.sealed));
    let unopened = lost.map(|sample| sample.count).sum();
    if unopened == secrets && secrets > 0 {
        let place = match &from_backup {
            Some(_) => "the backup".to_owned(),
            None => data_dir.display().to_string(),
        };
        return Err(Failure::failed(format!(
            "nothing was restored: the {VAULT_KEY} in {place} opens none of the {secrets} secrets, so it belongs to another \
             registry or another time. Put the right file into {}, or pass --without-keys to enter all secrets again",
            data_dir.display()
        )));
    }
    Ok(RestoredKeys { from_backup, unopened: (unopened, secrets) })
}

fn open(sealed: &SealedKeys, backup: &str, identity: &Path) -> Result<KeyFiles> {
    let shown = identity.display();
    let identities = Identities::load(identity)
        .map_err(|error| Failure::because("nothing was restored: --identity", &error))?
        .ok_or_else(|| Failure::usage(format!("--identity: there is no file {shown}")))?;
    let files = KeyFiles::open(&sealed.sealed, backup, &identities).map_err(|error| match error {
        VaultError::SealedToOthers => Failure::failed(format!(
            "nothing was restored: the key files in the backup are encrypted to {}, and {shown} contains no private key of \
             it: pass the right file with --identity",
            sealed.recipients.join(" and ")
        )),
        VaultError::WrongContext => Failure::failed(
            "nothing was restored: the key files in the backup were copied from another backup. Use another copy",
        ),
        other => Failure::because("nothing was restored: can't open the key files in the backup", &other),
    })?;
    match files.names().into_iter().find(|name| !KEY_FILES.contains(name)) {
        None => Ok(files),
        Some(other) => Err(Failure::failed(format!(
            "nothing was restored: the backup contains a key file that this version doesn't know: {other:?}"
        ))),
    }
}

fn missing(in_backup: Option<&SealedKeys>, data_dir: &Path) -> Failure {
    let place = data_dir.display();
    let remedy = match in_backup {
        Some(sealed) => format!(
            "the backup contains {}, encrypted to {}: pass the file with its private key with --identity",
            sealed.files.join(", "),
            sealed.recipients.join(" and ")
        ),
        None => format!(
            "the backup contains no key files: copy vault.key, node.pem and token.key of the registry to {place}, and run the \
             command again"
        ),
    };
    Failure::failed(format!(
        "nothing was restored, because {VAULT_KEY} is missing in {place}, and {remedy}. To restore without keys, and enter all \
         secrets again, pass --without-keys"
    ))
}

impl RestoredKeys {
    /// The names of the files that have to be written, because the data directory doesn't have the same ones.
    pub(super) fn to_write(&self, data_dir: &Path) -> Vec<&'static str> {
        let Some(files) = &self.from_backup else { return Vec::new() };
        let mut names = Vec::new();
        for name in KEY_FILES {
            // A file that can't be read is in the way like any other.
            if files.contains(name) && !files.is_same(name, data_dir).unwrap_or(false) {
                names.push(name);
            }
        }
        names
    }

    /// Writes those of the named files that are keys.
    pub(super) fn write(&self, directory: &Path, names: &[&str]) -> Result<()> {
        let Some(files) = &self.from_backup else { return Ok(()) };
        for name in names {
            files.write(name, directory).map_err(|error| Failure::because("nothing was restored", &error))?;
        }
        Ok(())
    }

    /// Says what the restored registry lacks.
    pub(super) fn remark(&self, data_dir: &Path) {
        let (unopened, secrets) = self.unopened;
        if unopened > 0 {
            let start = if unopened == secrets { "start with --start-without-secrets, " } else { "" };
            output::remark(&format!(
                "warning: {VAULT_KEY} doesn't open {unopened} of the {secrets} secrets: {start}enter those of buckets again with \
                 `bucketry bucket update`, and replace the access keys of repositories with `bucketry key add`"
            ));
        }
        let is_there = |name: &str| {
            data_dir.join(name).exists()
                || self.from_backup.as_ref().is_some_and(|files| files.contains(name))
        };
        for (name, meaning) in [
            (KEY_FILES[1], "the embedded node gets a new one"),
            (KEY_FILES[2], "users have to sign in again"),
        ] {
            if !is_there(name) {
                output::remark(&format!("warning: {name} is missing in {}: {meaning}", data_dir.display()));
            }
        }
    }
}
