//! The document of `CompleteMultipartUpload`: the parts of the object.

use bucketry_provider::driver::{Part, check_opaque};
use bucketry_provider::xml;

use crate::front::s3::checksum;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::part_etag::{self, PartContent};
use crate::front::s3::xml::malformed;
use crate::payload::checksum::{Algorithm, Checksum};

/// The longest ETag of a part, in bytes.
const MAX_ETAG_BYTES: usize = 1_024;
/// The most parts of an upload.
const MAX_PARTS: usize = 10_000;

/// A part that a client lists to complete an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// The part with the provider's ETag. The size is unknown, and 0.
    pub part: Part,
    /// What its ETag says about the content, if a checksum was verified when the part was uploaded.
    pub content: Option<PartContent>,
}

impl CompletedPart {
    /// The checksum that was verified when the part was uploaded.
    pub(crate) fn checksum(&self) -> Option<&Checksum> {
        self.content.as_ref().map(|content| &content.checksum)
    }
}

/// The elements of a part that has not ended yet.
#[derive(Default)]
struct PartElements {
    number: Option<u32>,
    etag: Option<String>,
    checksums: Vec<DeclaredChecksum>,
}

struct DeclaredChecksum {
    /// `None` if it is unknown.
    algorithm: Option<Algorithm>,
    text: String,
}

/// Parses the document: the parts, in ascending order. The checksums in it must be those with which the parts were
/// uploaded.
pub fn read_parts(document: &[u8]) -> Result<Vec<CompletedPart>> {
    let mut parts: Vec<(CompletedPart, Vec<DeclaredChecksum>)> = Vec::new();
    let mut elements = PartElements::default();
    let read = xml::read(document, "CompleteMultipartUpload", |element| {
        match (element.path.len(), element.name) {
            (1, "Part") => {
                let PartElements { number, etag, checksums } = std::mem::take(&mut elements);
                let number = number.ok_or(xml::UnexpectedXml)?;
                let (etag, content) = part_etag::split(&etag.ok_or(xml::UnexpectedXml)?);
                parts.push((CompletedPart { part: Part { number, etag, size: 0 }, content }, checksums));
            }
            (2, "PartNumber") => {
                elements.number = Some(element.text.trim().parse().map_err(|_| xml::UnexpectedXml)?);
            }
            (2, "ETag") => elements.etag = Some(element.text.to_owned()),
            (2, name) => {
                if let Some(name) = name.strip_prefix("Checksum") {
                    let text = element.text.trim().to_owned();
                    elements.checksums.push(DeclaredChecksum { algorithm: Algorithm::of_name(name), text });
                }
            }
            _ => {}
        }
        Ok(())
    });
    read.map_err(|_| malformed("The body is not a well-formed CompleteMultipartUpload document."))?;
    check(parts.iter().map(|(part, _)| &part.part))?;
    for (part, checksums) in &parts {
        checksums.iter().try_for_each(|declared| check_checksum(part, declared))?;
    }
    Ok(parts.into_iter().map(|(part, _)| part).collect())
}

fn check<'a>(parts: impl ExactSizeIterator<Item = &'a Part> + Clone) -> Result<()> {
    if !(1..=MAX_PARTS).contains(&parts.len()) {
        return Err(malformed("A CompleteMultipartUpload document must list 1 to 10000 parts."));
    }
    if parts.clone().any(|part| part.number == 0 || part.number > 10_000) {
        return Err(S3Error::new(Code::InvalidArgument, "Part numbers must be from 1 to 10000."));
    }
    if parts.clone().any(|part| check_opaque(&part.etag, MAX_ETAG_BYTES).is_err()) {
        let message = "The ETag of a part is not valid. Send the ETag that UploadPart returned.";
        return Err(S3Error::new(Code::InvalidPart, message));
    }
    if !parts.is_sorted_by(|one, next| one.number < next.number) {
        return Err(S3Error::new(
            Code::InvalidPartOrder,
            "The parts must be listed in ascending order of their numbers, each once.",
        ));
    }
    Ok(())
}

/// Compares a checksum in the document with that of the upload.
fn check_checksum(part: &CompletedPart, declared: &DeclaredChecksum) -> Result<()> {
    let number = part.part.number;
    let Some(algorithm) = declared.algorithm else {
        return Err(S3Error::new(
            Code::InvalidRequest,
            format!(
                "The checksum algorithm of part {number} is not supported. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256."
            ),
        ));
    };
    let name = algorithm.name();
    let Some(given) = Checksum::read(algorithm, &declared.text) else {
        let message = format!("The {name} of part {number} is not a checksum of this algorithm.");
        return Err(S3Error::new(Code::InvalidRequest, message));
    };
    match part.checksum().filter(|uploaded| uploaded.algorithm == algorithm) {
        Some(uploaded) if *uploaded == given => Ok(()),
        Some(_) => Err(S3Error::new(
            Code::InvalidPart,
            format!(
                "Part {number} was uploaded with another {name}. Send the checksum and the ETag of one UploadPart."
            ),
        )),
        None => Err(S3Error::new(
            Code::InvalidRequest,
            format!(
                "The {name} of part {number} can't be verified: the ETag is not that of an UploadPart with this \
                 checksum. Send {} with UploadPart, or complete the upload without checksums of parts.",
                checksum::header_name(algorithm)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::front::s3::operation::MAX_KEYS;
    use crate::front::s3::xml::MAX_BYTES;

    fn of(parts: &str) -> Result<Vec<CompletedPart>> {
        read_parts(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").as_bytes())
    }

    #[test]
    fn parts_are_read_in_rising_order_with_their_tags_quoted() {
        let part = |n: u32| format!("<Part><PartNumber>{n}</PartNumber><ETag>e</ETag></Part>");
        let parts = of(&format!("{}{}", part(1), part(7))).unwrap();
        assert_eq!(parts[1].part, Part { number: 7, etag: "\"e\"".into(), size: 0 });
        assert_eq!(of(&format!("{}{}", part(2), part(1))).unwrap_err().code, Code::InvalidPartOrder);
        assert_eq!(of(&format!("{}{}", part(2), part(2))).unwrap_err().code, Code::InvalidPartOrder);
        assert_eq!(of(&part(0)).unwrap_err().code, Code::InvalidArgument);
        for wrong in ["", "<Part/>", "<Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>"] {
            assert_eq!(of(wrong).unwrap_err().code, Code::MalformedXML, "{wrong}");
        }
    }

    #[test]
    fn the_checksum_of_a_part_is_that_of_its_upload_or_refused() {
        let part = |etag: &str, checksum: &str| {
            of(&format!("<Part>{checksum}<PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"))
        };
        let marked = "&quot;e-crc32-00000001-5&quot;";
        let parts = part(marked, "<ChecksumCRC32> AAAAAQ== </ChecksumCRC32>").unwrap();
        assert_eq!(parts[0].part.etag, "\"e\"", "the provider gets its own ETag");
        assert_eq!(part(marked, "").unwrap(), parts, "a client may leave the checksum out");
        for (etag, checksum, code) in [
            (marked, "<ChecksumCRC32>AAAAAg==</ChecksumCRC32>", Code::InvalidPart),
            (marked, "<ChecksumCRC32C>AAAAAQ==</ChecksumCRC32C>", Code::InvalidRequest),
            (marked, "<ChecksumCRC32>AAAA</ChecksumCRC32>", Code::InvalidRequest),
            (marked, "<ChecksumNEW>AAAAAQ==</ChecksumNEW>", Code::InvalidRequest),
            ("e", "<ChecksumCRC32>AAAAAQ==</ChecksumCRC32>", Code::InvalidRequest),
        ] {
            assert_eq!(part(etag, checksum).unwrap_err().code, code, "{etag} {checksum}");
        }
    }

    #[test]
    fn the_longest_document_of_parts_and_that_of_keys_are_taken() {
        let part = |n: usize| {
            format!(
                "\n  <Part>\n    <ETag>&quot;{n:052}-sha256-{n:064}-5368709120&quot;</ETag>\n    <ChecksumSHA256>{}</ChecksumSHA256>\n    \
                 <PartNumber>{n}</PartNumber>\n  </Part>",
                Checksum::of_bytes(
                    Algorithm::Sha256,
                    &bucketry_model::hex::decode(&format!("{n:064}")).unwrap()
                )
                .unwrap()
                .value()
                .to_str()
                .unwrap()
            )
        };
        let parts: String = (1..=MAX_PARTS).map(part).collect();
        assert!(parts.len() + 100 <= MAX_BYTES, "{}", parts.len());
        assert_eq!(of(&parts).unwrap().len(), MAX_PARTS);

        let object = format!("<Object><Key>{}</Key></Object>\n", "k&lt;".repeat(512));
        assert!(object.len() * usize::from(MAX_KEYS) <= MAX_BYTES);
    }

    proptest! {
        #[test]
        fn any_document_is_read_or_refused(text in "[<>/A-Za-z&;\"= ]{0,64}") {
            let _ = read_parts(text.as_bytes());
        }
    }
}
