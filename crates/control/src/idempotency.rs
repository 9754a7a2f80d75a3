//! Requests that may arrive twice (`Idempotency-Key`): reserves a key and stores the response under it.

use bucketry_model::role::Caller;
use bucketry_store::idempotency::{Begun, RequestName};
use jiff::SignedDuration;

use crate::{Control, Error, Result};

/// An older reservation was left by a process that died: no request takes this long.
const STALE: SignedDuration = SignedDuration::from_secs(120);
/// The longest accepted `Idempotency-Key`, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

impl Control {
    /// Reserves a request under the client's key, or returns what is known about it. A new request must be
    /// completed or abandoned.
    pub async fn begin_request(&self, caller: &Caller, route: &str, key: &str, body: &[u8]) -> Result<Begun> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::field("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
        }
        let now = self.inner.environment.now();
        let hash = self.inner.access_tokens.fingerprint(body);
        let name = request_name(caller, route, key);
        Ok(self.inner.store.begin_request(&name, &hash, now - STALE, now).await?)
    }

    /// Stores the response to a reserved request.
    pub async fn complete_request(
        &self,
        caller: &Caller,
        route: &str,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<()> {
        Ok(self.inner.store.complete_request(&request_name(caller, route, key), status, body).await?)
    }

    /// Removes the reservation of a request that failed, so that it can be repeated.
    pub async fn abandon_request(&self, caller: &Caller, route: &str, key: &str) -> Result<()> {
        Ok(self.inner.store.abandon_request(&request_name(caller, route, key)).await?)
    }
}

fn request_name(caller: &Caller, route: &str, key: &str) -> RequestName {
    RequestName { token_id: caller.token_id, route: route.to_owned(), key: key.to_owned() }
}
