//! What channels are notified about, and what not.

use bucketry_model::finding::{Severity, SubjectKind};
use bucketry_model::id::{OrgId, SilenceId};
use bucketry_model::notification::{ChannelRule, SilencedPart};

use super::*;

const WINDOW: SignedDuration = SignedDuration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(10_000 + second).unwrap()
}

fn id<T>(new: fn(Timestamp, [u8; 10]) -> T, number: u8) -> T {
    new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn key(code: FindingCode, id: &str) -> FindingKey {
    let subject = if code == FindingCode::NodeSilent { SubjectKind::Node } else { SubjectKind::Bucket };
    FindingKey { code, subject, id: id.to_owned() }
}

fn finding(code: FindingCode, name: &str, since: i64) -> Finding {
    Finding {
        key: key(code, name),
        severity: Severity::Critical,
        name: name.to_owned(),
        workspace_id: (code != FindingCode::NodeSilent).then(|| id(WorkspaceId::new, 1)),
        title: "Bucket is OFFLINE".to_owned(),
        sentence: "No node reaches it.".to_owned(),
        command: None,
        since: Some(at(since)),
        depends_on: None,
        visible_after: SignedDuration::from_secs(10),
    }
}

fn offline(name: &str, since: i64) -> Finding {
    finding(FindingCode::BucketOffline, name, since)
}

fn silent_node() -> Finding {
    finding(FindingCode::NodeSilent, "eu-1", 0)
}

fn because_of_node(name: &str) -> Finding {
    Finding { depends_on: Some(silent_node().key), ..offline(name, 0) }
}

/// One channel over time.
struct TestChannel {
    rules: ChannelRules,
    workspace_id: Option<WorkspaceId>,
    silences: Vec<NotificationSilence>,
    is_complete: bool,
    conditions: Vec<StoredCondition>,
    open: OpenGroups,
}

impl TestChannel {
    fn new(rules: &[(FindingCode, u32)]) -> Self {
        let rule = |(code, after_minutes): &(FindingCode, u32)| ChannelRule {
            code: *code,
            after_minutes: *after_minutes,
            within_days: None,
        };
        Self {
            rules: ChannelRules::new(Some(rules.iter().map(rule).collect()), true).unwrap(),
            workspace_id: None,
            silences: Vec::new(),
            is_complete: true,
            conditions: Vec::new(),
            open: OpenGroups::new(),
        }
    }

    /// Looks at what was found, and stores what comes of it, as the watch does. Returns the texts of the messages.
    fn look(&mut self, findings: &[Finding], second: i64) -> Vec<String> {
        let view = ChannelView {
            channel_id: id(ChannelId::new, 1),
            workspace_id: self.workspace_id,
            rules: &self.rules,
            findings,
            is_complete: self.is_complete,
            silences: &self.silences,
            conditions: &self.conditions,
            now: at(second),
            window: WINDOW,
        };
        let plan = plan(&view, &mut self.open);
        let mut messages = Vec::new();
        for condition in &mut self.conditions {
            if plan.cleared.contains(&condition.condition) {
                condition.cleared_at = Some(at(second));
            }
            if plan.found_again.contains(&condition.condition) {
                condition.cleared_at = None;
            }
        }
        for group in plan.ended {
            let names: Vec<&str> = group.items.iter().map(|item| item.name.as_str()).collect();
            messages.push(format!("resolved {}", names.join(" ")));
            self.conditions.retain(|one| !group.conditions.contains(&one.condition));
        }
        self.conditions.retain(|one| !plan.dropped.contains(&one.condition));
        for group in plan.begun {
            let names: Vec<&str> = group
                .conditions
                .iter()
                .filter_map(|one| one.item.as_ref())
                .map(|item| item.name.as_str())
                .collect();
            let cause = group.cause.map(|cause| format!(" because {cause}")).unwrap_or_default();
            messages.push(format!(
                "{} {}{cause}",
                group.conditions.len(),
                names[..names.len().min(3)].join(" ")
            ));
            self.conditions.extend(group.conditions);
        }
        messages
    }
}

const OFFLINE_NOW: &[(FindingCode, u32)] = &[(FindingCode::BucketOffline, 0)];

#[test]
fn an_outage_is_sent_once_after_its_time_and_resolved_once() {
    let mut channel = TestChannel::new(&[(FindingCode::BucketOffline, 5)]);
    let outage = [offline("photos", 0)];
    for second in [0, 60, 299, 300, 329] {
        assert!(channel.look(&outage, second).is_empty(), "{second}");
    }
    assert_eq!(channel.look(&outage, 330), ["1 photos"]);
    assert!(channel.look(&outage, 400).is_empty());
    assert!(channel.look(&[], 410).is_empty(), "it may come back");
    assert_eq!(channel.look(&[], 440), ["resolved photos"]);
    assert!(channel.look(&[], 500).is_empty());
}

#[test]
fn a_flap_is_not_sent_and_one_during_an_outage_does_not_end_it() {
    let mut channel = TestChannel::new(&[(FindingCode::BucketOffline, 1)]);
    assert!(channel.look(&[offline("photos", 0)], 59).is_empty());
    assert!(channel.look(&[], 60).is_empty());
    assert!(channel.look(&[offline("photos", 70)], 129).is_empty());
    channel.look(&[offline("photos", 70)], 130);
    assert_eq!(channel.look(&[offline("photos", 70)], 160), ["1 photos"]);
    assert!(channel.look(&[], 170).is_empty());
    assert!(channel.look(&[offline("photos", 180)], 180).is_empty(), "found again");
    assert!(channel.look(&[], 205).is_empty(), "the wait begins again");
    assert_eq!(channel.look(&[], 235), ["resolved photos"]);
}

#[test]
fn what_is_not_shown_yet_is_not_sent_whatever_the_rule() {
    let mut channel = TestChannel::new(OFFLINE_NOW);
    let outage = [offline("photos", 0)];
    // Its group waits for 30 seconds from then on.
    assert!(channel.look(&outage, 9).is_empty());
    assert!(channel.look(&outage, 10).is_empty());
    assert!(channel.look(&outage, 39).is_empty());
    assert_eq!(channel.look(&outage, 40), ["1 photos"]);
}

#[test]
fn a_silent_node_explains_its_buckets() {
    let mut channel = TestChannel::new(&[(FindingCode::BucketOffline, 0), (FindingCode::NodeSilent, 0)]);
    let mut storm = vec![silent_node()];
    storm.extend((0..5_000).map(|n| because_of_node(&format!("bucket-{n}"))));
    channel.look(&storm, 100);
    assert_eq!(channel.look(&storm, 130), ["1 eu-1"]);
    channel.look(&[], 200);
    assert_eq!(channel.look(&[], 230), ["resolved eu-1"]);
}

#[test]
fn buckets_with_one_cause_are_one_message_where_the_cause_is_not_sent() {
    let mut storm = vec![silent_node()];
    storm.extend((0..200).map(|n| because_of_node(&format!("b{n}"))));
    storm.push(offline("other", 0));
    let expected = ["1 other", "200 b0 b1 b2 because Bucket is OFFLINE: eu-1"];
    let mut without_rule = TestChannel::new(OFFLINE_NOW);
    without_rule.look(&storm, 100);
    assert_eq!(without_rule.look(&storm, 130), expected);
    let mut of_workspace = TestChannel::new(&[(FindingCode::BucketOffline, 0), (FindingCode::NodeSilent, 0)]);
    of_workspace.workspace_id = Some(id(WorkspaceId::new, 1));
    of_workspace.look(&storm, 100);
    assert_eq!(of_workspace.look(&storm, 130), expected);
}

#[test]
fn a_cause_behind_a_cause_explains_too() {
    let endpoint = Finding { depends_on: Some(silent_node().key), ..offline("endpoint", 0) };
    let bucket =
        Finding { depends_on: Some(endpoint.key.clone()), ..finding(FindingCode::ObjectsStale, "b", 0) };
    let in_circle = Finding { depends_on: Some(endpoint.key.clone()), ..silent_node() };
    let mut channel = TestChannel::new(&[(FindingCode::ObjectsStale, 0), (FindingCode::NodeSilent, 0)]);
    let all = [silent_node(), endpoint.clone(), bucket.clone()];
    channel.look(&all, 100);
    assert_eq!(channel.look(&all, 130), ["1 eu-1"]);
    let mut channel = TestChannel::new(&[(FindingCode::ObjectsStale, 0)]);
    let all = [in_circle, endpoint, bucket];
    channel.look(&all, 100);
    assert_eq!(channel.look(&all, 130).len(), 1, "causes that name each other");
}

#[test]
fn conditions_within_a_window_are_one_message_and_later_ones_another() {
    let mut channel = TestChannel::new(OFFLINE_NOW);
    channel.look(&[offline("a", 0)], 100);
    channel.look(&[offline("a", 0), offline("b", 10)], 120);
    let three = [offline("a", 0), offline("b", 10), offline("c", 110)];
    assert_eq!(channel.look(&three, 130), ["3 a b c"]);
    let four = [three.as_slice(), &[offline("d", 120)]].concat();
    assert!(channel.look(&four, 140).is_empty());
    assert_eq!(channel.look(&four, 170), ["1 d"]);
    channel.look(&four[..1], 200);
    channel.look(&[], 210);
    assert_eq!(channel.look(&[], 230), ["resolved a b c d"]);
}

#[test]
fn a_large_group_has_few_items_and_all_conditions() {
    let mut channel = TestChannel::new(OFFLINE_NOW);
    let storm: Vec<Finding> = (0..2_000).map(|n| offline(&format!("b{n:04}"), 0)).collect();
    channel.look(&storm, 100);
    assert_eq!(channel.look(&storm, 130), ["2000 b0000 b0001 b0002"]);
    assert_eq!(channel.conditions.iter().filter(|one| one.item.is_some()).count(), MAX_ITEMS);
}

#[test]
fn a_silence_postpones_what_lasts_and_hides_what_does_not() {
    let mut channel = TestChannel::new(OFFLINE_NOW);
    let outage = [offline("photos", 0)];
    channel.look(&outage, 0);
    channel.look(&outage, 10);
    assert_eq!(channel.look(&outage, 40), ["1 photos"]);
    channel.silences.push(NotificationSilence {
        id: id(SilenceId::new, 1),
        org_id: id(OrgId::new, 1),
        part: SilencedPart { code: Some(FindingCode::BucketOffline), ..SilencedPart::default() },
        starts_at: at(0),
        ends_at: at(1_000),
        window: None,
        comment: String::new(),
        created_by: String::new(),
        created_at: at(0),
    });
    for second in [100, 150, 200] {
        assert!(channel.look(&[offline("films", 90)], second).is_empty());
    }
    channel.silences.clear();
    assert_eq!(channel.look(&[offline("films", 90)], 210), ["resolved photos"]);
    assert_eq!(channel.look(&[offline("films", 90)], 240), ["1 films"]);
}

#[test]
fn an_incomplete_list_ends_nothing() {
    let mut channel = TestChannel::new(OFFLINE_NOW);
    channel.look(&[offline("photos", 0)], 10);
    channel.look(&[offline("photos", 0)], 40);
    channel.is_complete = false;
    assert!(channel.look(&[], 100).is_empty() && channel.look(&[], 200).is_empty());
    channel.is_complete = true;
    channel.look(&[], 210);
    assert_eq!(channel.look(&[], 240), ["resolved photos"]);
}

#[test]
fn conditions_of_rules_that_were_removed_and_unwanted_ends_go_quietly() {
    for rules in [
        TestChannel::new(&[]).rules,
        ChannelRules::new(Some(TestChannel::new(OFFLINE_NOW).rules.all()), false).unwrap(),
    ] {
        let mut channel = TestChannel::new(OFFLINE_NOW);
        channel.look(&[offline("photos", 0)], 10);
        channel.look(&[offline("photos", 0)], 40);
        channel.rules = rules;
        for second in [50, 60, 200] {
            assert!(channel.look(&[], second).is_empty());
        }
        assert!(channel.conditions.is_empty());
    }
}

#[test]
fn a_credential_is_sent_in_the_days_of_the_rule() {
    let day = 86_400;
    let mut channel = TestChannel::new(&[]);
    let rule = ChannelRule { code: FindingCode::CredentialExpiring, after_minutes: 0, within_days: Some(3) };
    channel.rules = ChannelRules::new(Some(vec![rule]), true).unwrap();
    let expiring = [finding(FindingCode::CredentialExpiring, "photos", 0)];
    assert!(channel.look(&expiring, 10 * day).is_empty());
    channel.look(&expiring, 11 * day);
    assert_eq!(channel.look(&expiring, 11 * day + 30), ["1 photos"]);
}

#[test]
fn conditions_of_unknown_age_and_of_a_wrong_clock_are_sent() {
    let mut channel = TestChannel::new(&[(FindingCode::BucketOffline, 60)]);
    let all = [Finding { since: None, ..offline("ageless", 0) }, offline("ahead", 100_000)];
    channel.look(&all, 0);
    assert_eq!(channel.look(&all, 30), ["2 ageless ahead"]);
    // The clock is set back.
    let mut channel = TestChannel::new(OFFLINE_NOW);
    channel.look(&[offline("photos", 0)], 10_000);
    channel.look(&[offline("photos", 0)], 100);
    assert_eq!(channel.look(&[offline("photos", 0)], 130), ["1 photos"]);
}
