//! What needs attention, on the overview: nodes that wait for the viewer's approval, and the findings that `bucketry doctor`
//! lists, too, each with what fixes it or shows more.

use bucketry_control::findings::FindingReport;
use bucketry_model::finding::{Finding, FindingCode, Severity, SubjectKind};
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::role::WorkspaceRole;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::human;
use crate::parts::empty::failed_part;
use crate::parts::icon::shape;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::viewer::Viewer;

/// The most findings that are listed.
const MOST: usize = 10;
/// What the panel shows.
const TOPICS: &str = "attention nodes";

/// What can be done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// A page of the bucket: its path below the bucket's, and what the link says.
    OfBucket(&'static str, &'static str),
    /// The page of the node.
    OfNode,
    /// Runs the checks of the bucket.
    Check,
    /// Another page: its path and what the link says.
    Page(&'static str, &'static str),
    /// A command of the server's operator, if the finding names one.
    Command,
}

/// The panel with the findings, or why they can't be shown.
pub(super) async fn panel(viewer: &Viewer) -> Markup {
    let waiting = viewer.person.waiting.count;
    let report = match viewer.control().finding_report(&viewer.caller).await {
        Ok(report) => report,
        Err(error) => {
            let error = PageError::from(error);
            error.log();
            let failed = html! { div.body { (failed_part(&error.message())) } };
            return html! { section.panel #attention data-refresh=(TOPICS) aria-labelledby="todo" {
                (contents(waiting, &html! { ul.todo { (approvals(viewer)) } (failed) }))
            } };
        }
    };
    let count = report.findings.len() as u64 + report.more + waiting;
    let list = if count == 0 {
        let nothing = state::state(Mark::Good, "Nothing needs attention.");
        html! { div.body { p.quiet { (nothing) } } }
    } else {
        list(viewer, &report)
    };
    html! {
        section.panel #attention data-refresh=(TOPICS) aria-labelledby="todo" { (contents(count, &list)) }
    }
}

/// The nodes that wait for approval, on a page without buckets and so without findings about them.
pub(super) fn panel_of_approvals(viewer: &Viewer) -> Markup {
    let waiting = viewer.person.waiting.count;
    html! {
        // It is there even if it is empty, so that a script can fill it.
        div #attention data-refresh=(TOPICS) {
            @if waiting > 0 {
                section.panel aria-labelledby="todo" {
                    (contents(waiting, &html! { ul.todo { (approvals(viewer)) } }))
                }
            }
        }
    }
}

fn contents(count: u64, contents: &Markup) -> Markup {
    html! {
        header { h2 #todo { "Needs attention" } @if count > 0 { span.faint.small { (count) } } }
        (contents)
    }
}

fn list(viewer: &Viewer, report: &FindingReport) -> Markup {
    let more = report.more + report.findings.len().saturating_sub(MOST) as u64;
    html! {
        ul.todo {
            (approvals(viewer))
            @for finding in report.findings.iter().take(MOST) { (line(viewer, finding)) }
        }
        @if more > 0 {
            div.more {
                span { (human::plural(more, "more finding", "more findings")) }
                a.link href=(viewer.links().ui_with("/buckets", &[("state", "offline")])) { "Offline buckets" }
            }
        }
    }
}

/// The nodes that wait for the viewer's approval, with the way to the form, which isn't here: the key must be compared first.
fn approvals(viewer: &Viewer) -> Markup {
    let waiting = &viewer.person.waiting;
    let more = waiting.count.saturating_sub(waiting.first.len() as u64);
    let item = |title: &str, text: &str, link: &str, label: &str| {
        html! {
            li {
                (shape(Mark::Warn.icon(), Mark::Warn.class()))
                div { h3 { a href=(link) { (title) } } p { (text) } }
                a.btn href=(link) { (label) span.vh { ": " (title) } }
            }
        }
    };
    html! {
        @for (id, name) in &waiting.first {
            (item(
                &format!("Node {name} waits for approval"),
                "Until its public key is approved, it serves nothing. If you don’t know this node, remove it.",
                &viewer.links().ui(format_args!("/nodes/{id}#approval")),
                "Compare the key",
            ))
        }
        @if more > 0 {
            (item(
                &format!("{} for approval", human::plural(more, "more node waits", "more nodes wait")),
                "The page of nodes lists those that wait first.", &viewer.links().ui("/nodes"), "Show nodes",
            ))
        }
    }
}

fn line(viewer: &Viewer, finding: &Finding) -> Markup {
    let mark = mark(finding.severity);
    let title = headline(finding);
    let bucket = bucket_of(finding);
    let may_change =
        finding.workspace_id.is_some_and(|workspace| viewer.caller.may(WorkspaceRole::Write, workspace));
    let remedy = remedy(finding, may_change);
    let of_bucket = |below: &str| bucket.map(|id| viewer.links().ui(format_args!("/buckets/{id}{below}")));
    let (link, label) = match remedy {
        Remedy::OfBucket(below, label) => (of_bucket(below), label),
        Remedy::Check => (of_bucket(""), ""),
        Remedy::OfNode => {
            (node_of(finding).map(|id| viewer.links().ui(format_args!("/nodes/{id}"))), "Show node")
        }
        Remedy::Page(path, label) => (Some(viewer.links().ui(path)), label),
        Remedy::Command => (None, ""),
    };
    html! {
        li {
            (shape(mark.icon(), mark.class()))
            div {
                h3 {
                    @match of_bucket("").or_else(|| link.clone()) {
                        Some(page) => a href=(page) { (title) },
                        None => span { (title) },
                    }
                    @if let Some(since) = finding.since.filter(|_| finding.key.code != FindingCode::CredentialExpiring) {
                        span.when { (time::lasting(since, viewer.frame.now)) }
                    }
                }
                p { (time::in_text(&finding.sentence)) }
                @if let (Remedy::Command, Some(command)) = (remedy, &finding.command) { p { code { "bucketry " (command) } } }
            }
            @match (remedy, of_bucket("/check"), link) {
                (Remedy::Check, Some(check), _) => form method="post" action=(check) {
                    button.btn data-working="Checking…" { "Check now" span.vh { ": " (title) } }
                },
                (Remedy::Command, ..) | (_, _, None) => {},
                (_, _, Some(link)) => a.btn href=(link) { (label) span.vh { ": " (title) } },
            }
        }
    }
}

fn mark(severity: Severity) -> Mark {
    match severity {
        Severity::Critical => Mark::Bad,
        Severity::Warning => Mark::Warn,
        Severity::Info => Mark::Mute,
    }
}

/// The bucket that a finding is about. Its id may have a suffix, such as a prefix of keys.
fn bucket_of(finding: &Finding) -> Option<BucketId> {
    let is_of_bucket = finding.key.subject == SubjectKind::Bucket;
    finding.key.id.split(' ').next().filter(|_| is_of_bucket)?.parse().ok()
}

/// The node that a finding is about.
fn node_of(finding: &Finding) -> Option<NodeId> {
    finding.key.id.parse().ok().filter(|_| finding.key.subject == SubjectKind::Node)
}

/// What happened to what, in the words of the pages: `photos is offline`.
fn headline(finding: &Finding) -> String {
    let (name, title) = (&finding.name, finding.title.replace('\'', "’"));
    let after = |kind: &str| {
        let rest = title.strip_prefix(kind)?;
        Some(rest.replace("is OFFLINE", "is offline").replace("is DISCONNECTED", "is not seen by any node"))
    };
    match finding.key.subject {
        SubjectKind::Bucket => {
            after("Bucket ").map_or_else(|| joined(name, &title), |rest| format!("{name} {rest}"))
        }
        SubjectKind::Node => {
            after("Node ").map_or_else(|| joined(name, &title), |rest| format!("Node {name} {rest}"))
        }
        SubjectKind::Endpoint => {
            after("Endpoint ").map_or_else(|| joined(name, &title), |rest| format!("Endpoint {name} {rest}"))
        }
        SubjectKind::Repository | SubjectKind::Workspace => joined(name, &title),
        SubjectKind::Deployment | SubjectKind::Organization | SubjectKind::Session => title,
    }
}

fn joined(name: &str, title: &str) -> String {
    let mut letters = title.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_lowercase).collect();
    format!("{name}: {first}{}", letters.as_str())
}

fn remedy(finding: &Finding, may_change: bool) -> Remedy {
    use FindingCode as Code;
    if finding.key.subject == SubjectKind::Bucket {
        return match finding.key.code {
            Code::BucketOffline if may_change => Remedy::Check,
            Code::CredentialExpiring | Code::CredentialExpired if may_change => {
                Remedy::OfBucket("/settings", "Replace credential")
            }
            Code::SecretUnreadable if may_change => Remedy::OfBucket("/settings", "Enter secret"),
            Code::UploadsAbandoned | Code::InventoryOld | Code::ObjectsStale => {
                Remedy::OfBucket("/inventory", "Show inventory")
            }
            _ => Remedy::OfBucket("", "Show bucket"),
        };
    }
    match (finding.key.subject, finding.key.code) {
        (SubjectKind::Endpoint, _) | (_, Code::NodeIsolated) => {
            Remedy::Page("/buckets?state=offline", "Show buckets")
        }
        (SubjectKind::Node, _) => Remedy::OfNode,
        (_, Code::NodeSilent) => Remedy::Page("/nodes", "Show nodes"),
        (_, Code::PinnedNodesMissing) => Remedy::Page("/buckets?state=unseen", "Show buckets"),
        (SubjectKind::Organization, _) => Remedy::Page("/buckets", "Show buckets"),
        _ => Remedy::Command,
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::finding::FindingKey;
    use jiff::SignedDuration;

    use super::*;

    fn finding(code: FindingCode, subject: SubjectKind, id: &str, title: &str) -> Finding {
        Finding {
            key: FindingKey { code, subject, id: id.to_owned() },
            severity: Severity::Critical,
            name: "photos".to_owned(),
            workspace_id: None,
            title: title.to_owned(),
            sentence: String::new(),
            command: None,
            since: None,
            depends_on: None,
            visible_after: SignedDuration::ZERO,
        }
    }

    #[test]
    fn a_headline_names_the_thing_and_uses_the_words_of_the_pages() {
        use FindingCode as Code;
        for (subject, title, expected) in [
            (SubjectKind::Bucket, "Bucket is OFFLINE", "photos is offline"),
            (SubjectKind::Bucket, "Bucket is DISCONNECTED", "photos is not seen by any node"),
            (SubjectKind::Bucket, "Bucket can't be opened", "photos can’t be opened"),
            (SubjectKind::Bucket, "Credential expires soon", "photos: credential expires soon"),
            (SubjectKind::Node, "Node is silent", "Node photos is silent"),
            (SubjectKind::Endpoint, "Endpoint is OFFLINE", "Endpoint photos is offline"),
            (SubjectKind::Deployment, "Disk is nearly full", "Disk is nearly full"),
        ] {
            assert_eq!(headline(&finding(Code::BucketOffline, subject, "1", title)), expected);
        }
    }

    #[test]
    fn what_fixes_a_finding_is_offered_to_those_who_may_do_it() {
        use FindingCode as Code;
        let of = |code, subject| move |may_change| remedy(&finding(code, subject, "1", ""), may_change);
        assert_eq!(of(Code::BucketOffline, SubjectKind::Bucket)(true), Remedy::Check);
        assert_eq!(of(Code::BucketOffline, SubjectKind::Bucket)(false), Remedy::OfBucket("", "Show bucket"));
        assert_eq!(
            of(Code::CredentialExpired, SubjectKind::Bucket)(true),
            Remedy::OfBucket("/settings", "Replace credential")
        );
        assert_eq!(
            of(Code::NodeSilent, SubjectKind::Organization)(true),
            Remedy::Page("/nodes", "Show nodes")
        );
        assert_eq!(of(Code::NodeSilent, SubjectKind::Node)(false), Remedy::OfNode);
        assert_eq!(of(Code::DiskFull, SubjectKind::Deployment)(true), Remedy::Command);
    }

    #[test]
    fn the_bucket_of_a_finding_is_found_before_a_suffix() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let of = |subject, id: &str| bucket_of(&finding(FindingCode::ObjectsStale, subject, id, ""));
        assert_eq!(of(SubjectKind::Bucket, &format!("{id} logs/")), id.parse().ok());
        assert_eq!(of(SubjectKind::Node, id), None);
        let silent = finding(FindingCode::NodeSilent, SubjectKind::Node, id, "Node is silent");
        assert_eq!(node_of(&silent), id.parse().ok());
        assert_eq!(of(SubjectKind::Bucket, "no id"), None);
    }
}
