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

/// One file of a spool. New batches go to the newest file, acknowledgements to the file of the batch.
#[derive(Debug)]
pub(super) struct Segment {
    /// The number in the file's name. Newer files have higher ones.
    pub(super) sequence: u64,
    /// The spool that the file's batches belong to.
    pub(super) spool: String,
    /// The length in bytes, up to the end of the last complete record.
    pub(super) bytes: u64,
    path: PathBuf,
    /// `Some` while the file is open for writing.
    file: Option<File>,
}

/// Where a batch is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchPosition {
    pub(super) number: u64,
    pub(super) segment: u64,
    offset: u64,
}

/// The contents of a file.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) segment: Segment,
    /// Whether this file replaces the older ones, which then no longer count.
    pub(super) replaces: bool,
    pub(super) batches: Vec<BatchPosition>,
    pub(super) acknowledged: u64,
    /// The number of damaged records.
    pub(super) damaged: u32,
    /// The number of bytes at the end that aren't a complete record: the rest of a write that a crash interrupted.
    pub(super) torn: u64,
}

/// The first record of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) spool: &'a str,
    pub(super) next: u64,
    pub(super) replaces: bool,
}

impl Segment {
    /// Creates a file with the given batches. It appears complete under its name, or not at all.
    pub(super) fn create(
        directory: &Path,
        sequence: u64,
        begin: Beginning<'_>,
        batches: impl IntoIterator<Item = io::Result<Record>>,
    ) -> io::Result<(Self, Vec<BatchPosition>)> {
        let path = directory.join(format!("{PREFIX}{sequence:012}{SUFFIX}"));
        let temporary = path.with_extension(UNFINISHED.trim_start_matches('.'));
        // The file is opened once, under its temporary name: after the rename nothing may fail that would leave an
        // unknown file.
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

    /// Removes files whose creation was interrupted.
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

    /// The number in the name of a file. `None` for other files.
    pub(super) fn sequence_of(name: &str) -> Option<u64> {
        let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        // `parse` would accept a sign.
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    }

    /// Finds the files in a directory, oldest first.
    pub(super) fn find(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(sequence) = name.and_then(Self::sequence_of) {
                found.push((sequence, path));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Reads a whole file. `None` if its first record isn't a valid beginning.
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
                // This program never writes such a record.
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

    /// Opens the file for appending after its last complete record, and cuts off the rest.
    fn open_for_writing(&self) -> io::Result<File> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        file.set_len(self.bytes)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Adds text to the end of the file. If that fails or panics, what was written of the text is cut off, at the latest
    /// before the next write: it would hide the records after it.
    fn extend(
        &mut self,
        text: &[u8],
        write: impl FnOnce(&mut File, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // The file stays closed unless its length is known. Opening it cuts it to that length.
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open_for_writing()?,
        };
        if let Err(error) = write(&mut file, text) {
            self.file = file.set_len(self.bytes).is_ok().then_some(file);
            return Err(error);
        }
        self.bytes += text.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Appends batches and syncs them to the disk. On an error none of them is added.
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
        self.extend(&text, |file, text| file.write_all(text).and_then(|()| file.sync_data()))?;
        Ok(positions)
    }

    /// Records an acknowledgement, without a sync: if it is lost, the batches are sent again and the control plane
    /// recognises them.
    pub(super) fn acknowledge(&mut self, number: u64) -> io::Result<()> {
        let text = frame::encode(&Record::Acknowledged { number })?;
        self.extend(&text, io::Write::write_all)
    }

    /// Reads a batch. `None` if it is damaged.
    pub(super) fn read(&self, position: BatchPosition) -> io::Result<Option<Vec<UsageRow>>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(position.offset))?;
        match frame::read(&mut BufReader::new(file))? {
            Found::Record(Record::Batch { number, rows }, _) if number == position.number => Ok(Some(rows)),
            _ => Ok(None),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the file. Succeeds if the file doesn't exist.
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

/// A new name in a directory survives a power failure only after the directory is synced.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_write_that_panics_halfway_leaves_no_half_of_a_record() {
        let directory = tempfile::tempdir().unwrap();
        let begin = Beginning { spool: "spool", next: 1, replaces: false };
        let (mut segment, _) = Segment::create(directory.path(), 1, begin, []).unwrap();
        let batch = |number| Record::Batch { number, rows: Vec::new() };
        segment.append(vec![batch(1)]).unwrap();
        let half = |file: &mut File, text: &[u8]| -> io::Result<()> {
            file.write_all(&text[..text.len() / 2])?;
            panic!("a bug")
        };
        let text = frame::encode(&batch(2)).unwrap();
        catch_unwind(AssertUnwindSafe(|| segment.extend(&text, half))).unwrap_err();
        let whole = |file: &mut File, text: &[u8]| -> io::Result<()> {
            file.write_all(text)?;
            panic!("a bug after the write")
        };
        catch_unwind(AssertUnwindSafe(|| segment.extend(&text, whole))).unwrap_err();
        let positions = segment.append(vec![batch(2)]).unwrap();
        assert!(segment.read(positions[0]).unwrap().is_some());
        let scanned = Segment::scan(1, segment.path().to_owned()).unwrap().unwrap();
        let numbers: Vec<u64> = scanned.batches.iter().map(|one| one.number).collect();
        assert_eq!((numbers, scanned.damaged, scanned.torn), (vec![1, 2], 0, 0));
    }
}
