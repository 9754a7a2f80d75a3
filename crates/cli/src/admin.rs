//! `bucketry admin …`: commands for the operator, who has access to the database and needn't sign in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bucketry_control::Environment;
use bucketry_control::accounts::reset_as_operator;
use bucketry_control::sessions::REMEMBER;
use bucketry_store::postgres::{PostgresStore, examine};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_store::{Store, StoreError};

use crate::arguments::{AdminCommand, AdminResetOptions};
use crate::database::{Database, refuse_unfinished};
use crate::failure::{Failure, Result};
use crate::remote::Remote;
use crate::{interrupted_restore, output};

/// The size of the connection pool of a command.
const CONNECTIONS: u32 = 2;
/// The time limit for a statement of a command.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs an operator command.
pub(crate) async fn run(remote: &Remote, command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::ResetPassword(options) => reset_password(remote, options).await,
    }
}

async fn reset_password(remote: &Remote, options: AdminResetOptions) -> Result<()> {
    let AdminResetOptions { email, data_dir, database_url } = options;
    let database = Database::new(database_url.as_ref(), CONNECTIONS, STATEMENT_TIMEOUT)?;
    let store = open_existing(&database, &data_dir, &email).await?;
    let done = reset_as_operator(&*store, &Environment::system(), &email).await;
    store.close().await;
    let password = done
        .map_err(|error| {
            Failure::because("the password was not changed, and the old one is still valid", &error)
        })?
        .ok_or_else(|| {
            Failure::failed(format!("no user has the e-mail address {email:?}; nothing was changed"))
        })?;
    if remote.json {
        output::json(&serde_json::json!({ "email": email, "password": password.expose() }))?;
    } else {
        output::line(password.expose())?;
    }
    output::remark(&format!(
        "This one-time password for {email} is shown only once. The user must change it at the next sign-in:\n  \
         bucketry login --email {email}\n  bucketry user password\n\
         The user's sessions have ended; API tokens stay valid."
    ));
    if matches!(database, Database::Postgres { .. }) {
        output::remark("Waiting until running servers apply the change …");
        tokio::time::sleep(REMEMBER.unsigned_abs()).await;
    }
    Ok(())
}

/// Opens an existing registry. A mistyped path or URL doesn't create one.
async fn open_existing(database: &Database, data_dir: &Path, email: &str) -> Result<Arc<dyn Store>> {
    match database {
        Database::Embedded => {
            interrupted_restore::refuse_interrupted(data_dir)?;
            let place = data_dir.display();
            if !data_dir.join(DATABASE_FILE).exists() {
                return Err(Failure::failed(format!(
                    "there is no database in {place}: pass the server's --data-dir or --database-url"
                )));
            }
            let store = match SqliteStore::open(data_dir, sqlite::Options::default()).await {
                Ok(store) => store,
                Err(StoreError::InUse) => {
                    return Err(Failure::failed(format!(
                        "nothing was changed, because a server is using {place}: stop it first, or ask an administrator to \
                         run `bucketry user reset-password {email}` while it runs"
                    )));
                }
                Err(error) => return Err(Failure::because(&format!("can't open {place}"), &error)),
            };
            refuse_unfinished(&store).await?;
            Ok(Arc::new(store))
        }
        Database::Postgres { address, options } => {
            let failed = |error: StoreError| Failure::because(&format!("can't use {address}"), &error);
            // Examined first: opening the database would upgrade its schema under a running server of another
            // version.
            examine(address).await.map_err(failed)?;
            let store = PostgresStore::open(address, options).await.map_err(failed)?;
            refuse_unfinished(&store).await?;
            Ok(Arc::new(store))
        }
    }
}
