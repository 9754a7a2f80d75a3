//! Removes what surrounds a copied value: invisible characters, quotes, and the name of its variable.

/// Names that tools and consoles print before a value, in lower case and without separators.
const NAMES: &[&str] = &[
    "accesskey",
    "accesskeyid",
    "accountkey",
    "accountname",
    "apikey",
    "applicationkey",
    "applicationkeyid",
    "awsaccesskeyid",
    "awsbucket",
    "awsdefaultregion",
    "awsendpoint",
    "awsendpointurl",
    "awsendpointurls3",
    "awsregion",
    "awss3bucket",
    "awssecretaccesskey",
    "awssecretkey",
    "azurestorageaccount",
    "azurestorageaccountname",
    "azurestorageconnectionstring",
    "azurestoragecontainer",
    "azurestoragekey",
    "azurestoragesastoken",
    "blobendpoint",
    "bucket",
    "bucketname",
    "clientemail",
    "connectionstring",
    "container",
    "containername",
    "endpoint",
    "endpointurl",
    "key",
    "keyid",
    "privatekey",
    "region",
    "s3bucket",
    "s3endpoint",
    "s3region",
    "secret",
    "secretaccesskey",
    "secretkey",
    "sharedaccesssignature",
    "storageaccount",
    "storageaccountname",
];

/// The text without invisible characters and outer white space. Non-breaking and other wide spaces become plain ones.
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {}
            letter if letter.is_whitespace() && !letter.is_ascii() => visible.push(' '),
            letter => visible.push(letter),
        }
    }
    let begin = visible.len() - visible.trim_start().len();
    visible.drain(..begin);
    visible.truncate(visible.trim_end().len());
    visible
}

/// A single value without invisible characters, quotes around it, and the name of its variable before it. What consists
/// of several names and values stays whole, because each of them says something.
pub fn value(text: &str) -> String {
    let mut text = visible(text);
    // A variable's name may be quoted together with its value, or each by itself.
    for _ in 0..3 {
        let inner = unquoted(without_name(&text));
        if inner.len() == text.len() {
            break;
        }
        text = inner.to_owned();
    }
    text
}

/// The value after `NAME=` or `Name:`, if the name is a known one.
fn without_name(text: &str) -> &str {
    let command = ["export ", "set ", "setx "].iter().find_map(|command| text.strip_prefix(command));
    let rest = command.unwrap_or(text).trim_start();
    let rest = if rest.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("$env:")) {
        &rest[5..]
    } else {
        rest
    };
    let Some(at) = rest.find(['=', ':']) else { return text };
    let (name, value) = (&rest[..at], rest[at + 1..].trim_start());
    let is_single = is_one_line_or_key(value) && !(value.contains(';') && is_of_connection_string(name));
    if value.is_empty() || !is_single || !is_known_name(name) { text } else { value }
}

/// Whether the text has no second line to speak of. A private key has many and is one value.
fn is_one_line_or_key(text: &str) -> bool {
    !text.contains(['\n', '\r']) || text.trim_start_matches(['"', '\'']).starts_with("-----BEGIN")
}

/// Whether this is the name of a part of Azure's connection strings. Other parts follow after a semicolon.
fn is_of_connection_string(name: &str) -> bool {
    let parts = ["accountname", "accountkey", "blobendpoint", "sharedaccesssignature"];
    parts.contains(&super::normal_name(name.trim()).as_str())
}

/// Whether this is a name that tools print before a value.
pub(super) fn is_known_name(name: &str) -> bool {
    let bare = super::normal_name(name.trim().trim_matches(['"', '\'']));
    NAMES.contains(&bare.as_str())
}

/// The text between quotes, with the comma or semicolon of a list cut off after them.
fn unquoted(text: &str) -> &str {
    const PAIRS: [(char, char); 7] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('„', '“'), ('«', '»')];
    let bare = text.trim_end_matches([',', ';']).trim_end();
    PAIRS
        .iter()
        .find_map(|(begin, end)| bare.strip_prefix(*begin)?.strip_suffix(*end))
        // Quotes inside mean that several values are quoted, as in a row of CSV.
        .filter(|inner| !inner.contains(['"', '\n']) || is_one_line_or_key(inner) && !inner.contains('"'))
        .map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invisible_characters_quotes_and_names_are_no_part_of_a_value() {
        for text in [
            "\u{feff}abc==",
            "a\u{200b}bc==\r\n",
            "\u{a0}abc==\u{a0}",
            "\"abc==\"",
            "'abc==',",
            "“abc==”",
            "AWS_SECRET_ACCESS_KEY=abc==",
            "export AWS_SECRET_ACCESS_KEY=\"abc==\"",
            "aws_secret_access_key = abc==",
            "Secret access key: abc==",
            "\"SecretAccessKey\": \"abc==\",",
            "$Env:AWS_SECRET_ACCESS_KEY=\"abc==\"",
            "AccountKey=abc==",
        ] {
            assert_eq!(value(text), "abc==", "{text:?}");
        }
    }

    #[test]
    fn what_only_resembles_a_name_stays() {
        for text in ["abc==", "sv=1&sig=x", "https://host:9000/a", "arn:aws:iam::1:role/x", "\"", "key="] {
            assert_eq!(value(text), text);
        }
    }

    #[test]
    fn several_values_stay_whole() {
        for text in [
            "AWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY=abc==",
            "AccountName=acct;AccountKey=a2V5==",
            "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x",
            "\"Access key ID\",\"Secret access key\"\n\"AKID\",\"abc==\"",
        ] {
            assert_eq!(value(text), text);
        }
        let key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----";
        for text in [format!("\"{key}\""), format!("private_key: {key}"), format!("'{key}',")] {
            assert_eq!(value(&text), key, "{text}");
        }
        let wrapped = "AZURE_STORAGE_CONNECTION_STRING=\"AccountName=a;AccountKey=k\"";
        assert_eq!(value(wrapped), "AccountName=a;AccountKey=k");
    }

    proptest! {
        #[test]
        fn a_value_survives_everything_around_it(
            plain in "[A-Za-z0-9+/]{8,40}={0,2}",
            name in prop::sample::select(&["", "AWS_SECRET_ACCESS_KEY=", "secretKey: ", "export SECRET="][..]),
            quote in prop::sample::select(&["", "\"", "'"][..]),
            mark in prop::sample::select(&["", "\u{feff}", "\u{200b}", "\u{a0}"][..]),
        ) {
            prop_assert_eq!(value(&format!("{mark}{name}{quote}{plain}{quote}{mark}\r\n")), plain);
        }

        #[test]
        fn any_text_can_be_cleaned_twice(text in any::<String>()) {
            let once = visible(&text);
            prop_assert_eq!(visible(&once), once);
            let _ = value(&text);
        }
    }
}
