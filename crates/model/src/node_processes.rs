//! Which processes report as one node. If two do at the same time, the node's data directory was copied to another machine.
//!
//! Each process chooses a random name when it starts, so one that was restarted never reports under its old name again. If a
//! name returns after another one was used, both processes are running.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many earlier processes are remembered. If more report in turn, they aren't noticed.
const REMEMBERED: usize = 4;
/// For how long several processes are assumed after one has returned, and one that was heard is taken to be running: longer
/// than two intervals between heartbeats.
const RECENT: SignedDuration = SignedDuration::from_secs(45);
/// The longest accepted name of a process, in bytes.
const LONGEST_NAME: usize = 64;

/// The processes from which a node's heartbeats came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeProcesses {
    /// The one that sent the last heartbeat.
    latest: String,
    /// Those before it, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
    /// When one first returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When one last returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returned_at: Option<Timestamp>,
    /// When the latest one was heard. `None` if it has said that it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest_at: Option<Timestamp>,
    /// The same of the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier_at: Option<Timestamp>,
}

impl NodeProcesses {
    /// The processes after a heartbeat of this one. `None` for older nodes, which don't name their process, and for names
    /// that are empty or too long.
    pub fn reported(process: Option<String>, previous: Option<Self>, now: Timestamp) -> Option<Self> {
        let process = process.filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME)?;
        let Some(mut known) = previous else {
            return Some(Self {
                latest: process,
                earlier: Vec::new(),
                since: None,
                returned_at: None,
                latest_at: Some(now),
                earlier_at: None,
            });
        };
        let heard_before = known.latest_at.replace(now);
        if process == known.latest {
            return Some(known);
        }
        known.earlier_at = heard_before;
        let has_returned = known.earlier.contains(&process);
        known.earlier.retain(|name| *name != process);
        known.earlier.insert(0, std::mem::replace(&mut known.latest, process));
        known.earlier.truncate(REMEMBERED);
        if has_returned {
            known.since = known.several_since(now).or(Some(now));
            known.returned_at = Some(now);
        }
        Some(known)
    }

    /// When a process first returned after another one had reported, unless that was long before the last return.
    pub(crate) fn first_return(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether another process has reported after this one.
    pub fn was_replaced(&self, process: &str) -> bool {
        self.earlier.iter().any(|name| name == process)
    }

    /// Since when several processes have been reporting. `None` if only one does.
    pub fn several_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.since.filter(|_| self.returned_at.is_some_and(|at| is_recent(at, now)))
    }

    /// Records that the latest one has said that it stops.
    pub fn latest_stops(&mut self) {
        self.latest_at = None;
    }

    /// Whether another process than the latest is probably running.
    pub fn has_another(&self, now: Timestamp) -> bool {
        self.several_since(now).is_some() || self.earlier_at.is_some_and(|at| is_recent(at, now))
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// After heartbeats of these processes at these seconds.
    fn after(heartbeats: &[(&str, i64)]) -> NodeProcesses {
        let reported = |known, (process, second): &(&str, i64)| {
            NodeProcesses::reported(Some((*process).to_owned()), known, at(*second))
        };
        heartbeats.iter().fold(None, reported).unwrap()
    }

    #[test]
    fn restarts_are_not_two_processes() {
        let names: Vec<String> = (0..20).map(|number| format!("process {number}")).collect();
        let heartbeats: Vec<(&str, i64)> = names.iter().map(String::as_str).zip(0..).collect();
        let known = after(&heartbeats);
        assert_eq!(known.several_since(at(20)), None);
        assert!(known.was_replaced("process 18") && !known.was_replaced("process 19"));
        assert_eq!(known.earlier.len(), REMEMBERED);
    }

    #[test]
    fn two_that_take_turns_are_noticed_from_the_first_return_until_one_stops() {
        let turns = [("a", 0), ("b", 10), ("a", 20), ("b", 30), ("a", 40), ("b", 50)];
        assert_eq!(after(&turns[..2]).several_since(at(15)), None);
        assert_eq!(after(&turns).several_since(at(55)), Some(at(20)));
        let stopped: Vec<_> = turns.into_iter().chain([("b", 70), ("b", 90)]).collect();
        assert_eq!(after(&stopped).several_since(at(96)), None);
        let again: Vec<_> = stopped.into_iter().chain([("a", 500)]).collect();
        assert_eq!(after(&again).several_since(at(501)), Some(at(500)), "it counts from its new beginning");
    }

    #[test]
    fn three_that_take_turns_are_noticed_too() {
        let turns = [("a", 0), ("b", 5), ("c", 10), ("a", 20), ("b", 25), ("c", 30)];
        assert_eq!(after(&turns).several_since(at(31)), Some(at(20)));
    }

    #[test]
    fn one_that_was_heard_lately_is_still_there_unless_it_stops() {
        assert!(!after(&[("a", 0), ("a", 20)]).has_another(at(21)));
        let mut both = after(&[("a", 0), ("a", 20), ("b", 30)]);
        assert!(both.has_another(at(64)) && !both.has_another(at(65)), "the first was heard at 20");
        assert!(after(&[("a", 0), ("b", 100)]).several_since(at(100)).is_none());
        assert!(!after(&[("a", 0), ("b", 100)]).has_another(at(100)), "it was started again");

        both.latest_stops();
        let next = NodeProcesses::reported(Some("c".to_owned()), Some(both), at(40)).unwrap();
        assert!(!next.has_another(at(40)));
        let turns = after(&[("a", 0), ("b", 10), ("a", 80)]);
        assert!(turns.has_another(at(81)), "the first has returned, so the second may");
    }

    #[test]
    fn older_nodes_and_senseless_names_are_passed_over() {
        assert_eq!(NodeProcesses::reported(None, Some(after(&[("a", 0)])), at(1)), None);
        assert_eq!(NodeProcesses::reported(Some("x".repeat(65)), None, at(1)), None);
        let text = serde_json::to_string(&after(&[("a", 0), ("b", 1)])).unwrap();
        assert_eq!(serde_json::from_str::<NodeProcesses>(&text).unwrap(), after(&[("a", 0), ("b", 1)]));
    }
}
