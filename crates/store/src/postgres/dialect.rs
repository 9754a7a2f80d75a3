//! Everything that is specific to PostgreSQL: driver types, how a write begins, how rows are locked, what its error
//! codes mean. The statements in `sql` are plain SQL with `$1` placeholders and use nothing else of the engine.

use crate::StoreError;

/// The driver's marker type.
pub(super) type Db = sqlx::Postgres;
/// A connection.
pub(super) type Connection = sqlx::PgConnection;
/// A row of a result.
pub(super) type Row = sqlx::postgres::PgRow;
/// A statement with its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, sqlx::postgres::PgArguments>;

/// The isolation level is explicit, because a database may have another default.
pub(super) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Ends a statement that reads rows about which the transaction then decides. Takes the table to lock if the
/// statement is a join. `NO KEY`, because rows that only refer to such a row need not wait.
macro_rules! for_update {
    () => {
        " FOR NO KEY UPDATE"
    };
    ($of:literal) => {
        concat!(" FOR NO KEY UPDATE OF ", $of)
    };
}
/// Ends a statement that reads rows which must not be removed before the transaction ends.
macro_rules! for_share {
    () => {
        " FOR SHARE"
    };
}
/// The time of the database's clock, in microseconds.
macro_rules! lease_now {
    () => {
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"
    };
}
/// Whether a lease that lasts `$3` microseconds can be acquired: its holder renews it, or it has expired, or its end is so
/// far ahead that it comes from a wrong clock.
macro_rules! lease_is_free {
    () => {
        "leases.holder = excluded.holder \
         OR leases.expires_at <= (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT \
         OR leases.expires_at > excluded.expires_at + $3"
    };
}
pub(super) use {for_share, for_update, lease_is_free, lease_now};

/// Makes transactions that store change events commit in the order of the events' numbers: a node that has read up
/// to a number must never miss a lower one that is committed later. The key of the lock is arbitrary, but nothing
/// else here locks it.
pub(super) const ORDER_CHANGES: Option<&str> = Some("SELECT pg_advisory_xact_lock(4780332971)");

/// The name of the channel for signals. Other schemas of the database have other channels.
pub(super) const CHANNEL: &str = "SELECT 'bucketry_' || current_schema()::regnamespace::oid::text";

/// Like [`ORDER_CHANGES`], and sends a signal to other processes with the commit.
pub(super) const ORDER_AND_SIGNAL: Option<&str> = Some(
    "SELECT pg_advisory_xact_lock(4780332971), \
     pg_notify('bucketry_' || current_schema()::regnamespace::oid::text, $1)",
);

/// Sends a signal to other processes with the commit.
pub(super) const SIGNAL: Option<&str> =
    Some("SELECT pg_notify('bucketry_' || current_schema()::regnamespace::oid::text, $1)");

/// Raises the number that other processes see.
pub(super) const RAISE_GENERATION: Option<&str> = Some(
    "INSERT INTO generations (org_id, number) VALUES ($1, 1) \
     ON CONFLICT (org_id) DO UPDATE SET number = generations.number + 1",
);

/// A part of a merged list. Each part has its own order and limit, because a part that is a join would otherwise be
/// read completely and sorted.
pub(super) fn part_of_union(select: &str, order_and_limit: &str) -> String {
    format!("({select}{order_and_limit})")
}

/// The engine's name in backups.
pub(super) const ENGINE: &str = "postgresql";

/// Begins a transaction that sees what was committed before its first read. A large table takes longer to read than other
/// statements may take.
pub(super) const BEGIN_SNAPSHOT: &[&str] = &[
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
];

/// Returns a row if migrations were applied to this database.
pub(super) const FIND_MIGRATIONS: &str = "SELECT 1 FROM pg_class c WHERE c.relname = '_sqlx_migrations' \
    AND c.relnamespace = current_schema()::regnamespace";

/// Removes all rows of these tables, of which each follows those that it refers to.
pub(super) fn clear(tables: &[&str]) -> Vec<String> {
    vec![format!("TRUNCATE {}", tables.join(", "))]
}

/// Returns a row if a transfer into this database was begun and not finished.
pub(super) const FIND_TRANSFER: &str = "SELECT 1 FROM pg_class c WHERE c.relname = 'unfinished_transfer' \
    AND c.relnamespace = current_schema()::regnamespace";

/// Continues the numbers after those of the source, and updates the planner's statistics.
pub(super) const AFTER_TRANSFER: &[&str] = &[
    "SELECT setval(pg_get_serial_sequence('changes', 'sequence'), GREATEST(1, \
     (SELECT MAX(c.sequence) FROM changes c), (SELECT p.purged_through FROM changes_purged p WHERE p.id = 1)))",
    "SELECT setval(pg_get_serial_sequence('audit', 'id'), GREATEST(1, (SELECT MAX(a.id) FROM audit a)))",
    "ANALYZE",
];

/// Maps an error of the driver to what it means for the store's callers.
pub(super) fn error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::Database(database) => match meaning(&database.code().unwrap_or_default()) {
            Meaning::DiskFull => StoreError::DiskFull(Box::new(error)),
            Meaning::ReadOnly => StoreError::ReadOnly(Box::new(error)),
            Meaning::Unavailable => StoreError::Unavailable(Box::new(error)),
            Meaning::Damaged => StoreError::Damaged(database.message().to_owned()),
            Meaning::Schema => StoreError::Schema(format!("{}: was it changed by hand?", database.message())),
            Meaning::Statement => StoreError::Statement(Box::new(error)),
        },
        E::Io(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            StoreError::Unavailable(Box::new(MissingFile))
        }
        E::Io(_) | E::Tls(_) => match untrusted(&error) {
            Some(untrusted) => StoreError::Unavailable(Box::new(untrusted)),
            None => StoreError::Unavailable(Box::new(error)),
        },
        E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) | E::BeginFailed => {
            StoreError::Unavailable(Box::new(error))
        }
        E::ColumnDecode { index, .. } => StoreError::Damaged(format!("column {index}")),
        _ => StoreError::Statement(Box::new(error)),
    }
}

/// Only files are reported as "not found". Network errors have other kinds.
#[derive(Debug, thiserror::Error)]
#[error(
    "a file that the database address names doesn't exist: sslrootcert, sslcert, sslkey, or the server's socket"
)]
struct MissingFile;

/// The server's certificate doesn't prove that it is the server that the address names.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server's certificate is not trusted ({0}): name its authority with sslrootcert=FILE, and use a host name that \
     the certificate contains"
)]
struct Untrusted(String);

fn untrusted(error: &sqlx::Error) -> Option<Untrusted> {
    let response = error.to_string();
    // The driver passes on the message of its TLS library, and only as text.
    let (_, reason) = response.split_once("invalid peer certificate: ")?;
    Some(Untrusted(reason.to_owned()))
}

#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    DiskFull,
    ReadOnly,
    Unavailable,
    Damaged,
    Schema,
    Statement,
}

/// Classifies a SQLSTATE, as listed in PostgreSQL's "Error Codes".
fn meaning(code: &str) -> Meaning {
    match code {
        // disk_full
        "53100" => Meaning::DiskFull,
        // read_only_sql_transaction
        "25006" => Meaning::ReadOnly,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Meaning::Damaged,
        // undefined_table, undefined_column, undefined_function, invalid_schema_name
        "42P01" | "42703" | "42883" | "3F000" => Meaning::Schema,
        // serialization_failure, deadlock_detected, lock_not_available, io_error,
        // idle_in_transaction_session_timeout, invalid_catalog_name, insufficient_privilege. too_many_connections
        // is in class 53.
        "40001" | "40P01" | "55P03" | "58030" | "25P03" | "3D000" | "42501" => Meaning::Unavailable,
        _ => match code.get(..2) {
            // connection_exception, invalid_authorization, insufficient_resources, operator_intervention
            Some("08" | "28" | "53" | "57") => Meaning::Unavailable,
            _ => Meaning::Statement,
        },
    }
}

/// Whether a unique index rejected the statement.
pub(super) fn is_unique_violation(error: &StoreError) -> bool {
    let StoreError::Statement(source) = error else { return false };
    source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_as_unavailable() {
        // Shut down, starting up, too many connections, statement too slow, deadlock, disconnected.
        for code in ["57P01", "57P03", "53300", "57014", "40P01", "08006"] {
            assert_eq!(meaning(code), Meaning::Unavailable, "{code}");
        }
        assert_eq!(meaning("53100"), Meaning::DiskFull);
        assert_eq!(meaning("42P01"), Meaning::Schema);
        assert_eq!(meaning("23505"), Meaning::Statement);
        assert_eq!(meaning(""), Meaning::Statement);
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_told_with_what_to_do() {
        let response = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let StoreError::Unavailable(response) = super::error(sqlx::Error::Io(response)) else {
            panic!("another error")
        };
        let response = response.to_string();
        assert!(response.contains("(UnknownIssuer)") && response.contains("sslrootcert"), "{response}");
        let other = super::error(sqlx::Error::Io(std::io::Error::other("reset")));
        assert!(!format!("{other:?}").contains("sslrootcert"));
    }
}
