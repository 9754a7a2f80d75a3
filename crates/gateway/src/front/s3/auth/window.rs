//! How long a signature is valid: the age of a signed request and the expiry of a presigned URL.

use http::header::DATE;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::headers::SignatureHeaders;
use crate::front::s3::date;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::headers::X_AMZ_DATE;

/// How much the clocks of client and gateway may differ.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);
/// The longest lifetime of a presigned URL.
const MAX_EXPIRES_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The time of a signature, with the text `YYYYMMDDThhmmssZ` that is signed.
#[derive(Debug, Clone)]
pub(super) struct SignatureTime {
    text: [u8; 16],
    at: Timestamp,
}

impl SignatureTime {
    /// Parses `YYYYMMDDThhmmssZ`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        let is_well_formed = bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
        if !is_well_formed {
            return None;
        }
        // Each is at most 99.
        let two = |at: usize| 10 * (bytes[at] - b'0').cast_signed() + (bytes[at + 1] - b'0').cast_signed();
        let year = 100 * i16::from(two(0)) + i16::from(two(2));
        let time = DateTime::new(year, two(4), two(6), two(9), two(11), two(13), 0).ok()?;
        Some(Self { text: bytes, at: Offset::UTC.to_timestamp(time).ok()? })
    }

    /// The time of a request with an `Authorization` header, from `x-amz-date` or else `Date`. Also returns the
    /// name of that header.
    pub(super) fn of_headers(headers: &SignatureHeaders<'_>) -> Result<(Self, &'static str)> {
        let wrong =
            |name: &str| S3Error::new(Code::AccessDenied, format!("The time in '{name}' is malformed."));
        let time = |text, name| {
            Self::parse(text).or_else(|| Self::of_time(date::parse(text)?)).ok_or_else(|| wrong(name))
        };
        if let Some(text) = headers.amz_date.text(&X_AMZ_DATE)? {
            return Ok((time(text, "x-amz-date")?, "x-amz-date"));
        }
        let Some(text) = headers.date.text(&DATE)? else {
            return Err(S3Error::new(
                Code::AccessDenied,
                "A signed request must have its time in 'x-amz-date' or 'Date'.",
            ));
        };
        Ok((time(text, "date")?, "date"))
    }

    fn of_time(at: Timestamp) -> Option<Self> {
        Some(Self { text: at.strftime("%Y%m%dT%H%M%SZ").to_string().as_bytes().try_into().ok()?, at })
    }

    /// `YYYYMMDDThhmmssZ`.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The day as `YYYYMMDD`.
    pub(super) fn date(&self) -> &str {
        self.text().get(..8).unwrap_or_default()
    }

    /// Refuses a request whose time differs too much from now.
    pub(super) fn check_now(&self, now: Timestamp) -> Result<()> {
        if now.duration_since(self.at).abs() <= MAX_SKEW {
            return Ok(());
        }
        Err(self.skewed(now))
    }

    /// Refuses what was signed in the future.
    pub(super) fn check_begun(&self, now: Timestamp) -> Result<()> {
        if now.duration_since(self.at) >= -MAX_SKEW { Ok(()) } else { Err(self.skewed(now)) }
    }

    /// Refuses a presigned URL that isn't valid yet or has expired. Only the start tolerates clock skew. The expiry
    /// is exact, because a user who shares a URL for a minute means a minute.
    pub(super) fn check_lifetime(&self, lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.check_begun(now)?;
        let age = now.duration_since(self.at);
        if age > lifetime.0 {
            return Err(S3Error::new(
                Code::AccessDenied,
                format!(
                    "Request has expired: the URL was signed at {} for {} seconds, and the time is now {now:.0}.",
                    self.text(),
                    lifetime.0.as_secs()
                ),
            ));
        }
        Ok(())
    }

    fn skewed(&self, now: Timestamp) -> S3Error {
        S3Error::new(
            Code::RequestTimeTooSkewed,
            format!(
                "The request was signed at {}, but the gateway's time is {now:.0}, which differs by more than 15 \
                 minutes. Correct the clock of the client or of the gateway.",
                self.text()
            ),
        )
    }
}

/// The lifetime of a presigned URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime(SignedDuration);

impl Lifetime {
    /// Parses `X-Amz-Expires`: seconds, at most a week.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = (1..=6).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        let seconds: i64 = digits.then(|| text.parse().ok()).flatten()?;
        (seconds <= MAX_EXPIRES_SECONDS).then(|| Self(SignedDuration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_is_read_in_all_spellings() {
        let mut headers = HeaderMap::new();
        for name in ["date", "x-amz-date"] {
            for zone in ["GMT", "+0000", "-0000"] {
                let text = format!("Fri, 24 May 2013 00:00:00 {zone}");
                headers.insert(name, text.parse().unwrap());
                let (time, read) = SignatureTime::of_headers(&SignatureHeaders::of(&headers)).unwrap();
                assert_eq!((time.text(), read), ("20130524T000000Z", name), "{zone}");
            }
        }
        headers.clear();
        headers.insert(DATE, "Fri, 24 May 2013 00:00:00 GMT".parse().unwrap());
        let (time, name) = SignatureTime::of_headers(&SignatureHeaders::of(&headers)).unwrap();
        assert_eq!((time.text(), name), ("20130524T000000Z", "date"));
        headers.insert("x-amz-date", "20130525T010203Z".parse().unwrap());
        let (time, name) = SignatureTime::of_headers(&SignatureHeaders::of(&headers)).unwrap();
        assert_eq!((time.date(), name), ("20130525", "x-amz-date"));
        assert_eq!(time.at, at("2013-05-25T01:02:03Z"));
        headers.append("x-amz-date", "20130525T010203Z".parse().unwrap());
        assert!(
            SignatureTime::of_headers(&SignatureHeaders::of(&headers)).is_err(),
            "the header is present twice"
        );
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for wrong in [
            "",
            "20130524",
            "20130524T000000",
            "20130524T000000z",
            "20131324T000000Z",
            "20130230T000000Z",
            "20130524T240000Z",
            "+0130524T000000Z",
            "2013é24T000000Z",
            "2013-05-24T00:00Z",
        ] {
            assert!(SignatureTime::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn clocks_may_differ_by_fifteen_minutes_and_no_more() {
        let time = SignatureTime::parse("20130524T120000Z").unwrap();
        for (now, fine) in [
            ("2013-05-24T12:15:00Z", true),
            ("2013-05-24T11:45:00Z", true),
            ("2013-05-24T12:15:01Z", false),
            ("2013-05-24T11:44:59Z", false),
            ("2013-05-25T12:00:00Z", false),
        ] {
            let result = time.check_now(at(now));
            assert_eq!(result.is_ok(), fine, "{now}");
            assert!(fine || result.unwrap_err().code == Code::RequestTimeTooSkewed);
        }
    }

    #[test]
    fn the_expiry_of_a_url_is_exact_and_has_nothing_to_do_with_the_skew() {
        let time = SignatureTime::parse("20130524T120000Z").unwrap();
        let minute = Lifetime::parse("60").unwrap();
        let day = Lifetime::parse("86400").unwrap();
        assert!(time.check_lifetime(minute, at("2013-05-24T12:01:00Z")).is_ok());
        let expired = time.check_lifetime(minute, at("2013-05-24T12:01:01Z")).unwrap_err();
        assert_eq!(expired.code, Code::AccessDenied);
        assert!(expired.message.starts_with("Request has expired"));
        assert!(time.check_lifetime(day, at("2013-05-25T11:59:00Z")).is_ok());
        assert!(time.check_lifetime(day, at("2013-05-24T11:46:00Z")).is_ok());
        let early = time.check_lifetime(day, at("2013-05-24T11:44:00Z")).unwrap_err();
        assert_eq!(early.code, Code::RequestTimeTooSkewed);
    }

    #[test]
    fn a_url_lives_for_a_week_at_most() {
        assert!(Lifetime::parse("604800").is_some());
        for wrong in ["604801", "", "-1", "+1", "1.5", "99999999999999999999"] {
            assert!(Lifetime::parse(wrong).is_none(), "{wrong}");
        }
    }
}
