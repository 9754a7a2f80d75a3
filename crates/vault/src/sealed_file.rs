//! Files that only the node that wrote them can read: age files, sealed to the node's key in use.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::recipient::Recipient;
use crate::{Identities, VaultError, private_file};

/// Replaces a sealed file with what `fill` writes. After a crash, the file has either the old content or the new one.
/// Blocks on the disk.
///
/// # Errors
/// `fill` failed, or the file can't be written. The old file is still there.
pub fn write_sealed_file(
    path: &Path,
    recipient: &Recipient,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), VaultError> {
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient.0 as &dyn age::Recipient))
        .map_err(|_| VaultError::Cryptography)?;
    private_file::replace_with(path, |file| {
        let mut writer = encryptor.wrap_output(BufWriter::new(file))?;
        fill(&mut writer)?;
        writer.finish()?.flush()
    })
}

/// Opens a sealed file for reading. `None` if it doesn't exist. Blocks on the disk.
///
/// # Errors
/// The file can't be read, is no age file, or is sealed to none of the keys. A change further behind is an error of the
/// reader.
pub fn read_sealed_file(
    path: &Path,
    identities: &Identities,
) -> Result<Option<impl Read + use<>>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(VaultError::File { action: "read", path: path.to_owned(), source }),
    };
    let decryptor = age::Decryptor::new_buffered(BufReader::new(file)).map_err(|_| VaultError::Damaged)?;
    let reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => VaultError::SealedToOthers,
        _ => VaultError::Damaged,
    })?;
    Ok(Some(reader))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn text_of(path: &Path, identities: &Identities) -> Result<Option<String>, VaultError> {
        let Some(mut reader) = read_sealed_file(path, identities)? else { return Ok(None) };
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(|_| VaultError::Damaged)?;
        Ok(Some(text))
    }

    #[test]
    fn only_the_node_that_wrote_a_file_reads_it_and_changes_are_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.age");
        let node = Identities::generate();
        assert!(matches!(text_of(&path, &node), Ok(None)));
        let long = "x".repeat(200_000);
        write_sealed_file(&path, &node.in_use(), |file| file.write_all(long.as_bytes())).unwrap();
        assert_eq!(text_of(&path, &node).unwrap(), Some(long));
        assert!(matches!(text_of(&path, &Identities::generate()), Err(VaultError::SealedToOthers)));
        let sealed = fs::read(&path).unwrap();
        for length in [0, 10, 1_000, 100_000, sealed.len() - 1] {
            fs::write(&path, &sealed[..length]).unwrap();
            assert!(text_of(&path, &node).is_err(), "{length} bytes of {}", sealed.len());
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.age");
        let node = Identities::generate();
        write_sealed_file(&path, &node.in_use(), |file| file.write_all(b"old")).unwrap();
        let failing = |file: &mut dyn Write| {
            file.write_all(b"new")?;
            Err(io::Error::other("no"))
        };
        write_sealed_file(&path, &node.in_use(), failing).unwrap_err();
        assert_eq!(text_of(&path, &node).unwrap().as_deref(), Some("old"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
