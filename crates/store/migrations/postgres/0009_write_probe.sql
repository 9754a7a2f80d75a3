-- One row that is written to find out whether writes are taken at all (`GET /ready`).
CREATE TABLE write_probe (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);

-- How often a migration had this registry: a server that was cut off from it meanwhile must not go on with it.
CREATE TABLE migrations_begun (
    id     BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
