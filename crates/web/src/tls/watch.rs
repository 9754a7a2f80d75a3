//! Notices when the files of a certificate change.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::certificate::{CertificateError, CertificateFiles, LoadedCertificate};

/// Reads the files of a certificate again when they change. Their contents decide, so a certificate that is written
/// again without a change is no news.
#[derive(Debug)]
pub struct CertificateWatch {
    files: CertificateFiles,
    current: LoadedCertificate,
    seen: [FileStamp; 2],
    trouble: UnusableFiles,
}

/// Whether the files contain something that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnusableFiles {
    None,
    /// Since the last look. Somebody may be about to write the other file.
    New,
    /// It was reported, for the files as they are.
    Reported,
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Reloaded {
    /// Nothing new.
    Unchanged,
    /// A certificate to use from now on. It is the one in use if the files were unusable in between.
    Certificate(LoadedCertificate),
    /// The files changed and can't be used. Reported once for each change.
    Refused(CertificateError),
}

/// What changes when a file is written or replaced, also by a new target of a symbolic link.
type FileStamp = Option<(u64, u64, u64, SystemTime)>;

fn stamp(file: &Path) -> FileStamp {
    let found = fs::metadata(file).ok()?;
    Some((found.dev(), found.ino(), found.len(), found.modified().ok()?))
}

fn stamps(files: &CertificateFiles) -> [FileStamp; 2] {
    [stamp(&files.certificate), stamp(&files.key)]
}

impl CertificateWatch {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn start(files: CertificateFiles, now: SystemTime) -> Result<Self, CertificateError> {
        // Before they are read: a change meanwhile is noticed at the next look.
        let seen = stamps(&files);
        let current = LoadedCertificate::read(&files, now)?;
        Ok(Self { files, current, seen, trouble: UnusableFiles::None })
    }

    /// The certificate that was read last.
    pub fn current(&self) -> &LoadedCertificate {
        &self.current
    }

    /// Where it comes from.
    pub fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// Looks whether the files have changed, and reads them then. Files that can't be used are read at each look, and
    /// reported at the second one, because certificate and key can't be replaced at the same moment. `at_once` reads
    /// the files in any case and reports at the first look: somebody has asked.
    ///
    /// Reads files, so it may block.
    pub fn look(&mut self, now: SystemTime, at_once: bool) -> Reloaded {
        let found = stamps(&self.files);
        let has_changed = found != self.seen;
        self.seen = found;
        if !has_changed && !at_once && self.trouble == UnusableFiles::None {
            return Reloaded::Unchanged;
        }
        match LoadedCertificate::read(&self.files, now) {
            Ok(read) => {
                let was_fine = self.trouble == UnusableFiles::None;
                self.trouble = UnusableFiles::None;
                if was_fine && read.is_same(&self.current) {
                    return Reloaded::Unchanged;
                }
                self.current = read.clone();
                Reloaded::Certificate(read)
            }
            Err(error) => {
                let is_settled = at_once || (!has_changed && self.trouble == UnusableFiles::New);
                match (is_settled, has_changed, self.trouble) {
                    (true, ..) => self.trouble = UnusableFiles::Reported,
                    (false, false, UnusableFiles::Reported) => {}
                    (false, ..) => self.trouble = UnusableFiles::New,
                }
                if is_settled { Reloaded::Refused(error) } else { Reloaded::Unchanged }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{Pair, VALID_FOR, now};
    use super::*;

    fn watch(pair: &Pair) -> CertificateWatch {
        CertificateWatch::start(pair.files(), now()).unwrap()
    }

    fn is_for(reloaded: Reloaded, name: &str) -> bool {
        matches!(reloaded, Reloaded::Certificate(read) if read.is_for(name))
    }

    #[test]
    fn a_new_pair_is_read_once() {
        let pair = Pair::for_names(&["old.example.com"]);
        let mut watch = watch(&pair);
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        Pair::for_names(&["new.example.com"]).put_into(&pair);
        assert!(is_for(watch.look(now(), false), "new.example.com"));
        assert!(watch.current().is_for("new.example.com"));
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        assert!(matches!(watch.look(now(), true), Reloaded::Unchanged));
    }

    #[test]
    fn a_pair_that_is_half_written_is_no_trouble() {
        let (pair, new) = (Pair::for_names(&["old.example.com"]), Pair::for_names(&["new.example.com"]));
        let mut watch = watch(&pair);
        pair.write_certificate(&new.certificate_pem());
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        pair.write_key(&new.key_pem());
        assert!(is_for(watch.look(now(), false), "new.example.com"));
    }

    #[test]
    fn a_broken_pair_is_reported_once_and_its_end_too() {
        let (pair, new) = (Pair::for_names(&["old.example.com"]), Pair::for_names(&["new.example.com"]));
        let mut watch = watch(&pair);
        pair.write_certificate(&new.certificate_pem());
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        assert!(matches!(watch.look(now(), false), Reloaded::Refused(CertificateError::Mismatch { .. })));
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        assert!(watch.current().is_for("old.example.com"), "the old one is still in use");
        std::fs::remove_file(pair.files().key).unwrap();
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
        assert!(matches!(watch.look(now(), false), Reloaded::Refused(CertificateError::Unreadable { .. })));
        pair.put_into(&pair);
        assert!(is_for(watch.look(now(), false), "old.example.com"), "it is right again");
    }

    #[test]
    fn whoever_asks_gets_an_answer_at_once() {
        let pair = Pair::for_names(&["old.example.com"]);
        let mut watch = watch(&pair);
        pair.write_key("nothing");
        assert!(matches!(watch.look(now(), true), Reloaded::Refused(CertificateError::NoKey(_))));
        assert!(matches!(watch.look(now(), false), Reloaded::Unchanged));
    }

    #[test]
    fn a_certificate_that_isnt_valid_yet_is_read_when_it_is() {
        let pair = Pair::for_names(&["old.example.com"]);
        let mut watch = watch(&pair);
        Pair::for_names(&["new.example.com"]).put_into(&pair);
        let over = now() + VALID_FOR;
        assert!(matches!(watch.look(over, true), Reloaded::Refused(CertificateError::Expired { .. })));
        assert!(is_for(watch.look(now(), false), "new.example.com"), "the clock was corrected");
    }
}
