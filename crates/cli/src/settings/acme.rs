//! The settings of certificates from an ACME authority.

use bucketry_acme::AcmeSettings;
use http::Uri;

use super::declared::ProcessValues;
use super::list;
use crate::failure::{Failure, Result};

/// The directory of the account and the certificate, in the data directory.
const STATE: &str = "acme";

/// Validates the settings. `None` if no certificate is to be ordered.
pub(super) fn settings(values: &ProcessValues) -> Result<Option<AcmeSettings>> {
    let domains: Vec<String> = list(&values.acme_domain).map(str::to_ascii_lowercase).collect();
    if domains.is_empty() {
        return Ok(None);
    }
    if values.tls_certificate.is_some() {
        return Err(Failure::usage(
            "--acme-domain gets a certificate, so --tls-certificate can't be set too",
        ));
    }
    if let Some(wrong) = domains.iter().find(|domain| !is_host_name(domain)) {
        return Err(Failure::usage(format!(
            "--acme-domain: {wrong:?} is not a host name such as storage.example.com; for wildcards, get the certificate \
             with another program and use --tls-certificate"
        )));
    }
    let directory = values.acme_directory.trim().to_owned();
    if directory.parse::<Uri>().ok().and_then(|uri| uri.scheme_str().map(|scheme| scheme == "https"))
        != Some(true)
    {
        return Err(Failure::usage(format!(
            "--acme-directory: {directory:?} is not a URL that begins with https://"
        )));
    }
    let contact = values.acme_contact.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if let Some(wrong) = contact.filter(|text| !text.contains('@') || text.contains([' ', ',', ':'])) {
        return Err(Failure::usage(format!("--acme-contact: {wrong:?} is not an e-mail address")));
    }
    Ok(Some(AcmeSettings {
        directory,
        contact: contact.map(str::to_owned),
        domains,
        ca_file: values.acme_ca_file.clone(),
        state: values.data_dir.join(STATE),
    }))
}

/// Whether the text is a name that an authority can verify here. Addresses and wildcards aren't.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.contains('.')
        && text.len() <= 253
        && text.split('.').all(is_label)
        && text.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::super::SettingsLayer;
    use super::*;

    fn of(toml: &str) -> Result<Option<AcmeSettings>> {
        let layer = SettingsLayer::from_toml(toml, "x").unwrap();
        settings(&layer.over_defaults().values().process)
    }

    #[test]
    fn names_and_addresses_are_checked() {
        assert_eq!(of("").unwrap(), None);
        let found = of("acme_domain = 'Storage.example.com, s3.example.com'\nacme_contact = 'a@example.com'")
            .unwrap();
        let found = found.unwrap();
        assert_eq!(found.domains, ["storage.example.com", "s3.example.com"]);
        assert!(found.directory.starts_with("https://acme-v02.") && found.state.ends_with("acme"));
        for (wrong, flag) in [
            ("acme_domain = '*.example.com'", "--acme-domain"),
            ("acme_domain = '192.0.2.1'", "--acme-domain"),
            ("acme_domain = 'localhost'", "--acme-domain"),
            ("acme_domain = 'a.example.com'\nacme_contact = 'nobody'", "--acme-contact"),
            ("acme_domain = 'a.example.com'\nacme_directory = 'http://ca'", "--acme-directory"),
            ("acme_domain = 'a.example.com'\ntls_certificate = 'a'\ntls_key = 'a'", "--tls-certificate"),
        ] {
            assert!(of(wrong).unwrap_err().message().contains(flag), "{wrong}");
        }
    }
}
