//! Keeps secrets from everyone but the nodes that need them: seals them to nodes' public keys, opens them, and signs
//! what nodes say. `docs/vault.md` describes the formats.
//!
//! - [`seal()`] and [`open`]: provider secrets, as age files bound to the record that they belong to.
//! - [`Identities`]: a node's private keys, in the file that the `age` tool reads.
//! - [`NodeSigningKey`] and [`NodeVerifyingKey`]: who a message comes from; [`message`] says over which bytes.
//!
//! **Invariant:** sealing needs public keys only. Nothing here talks to a network or a database, and no error holds
//! a secret.

mod error;
mod identities;
pub mod message;
mod node_key;
mod private_file;
mod recipient;
mod seal;

pub use error::VaultError;
pub use identities::Identities;
pub use node_key::{NodeSigningKey, NodeVerifyingKey};
pub use recipient::{Recipient, fingerprint};
pub use seal::{SecretContext, open, seal};
