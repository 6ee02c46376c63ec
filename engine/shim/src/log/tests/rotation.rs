//! Rotation: which files there are afterwards, and that every record is whole.

use super::*;
use std::fs;
use std::os::unix::fs::MetadataExt;

fn write(log: &mut Log, numbers: std::ops::Range<usize>) {
    for number in numbers {
        log.append(Stream::Stdout, format!("line {number}\n").as_bytes(), 1);
    }
    log.write_out();
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<(String, String)> {
    numbers.map(|number| pair("stdout", &format!("line {number}\n"))).collect()
}

#[test]
fn the_newest_files_are_kept_and_every_record_is_whole() {
    let scratch = Scratch::new("rotate");
    let mut log = scratch.open(1000, 3);
    write(&mut log, 0..100);
    let all: Vec<_> = [".2", ".1", ""].iter().flat_map(|suffix| records(&scratch.rotated(suffix))).collect();
    assert!(!scratch.rotated(".3").exists());
    assert_eq!(all, lines(100 - all.len()..100), "the last {} lines, in order", all.len());
    for suffix in [".1", ".2"] {
        let length = fs::metadata(scratch.rotated(suffix)).unwrap().len();
        assert!((1000..1100).contains(&length), "{suffix} has {length} bytes");
    }
}

#[test]
fn one_file_is_replaced_and_its_readers_keep_the_old_one() {
    let scratch = Scratch::new("cut");
    let mut log = scratch.open(500, 1);
    write(&mut log, 0..1);
    let before = fs::File::open(scratch.file()).unwrap();
    write(&mut log, 1..100);
    assert!(fs::metadata(scratch.file()).unwrap().len() < 600);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    assert_ne!(before.metadata().unwrap().ino(), fs::metadata(scratch.file()).unwrap().ino());
    assert!(before.metadata().unwrap().len() >= 500, "what it has not read yet is still there");
}

#[test]
fn compressed_files_move_along_and_the_oldest_goes_in_either_form() {
    let scratch = Scratch::new("packed");
    let mut log = scratch.open(100, 4);
    write(&mut log, 0..2);
    fs::rename(scratch.rotated(".1"), scratch.rotated(".1.gz")).unwrap();
    fs::write(scratch.rotated(".2.gz"), "second").unwrap();
    fs::write(scratch.rotated(".3"), "third").unwrap();
    write(&mut log, 2..4);
    let mut names: Vec<_> =
        fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["x.log", "x.log.1", "x.log.2.gz", "x.log.3.gz"]);
    assert_eq!(fs::read(scratch.rotated(".3.gz")).unwrap(), b"second");
    assert_eq!(records(&scratch.rotated(".2.gz")), lines(0..2));
    assert_eq!(records(&scratch.rotated(".1")), lines(2..4));
}

#[test]
fn while_names_are_held_the_log_grows_and_rotates_later() {
    let scratch = Scratch::new("held");
    let mut log = scratch.open(100, 3);
    let held = fs::File::open(scratch.file()).unwrap();
    held.lock_shared().unwrap();
    write(&mut log, 0..10);
    assert_eq!(records(&scratch.file()), lines(0..10));
    held.unlock().unwrap();
    write(&mut log, 10..11);
    assert_eq!(records(&scratch.rotated(".1")), lines(0..11));
    assert_eq!(fs::metadata(scratch.file()).unwrap().len(), 0);
    // Nobody is locked out by a rotation that is over.
    fs::File::open(scratch.rotated(".1")).unwrap().try_lock().unwrap();
}

#[test]
fn attached_clients_get_time_to_read() {
    let scratch = Scratch::new("attached");
    let mut log = scratch.open(100, 1_000_000_000);
    log.set_attached(true);
    write(&mut log, 0..100);
    assert_eq!(records(&scratch.file()), lines(0..100));
    log.set_attached(false);
    write(&mut log, 100..101);
    assert_eq!(records(&scratch.rotated(".1")), lines(0..101));
    assert!(!scratch.rotated(".2").exists(), "and a file for each of a billion names is not looked for");
}

#[test]
fn without_room_for_a_new_file_nothing_moves() {
    let scratch = Scratch::new("blocked");
    let mut log = scratch.open(100, 3);
    // Something that cannot be opened for writing.
    fs::create_dir(scratch.rotated(".next")).unwrap();
    write(&mut log, 0..20);
    assert_eq!(records(&scratch.file()), lines(0..20));
    assert!(!scratch.rotated(".1").exists());
    fs::remove_dir(scratch.rotated(".next")).unwrap();
    write(&mut log, 20..21);
    assert_eq!(records(&scratch.rotated(".1")), lines(0..21));
}

#[test]
fn a_torn_record_ends_where_the_crash_left_it() {
    let scratch = Scratch::new("torn");
    write(&mut scratch.open(0, 1), 0..1);
    let whole = fs::read(scratch.file()).unwrap();
    fs::write(scratch.file(), [&whole[..], &whole[..20]].concat()).unwrap();
    let mut log = scratch.open(0, 1);
    assert_eq!(log.position(1).1, whole.len() as u64 + 21);
    write(&mut log, 1..2);
    let text = fs::read_to_string(scratch.file()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[1].len()), (3, 20));
    assert!(serde_json::from_str::<serde_json::Value>(lines[2]).is_ok());
    // A rotation that was cut short leaves a file without a name of its own: used for the next one.
    fs::write(scratch.rotated(".next"), "left over").unwrap();
    let mut log = scratch.open(100, 2);
    write(&mut log, 2..3);
    assert_eq!(fs::metadata(scratch.file()).unwrap().len(), 0);
    assert!(!scratch.rotated(".next").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the sizes: what is left is an unbroken end of what was written, in whole records.
    #[test]
    fn what_is_left_is_the_end_of_what_was_written(
        pieces in vec(("[a-z\\\"]{0,30}", 1usize..60), 1..40), size in 1u64..3000, files in 1u32..6,
    ) {
        let scratch = Scratch::new("any-rotation");
        for entry in fs::read_dir(&scratch.0).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let mut written = String::new();
        for (text, times) in pieces {
            // Each piece by a new run of the container.
            let mut log = scratch.open(size, files);
            let line = format!("{text}\n").repeat(times);
            log.append(Stream::Stdout, line.as_bytes(), 1);
            log.write_out();
            written.push_str(&line);
        }
        let mut left = String::new();
        for number in (0..files).rev() {
            let path = scratch.rotated(&if number == 0 { String::new() } else { format!(".{number}") });
            if path.exists() {
                left.extend(records(&path).into_iter().map(|(_, log)| log));
                let most = size + 48 * 1024 + 200;
                prop_assert!(fs::metadata(&path).unwrap().len() < most);
            }
        }
        prop_assert!(written.ends_with(&left));
        let beyond = scratch.rotated(&format!(".{files}"));
        prop_assert!(!beyond.exists());
    }
}
