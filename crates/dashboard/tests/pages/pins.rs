//! The tab *Nodes* of a bucket.

use bucketry_control::buckets::{BucketInput, PinsInput};
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::pinning::BucketPins;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use http::StatusCode;
use jiff::SignedDuration;

use crate::deployment::{Deployment, OWNER, Page};

/// The tab of a bucket, as an owner uses it.
struct Tab {
    deployment: Deployment,
    cookie: String,
    bucket: BucketId,
}

impl Tab {
    async fn open() -> Self {
        let deployment = Deployment::new().await;
        let bucket = deployment.bucket("photos").await;
        let cookie = deployment.sign_in(OWNER).await;
        Self { deployment, cookie, bucket }
    }

    fn path(&self) -> String {
        format!("/ui/buckets/{}/nodes", self.bucket)
    }

    async fn page(&self) -> Page {
        self.deployment.get(&self.cookie, &self.path()).await
    }

    /// Sends the form of the page as it is now.
    async fn save(&self, fields: &[(&str, &str)]) -> Page {
        let shown = self.page().await.field("shown");
        self.save_shown(&shown, fields).await
    }

    /// Sends the form of a page that was opened before.
    async fn save_shown(&self, shown: &str, fields: &[(&str, &str)]) -> Page {
        let fields = [&[("shown", shown)], fields].concat();
        self.deployment.post(&self.cookie, &self.path(), &fields).await
    }

    async fn pins(&self) -> BucketPins {
        let view = self.deployment.control.bucket(&self.deployment.owner, self.bucket).await.unwrap();
        view.bucket.pinned_to
    }

    /// The id of the node with this name.
    async fn node(&self, name: &str) -> String {
        let nodes = self.deployment.control.nodes(&self.deployment.owner).await.unwrap();
        nodes.iter().find(|view| view.node.name == name).unwrap().node.id.to_string()
    }
}

#[tokio::test]
async fn a_bucket_is_pinned_and_unpinned() {
    let tab = Tab::open().await;
    let page = tab.page().await.text;
    assert!(page.contains("Every node that serves your organization serves this bucket."), "{page}");
    assert!(page.contains("1 of 1 node serves it") && page.contains("Other nodes probe it"), "{page}");
    assert!(!page.contains("Serve it from all nodes"), "{page}");
    let node = tab.node("node-1").await;
    let saved = tab.save(&[("node", &node), ("regionName", "ap-<1>")]).await;
    assert_eq!(saved.location(), format!("{}?done=bucket-pinned", tab.path()), "{}", saved.text);
    let pins = tab.pins().await;
    assert_eq!((pins.nodes().len(), pins.regions()), (1, &["ap-<1>".to_owned()][..]));
    let page = tab.page().await.text;
    assert!(page.contains("Only these serve this bucket: node-1, region ap-&lt;1&gt;."), "{page}");
    assert!(page.contains(&format!("value=\"{node}\" checked")), "{page}");
    let overview = tab.deployment.get(&tab.cookie, &format!("/ui/buckets/{}", tab.bucket)).await.text;
    assert!(
        overview.contains("Pinned to</dt>") && overview.contains("node-1, region ap-&lt;1&gt;"),
        "{overview}"
    );
    let audit = tab.deployment.get(&tab.cookie, "/ui/audit?kind=bucket&action=updated").await.text;
    assert!(audit.contains("pinnedTo") && audit.contains("ap-&lt;1&gt;"), "{audit}");

    let unpinned = tab.save(&[("node", &node), ("unpin", "yes")]).await;
    assert_eq!(unpinned.status, StatusCode::SEE_OTHER, "{}", unpinned.text);
    assert!(tab.pins().await.is_empty());
}

#[tokio::test]
async fn pins_that_leave_a_bucket_to_nobody_are_asked_about() {
    let tab = Tab::open().await;
    let refused = tab.save(&[("regionName", "nowhere")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["no node would serve the bucket", "Pin it all the same", "value=\"nowhere\""] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    assert!(tab.pins().await.is_empty());
    let saved = tab.save(&[("regionName", "nowhere"), ("anyway", "yes")]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = tab.page().await.text;
    assert!(
        page.contains("No node serves this bucket") && page.contains("The bucket is pinned to others"),
        "{page}"
    );
    assert!(page.contains("0 of 1 node serves it"), "{page}");
    // A node that is silent serves nobody either.
    tab.deployment.clock.advance(SignedDuration::from_hours(1));
    let silent = tab.save(&[("node", &tab.node("node-1").await)]).await;
    assert!(silent.text.contains("no node would serve the bucket"), "{}", silent.text);
}

#[tokio::test]
async fn what_cannot_be_pinned_to_is_said_and_the_choice_stays() {
    let tab = Tab::open().await;
    let many: Vec<String> = (0..17).map(|number| format!("region-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| ("region", name.as_str())).collect();
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("node", "0197a3b0-0000-7000-8000-0000000000aa"), ("region", "here")], "not the id of a node"),
        (&[("nodeName", "far"), ("region", "here")], "Another node is not the name of a node"),
        (&[("regionName", &"r".repeat(129)), ("region", "here")], "Regions must be names of regions"),
        (&[&[("region", "here")], many.as_slice()].concat(), "Regions must name at most 16 regions"),
    ];
    for (fields, expected) in cases {
        let page = tab.save(fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            page.text.contains(expected) && page.text.contains("value=\"here\" checked"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("bucketry nodes list"), "{}", page.text);
    }
    assert!(tab.pins().await.is_empty());
}

#[tokio::test]
async fn pins_that_somebody_else_has_changed_are_not_replaced_unseen() {
    let tab = Tab::open().await;
    let node = tab.node("node-1").await;
    let shown = tab.page().await.field("shown");
    let theirs = PinsInput { nodes: vec![node.clone()], regions: vec!["theirs".to_owned()] };
    let input = BucketInput { pinned_to: Some(theirs), ..BucketInput::default() };
    tab.deployment.control.update_bucket(&tab.deployment.owner, tab.bucket, &input).await.unwrap();
    let page = tab.save_shown(&shown, &[("node", &node)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["Somebody else has changed the pins of this bucket", "node-1, region theirs."] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert_eq!(tab.pins().await.regions(), ["theirs"]);
    assert_eq!(tab.save(&[("node", &node)]).await.status, StatusCode::SEE_OTHER);
    assert!(tab.pins().await.regions().is_empty());
}

#[tokio::test]
async fn other_changes_of_the_bucket_do_not_concern_its_pins() {
    let tab = Tab::open().await;
    let node = tab.node("node-1").await;
    let shown = tab.page().await.field("shown");
    // As after each approval and removal of a node.
    tab.deployment.seal_again(tab.bucket).await;
    let input = BucketInput { name: Some("pictures".to_owned()), ..BucketInput::default() };
    tab.deployment.control.update_bucket(&tab.deployment.owner, tab.bucket, &input).await.unwrap();
    let saved = tab.save_shown(&shown, &[("node", &node)]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    assert_eq!(tab.pins().await.nodes().len(), 1);
}

#[tokio::test]
async fn a_node_that_waits_for_approval_is_not_offered_and_named_if_it_is_chosen() {
    let tab = Tab::open().await;
    let (id, recipient) = tab.deployment.pending_node("far-away").await;
    let id = id.to_string();
    let page = tab.page().await.text;
    assert!(page.contains("value=\"here\"") && !page.contains(&format!("value=\"{id}\"")), "{page}");
    // By its name, or from a page that was opened before.
    for fields in [[("nodeName", "far-away")], [("node", id.as_str())]] {
        for anyway in [&[][..], &[("anyway", "yes")]] {
            let refused = tab.save(&[&fields, anyway].concat()).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(
                refused.text.contains(
                    "contains far-away, which waits for approval: its public key must be approved first, on its page."
                ),
                "{}",
                refused.text
            );
            assert!(!refused.text.contains("None of these nodes"), "{}", refused.text);
            assert!(!refused.text.contains("A removed node"), "{}", refused.text);
        }
    }
    tab.deployment
        .control
        .approve_node(&tab.deployment.owner, id.parse().unwrap(), &recipient)
        .await
        .unwrap();
    assert!(tab.page().await.text.contains(&format!("value=\"{id}\"")));
    let saved = tab.save(&[("node", &id)]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);

    // It was stopped, and comes back with another key.
    tab.deployment.clock.advance(SignedDuration::from_hours(1));
    tab.deployment.pending_node("far-away").await;
    let page = tab.page().await.text;
    assert!(
        page.contains(&format!("value=\"{id}\" checked")) && page.contains("here, waits for approval"),
        "{page}"
    );
    let notice = &page[page.find("No node serves this bucket").unwrap()..];
    assert!(notice.contains("far-away waits for approval. Its public key must be approved"), "{page}");
    let asked = tab.save(&[("node", &id)]).await;
    assert!(
        asked.text.contains("far-away waits for approval, so no node would serve the bucket."),
        "{}",
        asked.text
    );
    let saved = tab.save(&[("node", &id), ("anyway", "yes")]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
}

#[tokio::test]
async fn the_reason_why_no_node_serves_a_bucket_names_the_remedy() {
    let tab = Tab::open().await;
    let keyless = tab.deployment.node_without_key("keyless").await.to_string();
    let refused = tab.save(&[("node", &keyless)]).await.text;
    assert!(refused.contains("None of these nodes has a public key"), "{refused}");
    let saved = tab.save(&[("node", &keyless), ("anyway", "yes")]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = tab.page().await.text;
    assert!(page.contains("Nodes that run `bucketry node` have one. Or change the pins below."), "{page}");

    // The other one has a key, and is silent.
    let other = tab.node("node-1").await;
    tab.deployment.clock.advance(SignedDuration::from_hours(1));
    tab.deployment.node_without_key("keyless").await;
    let refused = tab.save(&[("node", &keyless), ("node", &other)]).await.text;
    assert!(refused.contains("None of these nodes is connected"), "{refused}");
}

#[tokio::test]
async fn readers_see_the_nodes_and_cannot_pin() {
    let tab = Tab::open().await;
    tab.deployment.pending_node("far-away").await;
    tab.deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = tab.deployment.sign_in("reader@example.com").await;
    let page = tab.deployment.get(&reader, &tab.path()).await.text;
    assert!(page.contains("1 of 2 nodes serve it") && page.contains("Waits for approval"), "{page}");
    assert!(page.contains("Every node") && !page.contains("Save pins"), "{page}");
    let refused = tab.deployment.post(&reader, &tab.path(), &[("regionName", "eu")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role WRITE"), "{}", refused.text);
}

#[tokio::test]
async fn with_many_nodes_the_form_stays_small_and_takes_names() {
    let tab = Tab::open().await;
    for number in 0..70 {
        let (id, recipient) = tab.deployment.pending_node(&format!("zone-{number:02}")).await;
        tab.deployment.control.approve_node(&tab.deployment.owner, id, &recipient).await.unwrap();
    }
    let page = tab.page().await.text;
    assert_eq!(page.matches("name=\"node\"").count(), 60, "{page}");
    let saved = tab.save(&[("nodeName", "NODE-1")]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = tab.page().await.text;
    let boxes = page.find("name=\"node\" value=\"").unwrap() + 19;
    assert!(page[boxes..].starts_with(&tab.node("node-1").await), "what is chosen comes first: {page}");
}

#[tokio::test]
async fn each_node_shows_what_it_sees() {
    let tab = Tab::open().await;
    let now = tab.deployment.clock.now();
    let probe = BucketStatus {
        bucket_id: tab.bucket,
        status: ProbedStatus::Online,
        latency_ms: Some(42),
        created_at: now,
        failure: None,
        version: Some(1),
    };
    let failed = BucketStatus {
        status: ProbedStatus::Offline,
        latency_ms: None,
        failure: Some(ProbeFailure {
            code: CheckCode::AccessDeniedRead,
            message: "The key <is> refused.".to_owned(),
        }),
        ..probe.clone()
    };
    let (far, recipient) = tab.deployment.pending_node("far").await;
    tab.deployment.control.approve_node(&tab.deployment.owner, far, &recipient).await.unwrap();
    tab.deployment.heartbeat("node-1", vec![probe]).await;
    tab.deployment.heartbeat("far", vec![failed]).await;
    let page = tab.page().await.text;
    for part in
        ["42\u{a0}ms", "The key &lt;is&gt; refused.", "https://far.example.com", "2 of 2 nodes serve it"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let node = tab.deployment.get(&tab.cookie, &format!("/ui/nodes/{far}")).await.text;
    assert!(node.contains("3 online, 1 offline, 5 that it doesn’t probe"), "{node}");
    assert!(node.contains("4 batches, "), "{node}");
}
