//! Who may do what: every kind of user, with every bucket call, in their own and in another workspace, and in their
//! own and in another organization.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, Result, Server, control_planes, each, eventually, list, options, s3_bucket,
    shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);
const PASSWORD: &str = "Correct-Horse-2";
/// The password of users until they change it.
const ONE_TIME: &str = "First-Horse-1";

fn open_to_all() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_REGISTRATION", "on"))
}

/// A server with two workspaces of one organization and a bucket in each.
struct TestContext {
    server: Server,
    owner: Person,
    /// The workspace and bucket of the users below.
    own: WorkspaceFixture,
    /// A workspace and bucket of which they are no members.
    other: WorkspaceFixture,
}

struct WorkspaceFixture {
    workspace: String,
    bucket: String,
}

impl TestContext {
    async fn new() -> Result<Self> {
        let server = Server::start(open_to_all()?).await?;
        let owner = server.owner().await?;
        let own = fixture(&owner, owner.workspace().await?, "own").await?;
        let made =
            owner.post("/workspace", &json!({ "name": "Other" })).send().await?.json_with_status(201)?;
        let other = fixture(&owner, text(&made["workspace"]["id"]).to_owned(), "other").await?;
        Ok(Self { server, owner, own, other })
    }

    /// A user with an organization role and a role in the workspace `own`.
    async fn user(&self, name: &str, org_role: u8, role: Option<&str>) -> Result<(String, Person)> {
        let email = format!("{name}@example.com");
        let body = json!({
            "email": email, "password": ONE_TIME, "firstName": name, "lastName": "Someone", "orgRole": org_role,
        });
        let made = self.owner.post("/organization/users", &body).send().await?.json_with_status(201)?;
        let id = text(&made["data"]["id"]).to_owned();
        if let Some(role) = role {
            let path = format!("/workspace/{}/users", self.own.workspace);
            self.owner
                .post(&path, &json!({ "userId": id, "role": role }))
                .send()
                .await?
                .json_with_status(200)?;
        }
        let person = Person::new(&self.server, &self.server.log_in_as(&email, ONE_TIME).await?);
        let chosen = json!({ "password": PASSWORD });
        person.put(&format!("/user/{id}"), &chosen).send().await?.json_with_status(200)?;
        Ok((id, person))
    }

    /// The owner of another organization.
    async fn stranger(&self) -> Result<Person> {
        let body = json!({
            "email": "stranger@elsewhere.example", "password": PASSWORD, "firstName": "S", "lastName": "T",
            "companyName": "Elsewhere", "isBusiness": true,
        });
        let response = self.server.post("/user/register").json(&body).send().await?.json_with_status(201)?;
        Ok(Person::new(&self.server, text(&response["accessToken"])))
    }
}

async fn fixture(owner: &Person, workspace: String, name: &str) -> Result<WorkspaceFixture> {
    let body = s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &workspace);
    let bucket = owner.register(&with(&body, &json!({ "skipValidation": true }))).await?;
    Ok(WorkspaceFixture { workspace, bucket })
}

/// The statuses that a user gets for each call in a workspace, in this order: the list, the available buckets, the
/// totals of the bucket, its status, its day, a validation, a rename, and the creation of a bucket.
async fn walk(person: &Person, at: &WorkspaceFixture) -> Result<[u16; 8]> {
    let WorkspaceFixture { workspace, bucket } = at;
    let path = format!("/bucket/{bucket}");
    let own = format!("made through {}", &person.token()[person.token().len() - 8..]);
    let new = s3_bucket(&own, OPEN_BUCKET, &shared_s3_endpoint()?, workspace);
    let calls = [
        person.get(&format!("/bucket?workspaceId={workspace}")),
        person.get(&format!("/bucket/available?workspaceId={workspace}")),
        person.get(&format!("/bucket/stats?bucketId={bucket}")),
        person.get(&format!("{path}/status")),
        person.post(&format!("{path}/stats"), &json!({ "day": "2026-01-31" })),
        person.post(&format!("{path}/validate"), &json!({ "checks": "read-only" })),
        person.put(&path, &json!({})),
        person.post("/bucket", &with(&new, &json!({ "skipValidation": true }))),
    ];
    let mut statuses = [0; 8];
    for (status, call) in statuses.iter_mut().zip(calls) {
        let answer = call.send().await?;
        *status = answer.status;
        if answer.status >= 400 {
            let response = answer.json()?;
            assert!(response["success"] == false && text(&response["message"]).contains(' '), "{response}");
            assert!(
                !answer.text().contains("Other"),
                "the response reveals nothing about the bucket: {response}"
            );
        }
        if let Some(made) =
            answer.json()?["bucketId"].as_str().filter(|id| *id != bucket && answer.status == 200)
        {
            // Users who may create may also delete.
            person.delete(&format!("/bucket/{made}")).send().await?.json_with_status(200)?;
        }
    }
    let deleting = person.delete(&path);
    let may_write = statuses[6] == 200;
    if !may_write {
        let refused = deleting.send().await?.status;
        assert_eq!(refused, statuses[6], "users who may not change a bucket may not delete it");
    }
    Ok(statuses)
}

const ALL: [u16; 8] = [200; 8];
const READING: [u16; 8] = [200, 200, 200, 200, 200, 403, 403, 403];
const NOTHING: [u16; 8] = [403; 8];
/// Totals omit buckets that don't exist, so that call succeeds.
const NOT_THERE: [u16; 8] = [404, 404, 200, 404, 404, 404, 404, 404];

#[tokio::test]
async fn every_role_meets_every_bucket_call_in_its_own_and_in_another_workspace() -> Result<()> {
    let context = TestContext::new().await?;
    let rows = [
        ("administrator", 254, None, ALL, ALL, 2),
        ("manager", 2, None, NOTHING, NOTHING, 0),
        ("billing", 1, None, NOTHING, NOTHING, 0),
        ("nobody", 0, None, NOTHING, NOTHING, 0),
        ("reader", 0, Some("READ"), READING, NOTHING, 1),
        ("writer", 0, Some("WRITE"), ALL, NOTHING, 1),
        ("keeper", 0, Some("ADMIN"), ALL, NOTHING, 1),
        ("reading-manager", 2, Some("READ"), READING, NOTHING, 1),
    ];
    assert_eq!(walk(&context.owner, &context.own).await?, ALL, "owner");
    assert_eq!(walk(&context.owner, &context.other).await?, ALL, "owner");
    for (name, org_role, role, in_own, in_other, sees) in rows {
        let (_, person) = context.user(name, org_role, role).await?;
        assert_eq!(walk(&person, &context.own).await?, in_own, "{name} in the own workspace");
        assert_eq!(walk(&person, &context.other).await?, in_other, "{name} in the other workspace");
        assert_eq!(person.buckets().await?.len(), sees, "{name}'s list");
        let totals = person.get("/unit/stats").send().await?.json_with_status(200)?;
        assert_eq!(list(&totals["stats"]).len(), sees, "{name}'s totals");
        let available = person.get("/bucket/available").send().await?.json_with_status(200)?;
        assert_eq!(list(&available).len(), sees, "{name}'s available buckets");
        let rotation = person.call(Method::POST, "/vault/rotation").send().await?;
        assert_eq!(rotation.status, 403, "{name} may not rotate the vault's keys");
    }

    let stranger = context.stranger().await?;
    for fixture in [&context.own, &context.other] {
        assert_eq!(walk(&stranger, fixture).await?, NOT_THERE, "other organizations are invisible");
    }
    assert_eq!(stranger.buckets().await?.len(), 0);
    assert_eq!(stranger.call(Method::POST, "/vault/rotation").send().await?.status, 403);
    // Names are unique per organization, and the same provider bucket may be registered in both.
    let theirs = fixture(&stranger, stranger.workspace().await?, "own").await?;
    assert_eq!(walk(&context.owner, &theirs).await?, NOT_THERE);
    Ok(())
}

#[tokio::test]
async fn a_move_needs_write_in_both_workspaces() -> Result<()> {
    let context = TestContext::new().await?;
    let (id, writer) = context.user("writer", 0, Some("WRITE")).await?;
    let path = format!("/bucket/{}", context.own.bucket);
    let there = json!({ "workspaceId": context.other.workspace });
    writer.put(&path, &there).send().await?.json_with_status(403)?;
    let members = format!("/workspace/{}/users", context.other.workspace);
    let member = json!({ "userId": id, "role": "WRITE" });
    context.owner.post(&members, &member).send().await?.json_with_status(200)?;
    writer.put(&path, &there).send().await?.json_with_status(200)?;
    assert_eq!(writer.bucket(&context.own.bucket).await?["workspaceId"], there["workspaceId"]);

    let stranger = context.stranger().await?;
    let theirs = json!({ "workspaceId": stranger.workspace().await? });
    context.owner.put(&path, &theirs).send().await?.json_with_status(404)?;
    Ok(())
}

#[tokio::test]
async fn what_is_taken_away_is_gone_at_once() -> Result<()> {
    let context = TestContext::new().await?;
    let (id, writer) = context.user("writer", 0, Some("WRITE")).await?;
    let status = format!("/bucket/{}/status", context.own.bucket);
    let member = format!("/workspace/{}/users/{id}", context.own.workspace);
    let rename = || writer.put(&format!("/bucket/{}", context.own.bucket), &json!({})).send();

    assert_eq!(rename().await?.status, 200);
    context.owner.put(&member, &json!({ "role": "READ" })).send().await?.json_with_status(200)?;
    assert_eq!((rename().await?.status, writer.get(&status).send().await?.status), (403, 200));
    context.owner.delete(&member).send().await?.json_with_status(200)?;
    assert_eq!(writer.get(&status).send().await?.status, 403);

    let made = writer.post("/token", &json!({ "name": "machine" })).send().await?.json_with_status(201)?;
    let machine = Person::new(&context.server, text(&made["token"]));
    assert_eq!(machine.get("/bucket").send().await?.status, 200);
    context.owner.delete(&format!("/organization/users/{id}")).send().await?.json_with_status(200)?;
    for person in [&writer, &machine] {
        let refused = person.get("/bucket").send().await?.json_with_status(401)?;
        assert_eq!(refused["error_code"], "UNAUTHENTICATED");
    }

    let login = json!({ "email": bucketry_e2e::OWNER_EMAIL, "password": bucketry_e2e::OWNER_PASSWORD });
    let session = context.server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    let second = Person::new(&context.server, text(&session["accessToken"]));
    assert_eq!(second.get("/bucket").send().await?.status, 200);
    let refresh_token = json!({ "refresh_token": session["refreshToken"] });
    context.server.post("/user/logout").json(&refresh_token).send().await?.json_with_status(200)?;
    assert_eq!(second.get("/bucket").send().await?.status, 401);
    assert_eq!(context.owner.get("/bucket").send().await?.status, 200, "other sessions continue");
    Ok(())
}

#[tokio::test]
async fn the_last_owner_and_the_last_admin_stay() -> Result<()> {
    let context = TestContext::new().await?;
    let owner = &context.owner;
    let me = owner.get("/user/profile").send().await?.json_with_status(200)?;
    let me = text(&me["data"]["id"]);
    let role = format!("/user/{me}/role");
    let response = owner.put(&role, &json!({ "orgRole": 254 })).send().await?.json_with_status(400)?;
    assert_eq!(response["error_code"], "LAST_OWNER");
    let response = owner.delete(&format!("/organization/users/{me}")).send().await?.json_with_status(400)?;
    assert_eq!(response["error_code"], "CANNOT_DELETE_SELF");

    let member = format!("/workspace/{}/users/{me}", context.own.workspace);
    for refused in [owner.delete(&member), owner.put(&member, &json!({ "role": "WRITE" }))] {
        let response = refused.send().await?.json_with_status(400)?;
        assert_eq!(response["error_code"], "LAST_ADMIN", "{response}");
    }
    let (keeper, _) = context.user("keeper", 0, Some("ADMIN")).await?;
    owner.delete(&member).send().await?.json_with_status(200)?;
    let response =
        owner.delete(&format!("/organization/users/{keeper}")).send().await?.json_with_status(400)?;
    assert_eq!(
        response["error_code"], "LAST_ADMIN",
        "removing the user would leave the workspace without one"
    );

    let (second, _) = context.user("second", 255, None).await?;
    owner.put(&role, &json!({ "orgRole": 254 })).send().await?.json_with_status(200)?;
    let response = owner.put(&format!("/user/{second}/role"), &json!({ "orgRole": 0 })).send().await?;
    response.json_with_status(403)?;
    Ok(())
}

#[tokio::test]
async fn nobody_grants_what_is_not_below_them() -> Result<()> {
    let context = TestContext::new().await?;
    let (_, administrator) = context.user("administrator", 254, None).await?;
    let (_, manager) = context.user("manager", 2, None).await?;
    let (plain, nobody) = context.user("nobody", 0, Some("WRITE")).await?;
    let role = format!("/user/{plain}/role");
    for (person, granted, status) in [
        (&nobody, 0, 403),
        (&manager, 2, 403),
        (&manager, 255, 403),
        (&manager, 1, 200),
        (&administrator, 254, 403),
        (&administrator, 2, 200),
        (&manager, 0, 403),
        (&context.owner, 255, 200),
        (&context.owner, 0, 200),
        (&context.owner, 7, 400),
    ] {
        let answer = person.put(&role, &json!({ "orgRole": granted })).send().await?;
        assert_eq!(answer.status, status, "granting {granted}: {}", answer.text());
    }
    for (person, status) in [(&nobody, 403), (&manager, 200), (&administrator, 200)] {
        assert_eq!(person.get("/organization/users").send().await?.status, status);
    }
    let new = json!({
        "email": "made@example.com", "password": PASSWORD, "firstName": "M", "lastName": "D", "orgRole": 254,
    });
    administrator.post("/organization/users", &new).send().await?.json_with_status(403)?;
    nobody.post("/workspace", &json!({ "name": "Mine" })).send().await?.json_with_status(403)?;
    let made = manager.post("/workspace", &json!({ "name": "Mine" })).send().await?.json_with_status(201)?;
    let path = format!("/workspace/{}", text(&made["workspace"]["id"]));
    manager.put(&path, &json!({ "name": "Ours" })).send().await?.json_with_status(200)?;
    nobody.put(&path, &json!({ "name": "Theirs" })).send().await?.json_with_status(403)?;
    manager.delete(&path).send().await?.json_with_status(200)?;
    let full = context.owner.delete(&format!("/workspace/{}", context.own.workspace)).send().await?;
    assert_eq!(full.json_with_status(400)?["error_code"], "WORKSPACE_NOT_EMPTY");
    let weak = with(&new, &json!({ "orgRole": 0, "password": "weak" }));
    let response = context.owner.post("/organization/users", &weak).send().await?.json_with_status(400)?;
    assert_eq!(each(&response["fields"], "field"), ["password"]);
    Ok(())
}

#[tokio::test]
async fn a_token_with_limits_can_do_no_more_than_they_say() -> Result<()> {
    let context = TestContext::new().await?;
    let limited = async |limits: Value| -> Result<Person> {
        let body = with(&json!({ "name": "machine" }), &limits);
        let made = context.owner.post("/token", &body).send().await?.json_with_status(201)?;
        Ok(Person::new(&context.server, text(&made["token"])))
    };
    let whole = limited(json!({})).await?;
    assert!(whole.token().starts_with("bkt_"), "secret scanners recognise this prefix");
    assert_eq!(walk(&whole, &context.other).await?, ALL);
    let own = json!(context.own.workspace);
    let reading = limited(json!({ "workspaceId": own, "role": "READ" })).await?;
    let writing = limited(json!({ "workspaceId": own, "role": "WRITE" })).await?;
    let reading_all = limited(json!({ "role": "READ" })).await?;
    assert_eq!(walk(&reading, &context.own).await?, READING);
    assert_eq!(walk(&reading, &context.other).await?, NOTHING);
    assert_eq!(walk(&writing, &context.own).await?, ALL);
    assert_eq!(walk(&writing, &context.other).await?, NOTHING);
    assert_eq!(walk(&reading_all, &context.other).await?, READING);
    assert_eq!((reading.buckets().await?.len(), reading_all.buckets().await?.len()), (1, 2));
    for call in [
        writing.post("/token", &json!({ "name": "more" })),
        writing.get("/organization/users"),
        writing.post("/workspace", &json!({ "name": "Mine" })),
    ] {
        assert_eq!(call.send().await?.status, 403, "a restricted token is for data only");
    }

    let tokens = context.owner.get("/token").send().await?.json_with_status(200)?;
    let kinds = each(&tokens["tokens"], "type");
    assert_eq!(kinds, ["API", "API", "API", "API", "SESSION"]);
    assert!(!tokens.to_string().contains("bkt_"), "tokens are shown only once");
    let id = text(&tokens["tokens"][0]["id"]);
    context.owner.delete(&format!("/token/{id}")).send().await?.json_with_status(200)?;
    let status = async || Ok(reading_all.get("/bucket").send().await?.status);
    if control_planes() == 1 {
        assert_eq!(status().await?, 401, "at once");
    }
    // Other processes are signalled.
    eventually("the token being refused", SOON, status, |status| *status == 401).await?;
    assert_eq!(reading.get("/bucket").send().await?.status, 200);
    let past = json!({ "name": "past", "expiresAt": "2020-01-01T00:00:00Z" });
    let response = context.owner.post("/token", &past).send().await?.json_with_status(400)?;
    assert_eq!(each(&response["fields"], "field"), ["expiresAt"]);
    Ok(())
}
