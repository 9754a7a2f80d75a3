//! From YAML to the contents of a file. Everything that is wrong is reported at once, with line, path and, for a key that
//! doesn't exist, the most similar one.

use std::collections::HashMap;
use std::path::PathBuf;

use bucketry_model::name::Name;
use bucketry_model::repository::{Folder, RepositoryMode};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::storage_name::StorageName;

use super::problem::FileProblems;
use super::yaml::{self, YamlNode, YamlValue};
use super::{
    END, FORMAT_VERSION, FileAttachment, FileBucket, FileMember, FilePins, FileRepository, FileScope,
    FileWorkspace, HAS_END, RegistryFile, SecretSource, problem_of_missing_end,
};
use crate::nearest::nearest;

/// The keys of a file.
pub(super) const ROOT: &[&str] = &["version", HAS_END, "scope", "workspaces", "buckets", "repositories", END];
const WORKSPACE: &[&str] = &["name", "members"];
const MEMBER: &[&str] = &["user", "role"];
const BUCKET: &[&str] = &[
    "name",
    "workspace",
    "bucket",
    "type",
    "endpoint",
    "region",
    "key",
    "secretFile",
    "secretEnv",
    "readOnly",
    "pinnedTo",
];
const PINS: &[&str] = &["nodes", "regions"];
const REPOSITORY: &[&str] = &["name", "workspace", "mode", "buckets"];
const ATTACHMENT: &[&str] = &["bucket", "folder", "master"];

/// Reads a whole file.
pub(crate) fn decode_file(text: &str) -> Result<RegistryFile, FileProblems> {
    let root = yaml::parse(text)?;
    let mut decoder = FileDecoder::default();
    let file = decoder.file(&root);
    decoder.problems.none_or(file)
}

/// Reads one item of the list `buckets`, which begins on this line of the file. `index` is its position in the list.
pub(crate) fn decode_bucket_item(text: &str, line: usize, index: usize) -> Result<FileBucket, FileProblems> {
    let lines_before = line.saturating_sub(1);
    let root = yaml::parse(text).map_err(|problem| FileProblems::from(problem).after_lines(lines_before))?;
    let mut decoder = FileDecoder::default();
    let read = match &root.value {
        YamlValue::List(nodes) if nodes.len() == 1 => decoder.bucket(&nodes[0], index),
        _ => {
            decoder.problems.add(1, &format!("buckets[{index}]"), "must be one mapping");
            None
        }
    };
    let mut bucket = decoder
        .problems
        .none_or(read.unwrap_or_default())
        .map_err(|problems| problems.after_lines(lines_before))?;
    bucket.line += lines_before;
    Ok(bucket)
}

#[derive(Default)]
struct FileDecoder {
    problems: FileProblems,
}

/// The members of a mapping, with its path.
struct MappingMembers<'n> {
    line: usize,
    path: String,
    values: HashMap<&'n str, &'n YamlNode>,
}

impl MappingMembers<'_> {
    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl FileDecoder {
    fn file(&mut self, root: &YamlNode) -> RegistryFile {
        let Some(members) = self.members(root, String::new(), ROOT) else { return RegistryFile::default() };
        match self.text(&members, "version") {
            Some(version) if version != FORMAT_VERSION => {
                let line = members.values.get("version").map_or(1, |node| node.line);
                let message =
                    format!("is a format that this program doesn't know: it reads version {FORMAT_VERSION}");
                self.problems.add(line, "version", message);
            }
            Some(_) => {}
            None if members.values.contains_key("version") => {}
            None => {
                self.problems.add(
                    root.line,
                    "",
                    format!("lacks the key version: add `version: {FORMAT_VERSION}`"),
                );
            }
        }
        self.has_promised_end(&members);
        let file = RegistryFile {
            scope: self.scope(&members),
            workspaces: self.list(&members, "workspaces", Self::workspace),
            buckets: self.list(&members, "buckets", Self::bucket),
            repositories: self.list(&members, "repositories", Self::repository),
        };
        let workspaces = file.workspaces.iter().flatten();
        self.no_repeated("workspaces", workspaces.map(|one| (one.line, one.name.as_str())));
        self.no_repeated("buckets", file.buckets.iter().flatten().map(|one| (one.line, one.name.as_str())));
        let repositories = file.repositories.iter().flatten();
        self.no_repeated("repositories", repositories.map(|one| (one.line, one.name.as_str())));
        self.all_in_scope(&file);
        file
    }

    /// A part of an exported file is refused: what the rest contains would be missing, and could be deleted.
    fn has_promised_end(&mut self, members: &MappingMembers<'_>) {
        let is_promised = self.flag(members, HAS_END);
        if !self.flag(members, END) && is_promised {
            self.problems.add(
                members.values.get(HAS_END).map_or(1, |node| node.line),
                "",
                problem_of_missing_end(),
            );
        }
    }

    fn scope(&mut self, members: &MappingMembers<'_>) -> Option<FileScope> {
        let name = self.text(members, "scope")?;
        Some(FileScope { line: members.values.get("scope")?.line, name })
    }

    /// A file about one workspace has nothing of another.
    fn all_in_scope(&mut self, file: &RegistryFile) {
        let Some(scope) = &file.scope else { return };
        let workspaces = file.workspaces.iter().flatten();
        let buckets = file.buckets.iter().flatten();
        let repositories = file.repositories.iter().flatten();
        let named = workspaces
            .map(|one| ("workspaces", one.line, Some(&one.name)))
            .chain(buckets.map(|one| ("buckets", one.line, one.workspace.as_ref())))
            .chain(repositories.map(|one| ("repositories", one.line, one.workspace.as_ref())));
        let folded = scope.name.to_lowercase();
        for (list, line, name) in named {
            if name.is_some_and(|name| name.to_lowercase() != folded) {
                let message =
                    format!("has an entry of another workspace than the file's scope, {:?}", scope.name);
                self.problems.add(line, list, message);
            }
        }
    }

    fn workspace(&mut self, node: &YamlNode, index: usize) -> Option<FileWorkspace> {
        let members = self.members(node, format!("workspaces[{index}]"), WORKSPACE)?;
        let name = self.name(&members);
        let path = members.path.clone();
        let people = self.list(&members, "members", |decoder, node, index| {
            decoder.member(node, &format!("{path}.members[{index}]"))
        });
        Some(FileWorkspace { line: node.line, name: name?, members: people })
    }

    fn member(&mut self, node: &YamlNode, path: &str) -> Option<FileMember> {
        let members = self.members(node, path.to_owned(), MEMBER)?;
        let user = self.required(&members, "user");
        let role = self.required(&members, "role");
        let role = role.and_then(|text| match text.to_ascii_uppercase().parse::<WorkspaceRole>() {
            Ok(role) => Some(role),
            Err(error) => self.wrong(&members, "role", &error.to_string()),
        });
        Some(FileMember { user: user?, role: role? })
    }

    fn bucket(&mut self, node: &YamlNode, index: usize) -> Option<FileBucket> {
        let members = self.members(node, format!("buckets[{index}]"), BUCKET)?;
        let name = self.name(&members);
        let storage_type = self.text(&members, "type").and_then(|text| {
            let expected = "must be S3, GCS, BLOB, or a provider such as aws, r2, google, azure or minio";
            text.parse::<StorageName>().ok().or_else(|| self.wrong(&members, "type", expected))
        });
        let secret = self.secret(&members);
        let pinned_to = self.pins(&members);
        let bucket = FileBucket {
            line: node.line,
            name: name.unwrap_or_default(),
            workspace: self.text(&members, "workspace"),
            bucket: self.text(&members, "bucket"),
            storage_type,
            endpoint: self.text_or_nothing(&members, "endpoint"),
            region: self.text_or_nothing(&members, "region"),
            key: self.text_or_nothing(&members, "key"),
            secret,
            read_only: self.flag(&members, "readOnly"),
            pinned_to,
        };
        (!bucket.name.is_empty()).then_some(bucket)
    }

    /// A key without a value removes the pins.
    fn pins(&mut self, members: &MappingMembers<'_>) -> Option<FilePins> {
        let node = *members.values.get("pinnedTo")?;
        if node.value == YamlValue::Null {
            return Some(FilePins::default());
        }
        let pins = self.members(node, members.path_of("pinnedTo"), PINS)?;
        Some(FilePins { nodes: self.texts(&pins, "nodes"), regions: self.texts(&pins, "regions") })
    }

    fn texts(&mut self, members: &MappingMembers<'_>, key: &str) -> Vec<String> {
        let path = members.path_of(key);
        let read = self.list(members, key, |decoder, node, index| match &node.value {
            YamlValue::Text(text) => Some(text.clone()),
            other => {
                let message = format!("must be a text, and is {}", other.kind());
                decoder.problems.add(node.line, &format!("{path}[{index}]"), message);
                None
            }
        });
        read.unwrap_or_default()
    }

    fn secret(&mut self, members: &MappingMembers<'_>) -> Option<SecretSource> {
        let file = self.text(members, "secretFile");
        let variable = self.text(members, "secretEnv");
        match (file, variable) {
            (Some(_), Some(_)) => {
                self.wrong(members, "secretEnv", "and secretFile are given: leave one of them out")
            }
            (Some(file), None) => Some(SecretSource::File(PathBuf::from(file))),
            (None, Some(variable)) if is_variable(&variable) => Some(SecretSource::Variable(variable)),
            (None, Some(_)) => {
                // It may be the secret itself, so it is not repeated.
                let expected = "must be the name of an environment variable: letters, digits and _";
                self.wrong(members, "secretEnv", expected)
            }
            (None, None) => None,
        }
    }

    fn repository(&mut self, node: &YamlNode, index: usize) -> Option<FileRepository> {
        let members = self.members(node, format!("repositories[{index}]"), REPOSITORY)?;
        let name = self.name(&members);
        let mode = self.text(&members, "mode").and_then(|text| {
            match text.to_ascii_uppercase().parse::<RepositoryMode>() {
                Ok(mode) => Some(mode),
                Err(error) => self.wrong(&members, "mode", &error.to_string()),
            }
        });
        let path = members.path.clone();
        let buckets = self.list(&members, "buckets", |decoder, node, index| {
            decoder.attachment(node, &format!("{path}.buckets[{index}]"))
        });
        let workspace = self.text(&members, "workspace");
        Some(FileRepository { line: node.line, name: name?, workspace, mode, buckets })
    }

    /// A mapping, or only the bucket's name.
    fn attachment(&mut self, node: &YamlNode, path: &str) -> Option<FileAttachment> {
        if let YamlValue::Text(bucket) = &node.value {
            return Some(FileAttachment { bucket: bucket.clone(), folder: Folder::default(), master: false });
        }
        let members = self.members(node, path.to_owned(), ATTACHMENT)?;
        let bucket = self.required(&members, "bucket");
        let folder = match self.text_or_nothing(&members, "folder").map(|text| Folder::parse(&text)) {
            None => Some(Folder::default()),
            Some(Ok(folder)) => Some(folder),
            Some(Err(error)) => self.wrong(&members, "folder", &error.to_string()),
        };
        let master = self.flag(&members, "master");
        Some(FileAttachment { bucket: bucket?, folder: folder?, master })
    }

    /// Names are unique, ignoring case.
    fn no_repeated<'f>(&mut self, list: &str, names: impl Iterator<Item = (usize, &'f str)>) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (line, name) in names {
            if let Some(first) = seen.insert(name.to_lowercase(), line) {
                let message = format!("has the name {name:?} of line {first} again (letter case is ignored)");
                self.problems.add(line, list, message);
            }
        }
    }

    fn members<'n>(
        &mut self,
        node: &'n YamlNode,
        path: String,
        known: &[&str],
    ) -> Option<MappingMembers<'n>> {
        let YamlValue::Map(entries) = &node.value else {
            let message = match &node.value {
                YamlValue::Null if path.is_empty() => format!("is empty: a file has {}", known.join(", ")),
                value => format!("must be a mapping with {}, and is {}", known.join(", "), value.kind()),
            };
            self.problems.add(node.line, &path, message);
            return None;
        };
        let mut members = MappingMembers { line: node.line, path, values: HashMap::new() };
        for entry in entries {
            if known.contains(&entry.key.as_str()) {
                members.values.insert(entry.key.as_str(), &entry.value);
                continue;
            }
            let advice = match nearest(&entry.key, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("known are {}", known.join(", ")),
            };
            let key: String = entry.key.chars().take(MOST_SHOWN).collect();
            self.problems.add(entry.line, &members.path_of(&key), format!("is not a known key: {advice}"));
        }
        Some(members)
    }

    fn name(&mut self, members: &MappingMembers<'_>) -> Option<String> {
        let text = self.required(members, "name")?;
        match Name::parse(&text) {
            Ok(name) => Some(name.as_str().to_owned()),
            Err(error) => self.wrong(members, "name", &error.to_string()),
        }
    }

    fn required(&mut self, members: &MappingMembers<'_>, key: &str) -> Option<String> {
        let is_absent = members.values.get(key).is_none_or(|node| node.value == YamlValue::Null);
        if is_absent {
            self.problems.add(members.line, &members.path, format!("lacks the key {key}"));
            return None;
        }
        self.text(members, key)
    }

    /// A text. A key without a value is like a missing one.
    fn text(&mut self, members: &MappingMembers<'_>, key: &str) -> Option<String> {
        match &members.values.get(key)?.value {
            YamlValue::Null => None,
            YamlValue::Text(text) => Some(text.clone()),
            other => self.wrong(members, key, &format!("must be a text, and is {}", other.kind())),
        }
    }

    /// A text that may be empty. A key without a value means the empty text, which removes what is stored.
    fn text_or_nothing(&mut self, members: &MappingMembers<'_>, key: &str) -> Option<String> {
        match &members.values.get(key)?.value {
            YamlValue::Null => Some(String::new()),
            _ => self.text(members, key),
        }
    }

    fn flag(&mut self, members: &MappingMembers<'_>, key: &str) -> bool {
        match self.text(members, key).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => self.wrong(members, key, "must be true or false").unwrap_or_default(),
        }
    }

    fn list<T>(
        &mut self,
        members: &MappingMembers<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &YamlNode, usize) -> Option<T>,
    ) -> Option<Vec<T>> {
        match &members.values.get(key)?.value {
            YamlValue::Null => None,
            YamlValue::List(nodes) => {
                let read = nodes.iter().enumerate().map(|(index, node)| read(self, node, index));
                Some(read.collect::<Vec<_>>().into_iter().flatten().collect())
            }
            other => self.wrong(members, key, &format!("must be a list, and is {}", other.kind())),
        }
    }

    fn wrong<T>(&mut self, members: &MappingMembers<'_>, key: &str, message: &str) -> Option<T> {
        let line = members.values.get(key).map_or(members.line, |node| node.line);
        self.problems.add(line, &members.path_of(key), message);
        None
    }
}

/// How much of an unknown key a message repeats, in characters.
const MOST_SHOWN: usize = 40;

fn is_variable(text: &str) -> bool {
    /// More than anybody needs, and less than systems allow.
    const LONGEST: usize = 255;
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins && text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        decode_file(text).unwrap_err().lines()
    }

    #[test]
    fn a_file_has_workspaces_buckets_and_repositories() {
        let text = "version: 1\nworkspaces:\n- name: default\n  members:\n  - user: ann@example.com\n    role: read\nbuckets:\n\
                    - name: Photos\n  bucket: photos\n  type: minio\n  endpoint: http://h:9000\n  region:\n  secretFile: s/photos\n\
                    repositories:\n- name: Media\n  mode: normal\n  buckets:\n  - bucket: Photos\n    folder: /2026/\n  - Films\n";
        let RegistryFile { workspaces, buckets, repositories, .. } = decode_file(text).unwrap();
        let (workspaces, buckets, repositories) =
            (workspaces.unwrap(), buckets.unwrap(), repositories.unwrap());
        assert_eq!(workspaces[0].members.as_ref().unwrap()[0].role, WorkspaceRole::Read);
        let bucket = &buckets[0];
        assert_eq!((bucket.line, bucket.region.as_deref(), bucket.key.as_deref()), (8, Some(""), None));
        assert_eq!(bucket.secret, Some(SecretSource::File("s/photos".into())));
        let attached = repositories[0].buckets.as_ref().unwrap();
        assert_eq!((attached[0].folder.as_str(), attached[1].bucket.as_str()), ("2026", "Films"));
        assert_eq!(decode_file("version: 1\n").unwrap(), RegistryFile::default());
    }

    #[test]
    fn everything_wrong_is_listed_with_line_path_and_the_nearest_key() {
        let text = "version: 1\nbuckets:\n- name: Photos\n  regoin: eu\n- bucket: films\n  readOnly: perhaps\n- name: photos\n  \
                    endpoint: [a]\n- text\nrepositorys: []\nworkspaces: none\n";
        assert_eq!(
            problems(text),
            [
                "line 10: repositorys is not a known key: did you mean repositories?",
                "line 11: workspaces must be a list, and is a text",
                "line 4: buckets[0].regoin is not a known key: did you mean region?",
                "line 5: buckets[1] lacks the key name",
                "line 6: buckets[1].readOnly must be true or false",
                "line 8: buckets[2].endpoint must be a text, and is a list",
                "line 9: buckets[3] must be a mapping with name, workspace, bucket, type, endpoint, region, key, secretFile, \
                 secretEnv, readOnly, pinnedTo, and is a text",
                "line 7: buckets has the name \"photos\" of line 3 again (letter case is ignored)",
            ]
        );
        assert_eq!(
            problems("version: 2\n"),
            ["line 1: version is a format that this program doesn't know: it reads version 1"]
        );
        assert_eq!(
            problems(""),
            ["line 1: is empty: a file has version, hasEnd, scope, workspaces, buckets, repositories, end"]
        );
        let scoped = "version: 1\nscope: team\nworkspaces:\n- name: TEAM\nbuckets:\n- name: a\n- name: b\n  workspace: other\n";
        let outside = "line 7: buckets has an entry of another workspace than the file's scope, \"team\"";
        assert_eq!(problems(scoped), [outside]);
        assert_eq!(problems("buckets: []\n"), ["line 1: lacks the key version: add `version: 1`"]);
    }

    #[test]
    fn a_file_that_promises_its_end_is_refused_without_it() {
        let whole = "version: 1\nhasEnd: true\nbuckets:\n- name: Photos\n- name: Films\nend: true\n";
        assert_eq!(decode_file(whole).unwrap().buckets.unwrap().len(), 2);
        for length in whole.find("buckets").unwrap()..whole.trim_end().len() {
            assert!(decode_file(&whole[..length]).is_err(), "{}", &whole[..length]);
        }
        let [missing] = &problems("version: 1\nhasEnd: true\nbuckets: []\n")[..] else {
            panic!("one problem")
        };
        assert!(missing.starts_with("line 2: ends too early: `end: true` is missing"), "{missing}");
        for by_hand in ["version: 1\nbuckets: []\n", "version: 1\nhasEnd: false\n", "version: 1\nend: true\n"]
        {
            assert!(decode_file(by_hand).is_ok(), "{by_hand}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_position_is_not_repeated() {
        const MARK: &str = "MARKEDsecret/+";
        for text in [
            format!("version: 1\nbuckets:\n- name: a\n  secret: {MARK}\n"),
            format!("version: 1\nbuckets:\n- name: a\n  secretEnv: {MARK}\n"),
            format!("version: 1\nbuckets:\n- name: a\n  type: {MARK}\n  readOnly: {MARK}\n"),
            format!("version: 1\nbuckets:\n- name: a\n  key: \"{MARK}\n"),
            format!("version: {MARK}\n"),
            format!("version: 1\nbuckets:\n- name: a\n   key: {MARK}: x\n"),
        ] {
            let text = problems(&text).join("\n");
            assert!(!text.contains(MARK), "{text}");
        }
    }

    #[test]
    fn one_item_is_read_alone_and_keeps_its_line() {
        let bucket = decode_bucket_item("- name: a\n  bucket: b\n", 7, 3).unwrap();
        assert_eq!((bucket.line, bucket.name.as_str()), (7, "a"));
        let wrong = decode_bucket_item("- name: a\n  buckte: b\n", 7, 3).unwrap_err().lines();
        assert_eq!(wrong, ["line 8: buckets[3].buckte is not a known key: did you mean bucket?"]);
        let broken = decode_bucket_item("- name: \"a\n", 7, 3).unwrap_err().lines();
        assert!(
            broken[0].starts_with("line 7: is not YAML") || broken[0].starts_with("line 8: is not YAML"),
            "{broken:?}"
        );
    }
}
