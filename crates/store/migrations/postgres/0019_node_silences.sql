-- The times in which a node wasn't connected, stored when it comes back. The silence of a node that isn't back yet
-- follows from its row in nodes.
CREATE TABLE node_silences (
    node_id     TEXT COLLATE "C" NOT NULL,
    began_at    BIGINT           NOT NULL,
    ended_at    BIGINT           NOT NULL,
    was_removed BOOLEAN          NOT NULL,
    PRIMARY KEY (node_id, began_at)
);
CREATE INDEX node_silences_by_end ON node_silences (ended_at);
