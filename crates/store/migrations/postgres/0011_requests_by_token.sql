-- A request that may arrive twice is remembered under the token that it came with: another token of the same user may be
-- allowed less. Older entries don't say which token they came with, and would be removed within a day: they go now.
DROP TABLE requests;
CREATE TABLE requests (
    token_id    TEXT COLLATE "C"  NOT NULL,
    route       TEXT COLLATE "C"  NOT NULL,
    request_key TEXT COLLATE "C"  NOT NULL,
    body_hash   TEXT COLLATE "C"  NOT NULL,
    begun_at    BIGINT            NOT NULL,
    status      BIGINT,
    body        TEXT COLLATE "C",
    PRIMARY KEY (token_id, route, request_key)
);
CREATE INDEX requests_by_age ON requests (begun_at);
