//! TLS of the listeners: certificates from files, which can be replaced while connections are open, and handshakes
//! that a slow client can't hold up for others.

mod certificate;
mod handshake;
mod ownership_proofs;
mod server_stream;
mod server_tls;
#[cfg(test)]
pub(crate) mod test_certificates;
#[cfg(test)]
mod tests;
mod validity;
mod watch;

pub use certificate::{CertificateError, CertificateFiles, LoadedCertificate};
pub(crate) use handshake::Handshakes;
pub use ownership_proofs::OwnershipProofs;
pub use server_stream::{EncryptedConnection, ServerStream};
pub use server_tls::{CurrentCertificate, OfferedProtocols, ServerTls, TlsUnavailable};
pub use watch::{CertificateWatch, Reloaded};
