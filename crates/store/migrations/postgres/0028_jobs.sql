-- Jobs for nodes, which may be connected to another control plane than the one that wants the result. All secrets in a
-- task or an outcome are sealed. `taken_at` is NULL until a control plane passes the job to its node. Nobody waits for
-- the outcome after the deadline.
CREATE TABLE jobs (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    node_id  TEXT COLLATE "C" NOT NULL,
    task     TEXT NOT NULL,
    deadline BIGINT NOT NULL,
    taken_at BIGINT,
    progress TEXT,
    outcome  TEXT
);
CREATE INDEX jobs_that_wait ON jobs (node_id, id) WHERE taken_at IS NULL;
CREATE INDEX jobs_by_deadline ON jobs (deadline, id);

-- Validations that are followed check by check, so that every control plane can show their progress. `state` is JSON.
CREATE TABLE validations (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    org_id      TEXT COLLATE "C" NOT NULL,
    revision    BIGINT NOT NULL,
    state       TEXT NOT NULL,
    valid_until BIGINT NOT NULL
);
CREATE INDEX validations_of_org ON validations (org_id, id);
CREATE INDEX validations_by_end ON validations (valid_until, id);
