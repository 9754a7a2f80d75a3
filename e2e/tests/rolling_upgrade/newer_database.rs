//! Servers of this version after a newer one has upgraded their database. The newer version is made up: two migrations that it
//! might have, and the note that the database needs a newer program.

use std::time::Duration;

use bucketry_e2e::{Result, binary, eventually, needs_one_control_plane, query};

use super::deployment::Deployment;

const SOON: Duration = Duration::from_mins(1);

/// Two migrations that only add.
const COMPATIBLE: &str = "ALTER TABLE buckets ADD COLUMN colour TEXT; \
    ALTER TABLE nodes ADD COLUMN shelf BIGINT NOT NULL DEFAULT 3; \
    CREATE TABLE colours (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL); \
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
    VALUES (9001, 'colours', TRUE, '\\x00', 1), (9002, 'from the future', TRUE, '\\x00', 1)";
/// One that this version can't work with.
const BREAK: &str = "UPDATE schema_compatibility SET oldest_program = 9003; \
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
    VALUES (9003, 'a break', TRUE, '\\x00', 1)";

#[tokio::test]
async fn servers_that_were_not_upgraded_yet_serve_and_restart_until_a_break() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let program = binary()?;
    let mut deployment = Deployment::start(&program).await?;
    deployment.works("before").await?;

    query(&deployment.database, COMPATIBLE).await?;
    deployment.works("while a newer version has added to the database").await?;
    deployment.restart_server(1, &program).await?;
    let log = deployment.servers[1].log();
    assert!(log.contains("this version can work with it"), "{log}");
    deployment.works("after the restart of a server").await?;
    deployment.restart_node(0, &program).await?;
    deployment.works("after the restart of a node").await?;

    query(&deployment.database, BREAK).await?;
    let running = &deployment.servers[0];
    let ready = async || Ok(running.get("/ready").send().await?.status);
    eventually("the running server saying that it isn't ready", SOON, ready, |status| *status == 503).await?;
    let refused = deployment.restart_server(1, &program).await.unwrap_err().to_string();
    assert!(refused.contains("migration 9003") && refused.contains("run that version"), "{refused}");
    Ok(())
}
