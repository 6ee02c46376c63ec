//! Reading a log that is being written: follow, tail, times, cut-off lines.

use super::*;
use futures_util::{FutureExt, StreamExt};
use hull_test_patience::patience;
use std::fs::File;
use std::time::Duration;

#[test]
fn rotated_files_read_as_one() {
    let (_guard, path) = three_files();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
    let stderr = Selection { stdout: false, ..BOTH };
    assert_eq!(read_all(&path, stderr, Start::Oldest), numbers((0..30).filter(|n| n % 2 == 1)));
}

#[test]
fn a_tail_reaches_over_rotation() {
    let (_guard, path) = three_files();
    for count in [1, 9, 10, 11, 25, 30] {
        assert_eq!(read_all(&path, BOTH, Start::Tail(count)), numbers(30 - count..30), "{count}");
    }
    assert_eq!(read_all(&path, BOTH, Start::Tail(0)), "");
    assert_eq!(read_all(&path, BOTH, Start::Tail(1000)), numbers(0..30));
}

#[test]
fn pieces_of_a_line_are_one_line_and_get_one_timestamp() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    for (text, second) in [("first\n", 0), ("pro", 1), ("mpt> ", 2), ("ls\n", 3), ("last\n", 4), ("$ ", 5)] {
        append(&path, &line(text, "stdout", second));
    }
    assert_eq!(read_all(&path, BOTH, Start::Tail(3)), "prompt> ls\nlast\n$ ");
    assert_eq!(read_all(&path, BOTH, Start::Tail(2)), "last\n$ ");
    let stamped = Selection { timestamps: true, ..BOTH };
    assert_eq!(
        read_all(&path, stamped, Start::Tail(3)),
        "2023-11-14T22:13:21.500000000Z prompt> ls\n2023-11-14T22:13:24.500000000Z last\n2023-11-14T22:13:25.500000000Z $ "
    );
}

#[test]
fn since_and_until_are_inclusive_and_damage_is_passed_over() {
    let (_guard, path) = three_files();
    let at = |second: u64| Some(time(second));
    append(&path, "{\"log\":\"half a rec\n\0\0\0\n");
    append(&path, &line("30\n", "stdout", 30));
    append(&path, "{\"log\":\"unfinished");
    assert_eq!(read_all(&path, Selection { since: at(28), ..BOTH }, Start::Oldest), numbers(28..31));
    assert_eq!(read_all(&path, Selection { until: at(3), ..BOTH }, Start::Oldest), numbers(0..4));
}

#[tokio::test]
async fn following_goes_on_over_rotation_and_ends_with_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &line("0\n", "stdout", 0));
    let watcher = LogWatcher::new().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let follow = Follow { changes: watcher.subscribe(directory.path()).unwrap(), ended: ended.map(|_| ()).boxed() };
    let mut chunks = stream(LogReader::new(&path, BOTH, Start::Oldest), Some(follow));
    assert_eq!(chunks.next().await.unwrap().unwrap().bytes, "0\n");
    assert!(tokio::time::timeout(Duration::from_millis(20), chunks.next()).await.is_err(), "waits at the end");
    append(&path, &line("1\n", "stdout", 1));
    assert_eq!(chunks.next().await.unwrap().unwrap().bytes, "1\n");
    append(&path, &line("2\n", "stdout", 2));
    rotate(&path);
    append(&path, &line("3\n", "stdout", 3));
    rotate(&path);
    append(&path, &line("4\n", "stdout", 4));
    let mut text = String::new();
    while text.len() < 6 {
        text.push_str(std::str::from_utf8(&chunks.next().await.unwrap().unwrap().bytes).unwrap());
    }
    assert_eq!(text, "2\n3\n4\n");
    append(&path, &line("5\n", "stderr", 5));
    end.send(()).unwrap();
    let last = chunks.next().await.unwrap().unwrap();
    assert_eq!((last.stream, &last.bytes[..]), (StreamKind::Stderr, &b"5\n"[..]));
    assert!(chunks.next().await.is_none());
    drop(chunks);
}

#[test]
fn a_place_in_a_file_is_found_wherever_rotation_moved_it() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &line("before\n", "stdout", 0));
    let meta = fs::metadata(&path).unwrap();
    append(&path, &line("after\n", "stdout", 1));
    rotate(&path);
    append(&path, &line("newest\n", "stdout", 2));
    let start = Start::At { inode: meta.ino(), offset: meta.len() };
    assert_eq!(read_all(&path, BOTH, start), "after\nnewest\n");
}

#[test]
fn a_short_tail_does_not_read_the_whole_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    // A terabyte of nothing in front: who reads it all does not come back.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    append(&path, "\n");
    (0..20).for_each(|number| append(&path, &line(&format!("{number}\n"), "stdout", number)));
    let tail: Vec<String> = (10..20).map(|number| format!("{number}\n")).collect();
    assert_eq!(read_all(&path, BOTH, Start::Tail(10)), tail.concat());
}

#[test]
fn a_place_is_found_again_by_the_next_daemon() {
    let (_guard, path) = three_files();
    let mut lines = lines::Lines::new(&path, Start::Oldest, None);
    assert!(lines.advance().unwrap());
    for _ in 0..7 {
        lines.next().unwrap();
    }
    let place = lines.place().unwrap();
    rotate(&path);
    compress::rotated(&path).unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Place(place)), numbers(7..30));
    // A file that is gone: the oldest that is left.
    for packed in [false, true] {
        let _ = fs::remove_file(chain::numbered(&path, 3, packed));
    }
    assert_eq!(read_all(&path, BOTH, Start::Place(place)), numbers(10..30));
}

#[test]
fn a_gap_in_the_numbers_hides_nothing() {
    let (_guard, path) = three_files();
    // A crash between two renames.
    fs::rename(chain::numbered(&path, 2, false), chain::numbered(&path, 4, false)).unwrap();
    fs::rename(chain::numbered(&path, 1, false), chain::numbered(&path, 2, false)).unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
    // Or before the new file has its name.
    fs::rename(&path, chain::numbered(&path, 1, false)).unwrap();
    fs::write(format!("{}.next", path.display()), "").unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
    assert_eq!(read_all(&path, BOTH, Start::Tail(12)), numbers(18..30));
}

#[test]
fn a_follower_behind_reads_on_in_what_is_left() {
    let (_guard, path) = three_files();
    let mut reader = LogReader::new(&path, BOTH, Start::Oldest);
    assert_eq!(reader.read().unwrap().chunks.iter().map(|c| c.bytes.len()).sum::<usize>(), 20);
    for packed in [1, 2] {
        fs::remove_file(chain::numbered(&path, packed, false)).unwrap();
    }
    assert_eq!(read_on(&mut reader), numbers(20..30));
}

#[tokio::test]
async fn following_ends_at_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &line("0\n", "stdout", 0));
    let watcher = LogWatcher::new().unwrap();
    let changes = watcher.subscribe(directory.path()).unwrap();
    let follow = Follow { changes, ended: std::future::pending().boxed() };
    let until = Time::from_nanos(Time::now().nanos() + 10_000_000);
    let chunks = stream(LogReader::new(&path, BOTH, Start::Oldest), Some(follow.at_most_until(until)));
    let all = tokio::time::timeout(patience(Duration::from_secs(20)), chunks.collect::<Vec<_>>()).await;
    assert_eq!(all.expect("it ends").len(), 1);
}
