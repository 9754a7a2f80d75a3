//! TLS connections to PostgreSQL: the server's certificate is checked against a private authority, and a wrong one
//! is reported as such.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;

use bucketry_e2e::{CommandLine, Result, Server, new_database, options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a TLS proxy for the shared server with a certificate for `name`, as poolers and hosted databases do.
/// Returns the URL of a database behind it. The packaged PostgreSQL is built without TLS.
async fn database_behind(name: &str, authority: &Authority) -> Result<String> {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let database = new_database().await?;
    let (before, at, name) = parts(&database);
    let (at, listener) = (at.to_owned(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let here = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (acceptor, at) = (acceptor.clone(), at.clone());
            tokio::spawn(async move {
                // The protocol's `SSLRequest`: its length and its code.
                let mut asked = [0; 8];
                client.read_exact(&mut asked).await?;
                assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47], "the client began a session without TLS");
                client.write_all(b"S").await?;
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(at).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Ok(format!("{before}{here}/{name}"))
}

/// `postgres://postgres@`, the address, the database's name.
fn parts(database: &str) -> (&str, &str, &str) {
    let (before, after) = database.split_at(database.find('@').unwrap() + 1);
    let (at, name) = after.split_once('/').unwrap();
    (before, at, name)
}

#[tokio::test]
async fn a_server_is_used_when_ones_own_authority_vouches_for_it_and_only_then() -> Result<()> {
    let (own, others) = (authority(), authority());
    let database = database_behind("127.0.0.1", &own).await?;
    let terminal = CommandLine::new()?;
    let (right, wrong) = (terminal.file("own.pem", &own.pem())?, terminal.file("others.pem", &others.pem())?);
    let verified = format!("{database}?sslmode=verify-full&sslrootcert={right}");
    let mistaken = format!("{database}?sslmode=verify-full&sslrootcert={wrong}");

    let server = Server::start(options()?.env("BUCKETRY_DATABASE_URL", &verified)).await?;
    server.owner().await?.workspace().await?;
    let looked = terminal.run(&["doctor", "--database-url", &verified]).await?;
    assert!(looked.stdout.contains("with the right schema"), "{looked:?}");

    let refused =
        Server::start(options()?.env("BUCKETRY_DATABASE_URL", &mistaken)).await.unwrap_err().to_string();
    assert!(refused.contains("certificate") && refused.contains("sslrootcert"), "{refused}");
    let looked = terminal.run(&["doctor", "--database-url", &mistaken]).await?.with_status(1)?;
    assert!(looked.stdout.contains("certificate"), "{looked:?}");
    let missing = format!("{database}?sslmode=verify-full&sslrootcert=/nowhere/own.pem");
    let looked = terminal.run(&["doctor", "--database-url", &missing]).await?.with_status(1)?;
    assert!(looked.stdout.contains("sslrootcert"), "{looked:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_another_one_by_its_certificate_is_refused() -> Result<()> {
    let own = authority();
    let database = database_behind("db.example.com", &own).await?;
    let terminal = CommandLine::new()?;
    let trusted = terminal.file("own.pem", &own.pem())?;
    let looked = async |mode: &str| {
        let url = format!("{database}?sslmode={mode}&sslrootcert={trusted}");
        terminal.run(&["doctor", "--database-url", &url]).await
    };
    let refused = looked("verify-full").await?.with_status(1)?;
    assert!(
        refused.stdout.contains("certificate") && refused.stdout.contains("db.example.com"),
        "{refused:?}"
    );
    // `verify-ca` doesn't check the name, as in PostgreSQL's own programs.
    let taken = looked("verify-ca").await?;
    assert!(!taken.stdout.contains("certificate"), "{taken:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_asked_for() -> Result<()> {
    let url = format!("{}?sslmode=require", new_database().await?);
    let looked = CommandLine::new()?.run(&["doctor", "--database-url", &url]).await?.with_status(1)?;
    assert!(looked.stdout.contains("TLS"), "{looked:?}");
    Ok(())
}
