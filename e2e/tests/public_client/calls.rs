//! Every served call of the public client, by name: it succeeds with every field that the client's types require,
//! also right after a creation. `docs/public-client.md` contains the table.

use std::time::Duration;

use bucketry_e2e::{
    ClientCalls, NotServed, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Person, Result, Server, are_not_served,
    eventually, keep_page, list, not_served_table, options, run_documented_node, s3_bucket,
    shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// Calls that aren't served. The last group is out of the project's scope; the others may be added.
const NOT_SERVED: &NotServed = &[
    (
        "provider keys",
        &[
            ("getApiKeys", "GET /apikeys"),
            ("createApiKey", "POST /apikeys"),
            ("updateApiKey", "PUT /apikeys/{id}"),
            ("deleteApiKey", "DELETE /apikeys/{id}"),
            ("addRepoCloudApiKey", "POST /repo/{id}/cloud-apikey"),
            ("listRepoCloudApiKeys", "GET /repo/{id}/cloud-apikey"),
            ("removeRepoCloudApiKey", "DELETE /repo/{id}/cloud-apikey/{id}"),
        ],
    ),
    ("organization data", &[("updateOrganization", "PUT /organization/{id}")]),
    (
        "invitations, e-mail verification, quota, forgotten passwords",
        &[
            ("activateOrganizationUser", "POST /organization/users/{id}/activate"),
            ("resendTeamUserInvitation", "POST /organization/users/{id}/resend-invitation"),
            ("preVerifyEmail", "POST /user/pre-verify-email"),
            ("validateRegistration", "POST /user/verify-email"),
            ("resendVerificationEmail", "POST /user/resend-verification/{id}"),
            ("userActivate", "POST /user/activate"),
            ("userDeactivate", "POST /user/deactivate"),
            ("getUserQuota", "GET /user/quota"),
            ("requestPasswordReset", "POST /user/request-reset-password"),
            ("resetPassword", "POST /user/reset-password"),
        ],
    ),
    (
        "dashboard statistics",
        &[
            ("getStorageStats", "GET /v2/stats/storage"),
            ("getStorageBreakdown", "GET /v2/stats/storage/breakdown/buckets"),
        ],
    ),
    (
        "settings",
        &[
            ("getUserSettings", "GET /settings/user"),
            ("updateUserSettings", "POST /settings/user"),
            ("partialUpdateUserSettings", "PUT /settings/user"),
            ("deleteUserSettingsKeys", "DELETE /settings/user"),
            ("getOrganizationSettings", "GET /settings/organization"),
            ("updateOrganizationSettings", "POST /settings/organization"),
            ("partialUpdateOrganizationSettings", "PUT /settings/organization"),
            ("deleteOrganizationSettingsKeys", "DELETE /settings/organization"),
        ],
    ),
    (
        "sessions and devices",
        &[
            ("getSessions", "GET /sessions"),
            ("revokeSession", "POST /sessions/{id}/revoke"),
            ("revokeAllSessions", "POST /sessions/revoke-all"),
            ("sessionHeartbeat", "POST /sessions/{id}/heartbeat"),
            ("getDevices", "GET /devices"),
            ("getDeviceDetails", "GET /devices/{id}"),
            ("trustDevice", "POST /devices/trust"),
            ("untrustDevice", "POST /devices/{id}/untrust"),
            ("removeDevice", "DELETE /devices/{id}"),
        ],
    ),
    (
        "multi-factor authentication",
        &[
            ("getMFAStatus", "GET /mfa/status"),
            ("getMFAMethods", "GET /mfa/methods"),
            ("setupMFA", "POST /mfa/setup"),
            ("verifyMFASetup", "POST /mfa/verify-setup"),
            ("enableMFA", "POST /mfa/enable"),
            ("disableMFA", "POST /mfa/disable"),
            ("setPrimaryMFA", "POST /mfa/primary"),
            ("resetMFA", "POST /mfa/reset"),
            ("enforceOrganizationMFA", "POST /mfa/organization/enforce"),
            ("sendMagicLink", "POST /mfa/magic-link/send"),
            ("activateMagicLink", "POST /mfa/magic-link/activate"),
            ("getPasskeyAuthOptions", "POST /mfa/passkey/auth-options"),
            ("completePasskeyRegistration", "POST /mfa/passkey/complete-registration"),
            ("verifyMFALogin", "POST /mfa/verify-login"),
        ],
    ),
    (
        "sign-in with other providers",
        &[
            ("authenticate (Google)", "POST /auth/google"),
            ("authenticate (GitHub)", "POST /auth/github"),
            ("authenticate (Microsoft)", "POST /auth/microsoft"),
            ("web3Authenticate", "POST /auth/web3"),
            ("refreshToken (Google)", "POST /auth/google/refresh"),
            ("exchangeCode (Google)", "POST /auth/google/exchange"),
        ],
    ),
    (
        "out of scope: language models, chat, policies, agents, billing, credits, cloud resources, links, e-mail",
        &[
            ("getAiLlms", "GET /ai/llm"),
            ("getAiStatsDaily", "GET /aistats/daily"),
            ("createConversation", "POST /conversation"),
            ("getSubscriptions", "GET /subscriptions"),
            ("getLinks", "GET /links"),
            ("sendFeedbackEmail", "POST /email/feedback"),
            ("requestDemo", "POST /demo/request"),
        ],
    ),
];

const USER: &str = "email:text name:text lastName:text orgId:text orgRole:number validated:bool deletedAt:time? \
                    orgRoleDescription:text orgRoles+:number";

/// The required fields of a user, below a member.
fn user(place: &str) -> String {
    let words = USER.split_whitespace().map(|word| format!("{place}.{word}"));
    words.chain([format!("{place}.id:text")]).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_call_that_is_served_works_with_every_field_that_the_types_require() -> Result<()> {
    let server = Server::start(options()?.arg("--registration").arg("on")).await?;
    let mut calls = ClientCalls::default();
    let client = sessions(&mut calls, &server).await?;
    let (workspace, member) = users(&mut calls, &client).await?;
    workspaces(&mut calls, &client, &member).await?;
    let (bucket, repo) = buckets_and_repositories(&mut calls, &server, &client, &workspace).await?;
    statistics(&mut calls, &client, &bucket, &repo).await?;
    events(&mut calls, &client).await?;
    organization_keys(&mut calls, &server, &client).await?;
    endings(&mut calls, &server, &client, (&bucket, &repo)).await?;
    are_not_served(&client, NOT_SERVED).await?;
    let tables = format!("## Served\n\n{}\n## Not served\n\n{}", calls.table(), not_served_table(NOT_SERVED));
    println!("{tables}");
    keep_page(&tables)
}

async fn sessions(calls: &mut ClientCalls, server: &Server) -> Result<Person> {
    let session = "success:bool accessToken:text refreshToken:text tokenId:text expiresAt:number user.id:text \
                   user.email:text user.name:text user.orgId:text user.orgRole:number";
    let registration = json!({
        "email": "new@example.org", "password": OWNER_PASSWORD, "firstName": "New", "lastName": "Owner",
        "companyName": "Elsewhere", "isBusiness": true,
    });
    let register = server.post("/user/register").json(&registration);
    calls.make("userRegister", "POST /user/register", register, session).await?;
    let login = json!({
        "email": OWNER_EMAIL, "password": OWNER_PASSWORD,
        "deviceInfo": { "userAgent": "node", "deviceType": "DESKTOP", "os": "Linux", "browser": "none" },
    });
    let made =
        calls.make("userLogin", "POST /user/login", server.post("/user/login").json(&login), session).await?;
    let refresh = server.post("/user/refresh").json(&json!({ "refresh_token": made["refreshToken"] }));
    let refreshed = "success:bool token:text accessToken:text refreshToken:text expiresAt:number";
    let made = calls.make("userRefresh", "POST /user/refresh", refresh, refreshed).await?;
    let client = Person::new(server, text(&made["accessToken"]));
    calls.make("getTokens", "GET /token", client.get("/token"), "success:bool tokens+.id:text").await?;
    Ok(client)
}

async fn events(calls: &mut ClientCalls, client: &Person) -> Result<()> {
    let shape = "events+.id:number events+.timestamp:text events+.contextId:text events+.context:text \
                 events+.event:text events+.orgId:text events+.userId:text events+.userName:text \
                 events+.userEmail:text events+.showUnread:bool total:number skip:number take:number";
    let list = client.post("/systemevent", &json!({ "skip": 0, "take": 20, "context": 1 }));
    let listed = calls.make("getSystemEvents", "POST /systemevent", list, shape).await?;
    let id = json!({ "id": listed["events"][0]["id"] });
    let read = client.post("/systemevent/read", &id);
    calls.make("markSystemEventAsRead", "POST /systemevent/read", read, "success:bool").await?;
    let unread = client.delete("/systemevent/read").json(&id);
    calls
        .make("markSystemEventAsUnread", "DELETE /systemevent/read", unread, "success:bool")
        .await
        .map(|_| ())
}

/// The client sends no body, accepts everything, and parses the response as JSON.
async fn organization_keys(calls: &mut ClientCalls, server: &Server, client: &Person) -> Result<()> {
    let me = client.get("/user/profile").send().await?.json_with_status(200)?;
    let organization = text(&me["data"]["orgId"]);
    let path = format!("/organization/{organization}/key");
    let route = "/organization/{orgId}/key";
    let create = || client.call(Method::POST, &path);
    let made = calls.make("generateOrgKey", &format!("POST {route}"), create(), "").await?;
    assert!(text(&made).starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{made}");
    create().send().await?.json_with_status(200)?;
    let shape =
        "success:bool message:text data+.id:text data+.orgId:text data+.publicKey:text data+.createdAt:time";
    let listed = calls.make("getOrgKeys", &format!("GET {route}"), client.get(&path), shape).await?;
    assert_eq!(listed["data"][0]["nodeKeys"], json!([]));
    run_documented_node(server, organization, text(&made), "node.example.com").await?;
    private_nodes(calls, client, organization).await?;
    let one = client.delete(&format!("{path}/{}", text(&listed["data"][0]["id"])));
    calls
        .make("deleteOrgKey", &format!("DELETE {route}/{{keyId}}"), one, "success:bool message:text")
        .await?;
    let all = client.delete(&path);
    let route = format!("DELETE {route}");
    let deleted = calls.make("deleteOrgKeys", &route, all, "success:bool message:text").await?;
    assert!(text(&deleted["message"]).starts_with('1'), "{deleted}");
    Ok(())
}

async fn private_nodes(calls: &mut ClientCalls, client: &Person, organization: &str) -> Result<()> {
    let shape = "success:bool total:number data+.ip:text data+.region:text data+.version:text data+.status:text \
                 data+.lastUpdated:time data+.url:text data+.id_org:text data+.nodeServices:number";
    let route = "/organization/{orgId}/node";
    let list = client.get(&format!("/organization/{organization}/nodes"));
    let listed = calls.make("getPrivateNodeInfo", &format!("GET {route}s"), list, shape).await?;
    let id = text(&listed["data"][0]["id"]);
    let delete = client.delete(&format!("/organization/{organization}/node/{id}"));
    let route = format!("DELETE {route}/{{nodeId}}");
    calls.make("deletePrivateNode", &route, delete, "success:bool message:text").await.map(|_| ())
}

/// Returns the workspace `default` and a new user's id.
async fn users(calls: &mut ClientCalls, client: &Person) -> Result<(String, String)> {
    let profile = "success:bool data.id:text data.name:text data.lastName:text data.email:text data.orgId:text \
                   data.orgRole:number data.orgRoleDescription:text data.orgRoles+:number data.validated:bool \
                   data.mfaRequired:bool data.isBusiness:bool";
    calls.make("getUserProfile", "GET /user/profile", client.get("/user/profile"), profile).await?;
    let me = client.get("/user/profile").send().await?.json_with_status(200)?;
    let call = client.put(
        &format!("/user/{}", text(&me["data"]["id"])),
        &json!({ "name": "Olivia", "lastName": "Owner" }),
    );
    calls.make("updateUser", "PUT /user/{userId}", call, "success:bool message:text").await?;
    let new = json!({
        "email": "ada@example.com", "password": OWNER_PASSWORD, "firstName": "Ada", "lastName": "Lovelace",
        "orgRole": 0, "sendInvite": false,
    });
    let answered = format!("success:bool message:text {}", user("data"));
    let call = client.post("/organization/users", &new);
    let made = calls.make("createOrganizationUser", "POST /organization/users", call, &answered).await?;
    let id = text(&made["data"]["id"]).to_owned();
    let listed = format!("success:bool total:number {}", user("data+"));
    let call = client.get("/organization/users");
    calls.make("getOrganizationUsers", "GET /organization/users", call, &listed).await?;
    let path = format!("/organization/users/{id}");
    let one = format!("id:text {USER}");
    calls.make("getOrganizationUser", "GET /organization/users/{userId}", client.get(&path), &one).await?;
    let call = client.put(&path, &json!({ "name": "Augusta", "lastName": "King", "orgRole": 1 }));
    calls.make("updateOrganizationUser", "PUT /organization/users/{userId}", call, &answered).await?;
    let role = "success:bool data.userId:text data.orgRole:number data.orgRoleDescription:text \
                data.orgRoles+:number";
    let call = client.get(&format!("/user/{id}"));
    calls.make("getUserById", "GET /user/{userId}", call, role).await?;
    let change =
        "success:bool data.userId:text data.previousRole:number data.newRole:number data.message:text";
    let call = client.put(&format!("/user/{id}/role"), &json!({ "orgRole": 0 }));
    calls.make("updateUserRole", "PUT /user/{userId}/role", call, change).await?;
    Ok((client.workspace().await?, id))
}

async fn workspaces(calls: &mut ClientCalls, client: &Person, member: &str) -> Result<()> {
    let basic = "success:bool workspace.id:text workspace.name:text workspace.orgId:text";
    let users = |place: &str| {
        ["userId", "role", "user.id", "user.name", "user.lastName", "user.email"]
            .map(|name| format!("{place}.users+.{name}:text"))
            .join(" ")
    };
    let call = client.post("/workspace", &json!({ "name": "Research" }));
    let made = calls.make("createWorkspace", "POST /workspace", call, basic).await?;
    let path = format!("/workspace/{}", text(&made["workspace"]["id"]));
    let full = format!("{basic} {} workspace.users+.user.orgRole:number", users("workspace"));
    calls.make("getWorkspace", "GET /workspace/{workspaceId}", client.get(&path), &full).await?;
    let listed = format!(
        "success:bool workspaces+.id:text workspaces+.name:text workspaces+.orgId:text {} \
         workspaces+.users+.user.orgRole:number",
        users("workspaces+")
    );
    calls.make("getWorkspaces", "GET /workspace", client.get("/workspace"), &listed).await?;
    let call = client.put(&path, &json!({ "name": "Development" }));
    calls.make("updateWorkspace", "PUT /workspace/{workspaceId}", call, basic).await?;
    let call = client.post(&format!("{path}/users"), &json!({ "userId": member, "role": "READ" }));
    calls.make("addUserToWorkspace", "POST /workspace/{workspaceId}/users", call, "success:bool").await?;
    let at = format!("{path}/users/{member}");
    let route = "/workspace/{workspaceId}/users/{userId}";
    let call = client.put(&at, &json!({ "role": "WRITE" }));
    calls.make("updateWorkspaceUserRole", &format!("PUT {route}"), call, "success:bool").await?;
    let call = client.delete(&at);
    calls.make("removeUserFromWorkspace", &format!("DELETE {route}"), call, "success:bool").await?;
    let call = client.delete(&path);
    calls.make("deleteWorkspace", "DELETE /workspace/{workspaceId}", call, "success:bool").await?;
    Ok(())
}

const BUCKET: &str = "id:text name:text bucket:text storageType:text createdAt:time workspaceId:text";
const REPO: &str = "repos+.id:text repos+.name:text repos+.storageType:text repos+.mode:text \
                    repos+.workspaceId:text repos+.createdAt:time repos+.buckets+.folder:text \
                    repos+.buckets+.master:bool repos+.buckets+.bucketId:text";

fn below(place: &str, words: &str) -> String {
    words.split_whitespace().map(|word| format!("{place}.{word}")).collect::<Vec<_>>().join(" ")
}

/// Returns the ids of a bucket and of a repository that contains it. Other tests check buckets in more detail.
async fn buckets_and_repositories(
    calls: &mut ClientCalls,
    server: &Server,
    client: &Person,
    workspace: &str,
) -> Result<(String, String)> {
    let bucket = buckets(calls, client, workspace).await?;
    let path = repositories(calls, client, workspace, &bucket).await?;
    repository_keys(calls, client, &path).await?;

    // Creates traffic for the statistics.
    let place = json!([{ "folder": "metered", "master": false, "bucketId": bucket }]);
    let _ = client.put(&path, &json!({ "repoBuckets": [] })).send().await?.json_with_status(200)?;
    let fields = json!({ "name": "Metered", "repoBuckets": place });
    let access = client.open_repository(server, &fields, OPEN_BUCKET).await?;
    access.run_script("metered_operations.py", &[]).await?;
    Ok((bucket, access.repository))
}

/// Returns the id of the bucket.
async fn buckets(calls: &mut ClientCalls, client: &Person, workspace: &str) -> Result<String> {
    let fields = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, workspace);
    let call = client.post("/bucket", &fields);
    let made = calls.make("createStorageBucket", "POST /bucket", call, "success:bool bucketId:text").await?;
    let bucket = text(&made["bucketId"]).to_owned();
    let listed = format!("success:bool {}", below("buckets+", BUCKET));
    let call = client.get("/bucket?workspaceId=undefined&walletAddress=undefined");
    calls.make("getStorageBuckets", "GET /bucket", call, &listed).await?;
    let call = client.get("/bucket/available?");
    calls.make("getAvailableStorageBuckets", "GET /bucket/available", call, &below("+", BUCKET)).await?;
    let path = format!("/bucket/{bucket}");
    let status = "bucketId:text nodeStatus*.ip:text nodeStatus*.region:text nodeStatus*.version:text \
                  nodeStatus*.status:text nodeStatus*.lastUpdated:time";
    let call = client.get(&format!("{path}/status"));
    calls.make("getStorageBucketStatus", "GET /bucket/{bucketId}/status", call, status).await?;
    let call = client.post(&format!("{path}/validate"), &json!({ "bucket": OPEN_BUCKET }));
    calls.make("validateStorageBucket", "POST /bucket/{bucketId}/validate", call, "success:bool").await?;
    let same =
        json!({ "name": "Films", "bucket": OPEN_BUCKET, "storageType": "S3", "workspaceId": workspace });
    let call = client.put(&path, &same);
    calls.make("updateStorageBucket", "PUT /bucket/{bucketId}", call, "success:bool bucketId:text").await?;
    let today = json!({ "day": now() });
    let day = "success:bool nodeStats*.ip:text nodeStats*.host:text nodeStats*.perc_uptime:number \
               nodeStats*.avg_latency_ms:number nodeStats*.version:text nodeStats*.node_status:text \
               nodeStats*.last_updated:time nodeStats*.last_latency_ms:number";
    let call = client.post(&format!("{path}/stats"), &today);
    calls.make("getBucketNodeStats", "POST /bucket/{bucketId}/stats", call, day).await?;
    Ok(bucket)
}

/// Returns the path of a repository of the bucket.
async fn repositories(
    calls: &mut ClientCalls,
    client: &Person,
    workspace: &str,
    bucket: &str,
) -> Result<String> {
    let place = json!([{ "folder": "", "master": false, "bucketId": bucket }]);
    let proposal = json!({ "repoId": "", "mode": "NORMAL", "repoBuckets": place });
    let call = client.post("/repo/validate", &proposal);
    calls.make("validateNewRepoUnits", "POST /repo/validate", call, "success:bool").await?;
    let fields = json!({
        "name": "Media", "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace, "repoBuckets": place,
    });
    let stored = "success:bool repoId:text";
    let made = calls.make("createStorageRepo", "POST /repo", client.post("/repo", &fields), stored).await?;
    let repo = text(&made["repoId"]).to_owned();
    let listed = format!("success:bool {REPO} {}", below("repos+.buckets+.bucket", BUCKET));
    calls.make("getStorageRepos", "GET /repo", client.get("/repo?"), &listed).await?;
    let call = client.get(&format!("/repo?repoId={repo}"));
    calls.make("getStorageRepo", "GET /repo?repoId=…", call, &listed).await?;
    let absent = client.get("/repo?repoId=00000000-0000-7000-8000-000000000001");
    let none = absent.send().await?.json_with_status(200)?;
    assert_eq!(none, json!({ "success": true, "repos": [] }), "an unknown id gives an empty list");
    let path = format!("/repo/{repo}");
    let proposal = json!({ "repoId": repo, "mode": "NORMAL", "repoBuckets": place });
    let call = client.post(&format!("{path}/validate"), &proposal);
    calls.make("validateUpdateRepoUnits", "POST /repo/{repoId}/validate", call, "success:bool").await?;
    let call = client.put(&path, &fields);
    calls.make("updateStorageRepo", "PUT /repo/{repoId}", call, stored).await?;
    Ok(path)
}

async fn repository_keys(calls: &mut ClientCalls, client: &Person, path: &str) -> Result<()> {
    let repo = path.trim_start_matches("/repo/");
    let keys = format!("{path}/apikey");
    let call = client.post(&keys, &json!({ "repoId": repo, "name": "laptop", "accessType": "WRITE" }));
    let pair = "success:bool id:text key:text secret:text";
    let key = calls.make("createRepoKey", "POST /repo/{repoId}/apikey", call, pair).await?;
    let listed = "success:bool keys+.id:text keys+.name:text keys+.accessType:text keys+.key:text \
                  keys+.createdAt:time";
    calls.make("getRepoKeys", "GET /repo/{repoId}/apikey", client.get(&keys), listed).await?;
    let at = format!("{keys}/{}", text(&key["id"]));
    let route = "/repo/{repoId}/apikey/{apikeyId}";
    let call = client.put(&at, &json!({ "name": "laptop", "accessType": "READ" }));
    calls.make("updateRepoKey", &format!("PUT {route}"), call, "success:bool").await?;
    calls.make("deleteRepoKey", &format!("DELETE {route}"), client.delete(&at), "success:bool").await?;
    Ok(())
}

fn now() -> String {
    let now = std::time::SystemTime::now();
    jiff::Timestamp::try_from(now).map(|now| format!("{now:.3}")).unwrap_or_default()
}

async fn statistics(calls: &mut ClientCalls, client: &Person, bucket: &str, repo: &str) -> Result<()> {
    let data = "success:bool data+.timestamp:number data+.repoId:text data+.bucketId:text data+.unitId:text \
                data+.upl_bytes:digits data+.dwl_bytes:digits data+.size_change:digits data+.latency_ms:number \
                data+.host:text";
    let some = |response: &Value| !list(&response["data"]).is_empty();
    for (name, path) in [("getMinuteStats", "/stats/minute"), ("getDailyStats", "/stats/daily")] {
        let asked = format!("{path}?repoId={repo}&bucketId={bucket}&hosts=embedded");
        let look = async || client.get(&asked).send().await?.json_with_status(200);
        eventually("traffic being reported", SOON, look, some).await?;
        calls.make(name, &format!("GET {path}"), client.get(&asked), data).await?;
    }
    let minute = "success:bool data+.nodeId:text data+.bucketId:text data+.unitId:text data+.nodeStatus:text \
                  data+.lastUpdated:time data+.latency_ms:number";
    let asked = format!("/stats/nodes/minute?bucketId={bucket}");
    let look = async || client.get(&asked).send().await?.json_with_status(200);
    eventually("the node having probed the bucket", SOON, look, some).await?;
    calls.make("getNodeStatsMinute", "GET /stats/nodes/minute", client.get(&asked), minute).await?;
    let daily = "success:bool data+.nodeId:text data+.bucketId:text data+.unitId:text data+.day:number \
                 data+.online:number data+.latency_ms:number data+.endpoint:text data+.region:text \
                 data+.storageType:text data+.provider:text data+.status:text data+.version:text";
    // The client sends dates as numbers, so without the leading zero on the first nine days of a month.
    let asked = format!("/stats/nodes/daily?unitId={bucket}&startDate={}&endDate=1012099", days_ago(300));
    let refused = client.get(&asked).send().await?.json_with_status(400)?;
    assert_eq!(refused["fields"][0]["field"], "startDate", "the range is too long: {refused}");
    let asked =
        format!("/stats/nodes/daily?unitId={bucket}&startDate={}&endDate={}", days_ago(1), days_ago(0));
    calls.make("getNodeStatsDaily", "GET /stats/nodes/daily", client.get(&asked), daily).await?;
    let totals = "totalUploadBytes:digits totalDownloadBytes:digits totalSizeChange:digits";
    let repos = format!("success:bool stats+.repoId:text {}", below("stats+", totals));
    let call = client.get(&format!("/repo/stats?repoId={repo}"));
    calls.make("getRepoStats", "GET /repo/stats", call, &repos).await?;
    for (name, path, id) in
        [("getBucketStats", "/bucket/stats", "bucketId"), ("getUnitStats", "/unit/stats", "unitId")]
    {
        let shape =
            format!("success:bool stats+.{id}:text stats+.totalCount:digits {}", below("stats+", totals));
        for asked in [path.to_owned(), format!("{path}?{id}={bucket}")] {
            calls.make(name, &format!("GET {path}"), client.get(&asked), &shape).await?;
        }
    }
    let nodes = "success:bool total:number data+.ip:text data+.region:text data+.version:text data+.status:text \
                 data+.lastUpdated:time data+.url:text";
    for services in ["0", "1", "undefined"] {
        let call = client.get(&format!("/node?nodeServices={services}"));
        calls.make("getNodeInfo", "GET /node", call, nodes).await?;
    }
    Ok(())
}

/// A UTC day as the client's users write it: day, month and year in one number.
fn days_ago(days: i64) -> String {
    let now = jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap_or_default();
    let day = now - jiff::SignedDuration::from_hours(24 * days);
    day.strftime("%d%m%Y").to_string().trim_start_matches('0').to_owned()
}

/// Deletes everything and ends the session.
async fn endings(
    calls: &mut ClientCalls,
    server: &Server,
    client: &Person,
    (bucket, repo): (&str, &str),
) -> Result<()> {
    let call = client.delete(&format!("/repo/{repo}"));
    calls.make("deleteStorageRepo", "DELETE /repo/{repoId}", call, "success:bool").await?;
    let call = client.delete(&format!("/bucket/{bucket}"));
    calls.make("deleteStorageBucket", "DELETE /bucket/{bucketId}", call, "success:bool").await?;
    let response =
        client.get(&format!("/bucket/stats?bucketId={bucket}")).send().await?.json_with_status(200)?;
    assert_ne!(response["stats"][0]["totalCount"], "0", "the totals outlive the bucket: {response}");
    let users = client.get("/organization/users").send().await?.json_with_status(200)?;
    let ada = list(&users["data"]).iter().find(|user| user["email"] == "ada@example.com");
    let id = ada.map(|user| text(&user["id"])).unwrap_or_default();
    let call = client.delete(&format!("/organization/users/{id}"));
    let route = "DELETE /organization/users/{userId}";
    calls.make("deleteOrganizationUser", route, call, "success:bool message:text").await?;
    let second = server.log_in().await?;
    let second = Person::new(server, &second);
    let tokens = second.get("/token").send().await?.json_with_status(200)?;
    let current = list(&tokens["tokens"]).iter().find(|token| token["current"] == true);
    let path = format!("/token/{}", current.map(|token| text(&token["id"])).unwrap_or_default());
    calls.make("revokeToken", "DELETE /token/{tokenId}", second.delete(&path), "success:bool").await?;
    let login = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });
    let session = server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    let out = server.post("/user/logout").json(&json!({ "refresh_token": session["refreshToken"] }));
    calls.make("userLogout", "POST /user/logout", out, "success:bool").await?;
    Ok(())
}
