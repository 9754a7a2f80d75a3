-- Ids are the text of UUIDs, times are microseconds since 1970, days are numbered from 1970-01-01, enums are their
-- names on the wire, and what has an inner structure is JSON or the text that the domain gives it. Texts are compared
-- byte by byte (`COLLATE "C"`), as the program itself does it when it merges lists.

CREATE TABLE organizations (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    bucket_quota BIGINT,
    bucket_count BIGINT           NOT NULL,
    created_at   BIGINT           NOT NULL
);
CREATE INDEX organizations_by_age ON organizations (created_at, id);

CREATE TABLE users (
    id            TEXT COLLATE "C"  NOT NULL PRIMARY KEY,
    org_id        TEXT COLLATE "C"  NOT NULL REFERENCES organizations (id),
    email         TEXT COLLATE "C"  NOT NULL,
    email_folded  TEXT COLLATE "C"  NOT NULL,
    first_name    TEXT COLLATE "C"  NOT NULL,
    last_name     TEXT COLLATE "C"  NOT NULL,
    org_role      BIGINT            NOT NULL,
    validated     BOOLEAN           NOT NULL,
    password_hash TEXT COLLATE "C",
    created_at    BIGINT            NOT NULL,
    deleted_at    BIGINT
);
CREATE UNIQUE INDEX users_by_email ON users (email_folded) WHERE deleted_at IS NULL;
CREATE INDEX users_of_org ON users (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_role ON users (org_id, org_role) WHERE deleted_at IS NULL;

CREATE TABLE workspaces (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    org_id     TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    name       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX workspaces_of_org ON workspaces (org_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE memberships (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    role         TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT           NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_of_user ON memberships (user_id, workspace_id);

CREATE TABLE tokens (
    id                 TEXT COLLATE "C"  NOT NULL PRIMARY KEY,
    org_id             TEXT COLLATE "C"  NOT NULL REFERENCES organizations (id),
    user_id            TEXT COLLATE "C"  NOT NULL REFERENCES users (id),
    kind               TEXT COLLATE "C"  NOT NULL,
    name               TEXT COLLATE "C"  NOT NULL,
    scope_workspace_id TEXT COLLATE "C",
    scope_role         TEXT COLLATE "C",
    api_hash           TEXT COLLATE "C",
    created_at         BIGINT            NOT NULL,
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
    hash       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_id   TEXT COLLATE "C" NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    is_current BOOLEAN          NOT NULL,
    expires_at BIGINT
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (token_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE buckets (
    id           TEXT COLLATE "C"  NOT NULL PRIMARY KEY,
    org_id       TEXT COLLATE "C"  NOT NULL REFERENCES organizations (id),
    workspace_id TEXT COLLATE "C"  NOT NULL REFERENCES workspaces (id),
    name         TEXT COLLATE "C"  NOT NULL,
    name_folded  TEXT COLLATE "C"  NOT NULL,
    storage_type TEXT COLLATE "C"  NOT NULL,
    bucket       TEXT COLLATE "C"  NOT NULL,
    access_key   TEXT COLLATE "C",
    endpoint     TEXT COLLATE "C",
    region       TEXT COLLATE "C",
    version      BIGINT            NOT NULL,
    created_at   BIGINT            NOT NULL,
    updated_at   BIGINT            NOT NULL,
    deleted_at   BIGINT,
    sealed_to    TEXT COLLATE "C",
    secret       TEXT COLLATE "C"
);
CREATE UNIQUE INDEX buckets_by_name ON buckets (org_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX buckets_of_org ON buckets (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX buckets_of_workspace ON buckets (workspace_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX live_buckets ON buckets (id) WHERE deleted_at IS NULL;
CREATE INDEX live_buckets_of_org ON buckets (org_id, id) WHERE deleted_at IS NULL;
CREATE INDEX buckets_with_secret ON buckets (id) WHERE sealed_to IS NOT NULL;

-- Events are only ever removed from the lowest number upwards; `purged_through` is the highest removed one.
CREATE TABLE changes (
    sequence  BIGINT           GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    org_id    TEXT COLLATE "C" NOT NULL,
    bucket_id TEXT COLLATE "C" NOT NULL,
    at        BIGINT           NOT NULL
);
CREATE INDEX changes_of_org ON changes (org_id, sequence);
CREATE TABLE changes_purged (
    id             BIGINT NOT NULL PRIMARY KEY,
    purged_through BIGINT NOT NULL
);
INSERT INTO changes_purged (id, purged_through) VALUES (1, 0);

CREATE TABLE nodes (
    id         TEXT COLLATE "C"  NOT NULL PRIMARY KEY,
    org_id     TEXT COLLATE "C",
    name       TEXT COLLATE "C"  NOT NULL,
    region     TEXT COLLATE "C"  NOT NULL,
    provider   TEXT COLLATE "C"  NOT NULL,
    version    TEXT COLLATE "C"  NOT NULL,
    recipients TEXT COLLATE "C"  NOT NULL,
    key_id     TEXT COLLATE "C"  NOT NULL,
    created_at BIGINT            NOT NULL,
    last_seen  BIGINT            NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX nodes_by_name ON nodes (name) WHERE removed_at IS NULL;
CREATE INDEX nodes_ever_by_name ON nodes (name);

CREATE TABLE node_keys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    org_id     TEXT COLLATE "C" REFERENCES organizations (id),
    public_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL
);
CREATE INDEX node_keys_of_org ON node_keys (org_id, created_at, id);

-- The last word of each registered node on each live bucket.
CREATE TABLE bucket_words (
    bucket_id  TEXT COLLATE "C" NOT NULL,
    node_id    TEXT COLLATE "C" NOT NULL,
    status     TEXT COLLATE "C" NOT NULL,
    latency_ms BIGINT,
    at         BIGINT           NOT NULL,
    PRIMARY KEY (bucket_id, node_id)
);
CREATE INDEX bucket_words_of_node ON bucket_words (node_id);

CREATE TABLE day_records (
    bucket_id           TEXT COLLATE "C"  NOT NULL,
    day                 BIGINT            NOT NULL,
    node_id             TEXT COLLATE "C"  NOT NULL,
    observed_us         BIGINT            NOT NULL,
    online_us           BIGINT            NOT NULL,
    probes              BIGINT            NOT NULL,
    failures            BIGINT            NOT NULL,
    latency_sum_ms      BIGINT            NOT NULL,
    latencies           TEXT COLLATE "C"  NOT NULL,
    last_at             BIGINT,
    last_status         TEXT COLLATE "C",
    last_latency_ms     BIGINT,
    last_sample_failure TEXT COLLATE "C",
    last_failure        TEXT COLLATE "C",
    PRIMARY KEY (bucket_id, day, node_id)
);
CREATE INDEX day_records_by_day ON day_records (day);

-- `repo_id` is empty for requests that came through no repository.
CREATE TABLE usage_minutes (
    bucket_id      TEXT COLLATE "C" NOT NULL,
    minute         BIGINT           NOT NULL,
    node_id        TEXT COLLATE "C" NOT NULL,
    repo_id        TEXT COLLATE "C" NOT NULL,
    requests       BIGINT           NOT NULL,
    errors         BIGINT           NOT NULL,
    upload_bytes   BIGINT           NOT NULL,
    download_bytes BIGINT           NOT NULL,
    size_change    BIGINT           NOT NULL,
    latency_sum_ms BIGINT           NOT NULL,
    PRIMARY KEY (bucket_id, minute, node_id, repo_id)
);
CREATE INDEX usage_minutes_by_minute ON usage_minutes (minute);

CREATE TABLE usage_days (
    bucket_id      TEXT COLLATE "C" NOT NULL,
    day            BIGINT           NOT NULL,
    node_id        TEXT COLLATE "C" NOT NULL,
    repo_id        TEXT COLLATE "C" NOT NULL,
    requests       BIGINT           NOT NULL,
    errors         BIGINT           NOT NULL,
    upload_bytes   BIGINT           NOT NULL,
    download_bytes BIGINT           NOT NULL,
    size_change    BIGINT           NOT NULL,
    latency_sum_ms BIGINT           NOT NULL,
    PRIMARY KEY (bucket_id, day, node_id, repo_id)
);

CREATE TABLE usage_totals (
    bucket_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    requests       BIGINT           NOT NULL,
    upload_bytes   BIGINT           NOT NULL,
    download_bytes BIGINT           NOT NULL,
    size_change    BIGINT           NOT NULL
);

-- How far each node's spools were counted.
CREATE TABLE usage_spools (
    node_id     TEXT COLLATE "C" NOT NULL,
    spool       TEXT COLLATE "C" NOT NULL,
    last_number BIGINT           NOT NULL,
    counted_at  BIGINT           NOT NULL,
    PRIMARY KEY (node_id, spool)
);

CREATE TABLE vault_rotation (
    id          BIGINT            NOT NULL PRIMARY KEY,
    phase       TEXT COLLATE "C"  NOT NULL,
    last_bucket TEXT COLLATE "C",
    total       BIGINT            NOT NULL,
    done        BIGINT            NOT NULL,
    failed      BIGINT            NOT NULL,
    started_at  BIGINT            NOT NULL,
    finished_at BIGINT
);

CREATE TABLE requests (
    user_id     TEXT COLLATE "C"  NOT NULL,
    route       TEXT COLLATE "C"  NOT NULL,
    request_key TEXT COLLATE "C"  NOT NULL,
    body_hash   TEXT COLLATE "C"  NOT NULL,
    begun_at    BIGINT            NOT NULL,
    status      BIGINT,
    body        TEXT COLLATE "C",
    PRIMARY KEY (user_id, route, request_key)
);
CREATE INDEX requests_by_age ON requests (begun_at);

-- Raised with every change of an organization's buckets, for other processes on this database; the empty text stands for
-- all organizations.
CREATE TABLE generations (
    org_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT           NOT NULL
) WITH (fillfactor = 50);
