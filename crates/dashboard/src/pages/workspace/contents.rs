//! What a workspace contains: its first buckets and repositories, and links to all of them.

use bucketry_control::buckets::{BucketListInput, BucketView};
use bucketry_control::repositories::{RepositoryListInput, RepositoryView};
use bucketry_model::id::WorkspaceId;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::parts::state;
use crate::viewer::Viewer;

/// How many of each are named.
const NAMED: u32 = 5;

/// The first buckets and repositories.
pub(super) struct Contents {
    buckets: Vec<BucketView>,
    has_more_buckets: bool,
    repositories: Vec<RepositoryView>,
    has_more_repositories: bool,
}

pub(super) async fn read(viewer: &Viewer, id: WorkspaceId) -> Result<Contents, PageError> {
    let control = viewer.control();
    let input = BucketListInput { workspace: Some(id), ..BucketListInput::default() };
    let buckets = control.search_buckets(&viewer.caller, &input, None, NAMED).await?;
    let input = RepositoryListInput { workspace: Some(id), ..RepositoryListInput::default() };
    let repositories = control.search_repositories(&viewer.caller, &input, None, NAMED).await?;
    Ok(Contents {
        has_more_buckets: buckets.next.is_some(),
        buckets: buckets.entries,
        has_more_repositories: repositories.next.is_some(),
        repositories: repositories.entries,
    })
}

impl Contents {
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.repositories.is_empty()
    }

    /// Names them in a sentence.
    pub(super) fn names(&self) -> String {
        let buckets: Vec<&str> = self.buckets.iter().map(|view| view.bucket.name.as_str()).collect();
        let repositories: Vec<&str> =
            self.repositories.iter().map(|view| view.repository.name.as_str()).collect();
        let parts = [
            in_words("the bucket", "the buckets", &buckets, self.has_more_buckets),
            in_words("the repository", "the repositories", &repositories, self.has_more_repositories),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }

    pub(super) fn panels(&self, viewer: &Viewer, id: WorkspaceId) -> Markup {
        let query = [("workspace", id.to_string())];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        html! {
            section.panel #contents data-refresh="buckets" aria-labelledby="wb" {
                header {
                    h2 #wb { "Buckets" }
                    @if !self.buckets.is_empty() {
                        a.link.small href=(viewer.links().ui_with("/buckets", &query)) { "All buckets" span.vh { " of this workspace" } }
                    }
                }
                div.body {
                    @if self.buckets.is_empty() { p.quiet { "It contains no bucket yet." } }
                    @else { ul.log { @for view in &self.buckets { li {
                        a.link href=(viewer.links().ui(format_args!("/buckets/{}", view.bucket.id))) { (view.bucket.name.as_str()) }
                        (state::status(view.status))
                    } } } }
                }
            }
            section.panel aria-labelledby="wr" {
                header {
                    h2 #wr { "Repositories" }
                    @if !self.repositories.is_empty() {
                        a.link.small href=(viewer.links().ui_with("/repositories", &query)) { "All repositories" span.vh { " of this workspace" } }
                    }
                }
                div.body {
                    @if self.repositories.is_empty() { p.quiet { "It contains no repository yet." } }
                    @else { ul.log { @for view in &self.repositories { li {
                        a.link href=(viewer.links().ui(format_args!("/repositories/{}", view.repository.id))) { (view.repository.name.as_str()) }
                        @match view.status() { Some(status) => (state::status(status)), None => span.quiet.small { "empty" } }
                    } } } }
                }
            }
        }
    }
}

fn in_words(one: &str, several: &str, names: &[&str], has_more: bool) -> Option<String> {
    let what = if names.len() == 1 && !has_more { one } else { several };
    let more = if has_more { " and others" } else { "" };
    (!names.is_empty()).then(|| format!("{what} {}{more}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_named() {
        let words = |names: &[&str], more| in_words("the bucket", "the buckets", names, more);
        assert_eq!(words(&[], false), None);
        assert_eq!(words(&["photos"], false).as_deref(), Some("the bucket photos"));
        assert_eq!(words(&["a", "b"], true).as_deref(), Some("the buckets a, b and others"));
    }
}
