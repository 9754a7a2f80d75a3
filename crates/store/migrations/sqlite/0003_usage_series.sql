-- Series of traffic are read by organization, by bucket and by repository, newest first; the totals of a repository are
-- kept, not computed. A repository's totals are told apart by organization, so that a node can only ever add to those of
-- the organization that its bucket belongs to.

ALTER TABLE usage_minutes ADD COLUMN org_id TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_minutes ADD COLUMN reads BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN writes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN lists BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN provider_errors BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_minutes ADD COLUMN first_byte_sum_ms BIGINT NOT NULL DEFAULT 0;
UPDATE usage_minutes SET org_id = COALESCE((SELECT b.org_id FROM buckets b WHERE b.id = usage_minutes.bucket_id), '');
CREATE INDEX usage_minutes_of_org ON usage_minutes (org_id, minute, bucket_id, node_id, repo_id);
CREATE INDEX usage_minutes_of_repo ON usage_minutes (repo_id, minute, bucket_id, node_id) WHERE repo_id <> '';

ALTER TABLE usage_days ADD COLUMN org_id TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_days ADD COLUMN reads BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN writes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN lists BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN provider_errors BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN first_byte_sum_ms BIGINT NOT NULL DEFAULT 0;
UPDATE usage_days SET org_id = COALESCE((SELECT b.org_id FROM buckets b WHERE b.id = usage_days.bucket_id), '');
CREATE INDEX usage_days_of_org ON usage_days (org_id, day, bucket_id, node_id, repo_id);
CREATE INDEX usage_days_of_repo ON usage_days (repo_id, day, bucket_id, node_id) WHERE repo_id <> '';

CREATE TABLE usage_repo_totals (
    org_id         TEXT   NOT NULL,
    repo_id        TEXT   NOT NULL,
    requests       BIGINT NOT NULL,
    upload_bytes   BIGINT NOT NULL,
    download_bytes BIGINT NOT NULL,
    size_change    BIGINT NOT NULL,
    PRIMARY KEY (org_id, repo_id)
) WITHOUT ROWID;
INSERT INTO usage_repo_totals (org_id, repo_id, requests, upload_bytes, download_bytes, size_change)
    SELECT org_id, repo_id, SUM(requests), SUM(upload_bytes), SUM(download_bytes), SUM(size_change)
    FROM usage_days WHERE repo_id <> '' GROUP BY org_id, repo_id;
