-- How full buckets are. Schedules and states are JSON, as the domain writes it.

-- Organizations with a schedule for all their buckets that have no setting of their own. The buckets up to the planned
-- one have a row in inventory_walks. is_planned says that this was true for all buckets once since the schedule changed.
CREATE TABLE inventory_schedules (
    org_id     TEXT   NOT NULL PRIMARY KEY,
    schedule   TEXT   NOT NULL,
    planned_at BIGINT NOT NULL,
    planned_id TEXT   NOT NULL,
    is_planned BOOLEAN NOT NULL
) WITHOUT ROWID;

-- A bucket's own setting, when something is to be done about it (a walk begins, continues or counts as interrupted),
-- and the walk that is in progress.
CREATE TABLE inventory_walks (
    bucket_id  TEXT    NOT NULL PRIMARY KEY,
    org_id     TEXT    NOT NULL,
    setting    TEXT,
    due_at     BIGINT,
    requested  BOOLEAN NOT NULL,
    started_at BIGINT,
    node_id    TEXT,
    saved_at   BIGINT,
    state      TEXT,
    failures   BIGINT  NOT NULL,
    error      TEXT,
    error_at   BIGINT
);
CREATE INDEX inventory_walks_due ON inventory_walks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX inventory_walks_due_of_org ON inventory_walks (org_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX inventory_walks_of_node ON inventory_walks (node_id) WHERE node_id IS NOT NULL;

-- The latest results, complete.
CREATE TABLE inventories (
    bucket_id   TEXT   NOT NULL,
    finished_at BIGINT NOT NULL,
    result      TEXT   NOT NULL,
    PRIMARY KEY (bucket_id, finished_at)
) WITHOUT ROWID;

-- What lists show of the latest result, and the traffic's size change that was counted until then.
CREATE TABLE bucket_sizes (
    bucket_id   TEXT   NOT NULL PRIMARY KEY,
    objects     BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    measured_at BIGINT NOT NULL,
    size_change BIGINT NOT NULL
) WITHOUT ROWID;
