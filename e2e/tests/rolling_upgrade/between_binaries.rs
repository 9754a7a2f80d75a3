//! The upgrade from an older binary, which `BUCKETRY_TEST_OLDER_BINARY` names, to the one under test. Without it, there is nothing
//! to upgrade from.

use std::path::Path;

use bucketry_e2e::{Result, binary, needs_one_control_plane, note_skipped, older_binary};

use super::deployment::Deployment;

/// A process of the deployment.
#[derive(Debug, Clone, Copy)]
enum Process {
    Server(usize),
    Node(usize),
}

use Process::{Node, Server};

/// Whether the older program may be started on the schema that the newer one has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OldStart {
    Works,
    IsRefused,
}

async fn upgrade(older: &Path, order: [Process; 4]) -> Result<()> {
    let newer = binary()?;
    let mut deployment = Deployment::start(older).await?;
    let (known, _) = deployment.schema().await?;
    deployment.works("before the upgrade").await?;
    let mut old_servers = vec![0, 1];
    for process in order {
        match process {
            Node(number) => deployment.restart_node(number, &newer).await?,
            Server(number) => {
                old_servers.retain(|old| *old != number);
                deployment.restart_server(number, &newer).await?;
                let start = old_start(&deployment, known).await?;
                deployment.outdated = old_servers.first().copied().filter(|_| start == OldStart::IsRefused);
            }
        }
        deployment.works(&format!("after {process:?}")).await?;
        if let (Server(_), [old]) = (process, &old_servers[..]) {
            restart_old(&mut deployment, *old, older).await?;
        }
    }
    deployment.works("after the upgrade").await
}

/// What the schema says about programs whose newest migration is `known`.
async fn old_start(deployment: &Deployment, known: i64) -> Result<OldStart> {
    let (newest, oldest_program) = deployment.schema().await?;
    let works = newest == known || (1..=known).contains(&oldest_program);
    let start = if works { OldStart::Works } else { OldStart::IsRefused };
    println!("the schema went from {known} to {newest}, for programs from {oldest_program} on: {start:?}");
    Ok(start)
}

/// Restarts the server that still runs the older program, as an operator or a crash might. If it can't start, it is upgraded.
async fn restart_old(deployment: &mut Deployment, old: usize, older: &Path) -> Result<()> {
    if deployment.outdated.is_none() {
        deployment.restart_server(old, older).await?;
        return deployment.works("after a restart of the older server").await;
    }
    let refused = deployment.restart_server(old, older).await.unwrap_err().to_string();
    assert!(refused.contains("newer version") && refused.contains("run that version"), "{refused}");
    println!("the older server was refused: {refused}");
    deployment.outdated = None;
    deployment.restart_server(old, &binary()?).await
}

/// The path of the older binary. `None` if there is none, after a note that the test is skipped.
fn older() -> Result<Option<std::path::PathBuf>> {
    let older = older_binary();
    if older.is_none() {
        note_skipped("BUCKETRY_TEST_OLDER_BINARY names no older binary to upgrade from")?;
    }
    Ok(older)
}

#[tokio::test]
async fn servers_are_upgraded_first_and_then_nodes() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let Some(older) = older()? else { return Ok(()) };
    upgrade(&older, [Server(0), Server(1), Node(0), Node(1)]).await
}

#[tokio::test]
async fn nodes_are_upgraded_first_and_then_servers() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let Some(older) = older()? else { return Ok(()) };
    upgrade(&older, [Node(1), Node(0), Server(1), Server(0)]).await
}
