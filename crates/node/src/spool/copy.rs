//! The files of a spool, for a copy while a node is using it.

use std::fs::File;
use std::io;
use std::path::Path;

use super::segment::Segment;

/// How often the files are listed again because the node replaced some meanwhile.
const ATTEMPTS: usize = 100;

/// Opens all files of the spool in a directory, oldest first, with their names. None if there is no spool.
///
/// The files belong together: a batch that waits is in one of them. To ensure that, they are opened again if the list has
/// changed meanwhile. What is deleted or added later doesn't matter for open files. The end of a file may be an incomplete
/// record, which [`super::Spool::open`] ignores.
pub fn open_files(directory: &Path) -> io::Result<Vec<(String, File)>> {
    for _ in 0..ATTEMPTS {
        let before = list(directory)?;
        let mut opened = Vec::with_capacity(before.len());
        for (name, path) in &before {
            match File::open(path) {
                Ok(file) => opened.push((name.clone(), file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        if list(directory)? == before && opened.len() == before.len() {
            return Ok(opened);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "its files are being replaced all the time"))
}

/// Whether a file of this name can belong to a spool.
pub fn is_file_name(name: &str) -> bool {
    Segment::sequence_of(name).is_some()
}

fn list(directory: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let found = match Segment::find(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        found => found?,
    };
    let named = |(_, path): (u64, std::path::PathBuf)| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, path))
    };
    Ok(found.into_iter().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use bucketry_model::id::BucketId;
    use bucketry_model::usage::UsageRow;
    use jiff::Timestamp;

    use super::super::Spool;
    use super::*;

    #[test]
    fn a_copy_has_the_batches_that_waited_when_it_began() {
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let row = UsageRow::empty(60, BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]), None);
        let mut spool = Spool::open(from.path(), 1 << 20, "one").unwrap();
        spool.append(std::slice::from_ref(&row)).unwrap();
        spool.append(std::slice::from_ref(&row)).unwrap();
        let opened = open_files(from.path()).unwrap();
        // The node goes on: it reports everything, and deletes its files.
        spool.start_over("two").unwrap();
        spool.acknowledge(9).unwrap();
        for (name, mut file) in opened {
            assert!(is_file_name(&name), "{name}");
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            std::fs::File::create(to.path().join(name)).unwrap().write_all(&content).unwrap();
        }
        let copy = Spool::open(to.path(), 1 << 20, "three").unwrap();
        assert_eq!(copy.waiting(), 2);
        let oldest = copy.oldest().unwrap().unwrap();
        assert_eq!((oldest.spool.as_str(), oldest.number), ("one", 1));
    }

    #[test]
    fn only_files_of_a_spool_are_copied() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["lock", "usage-000000000001.new", "notes.txt", "usage-.log", "usage-1.damaged"] {
            std::fs::write(directory.path().join(name), "x").unwrap();
            assert!(!is_file_name(name), "{name}");
        }
        assert!(!is_file_name("../usage-000000000001.log") && !is_file_name("usage-../1.log"));
        assert!(open_files(directory.path()).unwrap().is_empty());
        assert!(open_files(&directory.path().join("missing")).unwrap().is_empty());
    }
}
