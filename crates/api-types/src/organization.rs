//! The caller's organization.

use bucketry_model::id::OrgId;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The caller's organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrganizationAnswer {
    /// Always true.
    pub success: bool,
    /// The organization.
    pub data: OrganizationData,
}

/// An organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrganizationData {
    /// The organization's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: OrgId,
    /// The organization's name.
    #[cfg_attr(feature = "openapi", schema(example = "default"))]
    pub name: String,
    /// Always null: removed organizations are not shown.
    pub deleted_at: Option<Moment>,
    /// When the organization was created.
    pub created_at: Moment,
    /// The number of registered buckets.
    pub bucket_count: u64,
    /// The most buckets that the organization may register; null where there is no limit.
    pub bucket_quota: Option<u64>,
    /// The external id that trust policies of the organization's AWS roles must require (`sts:ExternalId`). No
    /// other organization of this deployment can have a role assumed with it.
    #[cfg_attr(feature = "openapi", schema(example = "bucketry-0f3b6c0a7f6e4a1c9d5e2b8471c6a0d9e3f5b7c8"))]
    pub aws_external_id: String,
}
