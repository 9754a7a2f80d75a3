//! Times in which nothing is sent.

use jiff::Timestamp;

use super::message::NotificationItem;
use crate::finding::{FindingCode, SubjectKind};
use crate::id::{BucketId, ChannelId, OrgId, SilenceId, WorkspaceId};
use crate::inventory::DailyWindow;

/// What a silence is about. Each part that is set narrows it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names speak for themselves")]
pub struct SilencedPart {
    pub workspace_id: Option<WorkspaceId>,
    pub channel_id: Option<ChannelId>,
    pub code: Option<FindingCode>,
    pub bucket_id: Option<BucketId>,
}

/// A time in which channels aren't notified. What still lasts at its end is sent then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names speak for themselves")]
pub struct NotificationSilence {
    pub id: SilenceId,
    pub org_id: OrgId,
    pub part: SilencedPart,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// Only in this part of each day.
    pub window: Option<DailyWindow>,
    pub comment: String,
    /// The e-mail address of who made it.
    pub created_by: String,
    pub created_at: Timestamp,
}

impl NotificationSilence {
    /// Whether it applies at a moment.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now
            && now < self.ends_at
            && self.window.is_none_or(|window| window.remaining(now).is_some())
    }

    /// Whether it is about a condition at a channel.
    pub fn covers(&self, channel: ChannelId, item: &NotificationItem) -> bool {
        let SilencedPart { workspace_id, channel_id, code, bucket_id } = self.part;
        let is_of_bucket = |bucket: BucketId| {
            // The id of a finding may have a suffix.
            item.subject == SubjectKind::Bucket && item.id.starts_with(&bucket.to_string())
        };
        workspace_id.is_none_or(|id| item.workspace_id == Some(id))
            && channel_id.is_none_or(|id| id == channel)
            && code.is_none_or(|code| code == item.code)
            && bucket_id.is_none_or(is_of_bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-0{text}Z").parse().unwrap()
    }

    fn id<T>(new: fn(Timestamp, [u8; 10]) -> T, number: u8) -> T {
        new(Timestamp::UNIX_EPOCH, [number; 10])
    }

    fn silence(part: SilencedPart, window: Option<&str>) -> NotificationSilence {
        NotificationSilence {
            id: id(SilenceId::new, 1),
            org_id: id(OrgId::new, 1),
            part,
            starts_at: at("1T00:00:00"),
            ends_at: at("3T00:00:00"),
            window: window.map(|window| window.parse().unwrap()),
            comment: String::new(),
            created_by: String::new(),
            created_at: at("1T00:00:00"),
        }
    }

    #[test]
    fn a_silence_lasts_from_its_start_until_before_its_end_and_only_in_its_window() {
        let always = silence(SilencedPart::default(), None);
        assert!(always.is_active(at("1T00:00:00")) && !always.is_active(at("3T00:00:00")));
        let later = NotificationSilence { starts_at: at("2T00:00:00"), ..always };
        assert!(!later.is_active(at("1T23:59:59")) && later.is_active(at("2T00:00:00")));
        let nights = silence(SilencedPart::default(), Some("22:00-05:00"));
        assert!(nights.is_active(at("1T23:00:00")) && nights.is_active(at("2T04:59:00")));
        assert!(!nights.is_active(at("2T12:00:00")));
    }

    #[test]
    fn every_part_narrows_it_down() {
        let bucket = id(BucketId::new, 7);
        let item = NotificationItem {
            code: FindingCode::ObjectsStale,
            subject: SubjectKind::Bucket,
            id: format!("{bucket}/backups"),
            name: "photos".to_owned(),
            severity: Severity::Warning,
            title: String::new(),
            sentence: String::new(),
            command: None,
            since: None,
            workspace_id: Some(id(WorkspaceId::new, 3)),
        };
        let channel = id(ChannelId::new, 5);
        let covers = |part| silence(part, None).covers(channel, &item);
        let all = SilencedPart {
            workspace_id: Some(id(WorkspaceId::new, 3)),
            channel_id: Some(channel),
            code: Some(FindingCode::ObjectsStale),
            bucket_id: Some(bucket),
        };
        assert!(covers(SilencedPart::default()) && covers(all));
        for other in [
            SilencedPart { workspace_id: Some(id(WorkspaceId::new, 4)), ..all },
            SilencedPart { channel_id: Some(id(ChannelId::new, 6)), ..all },
            SilencedPart { code: Some(FindingCode::BucketOffline), ..all },
            SilencedPart { bucket_id: Some(id(BucketId::new, 8)), ..all },
        ] {
            assert!(!covers(other), "{other:?}");
        }
        let node = NotificationItem { subject: SubjectKind::Node, ..item.clone() };
        assert!(!silence(all, None).covers(channel, &node), "an id of something else");
    }
}
