//! Whose clock is wrong when the messages of a node are refused because of their time.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::node_protocol::CLOCK_TOLERANCE_SECONDS;

/// How far a node's clock is ahead of the control plane's, as one of its messages shows. Negative if it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockOffset(SignedDuration);

impl ClockOffset {
    /// The offset of a message that was sent at this time by the node's clock, and arrives now.
    pub fn of(sent_at: Timestamp, now: Timestamp) -> Self {
        Self(sent_at.duration_since(now))
    }

    /// Whether messages with this offset are accepted.
    pub fn is_tolerated(self) -> bool {
        self.0.abs() <= SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS)
    }

    /// Whether two nodes with these offsets would accept each other's time.
    fn agrees_with(self, other: Self) -> bool {
        Self(self.0.saturating_sub(other.0)).is_tolerated()
    }
}

/// `7 min 5 s ahead of`, `1 h 0 min behind`.
impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded, because a message is some time on its way.
        let seconds = (self.0.as_millis().unsigned_abs() + 500) / 1_000;
        let (minutes, days) = ((seconds + 30) / 60, seconds / 86_400);
        match (days, minutes) {
            (2.., _) => write!(f, "{days} days")?,
            (_, 60..) => write!(f, "{} h {} min", minutes / 60, minutes % 60)?,
            (_, 10..) => write!(f, "{minutes} min")?,
            _ => write!(f, "{} min {} s", seconds / 60, seconds % 60)?,
        }
        f.write_str(if self.0.is_negative() { " behind" } else { " ahead of" })
    }
}

/// Whose clock is probably wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongClock {
    /// The node's: more other nodes agree with the control plane.
    Node,
    /// The control plane's: more other nodes agree with this one.
    ControlPlane,
    /// Nothing tells the two apart.
    Either,
}

/// A node whose messages are refused because of their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDisagreement {
    /// The offset of the node's clock.
    pub offset: ClockOffset,
    /// Whose clock is probably wrong.
    pub wrong: WrongClock,
}

impl ClockDisagreement {
    /// Compares a node whose offset isn't tolerated with others from which the control plane has heard lately. The larger group
    /// of clocks that agree is probably right.
    pub fn of(offset: ClockOffset, others: impl IntoIterator<Item = ClockOffset>) -> Self {
        let (mut with_control_plane, mut with_node) = (0_usize, 0_usize);
        for other in others {
            if other.is_tolerated() {
                with_control_plane += 1;
            } else if other.agrees_with(offset) {
                with_node += 1;
            }
        }
        Self::counted(offset, with_control_plane, with_node)
    }

    /// How many other clocks agree with the control plane and with the node decides.
    fn counted(offset: ClockOffset, with_control_plane: usize, with_node: usize) -> Self {
        let wrong = match with_control_plane.cmp(&with_node) {
            std::cmp::Ordering::Greater => WrongClock::Node,
            std::cmp::Ordering::Less => WrongClock::ControlPlane,
            std::cmp::Ordering::Equal => WrongClock::Either,
        };
        Self { offset, wrong }
    }

    /// What is wrong and what to do, as a clause without a full stop that continues "its timestamp" or "its clock".
    pub fn explanation(&self) -> String {
        let offset = self.offset;
        let remedy = match self.wrong {
            WrongClock::Node => {
                "the control plane's clock agrees with those of other nodes, so correct the clock of this node's machine (NTP)"
            }
            WrongClock::ControlPlane => {
                "other nodes agree with this one, so the control plane's clock is probably wrong: correct that clock (NTP), \
                 not those of the nodes"
            }
            WrongClock::Either => {
                "check the clocks of the node and the control plane, and correct the wrong one (NTP)"
            }
        };
        format!(
            "is {offset} the control plane's clock ({CLOCK_TOLERANCE_SECONDS} seconds are tolerated): {remedy}"
        )
    }
}

/// Clocks of nodes, for comparisons of many of them with all others.
#[derive(Debug)]
pub struct ComparedClocks {
    /// How many agree with the control plane.
    tolerated: usize,
    /// The others, in ascending order.
    refused: Vec<ClockOffset>,
}

impl FromIterator<ClockOffset> for ComparedClocks {
    fn from_iter<I: IntoIterator<Item = ClockOffset>>(all: I) -> Self {
        let (tolerated, mut refused): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|offset| offset.is_tolerated());
        refused.sort_unstable();
        Self { tolerated: tolerated.len(), refused }
    }
}

impl ComparedClocks {
    /// [`ClockDisagreement::of`] a node whose offset isn't tolerated. If it is one of these clocks (`is_included`), it is
    /// compared with the others.
    pub fn compare(&self, offset: ClockOffset, is_included: bool) -> ClockDisagreement {
        // Those that agree with it are next to each other.
        let first = self.refused.partition_point(|other| *other < offset && !other.agrees_with(offset));
        let end = self.refused.partition_point(|other| *other <= offset || other.agrees_with(offset));
        let agreeing = end.saturating_sub(first);
        ClockDisagreement::counted(offset, self.tolerated, agreeing.saturating_sub(usize::from(is_included)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(seconds: i64) -> ClockOffset {
        ClockOffset(SignedDuration::from_secs(seconds))
    }

    fn wrong(offset: i64, others: &[i64]) -> WrongClock {
        ClockDisagreement::of(ahead(offset), others.iter().copied().map(ahead)).wrong
    }

    #[test]
    fn the_larger_group_of_clocks_that_agree_is_right() {
        assert_eq!(wrong(3_600, &[]), WrongClock::Either);
        assert_eq!(wrong(3_600, &[2]), WrongClock::Node);
        assert_eq!(wrong(3_600, &[3_590]), WrongClock::ControlPlane);
        assert_eq!(wrong(3_600, &[2, 3_590]), WrongClock::Either);
        assert_eq!(wrong(-3_600, &[0, 5, -3_600]), WrongClock::Node);
        assert_eq!(wrong(-3_600, &[0, -3_500, -3_601]), WrongClock::ControlPlane);
        assert_eq!(wrong(3_600, &[-3_600, 7_200]), WrongClock::Either, "three clocks, three times");
    }

    #[test]
    fn many_clocks_are_compared_with_the_same_result_as_one_by_one() {
        let groups: [&[i64]; 5] = [
            &[3_600],
            &[3_600, 3_600, 3_900, 4_200, 0, 299],
            &[-3_600, 3_600, 301, -301, 600, 0],
            &[-301, -601, -602, -902, 5, 6, 301],
            &[86_400, 3_600, 3_300, 3_000, 2_700],
        ];
        for group in groups {
            let clocks: ComparedClocks = group.iter().copied().map(ahead).collect();
            for (index, seconds) in
                group.iter().enumerate().filter(|(_, seconds)| !ahead(**seconds).is_tolerated())
            {
                let others: Vec<i64> = group
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index)
                    .map(|(_, one)| *one)
                    .collect();
                assert_eq!(
                    clocks.compare(ahead(*seconds), true).wrong,
                    wrong(*seconds, &others),
                    "{seconds} of {group:?}"
                );
                assert_eq!(
                    clocks.compare(ahead(*seconds), false).wrong,
                    wrong(*seconds, group),
                    "{seconds} and {group:?}"
                );
            }
        }
    }

    #[test]
    fn an_offset_is_read_as_a_person_says_it() {
        let offsets = [425, -425, 1_790, 3_599, -3_604, -90_000, 200_000];
        let expected = [
            "7 min 5 s ahead of",
            "7 min 5 s behind",
            "30 min ahead of",
            "1 h 0 min ahead of",
            "1 h 0 min behind",
            "25 h 0 min behind",
            "2 days ahead of",
        ];
        let shown = offsets.map(|seconds| ahead(seconds).to_string());
        assert_eq!(shown, expected);
    }

    #[test]
    fn five_minutes_of_difference_are_tolerated_and_no_more() {
        let now = Timestamp::UNIX_EPOCH;
        let offset = |millis| ClockOffset::of(now + SignedDuration::from_millis(millis), now);
        assert!([-300_000, 0, 300_000].into_iter().all(|millis| offset(millis).is_tolerated()));
        assert!([-300_001, 300_001].into_iter().all(|millis| !offset(millis).is_tolerated()));
        assert!(!ClockOffset::of(Timestamp::MAX, Timestamp::MIN).is_tolerated());
    }

    #[test]
    fn the_explanation_names_the_clock_to_correct() {
        let explain = |others: &[i64]| {
            ClockDisagreement::of(ahead(3_600), others.iter().copied().map(ahead)).explanation()
        };
        assert!(explain(&[0]).contains("correct the clock of this node's machine"));
        assert!(explain(&[3_600]).contains("not those of the nodes"));
        let unknown = explain(&[]);
        assert!(
            unknown.starts_with("is 1 h 0 min ahead of the control plane's clock (300 seconds are"),
            "{unknown}"
        );
    }
}
