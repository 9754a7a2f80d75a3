//! What people paste into the fields of a bucket, before the fields are parsed.

use bucketry_model::bucket::limits;
use bucketry_model::paste::{clean, document};
use bucketry_model::secret::Secret;

use super::input::BucketInput;

/// The most that is cleaned of a field. A longer one is refused as too long when it is parsed.
const MAX_FIELD_BYTES: usize = limits::SECRET * 2;

impl BucketInput {
    /// The fields without invisible characters, quotes, and names of variables around the values. The display name is
    /// unchanged: it may contain any of them.
    pub(super) fn cleaned(&self) -> Self {
        Self {
            bucket: self.bucket.as_deref().map(clean_text),
            key: self.key.as_deref().map(clean_text),
            secret: self.secret.as_ref().map(clean_secret),
            region: self.region.as_deref().map(clean_text),
            endpoint: self.endpoint.as_deref().map(clean_text),
            ..self.clone()
        }
    }
}

fn clean_text(text: &str) -> String {
    if text.len() > MAX_FIELD_BYTES { text.to_owned() } else { clean::value(text) }
}

fn clean_secret(secret: &Secret) -> Secret {
    let text = secret.expose();
    if text.len() > MAX_FIELD_BYTES {
        return secret.clone();
    }
    let value = clean::value(text);
    Secret::new(document::without_invisible(&value).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_what_is_left_of_the_fields() {
        let input = BucketInput {
            bucket: Some("\u{feff}photos".into()),
            key: Some("AWS_ACCESS_KEY_ID=\"AKID\"".into()),
            secret: Some(Secret::new("\u{feff}aws_secret_access_key = abc\r\n")),
            region: Some("eu-central-1\u{200b}".into()),
            endpoint: Some("'https://s3.example.com'".into()),
            ..BucketInput::default()
        };
        let cleaned = input.cleaned();
        assert_eq!(cleaned.bucket.as_deref(), Some("photos"));
        assert_eq!(cleaned.key.as_deref(), Some("AKID"));
        assert_eq!(cleaned.secret.as_ref().map(Secret::expose), Some("abc"));
        assert_eq!(cleaned.region.as_deref(), Some("eu-central-1"));
        assert_eq!(cleaned.endpoint.as_deref(), Some("https://s3.example.com"));
    }

    #[test]
    fn a_key_file_is_read_with_a_mark_before_it_and_in_it() {
        let text = "\u{feff}{\"client_email\":\"a@p\\ufeff\",\"private_key\":\"-----BEGIN\\n\"}";
        let input = BucketInput { secret: Some(Secret::new(text)), ..BucketInput::default() };
        let secret = input.cleaned().secret.unwrap();
        assert_eq!(secret.expose(), "{\"client_email\":\"a@p\",\"private_key\":\"-----BEGIN\\n\"}");
    }
}
