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

/// The processes from which a node's heartbeats came, without those that have said that they stop while others were known.
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
    /// When the latest one was heard. `None` if it was the only one and has said that it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest_at: Option<Timestamp>,
    /// When each of the earlier ones was last heard, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier_heard: Vec<Option<Timestamp>>,
    /// When one last said that it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Timestamp>,
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
                earlier_heard: Vec::new(),
                stopped_at: None,
            });
        };
        let heard_before = known.latest_at.replace(now);
        if process == known.latest {
            return Some(known);
        }
        let has_returned = known.remove_earlier(&process);
        known.earlier.insert(0, std::mem::replace(&mut known.latest, process));
        known.earlier_heard.insert(0, heard_before);
        known.earlier.truncate(REMEMBERED);
        known.earlier_heard.truncate(REMEMBERED);
        if has_returned {
            known.since = known.several_since(now).or(Some(now));
            known.returned_at = Some(now);
        }
        Some(known)
    }

    /// The processes after this one has said that it stops.
    #[must_use]
    pub fn stopped(mut self, process: &str, now: Timestamp) -> Self {
        if process != self.latest {
            if !self.remove_earlier(process) {
                return self;
            }
        } else if self.earlier.is_empty() {
            // Its name remains, so that the next process, which may start a second later, continues from here.
            self.latest_at = None;
        } else {
            self.latest = self.earlier.remove(0);
            self.latest_at = if self.earlier_heard.is_empty() { None } else { self.earlier_heard.remove(0) };
        }
        // Whether several of the others run shows when one of them returns again.
        self.since = None;
        self.returned_at = None;
        self.stopped_at = Some(now);
        self
    }

    /// Returns whether the process was among the earlier ones.
    fn remove_earlier(&mut self, process: &str) -> bool {
        // What an older version has stored has no times.
        self.earlier_heard.resize(self.earlier.len(), None);
        let Some(index) = self.earlier.iter().position(|name| name == process) else { return false };
        self.earlier.remove(index);
        self.earlier_heard.remove(index);
        true
    }

    /// When a process first returned after another one had reported, unless that was long before the last return.
    pub(crate) fn first_return(&self) -> Option<Timestamp> {
        self.since
    }

    /// Since when several processes have been reporting. `None` if only one does.
    pub fn several_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.since.filter(|_| self.returned_at.is_some_and(|at| is_recent(at, now)))
    }

    /// When one last said that it stops.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.stopped_at
    }

    /// Whether one is probably running: it was heard lately, and hasn't said that it stops.
    pub fn is_one_running(&self, now: Timestamp) -> bool {
        let mut heard = self.earlier_heard.iter().copied().chain([self.latest_at]).flatten();
        heard.any(|at| is_recent(at, now))
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
        assert_eq!((known.earlier.len(), known.earlier_heard.len()), (REMEMBERED, REMEMBERED));
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

    /// Of the processes after these heartbeats, those after the last heartbeat of this one.
    fn stop(heartbeats: &[(&str, i64)], process: &str, second: i64) -> Option<NodeProcesses> {
        let known = NodeProcesses::reported(Some(process.to_owned()), Some(after(heartbeats)), at(second));
        known.map(|known| known.stopped(process, at(second)))
    }

    fn is_one_running(known: Option<&NodeProcesses>, second: i64) -> bool {
        known.is_some_and(|known| known.is_one_running(at(second)))
    }

    #[test]
    fn the_last_of_two_processes_to_stop_is_the_last_in_every_order() {
        // The processes report in each order, stop in each order, and either of them reports between.
        for heartbeats in [
            &[("a", 0), ("b", 5)][..],
            &[("b", 0), ("a", 5)],
            &[("a", 0), ("b", 5), ("a", 6)],
            &[("a", 0), ("b", 5), ("a", 6), ("b", 7)],
        ] {
            for (first, second) in [("a", "b"), ("b", "a")] {
                let one = stop(heartbeats, first, 8);
                assert!(is_one_running(one.as_ref(), 10), "{second} runs after {heartbeats:?}");
                assert_eq!(one.as_ref().unwrap().several_since(at(10)), None);
                let one = NodeProcesses::reported(Some(second.to_owned()), one, at(10));
                assert_eq!(one.as_ref().unwrap().several_since(at(10)), None);
                let none = one.map(|one| one.stopped(second, at(10)));
                assert!(!is_one_running(none.as_ref(), 10), "{first}, {second} stop after {heartbeats:?}");
            }
        }
    }

    #[test]
    fn while_one_of_three_processes_runs_the_others_were_not_the_last() {
        let heartbeats = [("a", 0), ("b", 5), ("c", 10), ("a", 20), ("b", 25), ("c", 30)];
        for order in [
            ["a", "b", "c"],
            ["a", "c", "b"],
            ["b", "a", "c"],
            ["b", "c", "a"],
            ["c", "a", "b"],
            ["c", "b", "a"],
        ] {
            let mut known = Some(after(&heartbeats));
            for (process, is_last) in order.into_iter().zip([false, false, true]) {
                known = NodeProcesses::reported(Some(process.to_owned()), known, at(31));
                known = known.map(|known| known.stopped(process, at(31)));
                assert_eq!(is_one_running(known.as_ref(), 31), !is_last, "{order:?}");
            }
        }
    }

    #[test]
    fn one_that_was_not_heard_lately_does_not_run_although_it_has_not_stopped() {
        let one = stop(&[("a", 0), ("a", 20)], "b", 30);
        assert!(is_one_running(one.as_ref(), 64) && !is_one_running(one.as_ref(), 65), "it was heard at 20");
        assert!(!is_one_running(stop(&[("a", 0), ("b", 10)], "a", 80).as_ref(), 80));
        assert!(!is_one_running(stop(&[("a", 0)], "a", 5).as_ref(), 5));
    }

    #[test]
    fn one_that_has_stopped_has_not_returned_if_others_report() {
        let one = stop(&[("a", 0), ("b", 5)], "a", 7);
        let next = NodeProcesses::reported(Some("c".to_owned()), one, at(20));
        let again = NodeProcesses::reported(Some("b".to_owned()), next, at(25)).unwrap();
        assert_eq!(again.several_since(at(26)), Some(at(25)), "two others take turns");
    }

    #[test]
    fn a_stop_is_still_known_when_the_process_was_replaced_at_once() {
        let stopped = stop(&[("a", 0)], "a", 5);
        let next = NodeProcesses::reported(Some("b".to_owned()), stopped, at(6)).unwrap();
        assert_eq!((next.stopped_at(), next.several_since(at(6))), (Some(at(5)), None));
        assert!(!next.clone().stopped("b", at(7)).is_one_running(at(7)), "the first one has stopped");
        assert!(next.is_one_running(at(7)));
    }

    #[test]
    fn what_an_older_version_has_stored_is_read_without_times() {
        let stored = r#"{"latest":"b","earlier":["a"],"latest_at":"1970-01-01T00:00:05Z","earlier_at":"1970-01-01T00:00:00Z"}"#;
        let known: NodeProcesses = serde_json::from_str(stored).unwrap();
        let returned = NodeProcesses::reported(Some("a".to_owned()), Some(known.clone()), at(8)).unwrap();
        assert_eq!(returned.several_since(at(8)), Some(at(8)));
        let first = known.stopped("b", at(6));
        assert!(!first.is_one_running(at(6)));
        assert_eq!(first.stopped_at(), Some(at(6)));
    }

    #[test]
    fn older_nodes_and_senseless_names_are_passed_over() {
        assert_eq!(NodeProcesses::reported(None, Some(after(&[("a", 0)])), at(1)), None);
        assert_eq!(NodeProcesses::reported(Some("x".repeat(65)), None, at(1)), None);
        let text = serde_json::to_string(&after(&[("a", 0), ("b", 1)])).unwrap();
        assert_eq!(serde_json::from_str::<NodeProcesses>(&text).unwrap(), after(&[("a", 0), ("b", 1)]));
    }
}
