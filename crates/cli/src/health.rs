//! `bucketry health`: for health checks that run a command, such as those of containers.

use bucketry_client::ClientError;
use serde_json::Value;

use crate::arguments::HealthOptions;
use crate::credentials;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;

/// Asks the server whether it is ready, or only whether it is alive. Sends no credentials.
pub(crate) async fn run(remote: &Remote, options: &HealthOptions) -> Result<()> {
    let client = credentials::client(remote, &credentials::url(remote)?, None)?;
    let (path, state) = if options.live { ("/health", "running") } else { ("/ready", "ready") };
    match client.get::<Value>(path).await {
        Ok(body) => {
            output::done(remote.json, &body, &format!("the server at {} is {state}", client.base_url()))
        }
        Err(ClientError::Refused(refusal)) => {
            let message = refusal.body.get("message").and_then(Value::as_str);
            let reason = message.unwrap_or("its answer doesn't say why");
            Err(Failure::failed(format!("the server at {} is not {state}: {reason}", client.base_url())))
        }
        Err(error) => Err(Failure::failed(format!("{error}: is `bucketry serve` running there?"))),
    }
}
