//! The OpenAPI document: it is complete, and the committed copy is current.

use std::path::Path;

use serde_json::Value;

use crate::deployment::Deployment;

fn document() -> Value {
    serde_json::from_str(&bucketry_api::openapi_json()).unwrap()
}

#[test]
fn the_committed_document_is_the_one_that_the_types_make() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let found = bucketry_api::openapi_json();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == committed,
        "the document changed: run this test with UPDATE_SNAPSHOTS=1 and review the difference"
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(root: &Value, at: &Value) {
        match at {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let path = to.strip_prefix('#').unwrap();
                    assert!(root.pointer(path).is_some(), "{to} leads nowhere");
                }
                members.values().for_each(|member| walk(root, member));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| walk(root, entry)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

#[test]
fn every_operation_is_described_and_every_error_has_the_one_shape() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.as_str() < "400" || path == "/ready" {
                    continue;
                }
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ErrorAnswer", "{method} {path} {status}");
            }
            let needs_token = operation["security"].is_array();
            // The token of metrics is a setting of the server, and no user's.
            assert_eq!(
                needs_token,
                operation["responses"]["401"].is_object()
                    && path != "/metrics"
                    && !path.starts_with("/user/login")
                    && !path.starts_with("/user/refresh"),
                "{method} {path}"
            );
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
}

#[tokio::test]
async fn the_document_and_its_page_are_served_without_a_token() {
    let deployment = Deployment::start().await;
    let served = deployment.ask_as(None, http::Method::GET, "/openapi.json", None).await;
    assert_eq!(served.body, document());
    let page = deployment.ask_as(None, http::Method::GET, "/docs", None).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    for asset in ["/docs/docs.css", "/docs/docs.js", "/docs/icon.svg"] {
        // Relative, so that a proxy may serve all of it below a path.
        assert!(page.text.contains(&format!("\"{}\"", &asset[1..])));
        assert_eq!(deployment.ask_as(None, http::Method::GET, asset, None).await.status, 200);
    }
    let assets =
        [page.text, deployment.get("/docs/docs.css").await.text, deployment.get("/docs/docs.js").await.text];
    for asset in assets {
        assert!(
            !asset.contains("http://") && !asset.contains("https://"),
            "the page loads nothing from other hosts"
        );
        assert!(
            !asset.contains(" style=") && !asset.contains("innerHTML"),
            "the content security policy would block it"
        );
    }
}
