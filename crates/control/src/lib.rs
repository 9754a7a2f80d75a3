//! The use cases of the registry, with one module per aggregate. A use case checks permission, validates, stores
//! and records the change.
//!
//! **Invariant:** nothing here depends on HTTP, on the dialect of a database, or on how a cloud is called. Use
//! cases take a [`Caller`](bucketry_model::role::Caller), so none can be reached without authentication.

mod access;
pub mod access_token;
pub mod accounts;
pub mod api_token;
pub mod audit;
pub mod backups;
pub mod browser_sessions;
mod bucket_jobs;
pub mod buckets;
pub mod change_feed;
mod check_progress;
pub mod credentials;
pub mod cursor;
pub mod environment;
pub mod error;
pub mod findings;
pub mod followed_buckets;
pub mod freshness;
pub mod hourly_traffic;
pub mod idempotency;
pub mod ids;
pub mod inventories;
mod job_wait;
pub mod jobs;
mod leases;
pub mod login_failures;
pub mod maintenance;
pub mod monitoring;
pub mod nodes;
pub mod notifications;
pub mod organizations;
mod other_processes;
pub mod outdated;
pub mod overview;
pub mod password;
pub mod presence;
pub mod readiness;
pub mod repositories;
pub mod role_grantors;
mod sealing;
pub mod secret_access;
pub mod server_certificates;
pub mod sessions;
pub mod settings;
mod shared_read;
mod stored_jobs;
pub mod tokens;
pub mod traffic;
pub mod users;
pub mod validations;
mod vault_reseal;
mod vault_rewrap;
mod vault_rotation;
pub mod workspaces;

use std::sync::Arc;

use bucketry_model::time::Clock;
use bucketry_store::Store;

pub use environment::Environment;
pub use error::{Error, FieldError, ResourceKind, Result};
pub use settings::Settings;

/// The control plane: all use cases over one store. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    environment: Environment,
    settings: Settings,
    access_tokens: access_token::AccessTokens,
    admitted_elsewhere: other_processes::AdmittedElsewhere,
    callers: sessions::CallerCache,
    passwords: password::Passwords,
    node_keys: nodes::KeyGenerator,
    node_clocks: nodes::NodeClocks,
    taken_names: nodes::TakenNames,
    jobs: Arc<jobs::JobBoard>,
    leases: leases::Leases,
    replays: nodes::ReplayGuard,
    /// Limits how many large messages of nodes are verified at once.
    large_messages: tokio::sync::Semaphore,
    presence: presence::Presence,
    probe_shares: nodes::ProbeShares,
    validations: validations::Validations,
    validation_news: validations::ValidationNews,
    database_watch: readiness::DatabaseWatch,
    health_cache: monitoring::HealthCache,
    credential_watch: credentials::CredentialWatch,
    overviews: Arc<overview::OverviewCache>,
    change_feeds: change_feed::ChangeFeeds,
    findings: findings::FindingCache,
    backup_failure: backups::LastBackupFailure,
    refusals: audit::Refusals,
    condition_watch: notifications::ConditionWatch,
    changes: nodes::ChangeSignal,
    recent_changes: nodes::RecentChanges,
    /// Messages that wait to be sent.
    outbox: tokio::sync::Notify,
    rotation: tokio::sync::Notify,
    own_keys: nodes::OwnKeys,
    server_certificates: server_certificates::ReportedCertificates,
}

impl Control {
    /// Creates a control plane over a store. `access_tokens` signs the tokens that logins return.
    pub fn new(
        store: Arc<dyn Store>,
        environment: Environment,
        settings: Settings,
        access_tokens: access_token::AccessTokens,
    ) -> Self {
        let started_at = environment.now();
        let inner = Inner {
            store,
            environment,
            settings,
            access_tokens,
            admitted_elsewhere: other_processes::AdmittedElsewhere::default(),
            callers: sessions::CallerCache::default(),
            passwords: password::Passwords::default(),
            node_keys: nodes::KeyGenerator::default(),
            node_clocks: nodes::NodeClocks::default(),
            taken_names: nodes::TakenNames::default(),
            jobs: Arc::default(),
            leases: leases::Leases::default(),
            replays: nodes::ReplayGuard::default(),
            large_messages: tokio::sync::Semaphore::new(nodes::LARGE_AT_ONCE),
            presence: presence::Presence::default(),
            probe_shares: nodes::ProbeShares::new(started_at),
            validations: validations::Validations::default(),
            validation_news: validations::ValidationNews::default(),
            database_watch: readiness::DatabaseWatch::default(),
            health_cache: monitoring::HealthCache::default(),
            credential_watch: credentials::CredentialWatch::default(),
            overviews: Arc::default(),
            change_feeds: change_feed::ChangeFeeds::default(),
            findings: findings::FindingCache::default(),
            backup_failure: backups::LastBackupFailure::default(),
            refusals: audit::Refusals::default(),
            condition_watch: notifications::ConditionWatch::default(),
            changes: nodes::ChangeSignal::default(),
            recent_changes: nodes::RecentChanges::default(),
            outbox: tokio::sync::Notify::new(),
            rotation: tokio::sync::Notify::new(),
            own_keys: nodes::OwnKeys::default(),
            server_certificates: server_certificates::ReportedCertificates::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The store, for readiness checks.
    pub fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    /// The clock that the rules use.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.environment.clock
    }

    /// The settings of this deployment.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}
