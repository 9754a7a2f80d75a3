ALTER TABLE organizations ADD COLUMN repo_quota BIGINT;
ALTER TABLE organizations ADD COLUMN repo_count BIGINT NOT NULL DEFAULT 0;

CREATE TABLE repositories (
    id           TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL REFERENCES organizations (id),
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id),
    name         TEXT   NOT NULL,
    name_folded  TEXT   NOT NULL,
    storage_type TEXT   NOT NULL,
    mode         TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    deleted_at   BIGINT
);
CREATE UNIQUE INDEX repositories_by_name ON repositories (org_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX repositories_of_org ON repositories (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX repositories_of_workspace ON repositories (workspace_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX live_repositories ON repositories (id) WHERE deleted_at IS NULL;
CREATE INDEX live_repositories_of_org ON repositories (org_id, id) WHERE deleted_at IS NULL;

-- The places of live buckets in live repositories: what is removed leaves no row.
CREATE TABLE repository_buckets (
    repo_id   TEXT    NOT NULL REFERENCES repositories (id),
    bucket_id TEXT    NOT NULL REFERENCES buckets (id),
    position  BIGINT  NOT NULL,
    folder    TEXT    NOT NULL,
    is_master BOOLEAN NOT NULL,
    PRIMARY KEY (repo_id, bucket_id)
) WITHOUT ROWID;
CREATE INDEX repositories_of_bucket ON repository_buckets (bucket_id, repo_id);

CREATE TABLE repository_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL REFERENCES organizations (id),
    repo_id      TEXT   NOT NULL REFERENCES repositories (id),
    name         TEXT   NOT NULL,
    access       TEXT   NOT NULL,
    access_key   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    sealed_to    TEXT,
    secret       TEXT
);
CREATE UNIQUE INDEX repository_keys_by_access_key ON repository_keys (access_key);
CREATE INDEX keys_of_repository ON repository_keys (repo_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX repository_keys_with_secret ON repository_keys (id) WHERE sealed_to IS NOT NULL;

-- An event is about a bucket or a repository, which `kind` tells.
ALTER TABLE changes RENAME COLUMN bucket_id TO subject_id;
ALTER TABLE changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'BUCKET';

-- A rotation walks over the secrets of repository keys, too.
ALTER TABLE vault_rotation RENAME COLUMN last_bucket TO last_secret;
