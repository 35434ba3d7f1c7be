//! Snapshots as clients of the earlier server make, list, restore and delete them.

use super::{Earlier, Message, code, host};
use crate::support::Cluster;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_made_listed_restored_and_deleted_by_the_numbers_of_their_fields() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let first = client.added(host("10.0.0.7", "nas.lan")).await;
    let named = Message::new().text(1, "before").text(2, "cron");
    let made = client.call("CreateSnapshot", named).await.unwrap();
    assert_eq!(made.known(), [1, 2, 3]);
    let id = made.text(1).unwrap();
    assert_eq!(made.number(3), 1);
    assert!(made.message(2).unwrap().number(1) > 0, "seconds");
    client.added(host("10.0.0.8", "tv.lan")).await;
    let other = client.call("CreateSnapshot", Message::new()).await;
    let other = other.unwrap().text(1).unwrap();

    let listed = client.all("ListSnapshots", vec![Message::new()]).await;
    let snapshots: Vec<_> = listed.iter().map(|one| one.message(1).unwrap()).collect();
    let ids: Vec<_> = snapshots.iter().map(|one| one.text(1).unwrap()).collect();
    assert_eq!(ids, [&*other, &*id], "the newest first");
    assert_eq!(snapshots[1].known(), [1, 2, 3, 4, 5]);
    let told = (snapshots[1].text(4), snapshots[1].text(5));
    assert_eq!(told, (Some("cron".to_owned()), Some("before".to_owned())));
    assert_eq!(snapshots[1].message(2), made.message(2));
    assert_eq!(snapshots[0].text(4).as_deref(), Some("manual"));
    assert_eq!(snapshots[0].text(5), None);
    let page = Message::new().number(1, 1).number(2, 1);
    let page = client.all("ListSnapshots", vec![page]).await;
    assert_eq!(page, listed[1..]);

    let to = |id: &str| Message::new().text(1, id).and_unknown();
    let back = client.call("RollbackToSnapshot", to(&id)).await.unwrap();
    assert_eq!(back.known(), [1, 2, 3]);
    assert_eq!((back.number(1), back.number(3)), (1, 1));
    let backup = back.text(2).unwrap();
    assert_eq!(client.hosts().await, ["10.0.0.7 nas.lan"]);
    let again = client
        .call("GetHost", Message::new().text(1, &first.text(1).unwrap()))
        .await;
    let again = again.unwrap().message(1).unwrap();
    assert_eq!(again, first, "what was the same is not touched");
    client
        .call("RollbackToSnapshot", to(&backup))
        .await
        .unwrap();
    assert_eq!(client.hosts().await.len(), 2);

    let gone = client.call("DeleteSnapshot", to(&id)).await.unwrap();
    assert_eq!((gone.known(), gone.number(1)), (vec![1], 1));
    for method in ["DeleteSnapshot", "RollbackToSnapshot"] {
        code(method, client.call(method, to(&id)).await, Code::NotFound);
        let answer = client.call(method, to("nas")).await;
        code(method, answer, Code::InvalidArgument);
    }
    cluster.end().await;
}
