-- When the registry was last backed up: at most one row.
CREATE TABLE backups (
    id      BIGINT NOT NULL PRIMARY KEY,
    made_at BIGINT NOT NULL
);

-- Inventories that could not be made, by organization.
CREATE INDEX inventory_walks_failed_of_org ON inventory_walks (org_id, error_at) WHERE error_at IS NOT NULL;
