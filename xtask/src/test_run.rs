//! `cargo xtask test`: one build, then every kind of test against real servers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::browser::{NO_BROWSER, TestBrowser};
use crate::command::{self, Result};
use crate::control_planes::{self, ControlPlaneRun};
use crate::node_tools::NodeTools;
use crate::openapi;
use crate::packaging::Packaging;
use crate::servers::Servers;
use crate::skipped_tests::SkippedTests;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Which tests to run.
#[derive(Debug)]
pub(crate) enum Selection {
    /// Unit tests, suites, journeys, doc tests and the OpenAPI check.
    Everything,
    /// Only the OpenAPI check.
    OpenApi,
    /// The tests that these arguments of the test runner select.
    Runner(Vec<String>),
    /// End-to-end tests with this number of control planes for each deployment: those that the arguments select, or all.
    ControlPlanes(u8, Vec<String>),
}

/// The most control planes that a run gives each deployment. Each is a process for each test that runs at the same time.
const MOST_CONTROL_PLANES: u8 = 9;

impl Selection {
    /// What the arguments after `cargo xtask test` select. `None` for wrong usage.
    pub(crate) fn parse(args: &[&str]) -> Option<Self> {
        let owned = |args: &[&str]| args.iter().map(ToString::to_string).collect();
        match args {
            [] => Some(Self::Everything),
            ["--openapi"] => Some(Self::OpenApi),
            ["--", rest @ ..] => Some(Self::Runner(owned(rest))),
            ["--control-planes", count, rest @ ..] => {
                let count = count.parse().ok().filter(|count| (2..=MOST_CONTROL_PLANES).contains(count))?;
                match rest {
                    [] => Some(Self::ControlPlanes(count, Vec::new())),
                    ["--", rest @ ..] => Some(Self::ControlPlanes(count, owned(rest))),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether journeys in a browser may be among them.
    fn may_need_browser(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::OpenApi => false,
            Self::Runner(args) | Self::ControlPlanes(_, args) => {
                args.is_empty() || args.iter().any(|arg| arg.contains("dashboard"))
            }
        }
    }

    /// Whether tests of the packages may be among them.
    fn may_need_packages(&self) -> bool {
        match self {
            Self::Everything => true,
            // Those of the packages are skipped with several control planes.
            Self::OpenApi | Self::ControlPlanes(..) => false,
            Self::Runner(args) => args.is_empty() || args.iter().any(|arg| arg.contains("packages")),
        }
    }
}

/// The number of tests per outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Installs the tools, builds, starts the servers, runs the tests and stops the servers. The last line on standard
/// output is `N passed, N failed, N skipped`.
pub(crate) fn run(selection: &Selection) -> Result {
    let workspace = Workspace::find()?;
    let tools = Tools::install(&workspace)?;
    let node = NodeTools::install(&workspace)?;
    // Lets the same tests run against a binary built elsewhere, for example a release.
    let given = std::env::var_os("BUCKETRY_TEST_BINARY").map(PathBuf::from);
    let binary = given.clone().unwrap_or_else(|| workspace.target.join("debug").join("bucketry"));
    if given.is_none() {
        build(&workspace, selection)?;
    }
    let servers = Servers::start(&tools, &node)?;
    let mut environment = servers.environment(&tools, &node, &binary)?;
    let browser = if selection.may_need_browser() { TestBrowser::find(&workspace)? } else { None };
    environment.extend(browser.iter().flat_map(TestBrowser::environment));

    let packaging =
        if selection.may_need_packages() { Packaging::find(&workspace)? } else { Packaging::default() };
    environment.extend(packaging.environment());

    let mut tally = Tally::default();
    let mut failures: Vec<String> = Vec::new();
    let mut section = |outcome: Result<Tally>| match outcome {
        Ok(counted) => tally.add(counted),
        Err(error) => {
            tally.failed += 1;
            failures.push(error.to_string());
        }
    };
    match selection {
        Selection::Everything => {
            let run = ControlPlaneRun::complete();
            let journeys = all_journeys(&workspace)?;
            let several = with_several_control_planes(&workspace, &environment, &run, &journeys);
            // Those that were skipped run now.
            section(several.map(|tally| Tally { skipped: 0, ..tally }));
            section(with_one_control_plane(&workspace, &environment));
            section(doc_tests(&workspace));
            section(openapi_check(&workspace, &tools, &servers, &binary));
            section(Ok(not_installed(&tools)));
            section(Ok(without_browser(browser.as_ref())));
            section(Ok(Tally { skipped: packaging.skipped(), ..Tally::default() }));
        }
        Selection::OpenApi => section(openapi_check(&workspace, &tools, &servers, &binary)),
        Selection::Runner(args) => section(suites(&workspace, &environment, THREADS_PER_TWO_CORES, args)),
        Selection::ControlPlanes(count, args) => {
            let run = ControlPlaneRun::new(*count);
            let args = if args.is_empty() { all_journeys(&workspace)? } else { args.clone() };
            section(with_several_control_planes(&workspace, &environment, &run, &args));
        }
    }
    drop(servers);

    for failure in &failures {
        command::complain(failure);
    }
    command::say(&format!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped));
    if tally.failed > 0 { Err("tests failed".into()) } else { Ok(()) }
}

/// Clients that no package registry has, so they are tested only where they are installed.
const OPTIONAL_CLIENTS: [&str; 2] = ["restic", "docker-registry"];

/// Shells whose completion is tested only where they are installed.
const OPTIONAL_SHELLS: [&str; 2] = ["zsh", "fish"];

/// What is tested with optional tools, each with the number of its tests and what to do to have it.
const OPTIONAL_TOOLS: [(&str, u64, &str); 8] = [
    ("nginx", 1, "install Debian's package nginx: apt-get install nginx-light"),
    ("libfaketime", 3, "install Debian's package libfaketime: apt-get install libfaketime"),
    ("promtool", 4, "install Debian's package prometheus: apt-get install prometheus"),
    (
        "Alertmanager",
        2,
        "install Debian's package prometheus-alertmanager: apt-get install prometheus-alertmanager",
    ),
    ("a collector of traces", 1, "run the tests on Linux, with a Python before 3.14"),
    ("Helm's library", 3, "run the tests on Linux on x86-64"),
    ("a network namespace", 1, "run the tests as root, with Debian's package iproute2"),
    ("systemd-analyze", 4, "install Debian's package systemd: apt-get install systemd"),
];

/// Counts an optional client that isn't installed as skipped, once for each kind of provider, and likewise the tests of
/// missing tools.
fn not_installed(tools: &Tools) -> Tally {
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &&str| std::env::split_paths(&search_path).any(|dir| dir.join(name).is_file());
    let mut tally = Tally::default();
    for client in OPTIONAL_CLIENTS.iter().filter(|name| !installed(name)) {
        command::complain(&format!("{client} is not installed: its operations were not tested"));
        tally.skipped += 3;
    }
    for shell in OPTIONAL_SHELLS.iter().filter(|name| !installed(name)) {
        command::complain(&format!("{shell} is not installed: its completion was not tested"));
        tally.skipped += 1;
    }
    let has = [
        tools.nginx().is_some(),
        tools.faketime().is_some(),
        tools.promtool().is_some(),
        tools.alertmanager().is_some(),
        tools.trace_collector().is_some(),
        tools.deployment_python().is_some(),
        has_namespaces(),
        installed(&"systemd-analyze"),
    ];
    for ((name, tests, remedy), _) in OPTIONAL_TOOLS.into_iter().zip(has).filter(|(_, has)| !has) {
        command::complain(&format!(
            "{name} is missing, so {tests} checks were skipped. To enable them, {remedy}"
        ));
        tally.skipped += tests;
    }
    tally
}

/// Whether tests may make network namespaces, as the one about a node on another host does.
fn has_namespaces() -> bool {
    let name = format!("bucketry-{}", std::process::id());
    let ip = |action| command::succeeds(std::process::Command::new("ip").args(["netns", action, &name]));
    ip("add") && ip("delete")
}

/// The journeys in a browser, counted as skipped if there is none. They then pass without doing anything.
const BROWSER_JOURNEYS: u64 = 8;

fn without_browser(browser: Option<&TestBrowser>) -> Tally {
    if browser.is_some() {
        return Tally::default();
    }
    command::complain(NO_BROWSER);
    Tally { skipped: BROWSER_JOURNEYS, ..Tally::default() }
}

/// Builds the binary if the tests run it. For a complete run, all tests are built in the same graph: the features
/// of dependencies are resolved once, so nothing is compiled twice.
fn build(workspace: &Workspace, selection: &Selection) -> Result {
    let mut build = command::cargo(&workspace.root);
    build.args(["build", "--workspace", "--bin", "bucketry"]);
    match selection {
        Selection::Runner(args) if !runs_the_binary(args) => return Ok(()),
        Selection::Runner(_) | Selection::OpenApi | Selection::ControlPlanes(..) => {}
        Selection::Everything => {
            build.arg("--tests");
        }
    }
    command::run(&mut build)
}

/// Whether the runner's arguments select the journeys, the only tests that start the binary. Tests of a single
/// crate should not wait until all crates compile.
fn runs_the_binary(args: &[String]) -> bool {
    !selects_packages(args) || args.iter().any(|arg| arg.contains("bucketry-e2e"))
}

fn selects_packages(args: &[String]) -> bool {
    args.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

fn openapi_check(workspace: &Workspace, tools: &Tools, servers: &Servers, binary: &Path) -> Result<Tally> {
    openapi::check(workspace, tools, servers, binary)?;
    Ok(Tally { passed: 1, ..Tally::default() })
}

/// The arguments of the test runner for all journeys.
fn all_journeys(workspace: &Workspace) -> Result<Vec<String>> {
    let mut args = control_planes::all(workspace)?;
    if has_nextest(workspace) {
        // Other crates have tests of the same names.
        args.extend(["-E".to_owned(), "package(bucketry-e2e)".to_owned()]);
    }
    Ok(args)
}

/// Runs everything that a complete run hasn't tested with several control planes, and the journeys that it repeats with one.
fn with_one_control_plane(workspace: &Workspace, environment: &[(String, String)]) -> Result<Tally> {
    let skipped = SkippedTests::last(workspace);
    // Cargo's own runner can't select tests of different crates by name.
    let args = if has_nextest(workspace) {
        vec!["-E".to_owned(), control_planes::rest(&skipped)]
    } else {
        Vec::new()
    };
    suites(workspace, environment, THREADS_PER_TWO_CORES, &args)
}

/// Runs journeys, each with several control planes on a separate PostgreSQL database.
fn with_several_control_planes(
    workspace: &Workspace,
    environment: &[(String, String)],
    run: &ControlPlaneRun,
    args: &[String],
) -> Result<Tally> {
    suites(workspace, &[environment, &run.environment()].concat(), THREADS_WITH_SEVERAL, args)
}

/// The profile of nextest in which a test takes two threads, or one if it mostly waits.
const PROFILE: &str = "suite";
/// How many threads of nextest there are for two cores: two tests at a time, or four that mostly wait.
const THREADS_PER_TWO_CORES: usize = 4;
/// The same for journeys with several control planes: one that mostly waits runs beside two others. They wait more, until each
/// control plane knows what another one was told: with four threads, the cores are idle for more than a third of the time. With
/// six, some of them take longer than they may.
const THREADS_WITH_SEVERAL: usize = 5;

fn has_nextest(workspace: &Workspace) -> bool {
    command::succeeds(command::cargo(&workspace.root).args(["nextest", "--version"]))
}

/// Runs unit tests, suites and journeys with nextest if it is installed, otherwise with Cargo's own runner.
fn suites(
    workspace: &Workspace,
    environment: &[(String, String)],
    threads: usize,
    args: &[String],
) -> Result<Tally> {
    let nextest = has_nextest(workspace);
    let mut runner = command::cargo(&workspace.root);
    runner.envs(environment.iter().map(|(name, value)| (name, value)));
    let skipped = SkippedTests::begin(workspace)?;
    let (name, file) = skipped.environment();
    runner.env(name, file);
    if nextest {
        runner.args(["nextest", "run", "--profile", PROFILE]);
        if let Ok(cores) = std::thread::available_parallelism() {
            runner.env("NEXTEST_TEST_THREADS", (threads * cores.get()).div_ceil(2).to_string());
        }
    } else {
        runner.args(["test", "--no-fail-fast"]);
        if !args.iter().any(|arg| arg == "--test") {
            runner.args(["--lib", "--bins", "--tests"]);
        }
    }
    if !selects_packages(args) {
        runner.arg("--workspace");
    }
    runner.args(args);
    let mut tally = if nextest { with_nextest(workspace, runner) } else { with_libtest(runner) }?;
    // To the test runner, a test that was skipped has passed.
    let skipped = skipped.count();
    tally.passed = tally.passed.saturating_sub(skipped);
    tally.skipped += skipped;
    Ok(tally)
}

fn with_nextest(workspace: &Workspace, mut runner: std::process::Command) -> Result<Tally> {
    // Nextest writes there, whatever the target directory is.
    let report = workspace.root.join("target/nextest").join(PROFILE).join("junit.xml");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let outcome = command::run(&mut runner);
    // Without a report, no test has run, and the outcome says why.
    let Ok(text) = fs::read_to_string(&report) else { return outcome.map(|()| Tally::default()) };
    let tally = from_junit(&text).ok_or("the test report has no counts")?;
    for name in passed_only_again(&text) {
        command::complain(&format!("{name} failed, and passed when it was run again: look for the race"));
    }
    match outcome {
        Err(error) if tally.failed == 0 => Err(error),
        _ => Ok(tally),
    }
}

fn with_libtest(mut runner: std::process::Command) -> Result<Tally> {
    let mut tally = Tally::default();
    let outcome = command::run_watching(&mut runner, |line| {
        if let Some(counted) = from_libtest(line) {
            tally.add(counted);
        }
    });
    match outcome {
        Err(error) if tally.failed == 0 => Err(error),
        _ => Ok(tally),
    }
}

fn doc_tests(workspace: &Workspace) -> Result<Tally> {
    let mut runner = command::cargo(&workspace.root);
    runner.args(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    with_libtest(runner)
}

/// The counts in the root element of nextest's report.
fn from_junit(report: &str) -> Option<Tally> {
    let start = report.find("<testsuites")?;
    let root = report[start..].split('>').next()?;
    let count = |name: &str| -> Option<u64> {
        let (_, after) = root.split_once(&format!(" {name}=\""))?;
        after.split('"').next()?.parse().ok()
    };
    let (ran, failed) = (count("tests")?, count("failures")? + count("errors")?);
    Some(Tally { passed: ran.checked_sub(failed)?, failed, skipped: 0 })
}

/// The names of tests in nextest's report that failed first and passed when they were run again.
fn passed_only_again(report: &str) -> Vec<&str> {
    let cases = report.split("<testcase name=\"").skip(1).filter(|case| case.contains("<flakyFailure"));
    cases.filter_map(|case| case.split('"').next()).collect()
}

/// The counts in a `test result:` line of Cargo's runner.
fn from_libtest(line: &str) -> Option<Tally> {
    let counts = line.trim().strip_prefix("test result: ")?;
    let count = |name: &str| -> Option<u64> {
        let (before, _) = counts.split_once(&format!(" {name}"))?;
        before.rsplit([' ', ';', '.']).next()?.parse().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_with_journeys_waits_for_the_binary() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(runs_the_binary(&args("some_test")));
        assert!(runs_the_binary(&args("-p bucketry-e2e some_test")));
        assert!(!runs_the_binary(&args("-p bucketry-model some_test")));
        assert!(!runs_the_binary(&args("--package=bucketry-model")));
    }

    #[test]
    fn wrong_usage_selects_nothing() {
        let select = |text: &str| Selection::parse(&text.split_whitespace().collect::<Vec<_>>());
        assert!(matches!(select(""), Some(Selection::Everything)));
        assert!(matches!(select("-- name"), Some(Selection::Runner(args)) if args == ["name"]));
        let several = select("--control-planes 3 -- --test roles");
        assert!(
            matches!(&several, Some(Selection::ControlPlanes(3, args)) if *args == ["--test", "roles"]),
            "{several:?}"
        );
        for wrong in [
            "name",
            "--control-planes",
            "--control-planes 1",
            "--control-planes x",
            "--control-planes 3 name",
        ] {
            assert!(select(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_test_that_passes_only_again_is_named() {
        let report = r#"<testcase name="steady" classname="e2e"></testcase>
            <testcase name="shaky" classname="e2e"><flakyFailure timestamp="0"></flakyFailure></testcase>"#;
        assert_eq!(passed_only_again(report), ["shaky"]);
    }

    #[test]
    fn counts_come_from_the_nextest_report() {
        let report = r#"<?xml version="1.0"?>
<testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="0" time="0.1">
  <testsuite name="a" tests="1" failures="1" errors="0">"#;
        assert_eq!(from_junit(report), Some(Tally { passed: 9, failed: 3, skipped: 0 }));
        assert_eq!(from_junit("<html>"), None);
    }

    #[test]
    fn counts_come_from_the_lines_of_cargos_runner() {
        let line = "test result: FAILED. 14 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(from_libtest(line), Some(Tally { passed: 14, failed: 2, skipped: 1 }));
        assert_eq!(from_libtest("running 3 tests"), None);
    }
}
