-- Credentials that end, by the organization or workspace that has to replace them.
CREATE INDEX buckets_of_org_by_credential_end ON buckets (org_id, secret_expires_at, id)
    WHERE secret_expires_at IS NOT NULL;
CREATE INDEX buckets_of_workspace_by_credential_end ON buckets (workspace_id, secret_expires_at, id)
    WHERE secret_expires_at IS NOT NULL;
