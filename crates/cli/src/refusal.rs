//! Refusals, rewritten to name the flags that the user typed instead of the API's fields.

use bucketry_client::{ClientError, Refusal};

use crate::failure::Failure;

/// Fields of the API and the flags that set them.
pub(crate) type Flags = [(&'static str, &'static str)];

/// The fields of a bucket.
pub(crate) const BUCKET: &Flags = &[
    ("name", "the name"),
    ("bucket", "--bucket"),
    ("storageType", "--type"),
    ("key", "--key"),
    ("secret", "--secret-file (or BUCKETRY_BUCKET_SECRET)"),
    ("region", "--region"),
    ("endpoint", "--endpoint"),
    ("workspaceId", "--workspace"),
];

/// The fields of an API token.
pub(crate) const TOKEN: &Flags = &[
    ("name", "the name"),
    ("role", "--role"),
    ("expiresAt", "--expires-at"),
    ("workspaceId", "--workspace"),
];

/// The parameters of a list.
pub(crate) const LIST: &Flags = &[
    ("workspaceId", "--workspace"),
    ("status", "--status"),
    ("provider", "--provider"),
    ("storageType", "--type"),
    ("search", "--search"),
    ("sort", "--sort"),
];

/// The fields of a request for a day.
pub(crate) const DAY: &Flags = &[("day", "--day")];
/// Flags of `bucket inventory`.
pub(crate) const INVENTORY: &Flags =
    &[("everyHours", "--every"), ("requestsPerSecond", "--requests-per-second"), ("window", "--window")];

/// What a message advises to send, and the flag for it.
const ADVICE: [(&str, &str); 2] = [
    ("send \"skipValidation\": true", "pass --skip-validation"),
    ("set \"master\": true for the bucket", "pass --master with the bucket"),
];

/// The failure to report for a refused command.
pub(crate) fn failure(error: ClientError, flags: &Flags) -> Failure {
    match &error {
        ClientError::Refused(refusal) => {
            let Some(message) = in_flags(refusal, flags) else { return error.into() };
            if is_usage(refusal, flags) { Failure::usage(message) } else { Failure::failed(message) }
        }
        _ => error.into(),
    }
}

/// Whether all that is wrong is what the user typed, so that another state of the server wouldn't help.
fn is_usage(refusal: &Refusal, flags: &Flags) -> bool {
    let is_flag = |field: &str| flags.iter().any(|(name, _)| *name == field);
    refusal.status == 400
        && !refusal.fields.is_empty()
        && refusal.fields.iter().all(|field| is_flag(&field.field))
}

/// The refusal's message in terms of flags; `None` if it mentions nothing to translate.
fn in_flags(refusal: &Refusal, flags: &Flags) -> Option<String> {
    if refusal.fields.is_empty() {
        let (advice, flag) = ADVICE.iter().find(|(advice, _)| refusal.message.contains(advice))?;
        return Some(refusal.message.replace(advice, flag));
    }
    if flags.is_empty() {
        return None;
    }
    let line = |field: &bucketry_client::WrongField| line(&field.field, &field.message, flags);
    Some(refusal.fields.iter().map(line).collect::<Vec<_>>().join("\n  "))
}

/// What is wrong with a field, in terms of flags.
pub(crate) fn line(field: &str, message: &str, flags: &Flags) -> String {
    let flag = flags.iter().find(|(name, _)| *name == field);
    let mut line = format!("{} {message}", flag.map_or(field, |(_, flag)| flag));
    for (name, flag) in flags {
        line = line.replace(&format!("`{name}`"), flag);
    }
    line
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
    fn fields_are_told_as_the_flags_that_give_them() {
        let message = "must be sent again, because `bucket`, `storageType` change: a stored secret";
        let response =
            in_flags(&refusal("", &[("secret", message), ("workspaceId", "is not an id")]), BUCKET).unwrap();
        assert_eq!(
            response,
            "--secret-file (or BUCKETRY_BUCKET_SECRET) must be sent again, because --bucket, --type change: a stored \
             secret\n  --workspace is not an id"
        );
    }

    #[test]
    fn a_time_and_a_day_are_told_as_their_flags() {
        let response = in_flags(&refusal("", &[("expiresAt", "must be in the future")]), TOKEN).unwrap();
        assert_eq!(response, "--expires-at must be in the future");
        assert_eq!(in_flags(&refusal("", &[("day", "is not a day")]), DAY).unwrap(), "--day is not a day");
    }

    #[test]
    fn a_wrong_flag_is_wrong_usage_and_a_taken_name_is_not() {
        let status =
            |refusal: Refusal| failure(ClientError::Refused(Box::new(refusal)), BUCKET).exit_status();
        assert_eq!(status(refusal("", &[("region", "must be a region"), ("name", "is too long")])), 2);
        let taken = [("name", "is already used")];
        assert_eq!(status(Refusal { status: 409, ..refusal("", &taken) }), 1);
        assert_eq!(status(refusal("", &[("region", "is wrong"), ("checks", "are too many")])), 1);
        assert_eq!(status(refusal("no node is online", &[])), 1);
    }

    #[test]
    fn a_mirror_gets_its_master_by_a_flag() {
        // As the server says it.
        let message = bucketry_model::attachment::AttachmentRefused::MasterMissing.to_string();
        let response = in_flags(&refusal(&message, &[]), &[]).unwrap();
        assert!(response.ends_with("pass --master with the bucket that clients write to"), "{response}");
    }

    #[test]
    fn a_validation_is_left_out_by_its_flag() {
        let message = "no node is online: start one, or send \"skipValidation\": true to store it unchecked";
        let response = in_flags(&refusal(message, &[]), BUCKET).unwrap();
        assert_eq!(response, "no node is online: start one, or pass --skip-validation to store it unchecked");
        assert_eq!(in_flags(&refusal("there is no such bucket", &[]), BUCKET), None);
    }
}
