//! Hosts that cannot be added, changes that cannot be made, hosts that cannot be deleted.

use super::{Bench, Refusal, calls::Call, invalid};
use crate::support::{add, update};
use proto::v1;
use tonic::Code;

const NOBODY: &str = "01JD8Q0000000000000000000A";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_cannot_be_is_refused_in_each_field() {
    let mut bench = Bench::new().await;
    let (label, long) = ("x".repeat(64), "x".repeat(10_000));
    let name = format!("{}.lan", "abcdefghi.".repeat(25));
    let addresses = [
        ("", "ip_address"),
        ("10.0.0", "`10.0.0`"),
        ("10.0.0.256", "`10.0.0.256`"),
        ("10.0.0.07", "ip_address"),
        ("0x0a.0.0.7", "ip_address"),
        ("167772167", "ip_address"),
        ("10.0.0.7 ", "ip_address"),
        (" 10.0.0.7", "ip_address"),
        ("10.0.0.7/32", "ip_address"),
        ("10.0.0.7:53", "ip_address"),
        ("fe80::1%eth0", "zone"),
        ("fd00::g", "ip_address"),
        ("[fd00::7]", "ip_address"),
        ("1:2:3:4:5:6:7:8:9", "ip_address"),
        ("::ffff:10.0.0.256", "ip_address"),
        ("10.0.0.7\n10.0.0.8", "\\n"),
        ("10.0.0.7\0", "ip_address"),
        ("\u{1b}[2J", "\\u{1b}"),
        ("١٠.٠.٠.٧", "ip_address"),
        (&long, "…"),
    ];
    let names = [
        ("", "hostname"),
        (".", "hostname"),
        ("..", "hostname"),
        ("a..lan", "hostname"),
        (".lan", "hostname"),
        ("-a.lan", "hostname"),
        ("a-.lan", "hostname"),
        ("*.lan", "*.lan"),
        ("a b.lan", "hostname"),
        ("a\tb.lan", "\\t"),
        ("a\nb.lan", "\\n"),
        ("a#b.lan", "hostname"),
        ("a/b.lan", "hostname"),
        ("a:b.lan", "hostname"),
        ("a@b.lan", "hostname"),
        ("10.0.0.7", "hostname"),
        ("127.1", "hostname"),
        ("0x7f.1", "hostname"),
        ("lan.7", "hostname"),
        ("fd00::7", "hostname"),
        ("xn--a.lan", "hostname"),
        ("a\u{200b}b\u{0}.lan", "hostname"),
        ("\u{202e}nal.lan", "hostname"),
        (&label, "hostname"),
        (&name, "hostname"),
        (&long, "…"),
    ];
    let mut rows: Vec<(Call, Refusal)> = Vec::new();
    for (address, words) in addresses {
        rows.push((Call::Add(add(address, "new.lan")), invalid(words)));
    }
    for (name, words) in names {
        rows.push((Call::Add(add("10.0.0.20", name)), invalid(words)));
        let aliases = vec!["good.lan".into(), name.into()];
        let request = v1::AddHostRequest {
            aliases,
            ..add("10.0.0.20", "new.lan")
        };
        rows.push((Call::Add(request), invalid("aliases[1]")));
    }
    for tag in [
        "",
        " ",
        "a b",
        "a=b",
        "a,b",
        "a\nb",
        "#a",
        &"x".repeat(65),
        &long,
    ] {
        let request = v1::AddHostRequest {
            tags: vec!["good".into(), tag.into()],
            ..add("10.0.0.20", "new.lan")
        };
        rows.push((Call::Add(request), invalid("tags[1]")));
    }
    for comment in [
        "one\ntwo",
        "one\r",
        "a\0b",
        "\u{1b}[2J",
        "one\u{2028}10.0.0.8 evil.lan",
        "one\u{2029}two",
        "\u{85}x\u{85}y",
        &"x".repeat(1025),
        &long,
    ] {
        let request = v1::AddHostRequest {
            comment: Some(format!("x{comment}x")),
            ..add("10.0.0.20", "new.lan")
        };
        rows.push((Call::Add(request), invalid("comment")));
    }
    let many = |count: usize| (0..count).map(|n| format!("n{n}")).collect();
    let aliases = |count| v1::AddHostRequest {
        aliases: many(count),
        ..add("10.0.0.20", "new.lan")
    };
    let tags = |count| v1::AddHostRequest {
        tags: many(count),
        ..add("10.0.0.20", "new.lan")
    };
    let huge = (Code::ResourceExhausted, "TOO_LARGE", "");
    rows.extend([
        (Call::Add(aliases(65)), invalid("aliases are too many")),
        (Call::Add(aliases(50_000)), invalid("aliases are too many")),
        (Call::Add(tags(33)), invalid("tags are too many")),
        (Call::Add(tags(50_000)), invalid("tags are too many")),
        (Call::Add(aliases(500_000)), huge),
        (Call::Add(tags(500_000)), huge),
        (
            Call::Add(add("10.0.0.7", "nas.lan")),
            (Code::AlreadyExists, "DUPLICATE", "10.0.0.7 nas.lan"),
        ),
        (
            Call::Add(add("::ffff:10.0.0.7", "NAS.lan.")),
            (Code::AlreadyExists, "DUPLICATE", "10.0.0.7 nas.lan"),
        ),
    ]);
    bench.check(rows).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_cannot_be_is_refused_in_each_field() {
    let mut bench = Bench::new().await;
    let nas = bench.host(0).id.clone();
    let tv = bench.host(1).clone();
    let on = |request: v1::UpdateHostRequest| Call::Update(request);
    let base = || update(&nas);
    let named = |id: &str, name: &str| v1::UpdateHostRequest {
        name: Some(name.into()),
        disabled: Some(true),
        ..update(id)
    };
    let aliases = |values: &[&str]| {
        let values = values.iter().map(|&name| name.to_owned()).collect();
        Some(v1::AliasesUpdate { values })
    };
    let tags = |values: &[&str]| {
        let values = values.iter().map(|&name| name.to_owned()).collect();
        Some(v1::TagsUpdate { values })
    };
    let version = |version: &str| v1::UpdateHostRequest {
        expected_version: Some(version.into()),
        disabled: Some(true),
        ..base()
    };
    let moved = (Code::Aborted, "VERSION_MISMATCH", "not `");
    let many: Vec<String> = (0..65).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut rows: Vec<(Call, Refusal)> = Vec::new();
    for id in [
        "",
        "x",
        "nas.lan",
        "01JD8Q",
        "81JD8Q0000000000000000000A",
        "01JD8Q000000000000000000IL",
        "01JD8Q0000000000000000000A0",
    ] {
        rows.push((
            on(v1::UpdateHostRequest {
                disabled: Some(true),
                ..update(id)
            }),
            invalid("id"),
        ));
    }
    for name in ["", "a..b", "*.lan", "10.0.0.7", "a b", "\u{1b}[2J"] {
        rows.push((on(named("", name)), invalid("name")));
    }
    for wrong in ["", "10.0.0", "fe80::1%eth0", "x"] {
        let request = v1::UpdateHostRequest {
            ip_address: Some(wrong.into()),
            ..base()
        };
        rows.push((on(request), invalid("ip_address")));
    }
    for wrong in ["", "a..b", "10.0.0.7", "a\nb"] {
        let request = v1::UpdateHostRequest {
            hostname: Some(wrong.into()),
            ..base()
        };
        rows.push((on(request), invalid("hostname")));
        let request = v1::UpdateHostRequest {
            aliases: aliases(&["a.lan", wrong]),
            ..base()
        };
        rows.push((on(request), invalid("aliases[1]")));
    }
    for wrong in ["", "a b", "a\nb"] {
        let request = v1::UpdateHostRequest {
            tags: tags(&[wrong]),
            ..base()
        };
        rows.push((on(request), invalid("tags[0]")));
    }
    for wrong in ["a\nb", "a\0b", &"x".repeat(1025)] {
        let request = v1::UpdateHostRequest {
            comment: Some(wrong.into()),
            ..base()
        };
        rows.push((on(request), invalid("comment")));
    }
    for wrong in [
        "",
        "0",
        "-1",
        "1e3",
        " 4",
        "18446744073709551616",
        "latest",
        "\u{1b}",
    ] {
        rows.push((on(version(wrong)), moved));
    }
    let duplicate = (Code::AlreadyExists, "DUPLICATE", "10.0.0.8 tv.lan");
    rows.extend([
        (on(named(&nas, "nas.lan")), invalid("id and name")),
        (on(named(&nas, "")), invalid("name")),
        (on(named(NOBODY, "")), invalid("name")),
        (
            on(v1::UpdateHostRequest {
                disabled: Some(true),
                ..update(NOBODY)
            }),
            (Code::NotFound, "NOT_FOUND", NOBODY),
        ),
        (
            on(named("", "absent.lan")),
            (Code::NotFound, "NOT_FOUND", "absent.lan"),
        ),
        (
            on(named("", "tv.lan")),
            (
                Code::InvalidArgument,
                "AMBIGUOUS",
                "2 hosts are named tv.lan",
            ),
        ),
        (
            on(v1::UpdateHostRequest {
                aliases: aliases(&many),
                ..base()
            }),
            invalid("aliases are too many"),
        ),
        (
            on(v1::UpdateHostRequest {
                tags: tags(&many),
                ..base()
            }),
            invalid("tags are too many"),
        ),
        (
            on(v1::UpdateHostRequest {
                ip_address: Some(tv.ip_address.clone()),
                hostname: Some("tv.lan".into()),
                ..base()
            }),
            duplicate,
        ),
        (
            on(v1::UpdateHostRequest {
                ip_address: Some(tv.ip_address.clone()),
                aliases: aliases(&["tv.lan"]),
                ..base()
            }),
            duplicate,
        ),
    ]);
    bench.check(rows).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_cannot_be_deleted_stays() {
    let mut bench = Bench::new().await;
    let nas = bench.host(0).id.clone();
    let delete = |id: &str, name: Option<&str>, version: Option<&str>| {
        Call::Delete(v1::DeleteHostRequest {
            id: id.into(),
            expected_version: version.map(Into::into),
            name: name.map(Into::into),
        })
    };
    let mut rows: Vec<(Call, Refusal)> = vec![
        (
            delete(NOBODY, None, None),
            (Code::NotFound, "NOT_FOUND", NOBODY),
        ),
        (
            delete(NOBODY, None, Some("1")),
            (Code::NotFound, "NOT_FOUND", NOBODY),
        ),
        (delete(&nas, Some("nas.lan"), None), invalid("id and name")),
        (
            delete("", Some("absent.lan"), None),
            (Code::NotFound, "NOT_FOUND", "absent.lan"),
        ),
        (
            delete("", Some("tv.lan"), None),
            (Code::InvalidArgument, "AMBIGUOUS", "10.0.0.9"),
        ),
    ];
    for id in ["", "x", "nas.lan", "10.0.0.7", "81JD8Q0000000000000000000A"] {
        rows.push((delete(id, None, None), invalid("id")));
    }
    for name in ["", "a..b", "10.0.0.7", "a\nb"] {
        rows.push((delete("", Some(name), None), invalid("name")));
    }
    for version in ["", "0", "-1", "x", "99999999999999999999"] {
        let moved = (Code::Aborted, "VERSION_MISMATCH", "not `");
        rows.push((delete(&nas, None, Some(version)), moved));
    }
    bench.check(rows).await;
    bench.end().await;
}
