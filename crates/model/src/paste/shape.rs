//! The shapes of keys and secrets, by which one in the wrong field is recognised.

/// Prefixes of the unique ids that AWS gives to access keys, permanent and temporary.
const AWS_KEY_PREFIXES: [&str; 2] = ["AKIA", "ASIA"];

/// Whether this is an access key id as AWS writes them: a prefix, and 16 capital letters and digits.
pub fn is_aws_key(text: &str) -> bool {
    text.len() == 20
        && AWS_KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether this can be a secret access key of AWS: 40 characters of base64.
pub fn is_aws_secret(text: &str) -> bool {
    text.len() == 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'='))
        && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// Whether this is the access id of an HMAC key of Google.
pub fn is_google_key(text: &str) -> bool {
    text.starts_with("GOOG") && !text.contains('@')
}

/// Whether this is an account key of Azure: 64 bytes in base64.
pub fn is_azure_key(text: &str) -> bool {
    text.len() == 88
        && text.ends_with("==")
        && text[..86].bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+'))
}

/// Whether these are this many hexadecimal digits, as Cloudflare's keys (32) and secrets (64) are.
pub fn is_hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// Whether this is a name of a storage account.
pub fn is_azure_account(text: &str) -> bool {
    (3..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_secrets_of_clouds_have_their_shapes() {
        assert!(
            is_aws_key("AKIAIOSFODNN7EXAMPLE") && !is_aws_key("AKIAiosfodnn7example") && !is_aws_key("AKIA")
        );
        assert!(is_aws_secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
        assert!(!is_aws_secret("0123456789012345678901234567890123456789") && !is_aws_secret("short"));
        assert!(is_google_key("GOOG1EXAMPLE") && !is_google_key("GOOG@p.iam"));
        assert!(is_azure_key(&format!("{}==", "a".repeat(86))) && !is_azure_key("a2V5=="));
        assert!(!is_azure_key(&"é".repeat(44)), "no text breaks it");
        assert!(is_azure_account("photos2024") && !is_azure_account("Photos") && !is_azure_account("ab"));
    }
}
