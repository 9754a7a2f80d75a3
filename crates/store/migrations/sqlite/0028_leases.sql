-- Which control plane does what only one may do at a time. The token grows whenever the lease changes hands, so that the
-- writes of a former holder can be refused. Times are those of the database's clock, in microseconds. The table
-- notification_watch, which said the same for notifications only, isn't used any more.
CREATE TABLE leases (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    token      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
