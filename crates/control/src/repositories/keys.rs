//! Access keys of repositories. A key's secret is shown once, when it is created. After that, only nodes can open
//! it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::audit::{AuditAction, AuditEntry, AuditKind};
use bucketry_model::id::{RepoId, RepoKeyId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::repository::{KeyAccess, MAX_KEYS, Repository, RepositoryKey};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_store::repository_key::{KeyInserted, NewRepositoryKey};

use crate::access::validated;
use crate::audit::{AuditedKey, Described};
use crate::error::FieldError;
use crate::{Control, Error, ResourceKind, Result};

/// The prefix of every access key id.
const PREFIX: &str = "BKT";
/// The number of random characters after the prefix, so that an id is as long as one of AWS.
const RANDOM_CHARACTERS: usize = 17;
/// The characters of base32. Each represents five bits.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The number of random bytes for a secret of 40 characters.
const SECRET_BYTES: usize = 30;

/// The fields of a key as sent.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct KeyInput {
    pub name: Option<String>,
    /// READ, WRITE or ADMIN.
    pub access: Option<String>,
}

/// A key that was just created.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names are those of the response")]
pub struct CreatedKey {
    pub id: RepoKeyId,
    /// The access key id.
    pub key: String,
    /// The secret access key, which can't be read again.
    pub secret: Secret,
}

impl KeyInput {
    fn read(&self) -> Result<(Name, KeyAccess)> {
        let mut wrong = Vec::new();
        let name = match self.name.as_deref().map(Name::parse) {
            Some(Ok(name)) => Some(name),
            Some(Err(why)) => {
                wrong.push(FieldError::new("name", why));
                None
            }
            None => {
                wrong.push(FieldError::new("name", "is required"));
                None
            }
        };
        let access = match self.access.as_deref().map(|text| text.trim().parse()) {
            Some(Ok(access)) => Some(access),
            Some(Err(why)) => {
                let why: bucketry_model::repository::UnknownAccess = why;
                wrong.push(FieldError::new("accessType", why));
                None
            }
            None => {
                wrong.push(FieldError::new("accessType", "is required"));
                None
            }
        };
        match (name, access) {
            (Some(name), Some(access)) => Ok((name, access)),
            _ => Err(Error::Invalid(wrong)),
        }
    }
}

impl Control {
    /// Checks whether the caller may create keys of this repository.
    pub async fn authorize_repository_key(&self, caller: &Caller, repository: RepoId) -> Result<()> {
        self.with_changeable_keys(caller, repository).await.map(|_| ())
    }

    /// Returns a repository whose keys the caller may change.
    async fn with_changeable_keys(&self, caller: &Caller, repository: RepoId) -> Result<Repository> {
        let repository = self.reach_repository(caller, repository, WorkspaceRole::Write).await?;
        validated(caller)?;
        Ok(repository)
    }

    /// Creates a key. Its secret is sealed to the nodes and returned only once.
    pub async fn create_repository_key(
        &self,
        caller: &Caller,
        repository: RepoId,
        input: &KeyInput,
    ) -> Result<CreatedKey> {
        let in_repository = self.with_changeable_keys(caller, repository).await?;
        let (name, access) = input.read()?;
        let environment = &self.inner.environment;
        let id = environment.id(RepoKeyId::new)?;
        let key = access_key_id(&environment.random()?);
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(environment.random::<SECRET_BYTES>()?));
        let sealed = self.seal(caller.org_id, SecretOwner::RepositoryKey(id), &secret).await?;
        self.ensure_sealing_key(caller.org_id, repository).await?;
        let new = NewRepositoryKey {
            id,
            org_id: caller.org_id,
            repo_id: repository,
            name,
            access,
            key,
            secret: sealed,
        };
        let fields = AuditedKey { name: &new.name, access, key: Some(&new.key) };
        let audit = self
            .audit_of_key(caller, &in_repository, AuditAction::Created)
            .of(id, &new.name)
            .after(fields.described());
        match self.inner.store.insert_repository_key(&new, MAX_KEYS, &audit).await? {
            KeyInserted::Inserted => {
                self.inner.changes.notify_waiters();
                Ok(CreatedKey { id, key: new.key, secret })
            }
            KeyInserted::RepositoryNotFound => Err(Error::NotFound(ResourceKind::Repository)),
            KeyInserted::TooMany => Err(Error::Rule {
                code: "TOO_MANY_KEYS",
                message: format!(
                    "this repository has {MAX_KEYS} keys, which is the limit: revoke a key first"
                ),
            }),
        }
    }

    /// The live keys of a repository, newest first.
    pub async fn repository_keys(&self, caller: &Caller, repository: RepoId) -> Result<Vec<RepositoryKey>> {
        self.reach_repository(caller, repository, WorkspaceRole::Read).await?;
        Ok(self.inner.store.repository_keys(&[repository]).await?)
    }

    /// Changes the name and the access level of a key.
    pub async fn update_repository_key(
        &self,
        caller: &Caller,
        repository: RepoId,
        id: RepoKeyId,
        input: &KeyInput,
    ) -> Result<()> {
        let in_repository = self.with_changeable_keys(caller, repository).await?;
        let (name, access) = input.read()?;
        let stored = self.repository_key(repository, id).await?;
        let after = AuditedKey { name: &name, access, key: Some(&stored.key) };
        let audit = self
            .audit_of_key(caller, &in_repository, AuditAction::Updated)
            .of(id, &name)
            .before(stored.described())
            .after(after.described());
        let store = &self.inner.store;
        let changed =
            store.update_repository_key(caller.org_id, repository, id, &name, access, &audit).await?;
        self.key_changed(changed)
    }

    /// Revokes a key and destroys its secret. Waiting nodes are woken immediately.
    pub async fn revoke_repository_key(
        &self,
        caller: &Caller,
        repository: RepoId,
        id: RepoKeyId,
    ) -> Result<()> {
        let in_repository = self.with_changeable_keys(caller, repository).await?;
        let keys = self.inner.store.repository_keys(&[repository]).await?;
        let mut audit = self.audit_of_key(caller, &in_repository, AuditAction::Deleted);
        match keys.iter().find(|key| key.id == id) {
            Some(stored) => audit = audit.of(id, &stored.name).before(stored.described()),
            // The list leaves out keys that only a newer version can read. They must be revocable, too: the store changes
            // nothing but a key of this repository.
            None => audit.target.id = Some(id.to_string()),
        }
        let revoked = self.inner.store.revoke_repository_key(caller.org_id, repository, id, &audit).await?;
        self.key_changed(revoked)
    }

    /// A live key of the repository. It has few, so all are read.
    async fn repository_key(&self, repository: RepoId, id: RepoKeyId) -> Result<RepositoryKey> {
        let keys = self.inner.store.repository_keys(&[repository]).await?;
        keys.into_iter().find(|key| key.id == id).ok_or(Error::NotFound(ResourceKind::RepositoryKey))
    }

    fn audit_of_key(&self, caller: &Caller, repository: &Repository, action: AuditAction) -> AuditEntry {
        self.audit_of(caller, AuditKind::RepositoryKey, action).in_workspace(repository.workspace_id)
    }

    fn key_changed(&self, changed: bool) -> Result<()> {
        if !changed {
            return Err(Error::NotFound(ResourceKind::RepositoryKey));
        }
        self.inner.changes.notify_waiters();
        Ok(())
    }
}

fn access_key_id(random: &[u8; RANDOM_CHARACTERS]) -> String {
    let characters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    PREFIX.chars().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_id_looks_like_one() {
        let mut random = [0; RANDOM_CHARACTERS];
        random[16] = 255;
        assert_eq!(access_key_id(&random), "BKTAAAAAAAAAAAAAAAA7");
    }

    #[test]
    fn name_and_access_are_both_required_and_both_told() {
        let response = KeyInput::default().read().unwrap_err().to_string();
        assert!(response.contains("name") && response.contains("accessType"), "{response}");
        let input = KeyInput { name: Some("ci".into()), access: Some("OWNER".into()) };
        assert!(input.read().unwrap_err().to_string().contains("READ, WRITE, ADMIN"));
    }
}
