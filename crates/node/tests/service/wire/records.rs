//! One host at a time: added, looked up, changed, deleted, and refused.

use super::{Earlier, Fields, Message, code, host};
use crate::support::Cluster;
use tonic::Code;

const NOBODY: &str = "01JD8Q0000000000000000000A";

/// A message whose only field is the id.
fn by_id(id: &str) -> Message {
    Message::new().text(1, id)
}

async fn updated(client: &Earlier, message: Message) -> Fields {
    let answer = client.call("UpdateHost", message).await.unwrap();
    assert_eq!(answer.known(), [1]);
    answer.message(1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_lives_and_ends_by_the_numbers_of_the_format() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let nas = host("10.0.0.7", "NAS.lan")
        .text(3, "in the attic")
        .text(4, "storage")
        .text(4, "home")
        .text(5, "files.lan")
        .text(5, "Backup.lan");
    let first = client.added(nas).await;
    assert_eq!(first.known(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let id = first.text(1).unwrap();
    assert_eq!(id.len(), 26, "a ULID");
    assert_eq!(first.text(2).as_deref(), Some("10.0.0.7"));
    assert_eq!(first.text(3).as_deref(), Some("nas.lan"));
    assert_eq!(first.text(4).as_deref(), Some("in the attic"));
    assert_eq!(first.texts(5), ["home", "storage"]);
    assert_eq!(first.texts(9), ["files.lan", "backup.lan"], "as given");
    let created = first.message(6).unwrap();
    assert!(created.number(1) > 1_700_000_000, "seconds since 1970");
    assert!(
        (0..1_000_000_000).contains(&created.number(2)),
        "nanoseconds"
    );
    assert_eq!(first.message(7), Some(created.clone()));
    let version = first.text(8).unwrap();

    let answer = client.call("GetHost", by_id(&id)).await.unwrap();
    assert_eq!(answer.known(), [1]);
    assert_eq!(answer.message(1), Some(first.clone()));

    // Absent wrappers and fields keep; what is reserved is passed over.
    let message = by_id(&id).text(2, "fd00:0::7").text(5, "reserved");
    let second = updated(&client, message).await;
    assert_eq!(second.text(2).as_deref(), Some("fd00::7"));
    for (field, name) in [(3, "hostname"), (4, "comment"), (5, "tags"), (9, "aliases")] {
        assert_eq!(second.texts(field), first.texts(field), "{name}");
    }
    assert_eq!(second.message(6), Some(created), "created once");
    assert_ne!(
        second.text(8),
        Some(version.clone()),
        "a version of its own"
    );

    // An empty wrapper clears, each its own list; so does an empty comment.
    let empty = Message::new();
    let third = updated(&client, by_id(&id).message(8, &empty)).await;
    assert_eq!((third.texts(5).len(), third.texts(9).len()), (0, 2), "tags");
    let third = updated(&client, by_id(&id).message(7, &empty)).await;
    assert_eq!(third.texts(9).len(), 0, "aliases");
    assert_eq!(third.text(4).as_deref(), Some("in the attic"));
    let third = updated(&client, by_id(&id).text(4, "")).await;
    assert_eq!(third.known(), [1, 2, 3, 6, 7, 8], "the comment is gone");

    // What stands in the wrappers is what there is afterwards.
    let message = by_id(&id)
        .text(3, "tv.lan")
        .text(4, "in the cellar")
        .message(7, &Message::new().text(1, "b.lan").text(1, "a.lan"))
        .message(8, &Message::new().text(1, "lab"));
    let fourth = updated(&client, message).await;
    assert_eq!(fourth.text(3).as_deref(), Some("tv.lan"));
    assert_eq!(fourth.texts(9), ["b.lan", "a.lan"]);
    assert_eq!(fourth.texts(5), ["lab"]);

    // A version is compared; without one a change is unconditional.
    for stale in [version.as_str(), "", "no version of ours"] {
        let change = by_id(&id).text(4, "new").text(6, stale);
        code(
            "update",
            client.call("UpdateHost", change).await,
            Code::Aborted,
        );
        let delete = by_id(&id).text(2, stale);
        code(
            "delete",
            client.call("DeleteHost", delete).await,
            Code::Aborted,
        );
    }
    let current = fourth.text(8).unwrap();
    let fifth = updated(&client, by_id(&id).text(4, "new").text(6, &current)).await;
    let sixth = updated(&client, by_id(&id).text(4, "newer")).await;
    assert_ne!(fifth.text(8), sixth.text(8));
    let answer = client.call("DeleteHost", by_id(&id)).await.unwrap();
    assert_eq!((answer.known(), answer.number(1)), (vec![1], 1));
    code(
        "get",
        client.call("GetHost", by_id(&id)).await,
        Code::NotFound,
    );

    let printer = client.added(host("10.0.0.8", "printer.lan")).await;
    assert_eq!(
        printer.known(),
        [1, 2, 3, 6, 7, 8],
        "what is not said is not there"
    );
    let [id, version] = [1, 8].map(|field| printer.text(field).unwrap());
    let delete = by_id(&id).text(2, &version);
    let answer = client.call("DeleteHost", delete).await.unwrap();
    assert_eq!(answer.number(1), 1);
    assert_eq!(client.hosts().await, [""; 0]);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_refusal_has_the_code_that_clients_act_upon() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let id = client
        .added(host("10.0.0.7", "nas.lan"))
        .await
        .text(1)
        .unwrap();
    client.added(host("10.0.0.8", "tv.lan")).await;
    let before = client.hosts().await;
    let long = "x".repeat(2 << 20);
    for (row, method, message, expected) in [
        (
            "no fields",
            "AddHost",
            Message::new(),
            Code::InvalidArgument,
        ),
        (
            "no address",
            "AddHost",
            host("", "a.lan"),
            Code::InvalidArgument,
        ),
        (
            "no name",
            "AddHost",
            host("10.0.0.9", ""),
            Code::InvalidArgument,
        ),
        (
            "a wrong address",
            "AddHost",
            host("10.0.0", "a.lan"),
            Code::InvalidArgument,
        ),
        (
            "a wrong name",
            "AddHost",
            host("10.0.0.9", "a b"),
            Code::InvalidArgument,
        ),
        (
            "a wrong comment",
            "AddHost",
            host("10.0.0.9", "a.lan").text(3, "two\nlines"),
            Code::InvalidArgument,
        ),
        (
            "a wrong tag",
            "AddHost",
            host("10.0.0.9", "a.lan").text(4, "a b"),
            Code::InvalidArgument,
        ),
        (
            "a wrong alias",
            "AddHost",
            host("10.0.0.9", "a.lan").text(5, "-"),
            Code::InvalidArgument,
        ),
        (
            "twice",
            "AddHost",
            host("10.0.0.7", "nas.lan"),
            Code::AlreadyExists,
        ),
        (
            "in another spelling",
            "AddHost",
            host("10.0.0.7", "NAS.lan."),
            Code::AlreadyExists,
        ),
        (
            "as an alias",
            "AddHost",
            host("10.0.0.7", "a.lan").text(5, "nas.lan"),
            Code::AlreadyExists,
        ),
        (
            "too large",
            "AddHost",
            host("10.0.0.9", "a.lan").text(3, &long),
            Code::ResourceExhausted,
        ),
        ("no id", "GetHost", Message::new(), Code::InvalidArgument),
        (
            "a wrong id",
            "GetHost",
            by_id("nas.lan"),
            Code::InvalidArgument,
        ),
        ("an unknown id", "GetHost", by_id(NOBODY), Code::NotFound),
        ("no id", "UpdateHost", Message::new(), Code::InvalidArgument),
        (
            "an unknown id",
            "UpdateHost",
            by_id(NOBODY).text(4, "x"),
            Code::NotFound,
        ),
        (
            "a wrong address",
            "UpdateHost",
            by_id(&id).text(2, "x"),
            Code::InvalidArgument,
        ),
        (
            "onto another",
            "UpdateHost",
            by_id(&id).text(2, "10.0.0.8").text(3, "tv.lan"),
            Code::AlreadyExists,
        ),
        (
            "an old version",
            "UpdateHost",
            by_id(&id).text(4, "x").text(6, "1"),
            Code::Aborted,
        ),
        ("no id", "DeleteHost", Message::new(), Code::InvalidArgument),
        ("an unknown id", "DeleteHost", by_id(NOBODY), Code::NotFound),
        (
            "an old version",
            "DeleteHost",
            by_id(&id).text(2, "1"),
            Code::Aborted,
        ),
        (
            "there is none",
            "RenameHost",
            Message::new(),
            Code::Unimplemented,
        ),
    ] {
        let row = format!("{method}, {row}");
        match client.call(method, message).await {
            Err(status) if expected == Code::Unimplemented => {
                assert_eq!(status.code(), expected, "{row}");
            }
            answer => code(&row, answer, expected),
        }
    }
    assert_eq!(
        client.hosts().await,
        before,
        "what is refused changes nothing"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_a_newer_client_are_passed_over() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let nas = host("10.0.0.7", "nas.lan")
        .text(5, "files.lan")
        .and_unknown();
    let id = client.added(nas).await.text(1).unwrap();
    let get = client.call("GetHost", by_id(&id).and_unknown()).await;
    assert_eq!(
        get.unwrap().message(1).unwrap().text(3).as_deref(),
        Some("nas.lan")
    );
    let aliases = Message::new().and_unknown();
    let entry = updated(&client, by_id(&id).message(7, &aliases).and_unknown()).await;
    assert_eq!(
        entry.texts(9),
        [""; 0],
        "an empty list, whatever else is in it"
    );
    for method in ["ListHosts", "SearchHosts", "ExportHosts"] {
        let answers = client.all(method, vec![Message::new().and_unknown()]).await;
        assert_eq!(answers.len(), 1, "{method}");
    }
    let chunk = Message::new().text(1, "10.0.0.8 tv.lan\n").flag(2, true);
    let answers = client.all("ImportHosts", vec![chunk.and_unknown()]).await;
    assert_eq!(answers[0].number(2), 1);
    for method in ["Liveness", "Readiness", "Health"] {
        let answer = client.call(method, Message::new().and_unknown()).await;
        assert_eq!(answer.unwrap().number(1), 1, "{method}");
    }
    let delete = client.call("DeleteHost", by_id(&id).and_unknown()).await;
    assert_eq!(delete.unwrap().number(1), 1);
    assert_eq!(client.hosts().await, ["10.0.0.8 tv.lan"]);
    cluster.end().await;
}
