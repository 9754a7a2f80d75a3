//! Finds one part of an object that was uploaded in parts.

use bucketry_provider::driver::{Conditions, ObjectInfo, ObjectPart};

use crate::failure::{Failure, FailureKind};
use crate::object::get::{self, NotRead, ObjectHead};
use crate::object::stored_checksum;
use crate::payload::checksum::Checksum;
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;

/// A part of an object. Part 1 of an object that was not uploaded in parts is the whole object.
pub(crate) struct FoundPart {
    /// What is known about the whole object.
    pub(crate) info: ObjectInfo,
    /// The first and last byte of the part. `None` if it is empty.
    pub(crate) range: Option<(u64, u64)>,
    /// How many parts the object has. `None` if it was not uploaded in parts.
    pub(crate) count: Option<usize>,
    /// The checksum of the part, if it is stored.
    pub(crate) checksum: Option<Checksum>,
}

/// The parts of an object. Empty if it was not uploaded in parts, or if they are unknown. `key` includes the
/// repository's folder.
pub(crate) async fn parts_of(
    resolved: &ResolvedBucket,
    key: &str,
    info: &ObjectInfo,
) -> Result<Vec<ObjectPart>, Failure> {
    let parts = resolved.driver().object_parts(key, info).await;
    let mut parts = parts.map_err(|error| resolved.failure(&error))?;
    // Another request, or another tool, replaced the object.
    if Some(parts.iter().map(|part| part.size).sum()) != info.size {
        parts.clear();
    }
    Ok(parts)
}

/// Finds a part by its number.
pub(crate) async fn find(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    number: u32,
    conditions: &Conditions,
) -> Result<FoundPart, NotRead> {
    let ObjectHead { info, .. } = get::head(resolved, key, None, None, conditions).await?;
    let parts = parts_of(resolved, &resolved.key(key)?, &info).await?;
    let last = info.size.unwrap_or_default().checked_sub(1);
    if parts.is_empty() && number == 1 {
        return Ok(FoundPart { info, range: last.map(|last| (0, last)), count: None, checksum: None });
    }
    let Some(at) = parts.iter().position(|part| part.number == number) else {
        let message = "The object has no part with this partNumber.";
        return Err(Failure::new(FailureKind::InvalidPartNumber, message).into());
    };
    let first: u64 = parts.iter().take(at).map(|part| part.size).sum();
    let size = parts.get(at).map_or(0, |part| part.size);
    let checksums = stored_checksum::of_parts(info.hidden.as_deref());
    let checksum =
        checksums.filter(|list| list.len() == parts.len()).and_then(|list| list.into_iter().nth(at));
    let range = size.checked_sub(1).map(|last| (first, first + last));
    Ok(FoundPart { info, range, count: Some(parts.len()), checksum })
}
