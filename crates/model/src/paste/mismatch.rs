//! Keys and secrets in the wrong field, recognised by their shape.

use super::shape::{
    is_aws_key, is_aws_secret, is_azure_account, is_azure_key, is_google_key, is_hexadecimal,
};
use crate::bucket::StorageType;

/// A value in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldMismatch {
    /// The field.
    pub field: &'static str,
    /// What it looks like and what to do, as a phrase that continues the field's name.
    pub message: &'static str,
}

const SWAPPED: FieldMismatch = FieldMismatch {
    field: "key",
    message: "looks like a secret, and `secret` looks like its key: exchange them",
};
const ACCOUNT_KEY: FieldMismatch = FieldMismatch {
    field: "key",
    message: "looks like an account key: enter it as `secret`, and the name of the storage account as `key`",
};
const AWS_ELSEWHERE: FieldMismatch = FieldMismatch {
    field: "storageType",
    message: "doesn't fit `key`, which looks like an access key id of AWS: set it to S3",
};
const AZURE_ELSEWHERE: FieldMismatch = FieldMismatch {
    field: "storageType",
    message: "doesn't fit `secret`, which looks like an account key of Azure: set it to BLOB",
};
const GOOGLE_ELSEWHERE: FieldMismatch = FieldMismatch {
    field: "storageType",
    message: "doesn't fit `secret`, which looks like the private key of a Google service account: set it to GCS",
};
const QUOTED_KEY: FieldMismatch = FieldMismatch { field: "key", message: QUOTED };
const QUOTED_SECRET: FieldMismatch = FieldMismatch { field: "secret", message: QUOTED };
const QUOTED: &str =
    "has a quotation mark on one side only, which is probably no part of it: enter it without";
const NAMED_KEY: FieldMismatch = FieldMismatch { field: "key", message: NAMED };
const NAMED_SECRET: FieldMismatch = FieldMismatch { field: "secret", message: NAMED };
const NAMED: &str = "begins with a name and an equals sign: enter only the value after it";

/// Finds a key or secret in the wrong field. Only shapes that a right value doesn't have count: servers other than AWS
/// (`has_endpoint`) may have any secret.
pub fn find(
    storage_type: StorageType,
    key: Option<&str>,
    secret: &str,
    has_endpoint: bool,
) -> Option<FieldMismatch> {
    let key = key.unwrap_or_default();
    let of_aws = storage_type == StorageType::S3 && !has_endpoint;
    let is_swapped = match storage_type {
        StorageType::S3 => {
            is_aws_secret(key) && is_aws_key(secret) || is_hexadecimal(key, 64) && is_hexadecimal(secret, 32)
        }
        StorageType::Blob => is_azure_key(key) && is_azure_account(secret),
        StorageType::Gcs => {
            !key.is_empty() && !is_google_key(key) && is_google_key(secret) && !key.contains('@')
        }
    };
    let found = [
        (is_swapped, SWAPPED),
        (storage_type == StorageType::Blob && is_azure_key(key), ACCOUNT_KEY),
        (storage_type != StorageType::S3 && is_aws_key(key), AWS_ELSEWHERE),
        (of_aws && is_azure_key(secret) && is_azure_account(key), AZURE_ELSEWHERE),
        (storage_type == StorageType::S3 && secret.starts_with("-----BEGIN"), GOOGLE_ELSEWHERE),
        (is_half_quoted(key), QUOTED_KEY),
        (of_aws && is_half_quoted(secret), QUOTED_SECRET),
        (after_name(key).is_some_and(is_aws_key), NAMED_KEY),
        (after_name(secret).is_some_and(|value| is_aws_secret(value) || is_azure_key(value)), NAMED_SECRET),
    ];
    found.into_iter().find(|(is, _)| *is).map(|(_, mismatch)| mismatch)
}

fn is_half_quoted(text: &str) -> bool {
    ['"', '\'', '`'].iter().any(|quote| text.starts_with(*quote) != text.ends_with(*quote))
}

/// The value after a name that isn't known.
fn after_name(text: &str) -> Option<&str> {
    let (name, value) = text.split_once(['=', ':'])?;
    let is_name = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b' '));
    is_name.then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn a_value_in_the_wrong_field_is_found_by_its_shape() {
        use StorageType::{Blob, Gcs, S3};
        let account = format!("{}==", "aB3/".repeat(21) + "xy");
        let (hex64, hex32) = ("0a".repeat(32), "0a".repeat(16));
        for (storage_type, key, secret, has_endpoint, found) in [
            (S3, SECRET, ID, false, Some(SWAPPED)),
            (S3, SECRET, ID, true, Some(SWAPPED)),
            (S3, &hex64, &hex32, true, Some(SWAPPED)),
            (Blob, &account, "photos2024", false, Some(SWAPPED)),
            (Blob, &account, "sv=1&sig=x", false, Some(ACCOUNT_KEY)),
            (Gcs, SECRET, "GOOG1EXAMPLE", false, Some(SWAPPED)),
            (Blob, ID, SECRET, false, Some(AWS_ELSEWHERE)),
            (Gcs, ID, SECRET, false, Some(AWS_ELSEWHERE)),
            (S3, "photos2024", &account, false, Some(AZURE_ELSEWHERE)),
            (S3, "photos2024", &account, true, None),
            (S3, "a@p.iam", "-----BEGIN PRIVATE KEY-----", true, Some(GOOGLE_ELSEWHERE)),
            (S3, "\"AKID", "s", true, Some(QUOTED_KEY)),
            (S3, ID, "s3cret'", false, Some(QUOTED_SECRET)),
            (S3, ID, "s3cret'", true, None),
            (S3, &format!("MY_KEY={ID}"), "s", true, Some(NAMED_KEY)),
            (S3, ID, &format!("my-secret: {SECRET}"), true, Some(NAMED_SECRET)),
            (S3, ID, SECRET, false, None),
            (S3, &hex32, &hex64, true, None),
            (S3, "minioadmin", "minioadmin", true, None),
            (Blob, "photos2024", &account, false, None),
            (Gcs, "GOOG1EXAMPLE", SECRET, false, None),
            (Gcs, "a@p.iam", "-----BEGIN PRIVATE KEY-----", false, None),
        ] {
            assert_eq!(
                find(storage_type, Some(key), secret, has_endpoint),
                found,
                "{storage_type} {key} {secret}"
            );
        }
    }

    proptest! {
        #[test]
        fn right_values_pass(key in "AKIA[A-Z0-9]{16}", secret in "[A-Za-z0-9/+]{40}", text in any::<String>()) {
            prop_assert_eq!(find(StorageType::S3, Some(&key), &secret, false), None);
            for storage_type in [StorageType::S3, StorageType::Gcs, StorageType::Blob] {
                let _ = find(storage_type, Some(&text), &text, false);
            }
        }
    }
}
