//! Certificates of this server that end soon, that can't be replaced, or that are for another name.

use bucketry_model::finding::{Finding, FindingCode, Severity};
use bucketry_model::time::to_wire;
use jiff::{SignedDuration, Timestamp};

use super::deployment::deployment;
use crate::findings::observations::Observations;
use crate::server_certificates::ServerCertificate;

/// A certificate with less time left is a finding: what renews it should have done so.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Of one that is valid only for days, this share of its validity.
const WARN_SHARE: i32 = 4;

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let certificates = seen.deployment.iter().flat_map(|state| &state.certificates);
    let findings = certificates.flat_map(|one| [ending(one, seen.now), refused(one), other_name(one)]);
    findings.flatten().collect()
}

fn finding(
    of: &ServerCertificate,
    code: FindingCode,
    severity: Severity,
    title: &str,
    sentence: String,
) -> Finding {
    let found = deployment(code, severity, &of.file, title, sentence);
    Finding { name: format!("certificate of {}", of.listeners), ..found }
}

fn ending(of: &ServerCertificate, now: Timestamp) -> Option<Finding> {
    let ServerCertificate { file, listeners, not_before, not_after, .. } = of;
    let warn_before = WARN_BEFORE.min(not_after.duration_since(*not_before) / WARN_SHARE);
    let warn_at = not_after.checked_sub(warn_before).ok()?;
    if now < warn_at {
        return None;
    }
    let until = to_wire(*not_after);
    let remedy = "Renew it and put it into the same files; the server then reads it without a restart";
    let (severity, title, since, happens) = if *not_after <= now {
        (Severity::Critical, "Certificate has expired", *not_after, "expired at")
    } else {
        (Severity::Warning, "Certificate expires soon", warn_at, "expires at")
    };
    let sentence =
        format!("The certificate in {file}, which serves {listeners}, {happens} {until}. {remedy}.");
    let found = finding(of, FindingCode::CertificateExpiring, severity, title, sentence);
    Some(Finding { since: Some(since), ..found })
}

fn refused(of: &ServerCertificate) -> Option<Finding> {
    let refused = of.refused.as_ref()?;
    let until = to_wire(of.not_after);
    let reason = capitalized(&refused.reason);
    let (severity, title, until) = if of.is_provisional {
        let until =
            "Until one is, the server uses a self-signed certificate, which clients refuse".to_owned();
        (Severity::Critical, "No certificate could be issued", until)
    } else {
        let until = format!("The previous certificate stays in use; it is valid until {until}");
        (Severity::Warning, "New certificate can't be used", until)
    };
    let found = finding(of, FindingCode::CertificateRefused, severity, title, format!("{reason}. {until}."));
    Some(Finding { since: Some(refused.since), ..found })
}

fn other_name(of: &ServerCertificate) -> Option<Finding> {
    if of.other_names.is_empty() {
        return None;
    }
    let names = of.other_names.join(", ");
    let sentence = format!(
        "Clients refuse the certificate in {}, because it isn't valid for {names}. Get a certificate for this name, or \
         change the setting.",
        of.file
    );
    let title = "Certificate is for another name";
    Some(finding(of, FindingCode::CertificateName, Severity::Warning, title, sentence))
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::observations::DeploymentState;
    use crate::server_certificates::RefusedCertificate;

    const NOW: i64 = 10_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn certificate(valid_for_days: i64, ends_in_days: i64) -> ServerCertificate {
        let not_after = at(NOW + ends_in_days * 86_400);
        ServerCertificate {
            listeners: "the API and the gateway".to_owned(),
            file: "/etc/tls.crt".to_owned(),
            not_before: not_after - SignedDuration::from_hours(24 * valid_for_days),
            not_after,
            other_names: Vec::new(),
            is_provisional: false,
            refused: None,
        }
    }

    fn of_certificate(certificate: ServerCertificate) -> Vec<Finding> {
        let deployment =
            Some(DeploymentState { certificates: vec![certificate], ..DeploymentState::default() });
        check(&Observations { now: at(NOW), deployment, ..Observations::default() })
    }

    #[test]
    fn a_certificate_that_nobody_renews_is_found_before_it_ends() {
        assert!(of_certificate(certificate(90, 15)).is_empty());
        let [soon] = &of_certificate(certificate(90, 14))[..] else { panic!("one finding") };
        assert_eq!((soon.key.code, soon.severity), (FindingCode::CertificateExpiring, Severity::Warning));
        assert_eq!(soon.name, "certificate of the API and the gateway");
        assert!(of_certificate(certificate(6, 2)).is_empty(), "a certificate for days is renewed late");
        assert_eq!(of_certificate(certificate(6, 1))[0].severity, Severity::Warning);
        let [over] = &of_certificate(certificate(90, 0))[..] else { panic!("one finding") };
        assert_eq!((over.severity, over.since), (Severity::Critical, Some(at(NOW))));
        assert_eq!(over.key, soon.key, "it is the same condition");
        assert_eq!(
            over.sentence,
            "The certificate in /etc/tls.crt, which serves the API and the gateway, expired at 1970-04-26T17:46:40.000Z. \
             Renew it and put it into the same files; the server then reads it without a restart."
        );
    }

    #[test]
    fn a_certificate_that_cant_be_replaced_or_has_another_name_is_found() {
        let refused = RefusedCertificate {
            since: at(NOW - 60),
            reason: "the private key in /etc/tls.key doesn't belong to the certificate".to_owned(),
        };
        let found = of_certificate(ServerCertificate { refused: Some(refused), ..certificate(90, 30) });
        assert_eq!(
            (found[0].key.code, found[0].since),
            (FindingCode::CertificateRefused, Some(at(NOW - 60)))
        );
        assert_eq!(
            found[0].sentence,
            "The private key in /etc/tls.key doesn't belong to the certificate. The previous certificate stays in use; it \
             is valid until 1970-05-26T17:46:40.000Z."
        );
        let refused =
            Some(RefusedCertificate { since: at(NOW - 60), reason: "the name wasn't verified".to_owned() });
        let found =
            of_certificate(ServerCertificate { is_provisional: true, refused, ..certificate(90, 30) });
        assert_eq!(
            (found[0].severity, found[0].title.as_str()),
            (Severity::Critical, "No certificate could be issued")
        );
        let other_names = vec!["s3.example.com (--gateway-url)".to_owned()];
        let found = of_certificate(ServerCertificate { other_names, ..certificate(90, 30) });
        assert_eq!(found[0].key.code, FindingCode::CertificateName);
        assert!(
            found[0].sentence.contains("isn't valid for s3.example.com (--gateway-url)"),
            "{}",
            found[0].sentence
        );
    }
}
