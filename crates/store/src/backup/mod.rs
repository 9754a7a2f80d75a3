//! Backups: one file with everything that a restore needs, whatever engine the registry is in.
//!
//! A backup is a text file with one JSON value per line, so that it can be read without this program:
//!
//! 1. `{"backup": …}`: the version of the format, when the backup began, and its id.
//! 2. `{"spool": …}`: parts of the files with traffic that wasn't reported.
//! 3. `{"registry": …}`: the engine, and the migrations that made the schema.
//! 4. `{"keys": …}`: the key files, encrypted. Missing unless they were asked for.
//! 5. For each table, `{"table": …}`, and then each row as an array. Tables follow those that they refer to.
//! 6. `{"end": …}`: the number of rows, and the SHA-256 of everything before this line.
//!
//! **Order.** The spool is copied before the registry is read. A batch of traffic that was reported in between is then in
//! both, and the control plane recognises it by its number. In the other order, it would be in neither.
//!
//! **Checks.** A restore reads the whole file before it writes anything: a file whose end is missing, or with any changed
//! byte, is refused. The names of tables and columns come from this program's migrations, never from the file.

mod check;
mod error;
mod line;
mod load;
mod reader;
mod schema;
mod writer;

pub use crate::registry_copy::{BackupSource, RestoreTarget};
pub use check::{CheckedBackup, SealedSample, check};
pub use error::BackupError;
pub use line::{BackupHeader, RegistryInfo, SealedKeys};
pub use load::load;
pub use schema::tables_of;
pub use writer::{BackupPace, BackupSummary, BackupWriter};
