//! Stores counted traffic on the disk until the control plane has acknowledged it.
//!
//! Traffic is stored in numbered batches. A batch is written once and made durable before it is sent. It is sent,
//! unchanged, until its number is acknowledged. The control plane counts each number once. So spooled traffic is
//! counted exactly once, despite crashes and repetitions.
//!
//! The numbers belong to a named spool, and each start of a node begins a new spool. So no number is used twice,
//! even if files were damaged or the directory was restored to an older state. Batches that still wait from before
//! retain their spool's name and their number.
//!
//! # Files
//!
//! A spool is a directory with a lock file and one or more log files. `frame` defines the format of a record,
//! `segment` that of a file.
//!
//! The spool is a log and not a SQLite database, because it is only a queue: batches are appended every few
//! seconds, read once in order, and deleted. Space is freed by deleting whole files whose batches are all
//! acknowledged, so there is nothing to index, to query or to compact. A torn or damaged record is skipped and the
//! others still count, whereas a damaged page can make a whole database unreadable. A second database would also
//! bring its own locks, recovery and schema migrations.

mod copy;
mod frame;
mod private;
mod segment;

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bucketry_model::node_protocol::{MAX_BATCH, UsageBatch};
use bucketry_model::usage::UsageRow;

use crate::control_plane::MAX_CONTENT_BYTES;
use frame::Record;
use segment::{BatchPosition, Beginning, Segment};

pub use copy::{is_file_name, open_files};

/// The size at which a new file is begun. Files are deleted as a whole, so this bounds the space that acknowledged
/// batches occupy.
const SEGMENT_BYTES: u64 = 4 << 20;
/// The largest size of a row as JSON.
const ROW_BYTES: usize = 384;
const ROWS_OF_A_BATCH: usize = {
    let fitting = MAX_CONTENT_BYTES / ROW_BYTES;
    if fitting < MAX_BATCH { fitting } else { MAX_BATCH }
};

/// What can go wrong with a spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process uses the directory. Give each node a separate one.
    #[error("{path} is in use by another node: give each node a separate directory", path = .0.display())]
    InUse(PathBuf),
    /// There is no room. The rows that were to be added are lost unless the caller retains them.
    #[error("the spool has reached its maximum size")]
    Full,
    /// A batch can't be read back. [`Spool::start_over`] continues with the others.
    #[error("a spooled batch is damaged")]
    Damaged,
    /// The disk failed. Try again later.
    #[error("can't use the spool in {path}", path = path.display())]
    Disk {
        /// The directory of the spool.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// Traffic on its way to the control plane. All methods that read or write batches block on disk I/O.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    /// The name of the spool that new batches belong to.
    name: String,
    next: u64,
    /// The highest sequence number that any file has had.
    sequence: u64,
    /// Oldest first. New batches go to the newest file if it belongs to the current spool.
    segments: VecDeque<Segment>,
    waiting: VecDeque<BatchPosition>,
    /// Locked for as long as the spool is open.
    _lock: File,
}

impl Spool {
    /// Opens the spool in a directory, and creates the directory if necessary. `new_name` names the batches that
    /// are written from now on. It must be unique.
    pub fn open(directory: &Path, max_bytes: u64, new_name: &str) -> Result<Self, SpoolError> {
        let disk = |source| SpoolError::Disk { path: directory.to_owned(), source };
        private::directory(directory).map_err(disk)?;
        let lock =
            private::writing().create(true).truncate(true).open(directory.join("lock")).map_err(disk)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SpoolError::InUse(directory.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(disk(error)),
        }
        let mut spool = Self {
            directory: directory.to_owned(),
            max_bytes,
            name: new_name.to_owned(),
            next: 1,
            sequence: 0,
            segments: VecDeque::new(),
            waiting: VecDeque::new(),
            _lock: lock,
        };
        spool.recover().map_err(disk)?;
        Ok(spool)
    }

    /// Adds rows. They survive a crash once this returns `Ok`. On an error none of them is added. Rows with
    /// impossible figures, which a control plane would reject, are left out.
    pub fn append(&mut self, rows: &[UsageRow]) -> Result<(), SpoolError> {
        let sane: Vec<UsageRow> = rows.iter().filter(|row| row.is_sane()).cloned().collect();
        if sane.len() < rows.len() {
            tracing::error!(rows = rows.len() - sane.len(), "dropped traffic with impossible figures");
        }
        if sane.is_empty() {
            return Ok(());
        }
        let longest = (sane.len() * ROW_BYTES) as u64;
        if self.bytes() + longest > self.max_bytes {
            return Err(SpoolError::Full);
        }
        let batches: Vec<Record> = (self.next..)
            .zip(sane.chunks(ROWS_OF_A_BATCH))
            .map(|(number, rows)| Record::Batch { number, rows: rows.to_vec() })
            .collect();
        let count = batches.len() as u64;
        let positions = self.write(batches).map_err(|source| self.disk(source))?;
        self.waiting.extend(positions);
        self.next += count;
        Ok(())
    }

    /// The oldest batch that isn't acknowledged. Returns the same batch until it is.
    pub fn oldest(&self) -> Result<Option<UsageBatch>, SpoolError> {
        let Some(position) = self.waiting.front().copied() else { return Ok(None) };
        match self.read(position).map_err(|source| self.disk(source))? {
            Some(rows) => {
                let spool = self.spool_of(position).to_owned();
                Ok(Some(UsageBatch { spool, number: position.number, rows }))
            }
            None => Err(SpoolError::Damaged),
        }
    }

    /// Removes batches up to an acknowledged number, among those that belong to the same spool as the oldest batch.
    pub fn acknowledge(&mut self, number: u64) -> Result<(), SpoolError> {
        let Some(oldest) = self.waiting.front().copied() else { return Ok(()) };
        let spool = self.spool_of(oldest).to_owned();
        let mut last = oldest.segment;
        while let Some(position) = self.waiting.front().copied()
            && position.number <= number
            && self.spool_of(position) == spool
        {
            last = position.segment;
            self.waiting.pop_front();
        }
        self.make_room(last, number).map_err(|source| self.disk(source))
    }

    /// Continues under another name, with all batches that aren't acknowledged and can be read, numbered from 1.
    ///
    /// For when the control plane expects a number other than that of the oldest waiting batch, because its
    /// database was restored from a backup. It has then counted none of the waiting batches. `new_name` must be
    /// unique.
    pub fn start_over(&mut self, new_name: &str) -> Result<(), SpoolError> {
        self.rewrite(new_name).map_err(|source| self.disk(source))
    }

    /// The number of waiting batches.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn disk(&self, source: io::Error) -> SpoolError {
        SpoolError::Disk { path: self.directory.clone(), source }
    }

    fn recover(&mut self) -> io::Result<()> {
        Segment::remove_unfinished(&self.directory)?;
        let mut found = Vec::new();
        for (sequence, path) in Segment::find(&self.directory)? {
            self.sequence = sequence;
            if let Some(scanned) = Segment::scan(sequence, path.clone())? {
                found.push(scanned);
            } else {
                // Renamed and not deleted, so that an operator can inspect it.
                tracing::error!(file = %path.display(), "a file of the spool is damaged; renaming it to *.damaged");
                fs::rename(&path, path.with_extension("damaged"))?;
            }
        }
        // The node was stopped before it could delete the files that this one replaces.
        let counting = found.iter().rposition(|scanned| scanned.replaces).unwrap_or(0);
        for replaced in found.drain(..counting) {
            replaced.segment.delete()?;
        }
        let mut acknowledged = HashMap::<String, u64>::new();
        for scanned in &found {
            let file = scanned.segment.path().display();
            if scanned.torn > 0 {
                tracing::warn!(%file, bytes = scanned.torn, "ignoring an incomplete write at the end of a spool file");
            }
            if scanned.damaged > 0 {
                tracing::error!(%file, records = scanned.damaged, "a spool file is damaged; some traffic is lost");
            }
            let highest = acknowledged.entry(scanned.segment.spool.clone()).or_default();
            *highest = scanned.acknowledged.max(*highest);
        }
        for scanned in found {
            let done = acknowledged.get(&scanned.segment.spool).copied().unwrap_or(0);
            let waiting = self.waiting.len();
            self.waiting.extend(scanned.batches.into_iter().filter(|position| position.number > done));
            if self.waiting.len() > waiting {
                self.segments.push_back(scanned.segment);
            } else {
                scanned.segment.delete()?;
            }
        }
        Ok(())
    }

    fn write(&mut self, batches: Vec<Record>) -> io::Result<Vec<BatchPosition>> {
        if self.segments.back().is_none_or(|newest| self.is_done(newest)) {
            let begin = Beginning { spool: &self.name, next: self.next, replaces: false };
            let (segment, _) = Segment::create(&self.directory, self.sequence + 1, begin, [])?;
            self.sequence += 1;
            self.segments.push_back(segment);
        }
        match self.segments.back_mut() {
            Some(newest) => newest.append(batches),
            None => Err(io::Error::other("the spool has no file")),
        }
    }

    /// Deletes the files that no waiting batch needs, or records the acknowledgement in the batch's file.
    fn make_room(&mut self, segment: u64, acknowledged: u64) -> io::Result<()> {
        let needed = self.waiting.front().map_or(u64::MAX, |position| position.segment);
        while let Some(oldest) = self.segments.front()
            && oldest.sequence < needed
            && (self.segments.len() > 1 || self.is_done(oldest))
        {
            // Delete the oldest first, and drop a file from the list only once it is deleted. A file that replaces
            // others must outlive them.
            oldest.delete()?;
            self.segments.pop_front();
        }
        let holding = self.segments.iter_mut().find(|other| other.sequence == segment);
        holding.map_or(Ok(()), |holding| holding.acknowledge(acknowledged))
    }

    /// Whether nothing more is added to a file.
    fn is_done(&self, segment: &Segment) -> bool {
        segment.bytes > SEGMENT_BYTES || segment.spool != self.name
    }

    fn rewrite(&mut self, new_name: &str) -> io::Result<()> {
        let mut number = 0;
        let waiting = self.waiting.iter().filter_map(|position| match self.read(*position) {
            Ok(Some(rows)) => {
                number += 1;
                Some(Ok(Record::Batch { number, rows }))
            }
            Ok(None) => {
                tracing::error!(batch = position.number, "a spooled batch is damaged; its traffic is lost");
                None
            }
            Err(error) => Some(Err(error)),
        });
        let begin = Beginning { spool: new_name, next: 1, replaces: true };
        let (segment, positions) = Segment::create(&self.directory, self.sequence + 1, begin, waiting)?;
        self.sequence += 1;
        self.segments.push_back(segment);
        self.waiting = positions.into();
        new_name.clone_into(&mut self.name);
        self.next = self.waiting.len() as u64 + 1;
        while self.segments.len() > 1
            && let Some(old) = self.segments.front()
        {
            old.delete()?;
            self.segments.pop_front();
        }
        Ok(())
    }

    fn read(&self, position: BatchPosition) -> io::Result<Option<Vec<UsageRow>>> {
        let segment = self.segments.iter().find(|segment| segment.sequence == position.segment);
        segment.map_or(Ok(None), |segment| segment.read(position))
    }

    fn spool_of(&self, position: BatchPosition) -> &str {
        let segment = self.segments.iter().find(|segment| segment.sequence == position.segment);
        segment.map_or(&self.name, |segment| &segment.spool)
    }
}

#[cfg(test)]
mod tests;
