//! The files of a spool.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bucketry_model::usage::UsageRow;

use super::frame::{self, Found, Record};
use super::private;

const PREFIX: &str = "usage-";
const SUFFIX: &str = ".log";
const UNFINISHED: &str = ".new";

/// One file of a spool. Records are only ever added to the newest one.
#[derive(Debug)]
pub(super) struct Segment {
    /// Orders the files.
    pub(super) sequence: u64,
    /// The spool whose batches it holds.
    pub(super) spool: String,
    /// How long it is, in bytes: up to the end of the last whole record.
    pub(super) bytes: u64,
    path: PathBuf,
    /// Open for writing in the newest file only.
    file: Option<File>,
}

/// Where a batch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchPosition {
    pub(super) number: u64,
    pub(super) segment: u64,
    offset: u64,
}

/// What a file was found to hold.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) segment: Segment,
    /// Whether nothing counts that lies in older files.
    pub(super) replaces: bool,
    pub(super) batches: Vec<BatchPosition>,
    pub(super) acknowledged: u64,
    /// How many records are damaged.
    pub(super) damaged: u32,
    /// How many bytes at the end are no record: the rest of a write that a crash broke off.
    pub(super) torn: u64,
}

/// How a file begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) spool: &'a str,
    pub(super) next: u64,
    pub(super) replaces: bool,
}

impl Segment {
    /// Makes a file for a spool, with the given batches. It appears whole under its name, or not at all.
    pub(super) fn create(
        directory: &Path,
        sequence: u64,
        begin: Beginning<'_>,
        batches: impl IntoIterator<Item = io::Result<Record>>,
    ) -> io::Result<(Self, Vec<BatchPosition>)> {
        let path = directory.join(format!("{PREFIX}{sequence:012}{SUFFIX}"));
        let temporary = path.with_extension(UNFINISHED.trim_start_matches('.'));
        // Opened once: after the renaming nothing may fail that would leave a file behind which nobody knows of.
        remove_if_there(&temporary)?;
        let mut file = private::writing().append(true).create_new(true).open(&temporary)?;
        let mut positions = Vec::new();
        let mut bytes = 0;
        let spool = begin.spool.to_owned();
        let begin = Record::Begin { spool: spool.clone(), next: begin.next, replaces: begin.replaces };
        for record in std::iter::once(Ok(begin)).chain(batches) {
            let record = record?;
            let text = frame::encode(&record)?;
            if let Record::Batch { number, .. } = record {
                positions.push(BatchPosition { number, segment: sequence, offset: bytes });
            }
            file.write_all(&text)?;
            bytes += text.len() as u64;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        if let Err(error) = sync_directory(directory) {
            remove_if_there(&path)?;
            return Err(error);
        }
        Ok((Self { sequence, spool, bytes, path, file: Some(file) }, positions))
    }

    /// Removes what is left of files that never became whole.
    pub(super) fn remove_unfinished(directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(UNFINISHED)) {
                remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    /// Finds the files of a directory, oldest first.
    pub(super) fn find(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let sequence =
                name.and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
            if let Some(sequence) = sequence {
                found.push((sequence, path));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Reads a file through; none where it doesn't even begin as one.
    pub(super) fn scan(sequence: u64, path: PathBuf) -> io::Result<Option<Scanned>> {
        let file = File::open(&path)?;
        let length = file.metadata()?.len();
        let mut input = BufReader::new(file);
        let Found::Record(Record::Begin { spool, replaces, .. }, mut offset) = frame::read(&mut input)?
        else {
            return Ok(None);
        };
        let (mut batches, mut acknowledged, mut damaged) = (Vec::<BatchPosition>::new(), 0, 0);
        loop {
            let bytes = match frame::read(&mut input)? {
                Found::Record(Record::Batch { number, .. }, bytes)
                    if batches.last().is_none_or(|last| last.number < number) =>
                {
                    batches.push(BatchPosition { number, segment: sequence, offset });
                    bytes
                }
                Found::Record(Record::Acknowledged { number }, bytes) => {
                    acknowledged = number;
                    bytes
                }
                // No writer of ours leaves such a record behind.
                Found::Record(Record::Batch { .. } | Record::Begin { .. }, bytes) | Found::Damaged(bytes) => {
                    damaged += 1;
                    bytes
                }
                Found::End => break,
            };
            offset += bytes;
        }
        let segment = Self { sequence, spool, bytes: offset, path, file: None };
        Ok(Some(Scanned { segment, replaces, batches, acknowledged, damaged, torn: length - offset }))
    }

    /// Opens the file for writing behind its last whole record; what lies there is cut off.
    fn open_for_writing(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        file.set_len(self.bytes)?;
        file.sync_all()?;
        self.file = Some(file);
        Ok(())
    }

    /// Adds batches and makes sure that they outlive a power failure. Where that fails, none of them is there.
    pub(super) fn append(&mut self, batches: Vec<Record>) -> io::Result<Vec<BatchPosition>> {
        let mut text = Vec::new();
        let mut positions = Vec::new();
        for record in batches {
            if let Record::Batch { number, .. } = &record {
                let offset = self.bytes + text.len() as u64;
                positions.push(BatchPosition { number: *number, segment: self.sequence, offset });
            }
            text.extend(frame::encode(&record)?);
        }
        let bytes = self.bytes;
        let file = self.writable()?;
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if let Err(error) = written {
            if file.set_len(bytes).is_err() {
                // Better no writer than one that adds behind a torn record, where nobody would find it.
                self.file = None;
            }
            return Err(error);
        }
        self.bytes += text.len() as u64;
        Ok(positions)
    }

    /// Notes an acknowledgement. Not waited for: if it gets lost, the batches are sent again and known again.
    pub(super) fn acknowledge(&mut self, number: u64) -> io::Result<()> {
        let text = frame::encode(&Record::Acknowledged { number })?;
        let bytes = self.bytes;
        let file = self.writable()?;
        if let Err(error) = file.write_all(&text) {
            if file.set_len(bytes).is_err() {
                self.file = None;
            }
            return Err(error);
        }
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn writable(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            self.open_for_writing()?;
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("the spool's file isn't open"))
    }

    /// Reads a batch; none where the file was damaged.
    pub(super) fn read(&self, position: BatchPosition) -> io::Result<Option<Vec<UsageRow>>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(position.offset))?;
        match frame::read(&mut BufReader::new(file))? {
            Found::Record(Record::Batch { number, rows }, _) if number == position.number => Ok(Some(rows)),
            _ => Ok(None),
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the file.
    pub(super) fn delete(&self) -> io::Result<()> {
        remove_if_there(&self.path)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new name in a directory outlives a power failure only once the directory is written.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
