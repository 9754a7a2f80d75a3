//! The schema of a newer version, as servers find it that weren't upgraded yet.

/// Applies two migrations of newer versions that this version can work with, and records them. `checksum` is in the engine's
/// syntax.
pub(crate) fn two_compatible_migrations(checksum: &str) -> String {
    format!(
        "ALTER TABLE buckets ADD COLUMN colour TEXT; \
         ALTER TABLE audit ADD COLUMN shade BIGINT NOT NULL DEFAULT 3; \
         CREATE INDEX buckets_by_colour ON buckets (colour) WHERE colour IS NOT NULL; \
         CREATE TABLE colours (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL); \
         INSERT INTO colours (id, name) VALUES (1, 'red'); \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (98, 'colours', TRUE, {checksum}, 1), (99, 'from the future', TRUE, {checksum}, 1)"
    )
}

/// Says that the last of them breaks this version.
pub(crate) const BREAK: &str = "UPDATE schema_compatibility SET oldest_program = 99 WHERE id = 1";

/// Whether an error says that a newer version must be used, and which migration is the reason.
pub(crate) fn names_the_remedy(error: &str) -> bool {
    error.contains("newer version") && error.contains("migration 99") && error.contains("run that version")
}
