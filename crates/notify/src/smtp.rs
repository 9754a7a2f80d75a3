//! The conversation with a mail server, over connections that obey the endpoint policy.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bucketry_model::endpoint::{Endpoint, Host};
use bucketry_model::notification::{MailSecurity, MailTarget};
use bucketry_model::secret::Secret;
use bucketry_provider::connection::Connections;
use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::failure::SendFailure;

/// A connection that is encrypted from its first byte.
#[derive(Debug)]
struct EncryptedMailStream(TlsStream<TcpStream>);

impl AsyncRead for EncryptedMailStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for EncryptedMailStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for EncryptedMailStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

/// Hands a mail to the server. Returns the status with which the server accepts it.
pub(crate) async fn send(
    connections: &Connections,
    mail: &MailTarget,
    password: Option<&Secret>,
    message: &Message,
) -> Result<u16, SendFailure> {
    let host = host(&mail.host)?;
    let tcp = connections
        .connect_out(&host, mail.port)
        .await
        .map_err(|error| SendFailure::of_connection(&error))?;
    // Without a host name of its own, a client greets with its address (RFC 5321 §4.1.3).
    let name = match tcp.local_addr() {
        Ok(SocketAddr::V4(address)) => ClientId::Ipv4(*address.ip()),
        Ok(SocketAddr::V6(address)) => ClientId::Ipv6(*address.ip()),
        Err(_) => return Err(SendFailure::new("the connection was closed")),
    };
    let stream: Box<dyn AsyncTokioStream> = match mail.security {
        MailSecurity::Tls => {
            let encrypted = connections.encrypt(&host, tcp).await;
            Box::new(EncryptedMailStream(encrypted.map_err(|error| SendFailure::of_connection(&error))?))
        }
        MailSecurity::Starttls | MailSecurity::None => Box::new(tcp),
    };
    let failed = |error: lettre::transport::smtp::Error| SendFailure::of_smtp(&error);
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &name).await.map_err(failed)?;
    if mail.security == MailSecurity::Starttls {
        if !connection.can_starttls() {
            return Err(SendFailure::new(
                "the mail server doesn't offer STARTTLS: use TLS, usually on port 465",
            ));
        }
        connection.starttls(tls(connections, mail)?, &name).await.map_err(failed)?;
    }
    if let (Some(username), Some(password)) = (&mail.username, password) {
        sign_in(&mut connection, username, password).await?;
    }
    let answer = connection.send(message.envelope(), &message.formatted()).await.map_err(failed)?;
    // The mail is accepted, whatever the server says to this.
    drop(connection.quit().await);
    Ok(answer.code().to_string().parse().unwrap_or(250))
}

async fn sign_in(
    connection: &mut AsyncSmtpConnection,
    username: &str,
    password: &Secret,
) -> Result<(), SendFailure> {
    let mechanisms = [Mechanism::Plain, Mechanism::Login];
    if connection.server_info().get_auth_mechanism(&mechanisms).is_none() {
        return Err(SendFailure::new("the mail server offers neither AUTH PLAIN nor AUTH LOGIN"));
    }
    let credentials = Credentials::new(username.to_owned(), password.expose().to_owned());
    connection.auth(&mechanisms, &credentials).await.map_err(|error| SendFailure::of_smtp(&error))?;
    Ok(())
}

fn host(text: &str) -> Result<Host, SendFailure> {
    let endpoint = Endpoint::parse(&format!("https://{text}"));
    endpoint
        .map(|endpoint| endpoint.host)
        .map_err(|_| SendFailure::new("the host isn't a host name or an address"))
}

/// The same roots that connections to providers trust.
fn tls(connections: &Connections, mail: &MailTarget) -> Result<TlsParameters, SendFailure> {
    let mut builder = TlsParametersBuilder::new(mail.host.clone());
    if let Some(pem) = &connections.settings().extra_ca_pem {
        let extra = Certificate::from_pem(pem).map_err(|error| SendFailure::of_smtp(&error))?;
        builder = builder.add_root_certificate(extra);
    }
    builder.build_rustls().map_err(|error| SendFailure::of_smtp(&error))
}
