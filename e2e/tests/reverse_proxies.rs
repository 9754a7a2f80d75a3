//! The configurations of `docs/reverse-proxies.md`, each in front of real servers, with real clients.

use bucketry_e2e::{
    CertificateAuthority, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, ProxyProgram, RepositoryAccess, Result,
    ReverseProxy, Server, documented_file, free_ports, options, s3_bucket, shared_s3_endpoint, text,
};
use serde_json::{Value, json};

/// The host names of the page.
const NAMES: [&str; 3] = ["storage.example.com", "s3.example.com", "example.com"];

/// A server behind a proxy, with a bucket and a repository.
struct Behind {
    server: Server,
    access: RepositoryAccess,
    bucket: String,
}

impl Behind {
    /// Starts a server with settings of the page.
    async fn start(settings: &str, port: u16) -> Result<Self> {
        let dir = tempfile::tempdir().map_err(bucketry_e2e::Error::Files)?;
        let file = dir.path().join("bucketry.toml");
        let text = with_port(&documented_file(settings)?, port);
        std::fs::write(&file, text).map_err(bucketry_e2e::Error::Files)?;
        let server = Server::start(options()?.arg("--config").arg(file)).await?;
        let owner = server.owner().await?;
        let endpoint = shared_s3_endpoint()?;
        let body = s3_bucket("Photos", OPEN_BUCKET, &endpoint, &owner.workspace().await?);
        let bucket = owner.register(&body).await?;
        let name = format!("behind-{port}");
        let access = owner.repository_access(&server, &name, &[(&bucket, OPEN_BUCKET)]).await?;
        Ok(Self { server, access, bucket })
    }

    /// Has the addresses of this server in a configuration.
    fn put_into(&self, text: &str) -> String {
        let host = |url: &str| url.trim_start_matches("http://").to_owned();
        text.replace("127.0.0.1:8080", &host(self.server.api()))
            .replace("127.0.0.1:9000", &host(self.server.gateway().unwrap_or_default()))
    }

    /// What people do there.
    async fn visit(&self, site: &str, port: u16, authorities: &str) -> Result<Value> {
        let given = json!({
            "site": with_port(site, port),
            "gateway": with_port("https://s3.example.com", port),
            "authorities": authorities,
            "email": OWNER_EMAIL,
            "password": OWNER_PASSWORD,
            "key": self.access.key,
            "secret": self.access.secret,
            "bucket": OPEN_BUCKET,
            "bucketId": self.bucket,
            "prefix": self.access.prefix,
        });
        self.access.run_script("over_tls.py", &[&given.to_string()]).await
    }
}

/// The page's configurations use the usual port, which tests can't.
fn with_port(text: &str, port: u16) -> String {
    NAMES.iter().fold(text.to_owned(), |text, name| {
        text.replace(&format!("https://{name}"), &format!("https://{name}:{port}"))
    })
}

fn assert_right(seen: &Value, path: &str, proxy: &ReverseProxy) {
    let log = proxy.log();
    for (what, outcome) in seen["s3"].as_object().into_iter().flatten() {
        assert_eq!(outcome, "ok", "{what}: {seen:#}\n{log}");
    }
    assert_eq!(seen["signIn"]["status"], 303, "{seen:#}\n{log}");
    let cookie = text(&seen["signIn"]["cookie"]);
    assert!(cookie.starts_with("__Host-bucketry;") && cookie.contains("Secure"), "{seen:#}");
    assert_eq!(text(&seen["signIn"]["location"]), format!("{path}/ui"), "{seen:#}");
    assert_eq!(seen["page"], json!({ "status": 200, "isSignedIn": true }), "{seen:#}\n{log}");
    let event = text(&seen["live"]["event"]);
    assert!(event.starts_with("data: ") && event.contains("buckets"), "{seen:#}\n{log}");
}

/// Starts a proxy in front of two servers, one at the root of a host name and one in a path, and uses both.
async fn both_work_behind(
    program: ProxyProgram,
    write: impl Fn(&ReverseProxy, &Behind, &Behind, u16) -> Result<String>,
) -> Result<()> {
    let [port] = free_ports::<1>().map_err(bucketry_e2e::Error::Files)?;
    let root = Behind::start("bucketry.toml", port).await?;
    let below = Behind::start("bucketry.toml, below a path", port).await?;
    let mut proxy = ReverseProxy::new()?;
    let authorities = write(&proxy, &root, &below, port)?;
    if !proxy.start(program, port).await? {
        return Ok(());
    }
    let seen = root.visit("https://storage.example.com", port, &authorities).await?;
    assert_right(&seen, "", &proxy);
    // The page's gateway is that of the first server.
    let access = root.access.clone();
    let seen = Behind { access, ..below }.visit("https://example.com/bucketry", port, &authorities).await?;
    assert_right(&seen, "/bucketry", &proxy);
    Ok(())
}

/// Issues the certificate that the page's configurations name. Returns the file of its authority, and the
/// configuration with the files' paths.
fn with_certificate(proxy: &ReverseProxy, authority: &CertificateAuthority, text: &str) -> Result<String> {
    let (certificate, key) = authority.issue(&NAMES, 1)?.write_to(proxy.dir())?;
    Ok(text.replace("/etc/ssl/example.com.crt", &certificate).replace("/etc/ssl/example.com.key", &key))
}

#[tokio::test]
async fn nginx_as_documented() -> Result<()> {
    let authority = CertificateAuthority::new()?;
    let file = authority.file().to_string_lossy().into_owned();
    both_work_behind(ProxyProgram::Nginx, |proxy, root, below, port| {
        let text = [
            root.put_into(&documented_file("/etc/nginx/conf.d/bucketry.conf")?),
            below.put_into(&documented_file("/etc/nginx/conf.d/bucketry-path.conf")?),
        ];
        let text = with_certificate(proxy, &authority, &text.concat())?
            .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
        // What Debian's package has around it, without its directories.
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/{name};\n", proxy.dir().display()))
            .concat();
        let whole = format!(
            "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n"
        );
        proxy.file("nginx.conf", &whole)?;
        Ok(file.clone())
    })
    .await
}

#[tokio::test]
async fn caddy_as_documented() -> Result<()> {
    both_work_behind(ProxyProgram::Caddy, |proxy, root, below, port| {
        let text = [
            root.put_into(&documented_file("/etc/caddy/Caddyfile")?),
            below.put_into(&documented_file("/etc/caddy/Caddyfile, below a path")?),
        ];
        let storage = proxy.dir().join("caddy");
        // Certificates of its own authority, since the names aren't ours.
        let global = format!(
            "{{\nadmin off\nhttps_port {port}\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\n\
             default_bind 127.0.0.1\nstorage file_system {}\n}}\n",
            storage.display()
        );
        proxy.file("Caddyfile", &format!("{global}{}", text.concat()))?;
        Ok(storage.join("pki/authorities/local/root.crt").to_string_lossy().into_owned())
    })
    .await
}

#[tokio::test]
async fn traefik_as_documented() -> Result<()> {
    let authority = CertificateAuthority::new()?;
    let file = authority.file().to_string_lossy().into_owned();
    both_work_behind(ProxyProgram::Traefik, |proxy, root, below, port| {
        let dynamic = proxy.dir().join("dynamic");
        std::fs::create_dir(&dynamic).map_err(bucketry_e2e::Error::Files)?;
        let own = documented_file("/etc/traefik/traefik.yml")?
            .replace("\":443\"", &format!("\"127.0.0.1:{port}\""))
            .replace("/etc/traefik/dynamic", &dynamic.to_string_lossy());
        proxy.file("traefik.yml", &own)?;
        let text = root.put_into(&documented_file("/etc/traefik/dynamic/bucketry.yml")?);
        proxy.file("dynamic/bucketry.yml", &with_certificate(proxy, &authority, &text)?)?;
        let text = below.put_into(&documented_file("/etc/traefik/dynamic/bucketry-path.yml")?);
        proxy.file("dynamic/bucketry-path.yml", &text)?;
        Ok(file.clone())
    })
    .await
}

#[tokio::test]
async fn a_proxy_that_changes_what_is_signed_is_named() -> Result<()> {
    let [port] = free_ports::<1>().map_err(bucketry_e2e::Error::Files)?;
    let behind = Behind::start("bucketry.toml", port).await?;
    let mut proxy = ReverseProxy::new()?;
    let text = behind.put_into(&format!(
        "{{\nadmin off\nauto_https off\ndefault_bind 127.0.0.1\n}}\n:{port} {{\nhandle_path /s3/* {{\n\
         reverse_proxy 127.0.0.1:9000 {{\nheader_up X-Forwarded-Prefix /s3\n}}\n}}\n\
         reverse_proxy 127.0.0.1:9000 {{\nheader_up Host {{upstream_hostport}}\n}}\n}}\n"
    ));
    proxy.file("Caddyfile", &text)?;
    assert!(proxy.start(ProxyProgram::Caddy, port).await?);
    let through = RepositoryAccess { endpoint: format!("http://127.0.0.1:{port}"), ..behind.access.clone() };
    let path = format!("/{OPEN_BUCKET}/missing");
    let refused = |path: &str| through.signed(http::Method::GET, path, jiff::SignedDuration::ZERO).send();
    let answer = refused(&path).await?;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let host = format!("the client sent &apos;127.0.0.1:{port}&apos;");
    let message = answer.text().replace('\'', "&apos;").replace("&#39;", "&apos;");
    assert!(message.contains("replaced the Host header") && message.contains(&host), "{message}");
    let message = refused(&format!("/s3{path}")).await?.text();
    assert!(message.contains("A proxy removed"), "{message}");
    Ok(())
}
