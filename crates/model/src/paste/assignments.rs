//! Lines of names and values: AWS credentials files, sections of rclone's configuration, and variables as shells set them.

use std::collections::BTreeMap;

use super::clean::{self, value};
use super::normal_name;
use super::pasted_address::PastedAddress;
use super::pasted_credential::{PasteError, PastedCredential};
use super::{connection_string, json};
use crate::bucket::StorageType;

/// Reads the lines. `None` if they contain no known name of a key or secret.
pub(super) fn read(text: &str) -> Option<Result<PastedCredential, PasteError>> {
    let mut sections: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    let mut label = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let labelled = label.take();
        if let Some(name) = bare_label(line) {
            label = Some(name);
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            sections.push(BTreeMap::new());
            continue;
        }
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = labelled.map(|name| (name, value(line))).or_else(|| assignment(line))
        else {
            continue;
        };
        let section = sections.last_mut()?;
        match section.get(&name) {
            Some(known) if *known != value => return Some(Err(PasteError::SeveralCredentials)),
            _ => section.insert(name, value),
        };
    }
    sections.retain(|section| kinds(section).next().is_some());
    match sections.as_slice() {
        [] => None,
        [section] => Some(credential(section)),
        _ => Some(Err(PasteError::SeveralCredentials)),
    }
}

/// The kinds of credentials, each with the names of what only it has.
const KINDS: [&[&str]; 4] = [AWS_SECRETS, AZURE_SECRETS, GOOGLE_SECRETS, CONNECTION_STRINGS];

const AWS_KEYS: &[&str] = &["awsaccesskeyid", "accesskeyid", "accesskey", "keyid", "applicationkeyid"];
const AWS_SECRETS: &[&str] =
    &["awssecretaccesskey", "awssecretkey", "secretaccesskey", "secretkey", "applicationkey"];
const AZURE_SECRETS: &[&str] =
    &["azurestoragekey", "azurestorageaccountkey", "accountkey", "azurestoragesastoken", "sasurl"];
const GOOGLE_SECRETS: &[&str] =
    &["serviceaccountcredentials", "serviceaccountfile", "googleapplicationcredentials"];
const CONNECTION_STRINGS: &[&str] = &["azurestorageconnectionstring", "connectionstring"];

/// The kinds of credentials that a section contains.
fn kinds(section: &BTreeMap<String, String>) -> impl Iterator<Item = &'static [&'static str]> {
    KINDS.into_iter().filter(|names| get(section, names).is_some())
}

/// The first of these names that has a value.
fn get(section: &BTreeMap<String, String>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| section.get(*name)).filter(|text| !text.is_empty()).cloned()
}

/// The name of the value on the next line, as consoles show them.
pub(super) fn bare_label(line: &str) -> Option<String> {
    let name = line.trim().trim_end_matches(':');
    clean::is_known_name(name).then(|| normal_name(name))
}

fn assignment(line: &str) -> Option<(String, String)> {
    let command = ["export ", "set ", "setx "].iter().find_map(|command| line.strip_prefix(command));
    let command = command.unwrap_or(line);
    let bare = match command.get(..5) {
        Some(begin) if begin.eq_ignore_ascii_case("$env:") => &command[5..],
        _ => command,
    };
    // Consoles write `Name: value`. A colon is also part of URLs and times.
    let colon = bare.split_once(':').filter(|(name, _)| clean::is_known_name(name));
    let (name, text) = colon.or_else(|| bare.split_once('='))?;
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    // The JSON of a service account is a value of rclone's.
    let text = if text.starts_with('{') { text.to_owned() } else { value(text) };
    Some((normal_name(name.trim().trim_matches(['"', '\''])), text))
}

fn credential(section: &BTreeMap<String, String>) -> Result<PastedCredential, PasteError> {
    if kinds(section).count() > 1 {
        return Err(PasteError::SeveralCredentials);
    }
    let mut read = secret(section)?;
    let bucket = get(section, BUCKETS);
    let endpoint = get(section, ENDPOINTS);
    read.bucket = read.bucket.or(bucket);
    read.endpoint = read.endpoint.or(endpoint);
    read.region = get(section, REGIONS);
    let address = read.bucket.as_deref().and_then(PastedAddress::read);
    // That of another cloud stays, and is refused as a name.
    if let Some(address) = address.filter(|address| address.storage_type == read.storage_type) {
        read.bucket = Some(address.bucket);
        read.key = read.key.or(address.account);
        read.endpoint = read.endpoint.or(address.endpoint.map(|endpoint| endpoint.to_string()));
        read.region = read.region.or(address.region);
    }
    Ok(read)
}

const BUCKETS: &[&str] = &[
    "bucket",
    "bucketname",
    "s3bucket",
    "awsbucket",
    "awss3bucket",
    "container",
    "containername",
    "azurestoragecontainer",
];
const ENDPOINTS: &[&str] = &[
    "awsendpointurls3",
    "awsendpointurl",
    "awsendpoint",
    "endpointurl",
    "s3endpoint",
    "blobendpoint",
    "endpoint",
];
const REGIONS: &[&str] = &["awsregion", "awsdefaultregion", "s3region", "region"];
const ACCOUNTS: &[&str] = &[
    "azurestorageaccount",
    "azurestorageaccountname",
    "storageaccount",
    "storageaccountname",
    "accountname",
    "account",
];

fn secret(section: &BTreeMap<String, String>) -> Result<PastedCredential, PasteError> {
    let get = |names: &[&str]| get(section, names);
    if get(&["serviceaccountfile", "googleapplicationcredentials"]).is_some() {
        return Err(PasteError::NamesAFile);
    }
    if let Some(document) = get(&["serviceaccountcredentials"]) {
        return json::read(&document);
    }
    if let Some(text) = get(CONNECTION_STRINGS) {
        return connection_string::read(&text).unwrap_or(Err(PasteError::Incomplete));
    }
    if get(AZURE_SECRETS).is_some() {
        let of_account = get(&["azurestoragekey", "azurestorageaccountkey", "accountkey"]);
        let shared = get(&["azurestoragesastoken", "sasurl"]);
        let secret = match (of_account, shared) {
            (Some(_), Some(_)) => return Err(PasteError::SeveralCredentials),
            (one, other) => one.or(other).ok_or(PasteError::Incomplete)?,
        };
        let mut read = connection_string::sas_url(&secret)
            .unwrap_or_else(|| PastedCredential::new(StorageType::Blob, None, secret));
        read.key = get(ACCOUNTS).or(read.key);
        return Ok(read);
    }
    let key = get(AWS_KEYS);
    let secret = get(AWS_SECRETS).ok_or(PasteError::Incomplete)?;
    match get(&["awssessiontoken", "sessiontoken"]) {
        // The key may have been entered in its own field.
        None => Ok(PastedCredential::aws(key.as_deref(), &secret)),
        Some(token) => {
            let key = key.ok_or(PasteError::Incomplete)?;
            Ok(PastedCredential::aws_session(&key, &secret, &token))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use proptest::prelude::*;

    fn ok(text: &str) -> PastedCredential {
        read(text).unwrap().unwrap()
    }

    #[test]
    fn the_forms_of_files_and_shells_are_read() {
        for text in [
            "[default]\naws_access_key_id = AKID\naws_secret_access_key = abc=\nregion = eu-west-1\n",
            "export AWS_ACCESS_KEY_ID=\"AKID\"\nexport AWS_SECRET_ACCESS_KEY='abc='\nexport AWS_REGION=eu-west-1",
            "set AWS_ACCESS_KEY_ID=AKID\r\nset AWS_SECRET_ACCESS_KEY=abc=\r\nset AWS_DEFAULT_REGION=eu-west-1\r\n",
            "$Env:AWS_ACCESS_KEY_ID=\"AKID\"\n$Env:AWS_SECRET_ACCESS_KEY=\"abc=\"\n$Env:AWS_REGION=\"eu-west-1\"",
            "[r]\ntype = s3\nprovider = AWS\naccess_key_id = AKID\nsecret_access_key = abc=\nregion = eu-west-1",
        ] {
            let read = ok(text);
            assert_eq!(
                (read.key.as_deref(), read.region.as_deref()),
                (Some("AKID"), Some("eu-west-1")),
                "{text}"
            );
            assert_eq!(read.secret.expose(), "abc=");
        }
        for text in [
            "Access Key ID: AKID\nSecret Access Key: abc=\nRegion: eu-west-1",
            "Access Key ID\nAKID\n\nSecret Access Key\nabc=\nRegion\neu-west-1",
            "keyID: AKID\napplicationKey: abc=\nregion: eu-west-1",
            "AWS_BUCKET=photos\nAWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY=abc=\nS3_ENDPOINT=https://h:9000\nREGION=eu-west-1",
        ] {
            let read = ok(text);
            assert_eq!((read.key.as_deref(), read.secret.expose()), (Some("AKID"), "abc="), "{text}");
            assert_eq!(read.region.as_deref(), Some("eu-west-1"), "{text}");
        }
        let named = ok("BUCKET=photos\nACCESS_KEY=A\nSECRET_KEY=s\nENDPOINT=https://h:9000");
        assert_eq!(
            named.bucket.as_deref().zip(named.endpoint.as_deref()),
            Some(("photos", "https://h:9000"))
        );
        let azure =
            ok("[a]\ntype = azureblob\naccount = acct\nsas_url = https://acct.blob.core.windows.net/c?sig=x");
        assert_eq!((azure.storage_type, azure.key.as_deref()), (StorageType::Blob, Some("acct")));
        let session = ok("AWS_ACCESS_KEY_ID=ASIA\nAWS_SECRET_ACCESS_KEY=s\nAWS_SESSION_TOKEN=t");
        let session = crate::credential::AwsSession::read(&session.secret).unwrap().unwrap();
        assert_eq!(session.session_token.as_ref().map(Secret::expose), Some("t"));
    }

    #[test]
    fn two_credentials_half_a_one_and_a_file_name_are_refused() {
        let two = "[a]\naws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=B\naws_secret_access_key=t";
        assert_eq!(read(two).unwrap().unwrap_err(), PasteError::SeveralCredentials);
        for clouds in [
            "AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=s\nAZURE_STORAGE_ACCOUNT=acct\nAZURE_STORAGE_KEY=k",
            "AZURE_STORAGE_KEY=k\nAZURE_STORAGE_SAS_TOKEN=sv=1&sig=x",
            "AWS_ACCESS_KEY_ID=A\nAWS_ACCESS_KEY_ID=B\nAWS_SECRET_ACCESS_KEY=s",
        ] {
            assert_eq!(read(clouds).unwrap().unwrap_err(), PasteError::SeveralCredentials, "{clouds}");
        }
        assert_eq!(
            read("GOOGLE_APPLICATION_CREDENTIALS=/k.json").unwrap().unwrap_err(),
            PasteError::NamesAFile
        );
        assert_eq!(ok("AWS_SECRET_ACCESS_KEY=s\nX=1").key, None, "it may be in its own field");
        let half = "AWS_SECRET_ACCESS_KEY=s\nAWS_SESSION_TOKEN=t";
        assert_eq!(read(half).unwrap().unwrap_err(), PasteError::Incomplete);
        assert_eq!(read("service_account_file = /k.json").unwrap().unwrap_err(), PasteError::NamesAFile);
        assert!(read("sv=1&sig=x").is_none());
        assert!(read("plain").is_none());
    }

    proptest! {
        #[test]
        fn a_written_section_is_read_again(
            key in "[A-Z0-9]{16,20}", secret in "[A-Za-z0-9/+]{40}", gap in " {0,2}",
            line_end in prop::sample::select(&["\n", "\r\n"][..]),
        ) {
            let text = format!("[default]{line_end}aws_access_key_id{gap}={gap}{key}{line_end}aws_secret_access_key{gap}={gap}{secret}");
            let read = ok(&text);
            prop_assert_eq!(read.key.unwrap(), key);
            prop_assert_eq!(read.secret.expose(), secret);
        }

        #[test]
        fn no_text_breaks_it(text in "([a-z_]{0,9}|\\[x\\]|secret_access_key|=|\n|[\u{feff}\"])*") {
            let _ = read(&text);
        }
    }
}
