//! Credentials of three clouds with typical mistakes, and the errors that users get. `--no-capture` prints them as
//! lines `name: status error_code "message"`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the messages are for people to read")]

use bucketry_e2e::{
    ADMIN, NO_LIST, OPEN_BUCKET, Person, READ_ONLY, Result, SCOPED_BUCKET, Server, WRITE_ONLY, azure, list,
    opened_by, options, run_python, s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Answer, Fault, FaultProxy};
use serde_json::{Value, json};

/// A registration with one mistake.
struct Case {
    name: &'static str,
    body: Value,
    /// The code of the failed check, or of the refusal if nothing was checked.
    code: &'static str,
}

fn case(name: &'static str, body: &Value, changes: &Value, code: &'static str) -> Case {
    Case { name, body: with(body, changes), code }
}

/// The code of the first failed check, otherwise of the refusal.
fn code_of(response: &Value) -> &str {
    let failed = list(&response["checks"]).iter().find(|check| check["ok"] == false);
    text(&failed.unwrap_or(response)["error_code"])
}

/// Tries the cases in sequence and fails with those that got an unexpected response.
async fn refused(owner: &Person, cases: &[Case]) -> Result<()> {
    let mut otherwise = Vec::new();
    for Case { name, body, code } in cases {
        let answer = owner.post("/bucket", body).send().await?;
        let response = answer.json()?;
        let line = format!("{name}: {} {} {}", answer.status, code_of(&response), response["message"]);
        println!("{line}");
        let plain = text(&body["secret"]);
        let echoed = plain.len() > 12 && answer.text().contains(plain);
        if answer.status != 400
            || code_of(&response) != *code
            || echoed
            || answer.text().contains("remote side")
        {
            otherwise.push(format!("{line}\n  expected 400 {code}"));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
    assert!(owner.buckets().await?.is_empty(), "nothing was stored");
    Ok(())
}

async fn deployment() -> Result<(Server, Person, String)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    Ok((server, owner, workspace))
}

/// A server that returns the same response to every request.
async fn answering(answer: Answer) -> FaultProxy {
    FaultProxy::alone(Fault::Answer(answer)).await.unwrap()
}

fn keys_with_few_rights(bucket: &Value) -> [Case; 3] {
    [
        Case {
            name: "key that may only read",
            body: opened_by(bucket, READ_ONLY),
            code: "ACCESS_DENIED_WRITE",
        },
        Case {
            name: "key that may only write",
            body: opened_by(bucket, WRITE_ONLY),
            code: "ACCESS_DENIED_LIST",
        },
        Case { name: "key that may not list", body: opened_by(bucket, NO_LIST), code: "ACCESS_DENIED_LIST" },
    ]
}

#[tokio::test]
async fn at_s3() -> Result<()> {
    let (_server, owner, workspace) = deployment().await?;
    let s3 = shared_s3_endpoint()?;
    let open = s3_bucket("S3", OPEN_BUCKET, &s3, &workspace);
    let scoped = s3_bucket("S3", SCOPED_BUCKET, &s3, &workspace);
    let skewed = answering(Answer::clock_skew()).await;
    let region = answering(Answer::wrong_region("eu-central-1")).await;
    let expired = answering(Answer::s3_error(400, "ExpiredToken", "")).await;
    let slow = answering(Answer::slow_down(5)).await;
    let broken = answering(Answer::internal_error()).await;
    let page = answering(Answer::html_page()).await;
    let at = |proxy: &FaultProxy| json!({ "endpoint": proxy.endpoint() });
    let tls = s3.replace("http://", "https://");
    let role = "arn:aws:iam::123456789012:role/bucketry";
    let session = r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"cut of"#;
    refused(&owner, &keys_with_few_rights(&scoped)).await?;
    refused(
        &owner,
        &[
            case("unknown access key", &open, &json!({ "key": "AKIANOBODY" }), "KEY_UNKNOWN"),
            case("wrong secret", &open, &json!({ "secret": "not-the-secret-of-it" }), "SECRET_WRONG"),
            case("no such bucket", &open, &json!({ "bucket": "no-such-bucket" }), "BUCKET_NOT_FOUND"),
            case("closed port", &open, &json!({ "endpoint": "http://127.0.0.1:1" }), "CONNECTION_REFUSED"),
            case("mistyped host", &open, &json!({ "endpoint": "https://s3.bucketry.invalid" }), "DNS_FAILED"),
            case("https at an http port", &open, &json!({ "endpoint": tls }), "TLS_FAILED"),
            case(
                "address of the cloud's own metadata",
                &open,
                &json!({ "endpoint": "http://169.254.169.254" }),
                "ENDPOINT_BLOCKED",
            ),
            case("clock that is off", &open, &at(&skewed), "CLOCK_SKEW"),
            case("another region", &open, &at(&region), "WRONG_REGION"),
            case("expired session token", &open, &at(&expired), "TOKEN_EXPIRED"),
            case("provider that asks to slow down", &open, &at(&slow), "PROVIDER_THROTTLED"),
            case("provider that fails", &open, &at(&broken), "PROVIDER_ERROR"),
            case("web server", &open, &at(&page), "NOT_AN_OBJECT_STORE"),
            case("half a session", &open, &json!({ "key": "", "secret": session }), "INVALID_REQUEST"),
            case(
                "role with an external id of one's own choice",
                &open,
                &json!({ "key": role, "secret": "chosen-by-myself", "endpoint": "" }),
                "INVALID_REQUEST",
            ),
            case("key without its secret", &open, &json!({ "secret": "" }), "INVALID_REQUEST"),
        ],
    )
    .await
}

/// A shared access signature for the whole account, created as its documentation describes ("Create an account
/// SAS").
const ACCOUNT_SAS: &str = r"
import base64, hashlib, hmac, json, sys, urllib.parse
account, key, permissions, end, ip, protocol = sys.argv[1:]
version, services, types = '2020-12-06', 'b', 'sco'
lines = [account, permissions, services, types, '', end, ip, protocol, version, '', '']
digest = hmac.new(base64.b64decode(key), '\n'.join(lines).encode(), hashlib.sha256).digest()
query = dict(sv=version, ss=services, srt=types, sp=permissions, se=end, sip=ip, spr=protocol,
             sig=base64.b64encode(digest).decode())
print(json.dumps(urllib.parse.urlencode({ name: value for name, value in query.items() if value })))
";

async fn sas(permissions: &str, end: &str, ip: &str, protocol: &str) -> Result<String> {
    let azure = azure()?;
    let arguments = [azure.account.as_str(), &azure.key, permissions, end, ip, protocol];
    Ok(text(&run_python(ACCOUNT_SAS, &arguments).await?).to_owned())
}

const LATER: &str = "2099-01-01T00:00:00Z";

#[tokio::test]
async fn at_azure() -> Result<()> {
    let (_server, owner, workspace) = deployment().await?;
    let azure = azure()?;
    let container = azure.create_container(&sas("rwdlac", LATER, "", "").await?).await?;
    let body = json!({
        "name": "Azure", "bucket": container, "storageType": "BLOB", "key": azure.account, "secret": azure.key,
        "endpoint": azure.endpoint, "workspaceId": workspace,
    });
    let page = answering(Answer::html_page()).await;
    let secret = |secret: String| json!({ "secret": secret });
    let whole = sas("rwdlac", LATER, "", "").await?;
    let unsigned = whole.split("sig=").next().unwrap_or_default().to_owned() + "sig=";
    refused(
        &owner,
        &[
            case(
                "connection string",
                &body,
                &secret("DefaultEndpointsProtocol=https;AccountKey=abc".into()),
                "SECRET_WRONG",
            ),
            case(
                "another account's key",
                &body,
                &secret("YW5vdGhlciBhY2NvdW50J3Mga2V5".into()),
                "SECRET_WRONG",
            ),
            case("no such account", &body, &json!({ "key": "nobody123" }), "ACCOUNT_NOT_FOUND"),
            case("account in capitals", &body, &json!({ "key": "DevStoreAccount1" }), "ACCOUNT_NOT_FOUND"),
            case("no such container", &body, &json!({ "bucket": "no-such-container" }), "BUCKET_NOT_FOUND"),
            case("container in capitals", &body, &json!({ "bucket": "Photos" }), "BUCKET_NOT_FOUND"),
            case("SAS without its signature", &body, &secret(unsigned), "SECRET_WRONG"),
            case(
                "expired SAS",
                &body,
                &secret(sas("rwdlac", "2020-01-01T00:00:00Z", "", "").await?),
                "TOKEN_EXPIRED",
            ),
            case("SAS without list", &body, &secret(sas("rwdc", LATER, "", "").await?), "ACCESS_DENIED_LIST"),
            case(
                "SAS without write",
                &body,
                &secret(sas("rdl", LATER, "", "").await?),
                "ACCESS_DENIED_WRITE",
            ),
            case("SAS without read", &body, &secret(sas("wdlc", LATER, "", "").await?), "ACCESS_DENIED_READ"),
            case(
                "SAS without delete",
                &body,
                &secret(sas("rwlc", LATER, "", "").await?),
                "ACCESS_DENIED_DELETE",
            ),
            case("no secret", &body, &json!({ "secret": "" }), "INVALID_REQUEST"),
            case("closed port", &body, &json!({ "endpoint": "http://127.0.0.1:1" }), "CONNECTION_REFUSED"),
            case("web server", &body, &json!({ "endpoint": page.endpoint() }), "NOT_AN_OBJECT_STORE"),
        ],
    )
    .await
}

const EMAIL: &str = "reader@project.iam.gserviceaccount.com";
/// A key of another algorithm, which opens nothing.
const EC_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA4BKHeU4GfhfwjII
FAfAHQvaKM1Q/ntgFFWoFY1KzkyhRANCAASqJ4tGHXEmHgu7exyQvpyrYmhloE5S
isIqsudOFHPPSy1CjVD4orcm9ayYziqD7qlG2Ru2dSpublBRdLQ5AdFG
-----END PRIVATE KEY-----
";

#[tokio::test]
async fn at_google() -> Result<()> {
    let (_server, owner, workspace) = deployment().await?;
    let body = json!({
        "name": "Google", "bucket": "photos", "storageType": "GCS", "key": EMAIL, "workspaceId": workspace,
    });
    let secret = |secret: &str| json!({ "secret": secret });
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let external =
        r#"{"type":"external_account","credential_source":{"executable":{"command":"/bin/true"}}}"#;
    let elsewhere = json!({
        "type": "service_account", "client_email": EMAIL, "private_key": EC_KEY,
        "token_uri": "https://tokens.example.com/",
    });
    let refusing = |code: &'static str| answering(Answer::s3_error(403, code, ""));
    let (nobody, mismatch) = (refusing("InvalidAccessKeyId").await, refusing("SignatureDoesNotMatch").await);
    let missing = answering(Answer::s3_error(404, "NoSuchBucket", "")).await;
    let page = answering(Answer::html_page()).await;
    let hmac = |proxy: &FaultProxy| json!({ "key": "GOOG1EXAMPLE", "secret": "an-hmac-secret-of-it", "endpoint": proxy.endpoint() });
    refused(
        &owner,
        &[
            case("no PEM", &body, &secret("the key is in the other file"), "SECRET_WRONG"),
            case("PEM that is cut off", &body, &secret(&format!("{begin}\nMIIEvQIBADAN")), "SECRET_WRONG"),
            case("PEM with nothing in it", &body, &secret(&format!("{begin}\n{end}\n")), "SECRET_WRONG"),
            case("encrypted PEM", &body, &secret(encrypted), "SECRET_WRONG"),
            case("key of another algorithm", &body, &secret(EC_KEY), "SECRET_WRONG"),
            case(
                "a user's own credentials",
                &body,
                &secret(r#"{"type":"authorized_user","refresh_token":"1//abc"}"#),
                "SECRET_WRONG",
            ),
            case("credentials that run a program", &body, &secret(external), "SECRET_WRONG"),
            case("JSON of another token service", &body, &secret(&elsewhere.to_string()), "SECRET_WRONG"),
            case("JSON that is cut off", &body, &secret(r#"{"type":"service_account","#), "INVALID_REQUEST"),
            case("no secret, and no e-mail", &body, &json!({ "key": "GOOG1EXAMPLE" }), "INVALID_REQUEST"),
            case("unknown HMAC key", &body, &hmac(&nobody), "KEY_UNKNOWN"),
            case("wrong HMAC secret", &body, &hmac(&mismatch), "SECRET_WRONG"),
            case("no such bucket", &body, &hmac(&missing), "BUCKET_NOT_FOUND"),
            case("web server", &body, &hmac(&page), "NOT_AN_OBJECT_STORE"),
        ],
    )
    .await
}

#[tokio::test]
async fn a_key_that_loses_a_permission_later_is_told_with_the_reason() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = server.owner().await?;
    let upstream = shared_s3_endpoint()?;
    let upstream = upstream.trim_start_matches("http://").parse().unwrap();
    let proxy = FaultProxy::start(upstream).await.unwrap();
    let body = s3_bucket("Photos", OPEN_BUCKET, &proxy.endpoint(), &owner.workspace().await?);
    let id = owner.register(&opened_by(&body, ADMIN)).await?;
    let look = async || owner.bucket(&id).await;
    let soon = std::time::Duration::from_secs(20);
    bucketry_e2e::eventually("ONLINE", soon, look, |bucket| bucket["status"] == "ONLINE").await?;

    proxy.set(Fault::Answer(Answer::s3_error(403, "AccessDenied", "")));
    let bucket =
        bucketry_e2e::eventually("OFFLINE", soon, look, |bucket| bucket["status"] == "OFFLINE").await?;
    assert!(text(&bucket["lastError"]).starts_with("ACCESS_DENIED"), "{bucket}");
    assert!(!text(&bucket["statusReason"]).is_empty(), "{bucket}");
    let response = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    assert_eq!(response["nodeStatus"][0]["lastError"], bucket["lastError"]);

    proxy.healthy();
    let bucket =
        bucketry_e2e::eventually("ONLINE", soon, look, |bucket| bucket["status"] == "ONLINE").await?;
    assert!(bucket.get("lastError").is_none() && bucket.get("statusReason").is_none(), "{bucket}");
    Ok(())
}
