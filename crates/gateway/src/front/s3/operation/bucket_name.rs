//! The names that S3 allows for buckets ("General purpose bucket naming rules").

/// The beginnings that S3 reserves.
const RESERVED_BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// The ends that S3 reserves.
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether S3 would create a bucket with this name. The buckets of a repository may have other names, which their
/// providers allow.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    // S3 still requires it of each label, because names are parts of host names.
    let is_label = |label: &str| {
        label.bytes().next().is_some_and(is_alphanumeric) && label.bytes().last().is_some_and(is_alphanumeric)
    };
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| is_alphanumeric(byte) || byte == b'-' || byte == b'.')
        && name.split('.').all(is_label)
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !RESERVED_BEGINNINGS.iter().any(|reserved| name.starts_with(reserved))
        && !RESERVED_ENDS.iter().any(|reserved| name.ends_with(reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_published_rules() {
        for name in ["abc", "a.b-c", "1bucket", "log-delivery-march-2020", "my--bucket", &"a".repeat(63)] {
            assert!(is_bucket_name(name), "{name}");
        }
        for name in [
            "",
            "ab",
            "Abc",
            "a_b_c",
            "-abc",
            "abc-",
            ".abc",
            "abc.",
            "a..b",
            "foo.-bar",
            "foo-.bar",
            "a.b-.c.d",
            "192.168.5.4",
            "a b c",
            "büch",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-abc",
            "abc-s3alias",
            "abc--ol-s3",
            "abc.mrap",
            "abc--x-s3",
            &"a".repeat(64),
        ] {
            assert!(!is_bucket_name(name), "{name}");
        }
    }
}
