//! The Azure Blob server that all tests share.

use http::Method;

use crate::environment::variable;
use crate::{Call, Result};

/// The shared server and its account.
#[derive(Debug, Clone)]
pub struct Azure {
    /// Where requests go, without the account.
    pub endpoint: String,
    /// The account.
    pub account: String,
    /// Its key.
    pub key: String,
}

/// The shared server.
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
    /// Makes a container that no other journey uses, by way of a shared access signature that may, and answers its
    /// name.
    pub async fn create_container(&self, sas: &str) -> Result<String> {
        let name = format!("journey-{}", std::process::id());
        let path = format!("/{}/{name}?restype=container&{sas}", self.account);
        let answer =
            Call::new(Method::PUT, &self.endpoint, &path).header("content-length", "0").send().await?;
        if answer.status == 201 { Ok(name) } else { Err(answer.unlike("status 201")) }
    }
}
