//! Remotes of rclone and profiles of AWS, and the buckets that they name.

use std::collections::BTreeMap;

use super::bucket_list::ListLine;
use super::remote_credential::{self, RemoteCredential};
use super::sections::{self, FileSection, SectionsError};
use super::{ImportEntry, ImportedBucket};
use crate::bucket::StorageType;
use crate::paste::pasted_address::PastedAddress;

/// How many aliases may refer to each other.
const MAX_ALIASES: usize = 8;

/// A file of sections, each of which is a remote of rclone or a profile of AWS.
pub struct Remotes {
    sections: Vec<FileSection>,
    /// What opens the buckets of each section, read once for all lines of a list.
    credentials: Vec<Result<RemoteCredential, String>>,
    by_name: BTreeMap<String, usize>,
}

impl Remotes {
    /// Reads the text of a file.
    pub fn read(text: &str) -> Result<Self, SectionsError> {
        let sections = sections::read(text)?;
        let by_name = sections.iter().enumerate().map(|(index, one)| (one.name.clone(), index)).collect();
        let credentials = sections.iter().map(remote_credential::read).collect();
        Ok(Self { sections, credentials, by_name })
    }

    /// The buckets that the file itself names, by aliases and combinations of rclone, with the line of their section.
    pub fn entries(&self) -> impl Iterator<Item = (usize, ImportEntry)> + '_ {
        self.sections.iter().flat_map(move |section| {
            entries_of(self, section).into_iter().map(move |entry| (section.line, entry))
        })
    }

    /// The bucket that a line of a list names.
    pub fn bucket(&self, listed: &ListLine) -> Result<ImportedBucket, String> {
        let section = match &listed.section {
            Some(name) => self.section(name)?,
            None => self.only_section()?,
        };
        self.of_section(section, &listed.address, 0)
    }

    fn section(&self, name: &str) -> Result<&FileSection, String> {
        let found = self.by_name.get(name).and_then(|index| self.sections.get(*index));
        found.ok_or_else(|| format!("names the section {name:?}, which the file doesn't have"))
    }

    /// The section of lines that name none.
    fn only_section(&self) -> Result<&FileSection, String> {
        match self.sections.as_slice() {
            [only] => Ok(only),
            _ => self
                .section("default")
                .map_err(|_| "names no section, and the file has several: write SECTION:BUCKET".to_owned()),
        }
    }

    /// A bucket of a section, through aliases.
    fn of_section(&self, section: &FileSection, path: &str, depth: usize) -> Result<ImportedBucket, String> {
        if section.get("type") == Some("alias") {
            if depth == MAX_ALIASES {
                return Err(format!("is an alias of more than {MAX_ALIASES} others, or of itself"));
            }
            let target = section.get("remote").unwrap_or_default();
            let (remote, folder) = self.remote_of(target)?;
            let whole = [folder, path].map(|part| part.trim_matches('/'));
            let whole: Vec<&str> = whole.into_iter().filter(|part| !part.is_empty()).collect();
            return self.of_section(remote, &whole.join("/"), depth + 1);
        }
        let credential = self.credential(section)?;
        let (address, folder) = bucket_and_folder(path, credential.fields.storage_type)?;
        let mut fields = credential.fields;
        fields.endpoint = fields.endpoint.or(address.endpoint);
        fields.region = fields.region.or(address.region);
        fields.bucket = Some(address.bucket.clone());
        Ok(ImportedBucket {
            name: address.bucket,
            origin: section.name.clone(),
            fields,
            folder,
            secret_file: credential.secret_file,
        })
    }

    fn credential(&self, section: &FileSection) -> Result<RemoteCredential, String> {
        let read = self.by_name.get(&section.name).and_then(|index| self.credentials.get(*index));
        match read {
            Some(Ok(credential)) => Ok(credential.clone()),
            Some(Err(error)) => Err(format!("names [{}], which {error}", section.name)),
            None => Err(format!("names the section {:?}, which the file doesn't have", section.name)),
        }
    }

    /// Splits `remote:path`. Remotes that are written out (`:s3,…:`) and overridden options (`remote,option=…:`) are not
    /// read.
    fn remote_of<'t>(&self, target: &'t str) -> Result<(&FileSection, &'t str), String> {
        let (name, path) = target.split_once(':').unwrap_or((target, ""));
        if name.is_empty() || name.contains(',') || name.contains('/') {
            return Err("refers to something else than a remote of the file".to_owned());
        }
        self.section(name).map(|section| (section, path))
    }
}

/// The buckets of a section.
fn entries_of(remotes: &Remotes, section: &FileSection) -> Vec<ImportEntry> {
    let name = &section.name;
    let left_out = |why: String| ImportEntry::LeftOut(format!("[{name}] {why}"));
    match section.get("type") {
        Some("alias") => vec![aliased(remotes, section, section.get("remote").unwrap_or_default(), name)],
        Some("combine") => {
            let upstreams = words(section.get("upstreams").unwrap_or_default());
            let entry = |word: &String| match word.split_once('=') {
                Some((name, target)) => aliased(remotes, section, target, name),
                None => left_out("has an upstream without a name".to_owned()),
            };
            upstreams.iter().map(entry).collect()
        }
        None | Some("s3" | "azureblob" | "google cloud storage" | "b2") => {
            vec![left_out(
                "names no bucket: list its buckets in a file, and pass it with --buckets".to_owned(),
            )]
        }
        Some("crypt" | "chunker" | "compress" | "hasher" | "cache" | "union") => {
            let why = "changes what is stored in a bucket, which Bucketry doesn't: clients must continue to use rclone for it";
            vec![left_out(why.to_owned())]
        }
        Some(_) => vec![left_out("is a remote of a type that has no buckets".to_owned())],
    }
}

/// The bucket that an alias stands for, with the alias as its name.
fn aliased(remotes: &Remotes, section: &FileSection, target: &str, name: &str) -> ImportEntry {
    let resolved = remotes.remote_of(target).and_then(|(remote, path)| {
        let has_buckets = is_storage(remotes, remote, 0);
        if has_buckets { remotes.of_section(remote, path, 1).map(Some) } else { Ok(None) }
    });
    match resolved {
        Ok(Some(bucket)) => ImportEntry::Bucket(Box::new(ImportedBucket { name: name.to_owned(), ..bucket })),
        Ok(None) => ImportEntry::LeftOut(format!("[{}] refers to a remote that is left out", section.name)),
        Err(error) => ImportEntry::Wrong(format!("[{}] {error}", section.name)),
    }
}

/// Whether a remote is storage with buckets, directly or through aliases.
fn is_storage(remotes: &Remotes, section: &FileSection, depth: usize) -> bool {
    match section.get("type") {
        Some("alias") if depth < MAX_ALIASES => remotes
            .remote_of(section.get("remote").unwrap_or_default())
            .is_ok_and(|(remote, _)| is_storage(remotes, remote, depth + 1)),
        // Of more aliases, following them gives the error that says so.
        None | Some("alias" | "s3" | "azureblob" | "google cloud storage" | "b2") => true,
        Some(_) => false,
    }
}

/// Where a bucket is, as far as its address says it.
struct Located {
    bucket: String,
    endpoint: Option<String>,
    region: Option<String>,
}

fn bucket_and_folder(path: &str, storage_type: Option<StorageType>) -> Result<(Located, String), String> {
    let path = path.trim().trim_start_matches('/');
    if path.is_empty() {
        return Err("names no bucket: write the name of a bucket after the colon".to_owned());
    }
    let wanted = storage_type.unwrap_or(StorageType::S3);
    let address = PastedAddress::read(path).or_else(|| PastedAddress::read_with_folder(path, wanted));
    match address {
        Some(address) if address.storage_type != wanted => Err(format!(
            "is the address of a bucket of {}, but the credential is of {wanted}",
            address.storage_type
        )),
        Some(address) => {
            let endpoint = address.endpoint.map(|endpoint| endpoint.to_string());
            let located = Located { bucket: address.bucket, endpoint, region: address.region };
            Ok((located, address.folder))
        }
        None => match crate::bucket::check_bucket_name(path) {
            Ok(()) => Ok((Located { bucket: path.to_owned(), endpoint: None, region: None }, String::new())),
            Err(error) => Err(format!("has a bucket whose name {error}")),
        },
    }
}

/// Words with quotes, as rclone separates upstreams by spaces.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            other => word.push(other),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests;
