//! The tab *Nodes* of a bucket: which nodes serve it, what each of them sees, and the pins that decide about it.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::Error;
use bucketry_control::buckets::{BucketInput, BucketView, NodeStatusView};
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use bucketry_model::pinning::BucketPins;
use http::StatusCode;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::super::node;
use super::pins::{ChosenPins, LABELS, OfferedPins, form, in_words, shown_pins, unserved};
use super::{may_change, path, read, top, update};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::notice::notice;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// The most nodes that the table has. Those that report on the bucket come first.
const MOST: usize = 100;

/// What was chosen, and what is wrong with it.
#[derive(Default)]
struct PinsForm {
    chosen: ChosenPins,
    problems: FormProblems,
    /// Whether the pins were not stored only because no node would serve the bucket.
    asks_anyway: bool,
}

impl PinsForm {
    /// Notes why nothing was stored.
    fn refused(&mut self, problems: FormProblems) -> bool {
        self.problems = problems;
        false
    }
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = async {
        let view = read(&viewer, &id).await?;
        let chosen = ChosenPins::stored(&view.bucket.pinned_to);
        screen(&viewer, &view, &PinsForm { chosen, ..PinsForm::default() }).await
    };
    let result = result.await;
    viewer.answer(result).await
}

/// `POST`: changes the pins.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = pin(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn pin(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    if !may_change(viewer, &view) {
        let message =
            "pinning this bucket needs the role WRITE in its workspace: ask an ADMIN of the workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let known = viewer.control().nodes(&viewer.caller).await?;
    let mut sent = PinsForm { chosen: ChosenPins::sent(fields), ..PinsForm::default() };
    if store(viewer, &view, fields, &known, &mut sent).await? {
        let to = format!("/buckets/{}/nodes", view.bucket.id);
        return Ok(FormOutcome::Moved(viewer.links().ui_with(to, &[("done", "bucket-pinned")])));
    }
    // With the pins that are stored now: sending the form again replaces what this page shows.
    let view = read(viewer, id).await?;
    let screen = screen(viewer, &view, &sent).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

/// Stores what was chosen, and returns whether it did. If not, `sent` has the reason.
async fn store(
    viewer: &Viewer,
    view: &BucketView,
    fields: &FieldValues,
    known: &[NodeView],
    sent: &mut PinsForm,
) -> Result<bool, PageError> {
    let (control, caller) = (viewer.control(), &viewer.caller);
    let stored = &view.bucket.pinned_to;
    let input = match sent.chosen.input(known) {
        Ok(input) => input,
        Err(problems) => return Ok(sent.refused(problems)),
    };
    let pins = match control.check_pins(caller, &input, stored).await {
        Ok(pins) => pins,
        Err(error) => return Ok(sent.refused(FormProblems::of(error, LABELS)?)),
    };
    // Somebody else's pins would be replaced unseen.
    if fields.text("shown") != shown_pins(stored) {
        let problems = FormProblems::of_form(
            "Somebody else has changed the pins of this bucket in the meantime. The boxes show your choice. Save again to \
             replace what is stored now.",
        );
        return Ok(sent.refused(problems));
    }
    if let Some(why) = unserved(&pins, known).filter(|_| !fields.has("anyway")) {
        sent.asks_anyway = true;
        let message = format!("{}, so no node would serve the bucket. {}", why.reason(), why.advice());
        return Ok(sent.refused(FormProblems::of_form(message.trim_end())));
    }
    let input = BucketInput { pinned_to: Some(input), ..BucketInput::default() };
    let is_as_shown = |now: &BucketView| now.bucket.pinned_to == *stored;
    match update(viewer, view.bucket.id, &input, is_as_shown).await {
        Ok(_) => Ok(true),
        Err(error) => Ok(sent.refused(FormProblems::of(error, LABELS)?)),
    }
}

async fn screen(viewer: &Viewer, view: &BucketView, sent: &PinsForm) -> Result<Screen, PageError> {
    let control = viewer.control();
    let known = control.nodes(&viewer.caller).await?;
    let reports = control.bucket_status(&viewer.caller, view.bucket.id).await?;
    let may_change = may_change(viewer, view);
    let body = html! {
        (top(viewer, view, "Nodes"))
        (sent.problems.list("The pins were not changed"))
        (table(viewer, view, &known, &reports))
        section.panel aria-labelledby="pn" {
            header { h2 #pn { "Pins" } }
            div.body { p.what { (in_words(&view.bucket.pinned_to, &known)) } }
            @if may_change {
                (form(&OfferedPins {
                    action: &path(viewer, view.bucket.id, "/nodes"), known: &known, stored: &view.bucket.pinned_to,
                    chosen: &sent.chosen, problems: &sent.problems, asks_anyway: sent.asks_anyway,
                }))
            }
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Nodes of {}", view.bucket.name.as_str()), body))
}

/// A node, and what it reports on the bucket.
struct NodeRow<'a> {
    node: &'a NodeView,
    report: Option<&'a NodeStatusView>,
    is_admitted: bool,
}

impl<'a> NodeRow<'a> {
    fn of(node: &'a NodeView, reports: &'a [NodeStatusView], pins: &BucketPins) -> Self {
        let report = reports.iter().find(|one| one.node.id == node.node.id);
        Self { node, report, is_admitted: pins.admit(node.node.id, &node.node.region) }
    }

    /// Why the node doesn't serve the bucket. `None` if it does.
    fn obstacle(&self) -> Option<(Mark, &'static str, &'static str)> {
        let node = self.node;
        if !self.is_admitted {
            Some((Mark::Mute, "Not served", "The bucket is pinned to others"))
        } else if node.secrets == SecretAccess::Pending {
            Some((Mark::Warn, "Waits for approval", ""))
        } else if node.node.recipients.is_empty() {
            Some((Mark::Mute, "Not served", "The node opens no secrets"))
        } else if !node.connected {
            Some((Mark::Mute, "Silent", "The server doesn’t hear from it"))
        } else {
            None
        }
    }

    /// Nodes that report come first, then those that serve the bucket.
    fn order(&self) -> (bool, bool, bool) {
        (self.report.is_none() || self.obstacle().is_some(), self.obstacle().is_some(), !self.is_admitted)
    }
}

fn table(viewer: &Viewer, view: &BucketView, known: &[NodeView], reports: &[NodeStatusView]) -> Markup {
    let pins = &view.bucket.pinned_to;
    let mut rows: Vec<NodeRow<'_>> = known.iter().map(|node| NodeRow::of(node, reports, pins)).collect();
    // Those of equal rank stay in the order of their names.
    rows.sort_by_key(NodeRow::order);
    let serving = rows.iter().filter(|row| row.obstacle().is_none()).count();
    let topics = format!("{} nodes", bucket_topic(view.bucket.id));
    html! {
        div.stack #bucket-nodes data-refresh=(topics) {
            @if let Some(why) = unserved(pins, known) {
                (notice(
                    Mark::Bad, "No node serves this bucket",
                    html! {
                        "It is pinned to nodes that don’t serve it now. " (why.reason()) ". " (why.advice())
                        " Or change the pins below. At other gateways, clients find no such bucket (404)."
                    },
                    None,
                ))
            }
            section.panel aria-labelledby="nd" {
                header {
                    h2 #nd { "Nodes" }
                    span.faint.small { (serving) " of " (human::plural(known.len() as u64, "node serves it", "nodes serve it")) }
                }
                @if rows.is_empty() { div.body { p.quiet { "No node has registered yet." } } } @else {
                    table.table {
                        thead { tr {
                            th scope="col" { "Node" } th scope="col" { "What it sees" }
                            th.c2 scope="col" { "Last probe" } th.c2 scope="col" { "Gateway" }
                        } }
                        tbody { @for row in rows.iter().take(MOST) { (line(viewer, row)) } }
                    }
                    @if rows.len() > MOST {
                        div.more { span { (human::plural((rows.len() - MOST) as u64, "more node", "more nodes")) } }
                    }
                }
            }
        }
    }
}

fn line(viewer: &Viewer, row: &NodeRow<'_>) -> Markup {
    let node = &row.node.node;
    let now = viewer.frame.now;
    let report = row.report.filter(|_| row.obstacle().is_none());
    html! {
        tr {
            td.name {
                a href=(node::path(viewer, node.id, "")) { (node.name) }
                span { (node.region) }
            }
            td {
                @match (row.obstacle(), report) {
                    (Some((mark, word, why)), _) => {
                        (state::state(mark, word))
                        @if !why.is_empty() { div.why { (why) } }
                    },
                    (None, Some(report)) => {
                        (state::status(report.status))
                        div.why {
                            @if let Some(latency) = report.latency_ms {
                                (human::latency(f64::from(latency))) @if report.since.is_some() { ", " }
                            }
                            @if let Some(since) = report.since { (time::lasting(since, now)) }
                        }
                        @if let Some(failure) = &report.last_error { div.why { (time::in_text(&failure.message)) } }
                    },
                    (None, None) => {
                        (state::state(Mark::Mute, "Served"))
                        div.why { "Other nodes probe it" }
                    },
                }
            }
            td.c2 { @match report { Some(report) => (time::ago(report.last_updated, now)), None => "–" } }
            td.c2.wrap { @match &row.node.gateway_url { Some(url) => code { (url) }, None => "–" } }
        }
    }
}
