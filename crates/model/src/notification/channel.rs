//! Where messages are sent.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelKind {
    /// Posts JSON with a signature.
    Webhook,
    /// Posts a text, as Slack's incoming webhooks and those of compatible services expect it.
    Slack,
    /// Sends mail.
    Email,
    /// Posts alerts to the API of Prometheus' Alertmanager.
    Alertmanager,
}

/// The text is not the name of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be WEBHOOK, SLACK, EMAIL or ALERTMANAGER")]
pub struct UnknownChannelKind;

impl ChannelKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Slack, Self::Email, Self::Alertmanager];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "WEBHOOK",
            Self::Slack => "SLACK",
            Self::Email => "EMAIL",
            Self::Alertmanager => "ALERTMANAGER",
        }
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownChannelKind;
    fn from_str(text: &str) -> Result<Self, UnknownChannelKind> {
        let text = text.trim();
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownChannelKind)
    }
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MailSecurity {
    /// The connection begins unencrypted and must be upgraded (RFC 3207). The usual port is 587.
    Starttls,
    /// TLS from the first byte (RFC 8314). The usual port is 465.
    Tls,
    /// Not at all. Only without a password, for a server in the same network. The usual port is 25.
    None,
}

impl MailSecurity {
    /// The port that servers of this kind usually have.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server, and the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names speak for themselves")]
pub struct MailTarget {
    /// Host name or address of the server.
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    /// The name to sign in with. Without one, nobody signs in.
    pub username: Option<String>,
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
}

impl MailTarget {
    /// How many recipients a channel may have.
    pub const MAX_RECIPIENTS: usize = 20;
}

/// What may be shown of a channel's destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelTarget {
    /// A webhook at this origin.
    Webhook {
        /// Scheme, host and port.
        origin: String,
    },
    /// A Slack-compatible webhook at this origin.
    Slack {
        /// Scheme, host and port.
        origin: String,
    },
    /// A mail server.
    Email(MailTarget),
    /// An Alertmanager at this origin.
    Alertmanager {
        /// Scheme, host and port.
        origin: String,
        /// The name for basic authentication. Without one, a secret is a bearer token.
        username: Option<String>,
    },
}

impl ChannelTarget {
    /// The kind of the channel.
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Webhook { .. } => ChannelKind::Webhook,
            Self::Slack { .. } => ChannelKind::Slack,
            Self::Email(_) => ChannelKind::Email,
            Self::Alertmanager { .. } => ChannelKind::Alertmanager,
        }
    }
}

/// What must not be shown of a channel's destination, as it is sealed: one text of JSON.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ChannelSecret {
    /// The whole URL.
    #[serde(default)]
    pub url: Option<Secret>,
    /// The key for signatures, the password or the token.
    #[serde(default)]
    pub secret: Option<Secret>,
}

impl ChannelSecret {
    /// The text to seal.
    pub fn to_plain(&self) -> Secret {
        let expose = |part: &Option<Secret>| part.as_ref().map(|secret| secret.expose().to_owned());
        Secret::new(
            serde_json::json!({ "url": expose(&self.url), "secret": expose(&self.secret) }).to_string(),
        )
    }

    /// Reads what [`ChannelSecret::to_plain`] wrote.
    pub fn from_plain(plain: &Secret) -> Option<Self> {
        serde_json::from_str(plain.expose()).ok()
    }
}

/// The text can't be a mail address here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as alerts@example.com, without a name")]
pub struct InvalidMailAddress;

/// Checks an address. Only addresses in ASCII without quotes or comments are accepted, so nothing in one can end a
/// header or a command.
pub fn check_mail_address(text: &str) -> Result<(), InvalidMailAddress> {
    let (local, domain) = text.rsplit_once('@').ok_or(InvalidMailAddress)?;
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let has_dots_inside = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.contains("..")
    };
    let fits = text.len() <= 254
        && local.len() <= 64
        && local.bytes().all(is_atom)
        && domain.bytes().all(is_host)
        && has_dots_inside(local)
        && has_dots_inside(domain);
    if fits { Ok(()) } else { Err(InvalidMailAddress) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_reads_back_and_is_not_shown() {
        let secret = ChannelSecret {
            url: Some(Secret::new("https://a.example/x")),
            secret: Some(Secret::new("k\"\n")),
        };
        let read = ChannelSecret::from_plain(&secret.to_plain()).unwrap();
        assert_eq!(read.url.unwrap().expose(), "https://a.example/x");
        assert_eq!(read.secret.unwrap().expose(), "k\"\n");
        assert!(!format!("{secret:?}").contains("a.example"));
        assert!(ChannelSecret::from_plain(&Secret::new("x")).is_none());
    }

    #[test]
    fn addresses_cannot_end_a_header_or_a_command() {
        for right in ["a@b.example", "on.call+db@mail.example.com", "root@localhost"] {
            assert_eq!(check_mail_address(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "a",
            "@b",
            "a@",
            "a@b\r\nBcc: c@d",
            "\"a b\"@c.example",
            "A <a@b.example>",
            "a@b.example,c@d.example",
            "a b@c.example",
            ".a@b.example",
            "a@b..example",
            "ä@b.example",
        ] {
            assert_eq!(check_mail_address(wrong), Err(InvalidMailAddress), "{wrong:?}");
        }
    }

    #[test]
    fn targets_are_stored_with_their_kind() {
        let target = ChannelTarget::Alertmanager { origin: "http://am:9093".to_owned(), username: None };
        let text = serde_json::to_string(&target).unwrap();
        assert!(text.starts_with("{\"kind\":\"ALERTMANAGER\""), "{text}");
        assert_eq!(serde_json::from_str::<ChannelTarget>(&text).unwrap(), target);
        assert_eq!("slack".parse(), Ok(ChannelKind::Slack));
    }
}
