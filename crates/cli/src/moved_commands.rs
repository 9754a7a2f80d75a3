//! Commands that had another name: the error says where they are now.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Former subcommands of `bucketry node`, which now runs a node, and what has replaced them.
const NODE: [(&str, &str); 3] = [("list", "list"), ("ls", "list"), ("show", "show")];

/// The error about a subcommand of `bucketry node`, with the command that has replaced it.
pub(crate) fn name_replacement(
    mut error: clap::Error,
    arguments: impl Iterator<Item = OsString>,
) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else { return error };
    let moved = NODE.iter().find(|(former, _)| former == unknown);
    let words: Vec<OsString> = arguments.collect();
    let follows_node = words.windows(2).any(|pair| pair[0] == "node" && pair[1] == unknown.as_str());
    if let Some((_, now)) = moved.filter(|_| follows_node) {
        let tip = format!("`bucketry node` runs a node; use `bucketry nodes {now}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_options::command_line;

    fn error_of(line: &[&str]) -> String {
        let error = command_line().try_get_matches_from(line).unwrap_err();
        name_replacement(error, line.iter().map(OsString::from)).to_string()
    }

    #[test]
    fn former_subcommands_of_node_lead_to_nodes() {
        for (former, now) in NODE {
            for line in [vec!["bucketry", "node", former], vec!["bucketry", "node", former, "eu-1", "--json"]]
            {
                let error = error_of(&line);
                assert!(error.contains(&format!("use `bucketry nodes {now}`")), "{line:?}: {error}");
            }
        }
        assert!(!error_of(&["bucketry", "node", "start"]).contains("bucketry nodes"));
        assert!(!error_of(&["bucketry", "serve", "list"]).contains("bucketry nodes"));
    }
}
