//! `bucketry repo connect`: ready-to-paste settings for programs.

use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_model::client_settings::{ClientTool, RepositoryConnection};
use bucketry_model::secret::Secret;
use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::repository_arguments::Tool;

pub(crate) use bucketry_model::client_settings::REGION;

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
        ClientTool::from(tool).settings(&RepositoryConnection {
            endpoint: &self.endpoint,
            key: &self.key,
            secret: self.secret.as_deref(),
            bucket: self.buckets.first().map(String::as_str),
        })
    }
}

impl From<Tool> for ClientTool {
    fn from(tool: Tool) -> Self {
        match tool {
            Tool::Aws => Self::Aws,
            Tool::Boto3 => Self::Boto3,
            Tool::AwsSdkJs => Self::AwsSdkJs,
            Tool::Rclone => Self::Rclone,
            Tool::S5cmd => Self::S5cmd,
        }
    }
}

/// The secret of a key that was just created.
pub(crate) fn new_secret(made: &RepoKeyMade) -> Result<&Secret> {
    made.secret.as_ref().ok_or_else(|| Failure::failed("the server returned no secret for the key"))
}
