//! The buckets of the demo, with their objects.

/// A bucket of the demo.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DemoBucket {
    /// The name in Bucketry.
    pub(crate) name: &'static str,
    /// The name at the provider.
    pub(crate) bucket: &'static str,
    /// Keys and contents.
    pub(crate) objects: &'static [(&'static str, &'static str)],
}

pub(crate) static PHOTOS: DemoBucket = DemoBucket {
    name: "Photos",
    bucket: "photos",
    objects: &[
        ("README.txt", "This bucket is part of the demo. It is deleted when the demo ends.\n"),
        ("lake.txt", "A lake in the morning.\n"),
        ("2026/forest.txt", "A forest in the fog.\n"),
    ],
};

/// With `--with azurite`, at Azure.
pub(crate) static DOCUMENTS: DemoBucket = DemoBucket {
    name: "Documents",
    bucket: "documents",
    objects: &[("minutes.txt", "We agreed to meet again.\n"), ("reports/january.txt", "It was cold.\n")],
};

/// With `--with gcs`, at Google.
pub(crate) static BACKUPS: DemoBucket = DemoBucket {
    name: "Backups",
    bucket: "backups",
    objects: &[("monday/notes.txt", "Nothing was lost.\n")],
};

/// Registered with a wrong secret.
pub(crate) static ARCHIVE: DemoBucket = DemoBucket {
    name: "Archive",
    bucket: "archive",
    objects: &[("1999/letter.txt", "Dear reader, all is well.\n")],
};

/// Registered with a credential that ends soon.
pub(crate) static PARTNERS: DemoBucket = DemoBucket {
    name: "Partner uploads",
    bucket: "partner-uploads",
    objects: &[("order-1.txt", "One hundred paper clips.\n")],
};

/// Not registered, so that there is one to add.
pub(crate) static SPARE: DemoBucket = DemoBucket {
    name: "Spare",
    bucket: "spare",
    objects: &[("hello.txt", "This bucket waits to be added.\n")],
};

/// All buckets that may be at the embedded S3 server.
pub(crate) static AT_STORE: [&DemoBucket; 6] = [&PHOTOS, &DOCUMENTS, &BACKUPS, &ARCHIVE, &PARTNERS, &SPARE];
