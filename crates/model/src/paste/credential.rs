//! Credentials as clouds and their tools print them, in one text.

use super::pasted_credential::{MAX_PASTE_BYTES, PasteError, PastedCredential};
use super::{assignments, connection_string, csv, json, shape};

impl PastedCredential {
    /// Reads a credential that is more than a secret. `None` if the text is a plain key or secret, or anything else.
    pub fn read(text: &str) -> Option<Result<Self, PasteError>> {
        if text.len() > MAX_PASTE_BYTES {
            return Some(Err(PasteError::TooLong));
        }
        let text = text.trim();
        if is_json(text) {
            return Some(json::read(text));
        }
        if text.starts_with("-----BEGIN") {
            return None;
        }
        connection_string::read(text)
            .or_else(|| connection_string::sas_url(text).map(Ok))
            .or_else(|| csv::read(text))
            .or_else(|| assignments::read(text))
            .or_else(|| key_and_secret(text).map(Ok))
    }
}

/// Whether the text is meant to be JSON, not a secret or a section that begins with a bracket.
fn is_json(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['{', '[']) else { return false };
    let rest = rest.trim_start();
    let begins = if text.starts_with('{') { ['"', '}'] } else { ['{', '{'] };
    rest.is_empty() && text.starts_with('{') || rest.starts_with(begins)
}

/// Two lines: an access key of AWS and its secret, as they are copied one after the other.
fn key_and_secret(text: &str) -> Option<PastedCredential> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (key, secret, None) = (lines.next()?, lines.next()?, lines.next()) else { return None };
    let fits = shape::is_aws_key(key) && shape::is_aws_secret(secret);
    fits.then(|| PastedCredential::aws(Some(key), secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::StorageType;
    use proptest::prelude::*;

    fn read(text: &str) -> (StorageType, Option<String>, String, Option<String>) {
        let read = PastedCredential::read(text).unwrap().unwrap();
        (read.storage_type, read.key, read.secret.expose().to_owned(), read.endpoint)
    }

    #[test]
    fn a_key_and_its_secret_on_two_lines_are_a_credential() {
        let pair = read("AKIAIOSFODNN7EXAMPLE\n\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n");
        assert_eq!(pair.1.as_deref(), Some("AKIAIOSFODNN7EXAMPLE"));
        assert_eq!(pair.2, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    }

    #[test]
    fn a_plain_value_is_no_credential() {
        for text in [
            "{secret-of-a-server}",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG",
            "a2V5==",
            "sv=1&sig=x",
            "-----BEGIN X-----\na=b",
            "s3://a",
        ] {
            assert!(PastedCredential::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn neither_an_error_nor_debug_output_repeats_a_secret(
            begin in prop::sample::select(&["{\"SecretAccessKey\":\"", "AccountName=a;AccountKey=", "aws_secret_access_key=", "x,y\n", ""][..]),
            end in "[\"};\n=,a-z]{0,12}",
        ) {
            const MARK: &str = "MARKEDsecret";
            match PastedCredential::read(&format!("{begin}{MARK}{end}")) {
                None => {}
                Some(Ok(read)) => {
                    let shown = format!("{:?}", (read.storage_type, read.secret));
                    prop_assert!(!shown.contains(MARK));
                },
                Some(Err(error)) => {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains(MARK));
                },
            }
        }

        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _ = PastedCredential::read(&text);
        }
    }
}
