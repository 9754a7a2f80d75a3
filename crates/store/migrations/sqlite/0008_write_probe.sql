-- One row that is written to find out whether writes are taken at all (`GET /ready`).
CREATE TABLE write_probe (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
) WITHOUT ROWID;
