//! A whole paste: everything that somebody copied about a bucket, in one text.

use super::address::azure_account;
use super::fields::PastedFields;
use super::pasted_address::PastedAddress;
use super::pasted_credential::{MAX_PASTE_BYTES, PasteError, PastedCredential};
use super::{assignments, clean, connection_string, region, shape};
use crate::credential::sas_parameter;
use crate::credential_kind::KeyForm;
use crate::endpoint::Endpoint;
use crate::secret::Secret;

/// The text of a file, in UTF-8 or, as `>` writes it on Windows, in UTF-16 with a byte order mark.
pub fn decode(bytes: &[u8]) -> Result<String, PasteError> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, left) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| left.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    text.filter(|text| !text.chars().any(is_binary)).ok_or(PasteError::Binary)
}

fn is_binary(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')
}

impl PastedFields {
    /// Puts each part of a paste into the field that it belongs to, where [`PastedFields::read`] reads it.
    pub fn of_text(text: &str) -> Result<Self, PasteError> {
        if text.len() > MAX_PASTE_BYTES {
            return Err(PasteError::TooLong);
        }
        let text = clean::visible(text);
        if text.chars().any(is_binary) {
            return Err(PasteError::Binary);
        }
        if text.is_empty() {
            return Err(PasteError::Empty);
        }
        let mut fields = Self::default();
        let mut rest = Vec::new();
        for line in text.lines() {
            let is_labelled = rest.last().is_some_and(|last: &&str| assignments::bare_label(last).is_some());
            // The command whose output follows.
            let is_prompt = line.starts_with("$ ");
            if !is_prompt && (is_labelled || !fields.take_place(line)?) {
                rest.push(line);
            }
        }
        fields.take_credential(rest.join("\n").trim())?;
        Ok(fields)
    }

    /// Takes a line that says where the bucket is. Returns whether it is one.
    fn take_place(&mut self, line: &str) -> Result<bool, PasteError> {
        let value = clean::value(line);
        if connection_string::sas_url(&value).is_some() {
            return Ok(false);
        }
        let place = if PastedAddress::read(&value).is_some() {
            &mut self.bucket
        } else if value.contains("://") && Endpoint::parse(&value).is_ok() {
            &mut self.endpoint
        } else if region::code(&value).is_some() {
            &mut self.region
        } else {
            return Ok(false);
        };
        match place {
            Some(known) if *known != value => return Err(PasteError::SeveralAddresses),
            _ => *place = Some(value),
        }
        Ok(true)
    }

    /// Takes what is left: a credential in any form, or a single key or secret with a recognisable shape.
    fn take_credential(&mut self, text: &str) -> Result<(), PasteError> {
        if text.is_empty() {
            return Ok(());
        }
        let value = clean::value(text);
        if PastedCredential::read(&value).transpose()?.is_some() || is_secret(&value) {
            self.secret = Some(Secret::new(value));
        } else if is_key(&value) {
            self.key = Some(value);
        } else {
            return Err(PasteError::Unknown);
        }
        Ok(())
    }
}

fn is_secret(text: &str) -> bool {
    shape::is_aws_secret(text)
        || shape::is_azure_key(text)
        || text.starts_with("-----BEGIN")
        || !text.contains(char::is_whitespace) && sas_parameter(text, "sig").is_some()
}

fn is_key(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    shape::is_aws_key(text)
        || KeyForm::RoleArn.fits(text)
        || text.ends_with(".gserviceaccount.com") && !text.contains(char::is_whitespace)
        || azure_account(host).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::StorageType;
    use proptest::prelude::*;

    const PAIR: &str = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=abc";
    const GOOGLE: &str = "{\n \"type\": \"service_account\",\n \"client_email\": \"a@p.iam\",\n \"token_uri\": \"https://x.example\"\n}";

    /// The fields after reading, without the secret.
    fn read(text: &str) -> Result<String, PasteError> {
        let fields = PastedFields::of_text(text)?.read(None).fields;
        let storage_type = fields.storage_type.map(|known| known.to_string());
        let parts = [storage_type, fields.bucket, fields.key, fields.region, fields.endpoint];
        Ok(parts.map(Option::unwrap_or_default).join("|"))
    }

    #[test]
    fn a_paste_may_say_where_the_bucket_is_and_what_opens_it() {
        for (text, expected) in [
            ("s3://photos/2024".to_owned(), "S3|photos|||"),
            (format!("s3://photos\n{PAIR}"), "S3|photos|AKIAIOSFODNN7EXAMPLE||"),
            (
                format!("{PAIR}\nAWS_BUCKET=photos\nAWS_ENDPOINT_URL=http://h:9000"),
                "S3|photos|AKIAIOSFODNN7EXAMPLE||http://h:9000",
            ),
            (
                format!("https://h.example:9000/photos\nBucket: photos\n{PAIR}"),
                "S3|photos|AKIAIOSFODNN7EXAMPLE||https://h.example:9000",
            ),
            (format!("gs://photos\n{GOOGLE}"), "GCS|photos|||"),
            (format!("$ cat key.json\n{GOOGLE}\n"), "GCS||||"),
            ("az://photos\nAccountName=acct;AccountKey=a2V5".to_owned(), "BLOB|photos|acct||"),
            ("https://acct.blob.core.windows.net/photos?sv=1&sig=x".to_owned(), "BLOB|photos|acct||"),
            (
                "arn:aws:s3:::photos\narn:aws:iam::123456789012:role/reader".to_owned(),
                "S3|photos|arn:aws:iam::123456789012:role/reader||",
            ),
            (format!("EU (Frankfurt)\n{PAIR}"), "S3||AKIAIOSFODNN7EXAMPLE|eu-central-1|"),
            (format!("Bucket\ns3://photos\n{PAIR}"), "S3|photos|AKIAIOSFODNN7EXAMPLE||"),
        ] {
            assert_eq!(read(&text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_used_says_why() {
        let long = "a".repeat(MAX_PASTE_BYTES + 1);
        for (text, error) in [
            ("", PasteError::Empty),
            (" \n\u{feff}", PasteError::Empty),
            (&long, PasteError::TooLong),
            ("\u{7f}ELF\u{1}", PasteError::Binary),
            ("hello", PasteError::Unknown),
            ("s3://a\ns3://b", PasteError::SeveralAddresses),
            ("{\"client_email\": \"a@p.iam\",", PasteError::InvalidJson),
            ("{\"some\": 1}", PasteError::UnknownJson),
            (
                "[a]\naws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=B\naws_secret_access_key=t",
                PasteError::SeveralCredentials,
            ),
        ] {
            assert_eq!(read(text), Err(error), "{text:.40}");
        }
    }

    #[test]
    fn files_are_text_in_two_encodings() {
        let wide: Vec<u8> = "\u{feff}aé".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}aé".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&wide).as_deref(), Ok("aé"));
        assert_eq!(decode(&big).as_deref(), Ok("aé"));
        assert_eq!(decode("a\r\né".as_bytes()).as_deref(), Ok("a\r\né"));
        for binary in [&b"\x89PNG\r\n\x1a\n"[..], b"a\0b", b"\xff\xfea", b"\xc3"] {
            assert_eq!(decode(binary), Err(PasteError::Binary));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_the_parts_and_the_line_ends_are_free(
            bucket in "[a-z][a-z0-9-]{1,60}[a-z0-9]", key in "AKIA[A-Z0-9]{16}", secret in "[a-z][A-Za-z0-9/+]{39}",
            first in any::<bool>(), end in prop::sample::select(&["\n", "\r\n", "\n\n"][..]),
        ) {
            let (place, pair) = (format!("s3://{bucket}"), format!("{key}{end}{secret}"));
            let text = if first { format!("{place}{end}{pair}") } else { format!("{pair}{end}{place}") };
            let read = PastedFields::of_text(&text).unwrap().read(None).fields;
            prop_assert_eq!((read.storage_type, read.bucket, read.key), (Some(StorageType::S3), Some(bucket), Some(key)));
            prop_assert_eq!(read.secret.as_ref().map(Secret::expose), Some(secret.as_str()));
        }

        #[test]
        fn no_secret_is_shown_of_a_paste(
            begin in prop::sample::select(&[
                "AccountName=a;AccountKey=", "aws_access_key_id=A\naws_secret_access_key=", "{\"client_email\":\"", "x\n",
                "Secret Access Key\n", "AWS_ACCESS_KEY_ID=A\nAWS_SESSION_TOKEN=t\nAWS_SECRET_ACCESS_KEY=",
            ][..]),
            place in prop::sample::select(&["", "s3://photos\n", "gs://photos\n", "az://photos\n", "https://h\n"][..]),
            end in "[\"};\n=,a-z]{0,12}",
        ) {
            const MARK: &str = "MARKEDsecret";
            let shown = match PastedFields::of_text(&format!("{place}{begin}{MARK}{end}")) {
                Err(error) => format!("{error} {error:?}"),
                Ok(fields) => {
                    let outcome = fields.read(None);
                    format!("{:?} {:?}", outcome.readings, outcome.problems)
                }
            };
            // What is in the place of an identity is one.
            prop_assert!(begin.contains("client_email") || !shown.contains(MARK), "{}", shown);
        }

        #[test]
        fn no_text_or_file_breaks_it(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = PastedFields::of_text(&text).map(|fields| fields.read(None));
            let _ = decode(&bytes);
        }
    }
}
