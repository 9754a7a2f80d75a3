//! Files that log lines for programs are written to.
//!
//! A line is complete or absent: a part of one, which a crash or a full disk left behind, is cut off before anything
//! is appended to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// How much of the end of a file is read at once.
const BLOCK: usize = 64 << 10;

/// Opens a file to append lines to, readable only for the owner if it is new; `-` is standard output.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdout()));
    }
    // Reading shows whether the last line is complete. A pipe can't be read from, and needs no such care.
    let is_file = path.metadata().map_or(true, |metadata| metadata.is_file());
    let file = OpenOptions::new().create(true).append(true).read(is_file).mode(0o600).open(path)?;
    if !is_file {
        return Ok(Box::new(file));
    }
    let lines = LineFile(file);
    lines.cut_torn_line()?;
    Ok(Box::new(lines))
}

/// A regular file that ends with a complete line, unless a write is in progress.
struct LineFile(File);

impl LineFile {
    /// Removes what follows the last line end.
    fn cut_torn_line(&self) -> io::Result<()> {
        let length = self.0.metadata()?.len();
        let mut end = length;
        let mut block = vec![0; BLOCK];
        while end > 0 {
            let start = end.saturating_sub(BLOCK as u64);
            let part = &mut block[..usize::try_from(end - start).unwrap_or(BLOCK)];
            self.0.read_exact_at(part, start)?;
            if let Some(last) = part.iter().rposition(|byte| *byte == b'\n') {
                end = start + last as u64 + 1;
                break;
            }
            end = start;
        }
        if end == length { Ok(()) } else { self.0.set_len(end) }
    }
}

impl Write for LineFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes);
        // The writer gives up and repeats the lines later, so what it has written of the last one must go.
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.cut_torn_line()?;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file after it was opened with this content, and a line was written.
    fn after(content: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, content).unwrap();
        open(&path).unwrap().write_all(b"next\n").unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn a_line_that_a_crash_tore_is_cut_off() {
        assert_eq!(after(""), "next\n");
        assert_eq!(after("one\ntwo\n"), "one\ntwo\nnext\n");
        assert_eq!(after("one\n{\"id\":"), "one\nnext\n");
        assert_eq!(after("{\"id\":"), "next\n");
        let long = "x".repeat(3 * BLOCK);
        assert_eq!(after(&format!("one\n{long}")), "one\nnext\n");
        assert_eq!(after(&long), "next\n");
        assert_eq!(after(&format!("{long}\nhalf")).len(), long.len() + 6);
    }

    #[test]
    fn devices_and_new_files_are_written_as_they_are() {
        open(Path::new("/dev/null")).unwrap().write_all(b"x").unwrap();
        let full = open(Path::new("/dev/full")).unwrap().write_all(b"x");
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let directory = tempfile::tempdir().unwrap();
        open(&directory.path().join("new")).unwrap().write_all(b"a\n").unwrap();
        assert!(open(&directory.path().join("missing/log")).is_err());
    }
}
