//! How secrets are written. `Secret` itself can't be serialized, so that no secret ends up in a log or a file by
//! accident. Only fields that use these functions are written: in requests that hand a secret to the server, and in
//! responses that return a new one.

use bucketry_model::secret::Secret;
use serde::{Serialize as _, Serializer};

pub(crate) fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
pub(crate) fn expose_optional<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
