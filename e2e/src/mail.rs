//! A mail server, `aiosmtpd`, which offers STARTTLS and asks for a password.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{Error, Result, environment, eventually};

/// Longer than Python takes to start.
const SOON: Duration = Duration::from_secs(30);

const SERVER: &str = r"
import asyncio, json, os, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

directory, tls = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f'{directory}/server.pem', f'{directory}/server.key')

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('unknown'):
            return '550 5.1.1 no such mailbox here, and this text is not for anybody'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        if os.path.exists(f'{directory}/drop'):
            server.transport.abort()
            return '451 gone'
        mail = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'tls': session.ssl is not None or tls == 'tls',
                'authenticated': session.authenticated, 'text': envelope.content.decode()}
        with open(f'{directory}/mails', 'a') as mails:
            mails.write(json.dumps(mail) + '\n')
        return '250 accepted'

def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b'bucketry', b'a password of mail')
    return AuthResult(success=right, handled=False)

options = dict(authenticator=authenticate, auth_required=True)
if tls == 'starttls':
    options.update(tls_context=context, require_starttls=True)
    controller = Controller(Handler(), hostname='127.0.0.1', port=0, **options)
else:
    controller = Controller(Handler(), hostname='127.0.0.1', port=0, ssl_context=context, auth_require_tls=False, **options)
import socket
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
controller.port = listener.getsockname()[1]
listener.close()
controller.start()
with open(f'{directory}/port.new', 'w') as port:
    port.write(str(controller.port))
os.rename(f'{directory}/port.new', f'{directory}/port')
sys.stdin.read()
";

/// Writes the certificate and the key of a server at `localhost` to a directory, and the certificate of its authority.
/// Returns the file of the latter.
pub fn mail_certificates(dir: &Path) -> Result<String> {
    let wrong = |error: rcgen::Error| Error::Files(std::io::Error::other(error));
    let mut params = CertificateParams::new(Vec::new()).map_err(wrong)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(wrong)?).map_err(wrong)?;
    let key = KeyPair::generate().map_err(wrong)?;
    let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(wrong)?;
    let certificate = params.signed_by(&key, &authority).map_err(wrong)?;
    let ca = dir.join("ca.pem");
    for (file, text) in [
        (dir.join("server.pem"), certificate.pem()),
        (dir.join("server.key"), key.serialize_pem()),
        (ca.clone(), authority.pem()),
    ] {
        std::fs::write(file, text).map_err(Error::Files)?;
    }
    Ok(ca.to_string_lossy().into_owned())
}

/// A running mail server. Dropping it stops it.
#[derive(Debug)]
pub struct MailServer {
    dir: PathBuf,
    port: u16,
    _server: Child,
}

impl MailServer {
    /// Starts a server with `server.pem` and `server.key` of a directory, for STARTTLS or for TLS from the first byte.
    pub async fn start(dir: &Path, tls: bool) -> Result<Self> {
        let mut python = Command::new(environment::python()?);
        let kind = if tls { "tls" } else { "starttls" };
        python.args(["-c", SERVER]).arg(dir).arg(kind);
        let server = python
            .stdin(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::Files)?;
        let look = async || std::fs::read_to_string(dir.join("port")).map_err(Error::Files);
        let port =
            eventually("the mail server starting", SOON, look, |port| port.parse::<u16>().is_ok()).await?;
        Ok(Self { dir: dir.to_owned(), port: port.parse().unwrap_or_default(), _server: server })
    }

    /// The port at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The mails that it accepted.
    pub fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.join("mails")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Lets it accept connections and drop them in the middle of a mail, or not any more.
    pub fn set_dropping(&self, drops: bool) -> Result<()> {
        let file = self.dir.join("drop");
        if drops {
            std::fs::write(file, "").map_err(Error::Files)
        } else {
            std::fs::remove_file(file).map_err(Error::Files)
        }
    }
}
