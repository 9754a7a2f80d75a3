-- When an administrator deleted the node. NULL if it unregistered, or if its key was deleted.
ALTER TABLE nodes ADD COLUMN deleted_at BIGINT;
