-- When a node stopped to probe a bucket, so that its last report on it no longer counts.
CREATE TABLE report_withdrawals (
    bucket_id TEXT COLLATE "C" NOT NULL,
    at        BIGINT           NOT NULL,
    node_id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (bucket_id, at, node_id)
);
CREATE INDEX report_withdrawals_by_time ON report_withdrawals (at);

-- What a node reports is also read in the order of the buckets.
CREATE INDEX bucket_words_by_node ON bucket_words (node_id, bucket_id);
DROP INDEX bucket_words_of_node;
