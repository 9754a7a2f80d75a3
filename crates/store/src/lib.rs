//! Persistence: what the registry keeps, as traits by aggregate, and the engines that keep it.
//!
//! One method is one transaction: it happens as a whole or not at all, and dropping its future before it ends leaves
//! nothing half done. Methods answer what they found (`Option`, small enums); whether "not found" is a 404 or a 403
//! is for `control` to say. Every write that nodes must see stores its change event in the same transaction.
//!
//! **Invariant:** no type of a database engine appears in a signature here; [`contract`] runs the same expectations
//! against every engine.

#![expect(clippy::duplicate_mod, reason = "`sql` is compiled once for each engine, which is the point of it")]

pub mod bucket;
pub mod contract;
pub mod data_dir;
pub mod error;
pub mod idempotency;
pub mod node;
pub mod organization;
pub mod postgres;
pub mod repository;
pub mod repository_key;
pub mod sqlite;
pub mod status;
pub mod sync;
pub mod token;
pub mod transfer;
pub mod usage;
pub mod user;
pub mod vault;
pub mod workspace;

use async_trait::async_trait;
use jiff::Timestamp;
use std::path::Path;

pub use error::StoreError;

/// The result of a store's method.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Everything that the registry keeps.
#[async_trait]
pub trait Store:
    organization::OrganizationStore
    + user::UserStore
    + workspace::WorkspaceStore
    + token::TokenStore
    + bucket::BucketStore
    + repository::RepositoryStore
    + repository_key::RepositoryKeyStore
    + status::StatusStore
    + usage::UsageStore
    + node::NodeStore
    + sync::SyncStore
    + vault::VaultStore
    + idempotency::IdempotencyStore
    + Send
    + Sync
    + 'static
{
    /// Whether the database answers and its schema is the one that this version needs.
    async fn check(&self) -> Result<()>;

    /// Whether writes are taken: stores one small row. A full disk or a read-only database shows here.
    async fn check_writes(&self, now: Timestamp) -> Result<()>;

    /// Writes a consistent copy of everything to a new file while the store stays in use. The file must not exist.
    async fn backup(&self, to: &Path) -> Result<()>;

    /// Ends all work and closes the database. Nothing may be called afterwards.
    async fn close(&self);
}
