-- When a bucket's secret was given, and when it ends, where it tells. A bucket that was never changed still has the
-- secret that it was registered with; of the others it isn't known.
ALTER TABLE buckets ADD COLUMN secret_set_at BIGINT;
ALTER TABLE buckets ADD COLUMN secret_expires_at BIGINT;
UPDATE buckets SET secret_set_at = created_at WHERE sealed_to IS NOT NULL AND version = 1;
CREATE INDEX buckets_by_credential_end ON buckets (secret_expires_at, id) WHERE secret_expires_at IS NOT NULL;

-- Made when it is first asked for.
ALTER TABLE organizations ADD COLUMN aws_external_id TEXT;

-- Why a node says OFFLINE.
ALTER TABLE bucket_words ADD COLUMN failure TEXT;
