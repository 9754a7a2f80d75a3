//! The file with a node's last configuration: JSON lines in an age file that only the node can open. The first line says
//! whose configuration it is and when it was confirmed, the last one how many lines are between.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::Path;

use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::{NodeBucket, NodeRepository};
use bucketry_vault::{Identities, Recipient, VaultError, read_sealed_file, write_sealed_file};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the format.
const FORMAT: u32 = 1;
/// The longest line. A repository with its maximum of keys and buckets is well below.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Whose configuration a file contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigurationOwner {
    pub(super) node: String,
    pub(super) id_org: Option<OrgId>,
    /// The URL of the control plane.
    pub(super) control_plane: String,
}

/// A configuration read from a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadConfiguration {
    /// When the control plane last confirmed that it was current.
    pub(super) confirmed_at: Timestamp,
    pub(super) buckets: Vec<NodeBucket>,
    pub(super) repositories: Vec<NodeRepository>,
}

/// Why a file can't be used. It is ignored then.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnusableConfiguration {
    #[error(transparent)]
    File(VaultError),
    #[error("it is incomplete or damaged")]
    Damaged,
    #[error("it is sealed to the keys of another node")]
    OfOtherKeys,
    #[error("a newer version of Bucketry wrote it")]
    NewerFormat,
    #[error("it belongs to the node {node} of {control_plane}", node = .0.node, control_plane = .0.control_plane)]
    OfOther(ConfigurationOwner),
}

impl From<VaultError> for UnusableConfiguration {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Damaged => Self::Damaged,
            VaultError::SealedToOthers => Self::OfOtherKeys,
            other => Self::File(other),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    format: u32,
    #[serde(flatten)]
    owner: ConfigurationOwner,
    confirmed_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum LineToWrite<'a> {
    Bucket(&'a NodeBucket),
    Repository(&'a NodeRepository),
    End(u64),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ReadLine {
    Bucket(Box<NodeBucket>),
    Repository(Box<NodeRepository>),
    End(u64),
}

/// Replaces the file. Blocks on the disk.
pub(super) fn write<'a>(
    path: &Path,
    recipient: &Recipient,
    owner: &ConfigurationOwner,
    confirmed_at: Timestamp,
    buckets: impl Iterator<Item = &'a NodeBucket>,
    repositories: impl Iterator<Item = &'a NodeRepository>,
) -> Result<(), VaultError> {
    let header = Header { format: FORMAT, owner: owner.clone(), confirmed_at };
    let lines = buckets.map(LineToWrite::Bucket).chain(repositories.map(LineToWrite::Repository));
    write_sealed_file(path, recipient, |file| {
        write_line(file, &header)?;
        let mut count = 0;
        for line in lines {
            write_line(file, &line)?;
            count += 1;
        }
        write_line(file, &LineToWrite::End(count))
    })
}

fn write_line(file: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

/// Reads the file. `None` if there is none. Blocks on the disk.
pub(super) fn read(
    path: &Path,
    identities: &Identities,
    owner: &ConfigurationOwner,
) -> Result<Option<ReadConfiguration>, UnusableConfiguration> {
    let Some(file) = read_sealed_file(path, identities)? else { return Ok(None) };
    let mut lines = Lines(BufReader::new(file));
    let header: Header = lines.read_next()?;
    if header.format > FORMAT {
        return Err(UnusableConfiguration::NewerFormat);
    }
    if header.owner != *owner {
        return Err(UnusableConfiguration::OfOther(header.owner));
    }
    let confirmed_at = header.confirmed_at;
    let mut read = ReadConfiguration { confirmed_at, buckets: Vec::new(), repositories: Vec::new() };
    loop {
        match lines.read_next()? {
            ReadLine::Bucket(bucket) => read.buckets.push(*bucket),
            ReadLine::Repository(repository) => read.repositories.push(*repository),
            ReadLine::End(count) => {
                let found = (read.buckets.len() + read.repositories.len()) as u64;
                return if found == count { Ok(Some(read)) } else { Err(UnusableConfiguration::Damaged) };
            }
        }
    }
}

struct Lines<R>(BufReader<R>);

impl<R: Read> Lines<R> {
    fn read_next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, UnusableConfiguration> {
        let mut line = Vec::new();
        let read = self.0.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(|_| UnusableConfiguration::Damaged)?;
        serde_json::from_slice(&line).map_err(|_| UnusableConfiguration::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bucketry_model::bucket::{BucketLocation, StorageType};
    use bucketry_model::id::{BucketId, RepoId};
    use bucketry_model::pinning::BucketPins;
    use bucketry_model::repository::RepositoryMode;
    use tempfile::TempDir;

    use super::*;

    fn owner(node: &str) -> ConfigurationOwner {
        let control_plane = "https://storage.example.com".to_owned();
        ConfigurationOwner { node: node.to_owned(), id_org: None, control_plane }
    }

    fn configuration() -> ReadConfiguration {
        let org_id = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".to_owned(),
            key: None,
            endpoint: None,
            region: None,
        };
        let id = BucketId::new(Timestamp::UNIX_EPOCH, [2; 10]);
        let pinned_to = BucketPins::new([], ["eu".to_owned()]).unwrap();
        let bucket =
            NodeBucket { id, org_id, version: 3, config_version: 2, location, secret: None, pinned_to };
        let repository = NodeRepository {
            id: RepoId::new(Timestamp::UNIX_EPOCH, [3; 10]),
            org_id,
            version: 1,
            name: "r".to_owned(),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![],
            keys: vec![],
            sealing_key: None,
        };
        ReadConfiguration {
            confirmed_at: "2026-03-01T10:00:00Z".parse().unwrap(),
            buckets: vec![bucket],
            repositories: vec![repository],
        }
    }

    fn written(directory: &TempDir, node: &Identities) -> std::path::PathBuf {
        let path = directory.path().join("configuration.age");
        let ReadConfiguration { confirmed_at, buckets, repositories } = configuration();
        write(&path, &node.in_use(), &owner("n1"), confirmed_at, buckets.iter(), repositories.iter())
            .unwrap();
        path
    }

    #[test]
    fn a_configuration_is_read_back_by_its_node() {
        let (directory, node) = (tempfile::tempdir().unwrap(), Identities::generate());
        let path = written(&directory, &node);
        assert_eq!(read(&path, &node, &owner("n1")).unwrap(), Some(configuration()));
        assert!(!fs::read(&path).unwrap().windows(6).any(|window| window == b"photos"), "it is sealed");
        assert_eq!(read(&directory.path().join("none"), &node, &owner("n1")).unwrap(), None);
    }

    #[test]
    fn files_of_others_and_truncated_ones_are_refused() {
        let (directory, node) = (tempfile::tempdir().unwrap(), Identities::generate());
        let path = written(&directory, &node);
        let refused =
            |node: &Identities, name: &str| read(&path, node, &owner(name)).unwrap_err().to_string();
        assert!(refused(&node, "n2").contains("the node n1 of https://storage.example.com"));
        assert!(refused(&Identities::generate(), "n1").contains("keys of another node"));
        let sealed = fs::read(&path).unwrap();
        for length in [0, sealed.len() / 2, sealed.len() - 1] {
            fs::write(&path, &sealed[..length]).unwrap();
            assert!(read(&path, &node, &owner("n1")).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn lines_that_are_missing_or_too_new_are_noticed() {
        let (directory, node) = (tempfile::tempdir().unwrap(), Identities::generate());
        let path = directory.path().join("configuration.age");
        let header = |format: u32| {
            let confirmed_at = Timestamp::UNIX_EPOCH;
            serde_json::to_string(&Header { format, owner: owner("n1"), confirmed_at }).unwrap()
        };
        for (text, said) in [
            (format!("{}\n", header(1)), "damaged"),
            (format!("{}\n{{\"end\":1}}\n", header(1)), "damaged"),
            (format!("{}\n{{\"end\":0}}\n", header(2)), "newer"),
            ("not json".to_owned(), "damaged"),
        ] {
            write_sealed_file(&path, &node.in_use(), |file| file.write_all(text.as_bytes())).unwrap();
            let refused = read(&path, &node, &owner("n1")).unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
