//! Help about what to enter for each kind of credential.

use std::fmt::Write as _;

use bucketry_model::credential_kind::{CREDENTIAL_KINDS, FieldRule};

/// What the flags of a bucket must be for each kind of credential.
pub(crate) fn credential_help() -> String {
    let mut text =
        "What to enter for each type and kind of credential (docs/providers.md has the details):\n"
            .to_owned();
    for kind in CREDENTIAL_KINDS {
        // Writing to a string can't fail.
        _ = writeln!(text, "\n  {}, {}", kind.storage_type, kind.name);
        let flags = [("--key", kind.key), ("--secret-file", kind.secret), ("--endpoint", kind.endpoint)];
        for (flag, rule) in flags {
            if let Some(what) = what_to_enter(flag, rule) {
                _ = writeln!(text, "      {flag:<14} {what}");
            }
        }
    }
    text
}

/// `None` if there is nothing to say that the flag's own help doesn't say.
fn what_to_enter(flag: &str, rule: FieldRule) -> Option<String> {
    match rule {
        FieldRule::Required(what) => Some(what.to_owned()),
        FieldRule::Optional(_) if flag == "--endpoint" => None,
        FieldRule::Optional(what) => Some(format!("optional: {what}")),
        FieldRule::InSecret(what) => Some(format!("optional: {what}, which is read from the secret")),
        FieldRule::Refused => Some("leave out".to_owned()),
        FieldRule::Ignored => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_what_each_kind_needs() {
        let help = credential_help();
        assert!(help.contains("S3, access key\n      --key          the access key id\n"), "{help}");
        assert!(help.contains("BLOB, Entra application\n"), "{help}");
        let impersonated = help.split("\n\n").find(|kind| kind.contains("the node impersonates")).unwrap();
        assert!(impersonated.contains("--secret-file  leave out"), "{impersonated}");
    }
}
