//! `bucketry repo connect`: ready-to-paste settings for programs.

use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_model::secret::Secret;
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::repository_arguments::Tool;

/// Printed in place of a secret that isn't known. A secret is shown only once, when its key is created.
const UNKNOWN_SECRET: &str = "SECRET-OF-THE-KEY";

/// The region in printed settings. The gateway accepts any, and some programs need one.
pub(crate) const REGION: &str = "us-east-1";

/// What an application needs to connect to a repository.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    /// URL of the gateway.
    pub(crate) endpoint: String,
    /// Region to sign requests for; the gateway accepts any.
    pub(crate) region: &'static str,
    /// Access key id.
    pub(crate) key: String,
    /// Secret of the key, if it was just created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// Names of the buckets, as clients address them.
    pub(crate) buckets: Vec<String>,
}

impl Connection {
    /// The settings for a program, followed by a command or line to try.
    pub(crate) fn settings(&self, tool: Tool) -> String {
        let Self { endpoint, region, key, .. } = self;
        let secret = self.secret.as_deref().unwrap_or(UNKNOWN_SECRET);
        let bucket = self.buckets.first().map_or("BUCKET", String::as_str);
        match tool {
            Tool::Aws => format!(
                "export AWS_ENDPOINT_URL_S3={endpoint}\n\
                 export AWS_ACCESS_KEY_ID={key}\n\
                 export AWS_SECRET_ACCESS_KEY='{secret}'\n\
                 export AWS_DEFAULT_REGION={region}\n\
                 aws configure set default.s3.signature_version s3v4\n\
                 aws s3 ls s3://{bucket}"
            ),
            Tool::Boto3 => format!(
                "import boto3\n\
                 from botocore.config import Config\n\
                 s3 = boto3.client(\n    \"s3\",\n    endpoint_url=\"{endpoint}\",\n    region_name=\"{region}\",\n    \
                 aws_access_key_id=\"{key}\",\n    aws_secret_access_key=\"{secret}\",\n    \
                 config=Config(signature_version=\"s3v4\", s3={{\"addressing_style\": \"path\"}}),\n)\n\
                 print(s3.list_objects_v2(Bucket=\"{bucket}\"))"
            ),
            Tool::AwsSdkJs => format!(
                "import {{ ListObjectsV2Command, S3Client }} from \"@aws-sdk/client-s3\";\n\
                 const s3 = new S3Client({{\n  endpoint: \"{endpoint}\",\n  region: \"{region}\",\n  \
                 forcePathStyle: true,\n  credentials: {{ accessKeyId: \"{key}\", secretAccessKey: \"{secret}\" }},\n}});\n\
                 console.log(await s3.send(new ListObjectsV2Command({{ Bucket: \"{bucket}\" }})));"
            ),
            Tool::Rclone => format!(
                "# in ~/.config/rclone/rclone.conf; then: rclone ls bucketry:{bucket}\n\
                 [bucketry]\n\
                 type = s3\n\
                 provider = Other\n\
                 endpoint = {endpoint}\n\
                 access_key_id = {key}\n\
                 secret_access_key = {secret}\n\
                 region = {region}\n\
                 force_path_style = true"
            ),
            Tool::S5cmd => format!(
                "export S3_ENDPOINT_URL={endpoint}\n\
                 export AWS_ACCESS_KEY_ID={key}\n\
                 export AWS_SECRET_ACCESS_KEY='{secret}'\n\
                 export AWS_REGION={region}\n\
                 s5cmd ls s3://{bucket}"
            ),
        }
    }
}

/// The secret of a key that was just created.
pub(crate) fn new_secret(made: &RepoKeyMade) -> Result<&Secret> {
    made.secret.as_ref().ok_or_else(|| Failure::failed("the server returned no secret for the key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    fn connection(secret: Option<&str>) -> Connection {
        Connection {
            endpoint: "http://127.0.0.1:9000".to_owned(),
            region: "us-east-1",
            key: "BKTEXAMPLE".to_owned(),
            secret: secret.map(str::to_owned),
            buckets: vec!["photos".to_owned()],
        }
    }

    #[test]
    fn every_program_is_told_endpoint_key_secret_and_a_bucket() {
        for tool in Tool::value_variants() {
            let text = connection(Some("the-secret")).settings(*tool);
            for part in ["http://127.0.0.1:9000", "BKTEXAMPLE", "the-secret", "us-east-1", "photos"] {
                assert!(text.contains(part), "{tool:?} lacks {part}:\n{text}");
            }
        }
    }

    /// By default, they sign presigned URLs with version 2 in some regions, which the gateway refuses.
    #[test]
    fn programs_that_would_sign_with_version_2_are_told_to_use_version_4() {
        for tool in [Tool::Aws, Tool::Boto3] {
            let text = connection(None).settings(tool);
            assert!(text.contains("signature_version") && text.contains("s3v4"), "{tool:?}:\n{text}");
        }
    }

    #[test]
    fn a_secret_that_is_not_known_leaves_a_gap_to_fill() {
        for tool in Tool::value_variants() {
            assert!(connection(None).settings(*tool).contains(UNKNOWN_SECRET), "{tool:?}");
        }
    }
}
