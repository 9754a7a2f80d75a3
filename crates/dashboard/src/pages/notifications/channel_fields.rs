//! The fields of a channel in forms. Addresses and secrets are never sent back to the browser.

use bucketry_control::Error;
use bucketry_control::notifications::ChannelInput;
use bucketry_model::notification::{ChannelKind, ChannelRules, ChannelTarget, MailSecurity};
use bucketry_store::notification_channel::NotificationChannel;
use maud::{Markup, html};

use super::rules;
use crate::field_values::FieldValues;
use crate::form_problems::FormProblems;
use crate::parts::field::{FieldKind, TextField, select, tick};
use crate::wording::Labels;

pub(super) const LABELS: &Labels = &[
    ("name", "Name"),
    ("workspaceId", "About"),
    ("url", "URL"),
    ("secret", "Secret"),
    ("host", "Mail server"),
    ("port", "Port"),
    ("security", "Encryption"),
    ("username", "User name"),
    ("from", "From"),
    ("to", "To"),
    ("rules", "About"),
    ("confirm", "Name"),
];

const SECURITY: [(&str, &str, MailSecurity); 3] = [
    ("STARTTLS", "STARTTLS, usually port 587", MailSecurity::Starttls),
    ("TLS", "TLS, usually port 465", MailSecurity::Tls),
    ("NONE", "None, only within your own network, usually port 25", MailSecurity::None),
];

/// The values that a form shows.
#[derive(Clone)]
pub(super) struct ChannelValues {
    pub(super) kind: ChannelKind,
    pub(super) name: String,
    host: String,
    port: String,
    security: String,
    username: String,
    from: String,
    to: String,
    is_enabled: bool,
    sends_resolved: bool,
    rules: ChannelRules,
    /// Whether the channel exists, so that empty secrets stay as they are.
    is_stored: bool,
}

impl ChannelValues {
    /// An empty form.
    pub(super) fn new(kind: ChannelKind) -> Self {
        Self {
            kind,
            name: String::new(),
            host: String::new(),
            port: String::new(),
            security: SECURITY[0].0.to_owned(),
            username: String::new(),
            from: String::new(),
            to: String::new(),
            is_enabled: true,
            sends_resolved: true,
            rules: ChannelRules::default(),
            is_stored: false,
        }
    }

    /// The form of a stored channel.
    pub(super) fn of(channel: &NotificationChannel) -> Self {
        let mut values = Self {
            name: channel.name.as_str().to_owned(),
            is_enabled: channel.enabled,
            sends_resolved: channel.rules.send_resolved,
            rules: channel.rules.clone(),
            is_stored: true,
            ..Self::new(channel.target.kind())
        };
        if let ChannelTarget::Email(mail) = &channel.target {
            values.host.clone_from(&mail.host);
            values.port = mail.port.to_string();
            security_name(mail.security).clone_into(&mut values.security);
            values.username = mail.username.clone().unwrap_or_default();
            values.from.clone_from(&mail.from);
            values.to = mail.to.join(", ");
        }
        values
    }

    /// The same with what was sent.
    pub(super) fn with(self, fields: &FieldValues) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let sends_resolved = fields.has("sendResolved");
        let rules = ChannelRules::new(rules::chosen(fields, &self.rules), sends_resolved);
        Self {
            name: text("name"),
            host: text("host"),
            port: text("port"),
            security: text("security"),
            username: text("username"),
            from: text("from"),
            to: text("to"),
            is_enabled: fields.has("enabled") || !self.is_stored,
            sends_resolved,
            rules: rules.unwrap_or_else(|_| self.rules.clone()),
            ..self
        }
    }

    pub(super) fn render(&self, problems: &FormProblems) -> Markup {
        html! {
            (TextField {
                id: "name", label: "Name", value: &self.name, is_required: true, placeholder: "on call",
                problem: problems.at("name"), ..TextField::default()
            }.render())
            @match self.kind {
                ChannelKind::Webhook => {
                    (self.url("https://example.com/hooks/bucketry", problems))
                    (self.secret("Signing key", "At least 16 characters. Receivers check signatures with it.", problems))
                },
                ChannelKind::Slack => (self.url("https://hooks.slack.com/services/…", problems)),
                ChannelKind::Alertmanager => {
                    (self.url("http://alertmanager:9093", problems))
                    div.pair {
                        (text("username", "User name", &self.username, "", "Only if it asks for a password.", problems))
                        (self.secret("Password or bearer token", "Only if it asks for one.", problems))
                    }
                },
                ChannelKind::Email => (self.mail(problems)),
            }
            @if self.is_stored {
                        (tick("enabled", "Enabled", "A disabled channel sends nothing. When it is enabled again, it reports problems that still last.", self.is_enabled))
                    }
            (tick("sendResolved", "Also say when it ends", "Sends another message when a problem is over.", self.sends_resolved))
            (rules::fieldset(&self.rules))
        }
    }

    fn mail(&self, problems: &FormProblems) -> Markup {
        let security = SECURITY.map(|(value, label, _)| (value.to_owned(), label.to_owned()));
        html! {
            div.pair {
                (text("host", "Mail server", &self.host, "smtp.example.com", "", problems))
                (text("port", "Port", &self.port, "587", "Leave empty for the default port.", problems))
            }
            (select("security", "Encryption", &security, &self.security, problems.at("security")))
            div.pair {
                (text("username", "User name", &self.username, "", "Leave empty if the server asks for none.", problems))
                (self.secret("Password", "Only with a user name.", problems))
            }
            div.pair {
                (text("from", "From", &self.from, "bucketry@example.com", "", problems))
                (text("to", "To", &self.to, "ops@example.com, cto@example.com", "", problems))
            }
        }
    }

    /// A URL may contain a secret, so it is stored sealed and not shown again.
    fn url(&self, placeholder: &str, problems: &FormProblems) -> Markup {
        let help = match (self.is_stored, self.kind) {
            (false, _) => "It is stored sealed, and not shown again.",
            (true, ChannelKind::Slack) => "Leave empty to keep the stored one.",
            (true, _) => "Leave empty to keep the stored one. To change it, enter the secret again, too.",
        };
        TextField {
            id: "url",
            label: "URL",
            kind: FieldKind::Code,
            is_required: !self.is_stored,
            placeholder,
            help: Some(help),
            problem: problems.at("url"),
            ..TextField::default()
        }
        .render()
    }

    fn secret(&self, label: &str, help: &str, problems: &FormProblems) -> Markup {
        let help = if self.is_stored { "Leave empty to keep the stored one." } else { help };
        TextField {
            id: "secret",
            label,
            kind: FieldKind::Secret,
            help: Some(help),
            problem: problems.at("secret"),
            ..TextField::default()
        }
        .render()
    }
}

fn text(
    id: &str,
    label: &str,
    value: &str,
    placeholder: &str,
    help: &str,
    problems: &FormProblems,
) -> Markup {
    let help = Some(help).filter(|help| !help.is_empty());
    TextField { id, label, value, placeholder, help, problem: problems.at(id), ..TextField::default() }
        .render()
}

fn security_name(security: MailSecurity) -> &'static str {
    SECURITY.iter().find(|(.., one)| *one == security).map_or(SECURITY[0].0, |(name, ..)| name)
}

/// What the form asks for. `before` is what is stored.
pub(super) fn input(
    fields: &FieldValues,
    kind: ChannelKind,
    before: Option<&NotificationChannel>,
) -> Result<ChannelInput, Error> {
    let usual = ChannelRules::default();
    let mut input = ChannelInput {
        name: Some(fields.text("name").to_owned()),
        kind: Some(kind.as_str().to_owned()),
        enabled: before.map(|_| fields.has("enabled")),
        url: fields.secret("url"),
        secret: fields.secret("secret"),
        rules: Some(rules::input(fields, before.map_or(&usual, |channel| &channel.rules))?),
        send_resolved: Some(fields.has("sendResolved")),
        ..ChannelInput::default()
    };
    let optional = |name: &str| fields.get(name).map(str::to_owned);
    match kind {
        ChannelKind::Webhook | ChannelKind::Slack => {}
        ChannelKind::Alertmanager => input.username = optional("username"),
        ChannelKind::Email => {
            input.url = None;
            input.username = Some(fields.text("username").to_owned());
            input.host = Some(fields.text("host").to_owned());
            input.port = optional("port")
                .map(|port| port.parse())
                .transpose()
                .map_err(|_| Error::field("port", "must be a number from 1 to 65535"))?;
            let security = SECURITY.iter().find(|(name, ..)| *name == fields.text("security"));
            input.security = Some(security.map_or(MailSecurity::Starttls, |(.., security)| *security));
            input.from = Some(fields.text("from").to_owned());
            input.to = Some(recipients(fields.text("to")));
        }
    }
    Ok(input)
}

/// Addresses that are separated by commas, semicolons or space.
fn recipients(text: &str) -> Vec<String> {
    let separated = text.split(|letter: char| letter == ',' || letter == ';' || letter.is_whitespace());
    separated.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_secret_is_never_sent_back() {
        let fields = FieldValues::from_pairs(&[
            ("name", "on call"),
            ("url", "https://hooks.example.com/hush"),
            ("secret", "hush-hush-hush-hush"),
        ]);
        for kind in ChannelKind::ALL {
            let html = ChannelValues::new(kind).with(&fields).render(&FormProblems::default()).into_string();
            assert!(html.contains("value=\"on call\"") && !html.contains("hush"), "{html}");
        }
    }

    #[test]
    fn recipients_are_separated_as_people_do() {
        assert_eq!(
            recipients("a@b.example, c@d.example;e@f.example\n"),
            ["a@b.example", "c@d.example", "e@f.example"]
        );
        assert!(recipients(" ").is_empty());
    }

    #[test]
    fn a_port_that_is_no_number_is_said_at_the_field() {
        let about = ("rule-BUCKET_OFFLINE", "yes");
        let fields = FieldValues::from_pairs(&[("name", "mail"), ("port", "smtp"), about]);
        assert!(matches!(input(&fields, ChannelKind::Email, None), Err(Error::Invalid(_))));
        let fields =
            FieldValues::from_pairs(&[("name", "mail"), ("port", "2525"), ("security", "NONE"), about]);
        let read = input(&fields, ChannelKind::Email, None).unwrap();
        assert_eq!((read.port, read.security), (Some(2525), Some(MailSecurity::None)));
        assert_eq!((read.url.is_none(), read.enabled), (true, None));
    }
}
