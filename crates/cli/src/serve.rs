//! `bucketry serve`.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::ServeOptions;
use crate::command_options::command_line;
use crate::deployment::Deployment;
use crate::failure::{Failure, Result};
use crate::first_start::FirstOwner;
use crate::settings::{ServiceCommand, SettingsLayer};
use crate::{environment_variables, logging, output, program, service_manager};

/// Runs the server until a signal stops it.
pub(crate) async fn run(options: ServeOptions) -> Result<()> {
    let file = match &options.config {
        Some(path) => SettingsLayer::from_file(path, ServiceCommand::Serve)?,
        None => SettingsLayer::default(),
    };
    let settings = options.settings.over(file);
    let warnings = environment_variables::warnings(&command_line());
    if options.print_config {
        for warning in &warnings {
            output::remark(&format!("warning: {warning}"));
        }
        let text = settings.effective(ServiceCommand::Serve)?;
        let password =
            if std::env::var_os("BUCKETRY_ADMIN_PASSWORD").is_some() { "set, not shown" } else { "not set" };
        return output::line(&format!("{text}# BUCKETRY_ADMIN_PASSWORD: {password}"));
    }
    let settings = settings.read()?;
    logging::start(settings.log_format, &settings.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // From here on, a signal during the start is not lost.
    let stop = Stop::listen()?;
    let deployment =
        Deployment::start(&settings, |owner, url| output::remark(&introduction(owner, url))).await?;
    let url = deployment.url();
    let gateway = deployment.gateway_url();
    let metrics = deployment.metrics_url();
    let listeners =
        [("api", Some(url.as_str())), ("gateway", gateway.as_deref()), ("metrics", metrics.as_deref())];
    announce(&listeners, options.ready_file.as_deref())?;
    service_manager::ready(&format!("serving the API at {url}"));
    stop.wait_alive().await;
    deployment.stop().await;
    Ok(())
}

/// The message of the first start, for the terminal and not for the log. A generated password gets a frame.
fn introduction(owner: &FirstOwner, url: &str) -> String {
    let made = format!("First start: created the organization `default` with the owner {}.", owner.email);
    let Some(password) = &owner.generated_password else { return made };
    let program = program::command();
    let lines = [
        made,
        String::new(),
        format!("Password (shown only once): {}", password.expose()),
        format!("You must change it at the first sign-in: open {url} in a browser, or"),
        String::new(),
        format!("  {program} login --url {url} --email {}", owner.email),
        format!("  {program} user password"),
        format!("  {program} bucket add --help"),
    ];
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let edge = "─".repeat(width + 2);
    let framed: Vec<String> = lines.iter().map(|line| format!("│ {line:width$} │")).collect();
    format!("┌{edge}┐\n{}\n└{edge}┘", framed.join("\n"))
}

/// Prints what listens where as the first line on standard output, and writes it to the file, if there is one.
pub(crate) fn announce(listeners: &[(&str, Option<&str>)], ready_file: Option<&Path>) -> Result<()> {
    let line = listeners.iter().filter_map(|(name, url)| Some(format!(" {name}={}", url.as_ref()?)));
    output::line(&format!("listening{}", line.collect::<String>()))?;
    let Some(path) = ready_file else { return Ok(()) };
    let mut ready: serde_json::Map<_, _> =
        listeners.iter().map(|(name, url)| ((*name).to_owned(), (*url).into())).collect();
    ready.insert("pid".to_owned(), std::process::id().into());
    write_ready(path, &ready.into())
}

/// Writes a file atomically, so that a program that waits for it never reads half of it.
pub(crate) fn write_ready(path: &Path, value: &serde_json::Value) -> Result<()> {
    let failed = |error: std::io::Error| Failure::failed(format!("can't write {}: {error}", path.display()));
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    std::fs::write(&aside, value.to_string()).map_err(failed)?;
    std::fs::rename(&aside, path).map_err(failed)
}

/// Waits for SIGTERM or SIGINT (Ctrl-C), and optionally SIGHUP.
pub(crate) struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Stop {
    pub(crate) fn listen() -> Result<Self> {
        let failed = |error: std::io::Error| Failure::because("can't listen for signals", &error);
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            hang_up: None,
        })
    }

    /// Like [`Stop::listen`], and also stops when the terminal closes. Not for a server: `nohup` must keep it
    /// running.
    #[cfg(feature = "demo")]
    pub(crate) fn listen_with_terminal() -> Result<Self> {
        let failed = |error: std::io::Error| Failure::because("can't listen for signals", &error);
        Ok(Self { hang_up: Some(signal(SignalKind::hangup()).map_err(failed)?), ..Self::listen()? })
    }

    /// Waits, and meanwhile reports to the service manager that the process is alive.
    pub(crate) async fn wait_alive(self) {
        tokio::select! {
            () = self.wait() => {}
            never = service_manager::report_alive() => match never {},
        }
        service_manager::stopping();
        tracing::info!("stopping");
    }

    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = async {
                match &mut self.hang_up {
                    Some(hang_up) => hang_up.recv().await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketry_model::secret::Secret;

    #[test]
    fn a_password_that_was_made_up_is_shown_in_a_frame_with_the_next_commands() {
        let owner = FirstOwner {
            email: "admin@localhost".to_owned(),
            generated_password: Some(Secret::new("Bk1-abc")),
        };
        let response = introduction(&owner, "http://127.0.0.1:8080");
        let widths: Vec<usize> = response.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{response}");
        assert_eq!(response.matches("Bk1-abc").count(), 1);
        assert_eq!(response.matches(&format!("│   {} ", program::command())).count(), 3, "{response}");
        let given = FirstOwner { generated_password: None, ..owner };
        assert!(!introduction(&given, "http://127.0.0.1:8080").contains('│'));
    }
}
