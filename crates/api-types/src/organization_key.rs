//! The keys with which an organization's nodes sign.

use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::expose;

/// A key of the organization's nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = OrganizationKey))]
#[serde(rename_all = "camelCase")]
pub struct OrganizationKeyInfo {
    /// The key's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: NodeKeyId,
    /// The organization.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub org_id: OrgId,
    /// The public half as SubjectPublicKeyInfo in PEM.
    pub public_key: String,
    /// When the key was created.
    pub created_at: Moment,
    /// The registered nodes whose latest registration the key signed.
    pub node_keys: Vec<KeyedNode>,
}

/// A node that registered with a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = NodeKey))]
#[serde(rename_all = "camelCase")]
pub struct KeyedNode {
    /// The key's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub key_id: NodeKeyId,
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
}

/// The keys of an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganizationKeyList {
    /// Always true.
    pub success: bool,
    /// The keys, newest first; at most 5.
    pub data: Vec<OrganizationKeyInfo>,
    /// How many keys there are, as a sentence.
    #[cfg_attr(feature = "openapi", schema(example = "the organization has 2 keys"))]
    pub message: String,
}

/// A new key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum OrganizationKeyMade {
    /// The private key as PKCS#1 PEM. It is returned only once.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    Key(#[serde(serialize_with = "expose")] Secret),
    /// The response to a repetition.
    Again {
        /// Always true.
        success: bool,
        /// The id of the key that the first request created.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
        id: NodeKeyId,
        /// Why the private key is missing.
        message: String,
    },
}

impl OrganizationKeyMade {
    /// The response to a repetition of the request that created the key with this id.
    pub fn again(id: NodeKeyId) -> Self {
        let message = "the first request with this Idempotency-Key created the key; its private half was returned only \
                       once: if it is lost, delete the key and create another";
        Self::Again { success: true, id, message: message.to_owned() }
    }
}
