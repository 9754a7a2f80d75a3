//! Ready-to-paste settings with which S3 clients reach a repository through a gateway. `bucketry repo connect` and the
//! dashboard show the same texts.

/// In place of a secret that isn't known. A secret is shown only once, when its key is created.
pub const UNKNOWN_SECRET: &str = "SECRET-OF-THE-KEY";
/// In place of a key, where none is known.
pub const UNKNOWN_KEY: &str = "ACCESS-KEY-ID";
/// The region in settings. The gateway accepts any, and some programs need one.
pub const REGION: &str = "us-east-1";

/// What a client needs to reach a repository.
#[derive(Clone, Copy)]
pub struct RepositoryConnection<'a> {
    /// URL of the gateway.
    pub endpoint: &'a str,
    /// Access key id.
    pub key: &'a str,
    /// Secret of the key, if it was just created.
    pub secret: Option<&'a str>,
    /// Name of a bucket, as clients address it. `None` if the repository has none yet.
    pub bucket: Option<&'a str>,
}

/// A program that there are settings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTool {
    /// AWS command line.
    Aws,
    /// boto3 (Python).
    Boto3,
    /// `@aws-sdk/client-s3` (JavaScript).
    AwsSdkJs,
    /// rclone.
    Rclone,
    /// s5cmd.
    S5cmd,
}

impl ClientTool {
    /// All programs.
    pub const ALL: [Self; 5] = [Self::Aws, Self::Boto3, Self::AwsSdkJs, Self::Rclone, Self::S5cmd];

    /// The settings, followed by a command or line to try.
    pub fn settings(self, connection: &RepositoryConnection<'_>) -> String {
        let RepositoryConnection { endpoint, key, .. } = connection;
        let region = REGION;
        let secret = connection.secret.unwrap_or(UNKNOWN_SECRET);
        let bucket = connection.bucket.unwrap_or("BUCKET");
        match self {
            Self::Aws => format!(
                "export AWS_ENDPOINT_URL_S3={endpoint}\n\
                 export AWS_ACCESS_KEY_ID={key}\n\
                 export AWS_SECRET_ACCESS_KEY='{secret}'\n\
                 export AWS_DEFAULT_REGION={region}\n\
                 aws configure set default.s3.signature_version s3v4\n\
                 aws s3 ls s3://{bucket}"
            ),
            Self::Boto3 => format!(
                "import boto3\n\
                 from botocore.config import Config\n\
                 s3 = boto3.client(\n    \"s3\",\n    endpoint_url=\"{endpoint}\",\n    region_name=\"{region}\",\n    \
                 aws_access_key_id=\"{key}\",\n    aws_secret_access_key=\"{secret}\",\n    \
                 config=Config(signature_version=\"s3v4\", s3={{\"addressing_style\": \"path\"}}),\n)\n\
                 print(s3.list_objects_v2(Bucket=\"{bucket}\"))"
            ),
            Self::AwsSdkJs => format!(
                "import {{ ListObjectsV2Command, S3Client }} from \"@aws-sdk/client-s3\";\n\
                 const s3 = new S3Client({{\n  endpoint: \"{endpoint}\",\n  region: \"{region}\",\n  \
                 forcePathStyle: true,\n  credentials: {{ accessKeyId: \"{key}\", secretAccessKey: \"{secret}\" }},\n}});\n\
                 console.log(await s3.send(new ListObjectsV2Command({{ Bucket: \"{bucket}\" }})));"
            ),
            Self::Rclone => format!(
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
            Self::S5cmd => format!(
                "export S3_ENDPOINT_URL={endpoint}\n\
                 export AWS_ACCESS_KEY_ID={key}\n\
                 export AWS_SECRET_ACCESS_KEY='{secret}'\n\
                 export AWS_REGION={region}\n\
                 s5cmd ls s3://{bucket}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(secret: Option<&str>) -> RepositoryConnection<'_> {
        RepositoryConnection {
            endpoint: "http://127.0.0.1:9000",
            key: "BKTEXAMPLE",
            secret,
            bucket: Some("photos"),
        }
    }

    #[test]
    fn every_program_is_told_endpoint_key_secret_and_a_bucket() {
        for tool in ClientTool::ALL {
            let text = tool.settings(&connection(Some("the-secret")));
            for part in ["http://127.0.0.1:9000", "BKTEXAMPLE", "the-secret", "us-east-1", "photos"] {
                assert!(text.contains(part), "{tool:?} lacks {part}:\n{text}");
            }
        }
    }

    /// By default, they sign presigned URLs with version 2 in some regions, which the gateway refuses.
    #[test]
    fn programs_that_would_sign_with_version_2_are_told_to_use_version_4() {
        for tool in [ClientTool::Aws, ClientTool::Boto3] {
            let text = tool.settings(&connection(None));
            assert!(text.contains("signature_version") && text.contains("s3v4"), "{tool:?}:\n{text}");
        }
    }

    #[test]
    fn a_secret_that_is_not_known_leaves_a_gap_to_fill() {
        for tool in ClientTool::ALL {
            assert!(tool.settings(&connection(None)).contains(UNKNOWN_SECRET), "{tool:?}");
        }
    }
}
