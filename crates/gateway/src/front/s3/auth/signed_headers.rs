//! Parses the list of signed headers.

use std::borrow::Cow;

use http::HeaderName;

use super::parts;

/// The names of the signed headers: lower case, sorted and unique, as S3 requires.
#[derive(Debug, Clone)]
pub(super) struct SignedHeaders<'a> {
    text: &'a str,
    names: Cow<'a, [HeaderName]>,
}

/// More headers than any client signs.
const MAX_NAMES: usize = 128;

/// The characters of header names in lower case (RFC 9110 §5.6.2).
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        token[byte as usize] = matches!(byte, b'a'..=b'z' | b'-' | b'0'..=b'9')
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'.' | b'^'..=b'`' | b'|' | b'~');
        byte += 1;
    }
    token
};

impl<'a> SignedHeaders<'a> {
    /// Parses `host;x-amz-date`. The error says what is wrong.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        const NO_NAME: &str = "the signed headers must be lower-case names separated by ';'";
        let mut names: Vec<HeaderName> = Vec::with_capacity(8);
        for name in parts(text, b';') {
            if name.is_empty() || !name.bytes().all(|byte| TOKEN[usize::from(byte)]) {
                return Err(NO_NAME);
            }
            if names.last().is_some_and(|before| name <= before.as_str()) {
                return Err("the signed headers must be sorted and unique");
            }
            if names.len() == MAX_NAMES {
                return Err("there are more than 128 signed headers");
            }
            names.push(HeaderName::from_lowercase(name.as_bytes()).map_err(|_| NO_NAME)?);
        }
        let headers = Self { text, names: Cow::Owned(names) };
        if headers.contains("host") { Ok(headers) } else { Err("'host' must be one of the signed headers") }
    }

    /// A list that was parsed before.
    pub(super) fn parsed(text: &'a str, names: &'a [HeaderName]) -> Self {
        Self { text, names: Cow::Borrowed(names) }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn names(&self) -> &[HeaderName] {
        &self.names
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_the_host() {
        let headers = SignedHeaders::parse("content-type;host;x-amz-date").unwrap();
        assert!(headers.contains("x-amz-date") && !headers.contains("x-amz"));
        let many = (0..200).fold("host".to_owned(), |list, at| format!("{list};x-{at:03}"));
        for wrong in [
            "",
            ";",
            "host;",
            "Host",
            "host;host",
            "x-amz-date;host",
            "x-amz-date",
            "host;x y",
            "host;é",
            &many,
        ] {
            assert!(SignedHeaders::parse(wrong).is_err(), "{wrong}");
        }
    }
}
