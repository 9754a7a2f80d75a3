//! The policy of a form: what its signer lets others upload ("Creating a POST policy" in the Amazon S3 API
//! reference).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::fields::Fields;

/// A policy document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
    /// The smallest and the largest file, in bytes.
    size: Option<(u64, u64)>,
}

/// A condition on a field, whose name is in lower case.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Equals(String, String),
    StartsWith(String, String),
}

/// The fields that need no condition, besides those that begin with [`IGNORED`].
const UNCONDITIONAL: [&str; 3] = ["x-amz-signature", "file", "policy"];
/// What the names of fields begin with that nobody reads.
const IGNORED: &str = "x-ignore-";

impl Policy {
    /// Parses a policy as the form contains it, in base64.
    pub(super) fn parse(encoded: &str) -> Result<Self> {
        let text = STANDARD.decode(encoded).ok().and_then(|text| String::from_utf8(text).ok());
        let text = text.ok_or_else(|| invalid("the policy must be base64 of UTF-8"))?;
        let Ok(Value::Object(mut policy)) = serde_json::from_str(&without_own_escapes(&text)) else {
            return Err(invalid("Invalid JSON"));
        };
        let Some(Value::String(expiration)) = policy.remove("expiration") else {
            return Err(invalid("Policy missing expiration."));
        };
        let expiration = utc_time(&expiration).ok_or_else(|| {
            invalid("the expiration must be a time in UTC such as 2026-12-01T12:00:00.000Z")
        })?;
        let Some(Value::Array(list)) = policy.remove("conditions") else {
            return Err(invalid("Policy missing conditions."));
        };
        if let Some(name) = policy.keys().next() {
            return Err(invalid(&format!("Unexpected: '{}'", excerpt(name))));
        }
        let mut parsed = Self { expiration, conditions: Vec::with_capacity(list.len()), size: None };
        for condition in list {
            match condition {
                Value::Object(condition) => parsed.conditions.push(simple(condition)?),
                Value::Array(condition) => parsed.add(&condition)?,
                _ => return Err(invalid("each condition must be an object or a list")),
            }
        }
        Ok(parsed)
    }

    /// Adds a condition in the form of a list.
    fn add(&mut self, condition: &[Value]) -> Result<()> {
        let [Value::String(operator), first, second] = condition else {
            return Err(invalid("a condition that is a list must have three elements"));
        };
        let operator = operator.to_ascii_lowercase();
        if operator == "content-length-range" {
            let range = bytes(first).zip(bytes(second)).filter(|(least, most)| least <= most);
            let range = range.ok_or_else(|| {
                invalid("content-length-range must have a smallest and a largest number of bytes")
            })?;
            if self.size.replace(range).is_some() {
                return Err(invalid("content-length-range is present twice"));
            }
            return Ok(());
        }
        let (Value::String(field), Value::String(value)) = (first, second) else {
            return Err(invalid("fields and values in conditions must be strings"));
        };
        let Some(field) = field.strip_prefix('$') else {
            return Err(invalid("the field in a condition must begin with '$'"));
        };
        let field = field.to_ascii_lowercase();
        self.conditions.push(match operator.as_str() {
            "eq" => Condition::Equals(field, value.clone()),
            "starts-with" => Condition::StartsWith(field, value.clone()),
            _ => return Err(invalid(&format!("unknown condition '{}'", excerpt(&operator)))),
        });
        Ok(())
    }

    /// Refuses the form if the policy has expired.
    pub(super) fn check_expiry(&self, now: Timestamp) -> Result<()> {
        if now < self.expiration {
            return Ok(());
        }
        Err(denied("Policy expired."))
    }

    /// Refuses the form unless every condition is met, and every field has a condition. The bucket counts as a
    /// field.
    pub(super) fn check(&self, bucket: &str, fields: &Fields) -> Result<()> {
        let value = |field: &str| if field == "bucket" { Some(bucket) } else { fields.get(field) };
        for condition in &self.conditions {
            if !value(condition.field()).is_some_and(|value| condition.is_met_by(value)) {
                return Err(denied(&format!("Policy Condition failed: {condition}")));
            }
        }
        let names = fields.iter().map(|(name, _)| name).filter(|name| *name != "bucket");
        let has_condition = |name: &str| self.conditions.iter().any(|condition| condition.field() == name);
        let extra: Vec<&str> = names
            .chain(["bucket"])
            .filter(|name| {
                !UNCONDITIONAL.contains(name) && !name.starts_with(IGNORED) && !has_condition(name)
            })
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        Err(denied(&format!("Extra input fields: {}", excerpt(&extra.join(", ")))))
    }

    /// The smallest and the largest file that the policy allows, in bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        self.size.unwrap_or((0, u64::MAX))
    }
}

impl Condition {
    fn field(&self) -> &str {
        match self {
            Self::Equals(field, _) | Self::StartsWith(field, _) => field,
        }
    }

    fn is_met_by(&self, value: &str) -> bool {
        match self {
            Self::Equals(_, expected) => value == expected,
            // A list of types must meet the condition in each of its elements.
            Self::StartsWith(field, start) if field == "content-type" => {
                value.split(',').all(|one| one.trim_start().starts_with(start.as_str()))
            }
            Self::StartsWith(_, start) => value.starts_with(start.as_str()),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (operator, field, value) = match self {
            Self::Equals(field, value) => ("eq", field, value),
            Self::StartsWith(field, value) => ("starts-with", field, value),
        };
        write!(f, "[\"{operator}\", \"${}\", \"{}\"]", excerpt(field), excerpt(value))
    }
}

/// A condition in the form of an object: a field and its value.
fn simple(condition: Map<String, Value>) -> Result<Condition> {
    let mut entries = condition.into_iter();
    match (entries.next(), entries.next()) {
        (Some((field, Value::String(value))), None) => {
            Ok(Condition::Equals(field.to_ascii_lowercase(), value))
        }
        (Some((field, _)), None) => {
            Err(invalid(&format!("the value of '{}' must be a string", excerpt(&field))))
        }
        _ => Err(invalid("a condition that is an object must have exactly one property")),
    }
}

/// A time as policies have it: ISO 8601 in UTC, with or without fractions of a second. The parser alone would also read
/// other time zones, and spaces in place of the `T`, which S3 refuses.
fn utc_time(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (time, fraction) = text.strip_suffix('Z')?.split_at_checked(SHAPE.len())?;
    let has_shape = time.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    });
    let is_fraction = |text: &str| {
        text.strip_prefix('.').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !has_shape || !(fraction.is_empty() || is_fraction(fraction)) {
        return None;
    }
    text.parse().ok()
}

/// A number of bytes. Some libraries write it as a string.
fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// Policies have two escapes that JSON doesn't have: `\$` and `\v`.
fn without_own_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match rest.next() {
            Some('$') => out.push('$'),
            Some('v') => out.push_str("\\u000b"),
            Some(other) => out.extend([char, other]),
            None => out.push(char),
        }
    }
    out
}

/// The start of a text from the client, for messages.
fn excerpt(text: &str) -> String {
    text.chars().take(128).collect()
}

fn invalid(what: &str) -> S3Error {
    S3Error::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {what}"))
}

fn denied(what: &str) -> S3Error {
    S3Error::new(Code::AccessDenied, format!("Invalid according to Policy: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Policy> {
        Policy::parse(&STANDARD.encode(text))
    }

    fn of(conditions: &str) -> Result<Policy> {
        parse(&format!("{{\"expiration\": \"2026-12-01T12:00:00.000Z\", \"conditions\": [{conditions}]}}"))
    }

    /// The message of a refusal, or an empty text.
    fn check<const N: usize>(conditions: &str, fields: [(&str, &str); N]) -> String {
        let checked = of(conditions).unwrap().check("photos", &fields.into());
        checked.map_or_else(
            |error| {
                assert_eq!(error.code, Code::AccessDenied);
                error.message.strip_prefix("Invalid according to Policy: ").unwrap().to_owned()
            },
            |()| String::new(),
        )
    }

    #[test]
    fn every_condition_must_be_met() {
        let both = r#"{"bucket": "photos"}, ["starts-with", "$Key", "user/"], {"ACL": "private"}"#;
        assert_eq!(check(both, [("key", "user/a"), ("acl", "private")]), "");
        assert_eq!(
            check(both, [("key", "other/a"), ("acl", "private")]),
            r#"Policy Condition failed: ["starts-with", "$key", "user/"]"#
        );
        assert_eq!(
            check(both, [("key", "user/a"), ("acl", "public-read")]),
            r#"Policy Condition failed: ["eq", "$acl", "private"]"#
        );
        assert_eq!(
            check(both, [("key", "user/a")]),
            r#"Policy Condition failed: ["eq", "$acl", "private"]"#,
            "the field is missing"
        );
        let other = r#"["eq", "$bucket", "other"], ["starts-with", "$key", ""]"#;
        assert!(check(other, [("key", "a")]).contains("$bucket"));
        assert!(
            check(other, [("key", "a"), ("bucket", "other")]).contains("$bucket"),
            "a field is no bucket"
        );
    }

    #[test]
    fn every_field_needs_a_condition() {
        let conditions = r#"{"bucket": "photos"}, ["starts-with", "$key", ""]"#;
        let needless = [("key", "a"), ("policy", "p"), ("x-amz-signature", "s"), ("x-ignore-submit", "go")];
        assert_eq!(check(conditions, needless), "");
        assert_eq!(
            check(conditions, [("key", "a"), ("x-amz-meta-a", "1"), ("submit", "go")]),
            "Extra input fields: x-amz-meta-a, submit"
        );
        assert_eq!(check(r#"["starts-with", "$key", ""]"#, [("key", "a")]), "Extra input fields: bucket");
    }

    #[test]
    fn a_list_of_types_meets_a_condition_in_each_element() {
        let conditions = r#"{"bucket": "photos"}, ["starts-with", "$Content-Type", "image/"]"#;
        assert_eq!(check(conditions, [("content-type", "image/png, image/jpeg")]), "");
        assert!(check(conditions, [("content-type", "image/png,text/html")]).contains("$content-type"));
    }

    #[test]
    fn a_policy_ends_when_it_says() {
        let policy = of("").unwrap();
        assert!(policy.check_expiry("2026-12-01T11:59:59.999Z".parse().unwrap()).is_ok());
        let expired = policy.check_expiry("2026-12-01T12:00:00Z".parse().unwrap()).unwrap_err();
        assert_eq!(expired.message, "Invalid according to Policy: Policy expired.");
        assert_eq!(expired.code, Code::AccessDenied);
    }

    #[test]
    fn an_expiration_is_a_time_in_utc() {
        let code = |time: &str| {
            let policy = parse(&format!(r#"{{"expiration": "{time}", "conditions": []}}"#));
            policy.err().map(|error| error.code)
        };
        for time in ["2026-11-29T13:00:00Z", "2026-11-29T13:00:00.000Z", "2026-11-29T13:00:00.123456Z"] {
            assert_eq!(code(time), None, "{time}");
        }
        for time in [
            "",
            "tomorrow",
            "2026-11-29 13:00:00.123456+00:00",
            "2026-11-29 13:00:00Z",
            "2026-11-29t13:00:00Z",
            "2026-11-29T13:00:00z",
            "2026-11-29T13:00:00",
            "2026-11-29T13:00:00+00:00",
            "2026-11-29T14:00:00+01:00",
            "2026-11-29T13:00:00.Z",
            "2026-11-29T13:00:00,5Z",
            "2026-11-29T13:00Z",
            "2026-11-29",
            "20261129T130000Z",
            "2026-02-30T13:00:00Z",
            "2026-11-29T13:00:00Z[UTC]",
            " 2026-11-29T13:00:00Z",
            "２026-11-29T13:00:00Z",
        ] {
            assert_eq!(code(time), Some(Code::InvalidPolicyDocument), "{time}");
        }
    }

    #[test]
    fn the_size_of_the_file_has_bounds() {
        assert_eq!(of("").unwrap().size(), (0, u64::MAX));
        assert_eq!(of(r#"["content-length-range", 1, 1048576]"#).unwrap().size(), (1, 1 << 20));
        assert_eq!(of(r#"["content-length-range", "0", "9"]"#).unwrap().size(), (0, 9));
    }

    #[test]
    fn escapes_of_policies_are_read() {
        assert_eq!(
            check(r#"{"bucket": "photos"}, {"key": "\$a\\$b\v\u0041"}"#, [("key", "$a\\$b\u{b}A")]),
            ""
        );
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for conditions in [
            "1",
            r#"{"acl": "private", "bucket": "b"}"#,
            "{}",
            r#"{"success_action_status": 201}"#,
            r#"["contains", "$key", "a"]"#,
            r#"["eq", "key", "a"]"#,
            r#"["eq", "$key"]"#,
            r#"["eq", "$key", 1]"#,
            r#"["content-length-range", 1]"#,
            r#"["content-length-range", -1, 1]"#,
            r#"["content-length-range", 2, 1]"#,
            r#"["content-length-range", 1.5, 2]"#,
            r#"["content-length-range", 1, 2], ["content-length-range", 0, 9]"#,
        ] {
            assert_eq!(of(conditions).unwrap_err().code, Code::InvalidPolicyDocument, "{conditions}");
        }
        for text in [
            "",
            "{}",
            "[]",
            r#"{"expiration": "2026-12-01T12:00:00Z"}"#,
            r#"{"conditions": []}"#,
            r#"{"EXPIRATION": "2026-12-01T12:00:00Z", "conditions": []}"#,
            r#"{"expiration": "tomorrow", "conditions": []}"#,
            r#"{"expiration": "2026-12-01T12:00:00Z", "conditions": [], "Conditions": []}"#,
        ] {
            assert_eq!(parse(text).unwrap_err().code, Code::InvalidPolicyDocument, "{text}");
        }
        assert_eq!(Policy::parse("%").unwrap_err().code, Code::InvalidPolicyDocument);
        assert!(Policy::parse("/w==").is_err(), "not UTF-8");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{},:\"$\\\\a-c0-9 ]{0,80}") {
            let _ = of(&text);
            let _ = parse(&text);
        }
    }
}
