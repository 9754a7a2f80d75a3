//! Runs the contract of all drivers for the S3 driver, against a real server.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod server;

use bucketry_provider::contract_suite;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::open;

async fn empty_bucket(case: &str) -> SharedDriver {
    open(&server::new_bucket(case).await, &server::connections()).unwrap()
}

contract_suite!(crate::empty_bucket);
