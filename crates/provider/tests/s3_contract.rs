//! The S3 driver against a real server: the contract that every driver keeps.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod server;

use bucketry_provider::contract_suite;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::open;

async fn empty_bucket(case: &str) -> SharedDriver {
    open(&server::new_bucket(case).await, &server::connections()).unwrap()
}

contract_suite!(crate::empty_bucket);
