//! The newest object under a prefix of a bucket.

use bucketry_model::node_protocol::NewestSearch;
use bucketry_provider::driver::{Driver, ListRequest, ListedObject};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

/// The most pages of a list that are read. A prefix with more objects needs a longer one.
const MAX_PAGES: u32 = 200;

/// Looks through the list of the prefix until its end, or until an object is fresh enough. The error is one sentence
/// without secrets.
pub(crate) async fn find_newest(
    driver: &dyn Driver,
    search: &NewestSearch,
    deadline: Instant,
) -> Result<Option<Timestamp>, String> {
    let counts = |object: &ListedObject| object.size >= search.min_bytes;
    let mut newest = None;
    let mut request = ListRequest { prefix: search.prefix.clone(), ..ListRequest::default() };
    for _ in 0..MAX_PAGES {
        let page = timeout_at(deadline, driver.list(&request)).await;
        let page =
            page.map_err(|_| "The list of the prefix takes too long: choose a longer prefix.".to_owned())?;
        let page = page.map_err(|error| format!("The prefix can't be listed: {error}."))?;
        let last = page
            .objects
            .iter()
            .filter(|object| counts(object))
            .filter_map(|object| object.last_modified)
            .max();
        newest = newest.max(last);
        if newest.is_some_and(|newest| newest >= search.fresh_since) || page.next.is_none() {
            return Ok(newest);
        }
        request.token = page.next;
    }
    Err("There are too many objects under the prefix: choose a longer one.".to_owned())
}
