//! The CSV file that the AWS console offers for a new access key.

use super::pasted_credential::{PasteError, PastedCredential};
use super::{clean, normal_name};

/// Reads a header with the names of the console, and one row. `None` if there is no such header.
pub(super) fn read(text: &str) -> Option<Result<PastedCredential, PasteError>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let header: Vec<String> = lines.next()?.split(',').map(|name| normal_name(&clean::value(name))).collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let (key, secret) = (column("accesskeyid")?, column("secretaccesskey")?);
    let Some(row) = lines.next() else { return Some(Err(PasteError::Incomplete)) };
    if lines.next().is_some() {
        return Some(Err(PasteError::SeveralCredentials));
    }
    let cells: Vec<String> = row.split(',').map(clean::value).collect();
    let cell = |at: usize| cells.get(at).filter(|text| !text.is_empty());
    Some(match (cell(key), cell(secret)) {
        (Some(key), Some(secret)) => Ok(PastedCredential::aws(Some(key), secret)),
        _ => Err(PasteError::Incomplete),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_row_is_one_credential() {
        let error = |text: &str| read(text).unwrap().unwrap_err();
        assert_eq!(error("Access key ID,Secret access key\nA,s\nB,t\n"), PasteError::SeveralCredentials);
        assert_eq!(error("Access key ID,Secret access key\nA,\n"), PasteError::Incomplete);
        assert_eq!(error("Access key ID,Secret access key"), PasteError::Incomplete);
        assert!(read("a,b\nc,d").is_none());
    }

    proptest! {
        #[test]
        fn a_written_file_is_read_again(
            key in "[A-Z0-9]{20}", secret in "[A-Za-z0-9/+]{40}", quote in prop::sample::select(&["", "\""][..]),
        ) {
            let text = format!("User name,Access key ID,Secret access key\r\nada,{quote}{key}{quote},{quote}{secret}{quote}\r\n");
            let read = read(&text).unwrap().unwrap();
            prop_assert_eq!(read.key.unwrap(), key);
            prop_assert_eq!(read.secret.expose(), secret);
        }
    }
}
