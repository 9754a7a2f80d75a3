//! `ListBuckets`: what the key shows besides its bucket.

use bucketry_model::node_protocol::MOST_OTHER_BUCKETS;

use crate::connection::ResponseTimeout;
use crate::error::ProviderError;
use crate::s3::S3Driver;
use crate::xml::{self, UnexpectedXml};

/// The limit on the list: 10,000 buckets, with the surrounding XML.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

impl S3Driver {
    /// Lists the account's buckets and counts the others.
    pub(super) async fn count_other_buckets(&self) -> Result<u64, ProviderError> {
        let (head, body) = self.get_root().await?.into_parts();
        let document = self.connections.document(body, MAX_LIST_BYTES, ResponseTimeout::Usual).await?;
        count_others(&document, &self.bucket)
            .map_err(|UnexpectedXml| ProviderError::NotAnObjectStore { status: Some(head.status) })
    }
}

fn count_others(document: &[u8], bucket: &str) -> Result<u64, UnexpectedXml> {
    let mut others = 0;
    xml::read(document, "ListAllMyBucketsResult", |element| {
        if element.parent() == "Bucket" && element.name == "Name" && element.text != bucket {
            others += 1;
        }
        Ok(())
    })?;
    Ok(MOST_OTHER_BUCKETS.min(others))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_buckets_of_a_list_are_counted() {
        let list = |names: &[&str]| {
            let buckets: Vec<String> =
                names.iter().map(|name| format!("<Bucket><Name>{name}</Name></Bucket>")).collect();
            let buckets = buckets.concat();
            let owner = "<Owner><ID>1</ID><DisplayName>Name</DisplayName></Owner>";
            format!("<ListAllMyBucketsResult>{owner}<Buckets>{buckets}</Buckets></ListAllMyBucketsResult>")
        };
        let count = |names: &[&str]| count_others(list(names).as_bytes(), "photos");
        assert_eq!(count(&[]), Ok(0));
        assert_eq!(count(&["photos"]), Ok(0));
        assert_eq!(count(&["archive", "photos", "photos-2"]), Ok(2));
        let many: Vec<&str> = std::iter::repeat_n("x", 2_000).collect();
        assert_eq!(count(&many), Ok(1_000));
        let objects = b"<ListBucketResult><Name>other</Name></ListBucketResult>";
        assert_eq!(count_others(objects, "photos"), Err(UnexpectedXml), "the list of a bucket's objects");
    }
}
