//! One client can't use up the capacity of others.

use bucketry_faults::Fault;
use bucketry_gateway::ProtectionSettings;
use bucketry_provider::driver::GetRequest;
use bucketry_provider::error::ErrorKind;

use crate::context::{READER, TestContext, WRITER, eventually};

#[tokio::test]
async fn a_key_with_all_that_it_may_have_in_flight_leaves_room_in_its_bucket_for_others() {
    let most = u64::from(ProtectionSettings::default().requests_per_key);
    let (context, proxy) = TestContext::start_behind_proxy("fairness", |_, _| {}).await;
    proxy.set(Fault::StallBeforeHeaders);
    let try_acquire = |key: &str| {
        let client = context.client_with(key);
        tokio::spawn(async move { client.get("k", &GetRequest::default()).await.map(drop) })
    };
    let of_one: Vec<_> = (0..most).map(|_| try_acquire(WRITER)).collect();
    let in_flight = |wanted| (context.gateway.stats().in_flight == wanted).then_some(());
    eventually("the key to reach its limit", || in_flight(most)).await;
    let refused = context.client_with(WRITER).get("k", &GetRequest::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::Throttled));
    let other = try_acquire(READER);
    eventually("another key to get a slot", || in_flight(most + 1)).await;
    for request in of_one.into_iter().chain([other]) {
        request.abort();
    }
}
