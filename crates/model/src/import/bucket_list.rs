//! Lists of buckets: one per line, such as `photos`, `s3://photos`, `minio:photos/2024` or `dev:photos`.

/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 4_096;

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListLine {
    /// The section with the credential: a remote of rclone or a profile of AWS.
    pub section: Option<String>,
    /// Name or address of the bucket, perhaps with a folder.
    pub address: String,
}

/// Why a line is no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListLineError {
    /// More than [`MAX_LINE_BYTES`].
    #[error("is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Control characters.
    #[error("is not text")]
    Binary,
    /// Several words.
    #[error(
        "has a space before the bucket's name ends: write one bucket per line, as BUCKET or SECTION:BUCKET"
    )]
    Space,
}

impl ListLine {
    /// Reads a line. `None` if it is empty or a comment.
    pub fn read(line: &str) -> Result<Option<Self>, ListLineError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(ListLineError::TooLong);
        }
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(ListLineError::Binary);
        }
        // `s3://photos` and `arn:aws:s3:::photos` have colons, too.
        let section = line.split_once(':').filter(|(name, rest)| *name != "arn" && !rest.starts_with("//"));
        let (section, address) = match section {
            Some((name, rest)) => (Some(name.to_owned()), rest),
            None => (None, line),
        };
        let bucket = address.split_once("://").map_or(address, |(_, rest)| rest);
        let bucket = bucket.trim_start_matches('/').split('/').next().unwrap_or_default();
        if bucket.contains(char::is_whitespace) {
            return Err(ListLineError::Space);
        }
        Ok(Some(Self { section, address: address.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_names_a_bucket_and_perhaps_its_section() {
        let read = |line: &str| {
            ListLine::read(line)
                .map(|listed| listed.map(|one| (one.section.unwrap_or_default(), one.address)))
        };
        let pair = |section: &str, address: &str| Ok(Some((section.to_owned(), address.to_owned())));
        for (line, expected) in [
            ("photos", pair("", "photos")),
            ("  minio:photos/2024 \r", pair("minio", "photos/2024")),
            ("my remote:photos", pair("my remote", "photos")),
            ("s3://photos/a b", pair("", "s3://photos/a b")),
            ("arn:aws:s3:::photos", pair("", "arn:aws:s3:::photos")),
            ("dev:s3://photos", pair("dev", "s3://photos")),
            ("dev:https://photos.s3.amazonaws.com", pair("dev", "https://photos.s3.amazonaws.com")),
            ("# comment", Ok(None)),
            ("", Ok(None)),
            ("two words", Err(ListLineError::Space)),
            ("a\u{0}b", Err(ListLineError::Binary)),
            (&"x".repeat(MAX_LINE_BYTES + 1), Err(ListLineError::TooLong)),
        ] {
            assert_eq!(read(line), expected, "{line:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in any::<String>()) {
            let _ = ListLine::read(&line);
        }
    }
}
