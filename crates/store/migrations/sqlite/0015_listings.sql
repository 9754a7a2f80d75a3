-- What lists select and order live buckets by. `words` are those of the bucket's names in search_words, separated by
-- spaces.
CREATE TABLE bucket_facets (
    bucket_id    TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL,
    workspace_id TEXT   NOT NULL,
    facet        BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    name_folded  TEXT   NOT NULL,
    words        TEXT   NOT NULL
) WITHOUT ROWID;
CREATE INDEX bucket_facets_of_org ON bucket_facets (org_id, facet, created_at, bucket_id);
CREATE INDEX bucket_facets_of_org_by_name ON bucket_facets (org_id, facet, name_folded, bucket_id);
CREATE INDEX bucket_facets_of_workspace ON bucket_facets (workspace_id, facet, created_at, bucket_id);
CREATE INDEX bucket_facets_of_workspace_by_name ON bucket_facets (workspace_id, facet, name_folded, bucket_id);

-- A combination of provider, storage type and reports of nodes that buckets of an organization have in common. Nodes
-- and what they report are few, so an organization has few facets. `digest` finds a facet by its contents.
CREATE TABLE facets (
    number       BIGINT NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL,
    provider     TEXT   NOT NULL,
    storage_type TEXT   NOT NULL,
    reports      TEXT   NOT NULL,
    digest       BIGINT NOT NULL,
    used_at      BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX facets_of_org ON facets (org_id, digest);

-- The folded words by which buckets and repositories are found. `scope` is the organization, and in another row the
-- workspace.
CREATE TABLE search_words (
    scope      TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    word       TEXT   NOT NULL,
    subject_id TEXT   NOT NULL,
    PRIMARY KEY (scope, kind, word, subject_id)
) WITHOUT ROWID;

-- The words of a repository's name in search_words, separated by spaces.
ALTER TABLE repositories ADD COLUMN words TEXT NOT NULL DEFAULT '';
CREATE INDEX repositories_of_org_by_name ON repositories (org_id, name_folded, id) WHERE deleted_at IS NULL;
CREATE INDEX repositories_of_workspace_by_name ON repositories (workspace_id, name_folded, id)
    WHERE deleted_at IS NULL;

-- Up to which id the existing buckets and repositories are in the tables above. The program fills them in when it
-- opens the database, and then removes the rows.
CREATE TABLE unlisted (
    kind    TEXT   NOT NULL PRIMARY KEY,
    last_id TEXT   NOT NULL
) WITHOUT ROWID;
INSERT INTO unlisted (kind, last_id) SELECT 'BUCKET', '' WHERE EXISTS (SELECT 1 FROM buckets);
INSERT INTO unlisted (kind, last_id) SELECT 'REPOSITORY', '' WHERE EXISTS (SELECT 1 FROM repositories);
