//! The S3 driver against a real server: the contract that every driver keeps.

mod server;

use bucketry_provider::contract_suite;
use bucketry_provider::driver::SharedDriver;

async fn empty_bucket(case: &str) -> SharedDriver {
    server::new_bucket(case).await
}

contract_suite!(crate::empty_bucket);
