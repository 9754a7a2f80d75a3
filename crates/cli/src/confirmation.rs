//! Asks before something is deleted.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use crate::failure::{Failure, Result};
use crate::printable::printable_lines;

/// Whether to ask before something is deleted.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Confirmation {
    /// Don't ask for confirmation; without a terminal, commands never ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl Confirmation {
    /// Asks a person at a terminal. A script, whose standard input or standard error is not a terminal, is not asked:
    /// it means what it says, and nobody could answer.
    pub(crate) fn ask(self, question: &str) -> Result<()> {
        let (stdin, stderr) = (std::io::stdin(), std::io::stderr());
        if self.yes || !stdin.is_terminal() || !stderr.is_terminal() {
            return Ok(());
        }
        let mut line = String::new();
        let mut to = stderr.lock();
        write!(to, "{} [y/N] ", printable_lines(question))
            .and_then(|()| to.flush())
            .and_then(|()| stdin.lock().read_line(&mut line))
            .map_err(|error| Failure::failed(format!("can't ask for confirmation: {error}: pass --yes")))?;
        if is_yes(&line) { Ok(()) } else { Err(Failure::failed("nothing was changed")) }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y\n", "Yes\r\n", " YES "].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yess\n", "ja\n", "y y"].into_iter().any(is_yes));
    }
}
