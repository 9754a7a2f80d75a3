//! Lines of names and values: AWS credentials files, sections of rclone's configuration, and variables as shells set them.

use std::collections::BTreeMap;

use super::clean::value;
use super::normal_name;
use super::pasted_credential::{PasteError, PastedCredential};
use crate::bucket::StorageType;

/// Reads the lines. `None` if they contain no known name of a key or secret.
pub(super) fn read(text: &str) -> Option<Result<PastedCredential, PasteError>> {
    let mut sections: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') && line.ends_with(']') {
            sections.push(BTreeMap::new());
        } else if !line.starts_with(['#', ';'])
            && let Some((name, value)) = assignment(line)
            && let Some(section) = sections.last_mut()
        {
            if section.contains_key(&name) {
                return Some(Err(PasteError::SeveralCredentials));
            }
            section.insert(name, value);
        }
    }
    sections.retain(|section| SECRETS.iter().any(|name| section.contains_key(*name)));
    match sections.as_slice() {
        [] => None,
        [section] => Some(credential(section)),
        _ => Some(Err(PasteError::SeveralCredentials)),
    }
}

const SECRETS: [&str; 8] = [
    "awssecretaccesskey",
    "secretaccesskey",
    "azurestoragekey",
    "azurestorageaccountkey",
    "azurestoragesastoken",
    "sasurl",
    "serviceaccountcredentials",
    "serviceaccountfile",
];

fn assignment(line: &str) -> Option<(String, String)> {
    let command = ["export ", "set "].iter().find_map(|command| line.strip_prefix(command)).unwrap_or(line);
    let bare = match command.get(..5) {
        Some(begin) if begin.eq_ignore_ascii_case("$env:") => &command[5..],
        _ => command,
    };
    let (name, text) = bare.split_once('=')?;
    let text = text.trim();
    // The JSON of a service account is a value of rclone's.
    let text = if text.starts_with('{') { text.to_owned() } else { value(text) };
    Some((normal_name(name), text))
}

fn credential(section: &BTreeMap<String, String>) -> Result<PastedCredential, PasteError> {
    let get = |names: &[&str]| {
        names.iter().find_map(|name| section.get(*name)).filter(|text| !text.is_empty()).cloned()
    };
    if section.contains_key("serviceaccountfile") {
        return Err(PasteError::NamesAFile);
    }
    if let Some(json) = get(&["serviceaccountcredentials"]) {
        return Ok(PastedCredential::new(StorageType::Gcs, None, json));
    }
    if let Some(secret) =
        get(&["azurestoragekey", "azurestorageaccountkey", "azurestoragesastoken", "sasurl"])
    {
        let account = get(&["azurestorageaccount", "azurestorageaccountname", "account"]);
        return Ok(PastedCredential::new(StorageType::Blob, account, secret));
    }
    let key = get(&["awsaccesskeyid", "accesskeyid"]).ok_or(PasteError::Incomplete)?;
    let secret = get(&["awssecretaccesskey", "secretaccesskey"]).ok_or(PasteError::Incomplete)?;
    let token = get(&["awssessiontoken", "sessiontoken"]);
    let mut read = PastedCredential::aws(&key, &secret, token.as_deref());
    read.region = get(&["awsregion", "awsdefaultregion", "region"]);
    read.endpoint = get(&["awsendpointurls3", "awsendpointurl", "endpointurl", "endpoint"]);
    Ok(read)
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
        assert_eq!(read("AWS_SECRET_ACCESS_KEY=s\nX=1").unwrap().unwrap_err(), PasteError::Incomplete);
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
