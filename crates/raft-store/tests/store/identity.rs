//! A directory belongs to one node, and to one process at a time.

use raft_store::disk::Disk as _;
use raft_store::{Identity, IdentityError, OpenError, Store, StoreOptions};

use crate::driver::{IDENTITY, Machine};

fn refused(machine: &Machine, identity: Identity) -> IdentityError {
    let opened = Store::open(
        machine.seams(),
        Machine::dir(),
        identity,
        StoreOptions::default(),
    );
    match opened {
        Err(OpenError::Identity(error)) => error,
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

fn edit(machine: &Machine, edit: impl FnOnce(String) -> String) {
    let path = Machine::room("IDENTITY");
    let change = |bytes: &mut Vec<u8>| {
        *bytes = edit(String::from_utf8(bytes.clone()).unwrap()).into_bytes();
    };
    machine.disk.edit(&path, change).unwrap();
}

#[test]
fn an_empty_directory_has_no_identity_and_a_used_one_has() {
    let machine = Machine::default();
    let read = || Identity::read(&machine.disk, Machine::dir()).unwrap();
    assert_eq!(read(), None);
    machine.open().unwrap().close();
    assert_eq!(read(), Some(IDENTITY));
}

#[test]
fn another_nodes_directory_is_refused_and_both_are_named() {
    let machine = Machine::default();
    machine.open().unwrap().close();
    for other in [
        Identity {
            cluster: 7,
            ..IDENTITY
        },
        Identity {
            node: 2,
            ..IDENTITY
        },
    ] {
        let error = refused(&machine, other);
        assert!(matches!(error, IdentityError::Foreign { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&IDENTITY.to_string()) && text.contains(&other.to_string()),
            "{text}"
        );
    }
}

#[test]
fn a_directory_in_use_is_refused_until_it_is_given_up() {
    let machine = Machine::default();
    let node = machine.open().unwrap();
    assert!(matches!(
        refused(&machine, IDENTITY),
        IdentityError::Locked { .. }
    ));
    node.close();
    machine.open().unwrap();
}

#[test]
fn a_newer_format_is_refused() {
    let machine = Machine::default();
    machine.open().unwrap().close();
    edit(&machine, |text| text.replace("format 1", "format 2"));
    assert!(matches!(
        refused(&machine, IDENTITY),
        IdentityError::Newer { found: 2, .. }
    ));
}

#[test]
fn a_damaged_identity_is_refused() {
    let whole = Machine::default();
    whole.open().unwrap().close();
    let mut len = 0;
    edit(&whole, |text| {
        len = text.len();
        text
    });
    for at in 0..len {
        let machine = Machine {
            disk: whole.disk.fork(),
            states: whole.states.clone(),
        };
        edit(&machine, |text| {
            let mut bytes = text.into_bytes();
            bytes[at] ^= 1;
            String::from_utf8(bytes).unwrap()
        });
        let error = refused(&machine, IDENTITY);
        let expected = matches!(
            error,
            IdentityError::Damaged { .. } | IdentityError::Newer { .. }
        );
        assert!(expected, "byte {at}: {error:?}");
    }
}

#[test]
fn a_crash_while_a_directory_is_begun_leaves_one_that_opens() {
    for cut in 0..40 {
        let machine = Machine::default();
        machine.disk.cut_after(cut);
        drop(machine.open());
        machine.crash(cut);
        machine
            .open()
            .unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
        assert_eq!(
            machine.disk.len(&Machine::room("IDENTITY.tmp")).unwrap(),
            None
        );
    }
}
