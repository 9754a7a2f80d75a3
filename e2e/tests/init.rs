//! `bucketry init`: the files that it writes start a server, and what it says is true. And what a service manager learns
//! from the server.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, Result, Running, Server, binary, eventually, needs_one_control_plane, new_database,
    options, query,
};
use tokio::net::UnixDatagram;

const SOON: Duration = Duration::from_mins(1);
const OWNER: &str = "ops@example.com";

/// Where a test's files are.
struct InitFiles {
    config: String,
    unit: String,
    data: String,
}

fn files(terminal: &CommandLine) -> InitFiles {
    let path = |name: &str| terminal.home().join(name).to_string_lossy().into_owned();
    InitFiles { config: path("etc/bucketry.toml"), unit: path("bucketry.service"), data: path("srv/data") }
}

/// Arguments of an `init` that asks nothing and picks free ports.
fn arguments(files: &InitFiles) -> Vec<&str> {
    let mut arguments = vec!["init", "--yes", "--config", &*files.config, "--unit", &*files.unit];
    arguments.extend(["--data-dir", &*files.data, "--listen", "0", "--gateway-listen", "localhost:0"]);
    arguments.extend(["--admin-email", OWNER, "--endpoint-policy", "private", "--service-user", "daemon"]);
    arguments
}

/// The address of the API and the one-time password, once the server has printed both.
async fn started(server: &Running) -> Result<(String, String)> {
    let find = async || {
        let output = server.output();
        let after = |text: &str| {
            let rest = output.split_once(text)?.1;
            rest.split_whitespace().next().map(str::to_owned)
        };
        Ok::<_, Error>(after("listening api=").zip(after("Password (shown only once): ")))
    };
    let found = eventually("the server's address and password", SOON, find, Option::is_some).await?;
    Ok(found.unwrap_or_default())
}

#[tokio::test]
async fn what_init_writes_starts_a_server_whose_owner_can_sign_in() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let files = files(&terminal);
    let said = terminal.text(&arguments(&files)).await?;
    for part in ["can be created", "MiB are free", "Wrote ", "Next steps:", "1. Start the server", OWNER] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let mode = |path: &str| std::fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777);
    assert_eq!((mode(&files.config), mode(&files.unit)), (0o600, 0o644));
    let text = std::fs::read_to_string(&files.config).unwrap();
    assert!(
        text.contains("\nlisten = \"127.0.0.1:0\"\n") && text.contains("\n#probe_interval = 60\n"),
        "{text}"
    );

    let mut server = terminal.start(&["serve", "--config", &files.config])?;
    let (api, password) = started(&server).await?;
    let login = ["login", "--url", &api, "--email", OWNER, "--password-stdin"];
    let ended = terminal.run_with_input(&login, &format!("{password}\n")).await?.with_status(0)?;
    assert!(ended.stdout.contains("OWNER") && ended.stderr.contains("one-time password"), "{ended:?}");
    assert_eq!(server.output().matches(&password).count(), 1);
    assert!(server.interrupt().await?.success());
    Ok(())
}

#[tokio::test]
async fn nothing_is_overwritten_without_a_flag_and_nothing_written_if_a_check_fails() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let files = files(&terminal);
    let taken = TcpListener::bind("127.0.0.1:0").map_err(Error::Files)?;
    let port = taken.local_addr().map_err(Error::Files)?.port().to_string();
    let busy = [&arguments(&files)[..], &["--metrics-listen", &port]].concat();
    let ended = terminal.run(&busy).await?.with_status(1)?;
    assert!(ended.stdout.contains(&format!("✗ --metrics-listen 127.0.0.1:{port} is in use")), "{ended:?}");
    assert!(ended.stderr.contains("--skip-checks") && !Path::new(&files.config).exists(), "{ended:?}");
    terminal.text(&[&busy[..], &["--skip-checks"]].concat()).await?;
    drop(taken);

    let before = std::fs::read_to_string(&files.config).unwrap();
    let ended = terminal.run(&arguments(&files)).await?.with_status(1)?;
    assert!(ended.stderr.contains("etc/bucketry.toml exists: pass --force"), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&files.config).unwrap(), before);
    terminal.text(&[&arguments(&files)[..], &["--force"]].concat()).await?;
    assert_ne!(std::fs::read_to_string(&files.config).unwrap(), before);

    let wrong = [&arguments(&files)[..], &["--force", "--public-url", "storage.example.com"]].concat();
    let ended = terminal.run(&wrong).await?.with_status(2)?;
    assert!(ended.stderr.contains("--public-url"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_database_is_checked_before_its_password_is_stored_where_only_its_owner_reads_it() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let files = files(&terminal);
    let database = new_database().await?;
    // The shared server trusts everybody on this machine, so any password does.
    let with_password = database.replacen('@', ":hunter2@", 1);
    let terminal = terminal.env("BUCKETRY_DATABASE_URL", &with_password);
    let ended = terminal.run(&arguments(&files)).await?.with_status(0)?;
    assert!(ended.stdout.contains("can be used: PostgreSQL"), "{ended:?}");
    assert!(ended.stdout.contains("no registry yet") && ended.stdout.contains("the clocks of"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
    let text = std::fs::read_to_string(&files.config).unwrap();
    assert!(text.contains(&format!("\ndatabase_url = \"{with_password}\"\n")), "{text}");

    let terminal = terminal.env("BUCKETRY_DATABASE_URL", &database);
    query(&database, "CREATE TABLE of_another_program (x int)").await?;
    let foreign = [&arguments(&files)[..], &["--force"]].concat();
    let ended = terminal.run(&foreign).await?.with_status(1)?;
    assert!(ended.stdout.contains("✗ ") && ended.stdout.contains("tables of another program"), "{ended:?}");

    let nobody = terminal.env("BUCKETRY_DATABASE_URL", "postgres://ada:hunter2@127.0.0.1:1/registry");
    let ended = nobody.run(&foreign).await?.with_status(1)?;
    assert!(ended.stdout.contains("✗ postgres://ada@127.0.0.1:1/registry"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn at_a_terminal_it_asks_until_the_answers_are_valid() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let files = files(&terminal);
    let arguments = ["init", "--config", &files.config, "--unit", &files.unit, "--service-user", "daemon"];
    let answers = [
        ("Directory for the data", format!("{}\n", files.data)),
        ("user:password@host", "\n".to_owned()),
        ("Address of the API", "storage:80\n".to_owned()),
        ("is a host name", "0\n".to_owned()),
        ("Address of the S3 gateway", "localhost:0\n".to_owned()),
        ("Separate address of the dashboard", "\n".to_owned()),
        ("URL for browsers", "https://storage.example.com\n".to_owned()),
        ("URL for applications", "\n".to_owned()),
        ("E-mail address", "\n".to_owned()),
        ("Please enter", "ops\n".to_owned()),
        ("not an e-mail address", format!("{OWNER}\n")),
        ("public, or private", "\n".to_owned()),
        ("[Y/n]", "\n".to_owned()),
    ];
    let answers: Vec<(&str, &str)> = answers.iter().map(|(text, answer)| (*text, answer.as_str())).collect();
    let shown = terminal.at_terminal(120, &arguments, &answers).await?;
    assert_eq!((shown.status, shown.unasked), (0, 0), "{}", shown.text);
    let text = std::fs::read_to_string(&files.config).unwrap();
    for line in [
        "listen = \"127.0.0.1:0\"",
        "public_url = \"https://storage.example.com\"",
        "admin_email = \"ops@example.com\"",
        "endpoint_policy = \"public\"",
        "#database_url = \"URL\"",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(shown.text.contains("open https://storage.example.com/ui"), "{}", shown.text);

    let again = [&arguments[..], &["--force"], &arguments_without_questions(&files)].concat();
    let refused =
        terminal.at_terminal(120, &again, &[("user:password@host", "\n"), ("[Y/n]", "n\n")]).await?;
    assert!(refused.status == 1 && refused.text.contains("nothing was written"), "{}", refused.text);
    assert_eq!(std::fs::read_to_string(&files.config).unwrap(), text);
    Ok(())
}

/// Options that answer all questions but the last.
fn arguments_without_questions(files: &InitFiles) -> Vec<&str> {
    let mut arguments = vec!["--data-dir", &*files.data, "--listen", "0", "--gateway-listen", "0"];
    arguments.extend(["--dashboard-listen", ":0", "--public-url", "", "--gateway-url", ""]);
    arguments.extend(["--admin-email", OWNER, "--endpoint-policy", "private"]);
    arguments
}

/// Runs `systemd-analyze`. None if it isn't installed, which `cargo xtask test` reports and counts.
fn systemd_analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[tokio::test]
async fn the_unit_that_init_writes_is_valid_for_systemd() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let files = files(&terminal);
    terminal.text(&arguments(&files)).await?;
    if let Some((is_valid, said)) = systemd_analyze(&["verify", "--man=no", &files.unit]) {
        assert!(is_valid && said.trim().is_empty(), "{said}");
    }
    Ok(())
}

/// The path of a unit in the repository.
fn committed_unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(name)
}

#[test]
fn the_unit_of_nodes_is_valid_for_systemd_and_its_command_for_the_program() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let terminal = CommandLine::new()?;
    let program = binary()?;
    let text = std::fs::read_to_string(committed_unit("bucketry-node.service")).map_err(Error::Files)?;
    let installed = text.replace("/usr/bin/bucketry ", &format!("{} ", program.display()));
    let unit = terminal.file("bucketry-node.service", &installed)?;
    if let Some((is_valid, said)) = systemd_analyze(&["verify", "--man=no", &unit]) {
        assert!(is_valid && said.trim().is_empty(), "{said}");
    }
    // The command, with the files that systemd would pass on.
    terminal.file(
        "node.toml",
        "control_plane = \"https://bucketry.example.com\"\nnode_name = \"s3.example.com\"\n",
    )?;
    let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/bucketry ")).unwrap();
    let command = command.replace("${CREDENTIALS_DIRECTORY}", &terminal.home().to_string_lossy());
    let arguments: Vec<&str> = command.split(' ').chain(["--print-config"]).collect();
    let output = Command::new(program).args(&arguments).env_clear().output().map_err(Error::Files)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("data_dir = \"/var/lib/bucketry-node\""),
        "{output:?}"
    );
    assert!(text.contains("\nStateDirectory=bucketry-node\n"), "{text}");
    Ok(())
}

/// The exposure level of systemd is from 0 to 10, and the threshold is in tenths.
#[test]
fn the_units_are_hardened_as_systemd_measures_it() {
    for name in ["bucketry.service", "bucketry-node.service"] {
        let unit = committed_unit(name);
        let security =
            ["security", "--offline=true", "--no-pager", "--threshold=15", &unit.to_string_lossy()];
        if let Some((is_below, said)) = systemd_analyze(&security) {
            assert!(is_below, "{said}");
        }
    }
}

/// Runs a service until it has reported that it is ready, alive and stopping. Returns its status text.
async fn reports_its_life(terminal: CommandLine, arguments: &[&str]) -> Result<String> {
    let path = terminal.home().join("notify");
    let socket = UnixDatagram::bind(&path).map_err(Error::Files)?;
    let terminal = terminal.env("NOTIFY_SOCKET", &path.to_string_lossy()).env("WATCHDOG_USEC", "200000");
    let mut service = terminal.start(arguments)?;
    let next = async |wanted: &str| -> Result<String> {
        let mut buffer = [0; 4096];
        let find = async {
            loop {
                let length = socket.recv(&mut buffer).await.map_err(Error::Files)?;
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if message.lines().any(|line| line == wanted) {
                    return Ok(message);
                }
            }
        };
        let late = |_| Error::NoAnswer { call: wanted.to_owned(), reason: "it was not sent".to_owned() };
        tokio::time::timeout(SOON, find).await.map_err(late)?
    };
    let ready = next("READY=1").await?;
    assert!(service.output().contains("listening "), "it serves requests: {}", service.output());
    next("WATCHDOG=1").await?;
    next("WATCHDOG=1").await?;
    let (stopped, message) = tokio::join!(service.interrupt(), next("STOPPING=1"));
    message?;
    assert!(stopped?.success());
    Ok(ready.lines().find_map(|line| line.strip_prefix("STATUS=")).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_service_manager_learns_when_the_server_is_ready_alive_and_stopping() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let arguments = ["serve", "--listen", "0", "--gateway-listen", "0"];
    let status = reports_its_life(CommandLine::new()?, &arguments).await?;
    assert!(status.starts_with("serving the API at http://127.0.0.1:"), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_service_manager_learns_the_same_of_a_node() -> Result<()> {
    needs_one_control_plane!("it is about the start and the files of a single server");
    let server = Server::start(options()?).await?;
    let key = server.data_dir().join("node.pem").to_string_lossy().into_owned();
    let mut arguments = vec!["node", "--control-plane", server.api(), "--name", "watched", "--key", &*key];
    arguments.extend(["--data-dir", "data", "--gateway-listen", "0", "--metrics-listen", "0"]);
    let status = reports_its_life(CommandLine::new()?, &arguments).await?;
    assert_eq!(status, format!("node watched of {}", server.api()));
    Ok(())
}
