//! The fields of a key in requests.

use bucketry_api_types::repository_key::RepoKeyFields;
use bucketry_control::repositories::KeyInput;

pub(super) fn key_input(fields: RepoKeyFields) -> KeyInput {
    KeyInput { name: fields.name, access: fields.access_type }
}
