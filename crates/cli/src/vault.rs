//! `bucketry vault …`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use bucketry_api_types::vault::VaultRotation;
use bucketry_client::ApiClient;
use bucketry_vault::Identities;
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::VaultCommand;
use crate::credentials::connect;
use crate::data_directory::VAULT_KEY;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;

/// How often to poll for the progress.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Runs a command on the vault.
pub(crate) async fn run(remote: &Remote, command: VaultCommand) -> Result<()> {
    match command {
        VaultCommand::Rotate { no_wait } => {
            let client = connect(remote).await?;
            let started = client.rotate_vault().await?;
            if no_wait {
                return show(remote, started.as_ref());
            }
            let ended = wait(&client).await?;
            show(remote, Some(&ended))?;
            if ended.failed == 0 {
                return Ok(());
            }
            Err(Failure::failed(format!(
                "no node could open {} of the secrets, which were left unchanged: enter them again with `bucketry bucket update`. The old keys were retained.",
                ended.failed
            )))
        }
        VaultCommand::ExportRecipients { data_dir } => export_recipients(remote, &data_dir),
    }
}

/// Shows the progress until the rotation ends. Interrupting the command doesn't stop the rotation.
async fn wait(client: &ApiClient) -> Result<VaultRotation> {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    loop {
        let rotation = client
            .vault_rotation()
            .await?
            .ok_or_else(|| Failure::failed("the server reports no rotation"))?;
        bar.set_length(rotation.total);
        bar.set_position(rotation.done);
        bar.set_message(rotation.phase.as_str());
        if rotation.finished_at.is_some() {
            bar.finish_and_clear();
            return Ok(rotation);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn show(remote: &Remote, rotation: Option<&VaultRotation>) -> Result<()> {
    let Some(rotation) = rotation else { return output::line("no rotation is in progress") };
    if remote.json {
        return output::json(rotation);
    }
    let VaultRotation { phase, total, done, failed, .. } = rotation;
    output::line(&format!("{}: {done} of {total} processed, {failed} could not be opened", phase.as_str()))
}

fn export_recipients(remote: &Remote, data_dir: &Path) -> Result<()> {
    let path = data_dir.join(VAULT_KEY);
    if !path.exists() {
        return Err(Failure::failed(format!("there is no {}: is this the data directory?", path.display())));
    }
    let identities = Identities::load_or_create(&path)
        .map_err(|error| Failure::because("can't read the vault keys", &error))?;
    let recipients: Vec<String> = identities.recipients().iter().map(ToString::to_string).collect();
    if remote.json { output::json(&recipients) } else { output::line(&recipients.join("\n")) }
}
