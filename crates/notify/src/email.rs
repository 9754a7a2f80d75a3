//! Mails: one plain text for all recipients.

use bucketry_model::notification::MailTarget;
use bucketry_store::notification::ClaimedDelivery;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{Address, Message};

use crate::failure::SendFailure;
use crate::text::{paragraphs, subject};
use crate::webhook::EVENT_ID_HEADER;

/// Writes the mail. Its `Message-ID` is made of the event id, so repetitions can be recognised.
pub(crate) fn compose(mail: &MailTarget, delivery: &ClaimedDelivery) -> Result<Message, SendFailure> {
    let id = delivery.stored.id;
    let domain = mail.from.rsplit_once('@').map_or("bucketry", |(_, domain)| domain);
    let mut builder: MessageBuilder = Message::builder()
        .from(mailbox(&mail.from)?)
        .subject(subject(&delivery.message))
        .message_id(Some(format!("<{id}@{domain}>")))
        .date(std::time::SystemTime::from(delivery.message.at))
        // RFC 3834: nobody is to answer automatically.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw(EVENT_ID_HEADER, &id.to_string()))
        .header(ContentType::TEXT_PLAIN);
    for address in &mail.to {
        builder = builder.to(mailbox(address)?);
    }
    let text = format!("{}\n\n{}", delivery.message.title, paragraphs(&delivery.message));
    let sent_by = format!("-- \nSent by Bucketry for the notification channel {}.\n", delivery.channel.name);
    builder
        .body(format!("{}\n\n{sent_by}", text.trim_end()).replace('\n', "\r\n"))
        .map_err(|_| SendFailure::new("the mail can't be written"))
}

fn mailbox(address: &str) -> Result<Mailbox, SendFailure> {
    let address: Address =
        address.parse().map_err(|_| SendFailure::new(format!("{address} isn't an e-mail address")))?;
    Ok(Mailbox::new(None, address))
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use bucketry_model::notification::{ChannelTarget, MailSecurity, NotificationKind};

    use super::*;
    use crate::text::tests::{delivery, message};

    #[test]
    fn names_cannot_add_headers_or_recipients() {
        let mail = MailTarget {
            host: "mail.example.com".to_owned(),
            port: 25,
            security: MailSecurity::None,
            username: None,
            from: "bucketry@example.com".to_owned(),
            to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        };
        let message = message(NotificationKind::Alerting, &["ph\r\nBcc: evil@example.com\r\n\r\nötös"], 1);
        let delivery = delivery(ChannelTarget::Email(mail.clone()), message);
        let id = delivery.stored.id;
        let mail = compose(&mail, &delivery).unwrap();
        assert_eq!(mail.envelope().to().len(), 2);
        let text = String::from_utf8(mail.formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains(&format!("Message-ID: <{id}@example.com>")), "{head}");
        assert!(head.contains(&format!("bucketry-event-id: {id}")), "{head}");
        assert_eq!(mail.formatted(), mail.formatted(), "the same at every attempt");
    }
}
