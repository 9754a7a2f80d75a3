-- A request that may arrive twice is remembered under the token that it came with: another token of the same user may be
-- allowed less. Older entries don't say which token they came with, and would be removed within a day: they go now.
DROP TABLE requests;
CREATE TABLE requests (
    token_id    TEXT   NOT NULL,
    route       TEXT   NOT NULL,
    request_key TEXT   NOT NULL,
    body_hash   TEXT   NOT NULL,
    begun_at    BIGINT NOT NULL,
    status      BIGINT,
    body        TEXT,
    PRIMARY KEY (token_id, route, request_key)
) WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (begun_at);
