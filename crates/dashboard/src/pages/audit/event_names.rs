//! What records are about, in words.

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};

/// The kind in a menu.
pub(super) fn kind_label(kind: AuditKind) -> &'static str {
    match kind {
        AuditKind::Workspace => "Workspaces",
        AuditKind::Bucket => "Buckets",
        AuditKind::Repository => "Repositories",
        AuditKind::User => "Accounts",
        AuditKind::Organization => "The organization",
        AuditKind::WorkspaceUser => "Members of workspaces",
        AuditKind::Node => "Nodes",
        AuditKind::NodeKey => "Keys of nodes",
        AuditKind::RepositoryKey => "Keys of repositories",
        AuditKind::ApiToken => "API tokens",
        AuditKind::Session => "Sessions",
        AuditKind::Vault => "The vault",
        AuditKind::Route => "Refused calls",
        AuditKind::NotificationChannel => "Notification channels",
        AuditKind::NotificationSilence => "Silences",
        AuditKind::Newer(_) => "Others",
    }
}

/// The action in a menu.
pub(super) fn action_label(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Created => "Created",
        AuditAction::Updated => "Changed",
        AuditAction::Deleted => "Deleted",
        AuditAction::Read => "Read",
        AuditAction::Used => "Used",
        AuditAction::SignedIn => "Signed in",
        AuditAction::SignedOut => "Signed out",
        AuditAction::Newer(_) => "Others",
    }
}

/// Who did it.
pub(super) fn actor(actor: &AuditActor) -> String {
    match actor {
        AuditActor::User { email, .. } => email.clone(),
        AuditActor::Node(name) => format!("Node {name}"),
        AuditActor::Operator => "The operator".to_owned(),
        AuditActor::System => "The server".to_owned(),
        AuditActor::Unknown(name) if name.is_empty() => "Somebody".to_owned(),
        AuditActor::Unknown(name) => format!("Somebody as {name}"),
    }
}

/// What was done or tried, up to the name of the resource: `changed the bucket`, `tried to change the bucket`.
pub(super) fn deed(entry: &AuditEntry) -> String {
    let is_refused = entry.refusal.is_some();
    match (entry.action, is_refused) {
        (AuditAction::SignedIn, false) => return "signed in".to_owned(),
        (AuditAction::SignedIn, true) => return "could not sign in".to_owned(),
        (AuditAction::SignedOut, _) => return "signed out".to_owned(),
        _ if entry.kind == AuditKind::Route => return "tried to call".to_owned(),
        _ => {}
    }
    let verb = if is_refused { infinitive(entry.action) } else { past(entry.action) };
    let tried = if is_refused { "tried to " } else { "" };
    format!("{tried}{verb} {}", thing(entry.kind))
}

fn past(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Created => "created",
        AuditAction::Updated => "changed",
        AuditAction::Deleted => "deleted",
        AuditAction::Read => "read",
        AuditAction::Used => "used",
        AuditAction::SignedIn => "signed in to",
        AuditAction::SignedOut => "signed out of",
        AuditAction::Newer(_) => "did something unknown to",
    }
}

fn infinitive(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Created => "create",
        AuditAction::Updated => "change",
        AuditAction::Deleted => "delete",
        AuditAction::Read => "read",
        AuditAction::Used => "use",
        AuditAction::SignedIn => "sign in to",
        AuditAction::SignedOut => "sign out of",
        AuditAction::Newer(_) => "do something unknown to",
    }
}

fn thing(kind: AuditKind) -> &'static str {
    match kind {
        AuditKind::Workspace => "the workspace",
        AuditKind::Bucket => "the bucket",
        AuditKind::Repository => "the repository",
        AuditKind::User => "the account",
        AuditKind::Organization => "the organization",
        AuditKind::WorkspaceUser => "the membership of",
        AuditKind::Node => "the node",
        AuditKind::NodeKey => "the node key",
        AuditKind::RepositoryKey => "the key",
        AuditKind::ApiToken => "the API token",
        AuditKind::Session => "the session",
        AuditKind::Vault => "the vault:",
        AuditKind::Route => "the call",
        AuditKind::NotificationChannel => "the channel",
        AuditKind::NotificationSilence => "the silence",
        AuditKind::Newer(_) => "something unknown:",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_was_refused_was_only_tried() {
        let entry = AuditEntry::new(
            Timestamp::UNIX_EPOCH,
            AuditActor::System,
            AuditKind::Bucket,
            AuditAction::Updated,
        );
        assert_eq!(deed(&entry), "changed the bucket");
        assert_eq!(deed(&entry.refused(403, "FORBIDDEN")), "tried to change the bucket");
        let login = AuditEntry::new(
            Timestamp::UNIX_EPOCH,
            AuditActor::System,
            AuditKind::Session,
            AuditAction::SignedIn,
        );
        assert_eq!(deed(&login.refused(401, "INVALID_PASSWORD")), "could not sign in");
    }
}
