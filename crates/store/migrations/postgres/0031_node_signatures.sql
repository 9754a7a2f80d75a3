-- Hashes of the signatures of messages that nodes have sent, until their messages would be refused because of their time.
CREATE TABLE node_signatures (
    hash  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX node_signatures_by_end ON node_signatures (until);
