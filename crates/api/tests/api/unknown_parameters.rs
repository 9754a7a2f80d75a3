//! Query parameters that a list doesn't have.

use serde_json::Value;

use crate::deployment::Deployment;

const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

/// The paths of all lists: the `GET`s that have parameters in the query, or return keys.
fn lists() -> Vec<String> {
    let document: Value = serde_json::from_str(&bucketry_api::openapi_json()).unwrap();
    let has_query = |item: &Value| {
        let parameters = item["get"]["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "query"))
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let without =
        ["/repo/{repoId}/apikey", "/organization/{orgId}/key", "/bucket/{bucketId}/freshness", "/findings"];
    let found = paths.filter(|(path, item)| has_query(item) || without.contains(&path.as_str()));
    // Nodes sign the query of the first call. None is a list, and the others have no cursor that could be misspelt.
    let others =
        ["/node/sync", "/bucket/{bucketId}/validation/{validationId}", "/bucket/registration/{validationId}"];
    let found = found.filter(|(path, _)| !others.contains(&path.as_str())).map(|(path, _)| path.clone());
    found
        .map(|path| {
            let ids = ["{bucketId}", "{repoId}", "{channelId}", "{orgId}"];
            ids.iter().fold(path, |path, id| path.replace(id, NOBODY))
        })
        .collect()
}

#[tokio::test]
async fn every_list_refuses_parameters_that_it_does_not_have() {
    let deployment = Deployment::start().await;
    let lists = lists();
    assert!(lists.len() > 15, "{lists:?}");
    for path in lists {
        let refused = deployment.get(&format!("{path}?curser=x&owner=me&empty=&gone=undefined")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "INVALID_REQUEST"),
            "{path}: {}",
            refused.text
        );
        assert_eq!(refused.fields(), ["curser", "owner"], "{path}");
        let has_cursor = ["/apikey", "/key", "/export", "/metrics", "/outages", "/freshness", "/findings"]
            .iter()
            .all(|end| !path.ends_with(end));
        assert!(!has_cursor || refused.text.contains("did you mean cursor?"), "{path}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_parameter_that_only_another_method_has_is_refused() {
    let deployment = Deployment::start().await;
    let refused = deployment.get(&format!("/bucket/{NOBODY}/freshness?prefix=backups/")).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["prefix"]));
}

#[tokio::test]
async fn parameters_of_the_public_client_are_not_refused() {
    let deployment = Deployment::start().await;
    for query in [
        "/bucket?walletAddress=0x1",
        "/repo?walletAddress=0x1",
        "/workspace?walletAddress=0x1",
        "/stats/daily?unitId=x&bucketId=x",
        "/stats/nodes/minute?unitId=x",
        "/unit/stats?bucketId=x",
        "/node?nodeServices=1",
    ] {
        let answer = deployment.get(query).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_error_names_a_bounded_number_of_parameters_without_control_characters() {
    let deployment = Deployment::start().await;
    let many: Vec<String> = (0..100).map(|number| format!("p{number}%0A{}=1", "x".repeat(200))).collect();
    let refused = deployment.get(&format!("/bucket?{}", many.join("&"))).await;
    assert_eq!(refused.fields().len(), 8);
    assert!(refused.text.len() < 4_000 && !refused.text.contains("\\n"), "{}", refused.text);
}
