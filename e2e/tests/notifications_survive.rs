//! The server is killed between an outage, the message about it, its sending and its acknowledgement. The receiver gets
//! every message, and one that it gets twice has the same id and content.

use std::collections::BTreeMap;
use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, Receiver, Reception, Result, SeaweedFs, Server, embedded_options,
    eventually, list, needs_one_control_plane, new_database, options, s3_bucket, text,
};
use serde_json::{Value, json};

/// Longer than a lease, after which a message that wasn't acknowledged is sent again.
const SOON: Duration = Duration::from_mins(2);
const KEY: &str = "the key of the test's webhook";

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The bucket has changed, and no message need exist yet.
    NoMessage,
    /// The message is stored, and its receiver doesn't accept it yet.
    NotSent,
    /// The receiver has the message, and hasn't answered.
    NotAnswered,
}

const MOMENTS: [Moment; 3] = [Moment::NoMessage, Moment::NotSent, Moment::NotAnswered];

async fn log(owner: &Person, channel: &str) -> Result<Vec<Value>> {
    let path = format!("/notification/channel/{channel}/deliveries?limit=1000");
    Ok(list(&owner.get(&path).send().await?.json_with_status(200)?["deliveries"]).to_vec())
}

/// How often each event id arrived, whether or not it was accepted, by the kind of message.
fn arrivals(receiver: &Receiver) -> BTreeMap<String, Vec<Value>> {
    let mut arrivals: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in receiver.received() {
        assert!(event.is_signed, "{event:?}");
        arrivals.entry(event.event_id).or_default().push(event.body);
    }
    arrivals
}

fn accepted_of_kind(receiver: &Receiver, kind: &str) -> usize {
    receiver.accepted().values().filter(|bodies| bodies[0]["kind"] == kind).count()
}

/// Kills the server at a moment after the bucket has begun to change, and starts it again.
async fn kill(
    server: &mut Server,
    owner: &Person,
    receiver: &Receiver,
    channel: &str,
    moment: Moment,
) -> Result<()> {
    let known = log(owner, channel).await?.len();
    let arrived = receiver.received().len();
    match moment {
        Moment::NoMessage => {}
        Moment::NotSent => {
            receiver.set(Reception::Fail(503));
            let look = async || Ok(log(owner, channel).await?.len());
            eventually("a message being stored", SOON, look, |count| *count > known).await?;
        }
        Moment::NotAnswered => {
            receiver.set(Reception::Stall(Duration::from_secs(20)));
            let look = async || Ok(receiver.received().len());
            eventually("a message arriving", SOON, look, |count| *count > arrived).await?;
        }
    }
    server.kill_hard().await?;
    receiver.set(Reception::Accept);
    server.restart().await
}

async fn messages_survive_kills(options: Options) -> Result<()> {
    let (mut store, receiver) = (SeaweedFs::start().await?, Receiver::start(KEY).await?);
    let options = options
        .env("BUCKETRY_PROBE_INTERVAL", "1")
        .env("BUCKETRY_FINDING_DELAY", "0")
        .env("BUCKETRY_NOTIFICATION_WINDOW", "1");
    let mut server = Server::start(options).await?;
    let mut owner = server.owner().await?;
    let channel = json!({
        "name": "Pager", "kind": "WEBHOOK", "url": receiver.url(), "secret": KEY,
        "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    let made = owner.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let channel = text(&made["channel"]["id"]).to_owned();
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    for (outage, moment) in MOMENTS.into_iter().enumerate() {
        for (status, kind) in [("OFFLINE", "ALERTING"), ("ONLINE", "RESOLVED")] {
            if status == "OFFLINE" {
                store.stop().await?;
            } else {
                store.start_again().await?;
            }
            eventually(status, SOON, async || owner.status_of(&id).await, |seen| seen == status).await?;
            kill(&mut server, &owner, &receiver, &channel, moment).await?;
            owner = owner.again_at(&server);
            let count = async || Ok(accepted_of_kind(&receiver, kind));
            let what = format!("message {kind} of outage {outage}, killed {moment:?}");
            eventually(&what, SOON, count, |count| *count == outage + 1).await?;
        }
    }

    let waits = |one: &Value| one["state"] == "PENDING";
    let stored = eventually(
        "all being acknowledged",
        SOON,
        async || log(&owner, &channel).await,
        |log| !log.iter().any(waits),
    )
    .await?;
    let arrivals = arrivals(&receiver);
    for one in &stored {
        assert_eq!(one["state"], "DELIVERED", "{one}");
        assert!(arrivals.contains_key(text(&one["id"])), "{one} never arrived");
    }
    assert_eq!(stored.len(), arrivals.len(), "{stored:?}");
    assert_eq!(stored.len(), 2 * MOMENTS.len(), "{stored:?}");
    for bodies in arrivals.values() {
        assert!(bodies.iter().all(|body| *body == bodies[0]), "one id, several messages: {bodies:?}");
    }
    assert!(arrivals.values().any(|bodies| bodies.len() > 1), "nothing was repeated, which proves nothing");
    Ok(())
}

#[tokio::test]
async fn every_message_arrives_whenever_the_server_is_killed() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    messages_survive_kills(embedded_options()?).await
}

#[tokio::test]
async fn every_message_from_postgres_arrives_whenever_the_server_is_killed() -> Result<()> {
    let database = new_database().await?;
    messages_survive_kills(options()?.env("BUCKETRY_DATABASE_URL", &database)).await
}
