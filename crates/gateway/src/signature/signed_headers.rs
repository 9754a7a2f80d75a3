//! The list of signed headers.

/// The names of the headers that were signed: lower case, sorted, each once, as S3 asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedHeaders<'a>(&'a str);

/// More headers than any client signs.
const MAX_NAMES: usize = 128;

impl<'a> SignedHeaders<'a> {
    /// Reads `host;x-amz-date`. What is wrong with it is the error.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let mut before = "";
        for (at, name) in text.split(';').enumerate() {
            let token =
                |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&c);
            if name.is_empty() || !name.bytes().all(token) {
                return Err("the signed headers must be names in lower case, with ';' between them");
            }
            if name <= before {
                return Err("the signed headers must be sorted, each of them once");
            }
            if at == MAX_NAMES {
                return Err("there are too many signed headers");
            }
            before = name;
        }
        let headers = Self(text);
        if headers.contains("host") { Ok(headers) } else { Err("'host' must be one of the signed headers") }
    }

    pub(super) fn text(&self) -> &'a str {
        self.0
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(';')
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names().any(|signed| signed == name)
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
