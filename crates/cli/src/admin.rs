//! `bucketry admin …`: for the operator, who has the database at hand, without signing in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bucketry_control::Environment;
use bucketry_control::accounts::reset_as_operator;
use bucketry_control::sessions::REMEMBER;
use bucketry_store::postgres::{PostgresStore, examine};
use bucketry_store::sqlite::{self, DATABASE_FILE, SqliteStore};
use bucketry_store::{Store, StoreError};

use crate::arguments::{AdminCommand, AdminResetOptions, Remote};
use crate::database::{Database, refuse_unfinished};
use crate::failure::{Failure, Result};
use crate::output;

/// How many connections a command needs.
const CONNECTIONS: u32 = 2;
/// How long a statement of a command may run.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a command of the operator.
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
            Failure::because("the password was not changed, the old one is still valid", &error)
        })?
        .ok_or_else(|| {
            Failure::failed(format!("no user has the e-mail address {email:?}: nothing was changed"))
        })?;
    if remote.json {
        output::json(&serde_json::json!({ "email": email, "password": password.expose() }))?;
    } else {
        output::line(password.expose())?;
    }
    output::remark(&format!(
        "This one-time password of {email} is shown this once. It must be changed at the next sign-in:\n  \
         bucketry login --email {email}\n  bucketry user password\n\
         The user's sessions have ended; API tokens stay valid."
    ));
    if matches!(database, Database::Postgres { .. }) {
        output::remark("Waiting for running servers to notice …");
        tokio::time::sleep(REMEMBER.unsigned_abs()).await;
    }
    Ok(())
}

/// Opens a registry that exists. A mistyped place makes no new one.
async fn open_existing(database: &Database, data_dir: &Path, email: &str) -> Result<Arc<dyn Store>> {
    match database {
        Database::Embedded => {
            let place = data_dir.display();
            if !data_dir.join(DATABASE_FILE).exists() {
                return Err(Failure::failed(format!(
                    "{place} holds no database: name the server's with --data-dir or --database-url"
                )));
            }
            let store = match SqliteStore::open(data_dir, sqlite::Options::default()).await {
                Ok(store) => store,
                Err(StoreError::InUse) => {
                    return Err(Failure::failed(format!(
                        "a server is using {place}: stop it first, or, while it runs, let an administrator run \
                         `bucketry user reset-password {email}`. Nothing was changed"
                    )));
                }
                Err(error) => return Err(Failure::because(&format!("can't open {place}"), &error)),
            };
            refuse_unfinished(&store).await?;
            Ok(Arc::new(store))
        }
        Database::Postgres { address, options } => {
            let failed = |error: StoreError| Failure::because(&format!("can't use {address}"), &error);
            // Looked at first: opening it would bring the schema up to date under a server of another version.
            examine(address).await.map_err(failed)?;
            let store = PostgresStore::open(address, options).await.map_err(failed)?;
            refuse_unfinished(&store).await?;
            Ok(Arc::new(store))
        }
    }
}
