//! `bucketry apply`: makes the deployment match a file.

mod bucket_difference;
pub(crate) mod current;
mod execute;
mod field_difference;
mod plan;
mod report;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bucketry_client::ApiClient;
use bucketry_model::id::UserId;
use bucketry_model::paste::pasted_text;
use clap::Args;

use self::current::CurrentState;
use self::execute::Executor;
pub(crate) use self::execute::{FILE_FIELDS, in_file_terms};
use self::plan::{ChangeAction, ChangeVerb, PlanRules, PlannedChange, plan};
use crate::completion::workspaces;
use crate::confirmation::Confirmation;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::registry_file::{FileBucket, MAX_FILE_BYTES, RegistryFile, decode_file};
use crate::remote::Remote;
use crate::secret_source::SecretReader;
use crate::workspace_choice::chosen_workspace;

#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    /// File to apply (YAML), or `-` for standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what differs from the file, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete what the file's lists don't contain; a list that the file doesn't have deletes nothing
    #[arg(long)]
    pub(crate) prune: bool,
    /// Also send the secrets of registered buckets: use it after you have replaced them at the provider
    #[arg(long)]
    pub(crate) update_secrets: bool,
    /// Store buckets without validating them
    #[arg(long)]
    pub(crate) skip_validation: bool,
    /// Workspace (name or id) of new buckets and repositories for which the file names none
    #[arg(long, add = workspaces())]
    pub(crate) workspace: Option<String>,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
}

/// Shows what differs, and makes the changes.
pub(crate) async fn run(remote: &Remote, options: ApplyOptions) -> Result<()> {
    let file = read(&options.file)?;
    let client = connect(remote).await?;
    let current = CurrentState::read(&client).await?;
    let users = users(&client, &file).await?;
    let rules = PlanRules { prune: options.prune, update_secrets: options.update_secrets };
    let changes = plan(&file, &current, &users, rules)
        .map_err(|problems| Failure::usage(format!("{}: {problems}", options.file.display())))?;
    let secrets = SecretReader::beside(&options.file);
    let missing = missing_secrets(&changes, &secrets);
    if options.dry_run || changes.is_empty() {
        for missing in &missing {
            output::remark(missing);
        }
        return report::planned(remote, &options.file, &changes);
    }
    if !missing.is_empty() {
        return Err(Failure::usage(format!("nothing was changed: {}", missing.join("\n  "))));
    }
    let mut default = None;
    if needs_default(&changes) {
        let given = options.workspace.as_deref();
        default =
            Some(chosen_workspace(remote, &client, given, "with --workspace NAME, or in the file").await?);
    }
    if !remote.json {
        report::differences(&changes)?;
    }
    confirm(&changes, options.confirmation)?;
    let executor = Executor::new(client, &current, secrets, default, options.skip_validation);
    let outcomes = executor.run(&changes).await;
    report::executed(remote, &changes, &outcomes)
}

/// Reads the file, and reports everything that is wrong with it.
fn read(path: &Path) -> Result<RegistryFile> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let shown = path.display();
    read.map_err(|error| Failure::usage(format!("can't read {shown}: {error}")))?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Failure::usage(format!(
            "{shown} is longer than {} MiB: divide it",
            MAX_FILE_BYTES >> 20
        )));
    }
    let text =
        pasted_text::decode(&bytes).map_err(|_| Failure::usage(format!("{shown} is not a text file")))?;
    decode_file(&text).map_err(|problems| Failure::usage(format!("{shown}: {problems}")))
}

/// The users by e-mail address, if the file names any.
async fn users(client: &ApiClient, file: &RegistryFile) -> Result<HashMap<String, UserId>> {
    let has_members =
        file.workspaces.iter().flatten().any(|one| one.members.as_ref().is_some_and(|all| !all.is_empty()));
    if !has_members {
        return Ok(HashMap::new());
    }
    let all = client.org_users().await?;
    Ok(all.into_iter().map(|user| (user.email.to_lowercase(), user.id)).collect())
}

/// Whether something new has no workspace in the file.
fn needs_default(changes: &[PlannedChange]) -> bool {
    changes.iter().any(|change| match &change.action {
        ChangeAction::CreateBucket(bucket) => bucket.workspace.is_none(),
        ChangeAction::CreateRepository(repository) => repository.workspace.is_none(),
        _ => false,
    })
}

/// The bucket of a change that sends its secret.
fn bucket_of(change: &PlannedChange) -> Option<&FileBucket> {
    match &change.action {
        ChangeAction::CreateBucket(bucket) | ChangeAction::UpdateBucket(_, bucket) => Some(bucket),
        _ => None,
    }
}

/// A line for each secret that is needed and can't be read.
fn missing_secrets(changes: &[PlannedChange], secrets: &SecretReader) -> Vec<String> {
    let needed =
        changes.iter().filter_map(bucket_of).filter_map(|bucket| Some((bucket, bucket.secret.as_ref()?)));
    let failed = needed.filter_map(|(bucket, source)| Some((bucket, secrets.read(source).err()?)));
    failed
        .map(|(bucket, failure)| format!("line {}: {}: {}", bucket.line, bucket.name, failure.message()))
        .collect()
}

fn confirm(changes: &[PlannedChange], confirmation: Confirmation) -> Result<()> {
    let deleted = changes.iter().filter(|change| change.verb == ChangeVerb::Delete).count();
    if deleted == 0 {
        return Ok(());
    }
    confirmation.ask(&format!(
        "Delete {deleted} of these? The stored secrets of buckets are destroyed, which can't be undone. Objects at the \
         providers are not touched."
    ))
}
