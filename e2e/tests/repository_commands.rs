//! Repositories and their keys on the command line, up to the first program that uses them.

use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, OPEN_BUCKET, Result, Server, each, eventually, list, options, query, run_python,
    shared_s3_endpoint, text,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A server, and a terminal of its owner, with a registered bucket `Photos`.
async fn deployment() -> Result<(Server, CommandLine)> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let (secret, endpoint) = (terminal.file("secret", ADMIN.secret)?, shared_s3_endpoint()?);
    let add = [
        "bucket",
        "add",
        "Photos",
        "--bucket",
        OPEN_BUCKET,
        "--key",
        ADMIN.key,
        "--endpoint",
        &endpoint,
        "--secret-file",
        &secret,
    ];
    terminal.text(&add).await?;
    Ok((server, terminal))
}

/// Changes a token and a key to values that only a newer version knows.
const NEWER_VALUES: [&str; 2] = [
    "UPDATE tokens SET kind = 'NEWER' WHERE name = 'script'",
    "UPDATE repository_keys SET access = 'NEWER' WHERE name = 'laptop'",
];
const CHANGE_DATABASE: &str = r"
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1] + '/bucketry.db') as database:
    print(json.dumps([database.execute(one).rowcount for one in sys.argv[2:]]))
";

/// Stores what a server of a newer version would store.
async fn store_newer_values(server: &Server) -> Result<()> {
    let Some(database) = server.database() else {
        let directory = server.data_dir().to_string_lossy();
        let args = [&[&*directory][..], &NEWER_VALUES].concat();
        assert_eq!(run_python(CHANGE_DATABASE, &args).await?, json!([1, 1]));
        return Ok(());
    };
    for statement in NEWER_VALUES {
        query(database, statement).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_and_a_key_that_no_list_shows_are_revoked_by_their_ids() -> Result<()> {
    let (server, terminal) = deployment().await?;
    terminal.text(&["repo", "add", "Media", "--bucket", "Photos"]).await?;
    let key = terminal.json(&["key", "add", "laptop", "--repo", "Media"]).await?;
    let token = terminal.json(&["token", "add", "script"]).await?;
    let (key, token) = (text(&key["id"]), text(&token["id"]));
    store_newer_values(&server).await?;
    assert!(!terminal.text(&["token", "list"]).await?.contains("script"));
    assert!(!terminal.text(&["key", "list", "--repo", "Media"]).await?.contains("laptop"));
    let revoked = terminal.text(&["token", "rm", token]).await?;
    assert_eq!(revoked, format!("revoked {token}\n"));
    let revoked = terminal.json(&["key", "rm", key, "--repo", "Media"]).await?;
    assert_eq!(revoked, json!({ "revoked": key }));

    let gone = terminal.run(&["token", "rm", token]).await?.with_status(1)?;
    assert!(gone.stderr.contains("you have no token"), "{gone:?}");
    let gone = terminal.run(&["key", "rm", key, "--repo", "Media"]).await?.with_status(1)?;
    assert!(gone.stderr.contains("Media has no key"), "{gone:?}");
    terminal.run(&["key", "update", key, "--repo", "Media", "--name", "x"]).await?.with_status(1)?;
    Ok(())
}

#[tokio::test]
async fn repositories_and_keys_are_made_looked_at_changed_and_removed() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let dry = terminal.text(&["repo", "add", "Media", "--bucket", "Photos:2026", "--dry-run"]).await?;
    assert!(dry.contains("can be created"), "{dry}");
    assert!(list(&terminal.json(&["repo", "list"]).await?).is_empty());
    let response = terminal.text(&["repo", "add", "Media", "--bucket", "Photos:2026"]).await?;
    assert_eq!(response, "created Media\n");
    let again = ["repo", "add", "media", "--bucket", "Photos:2027", "--dry-run"];
    let taken = terminal.run(&again).await?.with_status(1)?;
    assert!(taken.stderr.contains("NAME_ALREADY_USED"), "{taken:?}");
    terminal.run(&["repo", "update", "Media"]).await?.with_status(2)?;
    let nested = ["repo", "add", "Other", "--bucket", "photos:2026/may"];
    let refused = terminal.run(&nested).await?.with_status(1)?;
    assert!(refused.stderr.contains("uses the folder \"2026\""), "{refused:?}");
    let missing = terminal.run(&["repo", "add", "Other", "--bucket", "Nothing:x"]).await?.with_status(1)?;
    assert!(missing.stderr.contains("there is no bucket \"Nothing\""), "{missing:?}");

    let made = terminal.json(&["key", "add", "job", "--repo", "media", "--access", "read"]).await?;
    let (key, secret) = (text(&made["key"]).to_owned(), text(&made["secret"]).to_owned());
    let shown = terminal.text(&["repo", "show", "MEDIA"]).await?;
    for word in ["Photos (2026", OPEN_BUCKET, &key, "READ", "NORMAL"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(!shown.contains(&secret), "a secret is shown only once");
    let table = terminal.text(&["repo", "ls"]).await?;
    assert!(table.contains("Photos:2026") && table.contains("BUCKETS"), "{table}");
    terminal
        .text(&["key", "update", "job", "--repo", "Media", "--access", "write", "--name", "nightly"])
        .await?;
    let keys = terminal.json(&["key", "list", "--repo", "Media"]).await?;
    assert_eq!((each(&keys, "name"), each(&keys, "accessType")), (vec!["nightly"], vec!["WRITE"]));
    let table = terminal.text(&["key", "list", "--repo", "Media"]).await?;
    assert!(table.contains("LAST USED") && table.contains("never"), "{table}");

    terminal.text(&["repo", "validate", "Media"]).await?;
    terminal.text(&["repo", "update", "Media", "--name", "Archive", "--detach", "Photos"]).await?;
    assert_eq!(terminal.json(&["repo", "show", "archive"]).await?["buckets"], json!([]));
    terminal.text(&["repo", "update", "Archive", "--attach", "Photos"]).await?;
    let in_use = terminal.run(&["bucket", "rm", "Photos"]).await?.with_status(1)?;
    assert!(in_use.stderr.contains("Archive"), "{in_use:?}");
    let stats = terminal.json(&["repo", "stats", "Archive"]).await?;
    assert_eq!(stats[0]["totalUploadBytes"], "0");
    let table = terminal.text(&["repo", "stats"]).await?;
    assert!(table.contains("Archive") && table.contains("BYTES UP"), "{table}");

    let foreign = terminal.run(&["repo", "connect", "Archive", "--key", "BKTNONE"]).await?.with_status(1)?;
    assert!(foreign.stderr.contains("no access key BKTNONE"), "{foreign:?}");
    let printed = terminal.text(&["repo", "connect", "Archive", "--tool", "aws"]).await?;
    assert_eq!(printed.matches('\'').count() % 2, 0, "unbalanced quotes would break the shell: {printed}");
    terminal.text(&["key", "rm", &key, "--repo", "Archive"]).await?;
    assert!(list(&terminal.json(&["key", "list", "--repo", "Archive"]).await?).is_empty());
    let no_key = terminal.run(&["repo", "connect", "Archive"]).await?.with_status(1)?;
    assert!(no_key.stderr.contains("--new-key"), "{no_key:?}");
    let gone = terminal.text(&["repo", "rm", "Archive"]).await?;
    assert!(gone.contains("deleted Archive"), "{gone}");
    terminal.run(&["repo", "show", "Archive"]).await?.with_status(1)?;
    terminal.text(&["bucket", "rm", "Photos"]).await?;
    Ok(())
}

/// Runs the code that was printed for boto3, except for its last line, and writes and reads an object with it.
const USE_PRINTED_SETTINGS: &str = r"
import json, sys
settings = sys.argv[1].rsplit('\n', 1)[0]
names = {}
exec(settings, names)
s3, bucket = names['s3'], sys.argv[2]
s3.put_object(Bucket=bucket, Key='greeting.txt', Body=b'hello')
print(json.dumps(s3.get_object(Bucket=bucket, Key='greeting.txt')['Body'].read().decode()))
";

#[tokio::test]
async fn what_connect_prints_is_all_that_a_program_needs() -> Result<()> {
    let (server, terminal) = deployment().await?;
    let folder = format!("connect-{}", std::process::id());
    terminal.text(&["repo", "add", "Media", "--bucket", &format!("Photos:{folder}")]).await?;
    let look = async || terminal.json(&["nodes", "list"]).await;
    let response = |nodes: &Value| nodes[0]["gatewayUrl"].is_string();
    let nodes = eventually("the node reporting its gateway", SOON, look, response).await?;
    assert_eq!(nodes[0]["gatewayUrl"].as_str(), server.gateway());

    let connect = ["repo", "connect", "Media", "--new-key", "laptop"];
    let connection = terminal.json(&connect).await?;
    assert_eq!(connection["endpoint"].as_str(), server.gateway());
    assert_eq!(connection["buckets"], json!([OPEN_BUCKET]));
    for tool in ["aws", "aws-sdk-js", "rclone", "s5cmd"] {
        let printed = terminal.text(&["repo", "connect", "Media", "--tool", tool]).await?;
        assert!(printed.contains(text(&connection["key"])), "{printed}");
        assert!(!printed.contains(text(&connection["secret"])), "{printed}");
    }
    let elsewhere = ["repo", "connect", "Media", "--endpoint", "https://s3.example.com/", "--json"];
    assert!(terminal.text(&elsewhere).await?.contains("\"https://s3.example.com\""));

    let with_boto = ["repo", "connect", "Media", "--tool", "boto3", "--new-key", "boto"];
    let printed = terminal.text(&with_boto).await?;
    let use_it = async || Ok(run_python(USE_PRINTED_SETTINGS, &[printed.trim(), OPEN_BUCKET]).await.ok());
    // The node receives a new key within a second.
    let read = eventually("a program reading what it wrote", SOON, use_it, Option::is_some).await?;
    assert_eq!(read, Some(json!("hello")));
    Ok(())
}
