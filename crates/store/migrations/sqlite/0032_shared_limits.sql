-- The organization, if the job is one of its validations: how many may be in progress is limited.
ALTER TABLE jobs ADD COLUMN validation_of TEXT;
CREATE INDEX jobs_by_validation ON jobs (validation_of, deadline) WHERE validation_of IS NOT NULL;

-- What failed attempts to enter a password have used of the allowances of accounts, each under a keyed hash of what it is
-- for, until the time at which the allowance is complete again.
CREATE TABLE login_failures (
    hash        TEXT NOT NULL PRIMARY KEY,
    complete_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_failures_by_end ON login_failures (complete_at);
