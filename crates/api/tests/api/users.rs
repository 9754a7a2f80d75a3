//! Users, roles and workspaces.

use http::Method;
use serde_json::json;

use crate::deployment::Deployment;
use crate::snapshot::Redactions;

#[tokio::test]
async fn the_profile_and_the_role_are_told_as_the_contract_has_them() {
    let deployment = Deployment::start().await;
    let profile = deployment.get("/user/profile").await.body;
    insta::assert_compact_json_snapshot!(Redactions::default().apply(&profile), @r#"
    {
      "data": {
        "email": "owner@example.com",
        "id": "id 1",
        "isBusiness": true,
        "lastName": "Owner",
        "mfaRequired": false,
        "mustChangePassword": false,
        "name": "Owner",
        "orgId": "id 2",
        "orgRole": 255,
        "orgRoleDescription": "OWNER",
        "orgRoles": [
          0,
          1,
          2,
          254,
          255
        ],
        "validated": true
      },
      "success": true
    }
    "#);
    let id = profile["data"]["id"].as_str().unwrap();
    let role = deployment.get(&format!("/user/{id}")).await.body;
    assert_eq!(
        role["data"],
        json!({ "userId": id, "orgRole": 255, "orgRoleDescription": "OWNER", "orgRoles": [0, 1, 2, 254, 255] })
    );
}

#[tokio::test]
async fn a_user_is_made_changed_and_removed() {
    let deployment = Deployment::start().await;
    let (id, token) = deployment.add_user("ada@example.com", 0).await;
    let path = format!("/organization/users/{id}");
    let read = deployment.get(&path).await.body;
    let mut redactions = Redactions::default();
    insta::assert_compact_json_snapshot!(redactions.apply(&read), @r#"
    {
      "deletedAt": null,
      "email": "ada@example.com",
      "id": "id 1",
      "lastName": "L",
      "name": "Ada",
      "orgId": "id 2",
      "orgRole": 0,
      "orgRoleDescription": "USER",
      "orgRoles": [
        0
      ],
      "validated": true
    }
    "#);
    let list = deployment.get("/organization/users").await.body;
    assert_eq!((&list["total"], list["data"].as_array().unwrap().len()), (&json!(2), 2));

    let changed = deployment.put(&path, json!({ "name": "Augusta" })).await.body;
    assert_eq!((&changed["data"]["name"], &changed["data"]["lastName"]), (&json!("Augusta"), &json!("L")));
    let role = deployment.put(&format!("/user/{id}/role"), json!({ "orgRole": 2 })).await.body;
    insta::assert_compact_json_snapshot!(redactions.apply(&role), @r#"
    {
      "data": {
        "message": "the role was changed from USER to WORKSPACES",
        "newRole": 2,
        "previousRole": 0,
        "userId": "id 1"
      },
      "success": true
    }
    "#);
    let refused = deployment.put(&format!("/user/{id}/role"), json!({ "orgRole": 3 })).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["orgRole"]));

    assert_eq!(deployment.delete(&path).await.status, 200);
    assert_eq!(deployment.get(&path).await.status, 404);
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, "/user/profile", None).await.status, 401);
}

#[tokio::test]
async fn the_last_owner_and_the_last_admin_stay() {
    let deployment = Deployment::start().await;
    let owner = deployment.first.user_id;
    let refused = deployment.put(&format!("/user/{owner}/role"), json!({ "orgRole": 0 })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "LAST_OWNER"));
    let refused = deployment.delete(&format!("/organization/users/{owner}")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "CANNOT_DELETE_SELF"));
    let member = format!("/workspace/{}/users/{owner}", deployment.first.workspace_id);
    let refused = deployment.put(&member, json!({ "role": "READ" })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "LAST_ADMIN"));
    assert_eq!(deployment.delete(&member).await.code(), "LAST_ADMIN");
}

#[tokio::test]
async fn a_workspace_is_made_peopled_renamed_and_deleted_when_empty() {
    let deployment = Deployment::start().await;
    let made = deployment.post("/workspace", json!({ "name": "research" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["workspace"]["id"].as_str().unwrap().to_owned();
    let path = format!("/workspace/{id}");
    let (user, token) = deployment.add_user("ada@example.com", 0).await;
    let users = format!("{path}/users");
    assert_eq!(deployment.post(&users, json!({ "userId": user, "role": "READ" })).await.status, 200);
    assert_eq!(
        deployment.post(&users, json!({ "userId": user, "role": "READ" })).await.code(),
        "ALREADY_A_MEMBER"
    );
    assert_eq!(deployment.post(&users, json!({ "userId": "x", "role": "READ" })).await.status, 404);
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, &path, None).await.status, 200);

    let read = deployment.get(&path).await.body;
    let member =
        read["workspace"]["users"].as_array().unwrap().iter().find(|member| member["userId"] == json!(user));
    assert_eq!(
        member.unwrap(),
        &json!({
            "userId": user, "role": "READ",
            "user": { "id": user, "name": "Ada", "lastName": "L", "email": "ada@example.com", "orgRole": 0 },
        })
    );
    let renamed = deployment.put(&path, json!({ "name": "Research 2" })).await.body;
    assert_eq!(renamed["workspace"]["name"], "Research 2");
    assert_eq!(deployment.put(&path, json!({})).await.status, 200);

    let mut bucket = deployment.bucket_fields("a");
    bucket["workspaceId"] = id.clone().into();
    let bucket = deployment.post("/bucket", bucket).await.body["bucketId"].as_str().unwrap().to_owned();
    assert_eq!(deployment.delete(&path).await.code(), "WORKSPACE_NOT_EMPTY");
    deployment.delete(&format!("/bucket/{bucket}")).await;
    assert_eq!(deployment.delete(&path).await.status, 200);
    assert_eq!(deployment.get(&path).await.status, 404);
    assert_eq!(deployment.get("/workspace").await.body["workspaces"].as_array().unwrap().len(), 1);
}
