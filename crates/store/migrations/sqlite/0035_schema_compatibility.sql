-- Which programs can work with this schema: those whose newest migration has at least the number `oldest_program`. A
-- migration that older programs can't work with raises it, in the same transaction.
CREATE TABLE schema_compatibility (
    id             BIGINT NOT NULL PRIMARY KEY,
    oldest_program BIGINT NOT NULL
);
INSERT INTO schema_compatibility (id, oldest_program) VALUES (1, 35);
