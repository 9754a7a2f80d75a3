//! What has to change so that the deployment matches the file. A pure function of both.

use std::collections::{HashMap, HashSet};

use bucketry_model::id::{BucketId, RepoId, UserId, WorkspaceId};
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::WorkspaceRole;

use super::bucket_difference::{bucket_difference, source_text};
use super::current::{CurrentBucket, CurrentRepository, CurrentState, CurrentWorkspace};
use super::field_difference::FieldDifference;
use crate::registry_file::{
    FileAttachment, FileBucket, FilePins, FileProblems, FileRepository, FileWorkspace, RegistryFile,
};

/// What a plan may do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlanRules {
    /// Delete what the lists of the file don't contain.
    pub(crate) prune: bool,
    /// Send the secrets of registered buckets, too.
    pub(crate) update_secrets: bool,
}

/// A change to make.
#[derive(Debug)]
pub(crate) struct PlannedChange {
    pub(crate) verb: ChangeVerb,
    pub(crate) kind: &'static str,
    /// The name of what changes.
    pub(crate) name: String,
    pub(crate) fields: Vec<FieldDifference>,
    pub(crate) action: ChangeAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeVerb {
    Create,
    Update,
    Delete,
}

/// The calls that make a change.
#[derive(Debug)]
pub(crate) enum ChangeAction {
    CreateWorkspace,
    AddMember { workspace: String, user: UserId, role: WorkspaceRole },
    ChangeMember { workspace: WorkspaceId, user: UserId, role: WorkspaceRole },
    RemoveMember { workspace: WorkspaceId, user: UserId },
    DeleteWorkspace(WorkspaceId),
    CreateBucket(Box<FileBucket>),
    UpdateBucket(BucketId, Box<FileBucket>),
    DeleteBucket(BucketId),
    CreateRepository(Box<FileRepository>),
    UpdateRepository(RepoId, Box<FileRepository>),
    DeleteRepository(RepoId),
}

/// Plans the changes, in the order in which they can be made.
pub(crate) fn plan(
    file: &RegistryFile,
    current: &CurrentState,
    users: &HashMap<String, UserId>,
    rules: PlanRules,
) -> Result<Vec<PlannedChange>, FileProblems> {
    let mut planner = Planner {
        file,
        current,
        users,
        rules,
        workspaces: HashMap::new(),
        workspace_names: current.workspace_names(),
        problems: FileProblems::default(),
        changes: Vec::new(),
    };
    for workspace in &current.workspaces {
        planner.workspaces.entry(workspace.name.to_lowercase()).or_default().push(workspace);
    }
    if let Some(scope) = &file.scope {
        planner.known_workspace(scope.line, "scope", Some(&scope.name));
    }
    planner.workspaces();
    planner.buckets();
    planner.repositories();
    if rules.prune {
        planner.prune();
    }
    planner.problems.none_or(planner.changes)
}

struct Planner<'p> {
    file: &'p RegistryFile,
    current: &'p CurrentState,
    /// By e-mail address in lower case.
    users: &'p HashMap<String, UserId>,
    rules: PlanRules,
    /// By name in lower case. Names of workspaces are not unique.
    workspaces: HashMap<String, Vec<&'p CurrentWorkspace>>,
    workspace_names: HashMap<WorkspaceId, &'p str>,
    problems: FileProblems,
    changes: Vec<PlannedChange>,
}

impl Planner<'_> {
    fn workspaces(&mut self) {
        for (index, wanted) in self.file.workspaces.iter().flatten().enumerate() {
            let found = self.workspaces.get(&wanted.name.to_lowercase());
            let existing = match found.map(Vec::as_slice) {
                None | Some([]) => None,
                Some([one]) => Some(*one),
                Some(_) => {
                    let message =
                        format!("names several workspaces {:?}: rename the others first", wanted.name);
                    self.problems.add(wanted.line, &format!("workspaces[{index}].name"), message);
                    continue;
                }
            };
            if existing.is_none() {
                self.change(
                    ChangeVerb::Create,
                    "workspace",
                    &wanted.name,
                    Vec::new(),
                    ChangeAction::CreateWorkspace,
                );
            }
            self.members(index, wanted, existing);
        }
    }

    fn members(&mut self, index: usize, wanted: &FileWorkspace, existing: Option<&CurrentWorkspace>) {
        for (position, member) in wanted.members.iter().flatten().enumerate() {
            let email = member.user.to_lowercase();
            let Some(user) = self.users.get(&email).copied() else {
                let message = "is no user of the organization: add the user with `bucketry user add`";
                let path = format!("workspaces[{index}].members[{position}].user");
                self.problems.add(wanted.line, &path, message);
                continue;
            };
            let known = existing.and_then(|workspace| {
                workspace
                    .members
                    .iter()
                    .find(|known| known.id == user)
                    .map(|known| (workspace.id, known.role))
            });
            let name = format!("{} in {}", member.user, wanted.name);
            let role = Some(member.role.as_str());
            match known {
                Some((_, known)) if known == member.role => {}
                Some((workspace, known)) => {
                    let fields = vec![FieldDifference::new("role", Some(known.as_str()), role)];
                    let action = ChangeAction::ChangeMember { workspace, user, role: member.role };
                    self.change(ChangeVerb::Update, "member", &name, fields, action);
                }
                None => {
                    let fields = vec![FieldDifference::new("role", None, role)];
                    let action =
                        ChangeAction::AddMember { workspace: wanted.name.clone(), user, role: member.role };
                    self.change(ChangeVerb::Create, "member", &name, fields, action);
                }
            }
        }
    }

    fn buckets(&mut self) {
        let current: HashMap<String, &CurrentBucket> =
            self.current.buckets.iter().map(|bucket| (bucket.name.to_lowercase(), bucket)).collect();
        for (index, wanted) in self.file.buckets.iter().flatten().enumerate() {
            let path = format!("buckets[{index}]");
            self.known_workspace(wanted.line, &format!("{path}.workspace"), wanted.workspace.as_deref());
            match current.get(&wanted.name.to_lowercase()) {
                Some(existing) => self.update_bucket(wanted, existing),
                None => self.create_bucket(wanted, &path),
            }
        }
    }

    fn create_bucket(&mut self, wanted: &FileBucket, path: &str) {
        if wanted.bucket.is_none() {
            self.problems.add(wanted.line, path, "lacks the key bucket, which a new bucket needs");
        }
        let secret = wanted.secret.as_ref().map(source_text);
        let pins = wanted.pinned_to.as_ref().map(FilePins::text).filter(|text| !text.is_empty());
        let values = [
            ("workspace", wanted.workspace.as_deref()),
            ("bucket", wanted.bucket.as_deref()),
            ("type", wanted.storage_type.map(bucketry_model::storage_name::StorageName::as_str)),
            ("endpoint", wanted.endpoint.as_deref()),
            ("region", wanted.region.as_deref()),
            ("key", wanted.key.as_deref()),
            ("secret", secret.as_deref()),
            ("pinnedTo", pins.as_deref()),
        ];
        let fields = new_fields(&values);
        let action = ChangeAction::CreateBucket(Box::new(wanted.clone()));
        self.change(ChangeVerb::Create, "bucket", &wanted.name, fields, action);
    }

    fn update_bucket(&mut self, wanted: &FileBucket, existing: &CurrentBucket) {
        let workspace = self.workspace_names.get(&existing.workspace_id).copied().unwrap_or_default();
        let difference = bucket_difference(wanted, existing, workspace, self.rules.update_secrets);
        if let Some(difference) = difference {
            let action = ChangeAction::UpdateBucket(existing.id, Box::new(difference.change));
            self.change(ChangeVerb::Update, "bucket", &existing.name, difference.fields, action);
        }
    }

    fn repositories(&mut self) {
        let current: HashMap<String, &CurrentRepository> =
            self.current.repositories.iter().map(|repo| (repo.name.to_lowercase(), repo)).collect();
        let names: HashMap<BucketId, &str> =
            self.current.buckets.iter().map(|bucket| (bucket.id, bucket.name.as_str())).collect();
        let mut known: HashSet<String> = names.values().map(|name| name.to_lowercase()).collect();
        known.extend(self.file.buckets.iter().flatten().map(|bucket| bucket.name.to_lowercase()));
        for (index, wanted) in self.file.repositories.iter().flatten().enumerate() {
            let path = format!("repositories[{index}]");
            self.known_workspace(wanted.line, &format!("{path}.workspace"), wanted.workspace.as_deref());
            for (position, attached) in wanted.buckets.iter().flatten().enumerate() {
                if !known.contains(&attached.bucket.to_lowercase()) {
                    let message = "is neither in the list `buckets` nor registered";
                    self.problems.add(wanted.line, &format!("{path}.buckets[{position}].bucket"), message);
                }
            }
            match current.get(&wanted.name.to_lowercase()) {
                Some(existing) => self.update_repository(wanted, existing, &names),
                None => self.create_repository(wanted),
            }
        }
    }

    fn create_repository(&mut self, wanted: &FileRepository) {
        let mode = wanted.mode.unwrap_or(RepositoryMode::Normal);
        let buckets = attachments_text(wanted.buckets.iter().flatten());
        let values = [
            ("workspace", wanted.workspace.as_deref()),
            ("mode", Some(mode.as_str())),
            ("buckets", Some(buckets.as_str())),
        ];
        let action = ChangeAction::CreateRepository(Box::new(wanted.clone()));
        self.change(ChangeVerb::Create, "repository", &wanted.name, new_fields(&values), action);
    }

    fn update_repository(
        &mut self,
        wanted: &FileRepository,
        existing: &CurrentRepository,
        names: &HashMap<BucketId, &str>,
    ) {
        let mut change = FileRepository {
            name: existing.name.clone(),
            workspace: None,
            mode: None,
            buckets: None,
            ..*wanted
        };
        let mut fields = Vec::new();
        if wanted.name != existing.name {
            fields.push(FieldDifference::new("name", Some(&existing.name), Some(&wanted.name)));
            change.name.clone_from(&wanted.name);
        }
        let workspace = self.workspace_names.get(&existing.workspace_id).copied().unwrap_or_default();
        if let Some(name) =
            wanted.workspace.as_deref().filter(|name| name.to_lowercase() != workspace.to_lowercase())
        {
            fields.push(FieldDifference::new("workspace", Some(workspace), Some(name)));
            change.workspace.clone_from(&wanted.workspace);
        }
        if let Some(mode) = wanted.mode.filter(|mode| *mode != existing.mode) {
            fields.push(FieldDifference::new("mode", Some(existing.mode.as_str()), Some(mode.as_str())));
            change.mode = Some(mode);
        }
        if let Some(attached) = &wanted.buckets {
            let stored = stored_attachments(existing, names);
            if !are_same(attached, &stored) {
                let (from, to) = (attachments_text(stored.iter()), attachments_text(attached.iter()));
                fields.push(FieldDifference::new("buckets", Some(&from), Some(&to)));
                change.buckets = Some(attached.clone());
            }
        }
        if !fields.is_empty() {
            let action = ChangeAction::UpdateRepository(existing.id, Box::new(change));
            self.change(ChangeVerb::Update, "repository", &existing.name, fields, action);
        }
    }

    /// Deletes what a list of the file doesn't contain, as far as the file has that list, and only in its scope.
    fn prune(&mut self) {
        let file = self.file;
        let scope = file.scope.as_ref().map(|scope| scope.name.to_lowercase());
        let names = self.workspace_names.clone();
        let is_in_scope = |workspace: WorkspaceId| {
            let name = names.get(&workspace).copied().unwrap_or_default();
            scope.as_ref().is_none_or(|scope| name.to_lowercase() == *scope)
        };
        if let Some(list) = &file.repositories {
            let names: HashSet<String> = list.iter().map(|one| one.name.to_lowercase()).collect();
            let current = self.current.repositories.iter().filter(|one| is_in_scope(one.workspace_id));
            for repo in current.filter(|one| !names.contains(&one.name.to_lowercase())) {
                self.delete("repository", &repo.name, ChangeAction::DeleteRepository(repo.id));
            }
        }
        if let Some(list) = &file.buckets {
            let names: HashSet<String> = list.iter().map(|one| one.name.to_lowercase()).collect();
            let current = self.current.buckets.iter().filter(|one| is_in_scope(one.workspace_id));
            for bucket in current.filter(|one| !names.contains(&one.name.to_lowercase())) {
                self.delete("bucket", &bucket.name, ChangeAction::DeleteBucket(bucket.id));
            }
        }
        let Some(list) = &file.workspaces else { return };
        let wanted: HashMap<String, &FileWorkspace> =
            list.iter().map(|one| (one.name.to_lowercase(), one)).collect();
        for workspace in self.current.workspaces.iter().filter(|one| is_in_scope(one.id)) {
            let Some(wanted) = wanted.get(&workspace.name.to_lowercase()) else {
                self.delete("workspace", &workspace.name, ChangeAction::DeleteWorkspace(workspace.id));
                continue;
            };
            let Some(members) = &wanted.members else { continue };
            let emails: HashSet<String> = members.iter().map(|member| member.user.to_lowercase()).collect();
            for member in workspace.members.iter().filter(|one| !emails.contains(&one.email.to_lowercase())) {
                let action = ChangeAction::RemoveMember { workspace: workspace.id, user: member.id };
                self.delete("member", &format!("{} in {}", member.email, workspace.name), action);
            }
        }
    }

    /// Reports a workspace that neither exists nor is in the file.
    fn known_workspace(&mut self, line: usize, path: &str, name: Option<&str>) {
        let Some(name) = name else { return };
        let folded = name.to_lowercase();
        let is_new = || self.file.workspaces.iter().flatten().any(|one| one.name.to_lowercase() == folded);
        let message = match self.workspaces.get(&folded).map_or(0, Vec::len) {
            1 => return,
            0 if is_new() => return,
            0 => "is neither in the list `workspaces` nor a workspace that you have access to",
            _ => "is the name of several workspaces: rename the others first",
        };
        self.problems.add(line, path, message);
    }

    fn delete(&mut self, kind: &'static str, name: &str, action: ChangeAction) {
        self.change(ChangeVerb::Delete, kind, name, Vec::new(), action);
    }

    fn change(
        &mut self,
        verb: ChangeVerb,
        kind: &'static str,
        name: &str,
        fields: Vec<FieldDifference>,
        action: ChangeAction,
    ) {
        self.changes.push(PlannedChange { verb, kind, name: name.to_owned(), fields, action });
    }
}

/// The fields of something new that have a value.
fn new_fields(values: &[(&'static str, Option<&str>)]) -> Vec<FieldDifference> {
    let given = values.iter().filter(|(_, value)| value.is_some_and(|value| !value.is_empty()));
    given.map(|(field, value)| FieldDifference::new(field, None, *value)).collect()
}

fn stored_attachments(existing: &CurrentRepository, names: &HashMap<BucketId, &str>) -> Vec<FileAttachment> {
    let attachment = |attached: &super::current::CurrentAttachment| FileAttachment {
        bucket: names.get(&attached.id).map_or_else(|| attached.id.to_string(), |name| (*name).to_owned()),
        folder: bucketry_model::repository::Folder::parse(&attached.folder).unwrap_or_default(),
        master: attached.master,
    };
    existing.buckets.iter().map(attachment).collect()
}

fn are_same(wanted: &[FileAttachment], stored: &[FileAttachment]) -> bool {
    let is_same = |(one, other): (&FileAttachment, &FileAttachment)| {
        one.bucket.to_lowercase() == other.bucket.to_lowercase()
            && one.folder == other.folder
            && one.master == other.master
    };
    wanted.len() == stored.len() && wanted.iter().zip(stored).all(is_same)
}

fn attachments_text<'a>(attached: impl Iterator<Item = &'a FileAttachment>) -> String {
    let text = |one: &FileAttachment| {
        let folder =
            if one.folder.as_str().is_empty() { String::new() } else { format!(":{}", one.folder.as_str()) };
        let master = if one.master { " (master)" } else { "" };
        format!("{}{folder}{master}", one.bucket)
    };
    attached.map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
