//! Which attributes of an object a provider can't store. Those that a client sends are refused. Those of the source of
//! a copy are left out, and the response names them.

use bucketry_provider::driver::{Capabilities, HiddenMetadata, ObjectAttributes, ObjectInfo};

use crate::failure::{Failure, FailureKind};

/// Refuses attributes that a client sent and that the provider can't store.
pub(crate) fn check(attributes: &ObjectAttributes, can: &Capabilities) -> Result<(), Failure> {
    let is_reserved = |(name, _): &(String, String)| HiddenMetadata::is_reserved(name);
    if can.hidden_metadata && attributes.metadata.iter().any(is_reserved) {
        return Err(Failure::new(
            FailureKind::InvalidValue,
            "Names of metadata that begin with bucketry_ are reserved for the gateway. Use other names.",
        ));
    }
    if attributes.expires.is_none() || can.expires {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::NotImplemented,
        "This bucket's provider does not store Expires with an object. Leave the header out, or use Cache-Control.",
    ))
}

/// The attributes for a copy that is streamed to a provider. Without `replacing`, they are those of the source. Also
/// returns what the copy lacks.
pub(crate) fn of_copy(
    source: &ObjectInfo,
    replacing: Option<ObjectAttributes>,
    can: &Capabilities,
) -> (ObjectAttributes, Vec<&'static str>) {
    let mut left_out = Vec::new();
    let attributes = replacing.unwrap_or_else(|| {
        let mut attributes = source.attributes.clone();
        if !can.expires && attributes.expires.take().is_some() {
            left_out.push("Expires");
        }
        // The source's provider couldn't return some of the metadata.
        if source.headers.contains_key("x-amz-missing-meta") {
            left_out.push("metadata");
        }
        attributes
    });
    (attributes, left_out)
}
