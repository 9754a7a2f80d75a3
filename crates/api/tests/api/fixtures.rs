//! Roles, owners and fresh resources for the authorization tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bucketry_control::buckets::BucketInput;
use bucketry_control::notifications::{ChannelInput, SilenceInput};
use bucketry_control::organizations::Registration;
use bucketry_control::repositories::{KeyInput, RepositoryInput};
use bucketry_control::tokens::NewApiToken;
use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind, RequestOrigin};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{NodeId, NodeKeyId, OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_model::time::Clock as _;
use bucketry_store::node::{KeyApproval, NodeKey, NodeKeyInserted, NodeRegistered, NodeRegistration};
use bucketry_store::user::NewUser;
use jiff::SignedDuration;

use crate::deployment::{Deployment, PASSWORD};

/// The public half of a key, because generating one for each request would take long.
const EXAMPLE_KEY: &str = include_str!("../../../vault/tests/example/node.pub.pem");

/// The callers.
pub(crate) const ROLES: [&str; 10] = [
    "anonymous",
    "USER",
    "READ",
    "WRITE",
    "ADMIN",
    "BILLING",
    "WORKSPACES",
    "ADMINISTRATORS",
    "OWNER",
    "FOREIGN",
];

/// Where the requested resource is. READ, WRITE and ADMIN are members of the own workspace; FOREIGN is the OWNER of
/// the other organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    OwnWorkspace,
    OtherWorkspace,
    OtherOrganization,
}

impl Ownership {
    pub(crate) const ALL: [Self; 3] = [Self::OwnWorkspace, Self::OtherWorkspace, Self::OtherOrganization];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OwnWorkspace => "own workspace",
            Self::OtherWorkspace => "other workspace",
            Self::OtherOrganization => "other organization",
        }
    }
}

/// Two organizations, their workspaces, and a caller for every role.
pub(crate) struct TestContext {
    pub(crate) deployment: Deployment,
    tokens: BTreeMap<&'static str, String>,
    members: Vec<(UserId, WorkspaceRole)>,
    own: WorkspaceId,
    other: WorkspaceId,
    foreign: WorkspaceId,
    made: AtomicUsize,
}

impl TestContext {
    pub(crate) async fn make() -> Self {
        let settings = Settings {
            open_registration: true,
            // Nothing is sent here.
            channel_test_wait: Duration::ZERO,
            ..Settings::default()
        };
        let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
        let deployment = Deployment::with(api, settings).await;
        let control = deployment.control.clone();
        let owner = deployment.owner().await;

        let mut tokens = BTreeMap::from([("OWNER", deployment.owner.clone())]);
        let org_roles = [
            ("USER", 0),
            ("READ", 0),
            ("WRITE", 0),
            ("ADMIN", 0),
            ("BILLING", 1),
            ("WORKSPACES", 2),
            ("ADMINISTRATORS", 254),
        ];
        let mut members = Vec::new();
        for (role, number) in org_roles {
            let (id, token) = deployment.add_user(&format!("{role}@example.com"), number).await;
            tokens.insert(role, token);
            let workspace_role = role.parse::<WorkspaceRole>();
            if let Ok(workspace_role) = workspace_role {
                members.push((id.parse().unwrap(), workspace_role));
            }
        }
        let own = deployment.first.workspace_id;
        for (user, role) in &members {
            control.add_member(&owner, own, *user, *role).await.unwrap();
        }
        let other = control.create_workspace(&owner, "other").await.unwrap().id;

        // The deployment's first organization is identified by its age.
        deployment.clock.advance(SignedDuration::from_secs(1));
        let registration = Registration {
            email: "foreign@example.org".into(),
            password: Secret::new(PASSWORD),
            first_name: "Foreign".into(),
            last_name: "Owner".into(),
            company_name: "Elsewhere".into(),
        };
        let foreigner = control.register(registration, RequestOrigin::default()).await.unwrap().access_token;
        let caller = control.authenticate(&foreigner).await.unwrap();
        let foreign = control.workspaces(&caller, None, 1).await.unwrap()[0].workspace.id;
        tokens.insert("FOREIGN", foreigner);
        Self { deployment, tokens, members, own, other, foreign, made: AtomicUsize::new(0) }
    }

    /// The token of the caller with this role.
    pub(crate) fn token(&self, role: &str) -> Option<&str> {
        self.tokens.get(role).map(String::as_str)
    }

    /// The member of the own workspace with this role.
    pub(crate) fn member(&self, role: &str) -> UserId {
        let role = role.parse::<WorkspaceRole>().unwrap();
        self.members.iter().find(|(_, own)| *own == role).unwrap().0
    }

    /// The workspace for `ownership`. No test changes it.
    pub(crate) fn workspace(&self, ownership: Ownership) -> WorkspaceId {
        match ownership {
            Ownership::OwnWorkspace => self.own,
            Ownership::OtherWorkspace => self.other,
            Ownership::OtherOrganization => self.foreign,
        }
    }

    /// A name that is not in use.
    pub(crate) fn fresh_name(&self) -> String {
        format!("thing-{}", self.made.fetch_add(1, Ordering::SeqCst))
    }

    /// The token of the user who creates resources for `ownership`.
    fn owner_of(&self, ownership: Ownership) -> &str {
        let role = if ownership == Ownership::OtherOrganization { "FOREIGN" } else { "OWNER" };
        self.tokens[role].as_str()
    }

    /// The organization for `ownership`.
    pub(crate) async fn organization(&self, ownership: Ownership) -> OrgId {
        let control = &self.deployment.control;
        control.authenticate(self.owner_of(ownership)).await.unwrap().org_id
    }

    /// A new bucket for `ownership`.
    pub(crate) async fn fresh_bucket(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        control.create_bucket(&owner, &self.unchecked_bucket(ownership)).await.unwrap().id.to_string()
    }

    /// The fields of a bucket for `ownership` that is registered without checks.
    fn unchecked_bucket(&self, ownership: Ownership) -> BucketInput {
        BucketInput {
            name: Some(self.fresh_name()),
            bucket: Some("photos".into()),
            storage_type: Some(StorageType::S3),
            key: Some("AKIA".into()),
            secret: Some(Secret::new("s")),
            workspace_id: Some(self.workspace(ownership).to_string()),
            skip_validation: true,
            ..BucketInput::default()
        }
    }

    /// A new validation of a bucket of `ownership`.
    pub(crate) async fn fresh_validation(&self, ownership: Ownership, bucket: &str) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let id = bucket.parse().unwrap();
        control.begin_validation(&owner, id, &BucketInput::default()).await.unwrap().to_string()
    }

    /// A new registration of a bucket for `ownership`, begun by the owner.
    pub(crate) async fn fresh_registration(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let input = self.unchecked_bucket(ownership);
        let id = control.begin_bucket_creation(&owner, input).await.unwrap();
        // Those in progress are limited.
        let wait = std::time::Duration::from_secs(10);
        let mut after = 0;
        loop {
            let progress = control.validation_progress(&owner, id, None, Some(after), wait).await.unwrap();
            if progress.end.is_some() {
                return id.to_string();
            }
            after = progress.revision;
        }
    }

    /// A new repository for `ownership`, without buckets.
    pub(crate) async fn fresh_repository(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let input = RepositoryInput {
            name: Some(self.fresh_name()),
            storage_type: Some(StorageType::S3),
            mode: Some("NORMAL".into()),
            workspace_id: Some(self.workspace(ownership).to_string()),
            buckets: None,
        };
        control.create_repository(&owner, &input).await.unwrap().id.to_string()
    }

    /// A key of a new repository for `ownership`: (repository, key).
    pub(crate) async fn fresh_key(&self, ownership: Ownership) -> (String, String) {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let repository = self.fresh_repository(ownership).await;
        let input = KeyInput { name: Some("key".into()), access: Some("READ".into()) };
        let made = control.create_repository_key(&owner, repository.parse().unwrap(), &input).await;
        (repository, made.unwrap().id.to_string())
    }

    /// A new notification channel of the workspace for `ownership`.
    pub(crate) async fn fresh_channel(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let input = ChannelInput {
            name: Some(self.fresh_name()),
            kind: Some("SLACK".into()),
            url: Some(Secret::new("https://hooks.example.com/x")),
            workspace_id: Some(self.workspace(ownership)),
            ..ChannelInput::default()
        };
        // An organization may have only a few.
        for old in control.notification_channels(&owner, None).await.unwrap() {
            control.delete_channel(&owner, old.id).await.unwrap();
        }
        control.create_channel(&owner, &input).await.unwrap().id.to_string()
    }

    /// A new silence about the workspace for `ownership`.
    pub(crate) async fn fresh_silence(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let input = SilenceInput {
            workspace_id: Some(self.workspace(ownership)),
            ends_at: Some(self.deployment.clock.now() + SignedDuration::from_hours(1)),
            ..SilenceInput::default()
        };
        control.create_silence(&owner, &input).await.unwrap().id.to_string()
    }

    /// A new key of the organization for `ownership`, which has no other keys then.
    pub(crate) async fn fresh_organization_key(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        control.delete_organization_keys(&owner, owner.org_id).await.unwrap();
        let now = self.deployment.clock.now();
        let number = u32::try_from(self.made.fetch_add(1, Ordering::SeqCst)).unwrap().to_be_bytes();
        let mut random = [7; 10];
        random[..4].copy_from_slice(&number);
        let key = NodeKey {
            id: NodeKeyId::new(now, random),
            org_id: Some(owner.org_id),
            public_key: EXAMPLE_KEY.to_owned(),
            created_at: now,
        };
        let record = AuditEntry::new(now, AuditActor::System, AuditKind::NodeKey, AuditAction::Created);
        let inserted = control.store().insert_node_key(&key, 1, &record).await.unwrap();
        assert_eq!(inserted, NodeKeyInserted::Inserted);
        key.id.to_string()
    }

    /// A new node of the organization for `ownership`.
    pub(crate) async fn fresh_private_node(&self, ownership: Ownership) -> String {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let key_id = self.fresh_organization_key(ownership).await.parse().unwrap();
        self.fresh_node(Some(owner.org_id), key_id, Vec::new()).await
    }

    /// A new node of the deployment, which waits for the approval of the key `age13cktma0auwd9v32qnr6fgmlksfrhrc40x9z5ljhmaylf7vscdu8qcnd0cw`.
    pub(crate) async fn fresh_deployment_node(&self) -> String {
        let keys = self.deployment.control.store().node_keys(None).await.unwrap();
        self.fresh_node(
            None,
            keys[0].id,
            vec!["age13cktma0auwd9v32qnr6fgmlksfrhrc40x9z5ljhmaylf7vscdu8qcnd0cw".to_owned()],
        )
        .await
    }

    async fn fresh_node(&self, org_id: Option<OrgId>, key_id: NodeKeyId, recipients: Vec<String>) -> String {
        let control = &self.deployment.control;
        let now = self.deployment.clock.now();
        let number = u32::try_from(self.made.fetch_add(1, Ordering::SeqCst)).unwrap().to_be_bytes();
        let mut random = [5; 10];
        random[..4].copy_from_slice(&number);
        let registration = NodeRegistration {
            id: NodeId::new(now, random),
            org_id,
            name: self.fresh_name(),
            region: "eu".to_owned(),
            provider: "AWS".to_owned(),
            version: "1".to_owned(),
            recipients,
            approval: KeyApproval::AsBefore,
            key_id,
            quota: None,
            silent_at: None,
        };
        let record = AuditEntry::new(now, AuditActor::System, AuditKind::Node, AuditAction::Created);
        let registered = control.store().register_node(&registration, &record).await.unwrap();
        assert!(matches!(registered, NodeRegistered::Registered(_)), "{registered:?}");
        registration.id.to_string()
    }

    /// A new workspace for `ownership`, with the members of the existing one.
    pub(crate) async fn fresh_workspace(&self, ownership: Ownership) -> WorkspaceId {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let id = control.create_workspace(&owner, &self.fresh_name()).await.unwrap().id;
        if ownership == Ownership::OwnWorkspace {
            for (user, role) in &self.members {
                control.add_member(&owner, id, *user, *role).await.unwrap();
            }
        }
        id
    }

    /// A new user of role USER in the organization for `ownership`.
    pub(crate) async fn fresh_user(&self, ownership: Ownership) -> UserId {
        let control = &self.deployment.control;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        let now = self.deployment.clock.now();
        let number = u32::try_from(self.made.fetch_add(1, Ordering::SeqCst)).unwrap().to_be_bytes();
        let mut random = [9; 10];
        random[..4].copy_from_slice(&number);
        let new = NewUser {
            id: UserId::new(now, random),
            email: format!("{}@example.net", self.fresh_name()),
            first_name: Name::parse("Fresh").unwrap(),
            last_name: Name::parse("User").unwrap(),
            org_role: OrgRole::User,
            validated: true,
            password_hash: None,
            must_change_password: false,
        };
        control
            .store()
            .insert_user(
                owner.org_id,
                &new,
                &AuditEntry::new(now, AuditActor::System, AuditKind::User, AuditAction::Created),
            )
            .await
            .unwrap();
        new.id
    }

    /// A new user of the organization for `ownership`, who is a member of the workspace.
    pub(crate) async fn fresh_member(&self, ownership: Ownership, workspace: WorkspaceId) -> UserId {
        let control = &self.deployment.control;
        let user = self.fresh_user(ownership).await;
        let owner = control.authenticate(self.owner_of(ownership)).await.unwrap();
        control.add_member(&owner, workspace, user, WorkspaceRole::Read).await.unwrap();
        user
    }

    /// An API token: the caller's own in the own workspace, else that of another user there.
    pub(crate) async fn fresh_token(&self, ownership: Ownership, role: &str) -> String {
        let control = &self.deployment.control;
        let whose = match ownership {
            Ownership::OwnWorkspace => self.token(role).unwrap_or(self.owner_of(ownership)),
            Ownership::OtherWorkspace if role == "ADMIN" => self.tokens["READ"].as_str(),
            Ownership::OtherWorkspace => self.tokens["ADMIN"].as_str(),
            Ownership::OtherOrganization if role == "FOREIGN" => self.tokens["OWNER"].as_str(),
            Ownership::OtherOrganization => self.tokens["FOREIGN"].as_str(),
        };
        let caller = control.authenticate(whose).await.unwrap();
        let input = NewApiToken { name: self.fresh_name(), expires_at: None, workspace_id: None, role: None };
        control.create_token(&caller, input).await.unwrap().id.to_string()
    }
}
