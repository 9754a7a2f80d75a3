-- What is counted is counted for a series: a node, a bucket and a repository. Each has a number, so that a minute's row
-- and its indexes hold three numbers instead of four texts. Minutes lie in the order in which they come.

CREATE TABLE usage_numbers (
    id          BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
);

CREATE TABLE usage_organizations (
    org_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT           NOT NULL UNIQUE
);

CREATE TABLE usage_series (
    number     BIGINT           NOT NULL PRIMARY KEY,
    node_id    TEXT COLLATE "C" NOT NULL,
    bucket_id  TEXT COLLATE "C" NOT NULL,
    repo_id    TEXT COLLATE "C" NOT NULL,
    org_id     TEXT COLLATE "C" NOT NULL,
    org_number BIGINT           NOT NULL
);
CREATE UNIQUE INDEX usage_series_of_node ON usage_series (node_id, bucket_id, repo_id);
CREATE INDEX usage_series_of_bucket ON usage_series (bucket_id);
CREATE INDEX usage_series_of_repo ON usage_series (repo_id) WHERE repo_id <> '';

INSERT INTO usage_organizations (org_id, number)
    SELECT org_id, ROW_NUMBER() OVER (ORDER BY org_id) FROM (SELECT DISTINCT org_id FROM usage_days WHERE org_id <> '') d;
INSERT INTO usage_series (number, node_id, bucket_id, repo_id, org_id, org_number)
    SELECT ROW_NUMBER() OVER (ORDER BY d.bucket_id, d.node_id, d.repo_id), d.node_id, d.bucket_id, d.repo_id,
        d.org_id, o.number
    FROM (SELECT DISTINCT bucket_id, node_id, repo_id, org_id FROM usage_days) d
    JOIN usage_organizations o ON o.org_id = d.org_id;
INSERT INTO usage_numbers (id, last_number) SELECT 1, MAX(number) FROM usage_series HAVING MAX(number) IS NOT NULL;

CREATE TABLE counted_minutes (
    org_number        BIGINT NOT NULL,
    minute            BIGINT NOT NULL,
    series            BIGINT NOT NULL,
    requests          BIGINT NOT NULL,
    errors            BIGINT NOT NULL,
    reads             BIGINT NOT NULL,
    writes            BIGINT NOT NULL,
    lists             BIGINT NOT NULL,
    provider_errors   BIGINT NOT NULL,
    upload_bytes      BIGINT NOT NULL,
    download_bytes    BIGINT NOT NULL,
    size_change       BIGINT NOT NULL,
    latency_sum_ms    BIGINT NOT NULL,
    first_byte_sum_ms BIGINT NOT NULL,
    PRIMARY KEY (org_number, minute, series)
);
INSERT INTO counted_minutes
    SELECT s.org_number, m.minute, s.number, m.requests, m.errors, m.reads, m.writes, m.lists, m.provider_errors,
        m.upload_bytes, m.download_bytes, m.size_change, m.latency_sum_ms, m.first_byte_sum_ms
    FROM usage_minutes m
    JOIN usage_series s ON s.node_id = m.node_id AND s.bucket_id = m.bucket_id AND s.repo_id = m.repo_id;
DROP TABLE usage_minutes;
ALTER TABLE counted_minutes RENAME TO usage_minutes;
ALTER INDEX counted_minutes_pkey RENAME TO usage_minutes_pkey;
CREATE INDEX usage_minutes_of_series ON usage_minutes (series, minute);

CREATE TABLE counted_days (
    org_number        BIGINT NOT NULL,
    day               BIGINT NOT NULL,
    series            BIGINT NOT NULL,
    requests          BIGINT NOT NULL,
    errors            BIGINT NOT NULL,
    reads             BIGINT NOT NULL,
    writes            BIGINT NOT NULL,
    lists             BIGINT NOT NULL,
    provider_errors   BIGINT NOT NULL,
    upload_bytes      BIGINT NOT NULL,
    download_bytes    BIGINT NOT NULL,
    size_change       BIGINT NOT NULL,
    latency_sum_ms    BIGINT NOT NULL,
    first_byte_sum_ms BIGINT NOT NULL,
    PRIMARY KEY (org_number, day, series)
) WITH (fillfactor = 40);
INSERT INTO counted_days
    SELECT s.org_number, d.day, s.number, d.requests, d.errors, d.reads, d.writes, d.lists, d.provider_errors,
        d.upload_bytes, d.download_bytes, d.size_change, d.latency_sum_ms, d.first_byte_sum_ms
    FROM usage_days d
    JOIN usage_series s ON s.node_id = d.node_id AND s.bucket_id = d.bucket_id AND s.repo_id = d.repo_id;
DROP TABLE usage_days;
ALTER TABLE counted_days RENAME TO usage_days;
ALTER INDEX counted_days_pkey RENAME TO usage_days_pkey;
CREATE INDEX usage_days_of_series ON usage_days (series, day);
