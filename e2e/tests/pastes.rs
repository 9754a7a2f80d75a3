//! What people paste, from the API and the command line to a registered bucket.

use bucketry_e2e::{
    ADMIN, CommandLine, OPEN_BUCKET, Person, READ_ONLY, Result, SCOPED_BUCKET, Server, each, list, options,
    s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

async fn deployment() -> Result<(Server, Person, Value)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    Ok((server, owner, body))
}

fn lines(identity: &bucketry_e2e::Identity) -> String {
    format!(
        "export AWS_ACCESS_KEY_ID=\"{}\"\nexport AWS_SECRET_ACCESS_KEY='{}'\n",
        identity.key, identity.secret
    )
}

#[tokio::test]
async fn a_whole_paste_registers_changes_and_validates_a_bucket() -> Result<()> {
    let (server, owner, _) = deployment().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let endpoint = shared_s3_endpoint()?;
    let paste = format!(
        "$ env\n{}AWS_ENDPOINT_URL={endpoint}/{OPEN_BUCKET}\nBUCKET=s3://{OPEN_BUCKET}/2024\n",
        lines(&ADMIN)
    );
    let file = terminal.file("paste", &paste)?;

    let added = terminal.text(&["bucket", "add", "Photos", "--paste", &file]).await?;
    for line in [
        format!("read bucket {OPEN_BUCKET} from the paste"),
        format!("read endpoint {endpoint} from the paste"),
        format!("read key {} from the paste", ADMIN.key),
        "read secret (hidden) from the paste".to_owned(),
        "read folder 2024 from the paste, which is not stored".to_owned(),
    ] {
        assert!(added.contains(&line), "{line}: {added}");
    }
    assert!(!added.contains(ADMIN.secret), "{added}");

    let add = ["bucket", "add", "Films", "--paste", "-", "--json"];
    let ended = terminal.run_with_input(&add, &paste).await?.with_status(0)?;
    let made: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(each(&made["read"], "field").contains(&"secret") && !ended.stdout.contains(ADMIN.secret));
    assert_eq!(each(&made["alsoRegistered"], "name"), ["Photos"]);

    let update = ["bucket", "update", "Photos", "--paste", "-"];
    let updated = terminal.run_with_input(&update, &paste).await?.with_status(0)?;
    assert!(updated.stdout.starts_with("updated Photos"), "{updated:?}");
    let validate = ["bucket", "validate", "Photos", "--paste", &file];
    assert!(terminal.text(&validate).await?.contains("8 of 8 checks passed"));
    Ok(())
}

#[tokio::test]
async fn a_paste_that_can_not_be_used_says_why_and_shows_no_secret() -> Result<()> {
    let (server, owner, _) = deployment().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let two = "[a]\naws_access_key_id=A\naws_secret_access_key=hunter2\n[b]\naws_access_key_id=B\naws_secret_access_key=hunter2";
    let across =
        "https://acct.blob.core.windows.net/photos\naws_access_key_id=A\naws_secret_access_key=hunter2";
    let long = "hunter2 ".repeat(200_000);
    for (paste, says) in [
        ("", "is empty"),
        ("hunter2", "neither the address of a bucket nor a credential"),
        ("\u{7f}ELF\u{1}hunter2", "is not text"),
        (two, "several credentials"),
        (across, "the pasted credential is of S3, but the pasted address is of BLOB"),
        ("{\"client_email\": \"hunter2\",\n \"private", "from the first to the last brace"),
        ("{\"hunter2\": 1}", "not that of a credential"),
        (&long, "longer than 1 MiB"),
        ("s3://a\ns3://b", "several buckets"),
    ] {
        let add = ["bucket", "add", "Photos", "--paste", "-"];
        let ended = terminal.run_with_input(&add, paste).await?.with_status(2)?;
        assert!(ended.stderr.contains(says) && !ended.stderr.contains("hunter2"), "{paste:.60}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
    let binary = terminal.home().join("binary");
    std::fs::write(&binary, [0x89, b'P', b'N', b'G', 0]).unwrap();
    let path = binary.to_string_lossy();
    let ended = terminal.run(&["bucket", "add", "Photos", "--paste", &path]).await?.with_status(2)?;
    assert!(ended.stderr.contains("is not text"), "{ended:?}");
    let file = terminal.file("paste", &lines(&ADMIN))?;
    let other = ["bucket", "add", "Photos", "--bucket", "b", "--key", "OTHER", "--paste", &file];
    let ended = terminal.run(&other).await?.with_status(2)?;
    assert!(ended.stderr.contains("--key contradicts the paste"), "{ended:?}");
    assert!(owner.buckets().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_secret_file_may_have_marks_quotes_and_a_name() -> Result<()> {
    let (server, owner, _) = deployment().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let (endpoint, secret) = (shared_s3_endpoint()?, ADMIN.secret);
    let wide = format!("\u{feff}{secret}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, content) in [
        ("mark", format!("\u{feff}{secret}\r\n").into_bytes()),
        ("quotes", format!("\"{secret}\"\n").into_bytes()),
        ("name", format!("export AWS_SECRET_ACCESS_KEY='{secret}'\n").into_bytes()),
        ("space", format!("\u{a0}{secret}\u{200b}").into_bytes()),
        ("wide", wide),
    ] {
        let path = terminal.home().join(name);
        std::fs::write(&path, content).unwrap();
        let path = path.to_string_lossy().into_owned();
        let add =
            ["bucket", "add", name, "--bucket", OPEN_BUCKET, "--key", ADMIN.key, "--endpoint", &endpoint];
        let added = terminal.text(&[&add[..], &["--secret-file", &path]].concat()).await?;
        assert!(added.contains(&format!("\nregistered {name}")), "{added}");
    }
    Ok(())
}

#[tokio::test]
async fn types_are_protocols_or_providers() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    for name in ["s3", "MinIO", "aws", "r2", "ceph"] {
        let id = owner.register(&with(&body, &json!({ "name": name, "storageType": name }))).await?;
        assert_eq!(owner.bucket(&id).await?["storageType"], "S3", "{name}");
    }
    for (name, endpoint) in [("r2", "r2.cloudflarestorage.com"), ("minio", ":9000")] {
        let nowhere = with(&body, &json!({ "name": "x", "storageType": name, "endpoint": "" }));
        let response = owner.post("/bucket", &nowhere).send().await?.json_with_status(400)?;
        assert_eq!(each(&response["fields"], "field"), ["endpoint"], "{response}");
        assert!(text(&response["message"]).contains(endpoint), "{response}");
    }
    Ok(())
}

#[tokio::test]
async fn broken_and_exchanged_credentials_are_refused_on_their_field() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let path = format!("/bucket/{}", owner.register(&with(&body, &json!({ "name": "Other" }))).await?);
    let (id, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    for (changes, field, says) in [
        (
            json!({ "storageType": "GCS", "key": "", "secret": "{\"type\": \"service_account\", \"hunter2" }),
            "secret",
            "last brace",
        ),
        (
            json!({ "storageType": "BLOB", "key": "acct", "secret": "{\"appId\": \"hunter2" }),
            "secret",
            "last brace",
        ),
        (json!({ "key": "", "secret": "{\"AccessKeyId\": \"hunter2" }), "secret", "last brace"),
        (json!({ "secret": "a\u{1}b" }), "secret", "control characters"),
        (json!({ "key": secret, "secret": id }), "key", "exchange them"),
        (
            json!({ "storageType": "BLOB", "key": id, "secret": secret, "endpoint": "" }),
            "storageType",
            "looks like an access key id",
        ),
        (json!({ "bucket": "gs://photos" }), "storageType", "`bucket` is of GCS"),
    ] {
        let new = with(&body, &with(&changes, &json!({ "name": "New", "skipValidation": true })));
        for refused in [owner.post("/bucket", &new).send().await?, owner.put(&path, &new).send().await?] {
            let response = refused.json_with_status(400)?;
            assert_eq!(each(&response["fields"], "field"), [field], "{changes}: {response}");
            assert!(text(&response["message"]).contains(says), "{says}: {response}");
            assert!(!refused.text().contains("hunter2") && !refused.text().contains(secret), "{response}");
        }
    }
    assert_eq!(owner.buckets().await?.len(), 1);
    Ok(())
}

/// The failed check of a registration.
async fn failure(owner: &Person, body: &Value) -> Result<Value> {
    let response = owner.post("/bucket", body).send().await?.json_with_status(400)?;
    let failed = list(&response["checks"]).iter().find(|check| check["ok"] == false);
    Ok(failed.cloned().unwrap_or(response))
}

#[tokio::test]
async fn each_diagnosis_names_the_likely_cause() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let tls = text(&body["endpoint"]).replace("http://", "https://");
    let scoped =
        with(&body, &json!({ "bucket": SCOPED_BUCKET, "key": READ_ONLY.key, "secret": READ_ONLY.secret }));
    for (body, says) in [
        (with(&body, &json!({ "endpoint": "" })), &["AWS was assumed", "amazonaws.com"][..]),
        (with(&body, &json!({ "endpoint": "https://s3.bucketry.invalid" })), &["s3.bucketry.invalid"]),
        (with(&body, &json!({ "endpoint": tls })), &["does not speak TLS", "http://"]),
        (with(&body, &json!({ "bucket": "No-Such-Bucket" })), &["capital letters"]),
        (scoped.clone(), &["--read-only", "s3:PutObject"]),
        (
            with(&body, &json!({ "storageType": "BLOB", "key": "acct", "secret": "a2V5".repeat(22) })),
            &["protocol of S3", "storage type to S3"],
        ),
        (with(&body, &json!({ "bucket": "pho tos" })), &["letters, digits", "$root"]),
    ] {
        let check = failure(&owner, &body).await?;
        let said = format!("{} {}", text(&check["message"]), text(&check["hint"]));
        for part in says {
            assert!(said.contains(part), "{part}: {check}");
        }
    }
    let with_path = format!("{}/{OPEN_BUCKET}/", text(&body["endpoint"]));
    let made = owner.post("/bucket", &with(&body, &json!({ "endpoint": with_path }))).send().await?;
    let made = made.json_with_status(200)?;
    assert_eq!(
        made["read"][0]["field"], "endpoint",
        "a bucket in the path of the endpoint is understood: {made}"
    );
    owner.register(&with(&scoped, &json!({ "name": "Scoped", "checks": "read-only" }))).await?;
    Ok(())
}
