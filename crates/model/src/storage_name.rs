//! Storage types as people name them: by the protocol, or by a provider that speaks it.

use std::fmt;
use std::str::FromStr;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bucket::{StorageType, UnknownStorageType};
use crate::provider::Provider;

/// A storage type, with the provider if that is what was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageName {
    /// The protocol.
    pub storage_type: StorageType,
    /// The provider, unless the protocol was named.
    pub provider: Option<Provider>,
}

/// A provider that speaks a protocol.
struct NamedProvider {
    storage_type: StorageType,
    provider: Provider,
    /// Its names in lower case, without spaces, hyphens and underscores.
    names: &'static [&'static str],
    /// What its endpoints look like. `None` if one is assumed.
    endpoint: Option<&'static str>,
}

const fn s3(provider: Provider, names: &'static [&'static str], endpoint: &'static str) -> NamedProvider {
    NamedProvider { storage_type: StorageType::S3, provider, names, endpoint: Some(endpoint) }
}

const fn cloud(
    storage_type: StorageType,
    provider: Provider,
    names: &'static [&'static str],
) -> NamedProvider {
    NamedProvider { storage_type, provider, names, endpoint: None }
}

static ROWS: [NamedProvider; 22] = [
    cloud(StorageType::S3, Provider::Aws, &["aws", "amazon", "amazons3", "awss3"]),
    cloud(
        StorageType::Gcs,
        Provider::Gcp,
        &["gcp", "google", "gs", "googlecloud", "googlecloudstorage", "googlestorage"],
    ),
    cloud(
        StorageType::Blob,
        Provider::Azure,
        &["azure", "az", "azureblob", "azureblobstorage", "azurestorage", "microsoft"],
    ),
    s3(
        Provider::Cloudflare,
        &["cloudflare", "r2", "cloudflarer2"],
        "https://ACCOUNT.r2.cloudflarestorage.com",
    ),
    s3(Provider::Backblaze, &["backblaze", "b2", "backblazeb2"], "https://s3.REGION.backblazeb2.com"),
    s3(Provider::Wasabi, &["wasabi"], "https://s3.REGION.wasabisys.com"),
    s3(Provider::Storj, &["storj"], "https://gateway.storjshare.io"),
    s3(Provider::DigitalOcean, &["digitalocean", "spaces"], "https://REGION.digitaloceanspaces.com"),
    s3(Provider::Hetzner, &["hetzner"], "https://LOCATION.your-objectstorage.com"),
    s3(Provider::Ovh, &["ovh", "ovhcloud"], "https://s3.REGION.io.cloud.ovh.net"),
    s3(Provider::Scaleway, &["scaleway"], "https://s3.REGION.scw.cloud"),
    s3(Provider::Ibm, &["ibm", "ibmcos"], "https://s3.REGION.cloud-object-storage.appdomain.cloud"),
    s3(Provider::Oracle, &["oracle", "oci"], "https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com"),
    s3(Provider::Linode, &["linode", "akamai"], "https://REGION.linodeobjects.com"),
    s3(Provider::Vultr, &["vultr"], "https://REGION.vultrobjects.com"),
    s3(Provider::Exoscale, &["exoscale"], "https://sos-ZONE.exo.io"),
    s3(Provider::Contabo, &["contabo"], "https://REGION.contabostorage.com"),
    s3(Provider::Alibaba, &["alibaba", "aliyun", "oss"], "https://s3.oss-REGION.aliyuncs.com"),
    s3(Provider::Tencent, &["tencent", "cos"], "https://cos.REGION.myqcloud.com"),
    s3(Provider::Tigris, &["tigris"], "https://t3.storage.dev"),
    s3(Provider::Minio, &["minio"], "https://HOST:9000"),
    s3(Provider::Ceph, &["ceph", "rgw", "radosgw"], "https://HOST:PORT"),
];

impl StorageName {
    /// What an endpoint of the named provider looks like, if none can be assumed.
    pub fn endpoint(self) -> Option<&'static str> {
        let row = ROWS.iter().find(|row| Some(row.provider) == self.provider)?;
        row.endpoint
    }

    /// The name on the wire: that of the provider if its endpoint can't be assumed, otherwise that of the protocol.
    pub fn as_str(self) -> &'static str {
        match self.provider {
            Some(provider) if self.endpoint().is_some() => provider.as_str(),
            _ => self.storage_type.as_str(),
        }
    }
}

impl From<StorageType> for StorageName {
    fn from(storage_type: StorageType) -> Self {
        Self { storage_type, provider: None }
    }
}

impl FromStr for StorageName {
    type Err = UnknownStorageType;
    fn from_str(text: &str) -> Result<Self, UnknownStorageType> {
        let bare = bare(text);
        if let Ok(storage_type) = bare.to_ascii_uppercase().parse::<StorageType>() {
            return Ok(storage_type.into());
        }
        let row = ROWS.iter().find(|row| row.names.contains(&bare.as_str())).ok_or(UnknownStorageType)?;
        Ok(Self { storage_type: row.storage_type, provider: Some(row.provider) })
    }
}

/// The text is not the name of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a provider such as AWS, GCP, AZURE, CLOUDFLARE or MINIO, or OTHER")]
pub struct UnknownProvider;

/// Reads the names on the wire and those that [`StorageName`] reads.
impl FromStr for Provider {
    type Err = UnknownProvider;
    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        let bare = bare(text);
        if bare == "other" {
            return Ok(Self::Other);
        }
        let row = ROWS.iter().find(|row| row.names.contains(&bare.as_str())).ok_or(UnknownProvider)?;
        Ok(row.provider)
    }
}

/// A name in lower case, without spaces, hyphens and underscores.
fn bare(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace(['-', '_', ' '], "")
}

impl Serialize for StorageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StorageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = StorageName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of S3, GCS, BLOB, or a provider such as aws, r2, google, azure or minio")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StorageName, E> {
        // What was sent isn't repeated.
        text.parse().map_err(|_| E::invalid_value(Unexpected::Other("another text"), &self))
    }
}

#[cfg(feature = "openapi")]
mod schema {
    use utoipa::openapi::schema::{ObjectBuilder, Schema};
    use utoipa::openapi::{RefOr, Type};
    use utoipa::{PartialSchema, ToSchema};

    use super::StorageName;

    impl PartialSchema for StorageName {
        fn schema() -> RefOr<Schema> {
            let description = "A storage protocol: `S3`, `GCS`, or `BLOB` (also `AZURE`); or a provider that speaks one, such \
                               as `aws`, `r2`, `google` or `minio`, in any case. The response has the protocol.";
            let object = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
            object.examples(["S3"]).build().into()
        }
    }

    impl ToSchema for StorageName {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(StorageType, Option<Provider>)> {
        text.parse().ok().map(|StorageName { storage_type, provider }| (storage_type, provider))
    }

    #[test]
    fn protocols_and_providers_are_names() {
        use Provider as P;
        use StorageType::{Blob, Gcs, S3};
        for (text, expected) in [
            ("S3", Some((S3, None))),
            ("s3", Some((S3, None))),
            ("gcs", Some((Gcs, None))),
            ("Blob", Some((Blob, None))),
            ("AZURE", Some((Blob, None))),
            ("azure-blob", Some((Blob, Some(P::Azure)))),
            ("aws", Some((S3, Some(P::Aws)))),
            ("Google Cloud Storage", Some((Gcs, Some(P::Gcp)))),
            (" r2 ", Some((S3, Some(P::Cloudflare)))),
            ("MinIO", Some((S3, Some(P::Minio)))),
            ("FTP", None),
            ("", None),
            ("s3 bucket", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_provider_has_one_name_on_the_wire_that_is_read_again() {
        let mut names: Vec<&str> = ROWS.iter().flat_map(|row| row.names).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is given twice");
        for row in &ROWS {
            let name = StorageName { storage_type: row.storage_type, provider: Some(row.provider) };
            let json = serde_json::to_string(&name).unwrap();
            let again: StorageName = serde_json::from_str(&json).unwrap();
            assert_eq!(
                (again.storage_type, again.endpoint()),
                (name.storage_type, name.endpoint()),
                "{json}"
            );
            assert_eq!(read(row.provider.as_str()).map(|read| read.0), Some(row.storage_type), "{json}");
            assert_eq!(row.provider.as_str().parse(), Ok(row.provider));
        }
        assert_eq!(serde_json::to_string(&StorageName::from(StorageType::Blob)).unwrap(), "\"BLOB\"");
    }

    #[test]
    fn the_endpoints_of_the_examples_are_those_of_the_providers() {
        for row in ROWS.iter().filter(|row| !matches!(row.provider, Provider::Minio | Provider::Ceph)) {
            let Some(example) = row.endpoint else { continue };
            let endpoint = crate::endpoint::Endpoint::parse(example).unwrap();
            assert_eq!(Provider::recognise(row.storage_type, Some(&endpoint)), row.provider, "{example}");
        }
    }

    #[test]
    fn a_provider_is_read_by_any_of_its_names() {
        assert_eq!("Cloudflare R2".parse(), Ok(Provider::Cloudflare));
        assert_eq!("other".parse(), Ok(Provider::Other));
        assert_eq!("S3".parse::<Provider>(), Err(UnknownProvider));
    }

    #[test]
    fn an_unknown_name_is_not_repeated() {
        let error = serde_json::from_str::<StorageName>("\"hunter2\"").unwrap_err();
        let text = crate::json_error::expectation(&error);
        assert!(text.contains("S3, GCS, BLOB") && !error.to_string().contains("hunter2"), "{error}");
    }
}
