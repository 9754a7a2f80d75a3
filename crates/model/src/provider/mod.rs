//! Recognises the company or product behind an endpoint, and what its S3 protocol needs.

mod hosts;

use crate::bucket::StorageType;
use crate::endpoint::{Endpoint, Host};
use crate::provider::hosts::{HOSTS, NAMES};

/// A known provider of object storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// Cloudflare R2.
    Cloudflare,
    /// Backblaze B2.
    Backblaze,
    /// Wasabi.
    Wasabi,
    /// Storj.
    Storj,
    /// DigitalOcean Spaces.
    DigitalOcean,
    /// Hetzner Object Storage.
    Hetzner,
    /// OVHcloud.
    Ovh,
    /// Scaleway.
    Scaleway,
    /// IBM Cloud Object Storage.
    Ibm,
    /// Oracle Cloud.
    Oracle,
    /// Linode (Akamai).
    Linode,
    /// Vultr.
    Vultr,
    /// Exoscale.
    Exoscale,
    /// Contabo.
    Contabo,
    /// Alibaba Cloud.
    Alibaba,
    /// Tencent Cloud.
    Tencent,
    /// Tigris.
    Tigris,
    /// MinIO, recognised by the host name.
    Minio,
    /// Ceph, recognised by the host name.
    Ceph,
    /// Anything else.
    Other,
}

/// How a request names a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// As the first segment of the path.
    Path,
    /// As the first label of the host, if the bucket's name can be one.
    VirtualHost,
}

/// What a driver of the S3 protocol needs to know about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointTraits<'a> {
    /// Provider behind the endpoint.
    pub provider: Provider,
    /// The region to sign for: the one in the host name, or the only one of the provider.
    pub region: Option<&'a str>,
    /// How requests name buckets.
    pub addressing: Addressing,
    /// Labels before those of the provider: the bucket, if the user pasted it as part of the host.
    pub front: &'a str,
}

/// Optional features of a provider's S3 protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// Whether writes and completed uploads respect `If-None-Match` and `If-Match`. Only true for providers that
    /// document it, and for self-hosted servers.
    pub conditional_writes: bool,
    /// Whether checksums (`x-amz-checksum-…`) are accepted and stored. Only true for AWS and for self-hosted
    /// servers. Several others refuse every request with such a header, which SDKs send by default.
    pub checksums: bool,
}

impl Provider {
    /// All providers, in the order of the enum, so that `provider as usize` is an index.
    pub const ALL: [Self; 23] = [
        Self::Aws,
        Self::Gcp,
        Self::Azure,
        Self::Cloudflare,
        Self::Backblaze,
        Self::Wasabi,
        Self::Storj,
        Self::DigitalOcean,
        Self::Hetzner,
        Self::Ovh,
        Self::Scaleway,
        Self::Ibm,
        Self::Oracle,
        Self::Linode,
        Self::Vultr,
        Self::Exoscale,
        Self::Contabo,
        Self::Alibaba,
        Self::Tencent,
        Self::Tigris,
        Self::Minio,
        Self::Ceph,
        Self::Other,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Gcp => "GCP",
            Self::Azure => "AZURE",
            Self::Cloudflare => "CLOUDFLARE",
            Self::Backblaze => "BACKBLAZE",
            Self::Wasabi => "WASABI",
            Self::Storj => "STORJ",
            Self::DigitalOcean => "DIGITALOCEAN",
            Self::Hetzner => "HETZNER",
            Self::Ovh => "OVH",
            Self::Scaleway => "SCALEWAY",
            Self::Ibm => "IBM",
            Self::Oracle => "ORACLE",
            Self::Linode => "LINODE",
            Self::Vultr => "VULTR",
            Self::Exoscale => "EXOSCALE",
            Self::Contabo => "CONTABO",
            Self::Alibaba => "ALIBABA",
            Self::Tencent => "TENCENT",
            Self::Tigris => "TIGRIS",
            Self::Minio => "MINIO",
            Self::Ceph => "CEPH",
            Self::Other => "OTHER",
        }
    }

    /// Recognises the provider by storage type and endpoint. Without an endpoint, it is the cloud of the type.
    pub fn recognise(storage_type: StorageType, endpoint: Option<&Endpoint>) -> Self {
        let Some(endpoint) = endpoint else {
            return match storage_type {
                StorageType::S3 => Self::Aws,
                StorageType::Gcs => Self::Gcp,
                StorageType::Blob => Self::Azure,
            };
        };
        EndpointTraits::of(endpoint).provider
    }

    /// Which optional features the provider's S3 protocol has.
    pub fn quirks(self) -> Quirks {
        let conditional_writes = matches!(
            self,
            Self::Aws
                | Self::Cloudflare
                | Self::Storj
                | Self::Tigris
                | Self::Minio
                | Self::Ceph
                | Self::Other
        );
        let checksums = matches!(self, Self::Aws | Self::Minio | Self::Ceph | Self::Other);
        Quirks { conditional_writes, checksums }
    }
}

impl<'a> EndpointTraits<'a> {
    /// Reads the traits from the host of an endpoint.
    pub fn of(endpoint: &'a Endpoint) -> Self {
        let other = |provider| Self { provider, region: None, addressing: Addressing::Path, front: "" };
        let Host::Name(name) = &endpoint.host else { return other(Provider::Other) };
        if let Some((row, fit)) = HOSTS.iter().find_map(|row| Some((row, row.fit(name)?))) {
            return Self {
                provider: row.provider,
                region: fit.region.or(row.region),
                addressing: row.addressing,
                front: fit.front,
            };
        }
        let called = |(start, _): &&(&str, Provider)| name.split('.').any(|label| label.starts_with(start));
        other(NAMES.iter().find(called).map_or(Provider::Other, |(_, provider)| *provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_providers_are_in_the_order_of_the_enum() {
        for (index, provider) in Provider::ALL.into_iter().enumerate() {
            assert_eq!(provider as usize, index, "{provider:?}");
        }
        assert_eq!(Provider::ALL.len(), Provider::Other as usize + 1, "the last one is in the list");
    }

    #[test]
    fn providers_are_told_from_the_endpoint() {
        for (endpoint, provider) in [
            ("https://s3.eu-central-1.amazonaws.com", Provider::Aws),
            ("https://abc.r2.cloudflarestorage.com", Provider::Cloudflare),
            ("https://s3.us-west-004.backblazeb2.com", Provider::Backblaze),
            ("https://gateway.storjshare.io", Provider::Storj),
            ("http://minio.internal:9000", Provider::Minio),
            ("https://amazonaws.com.evil.example", Provider::Other),
            ("https://notamazonaws.com", Provider::Other),
            ("http://127.0.0.1:9000", Provider::Other),
        ] {
            let endpoint = Endpoint::parse(endpoint).unwrap();
            assert_eq!(Provider::recognise(StorageType::S3, Some(&endpoint)), provider, "{endpoint}");
        }
        assert_eq!(Provider::recognise(StorageType::Blob, None), Provider::Azure);
    }

    fn traits(endpoint: &str) -> (Provider, Option<String>, Addressing, String) {
        let endpoint = Endpoint::parse(endpoint).unwrap();
        let traits = EndpointTraits::of(&endpoint);
        (traits.provider, traits.region.map(str::to_owned), traits.addressing, traits.front.to_owned())
    }

    #[test]
    fn the_host_tells_region_addressing_and_a_pasted_bucket() {
        use Addressing::{Path, VirtualHost};
        use Provider as P;
        for (endpoint, provider, region, addressing, front) in [
            ("https://s3.eu-west-1.amazonaws.com", P::Aws, Some("eu-west-1"), VirtualHost, ""),
            ("https://s3-eu-west-1.amazonaws.com", P::Aws, Some("eu-west-1"), VirtualHost, ""),
            ("https://s3.dualstack.eu-west-1.amazonaws.com", P::Aws, Some("eu-west-1"), VirtualHost, ""),
            (
                "https://photos.s3.us-gov-west-1.amazonaws.com",
                P::Aws,
                Some("us-gov-west-1"),
                VirtualHost,
                "photos",
            ),
            (
                "https://my.photos.s3.eu-west-1.amazonaws.com",
                P::Aws,
                Some("eu-west-1"),
                VirtualHost,
                "my.photos",
            ),
            ("https://s3.cn-north-1.amazonaws.com.cn", P::Aws, Some("cn-north-1"), VirtualHost, ""),
            ("https://s3-accelerate.amazonaws.com", P::Aws, None, VirtualHost, ""),
            (
                "https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com",
                P::Aws,
                Some("us-east-1"),
                Path,
                "bucket.vpce-1a2b-5e6f",
            ),
            ("https://0a1b.r2.cloudflarestorage.com", P::Cloudflare, Some("auto"), Path, ""),
            ("https://0a1b.eu.r2.cloudflarestorage.com", P::Cloudflare, Some("auto"), Path, ""),
            ("https://s3.us-west-004.backblazeb2.com", P::Backblaze, Some("us-west-004"), Path, ""),
            ("https://s3.wasabisys.com", P::Wasabi, Some("us-east-1"), Path, ""),
            ("https://s3.eu-central-1.wasabisys.com", P::Wasabi, Some("eu-central-1"), Path, ""),
            ("https://gateway.storjshare.io", P::Storj, Some("us-east-1"), Path, "gateway"),
            ("https://photos.nyc3.digitaloceanspaces.com", P::DigitalOcean, Some("nyc3"), Path, "photos"),
            ("https://fsn1.your-objectstorage.com", P::Hetzner, Some("fsn1"), Path, ""),
            ("https://s3.gra.io.cloud.ovh.net", P::Ovh, Some("gra"), Path, ""),
            ("https://s3.fr-par.scw.cloud", P::Scaleway, Some("fr-par"), Path, ""),
            ("https://s3.us-south.cloud-object-storage.appdomain.cloud", P::Ibm, Some("us-south"), Path, ""),
            (
                "https://s3.private.eu-de.cloud-object-storage.appdomain.cloud",
                P::Ibm,
                Some("eu-de"),
                Path,
                "",
            ),
            (
                "https://ns.compat.objectstorage.eu-frankfurt-1.oraclecloud.com",
                P::Oracle,
                Some("eu-frankfurt-1"),
                Path,
                "",
            ),
            ("https://us-east-1.linodeobjects.com", P::Linode, Some("us-east-1"), Path, ""),
            ("https://sos-ch-dk-2.exo.io", P::Exoscale, Some("ch-dk-2"), Path, ""),
            ("https://oss-eu-central-1.aliyuncs.com", P::Alibaba, Some("eu-central-1"), VirtualHost, ""),
            ("https://storage.googleapis.com", P::Gcp, Some("auto"), Path, ""),
            ("https://rgw.example.com", P::Ceph, None, Path, ""),
            ("https://amazonaws.com", P::Aws, None, Path, ""),
            ("https://s3.amazonaws.com.evil.example", P::Other, None, Path, ""),
            ("http://192.0.2.1:9000", P::Other, None, Path, ""),
        ] {
            let expected = (provider, region.map(str::to_owned), addressing, front.to_owned());
            assert_eq!(traits(endpoint), expected, "{endpoint}");
        }
    }
}
