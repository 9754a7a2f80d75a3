//! Servers of this version after a newer one has upgraded their database. The newer version is made up: two migrations that it
//! might have, and the note that the database needs a newer program.

use std::time::Duration;

use bucketry_e2e::{
    OWNER_EMAIL, OWNER_PASSWORD, Result, Server, binary, eventually, needs_one_control_plane, query,
};
use serde_json::json;

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

/// Takes the break back, as if the newer version had never been there.
const UNBREAK: &str =
    "UPDATE schema_compatibility SET oldest_program = 1; DELETE FROM _sqlx_migrations WHERE version > 9000";

/// Writes down each statement that writes, whoever runs it.
const WATCH_WRITES: &str = "CREATE TABLE writes (at TIMESTAMPTZ NOT NULL, what TEXT NOT NULL); \
    CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    INSERT INTO writes VALUES (clock_timestamp(), TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$; \
    DO $$ DECLARE name TEXT; BEGIN \
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'writes' LOOP \
    EXECUTE format('CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH STATEMENT \
    EXECUTE FUNCTION note_write()', name); END LOOP; END $$";

/// Waits until a server refuses calls because of the database.
async fn refuses(server: &Server, token: &str) -> Result<()> {
    let look = async || server.get("/bucket").token(token).send().await?.json();
    let refused = eventually("the server refusing calls", SOON, look, |answer| {
        answer["error_code"] == "SERVER_OUTDATED"
    });
    let message = refused.await?["message"].to_string();
    assert!(message.contains("migration 9003") && message.contains("upgrade this server"), "{message}");
    let ready = server.get("/ready").send().await?.json_with_status(503)?;
    assert_eq!((&ready["database"], &ready["migrations"]), (&json!(true), &json!(false)), "{ready}");
    assert!(ready["message"].to_string().contains("upgrade this server"), "{ready}");
    let page = server.get("/ui/buckets").send().await?;
    assert_eq!(page.status, 503);
    assert!(page.text().contains("This server must be upgraded"), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn a_running_server_writes_nothing_more_after_a_break_and_its_nodes_serve() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let program = binary()?;
    let mut deployment = Deployment::start(&program).await?;
    let tokens = [login(&deployment.servers[0]).await?, login(&deployment.servers[1]).await?];
    // The triggers have to wait for what the servers write, and may be the victim of a deadlock.
    let watch = async || Ok(query(&deployment.database, WATCH_WRITES).await.is_ok());
    eventually("the triggers being there", SOON, watch, |done| *done).await?;
    let count = async || query(&deployment.database, "SELECT COUNT(*) FROM writes").await;
    eventually("the servers writing", SOON, count, |count| count.trim() != "0").await?;

    query(&deployment.database, BREAK).await?;
    for (server, token) in deployment.servers.iter().zip(&tokens) {
        refuses(server, token).await?;
    }
    let refusing_since = query(&deployment.database, "SELECT clock_timestamp()").await?;
    deployment.store_objects().await?;
    for (server, token) in deployment.servers.iter().zip(&tokens) {
        let changed = server.post("/workspace").token(token).json(&json!({ "name": "Late" })).send().await?;
        assert_eq!(changed.json_with_status(503)?["error_code"], "SERVER_OUTDATED");
        let credentials = json!({ "email": OWNER_EMAIL, "password": "a wrong password" });
        let refused = server.post("/user/login").json(&credentials).send().await?;
        assert_eq!(refused.json_with_status(503)?["error_code"], "SERVER_OUTDATED");
        let log = async || Ok(server.log());
        let of_node = |log: &String| {
            log.lines().any(|line| line.contains("/node/") && line.contains("SERVER_OUTDATED"))
        };
        let log = eventually("its node's messages being refused", SOON, log, of_node).await?;
        assert!(log.contains("(migration 9003); run that version"), "{log}");
    }
    let gone = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bucketry'";
    let connections = async || query(&deployment.database, gone).await;
    eventually("the servers closing their connections", SOON, connections, |count| count.trim() == "0")
        .await?;
    let late = format!("SELECT at, what FROM writes WHERE at > '{}'", refusing_since.trim());
    assert_eq!(query(&deployment.database, &late).await?.trim(), "");

    // What the nodes counted meanwhile is reported to servers that can work with the database.
    query(&deployment.database, UNBREAK).await?;
    for number in [0, 1] {
        deployment.restart_server(number, &program).await?;
    }
    deployment.works("after servers that can work with the database have started").await
}

async fn login(server: &Server) -> Result<String> {
    server.log_in_as(OWNER_EMAIL, OWNER_PASSWORD).await
}
