//! Writes a file. The same contents always give the same text.

use std::fmt::Write as _;

use bucketry_api_types::csv::is_escaped;

use super::{
    END, FORMAT_VERSION, FileAttachment, FileBucket, FileRepository, FileWorkspace, HAS_END, SecretSource,
};

/// A text that is written part by part: all workspaces, then all buckets, then all repositories, then the end. A text without
/// its end is refused by those who read it.
#[derive(Debug, Default)]
pub(crate) struct FileWriter {
    text: String,
    list: Option<&'static str>,
}

impl FileWriter {
    /// `scope` is the only workspace that the file is about.
    pub(crate) fn new(scope: Option<&str>) -> Self {
        let mut writer = Self { text: format!("version: {FORMAT_VERSION}\n{HAS_END}: true\n"), list: None };
        if let Some(scope) = scope {
            writer.line("scope: ", &quoted(scope));
        }
        writer
    }

    pub(crate) fn workspace(&mut self, workspace: &FileWorkspace) {
        self.begin("workspaces", &workspace.name);
        let Some(members) = &workspace.members else { return };
        if members.is_empty() {
            self.text.push_str("  members: []\n");
            return;
        }
        self.text.push_str("  members:\n");
        for member in members {
            self.line("  - user: ", &quoted(&member.user));
            self.line("    role: ", member.role.as_str());
        }
    }

    pub(crate) fn bucket(&mut self, bucket: &FileBucket) {
        self.begin("buckets", &bucket.name);
        self.field("workspace", bucket.workspace.as_deref());
        self.field("bucket", bucket.bucket.as_deref());
        if let Some(name) = bucket.storage_type {
            self.line("  type: ", name.as_str());
        }
        self.field("endpoint", bucket.endpoint.as_deref());
        self.field("region", bucket.region.as_deref());
        self.field("key", bucket.key.as_deref());
        match &bucket.secret {
            Some(SecretSource::File(path)) => self.field("secretFile", path.to_str()),
            Some(SecretSource::Variable(name)) => self.field("secretEnv", Some(name)),
            None => {}
        }
        if bucket.read_only {
            self.line("  readOnly: ", "true");
        }
        if let Some(pins) = &bucket.pinned_to {
            self.text.push_str("  pinnedTo:\n");
            self.texts("nodes", &pins.nodes);
            self.texts("regions", &pins.regions);
        }
    }

    /// A list in the pins of a bucket.
    fn texts(&mut self, key: &str, texts: &[String]) {
        if texts.is_empty() {
            self.line(&format!("    {key}: "), "[]");
            return;
        }
        self.line(&format!("    {key}"), ":");
        for text in texts {
            self.line("    - ", &quoted(text));
        }
    }

    pub(crate) fn repository(&mut self, repository: &FileRepository) {
        self.begin("repositories", &repository.name);
        self.field("workspace", repository.workspace.as_deref());
        if let Some(mode) = repository.mode {
            self.line("  mode: ", mode.as_str());
        }
        let Some(buckets) = &repository.buckets else { return };
        if buckets.is_empty() {
            self.text.push_str("  buckets: []\n");
            return;
        }
        self.text.push_str("  buckets:\n");
        for attached in buckets {
            self.attachment(attached);
        }
    }

    /// Writes that nothing is missing.
    pub(crate) fn end(&mut self) {
        self.line(END, ": true");
    }

    /// Takes what was written since the last call.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn attachment(&mut self, attached: &FileAttachment) {
        self.line("  - bucket: ", &quoted(&attached.bucket));
        if !attached.folder.as_str().is_empty() {
            self.line("    folder: ", &quoted(attached.folder.as_str()));
        }
        if attached.master {
            self.line("    master: ", "true");
        }
    }

    fn begin(&mut self, list: &'static str, name: &str) {
        if self.list != Some(list) {
            self.list = Some(list);
            self.line(list, ":");
        }
        self.line("- name: ", &quoted(name));
    }

    fn field(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.line(&format!("  {key}: "), &quoted(value));
        }
    }

    fn line(&mut self, begin: &str, end: &str) {
        self.text.push_str(begin);
        self.text.push_str(end);
        self.text.push('\n');
    }
}

/// A text as a scalar: bare where nothing in it has a meaning in any version of YAML, otherwise in double quotes.
fn quoted(text: &str) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            hidden if is_escaped(hidden) => {
                // Writing to a string can't fail.
                _ = write!(quoted, "\\U{:08x}", u32::from(hidden));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether the text is a word or several that no parser takes for a number, a date, a boolean or null.
fn is_bare(text: &str) -> bool {
    const MEANINGFUL: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_word = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'@' | b'+' | b'=' | b':' | b' ')
    };
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    begins
        && text.bytes().all(is_word)
        // `a:` would be a key; `a:b` is a text.
        && !text.ends_with([':', ' '])
        && !text.contains(": ")
        && !MEANINGFUL.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use bucketry_model::repository::{Folder, RepositoryMode};
    use bucketry_model::role::WorkspaceRole;
    use proptest::prelude::*;

    use super::super::FilePins;
    use super::super::{FileMember, FileScope, RegistryFile, decode_file};
    use super::*;

    fn written(file: &RegistryFile) -> String {
        let mut writer = FileWriter::new(file.scope.as_ref().map(|scope| scope.name.as_str()));
        file.workspaces.iter().flatten().for_each(|one| writer.workspace(one));
        file.buckets.iter().flatten().for_each(|one| writer.bucket(one));
        file.repositories.iter().flatten().for_each(|one| writer.repository(one));
        writer.end();
        writer.take()
    }

    fn without_lines(mut file: RegistryFile) -> RegistryFile {
        file.scope.iter_mut().for_each(|scope| scope.line = 0);
        file.workspaces.iter_mut().flatten().for_each(|one| one.line = 0);
        file.buckets.iter_mut().flatten().for_each(|one| one.line = 0);
        file.repositories.iter_mut().flatten().for_each(|one| one.line = 0);
        file
    }

    fn file_named(name: &str, other: &str) -> RegistryFile {
        let text = || Some(other.to_owned());
        let attached =
            FileAttachment { bucket: other.to_owned(), folder: Folder::parse("a/b").unwrap(), master: true };
        RegistryFile {
            scope: None,
            workspaces: Some(vec![FileWorkspace {
                line: 0,
                name: name.to_owned(),
                members: Some(vec![FileMember { user: other.to_owned(), role: WorkspaceRole::Write }]),
            }]),
            buckets: Some(vec![FileBucket {
                line: 0,
                name: name.to_owned(),
                workspace: text(),
                bucket: text(),
                storage_type: "GCS".parse().ok(),
                endpoint: text(),
                region: Some(String::new()),
                key: text(),
                secret: Some(SecretSource::File(other.into())),
                read_only: true,
                pinned_to: Some(FilePins { nodes: vec![other.to_owned()], regions: Vec::new() }),
            }]),
            repositories: Some(vec![FileRepository {
                line: 0,
                name: name.to_owned(),
                workspace: text(),
                mode: Some(RepositoryMode::Mirror),
                buckets: Some(vec![attached]),
            }]),
        }
    }

    #[test]
    fn a_file_is_written_plainly() {
        let text = written(&file_named("Photos", "ann@example.com"));
        assert_eq!(
            text,
            "version: 1\nhasEnd: true\nworkspaces:\n- name: Photos\n  members:\n  - user: ann@example.com\n    role: WRITE\nbuckets:\n- name: \
             Photos\n  workspace: ann@example.com\n  bucket: ann@example.com\n  type: GCS\n  endpoint: ann@example.com\n  region: \
             \"\"\n  key: ann@example.com\n  secretFile: ann@example.com\n  readOnly: true\n  pinnedTo:\n    nodes:\n    - ann@example.com\n    regions: []\nrepositories:\n- name: Photos\n  \
             workspace: ann@example.com\n  mode: MIRROR\n  buckets:\n  - bucket: ann@example.com\n    folder: a/b\n    master: \
             true\nend: true\n"
        );
        assert_eq!(written(&RegistryFile::default()), "version: 1\nhasEnd: true\nend: true\n");
        let quotes = |name: &str| quoted(name) != name;
        assert!(!quotes("Holiday photos - 2026") && !quotes("a:b"));
        assert!(["a ", " a", "a: b", "a #b", "a:", "no", "2026 photos"].into_iter().all(quotes));
        let scoped = RegistryFile {
            scope: Some(FileScope { line: 0, name: "team: one".to_owned() }),
            ..RegistryFile::default()
        };
        let text = written(&scoped);
        assert_eq!(text, "version: 1\nhasEnd: true\nscope: \"team: one\"\nend: true\n");
        assert_eq!(without_lines(decode_file(&text).unwrap()), scoped);
    }

    #[test]
    fn texts_with_a_meaning_in_yaml_are_read_again() {
        for name in [
            "- a",
            "a: b",
            "a:",
            "a:b",
            "a #b",
            "#",
            "*a",
            "&a",
            "!a",
            "@a",
            "`a",
            "%a",
            "|",
            ">",
            "{a}",
            "[a]",
            "'a'",
            "\"a\"",
            "no",
            "~",
            "null",
            "2024-01-31",
            "1e3",
            "0x1f",
            "? a",
            "a\\nb",
            "übersee",
            "日本語",
            "👩‍👩‍👧",
            "a\u{2028}b",
            "a\u{200b}b",
            "--- a",
            "...",
            "<<",
            "=",
            "a,b",
            ".inf",
            "x\u{feff}y",
        ] {
            let file = file_named(name, name);
            let text = written(&file);
            assert_eq!(decode_file(&text).map(without_lines).map_err(|e| e.to_string()), Ok(file), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(name in "\\PC{1,255}", other in "\\PC{1,64}") {
            prop_assume!(!name.trim().is_empty() && !other.trim().is_empty());
            let file = file_named(name.trim(), &other);
            let text = written(&file);
            prop_assert_eq!(decode_file(&text).map(without_lines).map_err(|e| e.to_string()), Ok(file));
        }

        #[test]
        fn no_text_breaks_the_reader(text in any::<String>(), yaml in "[-a:\\[\\]{}\"' \n#&*!|>?,~]{0,200}") {
            let _ = decode_file(&text);
            let _ = decode_file(&yaml);
        }
    }
}
