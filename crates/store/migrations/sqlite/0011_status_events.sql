-- Since when a bucket has the status that a node reports. NULL for reports from before this migration.
ALTER TABLE bucket_words ADD COLUMN since BIGINT;

-- A change of a bucket's status at a node. The number orders events of the same time.
CREATE TABLE status_events (
    number       BIGINT NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL,
    workspace_id TEXT   NOT NULL,
    bucket_id    TEXT   NOT NULL,
    node_id      TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    from_status  TEXT,
    to_status    TEXT   NOT NULL,
    failure      TEXT,
    version      BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX status_events_of_org ON status_events (org_id, at, number);
CREATE INDEX status_events_of_workspace ON status_events (workspace_id, at, number);
CREATE INDEX status_events_of_bucket ON status_events (bucket_id, at, number);
CREATE INDEX status_events_by_time ON status_events (at);

CREATE TABLE event_numbers (
    id          BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
) WITHOUT ROWID;

-- The last diagnosis of a bucket.
CREATE TABLE diagnoses (
    bucket_id TEXT   NOT NULL PRIMARY KEY,
    node_id   TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    version   BIGINT NOT NULL,
    checks    TEXT   NOT NULL
) WITHOUT ROWID;

-- Uptime and latencies of each hour of the day, as text.
ALTER TABLE day_records ADD COLUMN hours TEXT;
