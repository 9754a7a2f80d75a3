//! The fields of channels in requests.

use bucketry_model::bucket::limits;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::WorkspaceId;
use bucketry_model::notification::{
    ChannelKind, ChannelRule, ChannelRules, ChannelSecret, ChannelTarget, ChannelUrl, MailSecurity,
    MailTarget, check_mail_address, code_of,
};
use bucketry_model::secret::Secret;

use crate::error::FieldError;
use crate::{Error, Result};

/// The shortest key for signatures, in characters.
const SHORTEST_KEY: usize = 16;
/// The longest name to sign in with, in characters.
const LONGEST_USERNAME: usize = 255;

/// A rule as sent.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct RuleInput {
    pub code: String,
    pub after_minutes: Option<i64>,
    pub within_days: Option<i64>,
}

/// The fields of a channel as sent. In a change, what is absent stays as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct ChannelInput {
    pub name: Option<String>,
    pub kind: Option<String>,
    /// Only for a new channel.
    pub workspace_id: Option<WorkspaceId>,
    pub enabled: Option<bool>,
    pub url: Option<Secret>,
    pub secret: Option<Secret>,
    pub username: Option<String>,
    pub host: Option<String>,
    pub port: Option<i64>,
    pub security: Option<MailSecurity>,
    pub from: Option<String>,
    pub to: Option<Vec<String>>,
    /// An empty list stands for the usual rules.
    pub rules: Option<Vec<RuleInput>>,
    pub send_resolved: Option<bool>,
}

/// What becomes of the sealed part of a channel.
#[derive(Debug, Clone)]
pub(super) enum ChannelSecretInput {
    /// It stays, if there is one.
    Keep,
    /// It is replaced.
    Replace(ChannelSecret),
    /// There is none any more.
    Clear,
}

impl ChannelInput {
    /// The kind of a new channel.
    pub(super) fn kind(&self) -> Result<ChannelKind> {
        let kind = self.kind.as_deref().ok_or_else(|| Error::field("kind", "is required"))?;
        kind.parse().map_err(|error| Error::field("kind", error))
    }

    /// The rules that apply after a change.
    pub(super) fn rules(&self, before: &ChannelRules) -> Result<ChannelRules> {
        let send_resolved = self.send_resolved.unwrap_or(before.send_resolved);
        let rules = match &self.rules {
            None if before.are_usual() => None,
            None => Some(before.all()),
            Some(rules) if rules.is_empty() => None,
            Some(rules) => Some(rules.iter().map(rule).collect::<Result<_>>()?),
        };
        ChannelRules::new(rules, send_resolved).map_err(|error| Error::field("rules", error))
    }

    /// The destination after a change, or of a new channel.
    pub(super) fn target(
        &self,
        kind: ChannelKind,
        before: Option<&ChannelTarget>,
    ) -> Result<(ChannelTarget, ChannelSecretInput)> {
        self.refuse_fields_of_others(kind)?;
        match kind {
            ChannelKind::Webhook => self.webhook(before),
            ChannelKind::Slack => self.slack(before),
            ChannelKind::Alertmanager => self.alertmanager(before),
            ChannelKind::Email => self.email(before),
        }
    }

    fn webhook(&self, before: Option<&ChannelTarget>) -> Result<(ChannelTarget, ChannelSecretInput)> {
        let (url, key) = (self.url()?, self.given_secret()?);
        match (url, key, before) {
            (None, None, Some(before)) => Ok((before.clone(), ChannelSecretInput::Keep)),
            (Some((url, whole)), Some(key), _) => {
                if key.expose().chars().count() < SHORTEST_KEY {
                    let message = format!(
                        "must be at least {SHORTEST_KEY} characters long: messages are signed with it"
                    );
                    return Err(Error::field("secret", message));
                }
                let target = ChannelTarget::Webhook { origin: url.origin().to_owned() };
                Ok((
                    target,
                    ChannelSecretInput::Replace(ChannelSecret { url: Some(whole), secret: Some(key) }),
                ))
            }
            (None, None, None) => Err(Error::Invalid(vec![
                FieldError::new("url", "is required"),
                FieldError::new("secret", "is required: messages are signed with it"),
            ])),
            (None, Some(_), _) => Err(sent_together("url", "secret")),
            (Some(_), None, _) => Err(sent_together("secret", "url")),
        }
    }

    fn slack(&self, before: Option<&ChannelTarget>) -> Result<(ChannelTarget, ChannelSecretInput)> {
        match (self.url()?, before) {
            (None, Some(before)) => Ok((before.clone(), ChannelSecretInput::Keep)),
            (None, None) => Err(Error::field("url", "is required")),
            (Some((url, whole)), _) => {
                let target = ChannelTarget::Slack { origin: url.origin().to_owned() };
                Ok((target, ChannelSecretInput::Replace(ChannelSecret { url: Some(whole), secret: None })))
            }
        }
    }

    fn alertmanager(&self, before: Option<&ChannelTarget>) -> Result<(ChannelTarget, ChannelSecretInput)> {
        let (url, secret, username) = (self.url()?, self.given_secret()?, self.username()?);
        let Some((url, whole)) = url else {
            return match before {
                Some(before) if secret.is_none() && username.is_none() => {
                    Ok((before.clone(), ChannelSecretInput::Keep))
                }
                Some(_) => Err(sent_together("url", if secret.is_some() { "secret" } else { "username" })),
                None => Err(Error::field("url", "is required")),
            };
        };
        if username.is_some() && secret.is_none() {
            return Err(Error::field("secret", "is required with a `username`"));
        }
        let target = ChannelTarget::Alertmanager { origin: url.origin().to_owned(), username };
        Ok((target, ChannelSecretInput::Replace(ChannelSecret { url: Some(whole), secret })))
    }

    fn email(&self, before: Option<&ChannelTarget>) -> Result<(ChannelTarget, ChannelSecretInput)> {
        let before = match before {
            Some(ChannelTarget::Email(before)) => Some(before),
            _ => None,
        };
        let security = self.security.or(before.map(|one| one.security)).unwrap_or(MailSecurity::Starttls);
        let username = match self.username.as_deref().map(str::trim) {
            None => before.and_then(|one| one.username.clone()),
            Some("") => None,
            Some(_) => self.username()?,
        };
        let mail = MailTarget {
            host: self.host(before)?,
            port: self.port(security, before)?,
            security,
            username,
            from: match (&self.from, before) {
                (Some(from), _) => address("from", from)?,
                (None, Some(before)) => before.from.clone(),
                (None, None) => return Err(Error::field("from", "is required")),
            },
            to: match (&self.to, before) {
                (Some(to), _) => recipients(to)?,
                (None, Some(before)) => before.to.clone(),
                (None, None) => return Err(Error::field("to", "is required")),
            },
        };
        let secret = self.mail_secret(&mail, before)?;
        Ok((ChannelTarget::Email(mail), secret))
    }

    /// A password is used only at the server and for the name that it was entered for.
    fn mail_secret(&self, mail: &MailTarget, before: Option<&MailTarget>) -> Result<ChannelSecretInput> {
        let password = self.given_secret()?;
        if mail.username.is_none() {
            return match password {
                Some(_) => Err(Error::field("username", "is required with a `secret`")),
                None => Ok(ChannelSecretInput::Clear),
            };
        }
        if mail.security == MailSecurity::None {
            let message = "must be STARTTLS or TLS with a `username`: a password is not sent over an unencrypted connection";
            return Err(Error::field("security", message));
        }
        let is_same = |one: &MailTarget| {
            (&one.host, one.port, one.security, &one.username)
                == (&mail.host, mail.port, mail.security, &mail.username)
        };
        match password {
            Some(password) => {
                Ok(ChannelSecretInput::Replace(ChannelSecret { url: None, secret: Some(password) }))
            }
            None if before.is_some_and(is_same) => Ok(ChannelSecretInput::Keep),
            None if before.is_some_and(|one| one.username.is_some()) => Err(Error::field(
                "secret",
                "must be sent again, because `host`, `port`, `security` or `username` changes: a stored password is used \
                 only for what it was entered for",
            )),
            None => Err(Error::field("secret", "is required with a `username`")),
        }
    }

    fn url(&self) -> Result<Option<(ChannelUrl, Secret)>> {
        let Some(text) = self.url.as_ref().filter(|url| !url.expose().trim().is_empty()) else {
            return Ok(None);
        };
        let url = ChannelUrl::parse(text.expose()).map_err(|error| Error::field("url", error))?;
        let whole = Secret::new(url.expose());
        Ok(Some((url, whole)))
    }

    fn given_secret(&self) -> Result<Option<Secret>> {
        // What is pasted, and the last line of a file, may end with a line break.
        let entered =
            self.secret.as_ref().map(|secret| Secret::new(secret.expose().trim_end_matches(['\r', '\n'])));
        let Some(secret) = entered.filter(|secret| !secret.is_empty()) else { return Ok(None) };
        let text = secret.expose();
        if text.chars().count() > limits::SECRET || text.chars().any(char::is_control) {
            let message =
                format!("must be at most {} characters long, without control characters", limits::SECRET);
            return Err(Error::field("secret", message));
        }
        Ok(Some(secret))
    }

    fn username(&self) -> Result<Option<String>> {
        let Some(text) = self.username.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.chars().count() > LONGEST_USERNAME || text.contains(':') || text.chars().any(char::is_control)
        {
            let message = format!(
                "must be at most {LONGEST_USERNAME} characters long, without control characters and ':'"
            );
            return Err(Error::field("username", message));
        }
        Ok(Some(text.to_owned()))
    }

    fn host(&self, before: Option<&MailTarget>) -> Result<String> {
        let text = match (&self.host, before) {
            (Some(host), _) => host.trim(),
            (None, Some(before)) => return Ok(before.host.clone()),
            (None, None) => return Err(Error::field("host", "is required")),
        };
        let wrong = || {
            Error::field(
                "host",
                "must be the host name or address of a mail server, without scheme, port and path",
            )
        };
        let endpoint = Endpoint::parse(&format!("https://{text}")).map_err(|_| wrong())?;
        let is_host_only = endpoint.port.is_none() && !text.contains('/') && !text.contains("]:");
        if is_host_only { Ok(endpoint.host.to_string()) } else { Err(wrong()) }
    }

    fn port(&self, security: MailSecurity, before: Option<&MailTarget>) -> Result<u16> {
        match self.port {
            Some(port) => u16::try_from(port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| Error::field("port", "must be a number from 1 to 65535")),
            None => Ok(match before {
                Some(before) if before.security == security => before.port,
                _ => security.usual_port(),
            }),
        }
    }

    /// A field that means nothing for the kind is refused, because the caller expects an effect.
    fn refuse_fields_of_others(&self, kind: ChannelKind) -> Result<()> {
        let is_mail = kind == ChannelKind::Email;
        let takes_url = "is not a field of a channel of this kind: EMAIL takes `host`, `from` and `to`, the others take `url`";
        let wrong: Vec<FieldError> = [
            ("url", self.url.is_some(), !is_mail),
            ("host", self.host.is_some(), is_mail),
            ("port", self.port.is_some(), is_mail),
            ("security", self.security.is_some(), is_mail),
            ("from", self.from.is_some(), is_mail),
            ("to", self.to.is_some(), is_mail),
            ("username", self.username.is_some(), is_mail || kind == ChannelKind::Alertmanager),
            ("secret", self.secret.is_some(), kind != ChannelKind::Slack),
        ]
        .into_iter()
        .filter(|(_, is_given, is_taken)| *is_given && !is_taken)
        .map(|(field, ..)| FieldError::new(field, takes_url))
        .collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

fn sent_together(missing: &'static str, given: &str) -> Error {
    Error::field(missing, format!("must be sent with `{given}`: both are stored as one sealed text"))
}

fn rule(input: &RuleInput) -> Result<ChannelRule> {
    let code = code_of(&input.code).map_err(|error| Error::field("rules.code", error))?;
    // What is out of range is refused with the other rules.
    let after_minutes = u32::try_from(input.after_minutes.unwrap_or(0)).unwrap_or(u32::MAX);
    let within_days = input.within_days.map(|days| u16::try_from(days).unwrap_or(u16::MAX));
    Ok(ChannelRule { code, after_minutes, within_days })
}

fn address(field: &'static str, text: &str) -> Result<String> {
    let text = text.trim();
    check_mail_address(text).map_err(|error| Error::field(field, error))?;
    Ok(text.to_owned())
}

fn recipients(to: &[String]) -> Result<Vec<String>> {
    if to.is_empty() || to.len() > MailTarget::MAX_RECIPIENTS {
        return Err(Error::field("to", format!("must have 1 to {} addresses", MailTarget::MAX_RECIPIENTS)));
    }
    to.iter().map(|one| address("to", one)).collect()
}

#[cfg(test)]
mod tests;
