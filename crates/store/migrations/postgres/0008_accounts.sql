-- A password that somebody else chose must be changed before anything else is done.
ALTER TABLE users ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT FALSE;

-- The network that a session was opened from, so that failed attempts from elsewhere don't lock its user out.
ALTER TABLE tokens ADD COLUMN network TEXT;
CREATE INDEX tokens_by_network ON tokens (user_id, network, created_at) WHERE network IS NOT NULL;
