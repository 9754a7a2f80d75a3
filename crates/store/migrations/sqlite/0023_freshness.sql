-- How old the newest object under a prefix may be, and what the last check found. Ages are seconds.
CREATE TABLE freshness_rules (
    bucket_id       TEXT NOT NULL,
    prefix          TEXT NOT NULL,
    org_id          TEXT NOT NULL,
    min_bytes       BIGINT NOT NULL,
    max_age_seconds BIGINT NOT NULL,
    set_at          BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    checked_at      BIGINT,
    newest_at       BIGINT,
    stale_since     BIGINT,
    error           TEXT,
    PRIMARY KEY (bucket_id, prefix)
) WITHOUT ROWID;
CREATE INDEX freshness_rules_due ON freshness_rules (due_at);
CREATE INDEX freshness_rules_stale_of_org ON freshness_rules (org_id, stale_since) WHERE stale_since IS NOT NULL;

-- The multipart uploads of buckets that nobody completed, as the last inventory found them.
CREATE TABLE abandoned_uploads (
    bucket_id   TEXT NOT NULL PRIMARY KEY,
    org_id      TEXT NOT NULL,
    uploads     BIGINT NOT NULL,
    oldest_at   BIGINT NOT NULL,
    bytes       BIGINT,
    is_complete BOOLEAN NOT NULL,
    found_at    BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX abandoned_uploads_of_org ON abandoned_uploads (org_id, oldest_at);
