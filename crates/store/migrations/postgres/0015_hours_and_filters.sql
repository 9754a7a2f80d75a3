-- Traffic by hour and workspace. Each node has rows of its own, so that reports of different nodes don't wait for each
-- other. A series knows the workspace of its bucket, so that a report doesn't have to look it up.
ALTER TABLE usage_series ADD COLUMN workspace_id TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE usage_series SET workspace_id = (SELECT b.workspace_id FROM buckets b WHERE b.id = usage_series.bucket_id)
    WHERE bucket_id IN (SELECT b.id FROM buckets b);

CREATE TABLE usage_hours (
    org_number        BIGINT NOT NULL,
    hour              BIGINT NOT NULL,
    workspace_id      TEXT COLLATE "C" NOT NULL,
    node_id           TEXT COLLATE "C" NOT NULL,
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
    PRIMARY KEY (org_number, hour, workspace_id, node_id)
) WITH (fillfactor = 40);
CREATE INDEX usage_hours_of_workspace ON usage_hours (workspace_id, hour, node_id);

-- Lists of what is rare must not read everything else: of one action, and of changes to one status. Lists of changes to
-- any status merge those of each.
CREATE INDEX audit_of_action ON audit (org_id, action, at, id);
DROP INDEX status_events_of_org;
DROP INDEX status_events_of_workspace;
CREATE INDEX status_events_of_org_to ON status_events (org_id, to_status, at, number);
CREATE INDEX status_events_of_workspace_to ON status_events (workspace_id, to_status, at, number);
