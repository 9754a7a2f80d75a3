//! Recognises the format of a file, and reads it entry by entry.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, stdin};
use std::path::Path;

use bucketry_model::import::ImportEntry;
use bucketry_model::import::bucket_list::{ListLine, MAX_LINE_BYTES};
use bucketry_model::import::remotes::Remotes;
use bucketry_model::import::terraform;

use super::candidate::{ReadEntry, ReadKind};
use crate::bounded_lines::{BoundedLine, BoundedLines};
use crate::failure::{Failure, Result};
use crate::registry_file::bucket_items::{BucketItem, BucketItems, MAX_ITEM_BYTES};
use crate::registry_file::{decode_bucket_item, problem_of_missing_end};

/// The longest file of sections, in bytes. It is in memory as a whole.
const MAX_SECTIONS_BYTES: usize = 16 << 20;
/// How much of a file is looked at to recognise its format, in bytes.
const BEGINNING: usize = 64 << 10;
/// Begins a file in UTF-8 on Windows.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

type Reader = Box<dyn BufRead + Send>;
/// Takes an entry. Returns false if no more are wanted.
type Sink<'s> = dyn FnMut(ReadEntry) -> bool + 's;

/// A file to import.
pub(super) struct ImportSource {
    /// Its name in messages.
    shown: String,
    reader: Reader,
    format: ImportFormat,
    /// The list of buckets, and its name in messages.
    list: Option<(Reader, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImportFormat {
    /// A configuration of rclone, or a credentials file of AWS.
    Sections,
    /// A state or a plan.
    Terraform,
    /// A registry file.
    Yaml,
}

impl ImportSource {
    pub(super) fn open(path: &Path, list: Option<&Path>) -> Result<Self> {
        let (mut reader, shown) = open(path)?;
        // The buffer is as long as the beginning that `open` has read.
        let beginning = reader.fill_buf().map_err(|error| unreadable(&shown, &error))?;
        let format = format_of(beginning)
            .ok_or_else(|| Failure::usage(format!("{shown} is empty, or is not a text file")))?;
        if list.is_some() && format != ImportFormat::Sections {
            return Err(Failure::usage(
                "--buckets lists the buckets of a configuration of rclone or of a credentials file of AWS, and this file is \
                 neither: leave it out",
            ));
        }
        let list = list.map(open).transpose()?;
        Ok(Self { shown, reader, format, list })
    }

    /// Reads all entries. An entry that is wrong is passed on like the others; a file that can't be read is an error.
    pub(super) fn read(self, sink: &mut Sink<'_>) -> Result<()> {
        match self.format {
            ImportFormat::Terraform => self.terraform(sink),
            ImportFormat::Yaml => self.yaml(sink),
            ImportFormat::Sections => self.sections(sink),
        }
    }

    fn terraform(self, sink: &mut Sink<'_>) -> Result<()> {
        let shown = &self.shown;
        let mut found = |entry| {
            let at = match &entry {
                ImportEntry::Bucket(bucket) => bucket.origin.clone(),
                ImportEntry::LeftOut(_) | ImportEntry::Wrong(_) => shown.clone(),
            };
            sink(ReadEntry { at, kind: ReadKind::from(entry) })
        };
        terraform::read(self.reader, &mut found).map_err(|error| Failure::usage(format!("{shown} {error}")))
    }

    fn sections(self, sink: &mut Sink<'_>) -> Result<()> {
        let shown = &self.shown;
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_SECTIONS_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        self.reader.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(shown, &error))?;
        if bytes.len() > MAX_SECTIONS_BYTES {
            return Err(Failure::usage(format!(
                "{shown} is longer than {} MiB: divide it",
                MAX_SECTIONS_BYTES >> 20
            )));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{shown} is not a text file")))?;
        let remotes = Remotes::read(&text).map_err(|error| Failure::usage(format!("{shown} {error}")))?;
        if let Some((list, shown)) = self.list {
            return listed(list, &shown, &remotes, sink);
        }
        let mut has_bucket = false;
        for (line, entry) in remotes.entries() {
            has_bucket |= !matches!(entry, ImportEntry::LeftOut(_));
            if !sink(ReadEntry::at_line(line, entry)) {
                return Ok(());
            }
        }
        if has_bucket {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{shown} has credentials, and names no bucket: write the names of the buckets into a file, one SECTION:BUCKET per \
             line, and pass it with --buckets"
        )))
    }

    fn yaml(self, sink: &mut Sink<'_>) -> Result<()> {
        let mut lines = BoundedLines::new(self.reader, MAX_ITEM_BYTES);
        let mut items = BucketItems::default();
        let (mut number, mut found) = (0, 0);
        while let Some(line) = lines.next_line().map_err(|error| unreadable(&self.shown, &error))? {
            number += 1;
            let ended = match line {
                BoundedLine::Text(line) => items.push(&line).map(read_item),
                BoundedLine::TooLong => {
                    items.push_too_long();
                    None
                }
                BoundedLine::NotText => {
                    let ended = items.push("").map(read_item);
                    ended.or_else(|| Some(ReadEntry::wrong(number, "is not text in UTF-8")))
                }
            };
            found += usize::from(ended.is_some());
            if ended.is_some_and(|entry| !sink(entry)) {
                return Ok(());
            }
        }
        let lacks_end = items.lacks_end();
        if let Some(item) = items.finish() {
            found += 1;
            let entry = if lacks_end { cut_off(item.line) } else { read_item(item) };
            sink(entry);
        }
        if found > 0 {
            return Ok(());
        }
        Err(Failure::usage(format!("{} has no buckets: it needs a list `buckets:`", self.shown)))
    }
}

/// The last entry of a file that lacks its end: a part of an entry could be taken for a whole one.
fn cut_off(line: usize) -> ReadEntry {
    ReadEntry::wrong(line, format!("may not be whole: the file {}", problem_of_missing_end()))
}

fn read_item(item: BucketItem) -> ReadEntry {
    let text = match item.text {
        Ok(text) => text,
        Err(error) => return ReadEntry::wrong(item.line, format!("buckets[{}] {error}", item.index)),
    };
    match decode_bucket_item(&text, item.line, item.index) {
        Ok(bucket) => {
            ReadEntry { at: format!("line {}", item.line), kind: ReadKind::Bucket(Box::new(bucket.into())) }
        }
        Err(problems) => {
            let (line, why) = problems.first_line();
            ReadEntry::wrong(line, why)
        }
    }
}

/// Reads a list of buckets line by line.
fn listed(list: Reader, shown: &str, remotes: &Remotes, sink: &mut Sink<'_>) -> Result<()> {
    let mut lines = BoundedLines::new(list, MAX_LINE_BYTES);
    let mut number = 0;
    while let Some(line) = lines.next_line().map_err(|error| unreadable(shown, &error))? {
        number += 1;
        let read = match line {
            BoundedLine::Text(line) => ListLine::read(&line).map_err(|error| error.to_string()),
            BoundedLine::TooLong => Err(format!("is longer than {MAX_LINE_BYTES} bytes")),
            BoundedLine::NotText => Err("is not text in UTF-8".to_owned()),
        };
        let entry = match read.and_then(|listed| listed.map(|listed| remotes.bucket(&listed)).transpose()) {
            Ok(None) => continue,
            Ok(Some(bucket)) => ReadEntry::at_line(number, ImportEntry::Bucket(Box::new(bucket))),
            Err(why) => ReadEntry::wrong(number, why),
        };
        if !sink(entry) {
            return Ok(());
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<(Reader, String)> {
    let (mut input, shown): (Box<dyn Read + Send>, String) = if path.as_os_str() == "-" {
        (Box::new(stdin()), "standard input".to_owned())
    } else {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&shown, &error))?;
        (Box::new(file), shown)
    };
    // A pipe gives what was written so far, which may be less than the first line.
    let mut beginning = Vec::new();
    let limit = u64::try_from(BEGINNING).unwrap_or(u64::MAX);
    let read = input.by_ref().take(limit).read_to_end(&mut beginning);
    read.map_err(|error| unreadable(&shown, &error))?;
    if beginning.starts_with(&[0xff, 0xfe]) || beginning.starts_with(&[0xfe, 0xff]) {
        return Err(Failure::usage(format!(
            "{shown} is in UTF-16, as Windows PowerShell writes it: write it again with `| Out-File -Encoding utf8 FILE`"
        )));
    }
    if beginning.starts_with(BYTE_ORDER_MARK) {
        beginning.drain(..BYTE_ORDER_MARK.len());
    }
    let whole = Cursor::new(beginning).chain(input);
    Ok((Box::new(BufReader::with_capacity(BEGINNING, whole)), shown))
}

fn unreadable(shown: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("can't read {shown}: {error}"))
}

/// The format of a file by its beginning. `None` if it is empty or no text.
fn format_of(beginning: &[u8]) -> Option<ImportFormat> {
    // A character may be cut at the end.
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()?,
    };
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']))?;
    Some(match first.chars().next()? {
        '{' => ImportFormat::Terraform,
        '[' => ImportFormat::Sections,
        _ if first.starts_with("RCLONE_ENCRYPT_V") => ImportFormat::Sections,
        _ => ImportFormat::Yaml,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(file: impl AsRef<[u8]>, list: Option<&str>) -> (Vec<String>, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let list = list.map(|text| path("list", text.as_bytes()));
        let source = match ImportSource::open(&path("file", file.as_ref()), list.as_deref()) {
            Ok(source) => source,
            Err(failure) => return (Vec::new(), Some(failure.message().to_owned())),
        };
        let mut all = Vec::new();
        let read = source.read(&mut |entry| {
            all.push(match entry.kind {
                ReadKind::Bucket(one) => format!("{} {}", entry.at, one.names.join("/")),
                ReadKind::LeftOut(why) => format!("{} - {why}", entry.at),
                ReadKind::Wrong(why) => format!("{} ! {why}", entry.at),
            });
            true
        });
        (all, read.err().map(|failure| failure.message().to_owned()))
    }

    const PROFILE: &str = "[default]\naws_access_key_id = A\naws_secret_access_key = s\n";

    #[test]
    fn the_format_is_recognised_by_the_beginning() {
        for (text, format) in [
            ("{\"version\": 4", Some(ImportFormat::Terraform)),
            ("\n # x\n[minio]\n", Some(ImportFormat::Sections)),
            ("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n", Some(ImportFormat::Sections)),
            ("---\nversion: 1\n", Some(ImportFormat::Yaml)),
            ("version: 1", Some(ImportFormat::Yaml)),
            ("", None),
            ("\n\n", None),
        ] {
            assert_eq!(format_of(text.as_bytes()), format, "{text:?}");
        }
        assert_eq!(format_of(&[0x89, b'P', 0xff]), None);
        assert_eq!(format_of("a: é".as_bytes().split_last().unwrap().1), Some(ImportFormat::Yaml));
    }

    #[test]
    fn files_of_windows_are_read_or_say_how_to_write_them() {
        let state = r#"{"version":4,"terraform_version":"1.9.8"}"#;
        assert_eq!(entries(format!("\u{feff}{state}"), None), (Vec::new(), None));
        let list = Some("\u{feff}one\r\ntwo\r\n");
        assert_eq!(entries(PROFILE.replace('\n', "\r\n"), list).0.len(), 2);
        let wide: Vec<u8> = format!("\u{feff}{state}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(entries(wide, None).1.unwrap().contains("UTF-16"));
    }

    #[test]
    fn a_bad_line_of_a_list_spoils_no_other() {
        let (all, failure) = entries(PROFILE, Some("one\n# comment\ntwo words\n\nother:three\nfour\n"));
        assert_eq!(failure, None);
        assert_eq!(all[0], "line 1 one/one (default)");
        assert!(
            all[1].starts_with("line 3 ! has a space") && all[2].starts_with("line 5 ! names the section")
        );
        assert_eq!(all[3], "line 6 four/four (default)");
    }

    #[test]
    fn a_million_lines_are_read_with_one_of_them_bad() {
        const LINES: usize = 1_000_000;
        // Most are comments, which an unoptimised test reads in a second.
        let line = |number: usize| match number {
            777_777 => "no bucket\n".to_owned(),
            _ if number.is_multiple_of(20) => format!("bucket-{number}\n"),
            _ => "# a comment\n".to_owned(),
        };
        let list: String = (1..=LINES).map(line).collect();
        let remotes = Remotes::read(PROFILE).unwrap();
        let (mut buckets, mut wrong) = (0, Vec::new());
        let mut sink = |entry: ReadEntry| {
            match entry.kind {
                ReadKind::Bucket(_) => buckets += 1,
                _ => wrong.push(entry.at),
            }
            true
        };
        listed(Box::new(Cursor::new(list)), "list", &remotes, &mut sink).unwrap();
        assert_eq!((buckets, wrong), (LINES / 20, vec!["line 777777".to_owned()]));
    }

    #[test]
    fn a_bad_item_of_a_yaml_list_spoils_no_other() {
        let text = "version: 1\nbuckets:\n- name: a\n  bucket: x\n- name: b\n  bukket: x\n- name: \"c\n- name: d\n  bucket: y\n";
        let (all, failure) = entries(text, None);
        assert_eq!(failure, None);
        assert_eq!(all[0], "line 3 a");
        assert!(all[1].starts_with("line 6 ! buckets[1].bukket is not a known key"), "{all:?}");
        assert!(all[2].contains(" ! is not YAML"), "{all:?}");
        assert_eq!(all[3], "line 8 d");
    }

    #[test]
    fn the_last_item_of_an_export_that_was_interrupted_is_not_registered() {
        let whole = "version: 1\nhasEnd: true\nbuckets:\n- name: a\n  bucket: x\n- name: b\n  bucket: films\nend: true\n";
        assert_eq!(entries(whole, None).0, ["line 4 a", "line 6 b"]);
        let part = whole.split_once("ms\n").unwrap().0;
        let (all, failure) = entries(part, None);
        assert_eq!((failure, all[0].as_str(), all.len()), (None, "line 4 a", 2));
        assert!(all[1].starts_with("line 6 ! may not be whole: the file ends too early"), "{all:?}");
    }

    #[test]
    fn a_file_without_buckets_says_how_to_name_them() {
        let failure = |file, list| entries(file, list).1.unwrap();
        assert!(failure(PROFILE, None).contains("--buckets"));
        assert!(failure("version: 1\n", None).contains("needs a list `buckets:`"));
        assert!(failure("", None).contains("is empty"));
        assert!(failure("{\"a\":1}", None).contains("neither a state nor a plan"));
        assert!(failure("{\"version\":4}", Some("x")).contains("leave it out"));
    }
}
