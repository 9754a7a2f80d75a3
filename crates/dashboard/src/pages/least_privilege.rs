//! The least permissions that a key needs, filled in with the bucket: a policy or commands to copy.

use bucketry_model::bucket::StorageType;
use bucketry_model::provider::Provider;
use jiff::{SignedDuration, Timestamp};

use super::bucket_form::BucketValues;
use super::providers::ProviderCard;

/// A text to copy to the provider.
pub(super) struct LeastPrivilege {
    /// What it is.
    pub(super) label: &'static str,
    pub(super) text: String,
}

/// Stands for what isn't entered yet.
const BUCKET: &str = "BUCKET";
const ACCOUNT: &str = "ACCOUNT";

/// What to grant at the provider. `None` where its console asks for no text.
///
/// What ends ends a year from `now`.
pub(super) fn least_privilege(
    card: &ProviderCard,
    values: &BucketValues,
    now: Timestamp,
) -> Option<LeastPrivilege> {
    let read_only = values.is_read_only;
    let bucket = usable(&values.bucket).unwrap_or(BUCKET);
    let account = usable(&values.key).unwrap_or(ACCOUNT);
    let (label, text) = match (card.storage_type, card.provider) {
        (StorageType::S3, Provider::Aws | Provider::Minio | Provider::Wasabi) => {
            ("Policy for the key", policy(bucket, read_only))
        }
        (StorageType::S3, Provider::Ovh | Provider::Ceph | Provider::Other) => {
            ("Policy for the key, where the provider takes one", policy(bucket, read_only))
        }
        (StorageType::S3, Provider::Backblaze) => {
            let writing = if read_only { "" } else { ",writeFiles,deleteFiles" };
            let text =
                format!("b2 key create --bucket {bucket} bucketry-{bucket} listFiles,readFiles{writing}");
            ("Command that makes the key", text)
        }
        (StorageType::Gcs, _) => {
            let role = if read_only { "objectViewer" } else { "objectUser" };
            let member = usable(&values.key).filter(|key| key.contains('@')).unwrap_or("EMAIL");
            let text = format!(
                "gcloud storage buckets add-iam-policy-binding gs://{bucket} \\\n  --member serviceAccount:{member} \\\n  \
                 --role roles/storage.{role}"
            );
            ("Command that grants the role", text)
        }
        (StorageType::Blob, _) => {
            let permissions = if read_only { "rl" } else { "rwdlc" };
            let text = format!(
                "az storage container generate-sas --name {bucket} \\\n  --account-name {account} --permissions \
                 {permissions} \\\n  --expiry {}T00:00Z --https-only --output tsv",
                now.checked_add(SignedDuration::from_hours(24 * 365)).unwrap_or(now).strftime("%Y-%m-%d")
            );
            ("Command that makes a SAS", text)
        }
        _ => return None,
    };
    Some(LeastPrivilege { label, text })
}

/// A name that means the same in JSON, in a shell and in an ARN.
fn usable(name: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._@".contains(c);
    (!name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)).then_some(name)
}

fn policy(bucket: &str, read_only: bool) -> String {
    let (of_bucket, of_objects) = if read_only {
        (r#""s3:ListBucket", "s3:GetBucketLocation""#, r#""s3:GetObject""#)
    } else {
        (
            r#""s3:ListBucket", "s3:GetBucketLocation",
                 "s3:ListBucketMultipartUploads""#,
            r#""s3:GetObject", "s3:PutObject", "s3:DeleteObject",
                 "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts""#,
        )
    };
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "Allow",
      "Action": [{of_bucket}],
      "Resource": "arn:aws:s3:::{bucket}"
    }},
    {{
      "Effect": "Allow",
      "Action": [{of_objects}],
      "Resource": "arn:aws:s3:::{bucket}/*"
    }}
  ]
}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::super::providers::{CARDS, card_of};
    use super::*;

    fn of(card: &str, bucket: &str, is_read_only: bool) -> String {
        let values = BucketValues { bucket: bucket.to_owned(), is_read_only, ..BucketValues::default() };
        least_privilege(card_of(card), &values, Timestamp::UNIX_EPOCH)
            .map(|least| least.text)
            .unwrap_or_default()
    }

    #[test]
    fn the_policy_is_json_with_the_name_of_the_bucket() {
        for is_read_only in [false, true] {
            let text = of("aws", "photos", is_read_only);
            let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(policy["Statement"][1]["Resource"], "arn:aws:s3:::photos/*");
            assert_eq!(text.contains("PutObject"), !is_read_only);
        }
    }

    #[test]
    fn a_name_that_a_shell_or_json_would_take_apart_is_left_out() {
        for name in ["", "a b", "$(reboot)", "a\"b", "-rf", "a;b", "a/b"] {
            for card in &CARDS {
                let text = of(card.id, name, false);
                assert!(text.is_empty() || text.contains(BUCKET), "{}: {text}", card.id);
                assert!(name.is_empty() || !text.contains(name), "{}: {text}", card.id);
            }
        }
        let azure = of("azure", "photos", true);
        assert!(azure.contains("--name photos") && azure.contains("--expiry 1971-01-01T00:00Z"), "{azure}");
    }
}
