//! Which company or product runs an object store, told from its endpoint.

use crate::bucket::StorageType;
use crate::endpoint::{Endpoint, Host};

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
    /// MinIO, told from the host's name.
    Minio,
    /// Anything else.
    Other,
}

/// Domain suffixes and whom they belong to.
const SUFFIXES: &[(&str, Provider)] = &[
    ("amazonaws.com", Provider::Aws),
    ("amazonaws.com.cn", Provider::Aws),
    ("googleapis.com", Provider::Gcp),
    ("core.windows.net", Provider::Azure),
    ("core.chinacloudapi.cn", Provider::Azure),
    ("core.usgovcloudapi.net", Provider::Azure),
    ("storage.azure.net", Provider::Azure),
    ("r2.cloudflarestorage.com", Provider::Cloudflare),
    ("backblazeb2.com", Provider::Backblaze),
    ("wasabisys.com", Provider::Wasabi),
    ("storjshare.io", Provider::Storj),
    ("digitaloceanspaces.com", Provider::DigitalOcean),
    ("your-objectstorage.com", Provider::Hetzner),
    ("cloud.ovh.net", Provider::Ovh),
    ("scw.cloud", Provider::Scaleway),
    ("cloud-object-storage.appdomain.cloud", Provider::Ibm),
    ("oraclecloud.com", Provider::Oracle),
    ("min.io", Provider::Minio),
];

impl Provider {
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
            Self::Minio => "MINIO",
            Self::Other => "OTHER",
        }
    }

    /// Tells the provider from the storage type and the endpoint; no endpoint means the type's own cloud.
    pub fn recognise(storage_type: StorageType, endpoint: Option<&Endpoint>) -> Self {
        let Some(endpoint) = endpoint else {
            return match storage_type {
                StorageType::S3 => Self::Aws,
                StorageType::Gcs => Self::Gcp,
                StorageType::Blob => Self::Azure,
            };
        };
        let Host::Name(name) = &endpoint.host else {
            return Self::Other;
        };
        let belongs = |suffix: &str| {
            name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if let Some((_, provider)) = SUFFIXES.iter().find(|(suffix, _)| belongs(suffix)) {
            return *provider;
        }
        if name.split('.').any(|label| label.starts_with("minio")) { Self::Minio } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
