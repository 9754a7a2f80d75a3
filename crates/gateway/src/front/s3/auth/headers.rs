//! The headers that signatures are about.

use http::header::{AUTHORIZATION, DATE, HOST, HeaderMap, HeaderName, HeaderValue};

use super::{repeated, visible};
use crate::front::s3::error::Result;

/// The headers that every verification needs. They are found in one pass, because each look-up would hash a name.
#[derive(Debug, Default)]
pub(super) struct SignatureHeaders<'a> {
    pub(super) authorization: FoundHeader<'a>,
    pub(super) host: FoundHeader<'a>,
    pub(super) date: FoundHeader<'a>,
    pub(super) amz_date: FoundHeader<'a>,
    pub(super) content_sha256: FoundHeader<'a>,
    pub(super) has_session_token: bool,
}

impl<'a> SignatureHeaders<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let place = match name {
                name if *name == AUTHORIZATION => &mut found.authorization,
                name if *name == HOST => &mut found.host,
                name if *name == DATE => &mut found.date,
                name => match name.as_str() {
                    "x-amz-date" => &mut found.amz_date,
                    "x-amz-content-sha256" => &mut found.content_sha256,
                    "x-amz-security-token" => {
                        found.has_session_token = true;
                        continue;
                    }
                    _ => continue,
                },
            };
            place.add(value);
        }
        found
    }
}

/// A header that may be present, perhaps more than once.
#[derive(Debug, Default)]
pub(super) struct FoundHeader<'a> {
    first: Option<&'a HeaderValue>,
    is_repeated: bool,
}

impl<'a> FoundHeader<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        self.is_repeated = self.first.is_some();
        self.first.get_or_insert(value);
    }

    pub(super) fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    pub(super) fn first(&self) -> Option<&'a HeaderValue> {
        self.first
    }

    /// The value, if there is exactly one.
    pub(super) fn only(&self) -> Option<&'a HeaderValue> {
        self.first.filter(|_| !self.is_repeated)
    }

    /// The value of a header that may appear at most once.
    pub(super) fn value(&self, name: &HeaderName) -> Result<Option<&'a HeaderValue>> {
        if self.is_repeated { Err(repeated(name)) } else { Ok(self.first) }
    }

    /// The value of a header that may appear at most once and must be ASCII.
    pub(super) fn text(&self, name: &HeaderName) -> Result<Option<&'a str>> {
        self.value(name)?.map(|value| visible(value, name)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_is_found_and_repetition_is_noticed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-amz-date", "1"),
            ("host", "a"),
            ("x-amz-content-sha256", "2"),
            ("date", "3"),
            ("authorization", "4"),
            ("x-other", "5"),
            ("host", "b"),
            ("host", "c"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let found = SignatureHeaders::of(&headers);
        let date = HeaderName::from_static("x-amz-date");
        assert_eq!(found.amz_date.text(&date).unwrap(), Some("1"));
        assert_eq!(found.content_sha256.only().unwrap(), "2");
        assert_eq!(found.date.only().unwrap(), "3");
        assert_eq!(found.authorization.value(&AUTHORIZATION).unwrap().unwrap(), "4");
        assert!(found.host.is_repeated() && found.host.only().is_none() && !found.has_session_token);
        assert_eq!(found.host.first().unwrap(), "a");
        assert!(found.host.value(&HOST).is_err() && found.host.text(&HOST).is_err());
        headers.append("x-amz-security-token", HeaderValue::from_static("t"));
        assert!(SignatureHeaders::of(&headers).has_session_token);
        let none = SignatureHeaders::default();
        assert_eq!(none.amz_date.text(&date).unwrap(), None);
    }
}
