-- Who did what, when and from where: a record is stored in the transaction of the change that it describes. Records
-- are never changed, and removed only when they are older than the operator wants to retain them.
-- `kind` and `action` are the numbers of `model::audit`. `status` and `code` are NULL if the action was done.
-- `repeats` is the number of equal refusals that a record stands for.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id       TEXT,
    at           BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    user_id      TEXT,
    actor_name   TEXT,
    token_id     TEXT,
    address      TEXT,
    request_id   TEXT,
    kind         BIGINT NOT NULL,
    action       BIGINT NOT NULL,
    target_id    TEXT,
    target_name  TEXT,
    workspace_id TEXT,
    status       BIGINT,
    code         TEXT,
    repeats      BIGINT NOT NULL,
    state_before TEXT,
    state_after  TEXT
);
CREATE INDEX audit_of_org ON audit (org_id, at, id);
CREATE INDEX audit_of_kind ON audit (org_id, kind, at, id);
CREATE INDEX audit_of_user ON audit (org_id, user_id, at, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_of_target ON audit (org_id, target_id, at, id) WHERE target_id IS NOT NULL;
CREATE INDEX audit_of_workspace ON audit (org_id, workspace_id, at, id) WHERE workspace_id IS NOT NULL;
CREATE INDEX audit_refused ON audit (org_id, at, id) WHERE status IS NOT NULL;

-- The system events that a user has marked as read.
CREATE TABLE audit_reads (
    audit_id BIGINT NOT NULL REFERENCES audit (id) ON DELETE CASCADE,
    user_id  TEXT   NOT NULL,
    PRIMARY KEY (audit_id, user_id)
) WITHOUT ROWID;

-- How far the records were written to a log outside of the database.
CREATE TABLE audit_streams (
    name     TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
) WITHOUT ROWID;
