//! Plans from files and states.

use bucketry_model::bucket::StorageType;
use jiff::Timestamp;

use super::super::current::{CurrentAttachment, CurrentMember};
use super::*;
use crate::registry_file::{FilePins, decode_file};

fn bytes(number: u8) -> [u8; 10] {
    [number; 10]
}

fn bucket(number: u8, name: &str) -> CurrentBucket {
    CurrentBucket {
        id: BucketId::new(Timestamp::UNIX_EPOCH, bytes(number)),
        name: name.to_owned(),
        workspace_id: WorkspaceId::new(Timestamp::UNIX_EPOCH, bytes(1)),
        bucket: "photos".to_owned(),
        storage_type: StorageType::S3,
        endpoint: Some("http://h:9000".to_owned()),
        region: Some("eu-central-1".to_owned()),
        key: Some("AKID".to_owned()),
        has_secret: true,
        pinned_to: FilePins::default(),
    }
}

fn state() -> CurrentState {
    let photos = bucket(1, "Photos");
    let repository = CurrentRepository {
        id: RepoId::new(Timestamp::UNIX_EPOCH, bytes(1)),
        name: "Media".to_owned(),
        workspace_id: photos.workspace_id,
        mode: RepositoryMode::Normal,
        buckets: vec![CurrentAttachment { id: photos.id, folder: "2026".to_owned(), master: false }],
    };
    let ann = CurrentMember {
        id: UserId::new(Timestamp::UNIX_EPOCH, bytes(1)),
        email: "ann@example.com".to_owned(),
        role: WorkspaceRole::Read,
    };
    let workspace =
        CurrentWorkspace { id: photos.workspace_id, name: "default".to_owned(), members: vec![ann] };
    let nodes = Vec::new();
    CurrentState { workspaces: vec![workspace], nodes, buckets: vec![photos], repositories: vec![repository] }
}

fn users() -> HashMap<String, UserId> {
    let user = |number| UserId::new(Timestamp::UNIX_EPOCH, bytes(number));
    HashMap::from([("ann@example.com".to_owned(), user(1)), ("bob@example.com".to_owned(), user(2))])
}

/// The changes in one line each.
fn planned(text: &str, rules: PlanRules) -> Vec<String> {
    let file = decode_file(&format!("version: 1\n{text}")).unwrap();
    let changes = match plan(&file, &state(), &users(), rules) {
        Ok(changes) => changes,
        Err(problems) => return problems.lines(),
    };
    let shown = |change: &PlannedChange| {
        let sign = match change.verb {
            ChangeVerb::Create => '+',
            ChangeVerb::Update => '~',
            ChangeVerb::Delete => '-',
        };
        let field = |one: &FieldDifference| {
            format!(
                " {}:{}>{}",
                one.field,
                one.from.as_deref().unwrap_or_default(),
                one.to.as_deref().unwrap_or_default()
            )
        };
        let fields: String = change.fields.iter().map(field).collect();
        format!("{sign}{} {}{fields}", change.kind, change.name)
    };
    changes.iter().map(shown).collect()
}

const EQUAL: &str = "workspaces:\n- name: Default\nbuckets:\n- name: Photos\n  workspace: DEFAULT\n  bucket: s3://photos\n  type: \
                     minio\n  endpoint: http://h:9000/\n  region: eu-central-1\n  key: AKID\n  secretEnv: NEVER_SET\n\
                     repositories:\n- name: Media\n  mode: normal\n  buckets:\n  - bucket: photos\n    folder: /2026\n";

#[test]
fn a_deployment_that_equals_the_file_needs_no_change() {
    assert_eq!(planned(EQUAL, PlanRules { prune: true, update_secrets: false }), [""; 0]);
    assert_eq!(
        planned("", PlanRules { prune: true, update_secrets: true }),
        [""; 0],
        "no list, nothing to prune"
    );
    assert_eq!(
        planned("buckets:\n- name: Photos\n", PlanRules::default()),
        [""; 0],
        "left out is not compared"
    );
}

#[test]
fn what_is_new_or_differs_is_planned_in_the_order_of_dependencies() {
    let text = "repositories:\n- name: Media\n  mode: MIRROR\n  buckets:\n  - bucket: Films\n    master: true\n- name: New\n  \
                buckets: [Films]\nbuckets:\n- name: photos\n  region: eu-west-1\n- name: Films\n  workspace: team\n  bucket: \
                films\n  secretFile: s/films\nworkspaces:\n- name: team\n  members:\n  - user: Bob@example.com\n    role: write\n- \
                name: default\n  members:\n  - user: ann@example.com\n    role: admin\n";
    assert_eq!(
        planned(text, PlanRules::default()),
        [
            "+workspace team",
            "+member Bob@example.com in team role:>WRITE",
            "~member ann@example.com in default role:READ>ADMIN",
            "~bucket Photos name:Photos>photos region:eu-central-1>eu-west-1",
            "+bucket Films workspace:>team bucket:>films secret:>(from the file s/films)",
            "~repository Media mode:NORMAL>MIRROR buckets:Photos:2026>Films (master)",
            "+repository New mode:>NORMAL buckets:>Films",
        ]
    );
}

#[test]
fn pins_are_compared_as_a_whole_and_removed_with_nothing() {
    let changes = |pins: &str| planned(&format!("buckets:\n- name: Photos\n{pins}"), PlanRules::default());
    assert_eq!(changes("  pinnedTo:\n"), [""; 0], "it has none");
    let pins = "  pinnedTo:\n    regions: [us, EU]\n    nodes: [Near]\n";
    assert_eq!(changes(pins), ["~bucket Photos pinnedTo:>near, region eu, region us"]);
    let new = format!("buckets:\n- name: Films\n  bucket: films\n{pins}");
    assert_eq!(
        planned(&new, PlanRules::default()),
        ["+bucket Films bucket:>films pinnedTo:>near, region eu, region us"]
    );
    let mut state = state();
    state.buckets[0].pinned_to =
        FilePins { nodes: vec!["NEAR".to_owned()], regions: vec!["us".to_owned(), "eu".to_owned()] };
    let difference = |pins: &str| {
        let text = format!("version: 1\nbuckets:\n- name: Photos\n{pins}");
        plan(&decode_file(&text).unwrap(), &state, &users(), PlanRules::default()).unwrap().len()
    };
    assert_eq!((difference(pins), difference(""), difference("  pinnedTo: {}\n")), (0, 0, 1));
    let wrong =
        decode_file("version: 1\nbuckets:\n- name: a\n  pinnedTo:\n    node: x\n    regions: [[a]]\n");
    let problems = wrong.unwrap_err().to_string();
    assert!(problems.contains("did you mean nodes?") && problems.contains("must be a text"), "{problems}");
}

#[test]
fn a_secret_is_sent_only_if_the_location_changes_or_on_request() {
    let same = "buckets:\n- name: Photos\n  region: eu-west-1\n  secretEnv: A\n";
    assert_eq!(planned(same, PlanRules::default()), ["~bucket Photos region:eu-central-1>eu-west-1"]);
    let moved = "buckets:\n- name: Photos\n  key: OTHER\n  secretEnv: A\n";
    assert_eq!(
        planned(moved, PlanRules::default()),
        ["~bucket Photos key:AKID>OTHER secret:(hidden)>(from the variable A)"]
    );
    let to_china = "buckets:\n- name: Photos\n  region: cn-north-1\n  secretEnv: A\n";
    assert_eq!(
        planned(to_china, PlanRules::default()),
        ["~bucket Photos region:eu-central-1>cn-north-1 secret:(hidden)>(from the variable A)"]
    );
    let rules = PlanRules { update_secrets: true, ..PlanRules::default() };
    let only = "buckets:\n- name: Photos\n  secretEnv: A\n";
    assert_eq!(planned(only, rules), ["~bucket Photos secret:(hidden)>(from the variable A)"]);
}

#[test]
fn an_empty_value_removes_what_is_stored() {
    let text = "buckets:\n- name: Photos\n  region: \"\"\n  endpoint:\n";
    assert_eq!(
        planned(text, PlanRules::default()),
        ["~bucket Photos endpoint:http://h:9000> region:eu-central-1>"]
    );
}

#[test]
fn only_pruning_deletes_and_only_what_the_lists_lack() {
    let text = "workspaces:\n- name: default\n  members: []\nbuckets: []\nrepositories: []\n";
    assert_eq!(planned(text, PlanRules::default()), [""; 0]);
    let rules = PlanRules { prune: true, ..PlanRules::default() };
    assert_eq!(
        planned(text, rules),
        ["-repository Media", "-bucket Photos", "-member ann@example.com in default"]
    );
    assert_eq!(planned("workspaces: []\n", rules), ["-workspace default"]);
    assert_eq!(planned("buckets:\n", rules), [""; 0], "a key without a list is not an empty list");
    let scoped = |name: &str| planned(&format!("scope: {name}\nbuckets: []\nrepositories: []\n"), rules);
    assert_eq!(scoped("Default"), ["-repository Media", "-bucket Photos"]);
    let unknown = "line 2: scope is neither in the list `workspaces` nor a workspace that you have access to";
    assert_eq!(scoped("team"), [unknown]);
    let new = planned("scope: team\nworkspaces:\n- name: team\nbuckets: []\n", rules);
    assert_eq!(new, ["+workspace team"], "the other workspace is not touched");
}

#[test]
fn what_can_not_be_planned_is_reported_with_its_line() {
    let text = "buckets:\n- name: Films\n- name: Books\n  bucket: b\n  workspace: nowhere\nrepositories:\n- name: R\n  buckets: \
                [Nothing]\nworkspaces:\n- name: default\n  members:\n  - user: eve@example.com\n    role: READ\n";
    assert_eq!(
        planned(text, PlanRules::default()),
        [
            "line 11: workspaces[0].members[0].user is no user of the organization: add the user with `bucketry user add`",
            "line 3: buckets[0] lacks the key bucket, which a new bucket needs",
            "line 4: buckets[1].workspace is neither in the list `workspaces` nor a workspace that you have access to",
            "line 8: repositories[0].buckets[0].bucket is neither in the list `buckets` nor registered",
        ]
    );
}

#[test]
fn two_workspaces_of_one_name_are_not_guessed_between() {
    let mut state = state();
    let second = CurrentWorkspace {
        id: WorkspaceId::new(Timestamp::UNIX_EPOCH, bytes(2)),
        ..state.workspaces[0].clone()
    };
    state.workspaces.push(second);
    let file = decode_file(
        "version: 1\nworkspaces:\n- name: default\nbuckets:\n- name: Photos\n  workspace: default\n",
    );
    let problems = plan(&file.unwrap(), &state, &users(), PlanRules::default()).unwrap_err().to_string();
    assert!(
        problems.contains("several workspaces \"default\"") && problems.contains("buckets[0].workspace"),
        "{problems}"
    );
}
