//! Keys that look like paths, against a server that stores them unchanged.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod verbatim;

use bucketry_provider::contract::keys;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::open;

use crate::verbatim::{Verbatim, connections, serve};

async fn bucket() -> SharedDriver {
    open(&serve(Verbatim::default()).await, &connections()).unwrap()
}

#[tokio::test]
async fn path_like_keys_are_kept_byte_for_byte() {
    keys::path_like_keys_are_kept_byte_for_byte(&*bucket().await).await;
}

#[tokio::test]
async fn odd_keys_are_kept_byte_for_byte() {
    keys::odd_keys_are_kept_byte_for_byte(&*bucket().await).await;
}
