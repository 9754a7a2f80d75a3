//! Writes a backup: to a temporary name, and to its own name when it is complete and on the disk.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::hex;
use futures_util::StreamExt as _;
use ring::digest::{Context, SHA256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep};

use super::line::{
    BackupHeader, BackupLine, EndLine, RegistryInfo, SealedKeys, SpoolPart, TableLine, write_row,
};
use super::schema::newer_than_this;
use super::{BackupError, BackupSource, tables_of};

type Result<T> = std::result::Result<T, BackupError>;

/// How much is collected before it is written.
const CHUNK_BYTES: usize = 256 << 10;
/// How much of a spool's file is in one line.
const PART_BYTES: u64 = 48 << 10;
/// The longest pause after a chunk.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How much of the machine a backup may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupPace {
    /// As much as there is.
    Full,
    /// At most a third of a core, for a backup inside a server: after each chunk, it pauses for twice the time that the
    /// chunk took.
    Gentle,
}

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// The number of rows of all tables.
    pub rows: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// Writes a backup. Dropping it before [`Self::finish`] removes what was written.
pub struct BackupWriter {
    file: File,
    partial: PartialBackup,
    to: PathBuf,
    pending: Vec<u8>,
    hash: Context,
    rows: u64,
    bytes: u64,
    pace: BackupPace,
    chunk_began: Instant,
}

impl BackupWriter {
    /// Begins a backup. The file must not exist; only its owner can read it.
    pub async fn create(to: &Path, header: &BackupHeader, pace: BackupPace) -> Result<Self> {
        if to.try_exists().map_err(|error| BackupError::write(to, error))? {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let (partial, file) = PartialBackup::beside(to).map_err(|error| BackupError::write(to, error))?;
        let mut writer = Self {
            file: File::from_std(file),
            partial,
            to: to.to_owned(),
            pending: Vec::with_capacity(2 * CHUNK_BYTES),
            hash: Context::new(&SHA256),
            rows: 0,
            bytes: 0,
            pace,
            chunk_began: Instant::now(),
        };
        writer.line(&BackupLine::Backup(header.clone())).await?;
        Ok(writer)
    }

    /// Adds a file of the spool, up to its present end. Must be called before [`Self::registry`].
    pub async fn spool_file(&mut self, name: &str, file: &fs::File) -> Result<()> {
        let mut rest = file.metadata().map_err(|error| self.failed(error))?.len();
        let mut input = file;
        while rest > 0 {
            let mut data = Vec::new();
            input
                .by_ref()
                .take(rest.min(PART_BYTES))
                .read_to_end(&mut data)
                .map_err(|error| self.failed(error))?;
            if data.is_empty() {
                break;
            }
            rest = rest.saturating_sub(data.len() as u64);
            let part = SpoolPart { file: name.to_owned(), data: STANDARD.encode(&data) };
            self.line(&BackupLine::Spool(part)).await?;
        }
        Ok(())
    }

    /// Adds all rows of the snapshot that `source` has begun, after the key files, if there are any.
    pub async fn registry(
        &mut self,
        source: &mut dyn BackupSource,
        migrations: Vec<String>,
        keys: Option<SealedKeys>,
    ) -> Result<()> {
        if source.is_unfinished().await? {
            return Err(BackupError::Unfinished);
        }
        let Some(tables) = tables_of(&migrations).await? else {
            let newer = newer_than_this(&migrations).unwrap_or_default();
            return Err(BackupError::NewerRegistry(format!("migration `{newer}`")));
        };
        let info = RegistryInfo { engine: source.engine().to_owned(), migrations };
        self.line(&BackupLine::Registry(info)).await?;
        if let Some(keys) = keys {
            self.line(&BackupLine::Keys(keys)).await?;
        }
        for table in &tables {
            self.line(&BackupLine::Table(TableLine::of(table))).await?;
            let mut rows = source.rows(table);
            while let Some(row) = rows.next().await {
                write_row(&mut self.pending, &row?).map_err(|error| self.failed(error.into()))?;
                self.rows += 1;
                self.write_if_full().await?;
            }
        }
        Ok(())
    }

    /// Ends the backup. When this returns, the file is complete and on the disk.
    pub async fn finish(mut self) -> Result<BackupSummary> {
        self.write_pending().await?;
        let sha256 = hex::encode(self.hash.clone().finish().as_ref());
        self.line(&BackupLine::End(EndLine { rows: self.rows, sha256 })).await?;
        self.write_pending().await?;
        let Self { file, partial, to, rows, bytes, .. } = self;
        let published = async {
            file.sync_all().await?;
            drop(file);
            let target = to.clone();
            let publishing = tokio::task::spawn_blocking(move || partial.publish(&target));
            publishing.await.map_err(io::Error::other)?
        };
        published.await.map_err(|error| BackupError::write(&to, error))?;
        Ok(BackupSummary { rows, bytes })
    }

    async fn line(&mut self, line: &BackupLine) -> Result<()> {
        serde_json::to_writer(&mut self.pending, line).map_err(|error| self.failed(error.into()))?;
        self.pending.push(b'\n');
        self.write_if_full().await
    }

    async fn write_if_full(&mut self) -> Result<()> {
        if self.pending.len() < CHUNK_BYTES {
            return Ok(());
        }
        self.write_pending().await?;
        if self.pace == BackupPace::Gentle {
            sleep((self.chunk_began.elapsed() * 2).min(LONGEST_PAUSE)).await;
            self.chunk_began = Instant::now();
        }
        Ok(())
    }

    async fn write_pending(&mut self) -> Result<()> {
        self.hash.update(&self.pending);
        self.bytes += self.pending.len() as u64;
        // Without the flush, a full disk would show with a later write.
        let written = match self.file.write_all(&self.pending).await {
            Ok(()) => self.file.flush().await,
            failed => failed,
        };
        self.pending.clear();
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> BackupError {
        BackupError::write(&self.to, error)
    }
}

/// A temporary file that is removed when dropped.
struct PartialBackup(PathBuf);

impl PartialBackup {
    fn beside(to: &Path) -> io::Result<(Self, fs::File)> {
        let mut name = to.file_name().map(OsString::from).ok_or(io::ErrorKind::InvalidFilename)?;
        name.push(format!(".{}.partial", std::process::id()));
        let path = to.with_file_name(name);
        // A process with the same id that was killed may have left it.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((Self(path), file))
    }

    fn publish(self, to: &Path) -> io::Result<()> {
        // Unlike a rename, a hard link never replaces a file that was created in the meantime. Some file systems have
        // none.
        match fs::hard_link(&self.0, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !to.exists() => {
                fs::rename(&self.0, to)?;
            }
            linked => linked?,
        }
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for PartialBackup {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.0.display(), %error, "can't remove the temporary file of a backup");
            }
            _ => {}
        }
    }
}
