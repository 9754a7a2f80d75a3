//! The validity of a certificate (RFC 5280, section 4.1), which rustls checks but doesn't show.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{DateTime, Decode as _, Header, Reader, SliceReader, Tag, TagNumber};

/// From when until when a certificate is valid, and whether it was issued by its own subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: DateTime,
    pub(super) not_after: DateTime,
    pub(super) is_self_issued: bool,
}

impl Validity {
    /// Reads the validity of a certificate in DER.
    pub(super) fn of(certificate: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(certificate)?;
        // The headers of `Certificate` and of `TBSCertificate`. What they contain is read here.
        Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
        Header::decode(&mut reader)?.tag.assert_eq(Tag::Sequence)?;
        let version = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
        if reader.peek_tag()? == version {
            AnyRef::decode(&mut reader)?;
        }
        // The serial number and the signature's algorithm.
        for _ in 0..2 {
            AnyRef::decode(&mut reader)?;
        }
        let issuer = AnyRef::decode(&mut reader)?;
        let (not_before, not_after) = reader.sequence(|validity| Ok((time(validity)?, time(validity)?)))?;
        let is_self_issued = issuer == AnyRef::decode(&mut reader)?;
        Ok(Self { not_before, not_after, is_self_issued })
    }
}

fn time<'a>(reader: &mut impl Reader<'a>) -> der::Result<DateTime> {
    if reader.peek_tag()? == Tag::GeneralizedTime {
        return Ok(GeneralizedTime::decode(reader)?.to_date_time());
    }
    Ok(UtcTime::decode(reader)?.to_date_time())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn validity(from: i32, until: i32) -> Validity {
        let mut params = CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 2, 3), date_time_ymd(until, 4, 5));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Validity::of(certificate.der()).unwrap()
    }

    #[test]
    fn both_formats_of_times_are_read() {
        let short = validity(1999, 2049);
        assert_eq!(short.not_before.to_string(), "1999-02-03T00:00:00Z");
        assert_eq!(short.not_after.to_string(), "2049-04-05T00:00:00Z");
        assert_eq!(validity(2050, 9999).not_after.to_string(), "9999-04-05T00:00:00Z");
    }

    #[test]
    fn damaged_certificates_are_refused_wherever_they_are_cut() {
        let params = CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
        let whole = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        for length in 0..100 {
            assert!(Validity::of(&whole[..length]).is_err(), "{length}");
        }
        for wrong in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[wrong] ^= 0xff;
            // Must not panic.
            let _ = Validity::of(&damaged);
        }
    }
}
