//! The keys of the repositories that the node serves, as the verifier needs them.

use std::sync::Arc;

use super::{AccessKey, KeySource};
use crate::credential::{Credential, SigningSecret};
use crate::routing::key_lookup::KeyLookup;
use crate::routing::registry::{Registry, ServedKey};

impl AccessKey for ServedKey {
    fn signing_secret(&self) -> &SigningSecret {
        let Credential::SigV4(secret) = &self.key.credential;
        secret
    }
}

impl KeySource for Registry {
    type Key = Arc<ServedKey>;

    fn find(&self, access_key_id: &str) -> Option<Arc<ServedKey>> {
        self.key(access_key_id)
    }
}

impl KeySource for KeyLookup<'_> {
    type Key = Arc<ServedKey>;

    fn find(&self, access_key_id: &str) -> Option<Arc<ServedKey>> {
        self.key(access_key_id)
    }
}
