-- What is counted is counted for a series: a node, a bucket and a repository. Each has a number, so that a minute's row
-- and its indexes hold three numbers instead of five texts. Minutes lie in the order in which they come. A series' own row
-- holds its latest day, which is still being counted, and its totals: a report changes one row a series, and adds one a
-- minute. What is behind the latest day is in usage_days.

CREATE TABLE usage_numbers (
    id          BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
);

CREATE TABLE usage_organizations (
    org_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT           NOT NULL UNIQUE
);

CREATE TABLE usage_series (
    number               BIGINT           NOT NULL PRIMARY KEY,
    node_id              TEXT COLLATE "C" NOT NULL,
    bucket_id            TEXT COLLATE "C" NOT NULL,
    repo_id              TEXT COLLATE "C" NOT NULL,
    org_id               TEXT COLLATE "C" NOT NULL,
    org_number           BIGINT           NOT NULL,
    day                  BIGINT           NOT NULL,
    minute               BIGINT           NOT NULL,
    requests             BIGINT           NOT NULL,
    errors               BIGINT           NOT NULL,
    reads                BIGINT           NOT NULL,
    writes               BIGINT           NOT NULL,
    lists                BIGINT           NOT NULL,
    provider_errors      BIGINT           NOT NULL,
    upload_bytes         BIGINT           NOT NULL,
    download_bytes       BIGINT           NOT NULL,
    size_change          BIGINT           NOT NULL,
    latency_sum_ms       BIGINT           NOT NULL,
    first_byte_sum_ms    BIGINT           NOT NULL,
    total_requests       BIGINT           NOT NULL,
    total_upload_bytes   BIGINT           NOT NULL,
    total_download_bytes BIGINT           NOT NULL,
    total_size_change    BIGINT           NOT NULL
) WITH (fillfactor = 40);
CREATE UNIQUE INDEX usage_series_of_node ON usage_series (node_id, bucket_id, repo_id);
CREATE INDEX usage_series_of_bucket ON usage_series (bucket_id);
CREATE INDEX usage_series_of_repo ON usage_series (repo_id) WHERE repo_id <> '';
CREATE INDEX usage_series_of_org ON usage_series (org_number, day, number);

INSERT INTO usage_organizations (org_id, number)
    SELECT d.org_id, ROW_NUMBER() OVER (ORDER BY d.org_id)
    FROM (SELECT DISTINCT org_id FROM usage_days WHERE org_id <> '') d;
INSERT INTO usage_series
    SELECT ROW_NUMBER() OVER (ORDER BY d.bucket_id, d.node_id, d.repo_id), d.node_id, d.bucket_id, d.repo_id, d.org_id,
        o.number, d.day, COALESCE(m.minute, -1),
        d.requests, d.errors, d.reads, d.writes, d.lists, d.provider_errors, d.upload_bytes, d.download_bytes,
        d.size_change, d.latency_sum_ms, d.first_byte_sum_ms,
        t.requests, t.upload_bytes, t.download_bytes, t.size_change
    FROM (SELECT bucket_id, node_id, repo_id, MAX(day) AS day, SUM(requests) AS requests,
            SUM(upload_bytes) AS upload_bytes, SUM(download_bytes) AS download_bytes, SUM(size_change) AS size_change
        FROM usage_days GROUP BY bucket_id, node_id, repo_id) t
    JOIN usage_days d ON d.bucket_id = t.bucket_id AND d.day = t.day AND d.node_id = t.node_id
        AND d.repo_id = t.repo_id
    JOIN usage_organizations o ON o.org_id = d.org_id
    LEFT JOIN (SELECT bucket_id, node_id, repo_id, MAX(minute) AS minute
        FROM usage_minutes GROUP BY bucket_id, node_id, repo_id) m
        ON m.bucket_id = d.bucket_id AND m.node_id = d.node_id AND m.repo_id = d.repo_id;
INSERT INTO usage_numbers (id, last_number)
    SELECT 1, MAX(n.number) FROM (SELECT number FROM usage_series UNION ALL SELECT number FROM usage_organizations) n
    HAVING MAX(n.number) IS NOT NULL;

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
);
INSERT INTO counted_days
    SELECT s.org_number, d.day, s.number, d.requests, d.errors, d.reads, d.writes, d.lists, d.provider_errors,
        d.upload_bytes, d.download_bytes, d.size_change, d.latency_sum_ms, d.first_byte_sum_ms
    FROM usage_days d
    JOIN usage_series s ON s.node_id = d.node_id AND s.bucket_id = d.bucket_id AND s.repo_id = d.repo_id AND d.day < s.day;
DROP TABLE usage_days;
ALTER TABLE counted_days RENAME TO usage_days;
ALTER INDEX counted_days_pkey RENAME TO usage_days_pkey;
CREATE INDEX usage_days_of_series ON usage_days (series, day);

DROP TABLE usage_totals;
DROP TABLE usage_repo_totals;
