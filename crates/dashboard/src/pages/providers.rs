//! What providers are called, and what adding a bucket at each of them needs.

use bucketry_model::bucket::StorageType;
use bucketry_model::provider::Provider;

/// The name of a provider for people.
pub(super) fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "Amazon S3",
        Provider::Gcp => "Google Cloud",
        Provider::Azure => "Azure",
        Provider::Cloudflare => "Cloudflare R2",
        Provider::Backblaze => "Backblaze B2",
        Provider::Wasabi => "Wasabi",
        Provider::Storj => "Storj",
        Provider::DigitalOcean => "DigitalOcean",
        Provider::Hetzner => "Hetzner",
        Provider::Ovh => "OVHcloud",
        Provider::Scaleway => "Scaleway",
        Provider::Ibm => "IBM Cloud",
        Provider::Oracle => "Oracle Cloud",
        Provider::Linode => "Linode",
        Provider::Vultr => "Vultr",
        Provider::Exoscale => "Exoscale",
        Provider::Contabo => "Contabo",
        Provider::Alibaba => "Alibaba Cloud",
        Provider::Tencent => "Tencent Cloud",
        Provider::Tigris => "Tigris",
        Provider::Minio => "MinIO",
        Provider::Ceph => "Ceph",
        Provider::Other => "Other",
    }
}

/// All providers, for the filter of a list.
pub(super) const ALL: [Provider; 23] = [
    Provider::Aws,
    Provider::Gcp,
    Provider::Azure,
    Provider::Alibaba,
    Provider::Backblaze,
    Provider::Ceph,
    Provider::Cloudflare,
    Provider::Contabo,
    Provider::DigitalOcean,
    Provider::Exoscale,
    Provider::Hetzner,
    Provider::Ibm,
    Provider::Linode,
    Provider::Minio,
    Provider::Oracle,
    Provider::Ovh,
    Provider::Scaleway,
    Provider::Storj,
    Provider::Tencent,
    Provider::Tigris,
    Provider::Vultr,
    Provider::Wasabi,
    Provider::Other,
];

/// A provider as the form for a bucket offers it.
pub(super) struct ProviderCard {
    /// The value in the form.
    pub(super) id: &'static str,
    /// A letter mark; no third party's logo is shown.
    pub(super) mark: &'static str,
    pub(super) label: &'static str,
    pub(super) provider: Provider,
    pub(super) storage_type: StorageType,
    /// What the provider calls the id and the secret of an access key, if it has its own names for them.
    pub(super) own_names: Option<(&'static str, &'static str)>,
    /// What an endpoint looks like; empty if it need not be entered.
    pub(super) endpoint: &'static str,
    /// Where to find the key there.
    pub(super) where_to_find: &'static str,
    /// Which permissions are enough.
    pub(super) permissions: &'static str,
}

const READ_WRITE: &str = "A key for this bucket that may list, read, write and delete objects is enough.";

const fn card(
    id: &'static str,
    mark: &'static str,
    label: &'static str,
    provider: Provider,
    endpoint: &'static str,
    where_to_find: &'static str,
) -> ProviderCard {
    ProviderCard {
        id,
        mark,
        label,
        provider,
        storage_type: StorageType::S3,
        own_names: None,
        endpoint,
        where_to_find,
        permissions: READ_WRITE,
    }
}

/// The providers that the form offers. Others speak S3 and are entered by their endpoint.
pub(super) static CARDS: [ProviderCard; 12] = [
    ProviderCard {
        permissions: "s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects.",
        ..card(
            "aws",
            "AWS",
            "Amazon S3",
            Provider::Aws,
            "",
            "IAM, under Users, Security credentials, Access keys. For a role, enter its ARN and no secret.",
        )
    },
    ProviderCard {
        storage_type: StorageType::Gcs,
        permissions: "The role Storage Object Admin on the bucket, and storage.buckets.get.",
        ..card(
            "gcs",
            "GCS",
            "Google Cloud",
            Provider::Gcp,
            "",
            "IAM, under Service Accounts, Keys, Add key, JSON. The JSON contains the e-mail address.",
        )
    },
    ProviderCard {
        storage_type: StorageType::Blob,
        permissions: "A SAS for the container with read, add, create, write, delete and list, or the role Storage Blob Data Contributor.",
        ..card(
            "azure",
            "Az",
            "Azure Blob",
            Provider::Azure,
            "",
            "The storage account, under Security and networking, Access keys.",
        )
    },
    card(
        "r2",
        "R2",
        "Cloudflare R2",
        Provider::Cloudflare,
        "https://ACCOUNT.r2.cloudflarestorage.com",
        "R2, under Manage API tokens. The page shows the endpoint, too.",
    ),
    ProviderCard {
        own_names: Some(("Key ID", "Application key")),
        permissions: "An application key for this bucket with read and write access is enough.",
        ..card(
            "b2",
            "B2",
            "Backblaze B2",
            Provider::Backblaze,
            "https://s3.REGION.backblazeb2.com",
            "Account, under Application Keys. The bucket’s page shows the endpoint.",
        )
    },
    card(
        "hetzner",
        "Hz",
        "Hetzner",
        Provider::Hetzner,
        "https://REGION.your-objectstorage.com",
        "The project, under Security, S3 Credentials.",
    ),
    card(
        "ovh",
        "OVH",
        "OVHcloud",
        Provider::Ovh,
        "https://s3.REGION.io.cloud.ovh.net",
        "Object Storage, under Users, with a role for this bucket.",
    ),
    card(
        "scaleway",
        "Sc",
        "Scaleway",
        Provider::Scaleway,
        "https://s3.REGION.scw.cloud",
        "IAM, under API keys.",
    ),
    card(
        "wasabi",
        "Wa",
        "Wasabi",
        Provider::Wasabi,
        "https://s3.REGION.wasabisys.com",
        "Access Keys, or Users for a key of a sub-user.",
    ),
    card(
        "minio",
        "Mi",
        "MinIO",
        Provider::Minio,
        "https://minio.example.com:9000",
        "The server’s access keys, made with mc admin accesskey create.",
    ),
    card(
        "ceph",
        "Ce",
        "Ceph",
        Provider::Ceph,
        "https://ceph.example.com",
        "radosgw-admin user create, or key create.",
    ),
    card(
        "s3",
        "S3",
        "Any other S3",
        Provider::Other,
        "https://s3.example.com",
        "Wherever the provider shows keys for its S3 protocol.",
    ),
];

/// The card with this value; the first one for any other text.
pub(super) fn card_of(id: &str) -> &'static ProviderCard {
    CARDS.iter().find(|card| card.id == id).unwrap_or(&CARDS[0])
}

/// The card for a bucket at a provider.
pub(super) fn card_for(provider: Provider, storage_type: StorageType) -> &'static ProviderCard {
    let own = CARDS.iter().find(|card| card.provider == provider && card.storage_type == storage_type);
    own.or_else(|| {
        CARDS.iter().find(|card| card.storage_type == storage_type && card.storage_type != StorageType::S3)
    })
    .unwrap_or(&CARDS[CARDS.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_a_card_of_its_type() {
        for provider in ALL {
            for storage_type in [StorageType::S3, StorageType::Gcs, StorageType::Blob] {
                assert_eq!(card_for(provider, storage_type).storage_type, storage_type);
            }
        }
        assert_eq!(card_of("b2").own_names, Some(("Key ID", "Application key")));
        assert_eq!(card_of("unknown").id, "aws");
    }
}
