-- Ids are the text of UUIDs, times are microseconds since 1970, days are numbered from 1970-01-01, enums are their
-- names on the wire, and what has an inner structure is JSON or the text that the domain gives it.

CREATE TABLE organizations (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    bucket_quota BIGINT,
    bucket_count BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX organizations_by_age ON organizations (created_at, id);

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    org_id        TEXT    NOT NULL REFERENCES organizations (id),
    email         TEXT    NOT NULL,
    email_folded  TEXT    NOT NULL,
    first_name    TEXT    NOT NULL,
    last_name     TEXT    NOT NULL,
    org_role      BIGINT  NOT NULL,
    validated     BOOLEAN NOT NULL,
    password_hash TEXT,
    created_at    BIGINT  NOT NULL,
    deleted_at    BIGINT
);
CREATE UNIQUE INDEX users_by_email ON users (email_folded) WHERE deleted_at IS NULL;
CREATE INDEX users_of_org ON users (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_role ON users (org_id, org_role) WHERE deleted_at IS NULL;

CREATE TABLE workspaces (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT   NOT NULL REFERENCES organizations (id),
    name       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX workspaces_of_org ON workspaces (org_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE memberships (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id),
    user_id      TEXT   NOT NULL REFERENCES users (id),
    role         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
) WITHOUT ROWID;
CREATE INDEX memberships_of_user ON memberships (user_id, workspace_id);

CREATE TABLE tokens (
    id                 TEXT   NOT NULL PRIMARY KEY,
    org_id             TEXT   NOT NULL REFERENCES organizations (id),
    user_id            TEXT   NOT NULL REFERENCES users (id),
    kind               TEXT   NOT NULL,
    name               TEXT   NOT NULL,
    scope_workspace_id TEXT,
    scope_role         TEXT,
    api_hash           TEXT,
    created_at         BIGINT NOT NULL,
    last_used_at       BIGINT,
    expires_at         BIGINT,
    revoked_at         BIGINT
);
CREATE UNIQUE INDEX tokens_by_hash ON tokens (api_hash) WHERE api_hash IS NOT NULL;
CREATE INDEX tokens_of_user ON tokens (user_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_of_workspace ON tokens (scope_workspace_id) WHERE scope_workspace_id IS NOT NULL;
CREATE INDEX tokens_by_end ON tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tokens_by_revocation ON tokens (revoked_at) WHERE revoked_at IS NOT NULL;

-- Every refresh token a session ever had, so that a copy of a former one is recognised.
CREATE TABLE refresh_tokens (
    hash       TEXT    NOT NULL PRIMARY KEY,
    token_id   TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    is_current BOOLEAN NOT NULL,
    expires_at BIGINT
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (token_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE buckets (
    id           TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL REFERENCES organizations (id),
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id),
    name         TEXT   NOT NULL,
    name_folded  TEXT   NOT NULL,
    storage_type TEXT   NOT NULL,
    bucket       TEXT   NOT NULL,
    access_key   TEXT,
    endpoint     TEXT,
    region       TEXT,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    deleted_at   BIGINT,
    sealed_to    TEXT,
    secret       TEXT
);
CREATE UNIQUE INDEX buckets_by_name ON buckets (org_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX buckets_of_org ON buckets (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX buckets_of_workspace ON buckets (workspace_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX live_buckets ON buckets (id) WHERE deleted_at IS NULL;
CREATE INDEX live_buckets_of_org ON buckets (org_id, id) WHERE deleted_at IS NULL;
CREATE INDEX buckets_with_secret ON buckets (id) WHERE sealed_to IS NOT NULL;

-- Events are only ever removed from the lowest number upwards; `purged_through` is the highest removed one.
CREATE TABLE changes (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id    TEXT   NOT NULL,
    bucket_id TEXT   NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX changes_of_org ON changes (org_id, sequence);
CREATE TABLE changes_purged (
    id             BIGINT NOT NULL PRIMARY KEY,
    purged_through BIGINT NOT NULL
);
INSERT INTO changes_purged (id, purged_through) VALUES (1, 0);

CREATE TABLE nodes (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT,
    name       TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    provider   TEXT   NOT NULL,
    version    TEXT   NOT NULL,
    recipients TEXT   NOT NULL,
    key_id     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX nodes_by_name ON nodes (name) WHERE removed_at IS NULL;
CREATE INDEX nodes_ever_by_name ON nodes (name);

CREATE TABLE node_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    org_id     TEXT   REFERENCES organizations (id),
    public_key TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX node_keys_of_org ON node_keys (org_id, created_at, id);

-- The last word of each registered node on each live bucket.
CREATE TABLE bucket_words (
    bucket_id  TEXT   NOT NULL,
    node_id    TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    latency_ms BIGINT,
    at         BIGINT NOT NULL,
    PRIMARY KEY (bucket_id, node_id)
) WITHOUT ROWID;
CREATE INDEX bucket_words_of_node ON bucket_words (node_id);

CREATE TABLE day_records (
    bucket_id         TEXT   NOT NULL,
    day               BIGINT NOT NULL,
    node_id           TEXT   NOT NULL,
    observed_us       BIGINT NOT NULL,
    online_us         BIGINT NOT NULL,
    probes            BIGINT NOT NULL,
    failures          BIGINT NOT NULL,
    latency_sum_ms    BIGINT NOT NULL,
    latencies         TEXT   NOT NULL,
    last_at           BIGINT,
    last_status       TEXT,
    last_latency_ms   BIGINT,
    last_sample_failure TEXT,
    last_failure      TEXT,
    PRIMARY KEY (bucket_id, day, node_id)
) WITHOUT ROWID;
CREATE INDEX day_records_by_day ON day_records (day);

-- `repo_id` is empty for requests that came through no repository.
CREATE TABLE usage_minutes (
    bucket_id      TEXT   NOT NULL,
    minute         BIGINT NOT NULL,
    node_id        TEXT   NOT NULL,
    repo_id        TEXT   NOT NULL,
    requests       BIGINT NOT NULL,
    errors         BIGINT NOT NULL,
    upload_bytes   BIGINT NOT NULL,
    download_bytes BIGINT NOT NULL,
    size_change    BIGINT NOT NULL,
    latency_sum_ms BIGINT NOT NULL,
    PRIMARY KEY (bucket_id, minute, node_id, repo_id)
) WITHOUT ROWID;
CREATE INDEX usage_minutes_by_minute ON usage_minutes (minute);

CREATE TABLE usage_days (
    bucket_id      TEXT   NOT NULL,
    day            BIGINT NOT NULL,
    node_id        TEXT   NOT NULL,
    repo_id        TEXT   NOT NULL,
    requests       BIGINT NOT NULL,
    errors         BIGINT NOT NULL,
    upload_bytes   BIGINT NOT NULL,
    download_bytes BIGINT NOT NULL,
    size_change    BIGINT NOT NULL,
    latency_sum_ms BIGINT NOT NULL,
    PRIMARY KEY (bucket_id, day, node_id, repo_id)
) WITHOUT ROWID;

CREATE TABLE usage_totals (
    bucket_id      TEXT   NOT NULL PRIMARY KEY,
    requests       BIGINT NOT NULL,
    upload_bytes   BIGINT NOT NULL,
    download_bytes BIGINT NOT NULL,
    size_change    BIGINT NOT NULL
) WITHOUT ROWID;

-- How far each node's spools were counted.
CREATE TABLE usage_spools (
    node_id     TEXT   NOT NULL,
    spool       TEXT   NOT NULL,
    last_number BIGINT NOT NULL,
    counted_at  BIGINT NOT NULL,
    PRIMARY KEY (node_id, spool)
) WITHOUT ROWID;

CREATE TABLE vault_rotation (
    id          BIGINT NOT NULL PRIMARY KEY,
    phase       TEXT   NOT NULL,
    last_bucket TEXT,
    total       BIGINT NOT NULL,
    done        BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE requests (
    user_id     TEXT   NOT NULL,
    route       TEXT   NOT NULL,
    request_key TEXT   NOT NULL,
    body_hash   TEXT   NOT NULL,
    begun_at    BIGINT NOT NULL,
    status      BIGINT,
    body        TEXT,
    PRIMARY KEY (user_id, route, request_key)
) WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (begun_at);
