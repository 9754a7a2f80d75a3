//! What a channel can be notified about, in words.

use bucketry_model::finding::FindingCode;

/// All that channels are notified about, in the order in which forms show it.
pub(super) const ALL: [FindingCode; 23] = [
    FindingCode::BucketOffline,
    FindingCode::EndpointOffline,
    FindingCode::NodeIsolated,
    FindingCode::NodeSilent,
    FindingCode::NodeDuplicated,
    FindingCode::PinnedNodesMissing,
    FindingCode::SecretUnreadable,
    FindingCode::CredentialExpiring,
    FindingCode::CredentialExpired,
    FindingCode::ErrorRateHigh,
    FindingCode::QuotaNear,
    FindingCode::ObjectsStale,
    FindingCode::InventoryOld,
    FindingCode::BackupOld,
    FindingCode::DiskFull,
    FindingCode::CertificateExpiring,
    FindingCode::CertificateRefused,
    FindingCode::CertificateName,
    FindingCode::ReportsWaiting,
    FindingCode::BucketsOverlap,
    FindingCode::KeyTooBroad,
    FindingCode::UploadsAbandoned,
    FindingCode::BucketUnused,
];

/// A kind of finding.
pub(super) fn label(code: FindingCode) -> &'static str {
    match code {
        FindingCode::BucketOffline => "A bucket is offline",
        FindingCode::EndpointOffline => "An endpoint is offline",
        FindingCode::NodeIsolated => "A node reaches no bucket",
        FindingCode::NodeSilent => "A node stopped reporting",
        FindingCode::NodeDuplicated => "A node runs twice",
        FindingCode::PinnedNodesMissing => "The nodes of pinned buckets are missing",
        FindingCode::ReportsWaiting => "A node can’t deliver measurements",
        FindingCode::SecretUnreadable => "A secret can’t be opened",
        FindingCode::CredentialExpiring => "A credential expires soon",
        FindingCode::CredentialExpired => "A credential has expired",
        FindingCode::BucketsOverlap => "A bucket is registered twice",
        FindingCode::KeyTooBroad => "A key opens other buckets, too",
        FindingCode::UploadsAbandoned => "Uploads were never completed",
        FindingCode::ObjectsStale => "The newest object is too old",
        FindingCode::BucketUnused => "A bucket isn’t used",
        FindingCode::InventoryOld => "An inventory is too old",
        FindingCode::QuotaNear => "A quota is nearly used up",
        FindingCode::ErrorRateHigh => "Many requests fail",
        FindingCode::BackupOld => "The backup is too old",
        FindingCode::DiskFull => "The disk is nearly full",
        FindingCode::CertificateExpiring => "The server’s certificate expires soon",
        FindingCode::CertificateRefused => "The server’s new certificate can’t be used",
        FindingCode::CertificateName => "The server’s certificate is for another name",
        FindingCode::SessionInvalid => "A session is invalid",
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::notification::ChannelRules;

    use super::*;

    #[test]
    fn whatever_channels_are_usually_notified_about_can_be_chosen() {
        for rule in ChannelRules::default().all() {
            assert!(ALL.contains(&rule.code), "{:?}", rule.code);
        }
    }
}
