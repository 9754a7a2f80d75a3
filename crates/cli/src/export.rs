//! `bucketry export`: writes what is registered as a file for `bucketry apply`, without secrets.

use std::collections::HashMap;
use std::path::PathBuf;

use bucketry_client::ApiClient;
use bucketry_model::credential_kind::KeyForm;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::repository::Folder;
use clap::Args;

use crate::apply::current::{
    CurrentBucket, CurrentRepository, CurrentWorkspace, buckets_by_name, repositories_by_name,
};
use crate::completion::workspaces;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::registry_file::{
    FileAttachment, FileBucket, FileMember, FilePins, FileRepository, FileWorkspace, FileWriter, SecretSource,
};
use crate::remote::Remote;
use crate::workspace_choice::find_in;

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Export only this workspace (name or id), with its buckets and repositories
    #[arg(long, add = workspaces())]
    pub(crate) workspace: Option<String>,
    /// Also export the members of workspaces
    #[arg(long)]
    pub(crate) members: bool,
    /// Refer to secrets in files in this folder, instead of environment variables
    #[arg(long, value_name = "DIR")]
    pub(crate) secret_files: Option<PathBuf>,
}

/// Writes the file to standard output, page by page. Its end says that nothing is missing: if a page fails, it isn't written.
pub(crate) async fn run(remote: &Remote, options: ExportOptions) -> Result<()> {
    if remote.json {
        return Err(Failure::usage(
            "`bucketry export` writes YAML: leave out --json, or use `bucketry bucket list --json`",
        ));
    }
    let client = connect(remote).await?;
    let mut all = client.workspaces().await?;
    let only = match options.workspace.as_deref() {
        Some(name) => Some(find_in(&all, name)?.id),
        None => None,
    };
    all.retain(|entry| only.is_none_or(|id| id == entry.workspace.id));
    let mut found: Vec<CurrentWorkspace> = all.into_iter().map(CurrentWorkspace::from).collect();
    found.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    let scope = found.first().filter(|_| only.is_some()).map(|workspace| workspace.name.as_str());
    let mut export =
        Export { writer: FileWriter::new(scope), options, names: HashMap::new(), buckets: HashMap::new() };
    export.workspaces(&found);
    output::bytes(export.writer.take().as_bytes())?;
    export.buckets(&client, only).await?;
    export.repositories(&client, only).await?;
    export.writer.end();
    output::bytes(export.writer.take().as_bytes())
}

struct Export {
    writer: FileWriter,
    options: ExportOptions,
    /// Names of workspaces.
    names: HashMap<WorkspaceId, String>,
    /// Names of buckets.
    buckets: HashMap<BucketId, String>,
}

impl Export {
    fn workspaces(&mut self, all: &[CurrentWorkspace]) {
        for workspace in all {
            if all.iter().any(|other| {
                other.id != workspace.id && other.name.to_lowercase() == workspace.name.to_lowercase()
            }) {
                output::remark(&format!(
                    "several workspaces are named {:?}: rename all but one, because `bucketry apply` finds workspaces by name",
                    workspace.name
                ));
            }
            self.names.insert(workspace.id, workspace.name.clone());
            let member = |member: &crate::apply::current::CurrentMember| FileMember {
                user: member.email.clone(),
                role: member.role,
            };
            let members = self.options.members.then(|| workspace.members.iter().map(member).collect());
            self.writer.workspace(&FileWorkspace { line: 0, name: workspace.name.clone(), members });
        }
    }

    async fn buckets(&mut self, client: &ApiClient, only: Option<WorkspaceId>) -> Result<()> {
        let nodes = client.nodes().await?;
        let mut cursor = None;
        loop {
            let page = buckets_by_name(client, only, cursor.as_deref()).await?;
            for bucket in page.buckets.into_iter().map(|bucket| CurrentBucket::new(bucket, &nodes)) {
                self.writer.bucket(&self.file_bucket(&bucket));
                self.buckets.insert(bucket.id, bucket.name);
            }
            output::bytes(self.writer.take().as_bytes())?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn repositories(&mut self, client: &ApiClient, only: Option<WorkspaceId>) -> Result<()> {
        let mut cursor = None;
        loop {
            let page = repositories_by_name(client, only, cursor.as_deref()).await?;
            for repository in page.repos.into_iter().map(CurrentRepository::from) {
                self.writer.repository(&self.file_repository(&repository));
            }
            output::bytes(self.writer.take().as_bytes())?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn file_bucket(&self, bucket: &CurrentBucket) -> FileBucket {
        // That of a role is the organization's external id, which the server adds.
        let is_role = bucket.key.as_deref().is_some_and(|key| KeyForm::RoleArn.fits(key));
        let has_own = bucket.has_secret && !is_role;
        let secret = has_own.then(|| match &self.options.secret_files {
            Some(folder) => SecretSource::File(folder.join(reference(&bucket.name).to_ascii_lowercase())),
            None => SecretSource::Variable(format!("BUCKETRY_SECRET_{}", reference(&bucket.name))),
        });
        FileBucket {
            line: 0,
            name: bucket.name.clone(),
            workspace: self.names.get(&bucket.workspace_id).cloned(),
            bucket: Some(bucket.bucket.clone()),
            storage_type: Some(bucket.storage_type.into()),
            endpoint: bucket.endpoint.clone(),
            region: bucket.region.clone(),
            key: bucket.key.clone(),
            secret,
            read_only: false,
            pinned_to: Some(bucket.pinned_to.clone()).filter(|pins| *pins != FilePins::default()),
        }
    }

    fn file_repository(&self, repository: &CurrentRepository) -> FileRepository {
        let attachment = |attached: &crate::apply::current::CurrentAttachment| {
            Some(FileAttachment {
                // A bucket that was removed meanwhile has no name.
                bucket: self.buckets.get(&attached.id)?.clone(),
                folder: Folder::parse(&attached.folder).unwrap_or_default(),
                master: attached.master,
            })
        };
        FileRepository {
            line: 0,
            name: repository.name.clone(),
            workspace: self.names.get(&repository.workspace_id).cloned(),
            mode: Some(repository.mode),
            buckets: Some(repository.buckets.iter().filter_map(attachment).collect()),
        }
    }
}

/// The part of a reference that stands for a bucket: its name in capital letters, where a space becomes `_` and a hyphen
/// `__`. Of another name, the usable beginning and a hash of the whole. Names that differ have different references, as far
/// as 64 bits distinguish them, and the reference of a name never changes.
fn reference(name: &str) -> String {
    /// Longer names are shortened.
    const LONGEST: usize = 60;
    let folded = name.to_lowercase();
    let words = folded.split([' ', '-']);
    let is_plain = folded.len() <= LONGEST
        && words.clone().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()));
    if is_plain {
        return folded.replace('-', "__").replace(' ', "_").to_ascii_uppercase();
    }
    let bare: String =
        folded.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(LONGEST).collect();
    format!("{}_{:016X}", bare.to_ascii_uppercase(), fnv1a(folded.as_bytes()))
}

/// The FNV-1a hash: it only has to be the same in every version of this program.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reference_is_readable_and_stable() {
        assert_eq!(reference("Holiday photos"), "HOLIDAY_PHOTOS");
        assert_eq!(reference("photos-prod"), "PHOTOS__PROD");
        assert_eq!(reference("photos_prod"), format!("PHOTOS_PROD_{:016X}", fnv1a(b"photos_prod")));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c, "as the hash's authors publish it");
        let long = reference(&"é".repeat(255));
        assert!(long.len() < 100 && long.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{long}");
    }

    proptest! {
        #[test]
        fn different_names_have_different_references(one in "[a-c \\-_é]{1,6}", other in "[a-c \\-_é]{1,6}") {
            prop_assume!(one.to_lowercase() != other.to_lowercase());
            prop_assert_ne!(reference(&one), reference(&other));
        }
    }
}
