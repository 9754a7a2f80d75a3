//! Persistence: traits that define what the registry stores, one per aggregate, and the engines that implement
//! them.
//!
//! One method is one transaction: it takes effect as a whole or not at all, and cancelling its future leaves
//! nothing half done. Methods return what they found (`Option`, small enums). `control` decides whether "not found"
//! is a 404 or a 403. Every write that nodes must see stores its change event in the same transaction.
//!
//! **Invariant:** no type of a database engine appears in a signature here. `contract` runs the same tests
//! against every engine.
//!
//! # Why SQL is compiled twice
//!
//! `sql` contains the statements once, and is compiled as a module of `sqlite` and of `postgres`. The drivers have
//! different types for connections, rows, statements and parameters, and a few fragments of SQL differ too, such as
//! row locks, which `concat!` inserts into statements at compile time. Each engine's `dialect` supplies these as
//! type aliases, constants and macros. Code that is generic over the engine would have to repeat the driver's trait
//! bounds on every function, and a macro can't depend on a type parameter. Because the source is shared, a trait
//! that is implemented in `sql` is implemented for both engines, and they can't drift apart.

#![expect(clippy::duplicate_mod, reason = "`sql` is compiled once per engine on purpose")]

pub mod audit;
pub mod backup;
pub mod backup_record;
pub mod bucket;
#[cfg(feature = "contract")]
pub mod contract;
pub mod data_dir;
pub mod diagnosis;
pub mod error;
pub mod freshness;
pub mod idempotency;
pub mod inventory;
pub mod job;
pub mod key_check;
pub mod lease;
pub mod left_out;
pub mod listing;
pub mod login_failure;
mod migrations;
pub mod monitoring;
pub mod node;
pub mod node_signature;
pub mod node_silence;
pub mod notification;
pub mod notification_channel;
pub mod notification_silence;
pub mod organization;
pub mod overview;
pub mod pin;
pub mod postgres;
pub mod registration;
mod registry_copy;
pub mod report_withdrawal;
pub mod repository;
pub mod repository_key;
pub mod signal;
pub mod sqlite;
pub mod status;
pub mod status_event;
pub mod sync;
pub mod token;
pub mod transfer;
pub mod usage;
pub mod user;
pub mod validation;
pub mod vault;
pub mod workspace;

use async_trait::async_trait;
use jiff::Timestamp;

pub use error::StoreError;

/// The result of a store method.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Everything that the registry stores.
#[async_trait]
pub trait Store:
    organization::OrganizationStore
    + user::UserStore
    + workspace::WorkspaceStore
    + token::TokenStore
    + bucket::BucketStore
    + repository::RepositoryStore
    + repository_key::RepositoryKeyStore
    + diagnosis::DiagnosisStore
    + status::StatusStore
    + status_event::StatusEventStore
    + usage::UsageStore
    + node::NodeStore
    + node_signature::NodeSignatureStore
    + node_silence::NodeSilenceStore
    + report_withdrawal::ReportWithdrawalStore
    + sync::SyncStore
    + validation::ValidationStore
    + vault::VaultStore
    + idempotency::IdempotencyStore
    + audit::AuditStore
    + inventory::InventoryStore
    + job::JobStore
    + key_check::KeyCheckStore
    + lease::LeaseStore
    + listing::ListingStore
    + login_failure::LoginFailureStore
    + monitoring::MonitoringStore
    + notification_channel::ChannelStore
    + notification::NotificationStore
    + notification_silence::NotificationSilenceStore
    + overview::OverviewStore
    + pin::PinStore
    + backup_record::BackupRecordStore
    + freshness::FreshnessStore
    + registration::RegistrationStore
    + signal::SignalStore
    + Send
    + Sync
    + 'static
{
    /// Whether other processes may use the database at the same time.
    fn is_shared(&self) -> bool;

    /// Checks that the database responds and that this version can work with its schema. Fails with
    /// [`StoreError::ReadOnly`] if PostgreSQL reports that both are so, but that writes are refused.
    async fn check(&self) -> Result<()>;

    /// Fails with [`StoreError::Outdated`] once a newer version has upgraded the database in a way that this version can't work
    /// with. From then on, all methods that use the database fail. Doesn't ask the database.
    fn check_version(&self) -> Result<()>;

    /// Waits until [`Self::check_version`] fails: at most about a second longer than the upgrade takes.
    async fn outdated(&self);

    /// Checks that writes succeed, by storing one small row. Fails if the disk is full or the database is
    /// read-only.
    async fn check_writes(&self, now: Timestamp) -> Result<()>;

    /// Finishes all work and closes the database. No method may be called afterwards.
    async fn close(&self);
}
