//! Runs the built binary at a real terminal (a pseudo-terminal of Python's `pty`): it asks, colours and fits the width.

use serde_json::{Value, json};

use crate::{CommandLine, Result, run_python};

/// Runs a program at a terminal of a width. Waits for each expected text, then types the answer to it.
const AT_TERMINAL: &str = r#"
import fcntl, json, os, pty, select, struct, sys, termios, time
call = json.loads(sys.argv[1])
process, terminal = pty.fork()
if process == 0:
    os.chdir(call["directory"])
    os.execve(call["program"], [call["program"], *call["args"]], call["env"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, call["columns"], 0, 0))
shown, seen, answers, ends = b"", 0, call["answers"], time.monotonic() + 60
while time.monotonic() < ends:
    if answers and answers[0][0].encode() in shown[seen:]:
        # A program that asks for a secret switches echo off right after it has asked.
        secret = any(word in answers[0][0].lower() for word in ("secret", "password"))
        while secret and time.monotonic() < ends and termios.tcgetattr(terminal)[3] & termios.ECHO:
            pass
        seen = len(shown)
        os.write(terminal, (answers.pop(0)[1]).encode())
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
print(json.dumps({"status": status, "shown": shown.decode(errors="replace").replace("\r\n", "\n"), "unasked": len(answers)}))
"#;

/// What a person at a terminal saw.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The exit status.
    pub status: i64,
    /// Everything on the screen, with colours as escape sequences. Typed text is included where it was echoed.
    pub text: String,
    /// How many of the answers were not asked for.
    pub unasked: u64,
}

impl CommandLine {
    /// Runs `bucketry` with these arguments at a terminal of a width. Each answer is typed when its text is shown.
    pub async fn at_terminal(&self, columns: u16, args: &[&str], answers: &[(&str, &str)]) -> Result<Shown> {
        let command = self.command(args);
        // What the command gets beside its own variables: those of a terminal, and nothing of this run's.
        let inherited = ["PATH", "TMPDIR"].iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
        let mut env: serde_json::Map<String, Value> =
            inherited.map(|(name, value)| (name.to_owned(), value.into())).collect();
        env.insert("TERM".to_owned(), "xterm-256color".into());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                env.insert(name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned().into());
            }
        }
        let call = json!({
            "program": command.get_program().to_string_lossy(), "args": args, "env": env, "columns": columns,
            "directory": self.home().to_string_lossy(), "answers": answers,
        });
        let shown = run_python(AT_TERMINAL, &[&call.to_string()]).await?;
        Ok(Shown {
            status: shown["status"].as_i64().unwrap_or(-1),
            text: shown["shown"].as_str().unwrap_or_default().to_owned(),
            unasked: shown["unasked"].as_u64().unwrap_or_default(),
        })
    }
}
