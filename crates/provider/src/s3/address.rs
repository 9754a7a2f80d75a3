//! Where a bucket's requests go: host and path, in path style or virtual-host style.

use bucketry_model::bucket::check_bucket_name;
use bucketry_model::endpoint::{Endpoint, Host};

use crate::address::Address;
use crate::open::OpenError;

/// The region that is asked first where none is given; AWS answers there with the right one, and other servers that
/// have no regions expect it.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// Which servers answer for a bucket, before the region is known.
#[derive(Debug)]
pub(super) enum Home {
    /// AWS's own endpoints, which have the region in the host name.
    Aws,
    /// A server that was named.
    Endpoint(Box<Endpoint>),
}

impl Home {
    /// The home of a bucket, and the region that the endpoint itself tells.
    pub(super) fn of(endpoint: Option<&Endpoint>) -> (Self, Option<String>) {
        match endpoint {
            None => (Self::Aws, None),
            // The address without a region is a way to say "AWS".
            Some(endpoint) if endpoint.to_string() == "https://s3.amazonaws.com" => (Self::Aws, None),
            Some(endpoint) => (Self::Endpoint(Box::new(endpoint.clone())), region_of_aws(endpoint)),
        }
    }
}

/// The region in `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1.amazonaws.com` and
/// `s3.dualstack.eu-west-1.amazonaws.com`, with or without a bucket in front.
fn region_of_aws(endpoint: &Endpoint) -> Option<String> {
    let Host::Name(host) = &endpoint.host else { return None };
    let labels = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let mut labels = labels.rsplit('.');
    let last = labels.next()?;
    let region = match last.strip_prefix("s3-") {
        Some(region) => region,
        None => last,
    };
    let looks_right =
        region.contains('-') && region.ends_with(|c: char| c.is_ascii_digit()) && is_region(region);
    looks_right.then(|| region.to_owned())
}

/// Whether a text can be a region: of a host name's label's characters, so that it can't lead to another host.
pub(super) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The address of a bucket, once the region is known.
pub(super) fn address_of(home: &Home, bucket: &str, region: &str) -> Result<Address, OpenError> {
    check_bucket_name(bucket).map_err(OpenError::InvalidBucket)?;
    if !is_region(region) {
        return Err(OpenError::InvalidRegion);
    }
    match home {
        Home::Aws => {
            let china = if region.starts_with("cn-") { ".cn" } else { "" };
            let host = format!("s3.{region}.amazonaws.com{china}");
            if fits_in_a_host(bucket) {
                Address::new(true, format!("{bucket}.{host}"), String::new())
            } else {
                Address::new(true, host, format!("/{bucket}"))
            }
        }
        Home::Endpoint(endpoint) if is_aws_host_of(bucket, endpoint) => {
            Address::new(endpoint.tls, endpoint.authority(), endpoint.path.clone())
        }
        Home::Endpoint(endpoint) if region_of_aws(endpoint).is_some() && fits_in_a_host(bucket) => {
            Address::new(endpoint.tls, format!("{bucket}.{}", endpoint.authority()), endpoint.path.clone())
        }
        Home::Endpoint(endpoint) => {
            Address::new(endpoint.tls, endpoint.authority(), format!("{}/{bucket}", endpoint.path))
        }
    }
}

/// Whether the endpoint already names the bucket, as `https://photos.s3.eu-west-1.amazonaws.com` does.
fn is_aws_host_of(bucket: &str, endpoint: &Endpoint) -> bool {
    let Host::Name(name) = &endpoint.host else { return false };
    region_of_aws(endpoint).is_some() && name.strip_prefix(bucket).is_some_and(|rest| rest.starts_with(".s3"))
}

/// Whether the bucket's name can be the first label of a host: with dots in it TLS certificates don't match, and
/// upper case or underscores are no host name.
fn fits_in_a_host(bucket: &str) -> bool {
    bucket.len() <= 63
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(endpoint: Option<&str>, bucket: &str, region: &str, key: Option<&str>) -> String {
        let endpoint = endpoint.map(|text| Endpoint::parse(text).unwrap());
        let address = address_of(&Home::of(endpoint.as_ref()).0, bucket, region).unwrap();
        address.uri(&address.path(key), "").unwrap().to_string()
    }

    #[test]
    fn aws_buckets_are_hosts_unless_their_name_cannot_be_one() {
        assert_eq!(uri(None, "photos", "eu-west-1", None), "https://photos.s3.eu-west-1.amazonaws.com/");
        assert_eq!(
            uri(None, "photos", "cn-north-1", Some("a")),
            "https://photos.s3.cn-north-1.amazonaws.com.cn/a"
        );
        assert_eq!(
            uri(None, "my.photos", "eu-west-1", Some("a")),
            "https://s3.eu-west-1.amazonaws.com/my.photos/a"
        );
        assert_eq!(
            uri(None, "Old_Photos", "us-east-1", Some("a")),
            "https://s3.us-east-1.amazonaws.com/Old_Photos/a"
        );
        let regional = Some("https://s3.eu-west-1.amazonaws.com");
        assert_eq!(
            uri(regional, "photos", "eu-west-1", Some("a")),
            "https://photos.s3.eu-west-1.amazonaws.com/a"
        );
        let global = Some("https://s3.amazonaws.com");
        assert_eq!(
            uri(global, "photos", "eu-west-1", Some("a")),
            "https://photos.s3.eu-west-1.amazonaws.com/a"
        );
        let with_bucket = Some("https://photos.s3.eu-west-1.amazonaws.com");
        assert_eq!(
            uri(with_bucket, "photos", "eu-west-1", Some("a")),
            "https://photos.s3.eu-west-1.amazonaws.com/a"
        );
    }

    #[test]
    fn other_servers_get_the_bucket_in_the_path_after_their_own() {
        assert_eq!(
            uri(Some("http://127.0.0.1:9000"), "photos", "us-east-1", None),
            "http://127.0.0.1:9000/photos"
        );
        assert_eq!(
            uri(Some("http://[::1]:9000/s3"), "p", "us-east-1", Some("a/b")),
            "http://[::1]:9000/s3/p/a/b"
        );
        assert_eq!(
            uri(Some("https://minio.example"), "minio", "x", Some("k")),
            "https://minio.example/minio/k"
        );
    }

    #[test]
    fn odd_keys_reach_the_uri_as_they_are() {
        for (key, path) in [
            ("/lead", "/p//lead"),
            ("a//b", "/p/a//b"),
            ("a/../b", "/p/a/../b"),
            ("..", "/p/.."),
            ("dir/", "/p/dir/"),
            ("%2e%2e", "/p/%252e%252e"),
        ] {
            assert_eq!(uri(Some("http://h"), "p", "r", Some(key)), format!("http://h{path}"));
        }
        assert_eq!(
            uri(None, "photos", "eu-west-1", Some("/lead")),
            "https://photos.s3.eu-west-1.amazonaws.com//lead"
        );
    }

    #[test]
    fn a_region_or_a_bucket_cannot_lead_to_another_host() {
        for region in ["", "evil.com/", "x.evil", "a b", "eu-west-1#", "@evil", &"a".repeat(65)] {
            assert!(
                matches!(address_of(&Home::Aws, "photos", region), Err(OpenError::InvalidRegion)),
                "{region}"
            );
        }
        for bucket in ["", "..", "a/b", "evil.com#", "a@b"] {
            assert!(
                matches!(address_of(&Home::Aws, bucket, "x"), Err(OpenError::InvalidBucket(_))),
                "{bucket}"
            );
        }
    }

    #[test]
    fn the_region_is_read_from_aws_hosts_only() {
        for (host, region) in [
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3-eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3.dualstack.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://photos.s3.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("https://s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://s3.amazonaws.com", None),
            ("https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com", None),
            ("https://s3-accelerate.amazonaws.com", None),
            ("https://s3.eu-west-1.example.com", None),
            ("http://127.0.0.1", None),
        ] {
            assert_eq!(Home::of(Some(&Endpoint::parse(host).unwrap())).1.as_deref(), region, "{host}");
        }
    }
}
