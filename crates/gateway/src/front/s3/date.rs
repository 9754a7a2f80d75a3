//! Dates in headers, in the forms that clients write.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

static RFC_2822: DateTimeParser = DateTimeParser::new();

/// Parses a date: one of the forms of HTTP (RFC 9110 §5.6.7), the form of mail with a numeric time zone (RFC 2822), which
/// Python and boto3 write (`Fri, 24 May 2013 00:00:00 -0000`), or ISO 8601 with a time zone.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let http = || Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok();
    http().or_else(|| RFC_2822.parse_timestamp(text).ok()).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_forms_name_the_same_time() {
        let time: Timestamp = "2013-05-24T10:20:30Z".parse().unwrap();
        for text in [
            "Fri, 24 May 2013 10:20:30 GMT",
            "Friday, 24-May-13 10:20:30 GMT",
            "Fri May 24 10:20:30 2013",
            "Fri, 24 May 2013 10:20:30 +0000",
            "Fri, 24 May 2013 10:20:30 -0000",
            "Fri, 24 May 2013 12:20:30 +0200",
            "Fri, 24 May 2013 10:20:30 UT",
            "24 May 2013 10:20:30 +0000",
            "2013-05-24T10:20:30Z",
            "2013-05-24T12:20:30+02:00",
            "20130524T102030Z",
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
    }

    #[test]
    fn what_names_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2013-05-24T10:20:30",
            "Fri, 24 May 2013 10:20:30",
            "Thu, 24 May 2013 10:20:30 +0000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[A-Za-z0-9 ,:+-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
