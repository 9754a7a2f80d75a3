//! The gateway's peers over the same storage: nginx, which doesn't authenticate, and rclone and s3s-proxy, which
//! do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bucketry_test_servers::ports;
use bucketry_test_servers::process::Supervised;
use tempfile::TempDir;

use crate::Result;
use crate::process::Process;

/// The key pair for the peers that authenticate.
pub(crate) const KEY: &str = "AKIDPEER";
pub(crate) const SECRET: &str = "secret-of-the-peer";

/// A running peer.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// The process that handles the requests, whose cost is measured.
    pub(crate) process: Process,
    _supervised: Supervised,
    _room: TempDir,
}

/// Starts nginx as a plain reverse proxy, with keep-alive connections to the storage and buffers tuned for large
/// bodies. The measured process is its first worker. None if no program is given.
pub(crate) fn nginx(program: Option<&Path>, storage: &str, workers: usize) -> Result<Option<Peer>> {
    start_nginx(program, workers, "http", |dir, port, processes| {
        nginx_settings(dir, storage, port, processes)
    })
}

/// The same with TLS, in front of another server. `certificate` and `key` are PEM files.
pub(crate) fn nginx_with_tls(
    program: Option<&Path>,
    server: &str,
    workers: usize,
    (certificate, key): (&Path, &Path),
) -> Result<Option<Peer>> {
    start_nginx(program, workers, "https", |dir, port, processes| {
        let file = nginx_settings(dir, server, port, processes)?;
        let (certificate, key) = (certificate.display(), key.display());
        let listen = format!("listen 127.0.0.1:{port}");
        let tls = format!(
            "{listen} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3"
        );
        fs::write(&file, fs::read_to_string(&file)?.replace(&listen, &tls))?;
        Ok(file)
    })
}

fn start_nginx(
    program: Option<&Path>,
    workers: usize,
    scheme: &str,
    settings: impl Fn(&Path, u16, &str) -> Result<PathBuf>,
) -> Result<Option<Peer>> {
    let Some(program) = program else { return Ok(None) };
    let dir = tempfile::tempdir()?;
    let [port] = ports::free()?;
    let file = settings(dir.path(), port, &format!("worker_processes {workers};"))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(dir.path()).arg("-c").arg(&file);
    let mut supervised = Supervised::start(command, dir.path(), &[])?;
    wait_listening(&mut supervised, port, "nginx")?;
    let master = supervised.id();
    // nginx listens before it has workers.
    supervised.wait_ready("nginx", Duration::from_secs(20), || first_child(master).map(drop))?;
    let worker = first_child(master)?;
    Ok(Some(Peer {
        name: "nginx, tuned",
        url: format!("{scheme}://127.0.0.1:{port}"),
        process: Process::new(worker)?,
        _supervised: supervised,
        _room: dir,
    }))
}

/// Writes the settings of an nginx that passes everything on to the storage. `processes` are its directives about
/// processes.
pub(crate) fn nginx_settings(dir: &Path, storage: &str, port: u16, processes: &str) -> Result<PathBuf> {
    let at = dir.display();
    let upstream = storage.trim_start_matches("http://");
    let settings = format!(
        "daemon off; {processes} pid {at}/pid; error_log {at}/error warn;\n\
         events {{ worker_connections 1024; accept_mutex off; }}\n\
         http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; keepalive_requests 100000000;\n\
         upstream storage {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port}; client_max_body_size 0; client_body_buffer_size 256k;\n\
         location / {{ proxy_pass http://storage; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $http_host; proxy_request_buffering off; proxy_max_temp_file_size 0;\n\
         proxy_buffers 8 128k; proxy_buffer_size 16k; proxy_busy_buffers_size 256k; }} }} }}\n"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, settings)?;
    Ok(file)
}

/// Starts `rclone serve s3` over an S3 remote. None if no program is given.
pub(crate) fn rclone(program: Option<&Path>, storage: &str) -> Result<Option<Peer>> {
    let Some(program) = program.filter(|program| program.exists()) else { return Ok(None) };
    let dir = tempfile::tempdir()?;
    let [port] = ports::free()?;
    let settings = format!(
        "[storage]\ntype = s3\nprovider = Other\naccess_key_id = any\nsecret_access_key = any\n\
         endpoint = {storage}\nregion = us-east-1\nlist_version = 2\n"
    );
    let file = dir.path().join("rclone.conf");
    fs::write(&file, settings)?;
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(&file)
        .args([
            "serve",
            "s3",
            "--addr",
            &format!("127.0.0.1:{port}"),
            "--auth-key",
            &format!("{KEY},{SECRET}"),
        ])
        .args(["--vfs-cache-mode", "off", "storage:"]);
    Ok(Some(started("rclone serve s3", command, dir, port)?))
}

/// Starts `s3s-proxy`, the crate `s3s` in front of the AWS SDK's client. None if no program is given.
pub(crate) fn s3s(program: Option<&Path>, storage: &str) -> Result<Option<Peer>> {
    let Some(program) = program.filter(|program| program.exists()) else { return Ok(None) };
    let dir = tempfile::tempdir()?;
    let [port] = ports::free()?;
    let mut command = Command::new(program);
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--endpoint-url", storage])
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Like the other peers, it sends content to the storage unchanged.
        .env("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        .env("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        .env("RUST_LOG", "error");
    Ok(Some(started("s3s-proxy", command, dir, port)?))
}

/// A peer with a single process, once it listens.
fn started(name: &'static str, command: Command, dir: TempDir, port: u16) -> Result<Peer> {
    let mut supervised = Supervised::start(command, dir.path(), &[])?;
    wait_listening(&mut supervised, port, name)?;
    Ok(Peer {
        name,
        url: format!("http://127.0.0.1:{port}"),
        process: Process::new(supervised.id())?,
        _supervised: supervised,
        _room: dir,
    })
}

fn wait_listening(supervised: &mut Supervised, port: u16, name: &str) -> Result {
    supervised.wait_ready(name, Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
    })?;
    Ok(())
}

fn first_child(parent: u32) -> std::result::Result<u32, String> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
        .map_err(|error| error.to_string())?;
    let first = children.split_whitespace().next().and_then(|child| child.parse().ok());
    first.ok_or_else(|| "nginx has no worker".to_owned())
}

/// nginx's own description of its version.
pub(crate) fn version(program: &Path) -> String {
    let response = Command::new(program).arg("-v").output().map(|output| output.stderr).unwrap_or_default();
    String::from_utf8_lossy(&response).trim().to_owned()
}
