//! The Azure Blob server that all tests share.

use http::Method;

use crate::environment::variable;
use crate::{Call, Result};

/// The shared server and its account.
#[derive(Debug, Clone)]
pub struct Azure {
    /// The server's URL, without the account.
    pub endpoint: String,
    /// The name of the storage account.
    pub account: String,
    /// The account's key, in base64.
    pub key: String,
}

/// Returns the shared server.
///
/// # Errors
/// [`crate::Error::NoEnvironment`] outside `cargo xtask test`.
pub fn azure() -> Result<Azure> {
    Ok(Azure {
        endpoint: variable("BUCKETRY_TEST_AZURE_ENDPOINT")?,
        account: variable("BUCKETRY_TEST_AZURE_ACCOUNT")?,
        key: variable("BUCKETRY_TEST_AZURE_KEY")?,
    })
}

impl Azure {
    /// Creates a container that no other journey uses, with a shared access signature that permits it. Returns its
    /// name.
    pub async fn create_container(&self, sas: &str) -> Result<String> {
        let name = format!("journey-{}", std::process::id());
        let path = format!("/{}/{name}?restype=container&{sas}", self.account);
        let answer =
            Call::new(Method::PUT, &self.endpoint, &path).header("content-length", "0").send().await?;
        if answer.status == 201 { Ok(name) } else { Err(answer.unlike("status 201")) }
    }
}
