//! A reader who tries a page: has a running server, is logged in, has what the page assumes, and runs its commands.

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, OWNER_EMAIL, OWNER_PASSWORD, READ_ONLY, Receiver, RepositoryAccess, Result, Server,
    embedded_options, eventually, new_database, shared_s3_endpoint,
};
use http::Method;

use crate::code_block::{CodeBlock, ShellStep};
use crate::page_shell::{PageShell, Printed};
use crate::placeholders::{PageAddresses, Placeholders};
use crate::shown_output::{is_failure, missing};

const SOON: Duration = Duration::from_secs(30);
/// What the owner's password becomes on a page that changes it.
const NEXT_PASSWORD: &str = "Battery-Staple-2";
/// The key that the receiver of notifications checks.
const CHANNEL_KEY: &str = "0123456789abcdef";

/// What pages assume: if a command of the page mentions one of the first, the second is run before the page.
const ASSUMED: [(&[&str], &str); 7] = [
    (
        &["Photos", "Media"],
        "bucketry bucket add Photos --bucket photos --endpoint https://s3.example.com --key AKID…",
    ),
    (&["Media"], "bucketry repo add Media --bucket Photos:2026"),
    (
        &["ada@example.com"],
        "bucketry user add ada@example.com && bucketry workspace grant default ada@example.com read",
    ),
    (
        &["On call"],
        "BUCKETRY_CHANNEL_SECRET=… bucketry notify add 'On call' --kind webhook --channel-url \
         https://pager.example.com/bucketry",
    ),
    (
        &["Pager"],
        "BUCKETRY_CHANNEL_SECRET=… bucketry notify add Pager --kind webhook --channel-url \
         https://pager.example.com/bucketry",
    ),
    (&["silence rm"], "bucketry notify silence add --for 1h"),
    (
        &["--context us"],
        "bucketry context add us --url https://bucketry.example.com && bucketry login --context us --email you@example.com",
    ),
];

/// Programs that may be missing. Commands that begin with them are then skipped.
const OPTIONAL: [(&str, &str); 1] = [("promtool ", "BUCKETRY_TEST_PROMTOOL")];

/// A person with a deployment.
#[derive(Debug)]
pub(crate) struct PageReader {
    server: Server,
    _receiver: Receiver,
    shell: PageShell,
    placeholders: Placeholders,
    password: &'static str,
}

impl PageReader {
    /// Starts a deployment with what these commands assume.
    pub(crate) async fn of(blocks: &[CodeBlock], root: &Path) -> Result<Self> {
        let options = embedded_options()?
            .without_env("BUCKETRY_ENDPOINT_POLICY")
            .env("BUCKETRY_ALLOWED_ENDPOINTS", "127.0.0.0/8")
            .env("BUCKETRY_PROBE_INTERVAL", "5");
        let commands: Vec<_> =
            blocks.iter().flat_map(|block| &block.steps).map(|step| &step.command).collect();
        let mentions = |text: &str| commands.iter().any(|command| command.contains(text));
        let database = if mentions("postgres://bucketry:") { new_database().await? } else { String::new() };
        let (server, receiver) = (Server::start(options).await?, Receiver::start(CHANNEL_KEY).await?);
        let shell = PageShell::new()?;
        let placeholders = Placeholders::new(&PageAddresses {
            api: server.api(),
            gateway: server.gateway().unwrap_or_default(),
            storage: &shared_s3_endpoint()?,
            receiver: receiver.url(),
            database: &database,
            data_dir: server.data_dir(),
            config: &shell.home().join("settings.toml"),
            prometheus: &root.join("deploy/prometheus"),
        });
        write_files(&shell.home(), server.data_dir()).map_err(bucketry_e2e::Error::Files)?;
        let mut reader = Self { server, _receiver: receiver, shell, placeholders, password: OWNER_PASSWORD };
        let login = format!("bucketry login --url https://bucketry.example.com --email {OWNER_EMAIL}");
        let assumed = ASSUMED
            .iter()
            .filter(|(names, _)| names.iter().any(|name| mentions(name)))
            .map(|(_, command)| *command);
        for command in std::iter::once(login.as_str()).chain(assumed) {
            reader.begin()?;
            let printed = reader.run(command).await?;
            assert!(printed.status.success(), "{command}: {}", printed.text);
        }
        Ok(reader)
    }

    /// Runs a block, and returns what differs from the page.
    pub(crate) async fn try_block(&mut self, block: &CodeBlock) -> Result<Vec<String>> {
        self.begin()?;
        if let Some(setup) = &block.setup {
            let printed = self.run(setup).await?;
            if !printed.status.success() {
                return Ok(vec![format!("{}: the setup {setup} failed: {}", block.line, printed.text)]);
            }
        }
        let mut faults = Vec::new();
        for step in &block.steps {
            let is_missing = |(program, variable): &(&str, &str)| {
                step.command.starts_with(program) && std::env::var_os(variable).is_none()
            };
            if OPTIONAL.iter().any(is_missing) {
                continue;
            }
            faults.extend(self.try_step(step).await?);
        }
        Ok(faults)
    }

    async fn try_step(&mut self, step: &ShellStep) -> Result<Option<String>> {
        let shown: Vec<String> = step.shown.iter().map(|line| self.placeholders.fill(line)).collect();
        let fails = is_failure(&shown);
        let printed = match ready_text(&step.command).filter(|_| !fails) {
            Some(ready) => {
                let command = self.placeholders.fill(&step.command);
                match self.shell.run_until_ready(&command, ready).await {
                    Ok(printed) => printed,
                    Err(error) => return Ok(Some(format!("{}: `{}`: {error}", step.line, step.command))),
                }
            }
            None => self.run(&step.command).await?,
        };
        let wanted = match (fails, printed.status.success()) {
            (true, true) => Some("it doesn't fail".to_owned()),
            (false, false) => Some(format!("it ended with {}", printed.status)),
            _ => missing(&shown, &printed.text).map(|line| format!("it didn't print `{line}`")),
        };
        Ok(wanted.map(|wanted| {
            let command = self.placeholders.fill(&step.command);
            format!("{}: `{command}`: {wanted}. It printed:\n{}", step.line, printed.text)
        }))
    }

    fn begin(&self) -> Result<()> {
        self.shell.begin(&[("BUCKETRY_BUCKET_SECRET", ADMIN.secret)])
    }

    /// Runs a command of a page, types what it asks for, and pastes what it prints to be pasted.
    async fn run(&mut self, command: &str) -> Result<Printed> {
        if let Some(freeing) = free_name(command) {
            self.shell.run(&freeing, "").await?;
        }
        if command.contains("AKIDREADER") {
            self.shell.paste(&format!("export BUCKETRY_BUCKET_SECRET='{}'", READ_ONLY.secret))?;
        }
        let mut filled = self.placeholders.fill(command);
        if filled.contains("019ab6c0-…") {
            let first = "bucketry notify silence list -o json | grep -m 1 '\"id\"' | cut -d '\"' -f 4";
            let list = self.shell.run(first, "").await?;
            filled = filled.replace("019ab6c0-…", list.text.trim());
        }
        let is_password_change = filled.starts_with("bucketry user password");
        let is_login = filled.contains("bucketry login") && !filled.contains("--password-stdin");
        let input = if is_password_change {
            format!("{}\n{NEXT_PASSWORD}\n", self.password)
        } else if is_login {
            format!("{}\n", self.password)
        } else {
            String::new()
        };
        let printed = self.shell.run(&filled, &input).await?;
        if is_password_change && printed.status.success() {
            self.password = NEXT_PASSWORD;
        }
        if filled.contains("repo connect") && filled.contains("--new-key") {
            self.paste_settings(&printed.text).await?;
        }
        Ok(printed)
    }

    /// Pastes the settings of an S3 client, and waits until the gateway knows the key.
    async fn paste_settings(&self, printed: &str) -> Result<()> {
        let exports: Vec<_> = printed.lines().filter(|line| line.starts_with("export ")).collect();
        self.shell.paste(&exports.join("\n"))?;
        let setting = |name: &str| {
            let value = exports.iter().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            value.unwrap_or_default().trim_matches('\'').to_owned()
        };
        let access = RepositoryAccess {
            repository: String::new(),
            endpoint: self.server.gateway().unwrap_or_default().to_owned(),
            key: setting("AWS_ACCESS_KEY_ID"),
            secret: setting("AWS_SECRET_ACCESS_KEY"),
            bucket: bucketry_e2e::OPEN_BUCKET.to_owned(),
            prefix: String::new(),
        };
        let look = async || Ok(access.object(Method::GET, "no-such-object").send().await?.status);
        eventually("the gateway knowing the key", SOON, look, |status| *status == 404).await?;
        Ok(())
    }
}

/// The text that shows that a command is ready which runs until it is ended. `None` for other commands.
fn ready_text(command: &str) -> Option<&'static [&'static str]> {
    let has = |text: &str| command.contains(text);
    if has("bucketry serve") && !has("--help") && !has("--print-config") {
        Some(&["listening api="])
    } else if has("bucketry demo") && !has("--help") {
        Some(&["In another terminal:"])
    } else if has(" --watch") {
        Some(&["\n"])
    } else {
        None
    }
}

/// A command that removes what `command` is about to add, so that pages may add the same thing several times.
fn free_name(command: &str) -> Option<String> {
    let kinds = ["bucket", "repo", "notify", "context"];
    let (kind, rest) = kinds
        .iter()
        .find_map(|kind| Some((*kind, command.split_once(&format!("bucketry {kind} add "))?.1)))?;
    let end = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].find(quote)? + 2,
        _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
    };
    let name = &rest[..end];
    let confirmed = if kind == "context" { "" } else { " --yes" };
    let users = if name == "Photos" { "bucketry repo rm Media --yes; " } else { "" };
    Some(format!("{users}bucketry {kind} rm {name}{confirmed}"))
}

/// What a reader has in the home directory.
fn write_files(home: &Path, data_dir: &Path) -> std::io::Result<()> {
    std::fs::write(home.join("holiday.jpg"), "not really a picture")?;
    let settings = format!(
        "data_dir = \"{}\"\npublic_url = \"https://bucketry.example.com\"\n\
         gateway_url = \"https://gateway.example.com\"\ntrusted_proxies = \"10.0.0.0/24\"\n\
         metrics_listen = \"127.0.0.1:9464\"\nallowed_endpoints = \"10.0.1.0/24\"\nbackup_max_age = 2\n",
        data_dir.display()
    );
    std::fs::write(home.join("settings.toml"), settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_freed_before_it_is_added_again() {
        let free = |command| free_name(command).unwrap();
        assert_eq!(
            free("bucketry notify add \"On call\" --kind slack"),
            "bucketry notify rm \"On call\" --yes"
        );
        assert_eq!(free("X=1 bucketry bucket add Films --bucket f"), "bucketry bucket rm Films --yes");
        assert_eq!(free("bucketry context add eu"), "bucketry context rm eu");
        assert!(free("bucketry bucket add Photos --paste -").starts_with("bucketry repo rm Media --yes; "));
        assert_eq!(free_name("bucketry bucket list"), None);
    }

    #[test]
    fn servers_run_until_they_are_ended_and_other_commands_end() {
        assert!(
            ready_text("bucketry serve --data-dir x").is_some()
                && ready_text("bucketry bucket list --watch").is_some()
        );
        assert_eq!(ready_text("bucketry serve --config x --print-config"), None);
        assert_eq!(ready_text("bucketry doctor"), None);
    }
}
