//! Seals secrets to the public keys of nodes, opens them, and signs and verifies node messages. `docs/vault.md`
//! describes the formats.
//!
//! - [`seal()`] and [`open`]: secrets as age files, each bound to the record that it belongs to.
//! - [`Identities`]: a node's private keys, in a file that the `age` tool can read.
//! - [`write_sealed_file`] and [`read_sealed_file`]: what a node stores for itself.
//! - [`NodeSigningKey`] and [`NodeVerifyingKey`]: prove who sent a message; [`message`] defines which bytes are
//!   signed.
//!
//! **Invariant:** sealing needs only public keys. Nothing here uses a network or a database, and no error contains
//! a secret.

mod error;
mod identities;
mod key_files;
pub mod message;
mod node_key;
mod private_file;
mod recipient;
mod seal;
mod sealed_file;

pub use error::VaultError;
pub use identities::Identities;
pub use key_files::KeyFiles;
pub use node_key::{NodeSigningKey, NodeVerifyingKey};
pub use private_file::is_exposed as is_key_file_exposed;
pub use recipient::{Recipient, fingerprint};
pub use seal::{SecretContext, open, opens, seal};
pub use sealed_file::{read_sealed_file, write_sealed_file};
