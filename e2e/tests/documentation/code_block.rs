//! Finds the commands in a page: blocks of code whose language is `console` (lines that begin with `$ ` are commands, the
//! lines below them are what they print) or `sh` (every line is a command).
//!
//! Comments directly above a block are for the test:
//!
//! - `<!-- not tested: REASON -->`: the block isn't run.
//! - `<!-- test setup: COMMAND -->`: a command that is run before the block, to bring about what it is about.

/// The beginning of the comment that excludes a block.
pub(crate) const MARK: &str = "not tested:";
const SETUP: &str = "test setup:";
/// Languages of which every line is a command.
const SCRIPTS: [&str; 4] = ["sh", "bash", "shell", "zsh"];

/// A block with commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeBlock {
    /// The line of its fence; the first line of a page is 1.
    pub(crate) line: usize,
    /// The reason why it isn't run.
    pub(crate) untested: Option<String>,
    /// The command to run before it.
    pub(crate) setup: Option<String>,
    pub(crate) steps: Vec<ShellStep>,
}

/// A command and what the page shows of its output.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ShellStep {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

/// What a page contains for the test.
#[derive(Debug, Default)]
pub(crate) struct PageBlocks {
    pub(crate) blocks: Vec<CodeBlock>,
    /// What is wrong with the page, each with its line.
    pub(crate) faults: Vec<String>,
}

impl PageBlocks {
    /// Reads a page.
    pub(crate) fn of(text: &str) -> Self {
        let mut page = Self::default();
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        let (mut untested, mut setup) = (None, None);
        while let Some((number, line)) = lines.next() {
            let line_text = line.trim();
            if let Some(comment) = line_text.strip_prefix("<!--") {
                let mut comment = comment.to_owned();
                while !comment.contains("-->") {
                    let Some((_, more)) = lines.next() else { break };
                    comment.push('\n');
                    comment.push_str(more);
                }
                let comment = comment.split("-->").next().unwrap_or_default().trim();
                if let Some(reason) = comment.strip_prefix(MARK) {
                    untested = Some((number, reason.trim().to_owned()));
                } else if let Some(command) = comment.strip_prefix(SETUP) {
                    setup = Some((number, command.trim().to_owned()));
                }
            } else if let Some(language) = line_text.strip_prefix("```") {
                let indent = line.len() - line.trim_start().len();
                let body = lines.by_ref().take_while(|(_, line)| line.trim() != "```");
                let body: Vec<_> = body.map(|(at, line)| (at, without_indent(line, indent))).collect();
                let found = page.read_block(number, language.trim(), &body);
                if let Some(mut block) = found {
                    block.untested = untested.take().map(|(_, reason)| reason);
                    block.setup = setup.take().map(|(_, command)| command);
                    if block.untested.as_deref() == Some("") {
                        page.faults.push(format!("{number}: `{MARK}` needs a reason"));
                    }
                    page.blocks.push(block);
                }
            } else if !line_text.is_empty() {
                for (number, _) in untested.take().into_iter().chain(setup.take()) {
                    page.faults.push(format!("{number}: the comment belongs to no block with commands"));
                }
            }
        }
        page
    }

    fn read_block(&mut self, line: usize, language: &str, body: &[(usize, &str)]) -> Option<CodeBlock> {
        let is_command = |line: &str| line.starts_with("$ ");
        let block = CodeBlock { line, ..CodeBlock::default() };
        if SCRIPTS.contains(&language) {
            let command = body.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
            return Some(CodeBlock { steps: vec![ShellStep { line, command, shown: Vec::new() }], ..block });
        }
        let commands = body.iter().filter(|(_, line)| is_command(line)).count();
        match (language, commands) {
            ("console", 0) => self.faults.push(format!("{line}: no line of the block begins with `$ `")),
            ("console", _) => return Some(CodeBlock { steps: self.steps(body), ..block }),
            (_, 0) => {}
            _ => self.faults.push(format!("{line}: a block with commands must have the language `console`")),
        }
        None
    }

    fn steps(&mut self, body: &[(usize, &str)]) -> Vec<ShellStep> {
        let mut steps: Vec<ShellStep> = Vec::new();
        let mut lines = body.iter();
        while let Some((line, text)) = lines.next() {
            let Some(command) = text.strip_prefix("$ ") else {
                match steps.last_mut() {
                    Some(step) => step.shown.push((*text).to_owned()),
                    None => self.faults.push(format!("{line}: output without a command")),
                }
                continue;
            };
            let mut command = command.to_owned();
            let end = here_document(&command);
            let is_open = |text: &str| match &end {
                Some(end) => text.lines().last() != Some(end),
                None => text.ends_with('\\'),
            };
            while is_open(&command) {
                let Some((_, more)) = lines.next() else { break };
                command.push('\n');
                command.push_str(more);
            }
            steps.push(ShellStep { line: *line, command, shown: Vec::new() });
        }
        steps
    }
}

/// The word that ends the here-document of a command.
fn here_document(command: &str) -> Option<String> {
    let (_, word) = command.split_once("<<")?;
    let word = word.trim_start_matches('-').split_whitespace().next()?;
    Some(word.trim_matches(['\'', '"']).to_owned())
}

fn without_indent(line: &str, indent: usize) -> &str {
    let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
    line.get(spaces.min(indent)..).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let page = PageBlocks::of(text);
        assert_eq!(page.faults, Vec::<String>::new());
        page.blocks.into_iter().flat_map(|block| block.steps).map(|step| step.command).collect()
    }

    #[test]
    fn commands_are_found_with_their_output_and_over_several_lines() {
        let text =
            "a\n\n  ```console\n  $ one \\\n    --two\n  printed\n  $ cat <<'END'\n  $ x\n  END\n  ```\n";
        assert_eq!(commands(text), ["one \\\n  --two", "cat <<'END'\n$ x\nEND"]);
        let page = PageBlocks::of(text);
        assert_eq!(page.blocks[0].line, 3);
        assert_eq!((page.blocks[0].steps[0].line, &page.blocks[0].steps[0].shown[0][..]), (4, "printed"));
        assert_eq!(commands("```sh\nset -x\nls\n```\n```json\n{}\n```"), ["set -x\nls"]);
    }

    #[test]
    fn comments_above_a_block_are_for_it() {
        let page = PageBlocks::of(
            "<!-- test setup: touch\nx -->\n<!-- not tested: needs Docker -->\n\n```console\n$ ls\n```\n```console\n$ ls\n```",
        );
        assert_eq!(page.blocks[0].untested.as_deref(), Some("needs Docker"));
        assert_eq!(page.blocks[0].setup.as_deref(), Some("touch\nx"));
        assert_eq!((&page.blocks[1].untested, &page.blocks[1].setup), (&None, &None));
    }

    #[test]
    fn what_can_not_be_run_as_it_stands_is_a_fault() {
        for (text, fault) in [
            ("<!-- not tested: x -->\nText.", "1: the comment belongs"),
            ("<!-- not tested: -->\n```sh\nls\n```", "2: `not tested:` needs"),
            ("```\n$ ls\n```", "1: a block with commands must"),
            ("```console\nls\n```", "1: no line of the block"),
            ("```console\nx\n$ ls\n```", "2: output without"),
        ] {
            let faults = PageBlocks::of(text).faults;
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{text}: {faults:?}");
        }
    }
}
