//! Files of sections (INI), as rclone and AWS write them.

use std::collections::BTreeMap;

/// The most sections of a file. They are in memory at the same time, because a list of buckets refers to them.
pub const MAX_SECTIONS: usize = 10_000;

/// A section.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct FileSection {
    /// The line of its header, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// Keys in lower case.
    pub(super) values: BTreeMap<String, String>,
}

impl FileSection {
    /// A value that isn't empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a value says yes.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// Why a file of sections can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SectionsError {
    /// rclone encrypts its configuration with a password.
    #[error("is encrypted: run `rclone config show`, and import what it prints")]
    Encrypted,
    /// More than [`MAX_SECTIONS`].
    #[error("has more than {MAX_SECTIONS} sections: divide it")]
    TooMany,
    /// No header of a section.
    #[error(
        "has no section such as [default]: it is neither a configuration of rclone nor a credentials file of AWS"
    )]
    None,
}

/// Reads all sections. Of two sections with one name, the later one adds to the first, as both tools read them.
pub(super) fn read(text: &str) -> Result<Vec<FileSection>, SectionsError> {
    let mut sections: Vec<FileSection> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut current = None;
    for (index, line) in text.lines().enumerate() {
        let is_indented = line.starts_with([' ', '\t']);
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.starts_with("RCLONE_ENCRYPT_V") {
            return Err(SectionsError::Encrypted);
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // The configuration of AWS writes `[profile name]`, its credentials file `[name]`.
            let name = name.trim();
            let name = name.strip_prefix("profile ").map_or(name, str::trim).to_owned();
            let position = *known.entry(name.clone()).or_insert(sections.len());
            if position == sections.len() {
                if sections.len() == MAX_SECTIONS {
                    return Err(SectionsError::TooMany);
                }
                sections.push(FileSection { line: index + 1, name, values: BTreeMap::new() });
            }
            current = Some(position);
            continue;
        }
        // Nested settings of AWS (`s3 =` with indented lines) say nothing about buckets.
        let Some((key, value)) = line.split_once('=').filter(|_| !is_indented) else { continue };
        if let Some(section) = current.and_then(|position: usize| sections.get_mut(position)) {
            section.values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    if sections.is_empty() { Err(SectionsError::None) } else { Ok(sections) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sections_have_lines_and_values() {
        let text = "# rclone\n[minio]\ntype = s3\nsecret_access_key = a=b=\n\n[profile dev]\r\nregion=eu-west-1\r\ns3 =\n  \
                    region = nested\n[minio]\nregion =\n";
        let sections = read(text).unwrap();
        let shown: Vec<_> =
            sections.iter().map(|one| (one.line, one.name.as_str(), one.values.len())).collect();
        assert_eq!(shown, [(2, "minio", 3), (6, "dev", 2)]);
        assert_eq!(sections[0].get("secret_access_key"), Some("a=b="));
        assert_eq!((sections[0].get("region"), sections[1].get("region")), (None, Some("eu-west-1")));
    }

    #[test]
    fn what_is_no_such_file_says_why() {
        let encrypted = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc\n";
        assert_eq!(read(encrypted).err(), Some(SectionsError::Encrypted));
        assert_eq!(read("a = b\n").err(), Some(SectionsError::None));
        let many = (0..=MAX_SECTIONS).fold(String::new(), |text, number| text + &format!("[{number}]\n"));
        assert_eq!(read(&many).err(), Some(SectionsError::TooMany));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-z\\[\\]= \n#;é]|profile |\u{feff}){0,80}") {
            let _ = read(&text);
        }
    }
}
