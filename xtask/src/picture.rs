//! `cargo xtask picture`: runs the demo, draws what a few commands print as `docs/images/demo.svg`, and takes the README's
//! pictures of the dashboard.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bucketry_test_servers::wait;
use serde_json::Value;

use crate::browser::{NO_BROWSER, TestBrowser};
use crate::command::{self, Result};
use crate::node_tools::NodeTools;
use crate::workspace::Workspace;

/// Where the pictures are, from the root of the repository.
const PICTURES: &str = "docs/images";
/// The picture of the commands.
const SESSION: &str = "demo.svg";
/// The script that takes the pictures of the dashboard.
const SCRIPT: &str = "e2e/browser/pictures.mjs";
/// The largest size of a picture of the dashboard, in bytes.
const LARGEST: u64 = 200_000;
/// How long the demo may take to start.
const START: Duration = Duration::from_mins(1);

/// The name at its provider of the bucket that is to be added.
const BUCKET: &str = "spare";

/// A command of the session: what is drawn, and what is run.
struct DemoCommand {
    drawn: &'static str,
    arguments: &'static [&'static str],
}

const COMMANDS: [DemoCommand; 4] = [
    DemoCommand {
        drawn: "bucketry bucket add Spare --bucket spare --endpoint $S3 --key DEMOACCESSKEY --secret-file wrong",
        arguments: &["bucket", "add", "Spare", "--bucket", BUCKET, "--key", "DEMOACCESSKEY"],
    },
    DemoCommand { drawn: "bucketry bucket validate Photos", arguments: &["bucket", "validate", "Photos"] },
    DemoCommand { drawn: "bucketry bucket list", arguments: &["bucket", "list"] },
    DemoCommand {
        drawn: "bucketry repo connect Demo --tool s5cmd --new-key laptop",
        arguments: &["repo", "connect", "Demo", "--tool", "s5cmd", "--new-key", "laptop"],
    },
];

/// Draws and takes all pictures.
pub(crate) fn draw() -> Result {
    let workspace = Workspace::find()?;
    let tools = NodeTools::install(&workspace)?;
    command::run(command::cargo(&workspace.root).args(["build", "--bin", "bucketry"]))?;
    let program = workspace.target.join("debug/bucketry");
    let directory = tempfile::tempdir()?;
    let demo = Demo::start(&program, directory.path(), &tools)?;
    let mut lines = Vec::new();
    for wanted in &COMMANDS {
        lines.push(Line { kind: LineKind::Prompt, text: wanted.drawn.to_owned() });
        for text in demo.output(wanted, directory.path())?.lines() {
            lines.push(Line { kind: LineKind::of(text), text: text.trim_end().to_owned() });
        }
        lines.push(Line { kind: LineKind::Plain, text: String::new() });
    }
    lines.pop();
    let folder = workspace.root.join(PICTURES);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(SESSION), svg(&lines))?;
    command::say(&format!("wrote {PICTURES}/{SESSION}"));
    photograph(&workspace, &tools, &demo, &folder)
}

/// Takes the pictures of the dashboard, where there is a browser.
fn photograph(workspace: &Workspace, tools: &NodeTools, demo: &Demo, folder: &Path) -> Result {
    let Some(browser) = TestBrowser::find(workspace)? else {
        command::complain(NO_BROWSER);
        return Ok(());
    };
    let mut script = Command::new("node");
    script
        .arg(workspace.root.join(SCRIPT))
        .envs(browser.environment())
        .env("BUCKETRY_TEST_NODE_MODULES", tools.modules())
        .env("OUT", folder)
        .env("URL_OF_SERVER", demo.text("api"))
        .env("EMAIL", demo.text("email"))
        .env("PASSWORD", demo.text("password"));
    let report: Value = serde_json::from_str(command::output(&mut script)?.trim())?;
    if report["findings"].as_array().is_some_and(|findings| !findings.is_empty()) {
        return Err(format!("the dashboard is not as it should be: {}", report["findings"]).into());
    }
    for name in report["made"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let bytes = fs::metadata(folder.join(name))?.len();
        if bytes > LARGEST {
            return Err(format!("{PICTURES}/{name} has {bytes} bytes, and may have {LARGEST}").into());
        }
        command::say(&format!("wrote {PICTURES}/{name}, {bytes} bytes"));
    }
    Ok(())
}

/// A running demo. It is interrupted, and so removes its files, when this is dropped.
struct Demo {
    process: Child,
    program: std::path::PathBuf,
    ready: Value,
}

impl Demo {
    /// Starts it with one bucket at Azure.
    fn start(program: &Path, directory: &Path, tools: &NodeTools) -> Result<Self> {
        let file = directory.join("ready.json");
        let process = Command::new(program)
            .args(["demo", "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ready-file"])
            .arg(&file)
            .args(["--with", "azurite"])
            .env("BUCKETRY_DEMO_AZURITE", tools.azurite())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut demo = Self { process, program: program.to_owned(), ready: Value::Null };
        demo.ready = wait::until("the demo", START, || {
            let text = fs::read(&file).map_err(|error| error.to_string())?;
            serde_json::from_slice(&text).map_err(|error| error.to_string())
        })?;
        Ok(demo)
    }

    fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_default()
    }

    /// What a command prints, on both outputs. Free ports are drawn as the usual ones.
    fn output(&self, wanted: &DemoCommand, directory: &Path) -> Result<String> {
        let mut command = Command::new(&self.program);
        command
            .args(wanted.arguments)
            .env("BUCKETRY_URL", self.text("api"))
            .env("BUCKETRY_TOKEN", self.text("token"))
            .env("COLUMNS", "116");
        if wanted.arguments.contains(&"add") {
            let wrong = directory.join("wrong");
            fs::write(&wrong, "not-the-secret-of-this-key")?;
            command.args(["--endpoint", self.text("s3")]).arg("--secret-file").arg(wrong);
        }
        let output = command.output()?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        for (field, usual) in [
            ("api", "http://127.0.0.1:8080"),
            ("gateway", "http://127.0.0.1:9000"),
            ("s3", "http://127.0.0.1:9001"),
        ] {
            let actual = self.text(field);
            // In a table, the column stays as wide as it is.
            text = text.replace(&format!("{actual} "), &format!("{usual:0$} ", actual.len()));
            text = text.replace(actual, usual);
        }
        Ok(text)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // An interrupt lets the demo remove its files. If it can't be sent, the demo is killed.
        let interrupted =
            command::succeeds(Command::new("kill").args(["-INT", &self.process.id().to_string()]));
        if !interrupted {
            // It has ended already if this fails.
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

/// How a line is coloured.
#[derive(Clone, Copy)]
enum LineKind {
    Prompt,
    Good,
    Bad,
    Hint,
    Plain,
}

impl LineKind {
    fn of(text: &str) -> Self {
        match text.trim_start() {
            text if text.starts_with('✓') => Self::Good,
            text if text.starts_with('✗') || text.starts_with("error:") => Self::Bad,
            text if text.starts_with('→') || text.starts_with("hint") => Self::Hint,
            _ => Self::Plain,
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Prompt => "#ffffff",
            Self::Good => "#7ee787",
            Self::Bad => "#ff7b72",
            Self::Hint => "#f2cc60",
            Self::Plain => "#c9d1d9",
        }
    }
}

struct Line {
    kind: LineKind,
    text: String,
}

/// The lines as a terminal window. The width of a character is that of a monospaced font of 13 px.
fn svg(lines: &[Line]) -> String {
    let columns = lines.iter().map(|line| line.text.chars().count() + 2).max().unwrap_or(0);
    let (width, height) = (columns as f64 * 7.83 + 40.0, lines.len() * 18 + 58);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" role=\"img\" \
         aria-label=\"A terminal session with Bucketry\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n\
         <circle cx=\"20\" cy=\"18\" r=\"5\" fill=\"#ff5f57\"/><circle cx=\"38\" cy=\"18\" r=\"5\" fill=\"#febc2e\"/>\
         <circle cx=\"56\" cy=\"18\" r=\"5\" fill=\"#28c840\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let prompt = if matches!(line.kind, LineKind::Prompt) { "$ " } else { "" };
        let (y, colour) = (number * 18 + 52, line.kind.colour());
        let escaped = line.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Browsers collapse several spaces, whatever `xml:space` says.
        let escaped = escaped.replace("  ", "\u{a0}\u{a0}");
        // Writing to a String can't fail.
        _ = writeln!(text, "<text x=\"20\" y=\"{y}\" fill=\"{colour}\">{prompt}{escaped}</text>");
    }
    text.push_str("</g>\n</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_text_that_is_safe_in_xml() {
        let lines = [Line { kind: LineKind::Prompt, text: "aws s3 ls <bucket> && true".to_owned() }];
        let drawn = svg(&lines);
        assert!(drawn.contains("$ aws s3 ls &lt;bucket&gt; &amp;&amp; true</text>"), "{drawn}");
    }

    #[test]
    fn lines_are_coloured_by_what_they_say() {
        for (text, colour) in [("✓ dns", "#7ee787"), ("  ✗ key", "#ff7b72"), ("plain", "#c9d1d9")] {
            assert_eq!(LineKind::of(text).colour(), colour);
        }
    }
}
