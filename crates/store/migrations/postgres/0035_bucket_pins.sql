-- The nodes and regions that a bucket is pinned to, as JSON. NULL if all nodes that serve its organization serve it.
ALTER TABLE buckets ADD COLUMN pinned_to TEXT;
