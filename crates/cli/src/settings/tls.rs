//! The settings of TLS: which certificate each listener uses, and under which names clients reach it.

use std::path::PathBuf;

use bucketry_acme::AcmeSettings;
use bucketry_web::tls::CertificateFiles;
use http::Uri;

use super::declared::SettingsValues;
use super::list;
use crate::failure::{Failure, Result};

/// A listener that can speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsListener {
    Api,
    Dashboard,
    Gateway,
}

impl TlsListener {
    /// Its name in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Dashboard => "dashboard",
            Self::Gateway => "gateway",
        }
    }

    /// Its name in sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "the API",
            Self::Dashboard => "the dashboard",
            Self::Gateway => "the gateway",
        }
    }
}

/// What a listener with TLS uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub(crate) listener: TlsListener,
    pub(crate) files: CertificateFiles,
    /// The setting that names the certificate, for messages.
    pub(crate) flag: &'static str,
    /// The names under which settings say that clients reach the listener, each with its setting.
    pub(crate) names: Vec<ExpectedName>,
}

/// A host name that a certificate should be valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedName {
    /// As a client would check it.
    pub(crate) host: String,
    /// For people, with its setting.
    pub(crate) shown: String,
}

/// The listeners with TLS. The files aren't read yet.
pub(super) fn listeners(values: &SettingsValues, acme: Option<&AcmeSettings>) -> Result<Vec<TlsSettings>> {
    let (process, dashboard, gateway) = (&values.process, &values.dashboard, &values.gateway);
    let shared = match acme {
        Some(acme) => Some(("--acme-domain", acme.certificate_files())),
        None => files("--tls", process.tls_certificate.as_ref(), process.tls_key.as_ref())?,
    };
    let (certificate, key) = (&dashboard.dashboard_tls_certificate, &dashboard.dashboard_tls_key);
    let of_dashboard = files("--dashboard-tls", certificate.as_ref(), key.as_ref())?;
    let (certificate, key) = (&gateway.gateway_tls_certificate, &gateway.gateway_tls_key);
    let of_gateway = files("--gateway-tls", certificate.as_ref(), key.as_ref())?;
    if of_dashboard.is_some() && dashboard.dashboard_listen.is_none() {
        return Err(Failure::usage(
            "--dashboard-tls-certificate is only for a dashboard with its own address: set --dashboard-listen, or use \
             --tls-certificate, which is for the API and the dashboard",
        ));
    }
    let (has_dashboard, has_own) = (!dashboard.no_dashboard, dashboard.dashboard_listen.is_some());
    let has_gateway = !gateway.no_gateway && !process.no_node;
    let is_proxied = list(&values.clients.trusted_proxies).next().is_some();
    let public_url = dashboard.public_url.as_deref();
    let public =
        |here: bool| named("--public-url", public_url.filter(|_| here && has_dashboard && !is_proxied));
    let of_url = || {
        let mut names = named("--gateway-url", gateway.gateway_url.as_deref().filter(|_| !is_proxied));
        names.extend(list(&gateway.gateway_domains).filter(|_| !is_proxied).map(|domain| ExpectedName {
            // Any bucket's name stands for all.
            host: format!("bucket.{domain}"),
            shown: format!("*.{domain} (--gateway-domains)"),
        }));
        names
    };
    let candidates = [
        (TlsListener::Api, None, true, public(!has_own)),
        (TlsListener::Dashboard, of_dashboard, has_dashboard && has_own, public(has_own)),
        (TlsListener::Gateway, of_gateway, has_gateway, of_url()),
    ];
    let served = candidates.into_iter().filter(|(_, _, is_served, _)| *is_served);
    Ok(served
        .filter_map(|(listener, own, _, names)| {
            let (flag, files) = own.or_else(|| shared.clone())?;
            Some(TlsSettings { listener, files, flag, names })
        })
        .collect())
}

/// The two files, which belong together, with the flag of the first.
fn files(
    group: &'static str,
    certificate: Option<&PathBuf>,
    key: Option<&PathBuf>,
) -> Result<Option<(&'static str, CertificateFiles)>> {
    let flag = match group {
        "--dashboard-tls" => "--dashboard-tls-certificate",
        "--gateway-tls" => "--gateway-tls-certificate",
        _ => "--tls-certificate",
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
            Ok(Some((flag, files)))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(Failure::usage(format!(
            "{group}-certificate needs {group}-key, the file with the certificate's private key; both may be one file"
        ))),
        (None, Some(_)) => Err(Failure::usage(format!(
            "{group}-key needs {group}-certificate, the file with the certificate"
        ))),
    }
}

/// The host of a URL. Empty if there is none, or if clients don't use TLS there.
fn named(flag: &str, url: Option<&str>) -> Vec<ExpectedName> {
    let url = url.and_then(|text| text.trim().parse::<Uri>().ok());
    let url = url.filter(|url| url.scheme_str() == Some("https"));
    let host = url.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']).to_owned());
    host.map(|host| ExpectedName { shown: format!("{host} ({flag})"), host }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::SettingsLayer;
    use super::*;

    fn of(toml: &str) -> Result<Vec<TlsSettings>> {
        let layer = SettingsLayer::from_toml(toml, "x").unwrap();
        listeners(&layer.over_defaults().values(), None)
    }

    fn shown(toml: &str) -> Vec<(TlsListener, String, Vec<String>)> {
        let row = |one: TlsSettings| {
            let names = one.names.into_iter().map(|name| name.shown).collect();
            (one.listener, one.files.certificate.display().to_string(), names)
        };
        of(toml).unwrap().into_iter().map(row).collect()
    }

    #[test]
    fn one_certificate_is_for_all_listeners_that_have_none_of_their_own() {
        use TlsListener::{Api, Dashboard, Gateway};
        let pair = "tls_certificate = 'a.crt'\ntls_key = 'a.key'\n";
        let of_pair = |more: &str| -> Vec<_> {
            shown(&format!("{pair}{more}")).into_iter().map(|(listener, file, _)| (listener, file)).collect()
        };
        let a = || "a.crt".to_owned();
        assert_eq!(of_pair(""), [(Api, a()), (Gateway, a())]);
        assert_eq!(of_pair("no_gateway = true"), [(Api, a())]);
        assert_eq!(
            of_pair("dashboard_listen = '127.0.0.1:1'"),
            [(Api, a()), (Dashboard, a()), (Gateway, a())]
        );
        let own = "gateway_tls_certificate = 'g.crt'\ngateway_tls_key = 'g.key'";
        assert_eq!(of_pair(own), [(Api, a()), (Gateway, "g.crt".to_owned())]);
        assert_eq!(shown(own), [(Gateway, "g.crt".to_owned(), vec![])]);
        assert_eq!(shown(""), []);
    }

    #[test]
    fn half_a_pair_is_refused() {
        for (toml, needed) in [
            ("tls_certificate = 'a'", "--tls-key"),
            ("tls_key = 'a'", "--tls-certificate"),
            ("gateway_tls_certificate = 'a'", "--gateway-tls-key"),
            ("dashboard_tls_key = 'a'", "--dashboard-tls-certificate"),
            ("dashboard_tls_certificate = 'a'\ndashboard_tls_key = 'a'", "--dashboard-listen"),
        ] {
            let refusal = of(toml).unwrap_err();
            assert!(refusal.message().contains(needed), "{}", refusal.message());
        }
    }

    #[test]
    fn certificates_are_expected_to_have_the_names_of_settings_unless_a_proxy_is_in_front() {
        let names = "tls_certificate = 'a'\ntls_key = 'a'\npublic_url = 'https://b.example.com/x'\n\
                     gateway_url = 'https://[::1]:9000'\ngateway_domains = 's3.example.com'\n";
        let [(_, _, api), (_, _, gateway)] = &shown(names)[..] else { panic!("two listeners") };
        assert_eq!(api, &["b.example.com (--public-url)"]);
        assert_eq!(gateway, &["::1 (--gateway-url)", "*.s3.example.com (--gateway-domains)"]);
        let proxied = shown(&format!("{names}trusted_proxies = '10.0.0.0/8'"));
        assert!(proxied.iter().all(|(_, _, names)| names.is_empty()), "{proxied:?}");
    }
}
