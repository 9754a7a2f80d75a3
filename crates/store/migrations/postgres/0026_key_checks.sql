-- How far the checks have come that find keys that open more than their buckets. One row.
CREATE TABLE key_check_rounds (
    id        BIGINT NOT NULL PRIMARY KEY,
    began_at  BIGINT NOT NULL,
    new_since BIGINT NOT NULL,
    last_id   TEXT COLLATE "C" NOT NULL
);

-- The keys that open more than their buckets.
CREATE TABLE broad_keys (
    bucket_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    org_id    TEXT COLLATE "C" NOT NULL,
    others    BIGINT NOT NULL,
    since     BIGINT NOT NULL
);
CREATE INDEX broad_keys_of_org ON broad_keys (org_id, since, bucket_id);

-- The minutes in which requests failed at providers, to find the buckets whose requests fail now. With the number of
-- failures, nothing else has to be read.
CREATE INDEX usage_minutes_with_failures ON usage_minutes (org_number, minute, series, provider_errors)
    WHERE provider_errors > 0;
