-- What a node's last heartbeat reported about the node itself, as JSON, so that each control plane shows it.
ALTER TABLE nodes ADD COLUMN last_heartbeat TEXT;
