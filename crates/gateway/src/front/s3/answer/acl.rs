//! `PutBucketAcl` and `PutObjectAcl` with the ACL that everything here has: the owner has full control, and nobody else
//! has access. It changes nothing, so clients that always set it need not be refused.

use bucketry_provider::driver::{Conditions, VersionId};
use bucketry_provider::xml;
use http::{HeaderMap, StatusCode};

use crate::front::s3::conditions;
use crate::front::s3::error::{Code, Result, S3Error, S3Failure};
use crate::front::s3::operation::ObjectKey;
use crate::front::s3::operation::demand::OWNER;
use crate::front::s3::response::{self, S3Answer};
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// The largest document that is read, in bytes: S3 allows 100 grants.
const MAX_BYTES: usize = 64 * 1024;

/// `PutBucketAcl`.
pub(super) async fn put_of_bucket(headers: &HeaderMap, payload: PayloadBody) -> S3Answer {
    check(headers, payload).await?;
    Ok(response::empty(StatusCode::OK))
}

/// `PutObjectAcl`. The object must exist.
pub(super) async fn put_of_object(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    version: Option<&VersionId>,
    headers: &HeaderMap,
    payload: PayloadBody,
) -> S3Answer {
    conditions::no_version(version)?;
    check(headers, payload).await?;
    let found = resolved.driver().head(&resolved.key(key)?, &Conditions::default()).await;
    found.map_err(|error| resolved.failure(&error))?;
    Ok(response::empty(StatusCode::OK))
}

/// Refuses every other ACL. A header with another one is refused with the other headers.
async fn check(headers: &HeaderMap, payload: PayloadBody) -> std::result::Result<(), S3Failure> {
    let document = payload.collect_bounded(MAX_BYTES).await?;
    match (headers.contains_key("x-amz-acl"), document.is_empty()) {
        (true, true) => Ok(()),
        (false, false) => Ok(check_document(&document)?),
        (true, false) => {
            let message = "The ACL is in the header x-amz-acl and in the body. Send only one of them.";
            Err(S3Error::new(Code::InvalidRequest, message).into())
        }
        (false, true) => {
            let message = "Your request was missing a required header: x-amz-acl, or an ACL in the body.";
            Err(S3Error::new(Code::MissingSecurityHeader, message).into())
        }
    }
}

fn check_document(document: &[u8]) -> Result<()> {
    let mut grants = 0;
    let mut grantee = String::new();
    let mut permission = String::new();
    let mut is_private = true;
    let read = xml::read(document, "AccessControlPolicy", |element| {
        match (element.path.len(), element.name) {
            (2, "ID") => is_private &= element.text == OWNER,
            (2, "Grant") => {
                grants += 1;
                is_private &= std::mem::take(&mut grantee) == OWNER;
                is_private &= std::mem::take(&mut permission) == "FULL_CONTROL";
            }
            (3, "Permission") => element.text.clone_into(&mut permission),
            (4, "ID") => element.text.clone_into(&mut grantee),
            _ => {}
        }
        Ok(())
    });
    read.map_err(|_| {
        S3Error::new(Code::MalformedACLError, "The body is not a well-formed AccessControlPolicy.")
    })?;
    if is_private && grants == 1 {
        return Ok(());
    }
    let message = "The ACL is another one than private: its only grant must give bucketry, the owner, FULL_CONTROL. Access \
                   is decided by the repository's keys (READ, WRITE, ADMIN); the gateway has no other ACLs.";
    Err(S3Error::new(Code::NotImplemented, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(owner: &str, grants: &str) -> Option<Code> {
        let document = format!(
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>{owner}</ID></Owner>\
             <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        );
        check_document(document.as_bytes()).err().map(|error| error.code)
    }

    fn grant(grantee: &str, permission: &str) -> String {
        format!(
            "<Grant><Grantee xmlns:xsi=\"x\" xsi:type=\"CanonicalUser\">{grantee}</Grantee>\
             <Permission>{permission}</Permission></Grant>"
        )
    }

    #[test]
    fn only_the_owners_full_control_is_private() {
        let own = grant("<ID>bucketry</ID><DisplayName>x</DisplayName>", "FULL_CONTROL");
        assert_eq!(checked("bucketry", &own), None);
        let everybody = grant("<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>", "READ");
        for (owner, grants) in [
            ("bucketry", String::new()),
            ("bucketry", format!("{own}{everybody}")),
            ("bucketry", everybody),
            ("bucketry", grant("<ID>bucketry</ID>", "READ")),
            ("bucketry", grant("<ID>somebody</ID>", "FULL_CONTROL")),
            ("somebody", own),
        ] {
            assert_eq!(checked(owner, &grants), Some(Code::NotImplemented), "{owner} {grants}");
        }
        assert_eq!(check_document(b"<Tagging/>").unwrap_err().code, Code::MalformedACLError);
    }
}
