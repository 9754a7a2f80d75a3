//! What the requests of a multipart upload declare about the whole object: its size, its checksum, and how that is
//! computed ("Checking object integrity", multipart uploads).
//!
//! A composite checksum is that of the concatenated checksums of the parts. A full-object checksum is that of the
//! content; the CRCs of the parts can be combined to it. So the gateway verifies both without reading the object.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::front::s3::checksum;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::object::stored_checksum::StoredChecksum;
use crate::payload::checksum::{Algorithm, Checksum, RunningChecksum, combined};

const PREFIX: &str = "x-amz-checksum-";
static ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
static TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");
static OBJECT_SIZE: HeaderName = HeaderName::from_static("x-amz-mp-object-size");

/// How the checksum of an object that was uploaded in parts is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumType {
    /// From the checksums of the parts.
    Composite,
    /// From the content.
    FullObject,
}

impl ChecksumType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// Parses the header. Refuses a type that the algorithm, if known, doesn't have.
    fn of_headers(headers: &HeaderMap, algorithm: Option<Algorithm>) -> Result<Option<Self>> {
        let Some(value) = headers.get(&TYPE).filter(|value| !value.is_empty()) else { return Ok(None) };
        let given = [Self::Composite, Self::FullObject]
            .into_iter()
            .find(|kind| value.as_bytes().eq_ignore_ascii_case(kind.as_str().as_bytes()))
            .ok_or_else(|| invalid("x-amz-checksum-type must be COMPOSITE or FULL_OBJECT."))?;
        if algorithm.is_some_and(|algorithm| !given.is_offered_by(algorithm)) {
            return Err(invalid(
                "The algorithm doesn't have this x-amz-checksum-type: CRC64NVME is FULL_OBJECT only, SHA1 and SHA256 \
                 are COMPOSITE only.",
            ));
        }
        Ok(Some(given))
    }

    /// The type that S3 computes unless the client asks for the other.
    fn default_of(algorithm: Algorithm) -> Self {
        if algorithm == Algorithm::Crc64Nvme { Self::FullObject } else { Self::Composite }
    }

    fn is_offered_by(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Composite => algorithm != Algorithm::Crc64Nvme,
            Self::FullObject => algorithm.is_crc(),
        }
    }
}

/// The checksum that `CreateMultipartUpload` declares for the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadChecksum {
    algorithm: Algorithm,
    kind: ChecksumType,
}

impl UploadChecksum {
    /// Parses the headers of `CreateMultipartUpload`.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Option<Self>> {
        let Some(name) = headers.get(&ALGORITHM).filter(|value| !value.is_empty()) else {
            return match ChecksumType::of_headers(headers, None)? {
                None => Ok(None),
                Some(_) => Err(invalid("x-amz-checksum-type needs x-amz-checksum-algorithm.")),
            };
        };
        let algorithm = name.to_str().ok().and_then(Algorithm::of_name).ok_or_else(|| {
            invalid("x-amz-checksum-algorithm must be CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.")
        })?;
        let kind = ChecksumType::of_headers(headers, Some(algorithm))?;
        let kind = kind.unwrap_or_else(|| ChecksumType::default_of(algorithm));
        Ok(Some(Self { algorithm, kind }))
    }

    /// Repeats the declaration in a response, as S3 does.
    pub(crate) fn confirm(self, headers: &mut HeaderMap) {
        headers.insert(&ALGORITHM, HeaderValue::from_static(self.algorithm.name()));
        headers.insert(&TYPE, HeaderValue::from_static(self.kind.as_str()));
    }
}

/// What `CompleteMultipartUpload` declares about the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedObject {
    size: Option<u64>,
    checksum: Option<Checksum>,
    /// The number of parts after a composite checksum (`…-3`).
    parts: Option<usize>,
    kind: Option<ChecksumType>,
}

/// A checksum of the whole object that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedChecksum {
    checksum: Checksum,
    kind: ChecksumType,
    parts: usize,
}

impl ExpectedObject {
    /// Parses the headers of `CompleteMultipartUpload`.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Self> {
        let mut expected = Self { size: size(headers)?, ..Self::default() };
        for (name, value) in headers {
            let Some(rest) = name.as_str().strip_prefix(PREFIX) else { continue };
            if value.is_empty() || matches!(rest, "algorithm" | "mode" | "type") {
                continue;
            }
            let (checksum, parts) = whole_checksum(rest, value)?;
            if expected.checksum.replace(checksum).is_some() {
                return Err(invalid(
                    "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
                ));
            }
            expected.parts = parts;
        }
        let algorithm = expected.checksum.as_ref().map(|checksum| checksum.algorithm);
        expected.kind = ChecksumType::of_headers(headers, algorithm)?;
        if expected.parts.is_some() {
            if expected.kind == Some(ChecksumType::FullObject) {
                return Err(invalid("A checksum with a number of parts is COMPOSITE."));
            }
            expected.kind = Some(ChecksumType::Composite);
        }
        Ok(expected)
    }

    /// Whether the sizes of the parts are needed to verify this.
    pub(crate) fn needs_sizes(&self) -> bool {
        self.size.is_some()
            || (self.kind != Some(ChecksumType::Composite)
                && self.checksum.as_ref().is_some_and(|checksum| checksum.algorithm.is_crc()))
    }

    /// Verifies what was declared. `parts` are their numbers, and the checksums that they were uploaded with. Without the sizes, it verifies only what doesn't need them.
    pub(crate) fn verify(
        &self,
        parts: &[(u32, Option<Checksum>)],
        sizes: Option<&[u64]>,
    ) -> Result<Option<VerifiedChecksum>> {
        if let (Some(size), Some(sizes)) = (self.size, sizes)
            && sizes.iter().sum::<u64>() != size
        {
            return Err(invalid(
                "The size of the object differs from x-amz-mp-object-size: a part is missing or has another size.",
            ));
        }
        let Some(expected) = &self.checksum else { return Ok(None) };
        let algorithm = expected.algorithm;
        let of_part = |(number, checksum): &(u32, Option<Checksum>)| {
            let checksum = checksum.clone().filter(|checksum| checksum.algorithm == algorithm);
            checksum.ok_or_else(|| unknown_part(algorithm, *number))
        };
        let of_parts: Vec<Checksum> = parts.iter().map(of_part).collect::<Result<_>>()?;
        let verified = |kind| VerifiedChecksum { checksum: expected.clone(), kind, parts: parts.len() };
        let may_be =
            |kind: ChecksumType| self.kind.is_none_or(|given| given == kind) && kind.is_offered_by(algorithm);
        if may_be(ChecksumType::Composite)
            && self.parts.is_none_or(|count| count == parts.len())
            && composite(algorithm, &of_parts).as_ref() == Some(expected)
        {
            return Ok(Some(verified(ChecksumType::Composite)));
        }
        if may_be(ChecksumType::FullObject) {
            let Some(sizes) = sizes else { return Ok(None) };
            if full_object(&of_parts, sizes).as_ref() == Some(expected) {
                return Ok(Some(verified(ChecksumType::FullObject)));
            }
        }
        Err(S3Error::new(
            Code::BadDigest,
            format!("The {} of the object is not the one that was sent.", algorithm.name()),
        ))
    }
}

impl ExpectedObject {
    /// Whether [`Self::computed`] needs the sizes of the parts.
    pub(crate) fn is_computed_from_sizes<'c>(
        &self,
        parts: impl Iterator<Item = Option<&'c Checksum>>,
    ) -> bool {
        let mut algorithms = parts.map(|checksum| checksum.map(|checksum| checksum.algorithm));
        let is_full = |algorithm| {
            self.kind.unwrap_or_else(|| ChecksumType::default_of(algorithm)) == ChecksumType::FullObject
        };
        self.checksum.is_none() && algorithms.all(|algorithm| algorithm.is_some_and(is_full))
    }

    /// The checksum of an object of which the client declared none, from those of its parts. `parts` and `sizes` are as
    /// in [`Self::verify`]. Without a declared type, it is the usual one of the algorithm.
    pub(crate) fn computed(
        &self,
        parts: &[(u32, Option<Checksum>)],
        sizes: Option<&[u64]>,
    ) -> Option<VerifiedChecksum> {
        if self.checksum.is_some() {
            return None;
        }
        let checksums: Vec<Checksum> =
            parts.iter().map(|(_, checksum)| checksum.clone()).collect::<Option<_>>()?;
        let algorithm = checksums.first()?.algorithm;
        if checksums.iter().any(|checksum| checksum.algorithm != algorithm) {
            return None;
        }
        let kind = self.kind.unwrap_or_else(|| ChecksumType::default_of(algorithm));
        let checksum = match kind {
            _ if !kind.is_offered_by(algorithm) => None,
            ChecksumType::Composite => composite(algorithm, &checksums),
            ChecksumType::FullObject => full_object(&checksums, sizes?),
        };
        Some(VerifiedChecksum { checksum: checksum?, kind, parts: parts.len() })
    }
}

impl VerifiedChecksum {
    /// The checksum as it is stored with the object.
    pub(crate) fn to_stored(&self) -> StoredChecksum {
        let parts = (self.kind == ChecksumType::Composite).then_some(self.parts);
        StoredChecksum { checksum: self.checksum.clone(), parts }
    }

    /// The names and texts of the elements that a response has for the checksum.
    pub(crate) fn elements(&self) -> [(String, String); 2] {
        let value = self.to_stored().value();
        let name = format!("Checksum{}", self.checksum.algorithm.name());
        [(name, value), ("ChecksumType".to_owned(), self.kind.as_str().to_owned())]
    }
}

fn composite(algorithm: Algorithm, parts: &[Checksum]) -> Option<Checksum> {
    let mut running = RunningChecksum::new(algorithm);
    for part in parts {
        running.update(part.bytes());
    }
    Checksum::of_bytes(algorithm, &running.finish())
}

fn full_object(parts: &[Checksum], sizes: &[u64]) -> Option<Checksum> {
    let (first, rest) = parts.split_first()?;
    let rest = rest.iter().zip(sizes.get(1..)?);
    rest.into_iter().try_fold(first.clone(), |whole, (part, size)| combined(&whole, part, *size))
}

fn size(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(&OBJECT_SIZE).filter(|value| !value.is_empty()) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| invalid("x-amz-mp-object-size must be a number of bytes."))
}

/// A checksum header, of which `name` is the part after the prefix. A composite checksum may end with the number of
/// parts.
fn whole_checksum(name: &str, value: &HeaderValue) -> Result<(Checksum, Option<usize>)> {
    let algorithm = Algorithm::of_name(name).ok_or_else(|| {
        invalid("The checksum algorithm is not supported. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.")
    })?;
    let malformed = || invalid("The value of an x-amz-checksum-… header is not a checksum of its algorithm.");
    let text = value.to_str().map_err(|_| malformed())?;
    let (text, parts) = match text.split_once('-') {
        Some((text, count)) => (text, Some(count.parse().map_err(|_| malformed())?)),
        None => (text, None),
    };
    Ok((Checksum::read(algorithm, text).ok_or_else(malformed)?, parts))
}

fn unknown_part(algorithm: Algorithm, number: u32) -> S3Error {
    let name = algorithm.name();
    S3Error::new(
        Code::InvalidRequest,
        format!(
            "The {name} of the object can't be verified, because part {number} was uploaded without one. Send {} with \
             every UploadPart, and the ETags that it returns.",
            checksum::header_name(algorithm)
        ),
    )
}

fn invalid(message: &str) -> S3Error {
    S3Error::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn of(algorithm: Algorithm, content: &str) -> Checksum {
        let mut running = RunningChecksum::new(algorithm);
        running.update(content.as_bytes());
        Checksum::of_bytes(algorithm, &running.finish()).unwrap()
    }

    fn text(checksum: &Checksum) -> &str {
        checksum.value().to_str().unwrap()
    }

    const CONTENTS: [&str; 3] = ["12345", "678", "9"];
    const SIZES: [u64; 3] = [5, 3, 1];

    fn parts(algorithm: Algorithm) -> Vec<(u32, Option<Checksum>)> {
        (1..).zip(CONTENTS.map(|content| Some(of(algorithm, content)))).collect()
    }

    fn verified(algorithm: Algorithm, list: &[(&'static str, &str)]) -> Result<Option<ChecksumType>> {
        let expected = ExpectedObject::of_headers(&headers(list))?;
        let sizes = expected.needs_sizes().then_some(&SIZES[..]);
        Ok(expected.verify(&parts(algorithm), sizes)?.map(|verified| verified.kind))
    }

    #[test]
    fn checksums_of_the_whole_are_verified_in_both_forms() {
        for (algorithm, header) in [
            (Algorithm::Crc32, "x-amz-checksum-crc32"),
            (Algorithm::Crc32c, "x-amz-checksum-crc32c"),
            (Algorithm::Crc64Nvme, "x-amz-checksum-crc64nvme"),
            (Algorithm::Sha1, "x-amz-checksum-sha1"),
            (Algorithm::Sha256, "x-amz-checksum-sha256"),
        ] {
            let whole = of(algorithm, "123456789");
            let full = verified(algorithm, &[(header, text(&whole))]);
            let composed = composite(algorithm, &CONTENTS.map(|content| of(algorithm, content))).unwrap();
            let composed = verified(algorithm, &[(header, &format!("{}-3", text(&composed)))]);
            if algorithm.is_crc() {
                assert_eq!(full, Ok(Some(ChecksumType::FullObject)), "{algorithm:?}");
            } else {
                assert_eq!(full.unwrap_err().code, Code::BadDigest, "{algorithm:?}");
            }
            if algorithm == Algorithm::Crc64Nvme {
                assert_eq!(composed.unwrap_err().code, Code::BadDigest);
            } else {
                assert_eq!(composed, Ok(Some(ChecksumType::Composite)), "{algorithm:?}");
            }
            let wrong = verified(algorithm, &[(header, text(&of(algorithm, "other")))]);
            assert_eq!(wrong.unwrap_err().code, Code::BadDigest, "{algorithm:?}");
        }
    }

    #[test]
    fn a_checksum_of_the_stated_type_only_is_accepted() {
        let whole = of(Algorithm::Crc32, "123456789");
        let composed =
            composite(Algorithm::Crc32, &CONTENTS.map(|content| of(Algorithm::Crc32, content))).unwrap();
        for (checksum, kind, fits) in [
            (&whole, "FULL_OBJECT", true),
            (&whole, "COMPOSITE", false),
            (&composed, "COMPOSITE", true),
            (&composed, "FULL_OBJECT", false),
        ] {
            let list = [("x-amz-checksum-crc32", text(checksum)), ("x-amz-checksum-type", kind)];
            assert_eq!(verified(Algorithm::Crc32, &list).is_ok(), fits, "{kind}");
        }
        let miscounted = format!("{}-2", text(&composed));
        let miscounted = verified(Algorithm::Crc32, &[("x-amz-checksum-crc32", &miscounted)]);
        assert_eq!(miscounted.unwrap_err().code, Code::BadDigest);
        let of_others = verified(Algorithm::Sha256, &[("x-amz-checksum-crc32", text(&whole))]).unwrap_err();
        assert_eq!(of_others.code, Code::InvalidRequest, "the parts have no CRC32");
    }

    #[test]
    fn the_size_is_compared() {
        assert_eq!(verified(Algorithm::Sha1, &[("x-amz-mp-object-size", "9")]), Ok(None));
        for wrong in ["8", "10", "-9", "9.0", "x"] {
            let error = verified(Algorithm::Sha1, &[("x-amz-mp-object-size", wrong)]).unwrap_err();
            assert_eq!(error.code, Code::InvalidRequest, "{wrong}");
        }
    }

    #[test]
    fn declarations_that_contradict_themselves_are_refused() {
        for list in [
            &[("x-amz-checksum-crc32", "AAAAAA==-2"), ("x-amz-checksum-type", "FULL_OBJECT")][..],
            &[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-crc32c", "AAAAAA==")],
            &[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="), ("x-amz-checksum-type", "COMPOSITE")],
            &[("x-amz-checksum-md5", "AAAAAA==")],
            &[("x-amz-checksum-crc32", "AAAA")],
            &[("x-amz-checksum-crc32", "AAAAAA==-x")],
            &[("x-amz-checksum-type", "SOME")],
        ] {
            assert_eq!(ExpectedObject::of_headers(&headers(list)).unwrap_err().code, Code::InvalidRequest);
        }
        assert_eq!(ExpectedObject::of_headers(&HeaderMap::new()), Ok(ExpectedObject::default()));
    }

    #[test]
    fn the_algorithm_of_an_upload_has_a_type() {
        for (list, kind) in [
            (&[("x-amz-checksum-algorithm", "CRC32")][..], ChecksumType::Composite),
            (&[("x-amz-checksum-algorithm", "crc64nvme")], ChecksumType::FullObject),
            (
                &[("x-amz-checksum-algorithm", "CRC32C"), ("x-amz-checksum-type", "FULL_OBJECT")],
                ChecksumType::FullObject,
            ),
        ] {
            let declared = UploadChecksum::of_headers(&headers(list)).unwrap().unwrap();
            assert_eq!(declared.kind, kind);
            let mut confirmed = HeaderMap::new();
            declared.confirm(&mut confirmed);
            assert_eq!(confirmed[&TYPE], kind.as_str());
        }
        for wrong in [
            &[("x-amz-checksum-algorithm", "MD5")][..],
            &[("x-amz-checksum-algorithm", "SHA256"), ("x-amz-checksum-type", "FULL_OBJECT")],
            &[("x-amz-checksum-type", "COMPOSITE")],
        ] {
            assert_eq!(UploadChecksum::of_headers(&headers(wrong)).unwrap_err().code, Code::InvalidRequest);
        }
        assert_eq!(UploadChecksum::of_headers(&HeaderMap::new()), Ok(None));
    }
}
