//! Measures how long verifying a request takes: `cargo run --release -p bucketry-gateway --example verification`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers of the gateway")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bucketry_gateway::internals::SigningSecret;
use bucketry_gateway::internals::auth::{AccessKey, KeySource, Verifier};
use bucketry_model::secret::Secret;
use http::Request;
use http::request::Parts;

struct Key(SigningSecret);

struct Keys(Arc<Key>);

impl AccessKey for Key {
    fn signing_secret(&self) -> &SigningSecret {
        &self.0
    }
}

impl KeySource for Keys {
    type Key = Arc<Key>;

    fn find(&self, access_key_id: &str) -> Option<Arc<Key>> {
        (access_key_id == "AKIAIOSFODNN7EXAMPLE").then(|| Arc::clone(&self.0))
    }
}

/// The first example in the Amazon S3 API reference.
fn request(key: &str, signature: &str, region: &str) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20130524/{region}/s3/aws4_request,\
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature={signature}"
    );
    let request = Request::get("/test.txt")
        .header("host", "examplebucket.s3.amazonaws.com")
        .header("user-agent", "example")
        .header("accept", "*/*")
        .header("range", "bytes=0-9")
        .header("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        .header("x-amz-date", "20130524T000000Z")
        .header("authorization", authorization);
    request.body(()).unwrap().into_parts().0
}

fn main() {
    const ROUNDS: u32 = 200_000;
    let keys =
        Keys(Arc::new(Key(SigningSecret::new(Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")))));
    let verifier = Verifier::new();
    let now = "2013-05-24T00:00:00Z".parse().unwrap();
    let (right, wrong) =
        ("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", "00".repeat(32));
    let mut cases = vec![
        ("right", vec![request("AKIAIOSFODNN7EXAMPLE", right, "us-east-1")], true),
        ("wrong signature", vec![request("AKIAIOSFODNN7EXAMPLE", &wrong, "us-east-1")], false),
        ("unknown key", vec![request("AKIAOTHER", &wrong, "us-east-1")], false),
    ];
    let regions = |key: &str| (0..64).map(|region| request(key, &wrong, &format!("r{region}"))).collect();
    cases.push(("wrong, each in another region", regions("AKIAIOSFODNN7EXAMPLE"), false));
    cases.push(("unknown, each in another region", regions("AKIAOTHER"), false));
    for (name, requests, accepted) in cases {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            for round in 0..ROUNDS {
                let request = &requests[round as usize % requests.len()];
                let verified = verifier.verify(black_box(request), &keys, now);
                assert_eq!(verified.is_ok(), accepted);
            }
            best = best.min(start.elapsed().as_secs_f64() / f64::from(ROUNDS));
        }
        println!("{name}: {:.2} µs", best * 1e6);
    }
}
