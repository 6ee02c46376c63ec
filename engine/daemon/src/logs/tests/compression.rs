//! Rotated files that are compressed, or are just being.

use super::*;
use std::io::Read;

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn compressed_files_read_as_the_plain_ones_did() {
    let (_guard, path) = three_files();
    let whole = read_all(&path, BOTH, Start::Oldest);
    compress::rotated(&path).unwrap();
    assert_eq!(names(&path), ["x-json.log", "x-json.log.1.gz", "x-json.log.2.gz"]);
    assert_eq!(read_all(&path, BOTH, Start::Oldest), whole);
    for count in [0, 1, 9, 10, 11, 19, 20, 21, 25, 29, 30, 31] {
        assert_eq!(read_all(&path, BOTH, Start::Tail(count)), numbers(30 - count.min(30)..30), "{count}");
    }
    let since = Selection { since: Some(time(15)), ..BOTH };
    assert_eq!(read_all(&path, since, Start::Oldest), numbers(15..30));
    // And for others.
    let mut text = String::new();
    let file = fs::File::open(chain::numbered(&path, 1, true)).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 10);
}

#[test]
fn a_file_that_moves_while_it_is_compressed_gets_its_new_name() {
    let (_guard, path) = three_files();
    compress::rotated(&path).unwrap();
    rotate(&path);
    append(&path, &line("30\n", "stdout", 30));
    assert_eq!(names(&path), ["x-json.log", "x-json.log.1", "x-json.log.2.gz", "x-json.log.3.gz"]);
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..31));
    compress::rotated(&path).unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Tail(12)), numbers(19..31));
}

#[test]
fn what_a_crash_left_in_both_forms_is_read_once() {
    let (_guard, path) = three_files();
    let plain = chain::numbered(&path, 1, false);
    let kept = path.with_file_name("kept");
    fs::hard_link(&plain, &kept).unwrap();
    compress::rotated(&path).unwrap();
    fs::rename(&kept, &plain).unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
    // Compressed again, nothing is left over.
    compress::rotated(&path).unwrap();
    assert_eq!(names(&path), ["x-json.log", "x-json.log.1.gz", "x-json.log.2.gz"]);
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers(0..30));
}

#[test]
fn a_reader_in_a_file_does_not_mind_its_compression() {
    let (_guard, path) = three_files();
    let mut reader = LogReader::new(&path, BOTH, Start::Oldest);
    assert_eq!(reader.read().unwrap().chunks.iter().map(|c| c.bytes.len()).sum::<usize>(), 20);
    compress::rotated(&path).unwrap();
    rotate(&path);
    append(&path, &line("30\n", "stdout", 30));
    compress::rotated(&path).unwrap();
    assert_eq!(read_on(&mut reader), numbers(10..31));
}

#[test]
fn what_is_damaged_or_packed_by_others_is_read_as_far_as_it_goes() {
    let (_guard, path) = three_files();
    compress::rotated(&path).unwrap();
    let oldest = chain::numbered(&path, 2, true);
    let bytes = fs::read(&oldest).unwrap();
    fs::write(&oldest, &bytes[..bytes.len() / 2]).unwrap();
    let text = read_all(&path, BOTH, Start::Oldest);
    assert!(text.ends_with(&numbers(10..30)), "{text}");
    assert_eq!(read_all(&path, BOTH, Start::Tail(15)), numbers(15..30));
    let mut other = flate2::write::GzEncoder::new(fs::File::create(&oldest).unwrap(), flate2::Compression::fast());
    (0..5).for_each(|n| other.write_all(line(&format!("{n}\n"), "stdout", n).as_bytes()).unwrap());
    other.finish().unwrap();
    assert_eq!(read_all(&path, BOTH, Start::Oldest), numbers((0..5).chain(10..30)));
    assert_eq!(read_all(&path, BOTH, Start::Tail(22)), numbers((3..5).chain(10..30)));
}

#[test]
fn rotation_waits_while_names_are_held() {
    let (_guard, path) = three_files();
    let held = chain::Lock::shared(&path).unwrap().unwrap();
    let writer = fs::File::open(&path).unwrap();
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    assert!(rustix::fs::flock(&writer, exclusive).is_err(), "as the shim would try");
    drop(held);
    rustix::fs::flock(&writer, exclusive).unwrap();
    assert!(chain::Lock::exclusive(Path::new("/nonexistent/log")).unwrap().is_none());
}
