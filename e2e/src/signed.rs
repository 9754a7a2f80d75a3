//! Requests to a gateway, signed as the Amazon S3 API reference describes (AWS Signature Version 4). They are for
//! journeys that must control every byte and every moment, which S3 clients don't allow.

use bucketry_model::hex;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};

use crate::{Call, RepositoryAccess};

const REGION: &str = "us-east-1";
const SIGNED_HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl RepositoryAccess {
    /// A signed call for an object of the bucket. `key` may include a query; both are sent unchanged.
    pub fn object(&self, method: Method, key: &str) -> Call {
        self.signed(method, &format!("/{}/{key}", self.bucket), SignedDuration::ZERO)
    }

    /// A signed call to a path, by a clock that is `ahead` of this machine's. The query must be sorted by name, and
    /// every parameter must have a `=`.
    pub fn signed(&self, method: Method, path: &str, ahead: SignedDuration) -> Call {
        let headers = self.signature(&method, path, ahead);
        let call = Call::new(method, &self.endpoint, path);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// The headers that sign a call, for journeys that send it on their own connection.
    pub fn signature(
        &self,
        method: &Method,
        path: &str,
        ahead: SignedDuration,
    ) -> [(&'static str, String); 3] {
        let at = Timestamp::try_from(std::time::SystemTime::now()).unwrap_or_default() + ahead;
        let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let host = self.host();
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{UNSIGNED}\nx-amz-date:{time}\n\n\
             {SIGNED_HEADERS}\n{UNSIGNED}"
        );
        let scope = format!("{}/{REGION}/s3/aws4_request", &time[..8]);
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex::encode(digest(&SHA256, canonical.as_bytes()).as_ref())
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/') {
            key = sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let signature = hex::encode(sign(&Key::new(HMAC_SHA256, &key), text.as_bytes()).as_ref());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
            self.key
        );
        [
            ("x-amz-date", time),
            ("x-amz-content-sha256", UNSIGNED.to_owned()),
            ("authorization", authorization),
        ]
    }

    /// The gateway's `HOST:PORT`.
    pub fn host(&self) -> &str {
        self.endpoint.strip_prefix("http://").unwrap_or(&self.endpoint)
    }
}
