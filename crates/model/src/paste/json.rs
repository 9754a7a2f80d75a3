//! The JSON in which clouds and their tools print credentials.

use serde_json::{Deserializer, Value};

use super::pasted_credential::{PasteError, PastedCredential};
use crate::bucket::StorageType;

/// A key of Google, a session of AWS or an application of Entra, whose document stays the secret; or the keys in
/// other documents.
pub(super) fn read(text: &str) -> Result<PastedCredential, PasteError> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let document = values.next().and_then(Result::ok).ok_or(PasteError::InvalidJson)?;
    match values.next() {
        Some(Ok(second)) if second.is_object() => return Err(PasteError::SeveralCredentials),
        Some(_) => return Err(PasteError::InvalidJson),
        None => {}
    }
    match document {
        Value::Array(mut values) if values.len() == 1 => {
            let only = values.remove(0);
            read_document(&only, &only.to_string())
        }
        Value::Array(values) if values.iter().any(Value::is_object) => Err(PasteError::SeveralCredentials),
        document => read_document(&document, text),
    }
}

fn read_document(document: &Value, text: &str) -> Result<PastedCredential, PasteError> {
    let member = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    if let Some(email) = member(document, "client_email") {
        return Ok(PastedCredential::new(StorageType::Gcs, Some(email), text));
    }
    // `aws iam create-access-key`.
    let nested = ["Credentials", "AccessKey"].into_iter().find(|name| document[*name].is_object());
    let inner = nested.map_or(document, |name| &document[name]);
    // A console of MinIO, and `mc`.
    for [key, secret] in [["AccessKeyId", "SecretAccessKey"], ["accessKey", "secretKey"]] {
        let Some(key) = member(inner, key) else { continue };
        if nested != Some("AccessKey") && inner["AccessKeyId"].is_string() {
            return Ok(PastedCredential::new(StorageType::S3, Some(key), text));
        }
        let secret = member(inner, secret).ok_or(PasteError::Incomplete)?;
        return Ok(PastedCredential::aws(Some(&key), &secret));
    }
    let is_application = ["appId", "clientId", "client_id"].iter().any(|name| document[*name].is_string())
        && ["tenant", "tenantId", "tenant_id"].iter().any(|name| document[*name].is_string());
    if is_application {
        return Ok(PastedCredential::new(StorageType::Blob, None, text));
    }
    Err(PasteError::UnknownJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (StorageType, Option<String>, String, Option<String>) {
        let read = PastedCredential::read(text).unwrap().unwrap();
        (read.storage_type, read.key, read.secret.expose().to_owned(), read.endpoint)
    }

    #[test]
    fn documents_stay_the_secret() {
        for (text, storage_type, key) in [
            (r#"{"type":"service_account","client_email":"a@p"}"#, StorageType::Gcs, Some("a@p")),
            (
                r#"{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"s"}}"#,
                StorageType::S3,
                Some("ASIA"),
            ),
            (r#"{"appId":"a","password":"p","tenant":"t"}"#, StorageType::Blob, None),
        ] {
            assert_eq!(read(text), (storage_type, key.map(str::to_owned), text.to_owned(), None));
        }
        let created = r#"{"AccessKey":{"AccessKeyId":"AKID","SecretAccessKey":"s"}}"#;
        assert_eq!(read(created).2, "s");
        assert_eq!(read(&format!("[{created}]")).2, "s");
        let minio = r#"{"url":"http://h:9001/api","accessKey":"AKID","secretKey":"s","api":"s3v4"}"#;
        assert_eq!(read(minio), (StorageType::S3, Some("AKID".to_owned()), "s".to_owned(), None));
        for (text, error) in [
            ("{", PasteError::InvalidJson),
            (r#"{"client_email":"a@"#, PasteError::InvalidJson),
            (r#"[{"AccessKeyId":"A","#, PasteError::InvalidJson),
            ("{}", PasteError::UnknownJson),
            (r#"{"type":"authorized_user"}"#, PasteError::UnknownJson),
            (&format!("{created}\n{created}"), PasteError::SeveralCredentials),
            (&format!("[{created},{created}]"), PasteError::SeveralCredentials),
            (&format!("{created} and more"), PasteError::InvalidJson),
        ] {
            assert_eq!(PastedCredential::read(text).unwrap().unwrap_err(), error, "{text}");
        }
    }
}
