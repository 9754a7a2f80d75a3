//! Reads what users pass in files or on standard input.

use std::io::Read;
use std::path::Path;

use bucketry_model::paste::pasted_credential::{MAX_PASTE_BYTES, PasteError};
use bucketry_model::paste::pasted_text;

use crate::failure::{Failure, Result};

/// Reads a text from a file, or from standard input if the path is `-`. `what` names it in messages: "the secret".
pub(crate) fn read(path: &Path, what: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_PASTE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::usage(format!("can't read {what} from {}: {error}", path.display())))?;
    let text =
        if bytes.len() > MAX_PASTE_BYTES { Err(PasteError::TooLong) } else { pasted_text::decode(&bytes) };
    text.map_err(|error| Failure::usage(format!("{what} in {} {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_of_a_limited_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |content: &[u8]| {
            let path = dir.path().join("file");
            std::fs::write(&path, content).unwrap();
            read(&path, "the secret").map_err(|failure| failure.message().to_owned())
        };
        assert_eq!(file(b"abc\n").as_deref(), Ok("abc\n"));
        assert_eq!(file(&[0xff, 0xfe, b'a', 0]).as_deref(), Ok("a"), "as PowerShell writes it");
        for (content, says) in
            [(vec![b'a'; MAX_PASTE_BYTES + 1], "1 MiB"), (vec![0x89, b'P', 0], "is not text")]
        {
            assert!(file(&content).unwrap_err().contains(says));
        }
        assert!(read(&dir.path().join("none"), "the secret").unwrap_err().message().contains("can't read"));
    }
}
