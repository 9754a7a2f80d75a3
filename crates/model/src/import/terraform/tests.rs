//! Documents as Terraform 1.x writes them, shortened to the members that matter and some that must be skipped.

use proptest::prelude::*;

use super::*;

/// `terraform.tfstate`.
const STATE: &str = r#"{
  "version": 4,
  "terraform_version": "1.9.8",
  "serial": 7,
  "lineage": "3f2a",
  "outputs": { "secret": { "value": "hunter2", "type": "string", "sensitive": true } },
  "resources": [
    { "mode": "data", "type": "aws_s3_bucket", "name": "shared", "provider": "p", "instances": [{ "attributes": { "bucket": "shared" } }] },
    { "mode": "managed", "type": "aws_s3_bucket", "name": "photos", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
      "instances": [{ "schema_version": 0, "attributes": { "acl": null, "arn": "arn:aws:s3:::photos", "bucket": "photos",
        "region": "eu-central-1", "tags": { "name": "x" }, "versioning": [{ "enabled": false }] }, "sensitive_attributes": [] }] },
    { "module": "module.logs", "mode": "managed", "type": "aws_s3_bucket", "name": "logs", "provider": "p",
      "instances": [{ "index_key": "a", "attributes": { "bucket": "logs-a" } }, { "index_key": 1, "attributes": { "bucket": "logs-b" } }] },
    { "mode": "managed", "type": "google_storage_bucket", "name": "films", "provider": "p",
      "instances": [{ "attributes": { "name": "films", "location": "EU", "bucket": 3 } }] },
    { "mode": "managed", "type": "azurerm_storage_container", "name": "docs", "provider": "p",
      "instances": [{ "attributes": { "name": "docs", "storage_account_name": "acct" } }] },
    { "mode": "managed", "type": "azurerm_storage_container", "name": "new", "provider": "p",
      "instances": [{ "attributes": { "name": "new", "storage_account_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/other" } }] },
    { "mode": "managed", "type": "aws_iam_access_key", "name": "k", "instances": [{ "attributes": { "id": "AKID", "secret": "hunter2" } }] }
  ],
  "check_results": null
}"#;

/// `terraform show -json tfplan`.
const PLAN: &str = r#"{
  "format_version": "1.2", "terraform_version": "1.9.8", "variables": { "x": { "value": "hunter2" } },
  "planned_values": { "outputs": {}, "root_module": {
    "resources": [
      { "address": "aws_s3_bucket.photos", "mode": "managed", "type": "aws_s3_bucket", "name": "photos", "provider_name": "p",
        "schema_version": 0, "values": { "bucket": "photos", "force_destroy": false }, "sensitive_values": {} },
      { "address": "aws_s3_bucket.generated", "mode": "managed", "type": "aws_s3_bucket", "name": "generated",
        "values": { "bucket_prefix": "x-" } } ],
    "child_modules": [ { "address": "module.a", "resources": [],
      "child_modules": [ { "address": "module.a.module.b", "resources": [
        { "address": "module.a.module.b.google_storage_bucket.films[0]", "mode": "managed", "type": "google_storage_bucket",
          "name": "films", "index": 0, "values": { "name": "films", "location": "EU" } } ] } ] } ] } },
  "resource_changes": [ { "address": "aws_s3_bucket.photos", "change": { "actions": ["create"], "after": { "bucket": "photos" } } } ],
  "prior_state": { "format_version": "1.0", "values": { "root_module": { "resources": [
      { "address": "aws_s3_bucket.old", "mode": "managed", "type": "aws_s3_bucket", "values": { "bucket": "old" } } ] } } },
  "configuration": { "root_module": { "resources": [ { "type": "aws_s3_bucket", "expressions": {} } ] } }
}"#;

/// `terraform show -json`.
const SHOWN: &str = r#"{ "format_version": "1.0", "terraform_version": "1.9.8", "values": { "root_module": { "resources": [
    { "address": "azurerm_storage_container.docs", "mode": "managed", "type": "azurerm_storage_container", "name": "docs",
      "values": { "name": "docs", "storage_account_name": "acct", "id": "https://acct.blob.core.windows.net/docs" } } ] } } }"#;

fn shown(text: &str) -> Result<Vec<String>, TerraformError> {
    let mut all = Vec::new();
    read(text.as_bytes(), &mut |entry| {
        all.push(match entry {
            ImportEntry::Bucket(bucket) => {
                let fields = &bucket.fields;
                let parts = [&fields.bucket, &fields.key, &fields.region]
                    .map(|text| text.clone().unwrap_or_default());
                let kind = fields.storage_type.map(|known| known.to_string()).unwrap_or_default();
                format!("{}|{kind}|{}|{}", bucket.name, parts.join("|"), bucket.origin)
            }
            ImportEntry::LeftOut(why) => format!("- {why}"),
            ImportEntry::Wrong(why) => format!("! {why}"),
        });
        true
    })?;
    Ok(all)
}

#[test]
fn the_buckets_of_a_state_file_are_read() {
    assert_eq!(
        shown(STATE).unwrap(),
        [
            "photos|S3|photos||eu-central-1|aws_s3_bucket.photos",
            "logs-a|S3|logs-a|||module.logs.aws_s3_bucket.logs[\"a\"]",
            "logs-b|S3|logs-b|||module.logs.aws_s3_bucket.logs[1]",
            "films|GCS|films|||google_storage_bucket.films",
            "docs|BLOB|docs|acct||azurerm_storage_container.docs",
            "new|BLOB|new|other||azurerm_storage_container.new",
        ]
    );
}

#[test]
fn a_plan_has_the_buckets_that_it_leads_to_and_a_shown_state_has_its_own() {
    assert_eq!(
        shown(PLAN).unwrap(),
        [
            "photos|S3|photos|||aws_s3_bucket.photos",
            "- aws_s3_bucket.generated has no name yet: apply the plan first",
            "films|GCS|films|||module.a.module.b.google_storage_bucket.films[0]",
        ]
    );
    assert_eq!(shown(SHOWN).unwrap(), ["docs|BLOB|docs|acct||azurerm_storage_container.docs"]);
    let empty = r#"{"format_version":"1.0"}"#;
    assert_eq!(shown(empty), Err(TerraformError::NotTerraform));
    let empty = r#"{"format_version":"1.0","terraform_version":"1.9.8"}"#;
    assert_eq!(shown(empty), Ok(Vec::new()), "as an empty state is shown");
}

#[test]
fn what_is_no_state_or_plan_says_why_and_repeats_nothing() {
    for (text, error) in [
        ("{}", TerraformError::NotTerraform),
        ("[1]", TerraformError::NotTerraform),
        ("\"hunter2\"", TerraformError::NotTerraform),
        (r#"{"version":3,"modules":[]}"#, TerraformError::StateVersion(3)),
        (r#"{"format_version":"2.0","values":{}}"#, TerraformError::FormatVersion),
        (r#"{"version":4,"resources":"hunter2"}"#, TerraformError::NotTerraform),
        ("{\"version\":4,\n\"resources\":[", TerraformError::Json { line: 2, column: 13 }),
        ("{\"version\":4,\nhunter2", TerraformError::Json { line: 2, column: 1 }),
    ] {
        let found = shown(text).unwrap_err();
        assert_eq!(found, error, "{text}");
        assert!(!found.to_string().contains("hunter2"));
    }
}

#[test]
fn a_caller_that_stops_gets_no_error() {
    let mut count = 0;
    let stopped = read(STATE.as_bytes(), &mut |_| {
        count += 1;
        false
    });
    assert_eq!((stopped, count), (Ok(()), 1));
}

proptest! {
    #[test]
    fn a_damaged_document_breaks_nothing(cut in 0..STATE.len(), text in "[\\[\\]{}\":,a-z0-9]{0,8}") {
        if STATE.is_char_boundary(cut) {
            let _ = shown(&STATE[..cut]);
            let _ = shown(&format!("{}{text}{}", &STATE[..cut], &STATE[cut..]));
        }
    }
}
