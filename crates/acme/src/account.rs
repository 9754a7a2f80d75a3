//! The account at the authority.

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};

use crate::AcmeSettings;
use crate::connection::AuthorityConnection;
use crate::error::AcmeError;
use crate::state_files::StateFiles;

/// An account as it is stored: with the authority that it belongs to.
#[derive(Serialize, Deserialize)]
struct StoredAccount {
    directory: String,
    credentials: AccountCredentials,
}

/// The stored account, or a new one if there is none for this authority.
pub(crate) async fn open(
    connection: AuthorityConnection,
    settings: &AcmeSettings,
    files: &StateFiles,
) -> Result<Account, AcmeError> {
    let builder = Account::builder_with_http(Box::new(connection));
    let stored = files.read_account()?.and_then(|text| serde_json::from_str::<StoredAccount>(&text).ok());
    if let Some(stored) = stored.filter(|stored| stored.directory == settings.directory) {
        let opened = builder.from_credentials(stored.credentials).await;
        return opened.map_err(AcmeError::authority("can't use the account at the authority"));
    }
    let contact = settings.contact.as_ref().map(|address| format!("mailto:{address}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let directory = settings.directory.clone();
    let created = builder.create(&wanted, directory.clone(), None).await;
    let (account, credentials) =
        created.map_err(AcmeError::authority("can't register an account at the authority"))?;
    let stored = serde_json::to_string(&StoredAccount { directory, credentials })
        .map_err(|error| AcmeError::Cryptography(error.to_string()))?;
    files.write_account(&stored)?;
    tracing::info!(directory = settings.directory, "registered an account at the ACME authority");
    Ok(account)
}
