//! A form that is built step by step, so that tests can send what no browser would.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::hex;
use bucketry_model::time::{Clock as _, SystemClock};
use jiff::SignedDuration;
use ring::hmac;

use crate::context::{Answer, TestContext, WRITER};

pub(crate) const SECRET: &str = "a-secret-access-key-of-forty-characters!";
const BOUNDARY: &str = "----TestFormBoundary7MA4YWxk";
/// How most clients end a form.
pub(crate) const END: &str = "\r\n------TestFormBoundary7MA4YWxk--\r\n";

/// A form with a policy that allows it, until it is changed.
#[derive(Clone)]
pub(crate) struct Draft {
    fields: Vec<(String, String)>,
    /// Conditions in JSON, besides those on [`Self::fields`].
    conditions: Vec<String>,
    /// Fields that the policy doesn't mention.
    uncovered: Vec<(String, String)>,
    access_key: &'static str,
    secret: &'static str,
    lifetime: SignedDuration,
    /// How the policy writes its expiration.
    time_format: &'static str,
    pub(crate) filename: &'static str,
    pub(crate) content: Vec<u8>,
    /// What follows the file.
    pub(crate) end: String,
}

impl Draft {
    pub(crate) fn new(key: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            fields: vec![("key".to_owned(), key.to_owned())],
            conditions: vec![r#"{"bucket": "photos"}"#.to_owned()],
            uncovered: Vec::new(),
            access_key: WRITER,
            secret: SECRET,
            lifetime: SignedDuration::from_mins(5),
            time_format: "%FT%T.000Z",
            filename: "cat.jpg",
            content: content.into(),
            end: END.to_owned(),
        }
    }

    /// A field, with a condition for it.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A field without a condition.
    pub(crate) fn uncovered(mut self, name: &str, value: &str) -> Self {
        self.uncovered.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    /// A policy for any key, in which the bucket has no condition.
    pub(crate) fn without_bucket(mut self) -> Self {
        self.conditions.clear();
        self
    }

    pub(crate) fn signed_by(self, access_key: &'static str, secret: &'static str) -> Self {
        Self { access_key, secret, ..self }
    }

    pub(crate) fn expired(self) -> Self {
        Self { lifetime: SignedDuration::from_secs(-1), ..self }
    }

    /// A policy that writes its expiration in another form.
    pub(crate) fn expiring(self, time_format: &'static str) -> Self {
        Self { time_format, ..self }
    }

    pub(crate) fn ending(self, end: &str) -> Self {
        Self { end: end.to_owned(), ..self }
    }

    /// A field after the file, and the end of the form.
    pub(crate) fn followed_by(self, name: &str, value: &str) -> Self {
        let end = format!("\r\n{}{}", part(name, value), &END[2..]);
        Self { end, ..self }
    }

    /// The body.
    pub(crate) fn body(&self) -> Vec<u8> {
        let now = SystemClock.now();
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
        let mut fields = self.fields.clone();
        for (name, value) in [
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", &format!("{}/{scope}", self.access_key)),
            ("x-amz-date", &time),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut conditions = self.conditions.clone();
        let is_covered =
            |name: &str| self.conditions.iter().any(|known| known.contains(&format!("${name}\"")));
        for (name, value) in fields.iter().filter(|(name, _)| !is_covered(name)) {
            let value =
                value.replace("${filename}", self.filename).replace('\\', "\\\\").replace('"', "\\\"");
            conditions.push(format!(r#"["eq", "${name}", "{value}"]"#));
        }
        let expiration = (now + self.lifetime).strftime(self.time_format);
        let policy =
            format!(r#"{{"expiration": "{expiration}", "conditions": [{}]}}"#, conditions.join(", "));
        let policy = STANDARD.encode(policy);
        let signature = hex::encode(&self.sign(&time[..8], &policy));
        let mut body = String::new();
        fields.extend(self.uncovered.clone());
        for (name, value) in &fields {
            body += &part(name, value);
        }
        body += &part("policy", &policy);
        body += &part("x-amz-signature", &signature);
        let start = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: image/jpeg\r\n\r\n",
            self.filename
        );
        [body.as_bytes(), start.as_bytes(), &self.content, self.end.as_bytes()].concat()
    }

    fn sign(&self, date: &str, policy: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = [date, "us-east-1", "s3", "aws4_request"].into_iter().fold(first, |key, step| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec()
        });
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), policy.as_bytes()).as_ref().to_vec()
    }

    /// Sends the form to the bucket.
    pub(crate) async fn send(&self, context: &TestContext) -> Answer {
        send_body(context, "/photos", &self.body(), None).await
    }
}

/// A field as it is in the body.
fn part(name: &str, value: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

pub(crate) fn content_type() -> String {
    format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n")
}

/// Sends the body of a form, of which more may be announced than is sent.
pub(crate) async fn send_body(
    context: &TestContext,
    target: &str,
    body: &[u8],
    announced: Option<usize>,
) -> Answer {
    context.send(target, &content_type(), body, announced).await
}
