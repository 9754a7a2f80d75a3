//! Configurations as rclone 1.75 writes them with `rclone config create`, and credentials files of AWS.

use proptest::prelude::*;

use super::*;

const RCLONE: &str = r#"[minio]
type = s3
provider = Minio
access_key_id = AKID
secret_access_key = sECret=
endpoint = http://127.0.0.1:9000
region = us-east-1

[az]
type = azureblob
key = a2V5
account = acct

[gs]
type = google cloud storage
service_account_credentials = {"type":"service_account","client_email":"a@p.iam","private_key":"x\ny"}

[photos]
type = alias
remote = minio:photos/2024

[secretphotos]
type = crypt
remote = minio:photos
password = 64F3AxuEEJvJGJInvfLAyIOC4EfIyQ4

[both]
type = combine
upstreams = one=minio:first "two=az:second/in 2024" three=secretphotos:

[azp]
type = azureblob
account = acct
tenant = t
client_id = c
username = u
password = pU9D92y7WFu74qfBV-0mBMrAGU5BRgQ

[mail]
type = sftp
host = h
pass = pU9D92y7WFu74qfBV-0mBMrAGU5BRgQ
"#;

fn shown(bucket: &ImportedBucket) -> String {
    let fields = &bucket.fields;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let secret = fields.secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default();
    [
        bucket.name.clone(),
        fields.storage_type.map(|known| known.to_string()).unwrap_or_default(),
        text(&fields.bucket),
        text(&fields.key),
        secret,
        text(&fields.endpoint),
        text(&fields.region),
        bucket.folder.clone(),
    ]
    .join("|")
}

fn entries(text: &str) -> Vec<String> {
    let shown = |(line, entry)| match entry {
        ImportEntry::Bucket(bucket) => format!("{line}: {}", shown(&bucket)),
        ImportEntry::LeftOut(why) => format!("{line}- {why}"),
        ImportEntry::Wrong(why) => format!("{line}! {why}"),
    };
    Remotes::read(text).unwrap().entries().map(shown).collect()
}

fn listed(text: &str, line: &str) -> String {
    let listed = ListLine::read(line).unwrap().unwrap();
    Remotes::read(text)
        .unwrap()
        .bucket(&listed)
        .map_or_else(|error| format!("!{error}"), |bucket| shown(&bucket))
}

#[test]
fn aliases_and_combinations_of_rclone_are_buckets_and_other_remotes_are_left_out() {
    let found = entries(RCLONE);
    let begin: Vec<&str> = found.iter().map(|one| one.split(": list").next().unwrap_or_default()).collect();
    assert_eq!(
        begin,
        [
            "1- [minio] names no bucket",
            "9- [az] names no bucket",
            "14- [gs] names no bucket",
            "18: photos|S3|photos|AKID|sECret=|http://127.0.0.1:9000|us-east-1|2024",
            "22- [secretphotos] changes what is stored in a bucket, which Bucketry doesn't: clients must continue to use rclone \
             for it",
            "27: one|S3|first|AKID|sECret=|http://127.0.0.1:9000|us-east-1|",
            "27: two|BLOB|second|acct|a2V5|||in 2024",
            "27- [both] refers to a remote that is left out",
            "31- [azp] names no bucket",
            "39- [mail] is a remote of a type that has no buckets",
        ]
    );
}

#[test]
fn a_list_names_buckets_of_remotes_and_profiles() {
    assert_eq!(
        listed(RCLONE, "minio:films/a"),
        "films|S3|films|AKID|sECret=|http://127.0.0.1:9000|us-east-1|a"
    );
    assert!(listed(RCLONE, "gs:films").starts_with("films|GCS|films|a@p.iam|{\"type\""));
    assert_eq!(listed(RCLONE, "photos:may"), listed(RCLONE, "minio:photos/2024/may"));
    assert!(listed(RCLONE, "films").starts_with("!names no section"));
    assert!(listed(RCLONE, "other:films").starts_with("!names the section \"other\""));
    assert!(listed(RCLONE, "minio:gs://films").contains("of GCS, but the credential is of S3"));
    assert!(listed(RCLONE, "azp:films").contains("has no key, sas_url"));
    assert!(listed(RCLONE, "minio:").contains("names no bucket"));
    let aws = "[default]\naws_access_key_id = AKID\naws_secret_access_key = s\n[dev]\naws_access_key_id = ASIA\n\
               aws_secret_access_key = t\naws_session_token = u\nregion = eu-west-1\n[sso]\nsso_session = x\n[assumed]\nrole_arn = r\n";
    assert_eq!(listed(aws, "s3://films/a"), "films|S3|films|AKID|s|||a");
    let session = listed(aws, "dev:films");
    assert!(session.starts_with("films|S3|films|ASIA|{") && session.ends_with("|eu-west-1|"), "{session}");
    assert!(listed(aws, "sso:films").contains("temporary") && listed(aws, "assumed:films").contains("ARN"));
}

#[test]
fn remotes_say_what_they_lack() {
    for (section, says) in [
        ("type = s3\nprovider = AWS\nenv_auth = true", "env_auth"),
        ("type = s3\nprovider = Wasabi\naccess_key_id = A\nsecret_access_key = s", "has no endpoint"),
        ("type = azureblob\nclient_secret = s", "without client_id"),
        ("type = google cloud storage\ntoken = t", "service_account_file"),
        ("type = google cloud storage\nservice_account_credentials = {\"a\":1}", "JSON"),
        ("type = b2\naccount = a\nkey = k", "S3-compatible"),
    ] {
        let said = listed(&format!("[x]\n{section}\n"), "x:films");
        assert!(said.starts_with('!') && said.contains(says), "{section}: {said}");
    }
    let file = "[x]\ntype = google cloud storage\nservice_account_file = /k.json\n";
    let remotes = Remotes::read(file).unwrap();
    let bucket = remotes.bucket(&ListLine::read("films").unwrap().unwrap()).unwrap();
    assert_eq!(bucket.secret_file.as_deref(), Some("/k.json"));
    let entra = "[x]\ntype = azureblob\naccount = acct\nclient_id = c\nclient_secret = s\ntenant = t\n";
    assert!(listed(entra, "films").contains(r#"|{"appId":"c","password":"s","tenant":"t"}|"#));
}

#[test]
fn an_alias_of_itself_ends() {
    let text = "[a]\ntype = alias\nremote = b:x\n[b]\ntype = alias\nremote = a:y\n[c]\ntype = alias\nremote = /local\n";
    let found = entries(text);
    assert!(
        found[0].contains("or of itself") && found[2].contains("something else than a remote"),
        "{found:?}"
    );
}

proptest! {
    #[test]
    fn no_message_repeats_a_secret(
        key in prop::sample::select(&[
            "secret_access_key", "key", "password", "sas_url", "client_secret", "service_account_credentials",
            "connection_string", "session_token", "pass", "aws_secret_access_key",
        ][..]),
        kind in prop::sample::select(&["", "type = s3", "type = azureblob", "type = google cloud storage", "type = sftp"][..]),
    ) {
        const MARK: &str = "MARKEDsecret";
        let text = format!("[x]\n{kind}\n{key} = {MARK}\n[y]\ntype = alias\nremote = x:films\n");
        for (_, entry) in Remotes::read(&text).unwrap().entries() {
            if let ImportEntry::LeftOut(message) | ImportEntry::Wrong(message) = &entry {
                prop_assert!(!message.contains(MARK));
            }
            prop_assert!(!format!("{entry:?}").contains(MARK) || kind.contains("google"), "{:?}", entry);
        }
    }

    #[test]
    fn no_text_breaks_it(text in "(\\[x\\]|type = alias|remote = x:|upstreams = a=x:b|[a-z=:/\" \n]){0,40}") {
        if let Ok(remotes) = Remotes::read(&text) {
            prop_assert!(remotes.entries().count() < 1_000);
        }
    }
}
