//! The form of a bucket's pins: boxes for nodes and regions, and fields for those that have no box.

use std::collections::{BTreeMap, BTreeSet};

use bucketry_control::buckets::PinsInput;
use bucketry_control::presence::NodeView;
use bucketry_model::id::NodeId;
use bucketry_model::pinning::{BucketPins, MAX_PINS};
use maud::{Markup, html};

use crate::digest::digest;
use crate::field_values::FieldValues;
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::field::{TextField, tick};
use crate::wording::Labels;

pub(super) const LABELS: &Labels = &[
    ("pinnedTo.nodes", "The list of nodes"),
    ("pinnedTo.regions", "Regions"),
    ("nodeName", "Another node"),
    ("regionName", "Another region"),
];
/// The most nodes, and the most regions, that have boxes.
const OFFERED: usize = 60;

/// What is chosen in the form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenPins {
    /// Ids of nodes, as the boxes have them.
    nodes: BTreeSet<String>,
    regions: BTreeSet<String>,
    /// The name of a node without a box, as it was entered.
    node_name: String,
    /// The name of a region without a box, as it was entered.
    region_name: String,
}

impl ChosenPins {
    pub(super) fn stored(pins: &BucketPins) -> Self {
        Self {
            nodes: pins.nodes().iter().map(ToString::to_string).collect(),
            regions: pins.regions().iter().cloned().collect(),
            ..Self::default()
        }
    }

    pub(super) fn sent(fields: &FieldValues) -> Self {
        if fields.has("unpin") {
            return Self::default();
        }
        // One more than can be stored, so that too many are refused.
        let all = |name| fields.all(name, MAX_PINS + 1).map(str::to_owned).collect();
        Self {
            nodes: all("node"),
            regions: all("region"),
            node_name: fields.text("nodeName").to_owned(),
            region_name: fields.text("regionName").to_owned(),
        }
    }

    /// The pins to store, or what is wrong with the name of a node.
    pub(super) fn input(&self, known: &[NodeView]) -> Result<PinsInput, FormProblems> {
        let mut nodes = self.nodes.clone();
        if !self.node_name.is_empty() {
            let named = known.iter().find(|view| view.node.name.eq_ignore_ascii_case(&self.node_name));
            let message = "is not the name of a node that serves your organization";
            let named = named.ok_or_else(|| FormProblems::of_field("nodeName", message, LABELS))?;
            nodes.insert(named.node.id.to_string());
        }
        let entered = Some(self.region_name.clone()).filter(|name| !name.is_empty());
        Ok(PinsInput {
            nodes: nodes.into_iter().collect(),
            regions: self.regions.iter().cloned().chain(entered).collect(),
        })
    }
}

/// Why none of the nodes that a bucket is pinned to serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unserved<'a> {
    /// The node of this name would, but waits for approval.
    Pending(&'a str),
    /// None has a public key, so they open no secrets.
    WithoutKey,
    /// None is connected.
    Silent,
}

impl Unserved<'_> {
    /// The reason, as a clause without a full stop.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Pending(name) => format!("{name} waits for approval"),
            Self::WithoutKey => {
                "None of these nodes has a public key, without which it opens no secrets".to_owned()
            }
            Self::Silent => "None of these nodes is connected".to_owned(),
        }
    }

    /// What to do about it, as a sentence.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Pending(_) => "Its public key must be approved first, on its page.",
            Self::WithoutKey => "Nodes that run `bucketry node` have one.",
            Self::Silent => "Start one of them.",
        }
    }
}

/// Why pins leave the bucket to nobody now. `None` if a node serves it, or if it isn't pinned.
pub(super) fn unserved<'a>(pins: &BucketPins, known: &'a [NodeView]) -> Option<Unserved<'a>> {
    let admitted: Vec<&NodeView> =
        known.iter().filter(|view| pins.admit(view.node.id, &view.node.region)).collect();
    if pins.is_empty() || admitted.iter().any(|view| view.serves_applications()) {
        return None;
    }
    let has_key = |view: &&NodeView| view.node.sealing_recipient().is_some();
    let pending = admitted.iter().find(|view| view.node.is_pending());
    Some(match pending {
        Some(view) => Unserved::Pending(&view.node.name),
        None if admitted.is_empty() || admitted.iter().any(has_key) => Unserved::Silent,
        None => Unserved::WithoutKey,
    })
}

/// A digest of the pins that a form shows, to notice if they are others when it is sent.
pub(super) fn shown_pins(pins: &BucketPins) -> String {
    let nodes: Vec<String> = pins.nodes().iter().map(ToString::to_string).collect();
    let regions = pins.regions().iter().map(String::as_str);
    // No id is empty, so this divides the two.
    digest(nodes.iter().map(String::as_str).chain([""]).chain(regions))
}

/// Which nodes serve a bucket with these pins, as a sentence.
pub(super) fn in_words(pins: &BucketPins, known: &[NodeView]) -> String {
    if pins.is_empty() {
        return "Every node that serves your organization serves this bucket.".to_owned();
    }
    format!("Only these serve this bucket: {}.", names(pins, known).join(", "))
}

/// The names of the nodes and regions that a bucket is pinned to.
pub(super) fn names(pins: &BucketPins, known: &[NodeView]) -> Vec<String> {
    let node = |id: &NodeId| {
        let found = known.iter().find(|view| view.node.id == *id);
        found.map_or_else(|| "a removed node".to_owned(), |view| view.node.name.clone())
    };
    let region = |name: &String| format!("region {name}");
    pins.nodes().iter().map(node).chain(pins.regions().iter().map(region)).collect()
}

/// The form, and what it offers.
pub(super) struct OfferedPins<'a> {
    pub(super) action: &'a str,
    pub(super) known: &'a [NodeView],
    /// The pins that are stored, as the page shows them.
    pub(super) stored: &'a BucketPins,
    pub(super) chosen: &'a ChosenPins,
    pub(super) problems: &'a FormProblems,
    /// Whether to ask if the pins are meant although no node would serve the bucket.
    pub(super) asks_anyway: bool,
}

impl OfferedPins<'_> {
    /// The nodes that have boxes. One that waits for approval can't be pinned to, unless the bucket is already: its key has
    /// changed since.
    fn nodes(&self) -> impl Iterator<Item = &NodeView> {
        let has_box = |view: &NodeView| {
            let id = view.node.id;
            !view.node.is_pending()
                || self.stored.nodes().contains(&id)
                || self.chosen.nodes.contains(&id.to_string())
        };
        self.known.iter().filter(move |view| has_box(view))
    }
}

pub(super) fn form(offered: &OfferedPins<'_>) -> Markup {
    let (chosen, problems) = (offered.chosen, offered.problems);
    let has_more_nodes = offered.nodes().count() > OFFERED || !chosen.node_name.is_empty();
    html! {
        form.body.form method="post" action=(offered.action) {
            input type="hidden" name="shown" value=(shown_pins(offered.stored));
            p.quiet {
                "Without a choice, every node serves the bucket. With pins, only the chosen nodes, and all nodes in the chosen \
                 regions, receive the bucket, serve it to clients, probe and validate it. At other gateways, clients find no such \
                 bucket (404). If none of the chosen nodes is connected, no node serves it."
            }
            (nodes(offered))
            @if has_more_nodes {
                (TextField {
                    id: "nodeName", label: "Another node", value: &chosen.node_name, help: Some("By its name."),
                    problem: problems.at("nodeName"), ..TextField::default()
                }.render())
            }
            (regions(offered))
            (TextField {
                id: "regionName", label: "Another region", value: &chosen.region_name,
                help: Some("As its nodes report it; letter case is ignored. Nodes may join it later."),
                problem: problems.at("regionName"), ..TextField::default()
            }.render())
            @if offered.asks_anyway {
                (tick(
                    "anyway", "Pin it all the same",
                    "Clients can’t reach the bucket until one of these nodes serves it.", false,
                ))
            }
            div.acts {
                button.btn.main-act { "Save pins" }
                @if !offered.stored.is_empty() { button.btn name="unpin" value="yes" { "Serve it from all nodes" } }
            }
        }
    }
}

/// Boxes of the nodes: those that are chosen, then others by name.
fn nodes(offered: &OfferedPins<'_>) -> Markup {
    let chosen = &offered.chosen.nodes;
    let mut boxes: Vec<(String, String, String)> = Vec::new();
    for view in offered.nodes() {
        let state = match (view.node.is_pending(), view.connected) {
            (true, _) => ", waits for approval",
            (false, false) => ", silent",
            (false, true) => "",
        };
        let about = format!("{}{state}", view.node.region);
        boxes.push((view.node.id.to_string(), view.node.name.clone(), about));
    }
    for id in chosen {
        // A pin to a removed node stays until its box is cleared. The id distinguishes it from others.
        if !boxes.iter().any(|(known, ..)| known == id) {
            boxes.push((id.clone(), "A removed node".to_owned(), id.clone()));
        }
    }
    boxes.sort_by_key(|(id, ..)| !chosen.contains(id));
    ticks("pinnedTo.nodes", "Nodes", "node", &boxes, |id| chosen.contains(id))
}

/// Boxes of the regions of nodes, and of those that are chosen.
fn regions(offered: &OfferedPins<'_>) -> Markup {
    let is_chosen =
        |region: &str| offered.chosen.regions.iter().any(|chosen| chosen.eq_ignore_ascii_case(region));
    // By the name in lower case: how a node or a pin writes it, and how many nodes are there.
    let mut found: BTreeMap<String, (&str, u64)> = BTreeMap::new();
    for region in &offered.chosen.regions {
        found.entry(region.to_ascii_lowercase()).or_insert((region, 0));
    }
    for view in offered.nodes().filter(|view| !view.node.region.is_empty()) {
        found.entry(view.node.region.to_ascii_lowercase()).or_insert((&view.node.region, 0)).1 += 1;
    }
    let named = found.into_values();
    let mut boxes: Vec<(String, String, String)> = named
        .map(|(name, count)| (name.to_owned(), name.to_owned(), human::plural(count, "node", "nodes")))
        .collect();
    boxes.sort_by_key(|(region, ..)| !is_chosen(region));
    ticks("pinnedTo.regions", "Regions", "region", &boxes, is_chosen)
}

/// Boxes of one name: value, label and a remark for each.
fn ticks(
    id: &str,
    legend: &str,
    name: &str,
    all: &[(String, String, String)],
    is_chosen: impl Fn(&str) -> bool,
) -> Markup {
    if all.is_empty() {
        return html! {};
    }
    html! {
        fieldset id=(id) {
            legend { (legend) }
            div.ticks { @for (value, label, about) in all.iter().take(OFFERED) {
                label {
                    input type="checkbox" name=(name) value=(value) checked[is_chosen(value)];
                    span.what { bdi { (label) } @if !about.is_empty() { span.quiet.small { (about) } } }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fields: &[(&str, &str)]) -> ChosenPins {
        ChosenPins::sent(&FieldValues::from_pairs(fields))
    }

    #[test]
    fn boxes_and_fields_together_are_the_pins() {
        let id = "0197a3b0-0000-7000-8000-0000000000aa";
        let chosen = sent(&[("node", id), ("region", "eu"), ("regionName", " us "), ("nodeName", "")]);
        let Ok(input) = chosen.input(&[]) else { panic!("nothing is wrong") };
        assert_eq!(input, PinsInput { nodes: vec![id.to_owned()], regions: vec!["eu".into(), "us".into()] });
        assert_eq!(sent(&[("node", id), ("unpin", "yes")]), ChosenPins::default());
        let Err(problems) = sent(&[("nodeName", "far")]).input(&[]) else { panic!("there is no such node") };
        assert!(problems.at("nodeName").is_some_and(|text| text.starts_with("Another node is not the name")));
    }

    #[test]
    fn a_form_of_any_length_has_one_choice_too_many_at_most() {
        let regions: Vec<String> = (0..5_000).map(|number| format!("region-{number}")).collect();
        let mut fields: Vec<(&str, &str)> = regions.iter().map(|name| ("region", name.as_str())).collect();
        fields.extend(regions.iter().map(|name| ("node", name.as_str())));
        let chosen = sent(&fields);
        assert_eq!((chosen.nodes.len(), chosen.regions.len()), (MAX_PINS + 1, MAX_PINS + 1));
    }

    #[test]
    fn pins_to_a_region_without_nodes_leave_a_bucket_to_nobody() {
        let pins =
            |regions: &[&str]| BucketPins::new([], regions.iter().map(|name| (*name).to_owned())).unwrap();
        assert_eq!(unserved(&pins(&["eu"]), &[]), Some(Unserved::Silent));
        assert_eq!(unserved(&pins(&[]), &[]), None, "it isn't pinned");
    }

    #[test]
    fn other_pins_are_noticed() {
        let node = || ["0197a3b0-0000-7000-8000-0000000000aa".parse().unwrap()];
        let regions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let shown = |pins: BucketPins| shown_pins(&pins);
        let all = [
            shown(BucketPins::default()),
            shown(BucketPins::new(node(), []).unwrap()),
            shown(BucketPins::new(node(), regions(&["eu"])).unwrap()),
            shown(BucketPins::new([], regions(&["eu"])).unwrap()),
            shown(BucketPins::new([], regions(&["0197a3b0-0000-7000-8000-0000000000aa"])).unwrap()),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{all:?}");
        }
        assert_eq!(shown(BucketPins::default()), all[0]);
    }

    #[test]
    fn a_removed_node_keeps_its_box_and_regions_differ_by_more_than_case() {
        let pins = BucketPins::new(
            ["0197a3b0-0000-7000-8000-0000000000aa".parse().unwrap()],
            ["EU-West-1".to_owned()],
        );
        let pins = pins.unwrap();
        let html = form(&OfferedPins {
            action: "/ui",
            known: &[],
            stored: &pins,
            chosen: &ChosenPins::stored(&pins),
            problems: &FormProblems::default(),
            asks_anyway: false,
        });
        let html = html.into_string();
        assert!(html.contains("A removed node") && html.contains("value=\"EU-West-1\" checked"), "{html}");
        assert!(html.contains("Serve it from all nodes") && !html.contains("Another node"), "{html}");
        assert_eq!(names(&pins, &[]), ["a removed node", "region EU-West-1"]);
    }
}
