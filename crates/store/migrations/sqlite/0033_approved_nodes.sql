-- The node's public keys to which secrets may be sealed, as a JSON array. The nodes that exist got every secret so far.
ALTER TABLE nodes ADD COLUMN approved TEXT NOT NULL DEFAULT '[]';
UPDATE nodes SET approved = recipients WHERE removed_at IS NULL;

-- Seals the secrets that were stored before a node registered to this node as well, and those that are sealed to a node that was
-- removed only to the others: from now on, a node can be removed if this has been done.
INSERT INTO vault_rotation (id, phase, last_secret, total, done, failed, started_at, finished_at)
SELECT 2, 'RESEALING', NULL, 0, 0, 0, MAX(last_seen), NULL FROM nodes WHERE removed_at IS NULL HAVING COUNT(*) > 0;
