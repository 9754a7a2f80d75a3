//! Every story of the contract, on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod postgres_server;

bucketry_store::contract_tests!(crate::postgres_server::open_new);
