//! Keeps counted traffic on the disk until the control plane has acknowledged it.
//!
//! Traffic is kept in numbered batches. A batch is written once and made durable before it is sent, and it is sent,
//! unchanged, until its number is acknowledged; the control plane counts each number once. So whatever crashes or
//! repeats, what was spooled is counted exactly once.
//!
//! The numbers of a batch belong to a named spool, and each start of a node begins a new one: so no number is used twice,
//! not even where files were damaged, or a directory was put back to an older state. What still waits from before keeps
//! its name and number.
//!
//! On the disk a spool is a directory with a lock and one or more files; `frame` and `segment` say how they look.

mod frame;
mod private;
mod segment;

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bucketry_model::node_protocol::{MAX_BATCH, UsageBatch};
use bucketry_model::usage::UsageRow;

use frame::Record;
use segment::{BatchPosition, Beginning, Segment};

/// A file that is longer is followed by another one, so that acknowledged batches give their room back.
const SEGMENT_BYTES: u64 = 4 << 20;
/// What a row takes as JSON at most; the rows of a batch must fit the control plane's 1 MiB.
const ROW_BYTES: usize = 384;
const ROWS_OF_A_BATCH: usize = {
    let fitting = (768 << 10) / ROW_BYTES;
    if fitting < MAX_BATCH { fitting } else { MAX_BATCH }
};

/// What can go wrong with a spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has the directory. Give each node its own.
    #[error("{path} is in use by another node: give each its own directory", path = .0.display())]
    InUse(PathBuf),
    /// There is no room for more: what is to be added is lost, unless it is kept elsewhere.
    #[error("the spool has reached its largest size")]
    Full,
    /// A batch can't be read back. [`Spool::start_over`] goes on with the others.
    #[error("a spooled batch is damaged")]
    Damaged,
    /// The disk failed. Try again later.
    #[error("can't use the spool in {path}", path = path.display())]
    Disk {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Traffic on its way to the control plane. All calls block on the disk.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    /// What batches are written to now.
    name: String,
    next: u64,
    /// The highest number that a file had so far.
    sequence: u64,
    /// Oldest first; batches are written to the newest, if it is of this spool.
    segments: VecDeque<Segment>,
    waiting: VecDeque<BatchPosition>,
    /// Held as long as the spool lives.
    _lock: File,
}

impl Spool {
    /// Opens a directory's spool, or makes one there. `new_name` names what is written from now on; it must be like no
    /// other.
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

    /// Adds rows: when this returns, they outlive a crash. On an error none of them was added. Rows with figures
    /// that no control plane would count are left out.
    pub fn append(&mut self, rows: &[UsageRow]) -> Result<(), SpoolError> {
        let sane: Vec<UsageRow> = rows.iter().filter(|row| row.is_sane()).cloned().collect();
        if sane.len() < rows.len() {
            tracing::error!(rows = rows.len() - sane.len(), "traffic with impossible figures is left out");
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

    /// The oldest batch that isn't acknowledged yet: the same one until it is.
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

    /// Forgets batches of the oldest one's spool, up to a number that the control plane has acknowledged.
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

    /// Goes on under another name, numbered from 1, with all batches that aren't acknowledged and can be read.
    ///
    /// For when the control plane expects another number than the oldest waiting one (its database was restored from
    /// a backup): it has then counted none of the waiting batches. `new_name` must be like no other.
    pub fn start_over(&mut self, new_name: &str) -> Result<(), SpoolError> {
        self.rewrite(new_name).map_err(|source| self.disk(source))
    }

    /// How many batches wait.
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
                // Kept for whoever wants to look at it; out of our way.
                tracing::error!(file = %path.display(), "a file of the spool is damaged and set aside");
                fs::rename(&path, path.with_extension("damaged"))?;
            }
        }
        // Files before one that replaces them were to be deleted when the node was stopped.
        let counting = found.iter().rposition(|scanned| scanned.replaces).unwrap_or(0);
        for replaced in found.drain(..counting) {
            replaced.segment.delete()?;
        }
        let mut acknowledged = HashMap::<String, u64>::new();
        for scanned in &found {
            let file = scanned.segment.path().display();
            if scanned.torn > 0 {
                tracing::warn!(%file, bytes = scanned.torn, "the end of a broken off write is left out of the spool");
            }
            if scanned.damaged > 0 {
                tracing::error!(%file, records = scanned.damaged, "the spool is damaged; some traffic is lost");
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

    /// Notes an acknowledgement in the file that holds the batch, or gives the file up with it.
    fn make_room(&mut self, segment: u64, acknowledged: u64) -> io::Result<()> {
        let needed = self.waiting.front().map_or(u64::MAX, |position| position.segment);
        while let Some(oldest) = self.segments.front()
            && oldest.sequence < needed
            && (self.segments.len() > 1 || self.is_done(oldest))
        {
            // Oldest first, and none is forgotten before it is gone: one that replaces others must outlive them.
            oldest.delete()?;
            self.segments.pop_front();
        }
        let holding = self.segments.iter_mut().find(|other| other.sequence == segment);
        holding.map_or(Ok(()), |holding| holding.acknowledge(acknowledged))
    }

    /// Whether nothing is added to a file any more.
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
