//! The records, as clients of the earlier server know them: what is kept,
//! cleared and refused, and what travels beside the answers.

use crate::support::{
    Cluster, EDITOR, Hosts, add, added, all, applied, chunks, export, import, list, listed,
    refused, revision, update, with_id,
};
use proto::{metadata::NODE, v1};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_absent_stays_and_what_is_empty_clears() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let request = v1::AddHostRequest {
        comment: Some("in the attic".into()),
        tags: vec!["home".into(), "storage".into()],
        aliases: vec!["Files.lan.".into(), "nas.lan".into()],
        ..add("10.0.0.7", "NAS.lan.")
    };
    let answer = client.add_host(request).await.unwrap();
    let first = answer.get_ref().entry.clone().unwrap();
    assert_eq!(answer.get_ref().id, first.id);
    assert_eq!(
        (&*first.hostname, &first.aliases[..]),
        ("nas.lan", &["files.lan".to_owned()][..])
    );
    assert_eq!(first.version, revision(answer.metadata()).to_string());
    assert_eq!(first.created_at, first.updated_at);

    let request = v1::UpdateHostRequest {
        ip_address: Some("fd00:0::7".into()),
        ..update(&first.id)
    };
    let answer = client.update_host(request).await.unwrap();
    let second = answer.get_ref().entry.clone().unwrap();
    let expected = v1::HostEntry {
        ip_address: "fd00::7".into(),
        version: revision(answer.metadata()).to_string(),
        updated_at: second.updated_at,
        ..first.clone()
    };
    assert_eq!(second, expected, "only the address changed");
    assert_ne!(second.version, first.version);

    let request = v1::UpdateHostRequest {
        comment: Some(String::new()),
        aliases: Some(v1::AliasesUpdate::default()),
        tags: Some(v1::TagsUpdate::default()),
        disabled: Some(true),
        ..update(&first.id)
    };
    let third = client
        .update_host(request)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap();
    let expected = v1::HostEntry {
        comment: None,
        aliases: Vec::new(),
        tags: Vec::new(),
        disabled: true,
        version: third.version.clone(),
        updated_at: third.updated_at,
        ..second
    };
    assert_eq!(third, expected, "comment, aliases and tags are cleared");
    assert_eq!(get(client, &first.id).await, third);
    assert_eq!(listed(client).await, [third]);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_with_its_reason_and_changes_nothing() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let nas = added(client, "10.0.0.7", "nas.lan").await;
    let printer = v1::AddHostRequest {
        aliases: vec!["laser.lan".into()],
        ..add("10.0.0.8", "printer.lan")
    };
    let printer = client
        .add_host(printer)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap();
    let disabled = v1::UpdateHostRequest {
        disabled: Some(true),
        ..update(&printer.id)
    };
    let printer = client
        .update_host(disabled)
        .await
        .unwrap()
        .into_inner()
        .entry
        .unwrap();
    let before = listed(client).await;

    for taken in [
        add("10.0.0.7", "nas.lan"),
        add("010.0.0.7".trim_start_matches('0'), "NAS.lan."),
        add("10.0.0.8", "printer.lan"),
        add("10.0.0.8", "laser.lan"),
        v1::AddHostRequest {
            aliases: vec!["laser.lan".into()],
            ..add("10.0.0.8", "plotter.lan")
        },
    ] {
        let words = ["belongs to host"];
        let answer = client.add_host(taken).await;
        refused(answer, Code::AlreadyExists, "DUPLICATE", &words);
    }
    let onto = v1::UpdateHostRequest {
        ip_address: Some("10.0.0.8".into()),
        hostname: Some("laser.lan".into()),
        ..update(&nas.id)
    };
    refused(
        client.update_host(onto).await,
        Code::AlreadyExists,
        "DUPLICATE",
        &["laser.lan"],
    );

    let nobody = "01JD8Q0000000000000000000A";
    let missing = (Code::NotFound, "NOT_FOUND", [nobody]);
    refused(
        client.get_host(by_id(nobody)).await,
        missing.0,
        missing.1,
        &missing.2,
    );
    refused(
        client.update_host(update(nobody)).await,
        missing.0,
        missing.1,
        &missing.2,
    );
    refused(
        client.delete_host(delete(nobody, None)).await,
        missing.0,
        missing.1,
        &missing.2,
    );

    for stale in ["1", "99999999", "", "not one of ours", &nas.version] {
        let request = v1::UpdateHostRequest {
            comment: Some("new".into()),
            expected_version: Some(stale.into()),
            ..update(&printer.id)
        };
        let given = format!("at version {}, not `{stale}`", printer.version);
        let words = [given.as_str()];
        refused(
            client.update_host(request).await,
            Code::Aborted,
            "VERSION_MISMATCH",
            &words,
        );
        let request = delete(&printer.id, Some(stale));
        refused(
            client.delete_host(request).await,
            Code::Aborted,
            "VERSION_MISMATCH",
            &words,
        );
    }
    assert_eq!(listed(client).await, before, "refused is untouched");

    let request = v1::UpdateHostRequest {
        comment: Some("new".into()),
        expected_version: Some(printer.version.clone()),
        ..update(&printer.id)
    };
    client.update_host(request).await.unwrap();
    client
        .delete_host(delete(&nas.id, Some(&nas.version)))
        .await
        .unwrap();
    client.delete_host(delete(&printer.id, None)).await.unwrap();
    assert_eq!(listed(client).await, []);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_field_is_named() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let good = || add("10.0.0.7", "nas.lan");
    let strings = |text: &str, n| vec![text.to_owned(); n];
    for (field, request) in [
        (
            "ip_address",
            v1::AddHostRequest {
                ip_address: "10.0.0.256".into(),
                ..good()
            },
        ),
        (
            "ip_address",
            v1::AddHostRequest {
                ip_address: "fe80::1%eth0".into(),
                ..good()
            },
        ),
        (
            "ip_address",
            v1::AddHostRequest {
                ip_address: String::new(),
                ..good()
            },
        ),
        (
            "hostname",
            v1::AddHostRequest {
                hostname: "a b".into(),
                ..good()
            },
        ),
        (
            "hostname",
            v1::AddHostRequest {
                hostname: "12345".into(),
                ..good()
            },
        ),
        (
            "hostname",
            v1::AddHostRequest {
                hostname: String::new(),
                ..good()
            },
        ),
        (
            "aliases[1]",
            v1::AddHostRequest {
                aliases: vec!["ok".into(), "-x".into()],
                ..good()
            },
        ),
        (
            "tags[0]",
            v1::AddHostRequest {
                tags: vec!["\u{7}".into()],
                ..good()
            },
        ),
        (
            "tags",
            v1::AddHostRequest {
                tags: (0..33).map(|n| format!("t{n}")).collect(),
                ..good()
            },
        ),
        (
            "comment",
            v1::AddHostRequest {
                comment: Some("two\nlines".into()),
                ..good()
            },
        ),
        (
            "comment",
            v1::AddHostRequest {
                comment: Some("x".repeat(1025)),
                ..good()
            },
        ),
        (
            "aliases",
            v1::AddHostRequest {
                aliases: (0..65).map(|n| format!("a{n}.lan")).collect(),
                ..good()
            },
        ),
        (
            "hostname",
            v1::AddHostRequest {
                hostname: strings("a", 254).concat(),
                ..good()
            },
        ),
    ] {
        let answer = client.add_host(request).await;
        refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &[field]);
    }
    let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT");
    refused(
        client.get_host(by_id("7")).await,
        invalid.0,
        invalid.1,
        &["id"],
    );
    let negative = v1::ListHostsRequest {
        limit: Some(-1),
        ..Default::default()
    };
    refused(
        client.list_hosts(negative).await,
        invalid.0,
        invalid.1,
        &["limit"],
    );
    let fresher = v1::ListHostsRequest {
        consistency: 9,
        ..Default::default()
    };
    refused(
        client.list_hosts(fresher).await,
        invalid.0,
        invalid.1,
        &["consistency"],
    );
    let format = v1::ExportHostsRequest {
        format: "yaml".into(),
        ..Default::default()
    };
    refused(
        client.export_hosts(format).await,
        invalid.0,
        invalid.1,
        &["format", "hosts, json, csv"],
    );
    let format = v1::ImportHostsRequest {
        format: Some("yaml".into()),
        ..Default::default()
    };
    refused(
        import(client, vec![format]).await,
        invalid.0,
        invalid.1,
        &["format", "hosts"],
    );
    let mode = chunks(b"10.0.0.1 a.lan\n", "gently");
    refused(
        import(client, mode).await,
        invalid.0,
        invalid.1,
        &["conflict_mode"],
    );
    for id in ["two words", &"x".repeat(129)] {
        let answer = client.add_host(with_id(good(), id)).await;
        refused(answer, invalid.0, invalid.1, &["request id"]);
    }
    assert_eq!(listed(client).await, []);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_in_one_order_and_cut_as_asked() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    assert_eq!(export(client).await, b"", "an export of nothing is empty");
    for (address, name) in [
        ("10.0.0.10", "b.lan"),
        ("10.0.0.2", "c.lan"),
        ("fd00::1", "a.lan"),
        ("10.0.0.2", "a.lan"),
    ] {
        added(client, address, name).await;
    }
    let names = |hosts: Vec<v1::HostEntry>| -> Vec<String> {
        let one = |host: v1::HostEntry| format!("{} {}", host.ip_address, host.hostname);
        hosts.into_iter().map(one).collect()
    };
    let whole = [
        "10.0.0.2 a.lan",
        "10.0.0.2 c.lan",
        "10.0.0.10 b.lan",
        "fd00::1 a.lan",
    ];
    for (limit, offset, filter, expected) in [
        (None, None, None, &whole[..]),
        (Some(2), None, None, &whole[..2]),
        (Some(2), Some(1), None, &whole[1..3]),
        (Some(9), Some(3), None, &whole[3..]),
        (None, Some(4), None, &[]),
        (None, None, Some("10.0.0.0/24"), &whole[..3]),
        (Some(1), Some(1), Some("a.lan"), &whole[3..]),
    ] {
        let request = v1::ListHostsRequest {
            limit,
            offset,
            filter: filter.map(str::to_owned),
            ..Default::default()
        };
        assert_eq!(
            names(list(client, request.clone()).await),
            expected,
            "{request:?}"
        );
    }
    let request = v1::SearchHostsRequest {
        query: "a.lan".into(),
        ..Default::default()
    };
    let found = all(client.search_hosts(request).await.unwrap()).await;
    let found = found.into_iter().map(|one| one.entry.unwrap()).collect();
    assert_eq!(names(found), [whole[0], whole[3]]);

    let exported = export(client).await;
    let lines: Vec<_> = std::str::from_utf8(&exported)
        .unwrap()
        .lines()
        .skip(1)
        .collect();
    assert_eq!(lines, whole);
    let summary = import(client, chunks(&exported, "strict")).await;
    refused(
        summary,
        Code::AlreadyExists,
        "IMPORT_CONFLICTS",
        &["4 lines conflict", "line 2: 10.0.0.2 a.lan belongs to host"],
    );
    let summary = import(client, chunks(&exported, "replace"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (summary.processed, summary.skipped),
        (4, 4),
        "what is exported is there"
    );
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_where_it_is_from_and_nothing_new_is_no_entry() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let answer = client.add_host(add("10.0.0.7", "nas.lan")).await.unwrap();
    let (first, at) = (revision(answer.metadata()), applied(answer.metadata()));
    assert_eq!(answer.metadata().get(NODE).unwrap(), "n1");
    assert!(at >= first);
    let nas = answer.into_inner().entry.unwrap();

    let same = v1::UpdateHostRequest {
        hostname: Some("NAS.lan".into()),
        disabled: Some(false),
        comment: Some(String::new()),
        ..update(&nas.id)
    };
    let answer = client.update_host(same).await.unwrap();
    assert_eq!(revision(answer.metadata()), first);
    assert_eq!(answer.into_inner().entry.unwrap(), nas);
    let again = import(client, chunks(b"10.0.0.7 nas.lan\n", "replace"))
        .await
        .unwrap();
    assert_eq!(revision(again.metadata()), first);
    assert_eq!(again.get_ref().skipped, 1);
    refused(
        client.add_host(add("10.0.0.7", "nas.lan")).await,
        Code::AlreadyExists,
        "DUPLICATE",
        &[],
    );

    let answer = client.get_host(by_id(&nas.id)).await.unwrap();
    assert_eq!(revision(answer.metadata()), first);
    assert_eq!(applied(answer.metadata()), at, "nothing was appended");
    let status = cluster.node(1).await;
    assert_eq!((status.last_log_index, status.revision), (at, first));
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_and_what_is_unknown_is_unimplemented() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let large = v1::AddHostRequest {
        comment: Some("x".repeat(2 * 1024 * 1024)),
        ..add("10.0.0.7", "nas.lan")
    };
    let status = client.add_host(large).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");

    let mut raw = tonic::client::Grpc::new(cluster.channel(1, EDITOR));
    for method in ["StartEdit", "NoSuchThing"] {
        raw.ready().await.unwrap();
        let path = format!("/router_hosts.v1.HostsService/{method}")
            .parse()
            .unwrap();
        let codec = tonic_prost::ProstCodec::<v1::LivenessRequest, v1::LivenessResponse>::default();
        let answer = raw
            .unary(Request::new(v1::LivenessRequest {}), path, codec)
            .await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented, "{method}");
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_reflection_answer_any_grpc_client() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let cluster = Cluster::of(1).await;
    for service in ["", "router_hosts.v1.HostsService"] {
        let mut client = HealthClient::new(cluster.channel(1, EDITOR));
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let health = cluster
        .editor(1)
        .health(v1::HealthRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(health.healthy, "{health:?}");
    assert_eq!(health.database.unwrap().error, "");

    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(cluster.channel(1, EDITOR));
    let answers = client
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap();
    let answer = all(answers).await.remove(0).message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = services
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in [
        "router_hosts.v1.HostsService",
        "router_hosts.cluster.v1.ClusterService",
        "router_hosts.peer.v1.PeerService",
        "grpc.health.v1.Health",
    ] {
        assert!(
            names.iter().any(|name| name == service),
            "{service}: {names:?}"
        );
    }
    cluster.end().await;
}

async fn get(client: &mut Hosts, id: &str) -> v1::HostEntry {
    let answer = client.get_host(by_id(id)).await.unwrap();
    answer.into_inner().entry.unwrap()
}

fn by_id(id: &str) -> v1::GetHostRequest {
    v1::GetHostRequest {
        id: id.into(),
        ..Default::default()
    }
}

fn delete(id: &str, version: Option<&str>) -> v1::DeleteHostRequest {
    v1::DeleteHostRequest {
        id: id.into(),
        expected_version: version.map(str::to_owned),
        name: None,
    }
}
