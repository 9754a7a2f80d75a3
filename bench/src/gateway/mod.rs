//! The data path, G1 to G5: the gateway compared with its peers, over a storage that responds immediately.

pub(crate) mod backup;
mod documents;
mod forms;
mod hash_alone;
pub(crate) mod instructions;
mod load;
mod memory;
pub(crate) mod objects;
mod peers;
mod real;
pub(crate) mod remote;
mod sign;
pub(crate) mod tls;
pub(crate) mod traces;
pub(crate) mod versions;
mod writes;

use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry::Bucketry;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use self::load::{Compared, Comparison, LoadSide, Work, compare, failed, ratio, round};
use self::objects::{LARGE, Objects, SMALL, content};
use self::sign::{PayloadHash, Signer, payload_hash};
use crate::cores::Cores;
use crate::deployment::{Deployment, new_bucket, options, text};
use crate::report::{self, Bar, Report};
use crate::statistics::Spread;
use crate::{Plan, Result};

const MIB: f64 = 1_048_576.0;
/// Longer than a node takes to receive a million buckets on a slow machine.
const SERVED_WITHIN: Duration = Duration::from_mins(10);
/// The names of the buckets at their providers.
const S3_BUCKET: &str = "measured";
const AZURE_BUCKET: &str = "translated";
/// Prefixes of the names of the peers that authenticate.
const AUTHENTICATING: [&str; 2] = ["rclone", "s3s-proxy"];

/// The storage of a field's buckets, and the credentials for it.
struct ProviderStub {
    endpoint: String,
    key: &'static str,
    secret: &'static str,
}

impl ProviderStub {
    /// The storage that responds immediately and accepts any credentials.
    fn at(storage: &Objects) -> Self {
        Self { endpoint: storage.endpoint.clone(), key: peers::KEY, secret: peers::SECRET }
    }
}

/// The gateway with an S3 bucket and an Azure bucket on the same storage, and its peers.
struct Field {
    provider: ProviderStub,
    deployment: Deployment,
    peers: Vec<peers::Peer>,
    /// The peers that don't run, and why.
    missing: Vec<(&'static str, String)>,
    signer: Signer,
    url: String,
    cores: Cores,
    directory: TempDir,
}

impl Field {
    async fn start(plan: &Plan, cores: Cores, provider: ProviderStub) -> Result<Self> {
        Self::start_with(plan, cores, provider, &[]).await
    }

    /// Starts the gateway with further settings in its environment.
    async fn start_with(
        plan: &Plan,
        cores: Cores,
        provider: ProviderStub,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, plan, cores, provider, settings).await
    }

    /// Starts the gateway on a data directory.
    async fn start_in(
        directory: TempDir,
        plan: &Plan,
        cores: Cores,
        provider: ProviderStub,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let endpoint = provider.endpoint.as_str();
        let mut set_up = options(&plan.bucketry, directory.path())
            .env("BUCKETRY_PROBE_INTERVAL", "86400")
            .env("BUCKETRY_LOG", "warn");
        for (name, value) in settings {
            set_up = set_up.env(name, value);
        }
        let server = cores.measured(|| Ok(Bucketry::start(set_up)?))?;
        let deployment = Deployment::of(server).await?;
        let url = deployment.gateway().ok_or("this binary has no gateway")?.to_owned();
        let mut connection = deployment.connect().await?;
        let mut attached = Vec::new();
        let mut s3 = new_bucket(S3_BUCKET, &deployment.workspace, endpoint);
        s3["key"] = json!(provider.key);
        s3["secret"] = json!(provider.secret);
        let mut azure = new_bucket(AZURE_BUCKET, &deployment.workspace, &format!("{endpoint}/account"));
        azure["storageType"] = json!("BLOB");
        azure["key"] = json!("account");
        azure["secret"] = json!("a2V5IG9mIHRoZSBhY2NvdW50");
        for bucket in [s3, azure] {
            let response = connection.json(Method::POST, "/bucket", Some(&bucket)).await?;
            attached.push(json!({ "bucketId": text(&response, "bucketId")?, "folder": "", "master": false }));
        }
        let repository = json!({ "name": "measured", "storageType": "S3", "mode": "NORMAL",
            "workspaceId": deployment.workspace, "repoBuckets": attached });
        let response = connection.json(Method::POST, "/repo", Some(&repository)).await?;
        let path = format!("/repo/{}/apikey", text(&response, "repoId")?);
        let pair = connection
            .json(Method::POST, &path, Some(&json!({ "name": "k", "accessType": "WRITE" })))
            .await?;
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host).to_owned();
        let signer = Signer::new(text(&pair, "key")?, text(&pair, "secret")?, host);
        let (mut running, mut missing) = (Vec::new(), Vec::new());
        for (name, started) in [
            (
                "nginx",
                cores
                    .measured(|| peers::nginx(plan.nginx.as_deref(), endpoint, cores.for_what_is_measured())),
            ),
            ("rclone", cores.measured(|| peers::rclone(plan.rclone.as_deref(), endpoint))),
            ("s3s-proxy", cores.measured(|| peers::s3s(plan.s3s_proxy.as_deref(), endpoint))),
        ] {
            match started {
                Ok(Some(peer)) => running.push(peer),
                Ok(None) => missing.push((name, "peer is not installed".to_owned())),
                Err(error) => {
                    report::complain(&format!("{name} failed: {error}"));
                    missing.push((name, failed(error.as_ref())));
                }
            }
        }
        let field = Self { provider, deployment, peers: running, missing, signer, url, cores, directory };
        wait_until_served(&field.gateway(), S3_BUCKET).await?;
        Ok(field)
    }

    fn gateway(&self) -> LoadSide {
        LoadSide {
            name: "bucketry".to_owned(),
            url: self.url.clone(),
            signer: self.signer.clone(),
            process: self.deployment.process,
            tls: None,
        }
    }

    /// The gateway, followed by the peers whose names begin with one of the wanted prefixes.
    fn sides(&self, wanted: &[&str]) -> Vec<LoadSide> {
        let peers = self.peers.iter().filter(|peer| wanted.iter().any(|name| peer.name.starts_with(name)));
        let peers = peers.map(|peer| {
            // A peer that doesn't authenticate passes the signature on, so it must be valid for the storage.
            let authenticates = AUTHENTICATING.iter().any(|name| peer.name.starts_with(name));
            let (key, secret) = if authenticates {
                (peers::KEY, peers::SECRET)
            } else {
                (self.provider.key, self.provider.secret)
            };
            let host = peer.url.trim_start_matches("http://").to_owned();
            LoadSide {
                name: peer.name.to_owned(),
                url: peer.url.clone(),
                signer: Signer::new(key.to_owned(), secret.to_owned(), host),
                process: peer.process,
                tls: None,
            }
        });
        [self.gateway()].into_iter().chain(peers).collect()
    }
}

/// Waits until a node has received the repository: a second, or much longer if there are many buckets before it.
async fn wait_until_served(node: &LoadSide, bucket: &str) -> Result {
    let deadline = Instant::now() + SERVED_WITHIN;
    let one = read(bucket, SMALL, 1, 1);
    loop {
        match round(node, &one).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

fn read(bucket: &str, object: (&str, usize), connections: usize, requests: usize) -> Work {
    Work {
        method: Method::GET,
        path: format!("/{bucket}/{}", object.0),
        content: Bytes::new(),
        payload_hash: payload_hash(PayloadHash::Signed, b""),
        form: None,
        expected: (StatusCode::OK, Some(content(object.1))),
        repeated: 1,
        connections,
        requests,
    }
}

fn write(bucket: &str, size: usize, how: PayloadHash, connections: usize, requests: usize) -> Work {
    let content = content(size);
    Work {
        method: Method::PUT,
        path: format!("/{bucket}/written"),
        payload_hash: payload_hash(how, &content),
        content,
        form: None,
        expected: (StatusCode::OK, None),
        repeated: 1,
        connections,
        requests,
    }
}

fn cpu(round: &load::LoadRound) -> f64 {
    round.cpu_us_per_request
}

fn throughput(round: &load::LoadRound) -> f64 {
    round.requests_per_second
}

fn p50(round: &load::LoadRound) -> f64 {
    round.latency.p50 as f64
}

/// Adds bars that compare the gateway with a peer, or a row with the reason if the peer didn't run.
struct Against<'a> {
    bars: &'a mut Vec<Bar>,
    missing: &'a [(&'static str, String)],
    comparison: &'a Comparison,
}

impl Against<'_> {
    fn at_most(&mut self, peer: &str, what: &str, figure: fn(&load::LoadRound) -> f64, limit: (f64, &str)) {
        self.push(peer, what, figure, |what, spread, response| {
            Bar::at_most(what, limit, spread.median, response)
        });
    }

    fn at_least(&mut self, peer: &str, what: &str, figure: fn(&load::LoadRound) -> f64, limit: (f64, &str)) {
        self.push(peer, what, figure, |what, spread, response| {
            Bar::at_least(what, limit, spread.median, response)
        });
    }

    fn reported(&mut self, peer: &str, what: &str, figure: fn(&load::LoadRound) -> f64) {
        self.push(peer, what, figure, |what, _, response| Bar::reported(what, response));
    }

    fn push(
        &mut self,
        peer: &str,
        what: &str,
        figure: fn(&load::LoadRound) -> f64,
        bar: impl Fn(&str, Spread, String) -> Bar,
    ) {
        let what = format!("{what}, relative to {peer}");
        let Comparison { compared, failed } = self.comparison;
        let Some((own, other)) =
            compared.first().zip(compared.iter().find(|side| side.name.starts_with(peer)))
        else {
            let missing = self.missing.iter().find(|(name, _)| *name == peer).map(|(_, why)| why.clone());
            let failed = failed.iter().find(|(name, _)| name.starts_with(peer));
            let why = missing.or_else(|| failed.map(|(_, why)| why.clone()));
            self.bars.push(Bar::reported(&what, why.unwrap_or_else(|| "not run".to_owned())));
            return;
        };
        let spread = ratio(own, other, figure);
        let own = Spread::of(own.rounds.iter().map(figure)).median;
        self.bars.push(bar(&what, spread, format!("{spread} × ({own:.1})")));
    }
}

/// Loads the gateway round after round and prints the cost per request, for use with a profiler.
pub(crate) async fn watch(
    plan: &Plan,
    load: Load,
    rounds: usize,
    shared: bool,
    connections: Option<usize>,
) -> Result {
    let cores = if shared { Cores::shared() } else { Cores::divide() };
    let storage = Objects::start()?;
    let field = Field::start(plan, cores, ProviderStub::at(&storage)).await?;
    let work = match load {
        Load::Read => read(S3_BUCKET, SMALL, 16, 20_000),
        Load::Translated => read(AZURE_BUCKET, SMALL, 16, 20_000),
        Load::ReadLarge => read(S3_BUCKET, LARGE, 4, 24),
        Load::Write => write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 4, 24),
        Load::WriteUnsigned => write(S3_BUCKET, LARGE.1, PayloadHash::Unsigned, 4, 24),
        Load::Form => forms::form(&field.signer, S3_BUCKET, LARGE.1, 4, 24)?,
    };
    let work = Work { connections: connections.unwrap_or(work.connections), ..work };
    report::complain(&format!("the gateway is process {}", field.deployment.process.id()));
    for _ in 0..rounds {
        let peers: &[&str] = if load == Load::Form { &[] } else { &["nginx"] };
        for side in field.sides(peers) {
            let response = round(&side, &work).await?;
            report::complain(&format!(
                "{:14} {:9.1} µs of CPU per request, {:8.1} requests/s, p50 {} µs",
                side.name, response.cpu_us_per_request, response.requests_per_second, response.latency.p50
            ));
        }
    }
    field.cores.unite()?;
    field.deployment.stop()
}

/// The load for a profiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Load {
    /// GET of 1 KiB at an S3 provider
    Read,
    /// GET of 1 KiB at Azure
    Translated,
    /// GET of 64 MiB
    ReadLarge,
    /// PUT of 64 MiB with a signed hash
    Write,
    /// PUT of 64 MiB with an unsigned payload
    WriteUnsigned,
    /// form with a file of 64 MiB
    Form,
}

pub(crate) async fn measure(plan: &Plan) -> Result<Report> {
    let machine = report::machine(plan);
    let on_all_cores = writes_on_all_cores(plan).await?;
    let cores = Cores::divide();
    let storage = Objects::start()?;
    let field = Field::start(plan, cores, ProviderStub::at(&storage)).await?;
    let rounds = if plan.quick { 3 } else { 5 };
    let mut results = GatewayResults::default();
    let small = read(S3_BUCKET, SMALL, 16, if plan.quick { 2_000 } else { 20_000 });

    results.small_reads(&field, &small, rounds).await?;
    results.large_reads(plan, &field, rounds).await?;
    results.large_writes(plan, &field, rounds).await?;
    results.add_large_writes_on_all_cores(&on_all_cores);
    results.authenticated_large_writes(plan, &field, rounds).await?;
    let GatewayResults { mut bars, mut figures } = results;
    bars.extend(forms::measure(&field, plan, rounds, &mut figures).await?);
    bars.extend(memory::measure(&field, plan, &mut figures).await?);
    bars.extend(refusals(&field, &storage, &small, rounds, &mut figures).await?);
    let (requests, connections) = storage.counts().await?;
    bars.push(Bar::reported(
        "connections to the storage, from gateway and peers together",
        format!("{connections} for {requests} requests"),
    ));
    figures.insert("oneCoreForWhatIsMeasured".to_owned(), json!(field.cores.are_divided()));
    figures.insert("nginx".to_owned(), json!(plan.nginx.as_deref().map(peers::version)));
    field.deployment.stop()?;
    bars.extend(real::measure(plan, cores, &mut figures).await?);
    cores.unite()?;
    Ok(Report::new("g", machine, bars, Value::Object(figures)))
}

/// What has been measured so far.
#[derive(Default)]
struct GatewayResults {
    bars: Vec<Bar>,
    figures: Map<String, Value>,
}

impl GatewayResults {
    fn against<'a>(&'a mut self, field: &'a Field, comparison: &'a Comparison) -> Against<'a> {
        Against { bars: &mut self.bars, missing: &field.missing, comparison }
    }

    fn add_figures(&mut self, name: &str, comparison: &Comparison) {
        self.figures.insert(name.to_owned(), json!(comparison.compared));
    }

    /// G1: small reads over S3, also next to peers that authenticate, and translated to Azure.
    async fn small_reads(&mut self, field: &Field, small: &Work, rounds: usize) -> Result {
        report::complain("G1 small reads");
        let comparison = compare(&field.sides(&["nginx"]), small, rounds).await?;
        let mut against = self.against(field, &comparison);
        against.at_most("nginx", "G1 CPU (µs) per GET of 1 KiB over S3", cpu, (1.4, "≤ 1.4 ×"));
        self.add_figures("g1S3", &comparison);

        let fewer = Work { requests: small.requests / 4, ..small.clone() };
        let comparison = compare(&field.sides(&AUTHENTICATING), &fewer, rounds).await?;
        let mut against = self.against(field, &comparison);
        against.at_most("rclone", "G1 CPU (µs) per GET of 1 KiB over S3", cpu, (0.1, "≤ 0.1 ×"));
        for peer in AUTHENTICATING {
            against.at_most(peer, "G1 p50 (µs) of a GET of 1 KiB", p50, (1.0, "< 1 ×"));
        }
        self.add_figures("g1S3AndAuthenticating", &comparison);

        let translated = Work { path: format!("/{AZURE_BUCKET}/{}", SMALL.0), ..small.clone() };
        let comparison = compare_two_paths(field, &translated, small, rounds).await?;
        let mut against = self.against(field, &comparison);
        against.at_most("nginx", "G1 CPU (µs) per GET of 1 KiB, translated to Azure", cpu, (2.5, "≤ 2.5 ×"));
        self.add_figures("g1Translated", &comparison);
        Ok(())
    }

    /// G2: large reads.
    async fn large_reads(&mut self, plan: &Plan, field: &Field, rounds: usize) -> Result {
        report::complain("G2 large reads");
        let large = read(S3_BUCKET, LARGE, 4, if plan.quick { 8 } else { 24 });
        let comparison = compare(&field.sides(&["nginx"]), &large, rounds).await?;
        let mut against = self.against(field, &comparison);
        let what = "G2 throughput (requests/s) of GET of 64 MiB";
        against.at_least("nginx", what, throughput, (0.95, "≥ 0.95 ×"));
        against.at_most("nginx", "G2 CPU (µs) per GET of 64 MiB", cpu, (1.2, "≤ 1.2 ×"));
        self.add_figures("g2", &comparison);
        Ok(())
    }

    /// G3: large writes, with and without a hash to verify.
    async fn large_writes(&mut self, plan: &Plan, field: &Field, rounds: usize) -> Result {
        report::complain("G3 large writes");
        let requests = if plan.quick { 8 } else { 24 };
        let unsigned = write(S3_BUCKET, LARGE.1, PayloadHash::Unsigned, 4, requests);
        let comparison = compare(&field.sides(&["nginx"]), &unsigned, rounds).await?;
        let what = "G3 throughput (requests/s) of PUT of 64 MiB, unsigned payload";
        self.against(field, &comparison).at_least("nginx", what, throughput, (1.0, "≥ 1 ×"));
        self.add_figures("g3 unsigned payload", &comparison);

        let signed = write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 4, requests);
        let comparison = compare(&field.sides(&["nginx"]), &signed, rounds).await?;
        let hashes = hash_alone::cpu_us(field.cores, &signed.content, rounds)?;
        self.add_verified_writes(&comparison, &hashes);
        let what = "G3 throughput (requests/s) of PUT of 64 MiB, hash verified";
        self.against(field, &comparison).reported("nginx", what, throughput);
        self.add_figures("g3 hash verified", &comparison);
        self.figures.insert("g3 CPU (µs) of SHA-256 alone".to_owned(), json!(hashes));
        Ok(())
    }

    /// Verified writes, relative to what a proxy that doesn't hash takes and what the hash takes on its own: nothing
    /// that verifies can do without either.
    fn add_verified_writes(&mut self, comparison: &Comparison, hashes: &[f64]) {
        let what = "G3 CPU (µs) per PUT of 64 MiB, hash verified, relative to the sum of nginx's and that of SHA-256";
        let [own, nginx, ..] = comparison.compared.as_slice() else {
            self.bars.push(Bar::reported(what, "nginx did not run".to_owned()));
            return;
        };
        let rounds = own.rounds.iter().zip(&nginx.rounds).zip(hashes);
        let spread = Spread::of(rounds.map(|((own, nginx), hash)| cpu(own) / (cpu(nginx) + hash)));
        let measured = format!("{spread} × ({:.1})", Spread::of(own.rounds.iter().map(cpu)).median);
        self.bars.push(Bar::at_most(what, (0.85, "≤ 0.85 ×"), spread.median, measured));
    }

    fn add_large_writes_on_all_cores(&mut self, measured: &MeasuredSide) {
        let comparison = &measured.comparison;
        let mut against = Against { bars: &mut self.bars, missing: &measured.missing, comparison };
        let what = "G3 throughput (requests/s) of PUT of 64 MiB, hash verified, everything on all cores";
        against.reported("nginx", what, throughput);
        self.add_figures("g3 hash verified on all cores", comparison);
    }

    /// G3 next to peers that authenticate.
    async fn authenticated_large_writes(&mut self, plan: &Plan, field: &Field, rounds: usize) -> Result {
        let fewer = write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 2, if plan.quick { 2 } else { 6 });
        let comparison = compare(&field.sides(&AUTHENTICATING), &fewer, rounds).await?;
        let mut against = self.against(field, &comparison);
        for peer in AUTHENTICATING {
            let what = "G3 throughput (requests/s) of PUT of 64 MiB, hash verified";
            against.at_least(peer, what, throughput, (1.05, "> 1.05 ×"));
        }
        self.add_figures("g3AndAuthenticating", &comparison);
        Ok(())
    }
}

/// A comparison whose field is already stopped.
struct MeasuredSide {
    comparison: Comparison,
    missing: Vec<(&'static str, String)>,
}

/// G3 with nothing pinned, where the gateway hashes on a different thread than the one that moves the bytes. Load
/// and storage run on the same cores, and nginx has one worker per core.
async fn writes_on_all_cores(plan: &Plan) -> Result<MeasuredSide> {
    report::complain("G3 large writes on all cores");
    let storage = Objects::start()?;
    let field = Field::start(plan, Cores::shared(), ProviderStub::at(&storage)).await?;
    let work = write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 4, if plan.quick { 8 } else { 24 });
    let comparison = compare(&field.sides(&["nginx"]), &work, if plan.quick { 3 } else { 5 }).await?;
    let missing = field.missing.clone();
    field.deployment.stop()?;
    Ok(MeasuredSide { comparison, missing })
}

/// Compares the gateway on one path with nginx on another, because nginx doesn't translate.
async fn compare_two_paths(field: &Field, own: &Work, peers: &Work, rounds: usize) -> Result<Comparison> {
    let (mut first, mut second) = (Vec::new(), Ok(Vec::new()));
    let sides = field.sides(&["nginx"]);
    let mut comparison = Comparison { compared: Vec::new(), failed: Vec::new() };
    let Some(gateway) = sides.first() else { return Ok(comparison) };
    round(gateway, own).await?;
    for _ in 0..rounds {
        first.push(round(gateway, own).await?);
        if let (Some(peer), Ok(rounds)) = (sides.get(1), &mut second) {
            match round(peer, peers).await {
                Ok(round) => rounds.push(round),
                Err(error) => second = Err(error),
            }
        }
    }
    comparison.compared.push(Compared::of(gateway, first));
    if let Some(peer) = sides.get(1) {
        comparison.take(peer, second);
    }
    Ok(comparison)
}

/// G5: compares a request with a wrong signature with a valid one.
async fn refusals(
    field: &Field,
    storage: &Objects,
    small: &Work,
    rounds: usize,
    figures: &mut Map<String, Value>,
) -> Result<Vec<Bar>> {
    report::complain("G5 refusals");
    let good = field.gateway();
    let mut bad = field.gateway();
    "of-somebody-else".clone_into(&mut bad.signer.secret);
    let refused = Work { expected: (StatusCode::FORBIDDEN, None), ..small.clone() };
    round(&bad, &refused).await?;
    let (before, _) = storage.counts().await?;
    let (mut ratios, mut costs, mut at_storage) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let (asked, _) = storage.counts().await?;
        let wrong = round(&bad, &refused).await?;
        at_storage += storage.counts().await?.0 - asked;
        let right = round(&good, small).await?;
        ratios.push(wrong.cpu_us_per_request / right.cpu_us_per_request);
        costs.push(wrong.cpu_us_per_request);
    }
    let (ratio, cost) = (Spread::of(ratios), Spread::of(costs));
    figures.insert(
        "g5".to_owned(),
        json!({ "ratio": ratio, "cpuUs": cost, "storageRequestsBefore": before, "storageRequests": at_storage }),
    );
    Ok(vec![
        Bar::at_most(
            "G5 CPU (µs) per refused request, relative to a GET of 1 KiB",
            (1.0, "< 1 ×"),
            ratio.median,
            format!("{ratio} × ({:.1})", cost.median),
        ),
        Bar::at_most(
            "G5 refused requests that reached the storage",
            (0.0, "0"),
            at_storage as f64,
            at_storage.to_string(),
        ),
    ])
}
