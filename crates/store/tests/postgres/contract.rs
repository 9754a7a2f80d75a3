//! Every story of the contract.

bucketry_store::contract_tests!(crate::server::open_new);
