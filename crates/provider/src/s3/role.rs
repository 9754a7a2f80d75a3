//! Assumes roles: AWS STS issues a key for an hour to callers that may assume the role ("AssumeRole", AWS STS API
//! reference).
//!
//! The node signs with its own identity, which is the same for every organization. The external id tells
//! organizations apart: the owner of a role puts their organization's external id into the trust policy, and the
//! node never sends it for another organization. A role without an external id is never assumed.

use std::fmt;
use std::sync::Arc;

use bucketry_model::hex;
use bucketry_model::secret::Secret;
use http::{HeaderValue, Uri};
use jiff::SignedDuration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::connection::Connections;
use crate::error::{ErrorAnswer, ErrorKind, ProviderError, is_code, kind_of_status};
use crate::headers::clock_is_off;
use crate::payload::sha256;
use crate::s3::address::is_region;
use crate::s3::open_error::S3OpenError;
use crate::sigv4::{CredentialScope, Credentials, SigningTarget, sign};
use crate::temporary_credential::{Held, TemporaryCredential};
use crate::token::{self, Answer, TokenService};
use crate::xml;

/// The name of the sessions, which appears in the audit log of the role's account.
const SESSION: &str = "bucketry";
/// The duration of a session. Every role allows an hour.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// An AWS partition, which has its own accounts, regions and host names.
#[derive(Debug, Clone, Copy)]
struct Partition {
    /// The second field of an ARN.
    name: &'static str,
    /// The prefix of its regions.
    regions: &'static str,
    default_region: &'static str,
    domain: &'static str,
}

const PARTITIONS: [Partition; 3] = [
    Partition { name: "aws-cn", regions: "cn-", default_region: "cn-north-1", domain: "amazonaws.com.cn" },
    Partition {
        name: "aws-us-gov",
        regions: "us-gov-",
        default_region: "us-gov-west-1",
        domain: "amazonaws.com",
    },
    Partition { name: "aws", regions: "", default_region: "us-east-1", domain: "amazonaws.com" },
];

/// A role and the credentials that assume it.
pub(super) struct Role {
    arn: Box<str>,
    external_id: Secret,
    base: Credentials,
    service: Uri,
    region: Box<str>,
    lease: Arc<TemporaryCredential<Arc<Credentials>>>,
}

impl Role {
    /// Whether both are the same role with the same external id.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        self.arn == other.arn && self.external_id.expose() == other.external_id.expose()
    }

    /// Reads a role's ARN and the external id. `region` is the bucket's, if known.
    pub(super) fn read(
        arn: &str,
        external_id: Option<&Secret>,
        region: Option<&str>,
        connections: &Connections,
    ) -> Result<Self, S3OpenError> {
        let partition = partition_of(arn).ok_or(S3OpenError::InvalidRole)?;
        let external_id = external_id.ok_or(S3OpenError::MissingExternalId)?.clone();
        if !is_external_id(external_id.expose()) {
            return Err(S3OpenError::InvalidExternalId);
        }
        let settings = connections.settings();
        let own = settings.identity.aws.as_ref().ok_or(S3OpenError::NoAwsIdentity)?;
        let mut base = Credentials::new(&own.access_key, own.secret_key.clone());
        if let Some(token) = &own.session_token {
            base = base.with_session(token, None).ok_or(S3OpenError::InvalidSession)?;
        }
        let region = region.filter(|region| is_region(region) && region.starts_with(partition.regions));
        let region = region.unwrap_or(partition.default_region);
        let host = format!("https://sts.{region}.{}", partition.domain);
        let service = token::address(settings.token_services.aws_sts.as_ref(), &host, "/")
            .map_err(|_| S3OpenError::InvalidRegion)?;
        let id = [arn, external_id.expose(), &own.access_key, &service.to_string()].join("\0");
        let lease = connections.roles().of(sha256(id.as_bytes()));
        Ok(Self { arn: arn.into(), external_id, base, service, region: region.into(), lease })
    }

    /// The credentials of the current session.
    pub(super) async fn credentials(
        &self,
        connections: &Connections,
    ) -> Result<Arc<Credentials>, ProviderError> {
        let asked = self.lease.get(connections.clock(), self.assume(connections)).await;
        asked.map_err(|error| TokenService::AwsSts.failed(error))
    }

    /// Discards a session that the provider refused.
    pub(super) fn forget(&self, refused: &Arc<Credentials>) {
        self.lease.forget(|held| Arc::ptr_eq(held, refused));
    }

    async fn assume(&self, connections: &Connections) -> Result<Held<Arc<Credentials>>, ProviderError> {
        let now = connections.clock().now();
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!(
            "Action=AssumeRole&DurationSeconds={}&ExternalId={}&RoleArn={}&RoleSessionName={SESSION}\
             &Version=2011-06-15",
            LIFETIME.as_secs(),
            escaped(self.external_id.expose()),
            escaped(&self.arn),
        );
        let answer = token::post(connections, &self.service, token::FORM, form, |headers, payload| {
            let hash = hex::encode(payload.sha256().map_or(&[][..], |hash| hash));
            let path = self.service.path();
            let target = SigningTarget { method: "POST", path, query: "", payload: &hash };
            let scope = CredentialScope::new(&self.region, "sts", now);
            sign(headers, &target, &self.base, connections.signing_keys(), &scope)
                .map_err(|_| ProviderError::InvalidRequest("the node's own access key is malformed"))
        });
        let answer = answer.await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer, now));
        }
        let session = read_session(&answer.document).ok_or_else(|| answer.garbage())?;
        Ok(Held::new(Arc::new(session), now, LIFETIME))
    }
}

fn partition_of(arn: &str) -> Option<&'static Partition> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = fields[..] else { return None };
    let name = resource.strip_prefix("role/")?;
    let fits = account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && (1..=600).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b));
    fits.then(|| PARTITIONS.iter().find(|known| known.name == partition)).flatten()
}

/// "ExternalId" of the API reference: 2 to 1,224 characters.
fn is_external_id(text: &str) -> bool {
    (2..=1_224).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
}

fn read_session(document: &[u8]) -> Option<Credentials> {
    let (mut key, mut secret, mut token) = (String::new(), None, None);
    let outcome = xml::read(document, "AssumeRoleResponse", |element| {
        if element.parent() == "Credentials" {
            match element.name {
                "AccessKeyId" => element.text.clone_into(&mut key),
                "SecretAccessKey" => secret = Some(Secret::new(element.text)),
                "SessionToken" => token = Some(Secret::new(element.text)),
                _ => {}
            }
        }
        Ok(())
    });
    outcome.ok()?;
    // The key is sent in a header.
    HeaderValue::from_str(&key).ok().filter(|_| !key.is_empty())?;
    Credentials::new(&key, secret?).with_session(&token?, None)
}

fn refusal(answer: &Answer, now: jiff::Timestamp) -> ProviderError {
    let mut code: Option<Box<str>> = None;
    // Without an error document there is no code.
    let _ = xml::read(&answer.document, "ErrorResponse", |element| {
        if element.name == "Code" && element.parent() == "Error" && is_code(element.text) {
            code = Some(element.text.into());
        }
        Ok(())
    });
    let status = answer.status;
    let kind = match code.as_deref() {
        Some("SignatureDoesNotMatch") if clock_is_off(&answer.headers, now) => ErrorKind::ClockSkew,
        Some("SignatureDoesNotMatch") => ErrorKind::SecretWrong,
        Some("RequestExpired" | "RequestTimeTooSkewed") => ErrorKind::ClockSkew,
        Some("ExpiredToken" | "ExpiredTokenException") => ErrorKind::TokenExpired,
        Some("RegionDisabledException") => ErrorKind::Invalid,
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded") => ErrorKind::Throttled,
        // AWS gives the same response for a forbidden and a missing role, so that nobody learns which roles exist.
        Some(_) if status.is_client_error() => ErrorKind::KeyUnknown,
        None if status.is_client_error() && kind_of_status(status) != ErrorKind::Throttled => {
            return answer.garbage();
        }
        _ => kind_of_status(status),
    };
    match kind {
        ErrorKind::Redirected | ErrorKind::NotModified => answer.garbage(),
        kind => ErrorAnswer::new(status, kind, code, &answer.headers).into(),
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("arn", &self.arn).field("region", &self.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_are_taken_and_their_partition_is_known() {
        for (arn, expected) in [
            ("arn:aws:iam::123456789012:role/reader", Some("aws")),
            ("arn:aws:iam::123456789012:role/path/to/reader", Some("aws")),
            ("arn:aws-cn:iam::123456789012:role/r", Some("aws-cn")),
            ("arn:aws-us-gov:iam::123456789012:role/r", Some("aws-us-gov")),
            ("arn:aws:iam::123456789012:user/somebody", None),
            ("arn:aws:sts::123456789012:assumed-role/r/s", None),
            ("arn:aws:iam::12345:role/r", None),
            ("arn:aws:iam::123456789012:role/", None),
            ("arn:aws:iam::123456789012:role/a b", None),
            ("arn:evil:iam::123456789012:role/r", None),
            ("arn:aws:iam::role/r", None),
            ("arn:", None),
        ] {
            assert_eq!(partition_of(arn).map(|partition| partition.name), expected, "{arn}");
        }
    }

    #[test]
    fn an_external_id_is_of_the_characters_that_aws_takes() {
        for right in ["ab", "bkt-0190c3c5:x/y", &"a".repeat(1_224)] {
            assert!(is_external_id(right), "{right}");
        }
        for wrong in ["", "a", "a b", "a&b", "ä1", &"a".repeat(1_225)] {
            assert!(!is_external_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_session_is_read_whole_or_not_at_all() {
        let document = |members: &str| {
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                 <Credentials>{members}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
            )
        };
        let whole = "<AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s/+</SecretAccessKey>\
                     <SessionToken>t==</SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration>";
        let session = read_session(document(whole).as_bytes()).unwrap();
        assert_eq!(&*session.key, "ASIAX");
        assert!(!format!("{session:?}").contains("t=="));
        for part in ["", "<AccessKeyId>A</AccessKeyId>", &whole.replace("ASIAX", "A&#10;B")] {
            assert!(read_session(document(part).as_bytes()).is_none(), "{part}");
        }
        assert!(read_session(b"<html/>").is_none());
    }
}
