-- What a repository's upload ids are sealed with, itself sealed to the nodes. A repository from before has none until the
-- control plane, which alone can make one, has looked for those without.
ALTER TABLE repositories ADD COLUMN sealing_key TEXT COLLATE "C";
ALTER TABLE repositories ADD COLUMN sealing_key_sealed_to TEXT COLLATE "C";
CREATE INDEX repositories_with_sealing_key ON repositories (id) WHERE sealing_key_sealed_to IS NOT NULL;
CREATE INDEX repositories_without_sealing_key ON repositories (id)
    WHERE sealing_key_sealed_to IS NULL AND deleted_at IS NULL;
