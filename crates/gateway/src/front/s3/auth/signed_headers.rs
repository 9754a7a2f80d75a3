//! Parses the list of signed headers.

use super::parts;

/// The names of the signed headers: lower case, sorted and unique, as S3 requires.
#[derive(Debug, Clone)]
pub(super) struct SignedHeaders<'a> {
    text: &'a str,
    names: Vec<&'a str>,
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
        let mut names: Vec<&str> = Vec::with_capacity(8);
        for name in parts(text, b';') {
            if name.is_empty() || !name.bytes().all(|byte| TOKEN[usize::from(byte)]) {
                return Err("the signed headers must be lower-case names separated by ';'");
            }
            if names.last().is_some_and(|before| name <= *before) {
                return Err("the signed headers must be sorted and unique");
            }
            if names.len() == MAX_NAMES {
                return Err("there are more than 128 signed headers");
            }
            names.push(name);
        }
        let headers = Self { text, names };
        if headers.contains("host") { Ok(headers) } else { Err("'host' must be one of the signed headers") }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.names.iter().copied()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.contains(&name)
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
