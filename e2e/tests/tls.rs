//! TLS of the server itself: real clients, certificates that are replaced, and certificates that can't be used.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CertificateAuthority, CommandLine, Ended, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options,
    RepositoryAccess, Result, Server, eventually, needs_one_control_plane, options, shared_s3_endpoint, text,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const SOON: Duration = Duration::from_secs(90);
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A server with TLS, and a terminal whose owner has logged in.
struct EncryptedServer {
    authority: CertificateAuthority,
    /// Contains the certificate in use.
    files: TempDir,
    server: Server,
    terminal: CommandLine,
}

impl EncryptedServer {
    async fn start(more: impl Fn(Options) -> Options) -> Result<Self> {
        let (authority, files) = (CertificateAuthority::new()?, TempDir::new().unwrap());
        let (certificate, key) = authority.issue(&NAMES, 1)?.write_to(files.path())?;
        let options = options()?.env("BUCKETRY_TLS_CERTIFICATE", &certificate).env("BUCKETRY_TLS_KEY", &key);
        let server = Server::start(more(options)).await?;
        let terminal = CommandLine::new()?
            .env("BUCKETRY_URL", server.api())
            .env("BUCKETRY_API_CA_FILE", &authority.file().to_string_lossy());
        let login = ["login", "--email", OWNER_EMAIL, "--password-stdin"];
        terminal.run_with_input(&login, OWNER_PASSWORD).await?.with_status(0)?;
        Ok(Self { authority, files, server, terminal })
    }

    /// Replaces the certificate in the files.
    fn replace(&self, names: &[&str], days_ago: i64) -> Result<CertificateDer<'static>> {
        let issued = self.authority.issue(names, days_ago)?;
        issued.write_to(self.files.path())?;
        Ok(CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap())
    }

    fn client(&self) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority.file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A resumed session would show the certificate with which it began.
        config.resumption = Resumption::disabled();
        let address = self.server.api().strip_prefix("https://").unwrap().to_owned();
        TlsClient { connector: TlsConnector::from(Arc::new(config)), address }
    }

    async fn doctor(&self) -> Result<Ended> {
        self.terminal.run(&["doctor"]).await
    }

    async fn doctor_says(&self, wanted: &str) -> Result<Ended> {
        let look = async || self.doctor().await;
        eventually(&format!("doctor saying {wanted:?}"), SOON, look, |ended| ended.stdout.contains(wanted))
            .await
    }
}

#[derive(Clone)]
struct TlsClient {
    connector: TlsConnector,
    address: String,
}

impl TlsClient {
    /// Sends a GET on a new connection. Returns the certificate of the server, and the response.
    async fn get(&self, path: &str) -> std::io::Result<(CertificateDer<'static>, String)> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TcpStream::connect(&self.address).await?;
        let mut stream = self.connector.connect(name, stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok((certificate, response))
    }

    async fn certificate(&self) -> Result<CertificateDer<'static>> {
        self.get("/health").await.map(|(found, _)| found).map_err(bucketry_e2e::Error::Files)
    }
}

#[tokio::test]
async fn people_and_programs_use_the_server_over_tls() -> Result<()> {
    let tls = EncryptedServer::start(|options| options).await?;
    let (server, terminal) = (&tls.server, &tls.terminal);
    let gateway = server.gateway().unwrap().to_owned();
    assert!(server.api().starts_with("https://127.0.0.1:") && gateway.starts_with("https://127.0.0.1:"));

    let (secret, endpoint) = (terminal.file("secret", ADMIN.secret)?, shared_s3_endpoint()?);
    let add =
        ["bucket", "add", "Photos", "--bucket", OPEN_BUCKET, "--key", ADMIN.key, "--endpoint", &endpoint];
    let bucket = terminal.json(&[&add[..], &["--secret-file", &secret]].concat()).await?["bucketId"].clone();
    terminal.text(&["repo", "add", "Media", "--bucket", "Photos"]).await?;
    let key = terminal.json(&["key", "add", "job", "--repo", "Media", "--access", "admin"]).await?;
    let access = RepositoryAccess {
        repository: String::new(),
        endpoint: gateway.clone(),
        key: text(&key["key"]).to_owned(),
        secret: text(&key["secret"]).to_owned(),
        bucket: OPEN_BUCKET.to_owned(),
        prefix: format!("over-tls-{}", server.process_id().unwrap_or_default()),
    };
    let given = json!({
        "site": server.api(), "gateway": gateway, "authorities": tls.authority.file(), "email": OWNER_EMAIL,
        "password": OWNER_PASSWORD, "key": access.key, "secret": access.secret, "bucket": OPEN_BUCKET, "bucketId": bucket,
        "prefix": access.prefix,
    });
    let seen = access.run_script("over_tls.py", &[&given.to_string()]).await?;
    assert!(seen["s3"].as_object().unwrap().values().all(|outcome| outcome == "ok"), "{seen:#}");
    let cookie = text(&seen["signIn"]["cookie"]);
    assert!(cookie.starts_with("__Host-bucketry;") && cookie.contains("Secure"), "{seen:#}");
    assert_eq!(seen["page"], json!({ "status": 200, "isSignedIn": true }), "{seen:#}");
    assert!(text(&seen["live"]["event"]).contains("buckets"), "{seen:#}");

    let connect = terminal.text(&["repo", "connect", "Media"]).await?;
    assert!(connect.contains(&gateway), "{connect}");
    Ok(())
}

#[tokio::test]
async fn clients_that_use_tls_wrongly_are_told_so() -> Result<()> {
    let tls = EncryptedServer::start(|options| options).await?;
    let stranger = CommandLine::new()?.env("BUCKETRY_URL", tls.server.api()).env("BUCKETRY_TOKEN", "x");
    let untrusted = stranger.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(untrusted.stderr.contains("--api-ca-file"), "{untrusted:?}");
    let plain = tls.server.api().replace("https://", "http://");
    let plainly = stranger.env("BUCKETRY_URL", &plain).run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(plainly.stderr.contains("https://"), "{plainly:?}");
    Ok(())
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() -> Result<()> {
    needs_one_control_plane!("it reads the counts of a single process");
    let tls = EncryptedServer::start(|options| options).await?;
    let client = tls.client();
    let done = Arc::new(AtomicBool::new(false));
    let traffic = tokio::spawn({
        let (client, done) = (client.clone(), Arc::clone(&done));
        async move {
            let mut requests = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let (_, response) = client.get("/health").await.unwrap();
                assert!(response.starts_with("HTTP/1.1 200"), "{response}");
                requests += 1;
            }
            requests
        }
    });
    let uses = async |wanted: &CertificateDer<'static>| {
        eventually(
            "a new certificate being used",
            SOON,
            async || client.certificate().await,
            |found| found == wanted,
        )
        .await
    };
    let second = tls.replace(&NAMES, 2)?;
    uses(&second).await?;

    // The key of another certificate.
    std::fs::write(tls.files.path().join("tls.key"), tls.authority.issue(&NAMES, 1)?.key).unwrap();
    let found = tls.doctor_says("New certificate can't be used").await?.with_status(1)?;
    assert!(found.stdout.contains("tls.key doesn't belong to the certificate"), "{found:?}");
    assert_eq!(client.certificate().await?, second);
    let (_, metrics) = client.get("/metrics").await.unwrap();
    let failures =
        |listener| format!("bucketry_tls_certificate_reload_failures_total{{listener=\"{listener}\"}} 1");
    assert!(metrics.contains(&failures("api")) && metrics.contains(&failures("gateway")), "{metrics}");
    assert!(
        metrics.contains("bucketry_tls_certificate_expiry_timestamp_seconds{listener=\"api\"}"),
        "{metrics}"
    );
    assert!(tls.server.log().contains("a new certificate can't be used"), "{}", tls.server.log());

    tls.replace(&NAMES, 40)?;
    tls.doctor_says(": renew it").await?;
    assert_eq!(client.certificate().await?, second);

    let third = tls.replace(&NAMES, 3)?;
    let id = tls.server.process_id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill").args(["-HUP", &id]).status().await.unwrap();
    assert!(sent.success());
    uses(&third).await?;
    let found = tls.doctor().await?;
    assert!(!found.stdout.contains("ertificate"), "{found:?}");
    done.store(true, Ordering::Relaxed);
    assert!(traffic.await? > 0);
    Ok(())
}

#[tokio::test]
async fn a_certificate_for_another_name_or_that_ends_soon_is_a_finding() -> Result<()> {
    let tls =
        EncryptedServer::start(|options| options.arg("--gateway-url").arg("https://s3.example.com")).await?;
    let found = tls.doctor_says("Certificate is for another name").await?.with_status(1)?;
    assert!(found.stdout.contains("isn't valid for s3.example.com (--gateway-url)"), "{found:?}");
    // Half a day or a day is left of its month.
    tls.replace(&["localhost", "127.0.0.1", "s3.example.com"], 29)?;
    let found = tls.doctor_says("Certificate expires soon").await?;
    assert!(!found.stdout.contains("another name"), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_start_with_a_certificate_that_cant_be_used_names_the_file_and_the_remedy() -> Result<()> {
    let (authority, files) = (CertificateAuthority::new()?, TempDir::new().unwrap());
    let start = async |certificate: &str, key: &str| -> Result<String> {
        let options = options()?.arg("--tls-certificate").arg(certificate);
        let options = if key.is_empty() { options } else { options.arg("--tls-key").arg(key) };
        Ok(Server::start(options).await.unwrap_err().to_string())
    };
    let (certificate, key) = authority.issue(&NAMES, 1)?.write_to(files.path())?;
    let refused = start(&certificate, "").await?;
    assert!(refused.contains("--tls-certificate needs --tls-key"), "{refused}");
    let refused = start("/nowhere/tls.crt", &key).await?;
    assert!(refused.contains("--tls-certificate: can't read /nowhere/tls.crt"), "{refused}");
    std::fs::write(&key, authority.issue(&NAMES, 1)?.key).unwrap();
    let refused = start(&certificate, &key).await?;
    assert!(refused.contains("doesn't belong to the certificate"), "{refused}");
    let (certificate, key) = authority.issue(&NAMES, 40)?.write_to(files.path())?;
    let refused = start(&certificate, &key).await?;
    assert!(refused.contains("expired at 20") && refused.contains("renew it"), "{refused}");
    Ok(())
}
