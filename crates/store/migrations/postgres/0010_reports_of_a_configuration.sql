-- The version that location and secret are of, and since when: what nodes report on earlier ones doesn't count. Of the
-- buckets that are there already no report is known to be outdated.
ALTER TABLE buckets ADD COLUMN config_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE buckets ADD COLUMN config_changed_at BIGINT;
