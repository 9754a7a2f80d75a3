//! The starting point of the stories.

use std::sync::atomic::{AtomicU64, Ordering};

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{
    BucketId, NodeId, NodeKeyId, OrgId, RepoId, RepoKeyId, TokenId, UserId, WorkspaceId,
};
use bucketry_model::name::Name;
use bucketry_model::pinning::BucketPins;
use bucketry_model::repository::{Folder, KeyAccess, RepositoryBucket, RepositoryMode};
use bucketry_model::role::{OrgRole, Visibility, WorkspaceRole};
use bucketry_model::secret::SealedSecret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::uptime::ProbeSample;
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::bucket::{
    BucketInserted, BucketQuery, BucketUpdate, NewBucket, PageStart, SecretUpdate, StoredSecret,
};
use crate::node::{KeyApproval, NodeKey, NodeKeyInserted, NodeRegistered, NodeRegistration};
use crate::organization::{NewOrganization, OrganizationInserted};
use crate::repository::{NewRepository, RepositoryInserted, RepositoryUpdate};
use crate::repository_key::{KeyInserted, NewRepositoryKey};
use crate::status::ProbeBatch;
use crate::token::{NewToken, TokenKind};
use crate::user::{NewUser, UserInserted};
use crate::workspace::NewWorkspace;

/// The longest time between two samples that counts as observed, in these stories.
pub(super) const LONGEST_GAP: SignedDuration = SignedDuration::from_secs(150);

/// The time this many seconds after the stories begin.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

/// A record of a change at this time.
pub fn audit(now: Timestamp) -> AuditEntry {
    AuditEntry::new(now, AuditActor::System, AuditKind::Bucket, AuditAction::Updated)
}

/// A new id of any kind, as in `fresh(BucketId::new)`.
pub(super) fn fresh<T>(new: fn(Timestamp, [u8; 10]) -> T) -> T {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&LAST.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    new(at(0), random)
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn new_user(email: &str, org_role: OrgRole) -> NewUser {
    NewUser {
        id: fresh(UserId::new),
        email: email.to_owned(),
        first_name: name("Ada"),
        last_name: name("Lovelace"),
        org_role,
        validated: true,
        password_hash: Some("$argon2id$hash".to_owned()),
        must_change_password: false,
    }
}

pub(super) fn new_organization(email: &str) -> NewOrganization {
    NewOrganization {
        id: fresh(OrgId::new),
        name: name("An Organization"),
        bucket_quota: None,
        repo_quota: None,
        owner: new_user(email, OrgRole::Owner),
        workspace: NewWorkspace { id: fresh(WorkspaceId::new), name: name("default") },
    }
}

/// A key that was added this many seconds after the stories begin.
pub(super) fn node_key(org_id: Option<OrgId>, seconds: i64) -> NodeKey {
    NodeKey {
        id: fresh(NodeKeyId::new),
        org_id,
        public_key: format!("-----BEGIN PUBLIC KEY-----{seconds}"),
        created_at: at(seconds),
    }
}

pub(super) fn location(bucket: &str) -> BucketLocation {
    BucketLocation {
        storage_type: StorageType::S3,
        bucket: bucket.to_owned(),
        key: Some("AKIAEXAMPLE".to_owned()),
        endpoint: Some("https://s3.example.com:9000".parse().unwrap()),
        region: Some("eu-central-1".to_owned()),
    }
}

pub(super) fn secret(text: &str) -> StoredSecret {
    StoredSecret { sealed: SealedSecret::from_text(text), sealed_to: "recipients-1".to_owned() }
}

pub(super) fn attachment(bucket_id: BucketId, folder: &str) -> RepositoryBucket {
    RepositoryBucket { bucket_id, folder: Folder::parse(folder).unwrap(), master: false }
}

pub(super) fn online(seconds: i64, latency_ms: u32) -> ProbeSample {
    ProbeSample {
        at: at(seconds),
        status: ProbedStatus::Online,
        latency_ms: Some(latency_ms),
        failure: None,
        version: None,
    }
}

/// An organization with its owner and its first workspace.
pub(super) struct TestContext<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) org: OrgId,
    pub(super) owner: UserId,
    pub(super) workspace: WorkspaceId,
    /// The key with which the organization's nodes register.
    pub(super) node_key: NodeKeyId,
}

impl<'s> TestContext<'s> {
    pub(super) async fn new(store: &'s dyn Store) -> Self {
        Self::of(store, "owner@example.com").await
    }

    /// A second organization beside the first.
    pub(super) async fn another(store: &'s dyn Store) -> Self {
        Self::of(store, "other-owner@example.com").await
    }

    async fn of(store: &'s dyn Store, email: &str) -> Self {
        let new = new_organization(email);
        assert_eq!(
            store.insert_organization(&new, &audit(at(0))).await.unwrap(),
            OrganizationInserted::Inserted
        );
        let key = node_key(Some(new.id), 0);
        let inserted = store.insert_node_key(&key, 1, &audit(at(0))).await.unwrap();
        assert_eq!(inserted, NodeKeyInserted::Inserted);
        let (owner, workspace) = (new.owner.id, new.workspace.id);
        Self { store, org: new.id, owner, workspace, node_key: key.id }
    }

    pub(super) async fn user(&self, email: &str, role: OrgRole) -> UserId {
        let new = new_user(email, role);
        assert_eq!(
            self.store.insert_user(self.org, &new, &audit(at(0))).await.unwrap(),
            UserInserted::Inserted
        );
        new.id
    }

    pub(super) async fn another_workspace(&self, seconds: i64) -> WorkspaceId {
        let new = NewWorkspace { id: fresh(WorkspaceId::new), name: name("another") };
        self.store.insert_workspace(self.org, &new, self.owner, &audit(at(seconds))).await.unwrap();
        new.id
    }

    pub(super) async fn member(&self, workspace: WorkspaceId, email: &str, role: WorkspaceRole) -> UserId {
        let user = self.user(email, OrgRole::User).await;
        let added = self.store.add_member(self.org, workspace, user, role, &audit(at(1))).await.unwrap();
        assert_eq!(added, crate::workspace::MemberChanged::Changed);
        user
    }

    pub(super) fn new_bucket(&self, label: &str) -> NewBucket {
        NewBucket {
            id: fresh(BucketId::new),
            org_id: self.org,
            workspace_id: self.workspace,
            name: name(label),
            location: location(label),
            secret: Some(secret(&format!("sealed {label}"))),
            secret_expires_at: None,
            first_report: None,
            pinned_to: BucketPins::default(),
        }
    }

    pub(super) async fn bucket(&self, label: &str) -> BucketId {
        self.bucket_in(self.workspace, label, at(0)).await
    }

    pub(super) async fn bucket_in(&self, workspace_id: WorkspaceId, label: &str, now: Timestamp) -> BucketId {
        let new = NewBucket { workspace_id, ..self.new_bucket(label) };
        assert_eq!(self.store.insert_bucket(&new, &audit(now)).await.unwrap(), BucketInserted::Inserted);
        new.id
    }

    /// An update that changes nothing.
    pub(super) async fn update_of(&self, id: BucketId) -> BucketUpdate {
        let bucket = self.store.bucket(self.org, id).await.unwrap().unwrap();
        BucketUpdate {
            id,
            org_id: self.org,
            from_version: bucket.version,
            workspace_id: bucket.workspace_id,
            name: bucket.name,
            location: bucket.location,
            secret: SecretUpdate::Keep,
            record_change: false,
            first_report: None,
            pinned_to: bucket.pinned_to,
        }
    }

    /// A repository of mode NORMAL with these buckets and folders.
    pub(super) fn new_repository(&self, label: &str, buckets: &[(BucketId, &str)]) -> NewRepository {
        NewRepository {
            sealing_key: None,
            id: fresh(RepoId::new),
            org_id: self.org,
            workspace_id: self.workspace,
            name: name(label),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: buckets.iter().map(|(id, folder)| attachment(*id, folder)).collect(),
        }
    }

    pub(super) async fn repository(&self, label: &str, buckets: &[(BucketId, &str)]) -> RepoId {
        let new = self.new_repository(label, buckets);
        let inserted = self.store.insert_repository(&new, &audit(at(0))).await.unwrap();
        assert_eq!(inserted, RepositoryInserted::Inserted);
        new.id
    }

    /// An update that changes nothing.
    pub(super) async fn repository_update_of(&self, id: RepoId) -> RepositoryUpdate {
        let repository = self.store.repository(self.org, id).await.unwrap().unwrap();
        RepositoryUpdate {
            id,
            org_id: self.org,
            from_version: repository.version,
            workspace_id: repository.workspace_id,
            name: repository.name,
            storage_type: repository.storage_type,
            mode: repository.mode,
            buckets: repository.buckets,
        }
    }

    pub(super) fn new_key(&self, repo_id: RepoId, label: &str) -> NewRepositoryKey {
        let id = fresh(RepoKeyId::new);
        NewRepositoryKey {
            id,
            org_id: self.org,
            repo_id,
            name: name(label),
            access: KeyAccess::Write,
            key: format!("BKT{id}"),
            secret: secret(&format!("sealed {label}")),
        }
    }

    pub(super) async fn key(&self, repo_id: RepoId, label: &str) -> RepoKeyId {
        let new = self.new_key(repo_id, label);
        let inserted = self.store.insert_repository_key(&new, 100, &audit(at(0))).await.unwrap();
        assert_eq!(inserted, KeyInserted::Inserted);
        new.id
    }

    pub(super) fn query(&self, visible: Visibility, after: Option<PageStart>, limit: u32) -> BucketQuery {
        BucketQuery { org_id: self.org, visible, after, limit }
    }

    pub(super) fn registration(&self, node: &str) -> NodeRegistration {
        NodeRegistration {
            id: fresh(NodeId::new),
            org_id: Some(self.org),
            name: node.to_owned(),
            region: "eu".to_owned(),
            provider: "HETZNER".to_owned(),
            version: "0.1.0".to_owned(),
            recipients: vec!["age1first".to_owned(), "age1second".to_owned()],
            approval: KeyApproval::AsBefore,
            key_id: self.node_key,
            quota: None,
            silent_at: None,
        }
    }

    pub(super) async fn node(&self, node: &str) -> NodeId {
        self.node_at(node, at(0)).await
    }

    /// Registers a node at this time.
    pub(super) async fn node_at(&self, node: &str, now: Timestamp) -> NodeId {
        match self.store.register_node(&self.registration(node), &audit(now)).await.unwrap() {
            NodeRegistered::Registered(node) => node.id,
            refused => panic!("the node {node} is refused: {refused:?}"),
        }
    }

    /// Adds samples of one bucket. Returns how many were added.
    pub(super) async fn probe(&self, node_id: NodeId, bucket: BucketId, samples: &[ProbeSample]) -> usize {
        let now = samples.iter().map(|sample| sample.at).max().unwrap_or(at(0));
        let samples = samples.iter().map(|sample| (bucket, sample.clone())).collect();
        let batch = ProbeBatch { node_id, org_id: Some(self.org), now, longest_gap: LONGEST_GAP, samples };
        self.store.record_probes(&batch).await.unwrap()
    }

    pub(super) fn new_token(&self, user: UserId, kind: TokenKind, hash: u8) -> NewToken {
        NewToken {
            id: fresh(TokenId::new),
            org_id: self.org,
            user_id: user,
            kind,
            name: "laptop".to_owned(),
            scope: None,
            hash: [hash; 32],
            expires_at: Some(at(1_000)),
            network: None,
        }
    }
}
