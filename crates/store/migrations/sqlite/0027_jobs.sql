-- Jobs for nodes, which may be connected to another control plane than the one that wants the result. All secrets in a
-- task or an outcome are sealed. `taken_at` is NULL until a control plane passes the job to its node. Nobody waits for
-- the outcome after the deadline.
CREATE TABLE jobs (
    id       TEXT NOT NULL PRIMARY KEY,
    node_id  TEXT NOT NULL,
    task     TEXT NOT NULL,
    deadline BIGINT NOT NULL,
    taken_at BIGINT,
    progress TEXT,
    outcome  TEXT
) WITHOUT ROWID;
CREATE INDEX jobs_that_wait ON jobs (node_id, id) WHERE taken_at IS NULL;
CREATE INDEX jobs_by_deadline ON jobs (deadline, id);
