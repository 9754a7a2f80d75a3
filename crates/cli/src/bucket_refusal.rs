//! Refusals of bucket commands, rewritten to name the flags that the user typed instead of the API's fields.

use bucketry_client::{ClientError, Refusal};

use crate::failure::Failure;

/// The API's fields and the flags that set them.
const FLAGS: [(&str, &str); 8] = [
    ("name", "the name"),
    ("bucket", "--bucket"),
    ("storageType", "--type"),
    ("key", "--key"),
    ("secret", "--secret-file (or BUCKETRY_BUCKET_SECRET)"),
    ("region", "--region"),
    ("endpoint", "--endpoint"),
    ("workspaceId", "--workspace"),
];

/// The failure to report for a refused command.
pub(crate) fn failure(error: ClientError) -> Failure {
    match &error {
        ClientError::Refused(refusal) => in_flags(refusal).map_or_else(|| error.into(), Failure::failed),
        _ => error.into(),
    }
}

/// The refusal's message in terms of flags; `None` if it mentions nothing to translate.
fn in_flags(refusal: &Refusal) -> Option<String> {
    const SKIP: &str = "send \"skipValidation\": true";
    if refusal.fields.is_empty() {
        return refusal
            .message
            .contains(SKIP)
            .then(|| refusal.message.replace(SKIP, "pass --skip-validation"));
    }
    let line = |field: &bucketry_client::WrongField| {
        let flag = FLAGS.iter().find(|(name, _)| *name == field.field);
        let mut line = format!("{} {}", flag.map_or(field.field.as_ref(), |(_, flag)| flag), field.message);
        for (name, flag) in FLAGS {
            line = line.replace(&format!("`{name}`"), flag);
        }
        line
    };
    Some(refusal.fields.iter().map(line).collect::<Vec<_>>().join("\n  "))
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
            in_flags(&refusal("", &[("secret", message), ("workspaceId", "is not an id")])).unwrap();
        assert_eq!(
            response,
            "--secret-file (or BUCKETRY_BUCKET_SECRET) must be sent again, because --bucket, --type change: a stored \
             secret\n  --workspace is not an id"
        );
    }

    #[test]
    fn a_validation_is_left_out_by_its_flag() {
        let message = "no node is online: start one, or send \"skipValidation\": true to store it unchecked";
        let response = in_flags(&refusal(message, &[])).unwrap();
        assert_eq!(response, "no node is online: start one, or pass --skip-validation to store it unchecked");
        assert_eq!(in_flags(&refusal("there is no such bucket", &[])), None);
    }
}
