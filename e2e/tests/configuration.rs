//! Settings as operators write them: in a file, in the environment and as flags; and what is said about mistakes.

use bucketry_e2e::{CommandLine, Result, needs_one_control_plane};

#[tokio::test]
async fn a_mistake_in_the_file_is_reported_with_its_line_and_what_was_meant() -> Result<()> {
    needs_one_control_plane!("it is about the settings of a single server");
    let terminal = CommandLine::new()?;
    let text = "# Our server\nlistn = \":8080\"\nprobe_interval = 5\nerror_rate = 250\nlog = \"inof\"\n";
    let file = terminal.file("bucketry.toml", text)?;
    let ended = terminal.run(&["serve", "--config", &file]).await?.with_status(2)?;
    for said in [
        "bucketry.toml, line 2: there is no setting listn: did you mean listen?",
        "bucketry.toml, line 4: error_rate: 250 is not in 0..=100",
        "bucketry.toml, line 5: log: \"inof\" is not a level: did you mean info?",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    assert!(!terminal.home().join("data").exists(), "nothing was started");
    Ok(())
}

#[tokio::test]
async fn a_refused_value_names_the_variable_it_came_from() -> Result<()> {
    needs_one_control_plane!("it is about the settings of a single server");
    let terminal = CommandLine::new()?.env("BUCKETRY_GATEWAY_LISTEN", "storage:9000");
    let ended = terminal.run(&["serve"]).await?.with_status(2)?;
    for said in ["--gateway-listen", "is a host name", "BUCKETRY_GATEWAY_LISTEN", "localhost:8080"] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    let typed = terminal.run(&["serve", "--gateway-listen", "x:1"]).await?.with_status(2)?;
    assert!(!typed.stderr.contains("BUCKETRY_GATEWAY_LISTEN"), "{}", typed.stderr);
    Ok(())
}

#[tokio::test]
async fn a_variable_that_nothing_reads_is_reported_and_those_of_kubernetes_are_not() -> Result<()> {
    needs_one_control_plane!("it is about the settings of a single server");
    let terminal = CommandLine::new()?
        .env("BUCKETRY_PROBE_INTERVALL", "5")
        .env("BUCKETRY_SERVICE_HOST", "10.96.0.12")
        .env("BUCKETRY_LOG", "debug");
    let ended = terminal.run(&["serve", "--print-config"]).await?.with_status(0)?;
    let said = "warning: the environment variable BUCKETRY_PROBE_INTERVALL has no effect: did you mean \
                BUCKETRY_PROBE_INTERVAL?\n";
    assert_eq!(ended.stderr, said);
    assert!(ended.stdout.contains("log = \"debug\""), "{}", ended.stdout);
    Ok(())
}

#[tokio::test]
async fn addresses_are_taken_as_people_write_them_in_every_listen_setting() -> Result<()> {
    needs_one_control_plane!("it is about the settings of a single server");
    let terminal = CommandLine::new()?;
    let flags = ["--listen", "localhost:8081", "--gateway-listen", "0.0.0.0", "--dashboard-listen", ":8082"];
    let flags = [&["serve", "--print-config"], &flags[..], &["--metrics-listen", "[::1]:9464"]].concat();
    let printed = terminal.text(&flags).await?;
    for line in [
        "listen = \"127.0.0.1:8081\"",
        "gateway_listen = \"0.0.0.0:9000\"",
        "dashboard_listen = \"0.0.0.0:8082\"",
        "metrics_listen = \"[::1]:9464\"",
    ] {
        assert!(printed.lines().any(|one| one == line), "{line}: {printed}");
    }
    let file = terminal.file("bucketry.toml", "listen = 8083\ngateway_listen = \":9001\"\n")?;
    let printed = terminal.text(&["serve", "--print-config", "--config", &file]).await?;
    assert!(printed.contains("\"127.0.0.1:8083\"") && printed.contains("\"0.0.0.0:9001\""), "{printed}");
    let demo = terminal.run(&["demo", "--listen", "example.com:80"]).await?.with_status(2)?;
    assert!(demo.stderr.contains("is a host name"), "{}", demo.stderr);
    Ok(())
}
