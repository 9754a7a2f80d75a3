//! The parameters of `ListBuckets`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::front::s3::error::{Code, Result, S3Error};

/// The region that the gateway names for every bucket. Signatures may use any.
pub(crate) const REGION: &str = "us-east-1";
/// The most buckets in a page.
const MAX_BUCKETS: u16 = 10_000;

/// The parameters of a request that lists buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names that start with this.
    pub prefix: Option<String>,
    /// The most buckets to return, from 1. Without it, the response has all.
    pub max_buckets: Option<u16>,
    /// Only names after this one, from the token of the previous page.
    pub after: Option<String>,
    /// Only buckets in this region.
    pub region: Option<String>,
}

impl ListBuckets {
    /// Parses the parameters. An empty one counts as absent.
    pub(super) fn parse(get: impl Fn(&str) -> Result<Option<String>>) -> Result<Self> {
        let max_buckets = get("max-buckets")?.map(|text| {
            let number = text.parse().ok().filter(|number| (1..=MAX_BUCKETS).contains(number));
            number.ok_or_else(|| invalid("max-buckets must be a number from 1 to 10000."))
        });
        let after = get("continuation-token")?.map(|token| {
            let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
            name.ok_or_else(|| {
                invalid("The continuation token is not one that ListBuckets returned. List again from the beginning.")
            })
        });
        Ok(Self {
            prefix: get("prefix")?,
            max_buckets: max_buckets.transpose()?,
            after: after.transpose()?,
            region: get("bucket-region")?,
        })
    }

    /// The page of these names that was asked for, in ascending order, and the token of the next page.
    pub(crate) fn page<'a>(&self, names: impl Iterator<Item = &'a str>) -> (Vec<&'a str>, Option<String>) {
        let is_listed = |name: &&str| {
            self.prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
                && self.after.as_ref().is_none_or(|after| *name > after.as_str())
        };
        if self.region.as_ref().is_some_and(|region| region != REGION) {
            return (Vec::new(), None);
        }
        let mut listed: Vec<&str> = names.filter(is_listed).collect();
        listed.sort_unstable();
        let most = self.max_buckets.map_or(usize::MAX, usize::from);
        let has_more = listed.len() > most;
        listed.truncate(most);
        let next = listed.last().filter(|_| has_more).map(|last| URL_SAFE_NO_PAD.encode(last));
        (listed, next)
    }

    /// Whether the request has a parameter. The response then names the region of each bucket.
    pub(crate) fn names_regions(&self) -> bool {
        *self != Self::default()
    }
}

fn invalid(message: &str) -> S3Error {
    S3Error::new(Code::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[(&str, &str)]) -> Result<ListBuckets> {
        ListBuckets::parse(|name| {
            Ok(list.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()))
        })
    }

    const NAMES: [&str; 4] = ["photos", "archive", "photos-2", "Team files"];

    #[test]
    fn pages_join_without_gaps() {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut parameters = vec![("max-buckets", "1")];
            parameters.extend(token.as_deref().map(|token| ("continuation-token", token)));
            let (page, next) = parse(&parameters).unwrap().page(NAMES.into_iter());
            found.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, ["Team files", "archive", "photos", "photos-2"]);
    }

    #[test]
    fn names_are_filtered_by_prefix_and_region() {
        let of = |list: &[(&str, &str)]| parse(list).unwrap().page(NAMES.into_iter());
        assert_eq!(of(&[("prefix", "photos")]), (vec!["photos", "photos-2"], None));
        assert_eq!(of(&[("bucket-region", "us-east-1")]).0.len(), 4);
        assert_eq!(of(&[("bucket-region", "eu-west-1")]), (vec![], None));
        assert_eq!(of(&[("max-buckets", "4")]).1, None, "the last page has no token");
        assert!(!parse(&[]).unwrap().names_regions());
    }

    #[test]
    fn parameters_have_bounds() {
        for wrong in ["0", "10001", "-1", "x", "1.5"] {
            assert_eq!(parse(&[("max-buckets", wrong)]).unwrap_err().code, Code::InvalidArgument, "{wrong}");
        }
        for wrong in ["!", "_w"] {
            let error = parse(&[("continuation-token", wrong)]).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument, "{wrong}");
        }
    }
}
