//! Runs the contract of all drivers for the Google driver, against a real server that lacks multipart uploads.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod gcs_server;
mod gcs_target;

use bucketry_provider::contract_suite;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::open;

async fn empty_bucket(case: &str) -> SharedDriver {
    open(&gcs_server::new_bucket(case).await, &gcs_target::connections()).unwrap()
}

contract_suite!(crate::empty_bucket, without multipart);
