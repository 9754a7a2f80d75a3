//! TLS: what TLS adds at the gateway, compared with what nginx adds that terminates TLS in front of the same gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::load::{Comparison, LoadSide, compare};
use super::sign::{PayloadHash, Signer};
use super::{Field, ProviderStub, S3_BUCKET, cpu, peers, read, write};
use crate::cores::Cores;
use crate::gateway::objects::{LARGE, Objects, SMALL};
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

const LIMIT: (f64, &str) = (1.3, "≤ 1.3 ×");

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let cores = Cores::divide();
    let storage = Objects::start()?;
    let certificate = Certificate::new()?;
    // Without peers: nginx is in front of the gateway here.
    let alone = Plan { nginx: None, rclone: None, s3s_proxy: None, ..plan.clone() };
    let files = [&certificate.chain, &certificate.key].map(|file| file.to_string_lossy().into_owned());
    let settings = [
        ("BUCKETRY_GATEWAY_TLS_CERTIFICATE", files[0].as_str()),
        ("BUCKETRY_GATEWAY_TLS_KEY", files[1].as_str()),
    ];
    let encrypted = Field::start_with(&alone, cores, ProviderStub::at(&storage), &settings).await?;
    let plain = Field::start(&alone, cores, ProviderStub::at(&storage)).await?;
    let nginx = cores.measured(|| {
        let pair = (certificate.chain.as_path(), certificate.key.as_path());
        peers::nginx_with_tls(plan.nginx.as_deref(), &plain.url, cores.for_what_is_measured(), pair)
    })?;
    let (mut bars, mut figures) = (Vec::new(), Map::new());
    let tls = Some(certificate.connector.clone());
    let mut sides = vec![
        LoadSide { name: "gateway with TLS".to_owned(), tls: tls.clone(), ..encrypted.gateway() },
        LoadSide { name: "gateway without TLS".to_owned(), ..plain.gateway() },
    ];
    if let Some(nginx) = &nginx {
        let host = nginx.url.trim_start_matches("https://").to_owned();
        let Signer { key, secret, .. } = plain.signer.clone();
        sides.push(LoadSide {
            name: nginx.name.to_owned(),
            url: nginx.url.clone(),
            signer: Signer::new(key, secret, host),
            process: nginx.process,
            tls,
        });
    }
    let rounds = if plan.quick { 3 } else { 7 };
    let (small, large) = if plan.quick { (2_000, 8) } else { (20_000, 24) };
    let put = write(S3_BUCKET, LARGE.1, PayloadHash::Unsigned, 4, large);
    for (what, work) in [
        ("GET of 1 KiB", read(S3_BUCKET, SMALL, 16, small)),
        ("GET of 64 MiB", read(S3_BUCKET, LARGE, 4, large)),
        ("PUT of 64 MiB, unsigned payload", put),
    ] {
        report::complain(&format!("TLS {what}"));
        let comparison = compare(&sides, &work, rounds).await?;
        bars.push(bar(what, &comparison));
        figures.insert(what.to_owned(), json!(comparison.compared));
    }
    figures.insert("nginx".to_owned(), json!(plan.nginx.as_deref().map(peers::version)));
    encrypted.deployment.stop()?;
    plain.deployment.stop()?;
    cores.unite()?;
    Ok(Report::new("tls", machine, bars, Value::Object(figures)))
}

/// What TLS adds per request at the gateway, divided by the CPU time of nginx, round by round. None without nginx.
fn added(comparison: &Comparison) -> Option<(Spread, Spread)> {
    let [encrypted, plain, nginx] = comparison.compared.as_slice() else { return None };
    let rounds = || encrypted.rounds.iter().zip(&plain.rounds).zip(&nginx.rounds);
    let ratio = Spread::of(rounds().map(|((with, without), nginx)| (cpu(with) - cpu(without)) / cpu(nginx)));
    Some((ratio, Spread::of(rounds().map(|((with, without), _)| cpu(with) - cpu(without)))))
}

fn title(what: &str) -> String {
    format!(
        "CPU (µs) that TLS adds per {what}, relative to nginx that terminates TLS in front of the gateway"
    )
}

fn bar(what: &str, comparison: &Comparison) -> Bar {
    match added(comparison) {
        Some((ratio, own)) => {
            Bar::at_most(&title(what), LIMIT, ratio.median, format!("{ratio} × ({:.1})", own.median))
        }
        None => Bar::reported(&title(what), why_not(comparison)),
    }
}

fn why_not(comparison: &Comparison) -> String {
    let failed = comparison.failed.iter().map(|(name, why)| format!("{name} {why}"));
    failed.reduce(|all, one| format!("{all}; {one}")).unwrap_or_else(|| "nginx is not installed".to_owned())
}

/// A certificate for this machine, and clients that trust it.
struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    connector: TlsConnector,
    _room: TempDir,
}

impl Certificate {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
        let write = |name: &str, text: &str| -> Result<PathBuf> {
            let file = Path::join(dir.path(), name);
            std::fs::write(&file, text)?;
            Ok(file)
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate.der().to_vec()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            chain: write("tls.crt", &certificate.pem())?,
            key: write("tls.key", &key.serialize_pem())?,
            connector: TlsConnector::from(Arc::new(config)),
            _room: dir,
        })
    }
}
