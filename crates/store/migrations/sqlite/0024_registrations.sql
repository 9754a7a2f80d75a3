-- Live buckets by their names at the provider, to find those that are registered more than once.
CREATE INDEX buckets_of_org_by_location ON buckets (org_id, storage_type, bucket, id) WHERE deleted_at IS NULL;
