//! Divides a file into the items of its list `buckets`, line by line, so that a file of any length can be read, and an item
//! that is wrong spoils no other.
//!
//! This works on block lists, whose items are lines that begin with `- ` at one depth. Everything that belongs to an item
//! is indented more deeply, also the lines of texts.

use std::fmt;

use super::{END, HAS_END};

/// The longest item, in bytes.
pub(crate) const MAX_ITEM_BYTES: usize = 64 << 10;

/// An item of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BucketItem {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// Its position in the list.
    pub(crate) index: usize,
    /// Its text, or why it can't be read.
    pub(crate) text: Result<String, ItemError>,
}

/// Why a part of the file can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemError {
    /// More than [`MAX_ITEM_BYTES`].
    TooLong,
    /// A list in another form, or no list.
    NotABlockList,
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "is longer than 64 KiB",
            Self::NotABlockList => "must be a block list, with one `- name: …` per bucket",
        })
    }
}

/// Takes lines and gives items.
#[derive(Debug, Default)]
pub(crate) struct BucketItems {
    line: usize,
    /// The depth of the list's items, from its first item on.
    depth: Option<usize>,
    is_in_list: bool,
    found: usize,
    current: Option<BucketItem>,
    /// Whether the file says that it has an end.
    promises_end: bool,
    has_end: bool,
}

impl BucketItems {
    /// Takes the next line, without its line end. Returns the item that ended before it.
    pub(crate) fn push(&mut self, line: &str) -> Option<BucketItem> {
        self.line += 1;
        let bare = line.trim_start_matches(' ');
        let depth = line.len() - bare.len();
        if bare.is_empty() || bare.starts_with('#') {
            // Inside a text of an item, it belongs to the text.
            self.append(line);
            return None;
        }
        let is_item = bare == "-" || bare.starts_with("- ");
        if depth == 0 && !is_item {
            return self.top_level(bare);
        }
        if !self.is_in_list {
            return None;
        }
        if is_item && self.depth.is_none_or(|known| known == depth) {
            self.depth = Some(depth);
            let ended = self.current.take();
            self.current = Some(BucketItem { line: self.line, index: self.found, text: Ok(String::new()) });
            self.found += 1;
            self.append(line);
            return ended;
        }
        if self.current.is_none() {
            self.not_a_list();
        }
        self.append(line);
        None
    }

    /// Takes a line that is longer than an item may be.
    pub(crate) fn push_too_long(&mut self) {
        self.line += 1;
        if let Some(current) = &mut self.current {
            current.text = Err(ItemError::TooLong);
        }
    }

    /// Whether an exported file isn't whole. Its last item may then be a part of one.
    pub(crate) fn lacks_end(&self) -> bool {
        self.promises_end && !self.has_end
    }

    /// The last item.
    pub(crate) fn finish(mut self) -> Option<BucketItem> {
        self.current.take()
    }

    fn top_level(&mut self, line: &str) -> Option<BucketItem> {
        let ended = self.current.take();
        let says = |key: &str| {
            line.strip_prefix(key).and_then(|rest| rest.trim().strip_prefix(':')).map(str::trim)
                == Some("true")
        };
        self.promises_end |= says(HAS_END);
        self.has_end |= says(END);
        let value = line.strip_prefix("buckets:");
        self.is_in_list = value.is_some();
        self.depth = None;
        let is_list = value.is_none_or(|value| {
            let value = value.trim();
            value.is_empty() || value.starts_with('#') || value == "[]"
        });
        if !is_list {
            self.not_a_list();
        }
        ended
    }

    /// Reports what is in the place of a list, after the item before it.
    fn not_a_list(&mut self) {
        self.is_in_list = false;
        self.current =
            Some(BucketItem { line: self.line, index: self.found, text: Err(ItemError::NotABlockList) });
    }

    fn append(&mut self, line: &str) {
        let Some(BucketItem { text, .. }) = &mut self.current else { return };
        if let Ok(item) = text {
            if item.len() + line.len() > MAX_ITEM_BYTES {
                *text = Err(ItemError::TooLong);
            } else {
                item.push_str(line);
                item.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(text: &str) -> Vec<(usize, String)> {
        let mut items = BucketItems::default();
        let mut all: Vec<BucketItem> = text.lines().filter_map(|line| items.push(line)).collect();
        all.extend(items.finish());
        all.into_iter().map(|item| (item.line, item.text.unwrap_or_else(|error| error.to_string()))).collect()
    }

    #[test]
    fn a_list_is_divided_at_its_items() {
        let text = "version: 1\nworkspaces:\n- name: w\nbuckets:   # all\n# first\n- name: a\n  bucket: x\n\n-\n  name: |\n    - b\n\
                    repositories:\n- name: r\n";
        assert_eq!(
            items(text),
            [(6, "- name: a\n  bucket: x\n\n".to_owned()), (9, "-\n  name: |\n    - b\n".to_owned()),]
        );
        assert_eq!(items("buckets:\n  - name: a\n    tags:\n    - x\n  - name: b\n").len(), 2);
        assert_eq!(items("buckets: []\n"), []);
    }

    #[test]
    fn an_exported_file_without_its_end_is_recognised() {
        let lacks_end = |text: &str| {
            let mut items = BucketItems::default();
            text.lines().for_each(|line| drop(items.push(line)));
            items.lacks_end()
        };
        assert!(lacks_end("version: 1\nhasEnd: true\nbuckets:\n- name: a\n"));
        assert!(!lacks_end("version: 1\nhasEnd: true\nbuckets:\n- name: a\nend: true\n"));
        assert!(!lacks_end("version: 1\nbuckets:\n- name: a\n"));
    }

    #[test]
    fn what_is_no_block_list_is_reported() {
        for text in ["buckets: [{name: a}]\n", "buckets:\n  name: a\n", "version: 1\nbuckets: x\n"] {
            let found = items(text);
            assert!(found.len() == 1 && found[0].1.contains("block list"), "{text:?}: {found:?}");
        }
        let twice = items("buckets:\n- name: a\nbuckets: x\n");
        assert_eq!(twice.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
        let long = format!("buckets:\n- name: a\n  bucket: {}\n- name: b\n", "x".repeat(MAX_ITEM_BYTES));
        assert_eq!(items(&long), [(2, "is longer than 64 KiB".to_owned()), (4, "- name: b\n".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_no_line_is_in_two_items(text in "(buckets:|- a| |\n|b: c|#|é){0,60}") {
            let all = items(&text);
            let lines: usize = all.iter().map(|(_, text)| text.lines().count()).sum();
            prop_assert!(lines <= text.lines().count());
        }
    }
}
