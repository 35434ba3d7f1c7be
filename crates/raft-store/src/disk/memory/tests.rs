//! What the disk in memory keeps over a crash, and what it does not.

use super::*;

fn path(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk
}

fn read(disk: &MemoryDisk, name: &str) -> Option<Vec<u8>> {
    let len = disk.len(&path(name)).unwrap()?;
    let mut bytes = vec![0; usize::try_from(len).unwrap() + 1];
    let read = disk
        .open(&path(name))
        .unwrap()
        .read_at(&mut bytes, 0)
        .unwrap();
    bytes.truncate(read);
    Some(bytes)
}

#[test]
fn flushed_bytes_stay_and_of_others_any_sectors() {
    let mut lengths = BTreeSet::new();
    let mut holes = 0;
    for seed in 0..100 {
        let disk = disk();
        let mut file = disk.create(&path("a")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.append(&[1; 600]).unwrap();
        file.sync().unwrap();
        file.append(&[2; 1000]).unwrap();
        disk.crash(seed);
        assert!(file.append(b"late").is_err(), "the crash closed it");
        let bytes = read(&disk, "a").unwrap();
        assert!(bytes.starts_with(&[1; 600]), "seed {seed}");
        for sector in [600..1024, 1024..1536, 1536..1600] {
            let end = sector.end.min(bytes.len());
            let sector = bytes.get(sector.start..end).unwrap_or_default();
            let whole = |byte| sector.iter().all(|found| *found == byte);
            assert!(whole(0) || whole(2), "seed {seed}");
        }
        let first = bytes.get(600).copied().unwrap_or(2);
        holes += u32::from(first == 0 && bytes.ends_with(&[2]));
        lengths.insert(bytes.len());
    }
    assert!(lengths.contains(&600) && lengths.contains(&1600) && lengths.len() > 10);
    assert!(holes > 0, "later sectors may be there and earlier ones not");
}

#[test]
fn names_stay_in_the_order_of_their_changes_once_flushed_for_sure() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let disk = disk();
        disk.create(&path("a")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.create(&path("b")).unwrap();
        disk.rename(&path("b"), &path("c")).unwrap();
        disk.remove(&path("a")).unwrap();
        assert_eq!(disk.list(Path::new("/d")).unwrap(), ["c"]);
        disk.crash(seed);
        seen.insert(disk.list(Path::new("/d")).unwrap().join(" "));
    }
    let all = ["a", "a b", "a c", "c"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn after_a_failed_flush_later_ones_store_nothing() {
    let disk = disk();
    let mut file = disk.create(&path("a")).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.fail(Operation::Sync, 1, Trouble::Io);
    file.append(b"one").unwrap();
    file.sync().unwrap();
    file.append(b"two").unwrap();
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
    file.sync().unwrap();
    assert_eq!(read(&disk, "a").unwrap(), b"onetwo");
    disk.crash(1);
    assert_eq!(read(&disk, "a").unwrap(), b"one");
}

#[test]
fn a_short_write_leaves_a_part() {
    let disk = disk();
    let mut file = disk.create(&path("a")).unwrap();
    disk.fail(Operation::Append, 0, Trouble::Short);
    let error = file.append(b"four").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(read(&disk, "a").unwrap(), b"fo");
}

#[test]
fn nothing_works_between_the_cut_and_the_crash() {
    let disk = disk();
    let mut file = disk.create(&path("a")).unwrap();
    disk.cut_after(1);
    file.append(b"one").unwrap();
    assert!(file.append(b"two").is_err());
    assert!(file.sync().is_err() && file.len().is_err());
    assert!(disk.list(Path::new("/d")).is_err() && disk.open(&path("a")).is_err());
    disk.crash(0);
    disk.create(&path("b")).unwrap().append(b"x").unwrap();
}

#[test]
fn a_lock_ends_with_its_holder_or_with_the_power() {
    let disk = disk();
    let held = disk.lock(&path("LOCK")).unwrap();
    let refused = disk.lock(&path("LOCK")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    disk.fork().lock(&path("LOCK")).unwrap();
    drop(held);
    let before = disk.lock(&path("LOCK")).unwrap();
    disk.crash(0);
    let after = disk.lock(&path("LOCK")).unwrap();
    drop(before);
    assert!(
        disk.lock(&path("LOCK")).is_err(),
        "an old holder frees nothing"
    );
    drop(after);
}
