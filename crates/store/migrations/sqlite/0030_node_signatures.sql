-- Hashes of the signatures of messages that nodes have sent, until their messages would be refused because of their time.
CREATE TABLE node_signatures (
    hash  TEXT   NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX node_signatures_by_end ON node_signatures (until);
