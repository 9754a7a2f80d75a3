//! Determines the host and path of a bucket's requests, in path style or virtual-host style.

use bucketry_model::bucket::check_bucket_name;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::provider::{Addressing, EndpointTraits};

use crate::address::Address;
use crate::s3::open_error::S3OpenError;
use crate::target_error::TargetError;

/// The region of the first request if none is given. AWS then answers with the right one, and servers without
/// regions expect this one.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// The servers of a bucket, before the region is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// AWS's own endpoints, whose host names contain the region.
    Aws,
    /// A given endpoint.
    Endpoint(Box<Endpoint>),
}

impl Home {
    /// The home of a bucket, and the region if the endpoint's host name contains it.
    pub(super) fn of(endpoint: Option<&Endpoint>) -> (Self, Option<String>) {
        match endpoint {
            None => (Self::Aws, None),
            // The endpoint without a region is another way to say "AWS".
            Some(endpoint) if endpoint.to_string() == "https://s3.amazonaws.com" => (Self::Aws, None),
            Some(endpoint) => {
                let region = EndpointTraits::of(endpoint).region.filter(|region| is_region(region));
                (Self::Endpoint(Box::new(endpoint.clone())), region.map(str::to_owned))
            }
        }
    }
}

/// Whether a text is a valid region. Only characters of a host label are allowed, so that a region can't lead to
/// another host.
pub(super) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The address of a bucket, once the region is known.
pub(super) fn address_of(home: &Home, bucket: &str, region: &str) -> Result<Address, S3OpenError> {
    check_bucket_name(bucket).map_err(TargetError::InvalidBucket)?;
    if !is_region(region) {
        return Err(S3OpenError::InvalidRegion);
    }
    let address = match home {
        Home::Aws => {
            let host = aws_host(region);
            if fits_in_a_host(bucket) {
                Address::new(true, format!("{bucket}.{host}"), String::new())
            } else {
                Address::new(true, host, format!("/{bucket}"))
            }
        }
        Home::Endpoint(endpoint) => {
            let traits = EndpointTraits::of(endpoint);
            let (authority, path) = (endpoint.authority(), &endpoint.path);
            // The host of `https://photos.s3.eu-west-1.amazonaws.com` already contains the bucket.
            if traits.front == bucket {
                Address::new(endpoint.tls, authority, path.clone())
            } else if traits.addressing == Addressing::VirtualHost && fits_in_a_host(bucket) {
                Address::new(endpoint.tls, format!("{bucket}.{authority}"), path.clone())
            } else {
                Address::new(endpoint.tls, authority, format!("{path}/{bucket}"))
            }
        }
    }?;
    Ok(address)
}

/// The address of the service that a bucket belongs to.
pub(super) fn root_of(home: &Home, bucket: &str, region: &str) -> Result<Address, S3OpenError> {
    let address = match home {
        Home::Aws => Address::new(true, aws_host(region), String::new()),
        Home::Endpoint(endpoint) => {
            let authority = endpoint.authority();
            let named = EndpointTraits::of(endpoint).front == bucket;
            let root = authority.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.'));
            let root = root.filter(|_| named).unwrap_or(&authority).to_owned();
            Address::new(endpoint.tls, root, endpoint.path.clone())
        }
    }?;
    Ok(address)
}

fn aws_host(region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("s3.{region}.amazonaws.com{china}")
}

/// Whether the bucket's name can be the first label of a host. With dots, TLS certificates wouldn't match; upper
/// case and underscores aren't valid in host names.
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
        let pasted = Some("https://photos.nyc3.digitaloceanspaces.com");
        assert_eq!(uri(pasted, "photos", "nyc3", Some("a")), "https://photos.nyc3.digitaloceanspaces.com/a");
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
    fn the_service_is_reached_without_the_bucket() {
        for (endpoint, region, expected) in [
            (None, "eu-west-1", "https://s3.eu-west-1.amazonaws.com/"),
            (None, "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn/"),
            (
                Some("https://photos.s3.eu-west-1.amazonaws.com"),
                "eu-west-1",
                "https://s3.eu-west-1.amazonaws.com/",
            ),
            (Some("https://nyc3.digitaloceanspaces.com"), "nyc3", "https://nyc3.digitaloceanspaces.com/"),
            (Some("https://photos.example.com"), "x", "https://photos.example.com/"),
            (Some("http://127.0.0.1:9000/s3"), "x", "http://127.0.0.1:9000/s3"),
        ] {
            let endpoint = endpoint.map(|text| Endpoint::parse(text).unwrap());
            let root = root_of(&Home::of(endpoint.as_ref()).0, "photos", region).unwrap();
            assert_eq!(root.uri(&root.path(None), "").unwrap().to_string(), expected);
        }
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
                matches!(address_of(&Home::Aws, "photos", region), Err(S3OpenError::InvalidRegion)),
                "{region}"
            );
        }
        for bucket in ["", "..", "a/b", "evil.com#", "a@b"] {
            assert!(
                matches!(
                    address_of(&Home::Aws, bucket, "x"),
                    Err(S3OpenError::Target(TargetError::InvalidBucket(_)))
                ),
                "{bucket}"
            );
        }
    }

    #[test]
    fn the_region_is_read_from_known_hosts_only() {
        for (host, region) in [
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3-eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3.dualstack.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://photos.s3.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("https://s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://s3.amazonaws.com", None),
            ("https://0a1b.r2.cloudflarestorage.com", Some("auto")),
            ("https://s3.eu-central-1.wasabisys.com", Some("eu-central-1")),
            ("https://s3-accelerate.amazonaws.com", None),
            ("https://s3.eu-west-1.example.com", None),
            ("http://127.0.0.1", None),
        ] {
            assert_eq!(Home::of(Some(&Endpoint::parse(host).unwrap())).1.as_deref(), region, "{host}");
        }
    }
}
