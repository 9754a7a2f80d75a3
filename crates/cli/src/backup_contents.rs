//! What is in a backup: the registry, the traffic that wasn't reported, and the key files for a recipient.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bucketry_model::secret::Secret;
use bucketry_node::spool;
use bucketry_store::backup::{
    BackupError, BackupHeader, BackupPace, BackupSource, BackupSummary, BackupWriter, SealedKeys,
};
use bucketry_vault::{KeyFiles, Recipient, is_key_file_exposed};
use jiff::Timestamp;

use crate::data_directory::{NODE_KEY, SPOOL, TOKEN_KEYS, VAULT_KEY};
use crate::failure::{Failure, Result};

/// How often a snapshot is begun again because a rotation has changed the keys meanwhile.
const ATTEMPTS: usize = 10;

/// What to back up in addition to the registry, and how.
pub(crate) struct BackupContents<'a> {
    pub(crate) data_dir: &'a Path,
    /// Whose private keys open the key files in the backup; empty for a backup without key files.
    pub(crate) recipients: &'a [Recipient],
    pub(crate) pace: BackupPace,
}

impl BackupContents<'_> {
    /// Checks that there are the key files that were asked for.
    pub(crate) fn must_have_keys(&self) -> Result<()> {
        self.keys().map(drop)
    }

    /// Writes a backup to a new file, which is complete or absent.
    pub(crate) async fn write(
        &self,
        source: &mut dyn BackupSource,
        to: &Path,
        began_at: Timestamp,
    ) -> Result<BackupSummary> {
        let failed = |error: BackupError| Failure::failed_because(&error);
        let header = BackupHeader::new(began_at, unique_id(began_at)?);
        let mut writer = BackupWriter::create(to, &header, self.pace).await.map_err(failed)?;
        let spool = self.data_dir.join(SPOOL);
        let files = spool::open_files(&spool)
            .map_err(|error| Failure::because(&format!("can't read {}", spool.display()), &error))?;
        for (name, file) in files {
            writer.spool_file(&name, &file).await.map_err(failed)?;
        }
        let (migrations, keys) = self.begin(source).await?;
        let sealed = keys.map(|keys| self.seal(&keys, &header)).transpose()?;
        writer.registry(source, migrations, sealed).await.map_err(failed)?;
        writer.finish().await.map_err(failed)
    }

    /// Begins a snapshot with the key files that belong to it: those from before and after its beginning are the same.
    async fn begin(&self, source: &mut dyn BackupSource) -> Result<(Vec<String>, Option<KeyFiles>)> {
        for _ in 0..ATTEMPTS {
            let before = self.keys()?;
            let migrations =
                source.begin().await.map_err(|error| Failure::because("can't read the registry", &error))?;
            if self.keys()? == before {
                return Ok((migrations, before));
            }
        }
        Err(Failure::failed("the key files change all the time: try again when the key rotation has ended"))
    }

    fn keys(&self) -> Result<Option<KeyFiles>> {
        if self.recipients.is_empty() {
            return Ok(None);
        }
        let mut keys = KeyFiles::read(self.data_dir, &[VAULT_KEY, NODE_KEY])
            .map_err(|error| Failure::because("can't read the key files", &error))?;
        let path = self.data_dir.join(TOKEN_KEYS);
        if path.exists() {
            let text = token_keys(&path)
                .map_err(|error| Failure::because(&format!("can't read {}", path.display()), &error))?;
            keys.insert(TOKEN_KEYS, &text);
        }
        if keys.contains(VAULT_KEY) {
            return Ok(Some(keys));
        }
        Err(Failure::failed(format!(
            "there is no {VAULT_KEY} in {}: pass the --data-dir of the server that runs the node, or leave out the recipient",
            self.data_dir.display()
        )))
    }

    fn seal(&self, keys: &KeyFiles, header: &BackupHeader) -> Result<SealedKeys> {
        let sealed = keys
            .seal(&header.id, self.recipients)
            .map_err(|error| Failure::because("can't encrypt the key files", &error))?;
        Ok(SealedKeys {
            files: keys.names().into_iter().map(str::to_owned).collect(),
            recipients: self.recipients.iter().map(ToString::to_string).collect(),
            sealed,
        })
    }
}

/// Reads the keys that sign access tokens, under the conditions under which a server does.
fn token_keys(path: &Path) -> io::Result<Secret> {
    let mut file = File::open(path)?;
    if is_key_file_exposed(&file.metadata()?) {
        return Err(io::Error::other("other users can read the file: run chmod 600 on it"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

fn unique_id(began_at: Timestamp) -> Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::failed(format!("can't get random numbers: {error}")))?;
    Ok(format!("{}-{}", began_at.as_second(), bucketry_model::hex::encode(&random)))
}
