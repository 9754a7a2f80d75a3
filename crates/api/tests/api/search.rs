//! Lists by status, provider, type and words, in the order of a parameter.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::deployment::Deployment;

impl Deployment {
    async fn add_at(&self, name: &str, fields: Value) -> String {
        self.clock.advance(SignedDuration::from_secs(1));
        let mut all = self.bucket_fields(name);
        all["skipValidation"] = true.into();
        for (field, value) in fields.as_object().unwrap() {
            all[field] = value.clone();
        }
        let answer = self.post("/bucket", all).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["bucketId"].as_str().unwrap().to_owned()
    }

    /// The names in a whole list. Checks that its pages are the same.
    async fn names(&self, query: &str) -> Vec<String> {
        let list = query.split('?').next().unwrap();
        let key = if list == "/repo" { "repos" } else { "buckets" };
        let names = |body: &Value| -> Vec<String> {
            let entries = body[key].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
            entries.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let whole = names(&self.get(query).await.body);
        let (mut pages, mut next) = (Vec::new(), format!("{query}&limit=1"));
        loop {
            let page = self.get(&next).await.body;
            pages.extend(names(&page));
            let Value::String(cursor) = &page["nextCursor"] else { break };
            next = format!("{query}&limit=1&cursor={cursor}");
        }
        assert_eq!(pages, whole, "{query}");
        whole
    }
}

async fn three() -> Deployment {
    let deployment = Deployment::start().await;
    let online = deployment.add_at("Übersee photos", json!({})).await;
    deployment.add_at("archive", json!({ "storageType": "AZURE", "endpoint": null, "secret": "a2V5" })).await;
    let offline = deployment.add_at("backups", json!({ "storageType": "aws", "endpoint": null })).await;
    deployment.probe(&online, &[(0, Some(5))]).await;
    deployment.probe(&offline, &[(0, None)]).await;
    deployment
}

#[tokio::test]
async fn buckets_are_selected_by_status_provider_type_and_words() {
    let deployment = three().await;
    for (query, expected) in [
        ("sort=newest", vec!["backups", "archive", "Übersee photos"]),
        ("sort=name", vec!["archive", "backups", "Übersee photos"]),
        ("status=ONLINE", vec!["Übersee photos"]),
        ("status=offline,disconnected", vec!["backups", "archive"]),
        ("status=OFFLINE&status=ONLINE&sort=name", vec!["backups", "Übersee photos"]),
        ("provider=AWS", vec!["backups"]),
        ("provider=azure-blob,other", vec!["archive", "Übersee photos"]),
        ("storageType=S3", vec!["backups", "Übersee photos"]),
        ("storageType=S3&status=ONLINE&provider=OTHER", vec!["Übersee photos"]),
        ("storageType=GCS", vec![]),
        ("search=ubersee", vec!["Übersee photos"]),
        ("search=PHOTO&sort=name", vec!["archive", "backups", "Übersee photos"]),
        ("search=photo%20arch", vec!["archive"]),
        ("search=photos&status=OFFLINE", vec!["backups"]),
        ("search=nothing", vec![]),
    ] {
        assert_eq!(deployment.names(&format!("/bucket?{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_silent_node_makes_its_buckets_disconnected_in_filters_too() {
    let deployment = three().await;
    assert_eq!(deployment.names("/bucket?status=DISCONNECTED").await, ["archive"]);
    deployment.clock.advance(SignedDuration::from_secs(120));
    assert_eq!(deployment.names("/bucket?status=DISCONNECTED").await.len(), 3);
    assert!(deployment.names("/bucket?status=ONLINE,OFFLINE").await.is_empty());
}

#[tokio::test]
async fn repositories_are_searched_and_sorted() {
    let deployment = Deployment::start().await;
    for name in ["beta photos", "Alpha", "gamma Photos"] {
        deployment.clock.advance(SignedDuration::from_secs(1));
        deployment.add_repository(name, json!([])).await;
    }
    for (query, expected) in [
        ("sort=name", vec!["Alpha", "beta photos", "gamma Photos"]),
        ("sort=newest", vec!["gamma Photos", "Alpha", "beta photos"]),
        ("search=phot&sort=name", vec!["beta photos", "gamma Photos"]),
        ("search=phot%20gam", vec!["gamma Photos"]),
    ] {
        assert_eq!(deployment.names(&format!("/repo?{query}")).await, expected, "{query}");
    }
    let id = deployment.get("/repo").await.body["repos"][0]["id"].clone();
    let both = deployment.get(&format!("/repo?repoId={}&search=x", id.as_str().unwrap())).await;
    assert_eq!((both.status.as_u16(), both.fields()), (400, vec!["search"]));
}

#[tokio::test]
async fn wrong_filters_are_refused_with_what_they_must_be() {
    let deployment = three().await;
    let long = format!("search={}", "a".repeat(10_000));
    let other_order = deployment.get("/bucket?sort=name&limit=1").await.body["nextCursor"].clone();
    let other_order = format!("limit=1&cursor={}", other_order.as_str().unwrap());
    for (query, field, message) in [
        (long.as_str(), "search", "must be at most 255 characters long"),
        ("search=---", "search", "must contain a letter or a digit"),
        ("search=a+b+c+d+e+f+g+h+i", "search", "must have at most 8 words"),
        ("status=UP", "status", "must be one of ONLINE, OFFLINE, DISCONNECTED"),
        ("status=ONLINE,UP", "status", "must be one of ONLINE, OFFLINE, DISCONNECTED"),
        ("provider=hunter2", "provider", "must be the name of a provider such as"),
        ("storageType=FTP", "storageType", "must be one of S3, GCS, BLOB"),
        ("sort=size", "sort", "must be newest or name"),
        ("sort=name&sort=newest", "sort", "must be given once"),
        (other_order.as_str(), "cursor", "with the same search and sort"),
        ("sort=name&cursor=x", "cursor", "must be a nextCursor"),
    ] {
        let refused = deployment.get(&format!("/bucket?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{query}");
        assert!(refused.text.contains(message), "{query}: {}", refused.text);
        assert!(!refused.text.contains("hunter2"));
    }
}
