//! Refusals, rewritten to name the flags that the user typed instead of the API's fields.

use bucketry_client::{ClientError, Refusal};

use crate::failure::Failure;

/// Fields of the API and the flags that set them.
pub(crate) type Flags = [(&'static str, &'static str)];

/// What sets each field and parameter of the API, whatever the command is.
const FLAGS: &Flags = &[
    ("name", "the name"),
    ("bucket", "--bucket"),
    ("storageType", "--type"),
    ("pinnedTo.nodes", "--pin-node"),
    ("pinnedTo.regions", "--pin-region"),
    ("key", "--key"),
    ("secret", "--secret-file (or BUCKETRY_BUCKET_SECRET)"),
    ("region", "--region"),
    ("endpoint", "--endpoint"),
    ("workspaceId", "--workspace"),
    ("workspace", "--workspace"),
    ("role", "--role"),
    ("expiresAt", "--expires-at"),
    ("status", "--status"),
    ("provider", "--provider"),
    ("search", "--search"),
    ("sort", "--sort"),
    ("limit", "--limit"),
    ("day", "--day"),
    ("startDate", "--from"),
    ("endDate", "--to"),
    ("since", "--since"),
    ("until", "--until"),
    ("kind", "--kind"),
    ("action", "--action"),
    ("result", "--result"),
    ("user", "--user"),
    ("everyHours", "--every"),
    ("requestsPerSecond", "--requests-per-second"),
    ("window", "--window"),
    ("prefix", "--prefix"),
    ("minBytes", "--min-size"),
    ("maxAgeSeconds", "--max-age"),
    ("olderThanSeconds", "--uploads-older-than"),
    ("mode", "--mode"),
    ("repoBuckets", "--bucket"),
    ("accessType", "--access"),
    ("firstName", "--first-name"),
    ("lastName", "--last-name"),
    ("email", "the e-mail address"),
    ("password", "the password"),
    ("currentPassword", "the current password"),
    ("orgRole", "the role"),
    ("userId", "the user"),
];

/// What a message advises to send, and the flag for it.
const ADVICE: [(&str, &str); 3] = [
    ("pin the bucket to others with pinnedTo", "pin the bucket to others with --pin-node or --pin-region"),
    ("send \"skipValidation\": true", "pass --skip-validation"),
    ("set \"master\": true for the bucket", "pass --master with the bucket"),
];

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        failure(error, FLAGS)
    }
}

/// The failure to report for a refused command that has its own flags for some fields.
pub(crate) fn failure(error: ClientError, flags: &Flags) -> Failure {
    let text = error.to_string();
    match &error {
        ClientError::InvalidUrl { .. } => Failure::Usage(format!("--url (or BUCKETRY_URL): {text}")),
        ClientError::Certificates { .. } => {
            Failure::Usage(format!("--api-ca-file (or BUCKETRY_API_CA_FILE): {text}"))
        }
        ClientError::Unreachable { reason, .. } => Failure::Failed(format!("{text}{}", tls_advice(reason))),
        ClientError::Refused(refusal) if is_usage(refusal, flags) => Failure::Usage(in_flags(refusal, flags)),
        ClientError::Refused(refusal) => Failure::Failed(in_flags(refusal, flags)),
        _ => Failure::Failed(text),
    }
}

/// What to do if a connection failed because of TLS: a further line, or nothing.
fn tls_advice(reason: &str) -> &'static str {
    if reason.contains("UnknownIssuer") {
        "\n  if the server's certificate is from a private authority, pass the authority's certificate with --api-ca-file"
    } else if reason.contains("InvalidContentType") {
        "\n  the server doesn't speak TLS at this address; if it isn't meant to, use http:// in the URL"
    } else {
        ""
    }
}

/// Whether all that is wrong is what the user typed, so that another state of the server wouldn't help.
fn is_usage(refusal: &Refusal, flags: &Flags) -> bool {
    let is_typed = |flag: &str| flag.starts_with("--") || flag == "the name";
    let is_flag = |field: &str| flags.iter().any(|(name, flag)| *name == field && is_typed(flag));
    refusal.status == 400
        && !refusal.fields.is_empty()
        && refusal.fields.iter().all(|field| is_flag(&field.field))
}

/// The refusal's message in terms of flags.
fn in_flags(refusal: &Refusal, flags: &Flags) -> String {
    if !refusal.fields.is_empty() {
        let line = |field: &bucketry_client::WrongField| line(&field.field, &field.message, flags);
        return refusal.fields.iter().map(line).collect::<Vec<_>>().join("\n  ");
    }
    let mut text = without_calls(&refusal.to_string());
    for (advice, flag) in ADVICE {
        text = text.replace(advice, flag);
    }
    if refusal.error_code.as_deref() == Some("UNAUTHENTICATED") {
        text.push_str("\n  run `bucketry login`, or set BUCKETRY_URL and BUCKETRY_TOKEN");
    }
    text
}

/// The text without the API's calls where it also names the command to run, as in ``with POST /token or `bucketry token
/// add` ``.
fn without_calls(text: &str) -> String {
    let separators = [" or `bucketry ", " or with `bucketry "];
    let Some((before, after)) = separators.iter().find_map(|or| text.split_once(or)) else {
        return text.to_owned();
    };
    let call = ["POST /", "PUT /"].iter().filter_map(|method| before.rfind(method)).max();
    match call {
        Some(start) => format!("{}`bucketry {after}", &before[..start]),
        None => text.to_owned(),
    }
}

/// What is wrong with a field, in terms of flags.
pub(crate) fn line(field: &str, message: &str, flags: &Flags) -> String {
    let flag = flags.iter().find(|(name, _)| *name == field);
    let mut line = format!("{} {}", flag.map_or(field, |(_, flag)| flag), in_units_of_flags(message));
    for (name, flag) in flags {
        line = line.replace(&format!("`{name}`"), flag);
        // No word of English has a capital letter inside.
        if name.contains(|c: char| c.is_ascii_uppercase()) {
            line = line.replace(name, flag);
        }
    }
    line
}

/// The message with lengths of time as they are typed. The API has them in seconds or hours and says in
/// parentheses how people say that: "a number of seconds from 600 (10 minutes) to 315360000 (10 years)".
fn in_units_of_flags(message: &str) -> String {
    const UNITS: [&str; 2] = ["a number of seconds from ", "a whole number of hours from "];
    let read = |unit: &str| {
        let (before, range) = message.split_once(unit)?;
        let (from, rest) = parenthesised(range)?;
        let (to, rest) = parenthesised(rest.strip_prefix(" to ")?)?;
        Some(format!("{before}from {from} to {to}{rest}"))
    };
    UNITS.into_iter().find_map(read).unwrap_or_else(|| message.to_owned())
}

/// Splits `600 (10 minutes) and more` into `10 minutes` and ` and more`.
fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.strip_prefix(" (")?.split_once(')')
}

#[cfg(test)]
mod tests {
    use bucketry_client::WrongField;
    use serde_json::Value;

    use super::*;

    fn refusal(message: &str, fields: &[(&str, &str)]) -> Refusal {
        let field = |(field, message): &(&str, &str)| WrongField {
            field: (*field).to_owned().into(),
            message: (*message).to_owned(),
        };
        Refusal {
            status: 400,
            error_code: None,
            message: message.to_owned(),
            fields: fields.iter().map(field).collect(),
            retry_after: None,
            body: Value::Null,
        }
    }

    #[test]
    fn fields_are_named_as_the_flags_that_give_them() {
        let message = "must be sent again, because `bucket`, `storageType` change: a stored secret";
        let response = in_flags(&refusal("", &[("secret", message), ("workspaceId", "is not an id")]), FLAGS);
        assert_eq!(
            response,
            "--secret-file (or BUCKETRY_BUCKET_SECRET) must be sent again, because --bucket, --type change: a stored \
             secret\n  --workspace is not an id"
        );
        let response = in_flags(&refusal("", &[("startDate", "must not be after endDate")]), FLAGS);
        assert_eq!(response, "--from must not be after --to");
        for (field, flag) in [
            ("expiresAt", "--expires-at"),
            ("day", "--day"),
            ("startDate", "--from"),
            ("accessType", "--access"),
            ("orgRole", "the role"),
        ] {
            assert_eq!(in_flags(&refusal("", &[(field, "is wrong")]), FLAGS), format!("{flag} is wrong"));
        }
    }

    #[test]
    fn lengths_of_time_are_named_as_they_are_typed() {
        // As the server says it.
        let age = bucketry_model::freshness::InvalidFreshness::MaxAge.to_string();
        let response = in_flags(&refusal("", &[("maxAgeSeconds", &age)]), FLAGS);
        assert_eq!(response, "--max-age must be from 10 minutes to 10 years");
        let every = bucketry_model::inventory::InvalidSchedule::EveryHours.to_string();
        let response = in_flags(&refusal("", &[("everyHours", &every)]), FLAGS);
        assert_eq!(response, "--every must be from 1 hour to 1 year");
        let after = bucketry_model::notification::InvalidRule::After.to_string();
        let flags = &[("rules", "--rule"), ("afterMinutes", "minutes")];
        let response = in_flags(&refusal("", &[("rules", &after)]), flags);
        assert_eq!(response, "--rule must have minutes from 0 to 10080 (1 week)");
        let other = "must be a number of seconds from now";
        assert_eq!(in_units_of_flags(other), other);
    }

    #[test]
    fn a_wrong_flag_is_wrong_usage_and_a_taken_name_is_not() {
        let status = |refusal: Refusal| Failure::from(ClientError::Refused(Box::new(refusal))).exit_status();
        assert_eq!(status(refusal("", &[("region", "must be a region"), ("name", "is too long")])), 2);
        let taken = [("name", "is already used")];
        assert_eq!(status(Refusal { status: 409, ..refusal("", &taken) }), 1);
        assert_eq!(status(refusal("", &[("region", "is wrong"), ("checks", "are too many")])), 1);
        assert_eq!(status(refusal("", &[("password", "is too weak")])), 1);
        assert_eq!(status(refusal("no node is online", &[])), 1);
    }

    #[test]
    fn advice_for_programs_becomes_advice_for_people() {
        // As the server says it.
        let message = bucketry_model::attachment::AttachmentRefused::MasterMissing.to_string();
        let response = in_flags(&refusal(&message, &[]), FLAGS);
        assert!(response.ends_with("pass --master with the bucket that clients write to"), "{response}");
        let message = "no node is online: start one, or send \"skipValidation\": true to store it unchecked";
        let response = in_flags(&refusal(message, &[]), FLAGS);
        assert_eq!(response, "no node is online: start one, or pass --skip-validation to store it unchecked");
        let message = "this API token was revoked: create another with POST /token or `bucketry token add`";
        let response = in_flags(&refusal(message, &[]), FLAGS);
        assert_eq!(response, "this API token was revoked: create another with `bucketry token add`");
        assert_eq!(in_flags(&refusal("there is no such bucket", &[]), FLAGS), "there is no such bucket");
    }
}
