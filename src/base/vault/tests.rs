use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::files::{self, Target};
use super::log::{Log, read_from};
use super::sealed::{CHUNK, HEAD, MORE};
use super::*;
use crate::base::paths::write_atomically;

/// Cheap, for tests.
const COST: Cost = Cost { memory: 64, passes: 1, lanes: 1 };
const PASS: &str = "correct horse";

fn vault() -> (tempfile::TempDir, Paths, DataKey, RecoveryKey) {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path());
    let key = DataKey::random().unwrap();
    let (header, recovery) = Header::new(&key, PASS, COST).unwrap();
    put(&paths, &header.in_state(State::On, &key), &key).unwrap();
    fs::create_dir_all(&paths.cache).unwrap();
    (dir, paths, key, recovery)
}

fn numbers(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + i / 251) as u8).collect()
}

#[test]
fn files_of_every_length_come_back_and_are_read_by_position() {
    let (_dir, paths, ..) = vault();
    for n in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17] {
        let path = paths.data.join("a.bin");
        let bytes = numbers(n);
        write_atomically(&path, &bytes).unwrap();
        let raw = fs::read(&path).unwrap();
        assert_eq!(raw.len(), HEAD + n + MORE * n.div_ceil(CHUNK).max(1));
        assert!(n < 64 || !raw.windows(32).any(|w| w == &bytes[..32]));
        assert_eq!(read(&path).unwrap(), bytes);
        let mut file = File::open(&path).unwrap();
        assert_eq!(file.len(), n as u64);
        let mut whole = vec![0; n];
        file.read_into(&mut whole).unwrap();
        assert!(whole == bytes);
        if n > CHUNK {
            let mut part = [0; 40];
            file.read_exact_at(&mut part, CHUNK as u64 - 20).unwrap_or_else(|_| assert!(n < CHUNK + 20));
            file.seek(SeekFrom::End(-1)).unwrap();
            let mut rest = Vec::new();
            file.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, bytes[n - 1..]);
        }
    }
}

/// Truncating at any place, swapping chunks, taking one from another file, changing any bit: all are errors.
#[test]
fn what_was_changed_cut_off_swapped_or_reordered_is_an_error() {
    let (_dir, paths, ..) = vault();
    let (a, b) = (paths.data.join("a"), paths.data.join("b"));
    let bytes = numbers(3 * CHUNK);
    write_atomically(&a, &bytes).unwrap();
    write_atomically(&b, &bytes).unwrap();
    let (whole, other) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    assert_ne!(whole[HEAD..], other[HEAD..]);
    let stride = CHUNK + MORE;
    for end in [HEAD, HEAD + 1, HEAD + stride, HEAD + 2 * stride, HEAD + 2 * stride + MORE, whole.len() - 1] {
        fs::write(&a, &whole[..end]).unwrap();
        assert!(File::open(&a).is_err(), "cut off at {end}");
    }
    let chunk = |from: &[u8], i: usize| from[HEAD + i * stride..HEAD + (i + 1) * stride].to_vec();
    let head = whole[..HEAD].to_vec();
    let reordered = [head.clone(), chunk(&whole, 1), chunk(&whole, 0), chunk(&whole, 2)].concat();
    let swapped = [head.clone(), chunk(&other, 0), chunk(&whole, 1), chunk(&whole, 2)].concat();
    let longer = [whole.clone(), chunk(&whole, 2)].concat();
    let other_head = [other[..HEAD].to_vec(), whole[HEAD..].to_vec()].concat();
    for wrong in [reordered, swapped, longer, other_head] {
        fs::write(&a, wrong).unwrap();
        assert_eq!(read(&a).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
    for at in [9, 20, 40, HEAD, HEAD + 30, HEAD + stride + 5, whole.len() - 1] {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        fs::write(&a, wrong).unwrap();
        assert!(read(&a).is_err(), "bit {at}");
    }
    fs::write(&a, &whole).unwrap();
    assert!(read(&a).unwrap() == bytes);
}

#[test]
fn a_locked_library_is_neither_read_nor_written_and_its_secrets_open_it() {
    let (dir, paths, key, recovery) = vault();
    let path = paths.data.join("x.json");
    write_atomically(&path, b"secret").unwrap();
    lock(&paths);
    assert_eq!(standing(&paths).unwrap(), Standing::Locked(State::On));
    assert!(read(&path).unwrap_err().to_string().contains("locked"));
    assert!(write_atomically(&paths.cache.join("new"), b"plain").is_err());
    assert!(!paths.cache.join("new").exists());
    let outside = tempfile::tempdir().unwrap();
    write_atomically(&outside.path().join("own"), b"plain").unwrap();
    assert_eq!(fs::read(outside.path().join("own")).unwrap(), b"plain");
    let problem = unlock(&paths, "wrong horse").unwrap_err();
    assert!(problem.to_string().contains("not the passphrase"), "{problem}");
    assert!(standing(&paths).unwrap().is_locked());
    assert_eq!(unlock(&paths, PASS).unwrap(), State::On);
    assert_eq!(read(&path).unwrap(), b"secret");
    lock(&paths);
    let written = recovery.to_text().to_lowercase().replace('0', "o").replace('1', "l");
    unlock(&paths, &format!(" {written} ")).unwrap();
    assert_eq!(read(&path).unwrap(), b"secret");
    // The last letter is part of the checksum.
    let mut slip = recovery.to_text().to_string();
    let last = if slip.pop() == Some('7') { '8' } else { '7' };
    assert!(RecoveryKey::from_text(&format!("{slip}{last}")).is_none());
    lock(&paths);
    unlock_with(&paths, DataKey::from_hex(&key.to_hex()).unwrap()).unwrap();
    assert!(unlock_with(&paths, DataKey::random().unwrap()).is_err());
    assert_eq!(read(&path).unwrap(), b"secret");
    drop(dir);
}

#[test]
fn another_passphrase_rewrites_no_file_and_the_old_one_opens_nothing() {
    let (_dir, paths, key, recovery) = vault();
    let path = paths.data.join("x");
    write_atomically(&path, b"secret").unwrap();
    let before = fs::read(&path).unwrap();
    let header = header::load(&paths).unwrap().unwrap().with_passphrase(&key, "battery staple").unwrap();
    assert!(header.clone().with_passphrase(&key, "short").is_err());
    put(&paths, &header, &key).unwrap();
    lock(&paths);
    assert!(unlock(&paths, PASS).is_err());
    unlock(&paths, "battery staple").unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    let (header, new) = header.with_recovery(&key).unwrap();
    put(&paths, &header, &key).unwrap();
    assert!(header.open(&recovery.to_text()).is_err());
    assert_eq!(header.open(&new.to_text()).unwrap(), key);
}

#[test]
fn a_damaged_header_is_told_and_its_copy_helps() {
    let (_dir, paths, ..) = vault();
    let first = paths.data.join("vault.json");
    let text = fs::read_to_string(&first).unwrap();
    fs::write(&first, text.replace("argon2id", "argon2ix")).unwrap();
    unlock(&paths, PASS).unwrap();
    fs::write(paths.config.join("vault.json"), b"{}").unwrap();
    let problem = unlock(&paths, PASS).unwrap_err();
    assert!(problem.to_string().contains("header"), "{problem}");
    fs::remove_file(&first).unwrap();
    assert!(standing(&paths).is_err(), "a damaged copy is no missing header");
}

#[test]
fn a_log_grows_record_by_record_and_loses_only_what_was_cut_off() {
    let (_dir, paths, ..) = vault();
    let path = paths.data.join("telemetry.jsonl");
    let mut log = Log::open(&path).unwrap();
    assert!(log.is_sealed());
    log.write_all(b"one\n").unwrap();
    let (bytes, at) = read_from(&path, 0).unwrap();
    assert_eq!(bytes, b"one\n");
    log.write_all(b"two\n").unwrap();
    assert_eq!(read_from(&path, at).unwrap().0, b"two\n");
    assert_eq!(read(&path).unwrap(), b"one\ntwo\n");
    drop(log);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(read(&path).unwrap(), b"one\n");
    Log::open(&path).unwrap().write_all(b"three\n").unwrap();
    assert_eq!(read(&path).unwrap(), b"one\nthree\n");
    let mut wrong = fs::read(&path).unwrap();
    wrong[HEAD + 30] ^= 1;
    fs::write(&path, wrong).unwrap();
    // A record that was changed is left out; those behind it are kept, also when the log goes on.
    assert_eq!(read(&path).unwrap(), b"three\n");
    Log::open(&path).unwrap().write_all(b"four\n").unwrap();
    assert_eq!(read(&path).unwrap(), b"three\nfour\n");
}

#[test]
fn nobody_without_the_key_changes_how_far_a_library_is_encrypted() {
    let (_dir, paths, key, _) = vault();
    let header = header::load(&paths).unwrap().unwrap();
    let other = DataKey::random().unwrap();
    header::save(&paths, &header.clone().in_state(State::TurningOff, &other)).unwrap();
    lock(&paths);
    assert!(unlock(&paths, PASS).unwrap_err().to_string().contains("without its key"));
    assert!(unlock_with(&paths, key.clone()).is_err());
    header::save(&paths, &header.in_state(State::TurningOff, &key)).unwrap();
    assert_eq!(unlock(&paths, PASS).unwrap(), State::TurningOff);
}

#[test]
fn what_was_begun_plain_is_sealed_and_made_plain_again() {
    let (_dir, paths, key, _) = vault();
    let (file, log) = (paths.data.join("a.png"), paths.data.join("log.txt"));
    let bytes = numbers(CHUNK + 9);
    let lines: Vec<u8> = (0..9000).flat_map(|i| format!("line {i}, told to nobody\n").into_bytes()).collect();
    fs::write(&file, &bytes).unwrap();
    fs::write(&log, &lines).unwrap();
    assert_eq!(read(&file).unwrap(), bytes, "plain files of a library are read as they are");
    assert!(files::convert(&file, Target::Sealed, false).unwrap());
    assert!(!files::convert(&file, Target::Sealed, false).unwrap());
    let mut open = Log::open(&log).unwrap();
    open.write_all(b"more\n").unwrap();
    assert!(files::is_sealed(&file).unwrap() && files::is_sealed(&log).unwrap());
    assert!(!fs::read(&log).unwrap().windows(9).any(|w| w == b"to nobody"));
    assert_eq!(read(&log).unwrap(), [&lines[..], b"more\n"].concat());
    let outside = tempfile::tempdir().unwrap();
    copy(&file, &outside.path().join("b.png")).unwrap();
    assert_eq!(fs::read(outside.path().join("b.png")).unwrap(), bytes);
    copy(&outside.path().join("b.png"), &paths.cache.join("c.png")).unwrap();
    assert!(files::is_sealed(&paths.cache.join("c.png")).unwrap());
    put(&paths, &header::load(&paths).unwrap().unwrap().in_state(State::TurningOff, &key), &key).unwrap();
    assert!(files::convert(&file, Target::Plain, false).unwrap());
    assert!(files::convert(&log, Target::Plain, true).unwrap());
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(fs::read(&log).unwrap(), [&lines[..], b"more\n"].concat());
    remove(&paths).unwrap();
    assert_eq!(standing(&paths).unwrap(), Standing::Plain);
}

#[test]
fn an_end_is_replaced_at_any_place() {
    let (_dir, paths, ..) = vault();
    let path: PathBuf = paths.data.join("index");
    for (n, whole) in [(10, 4), (CHUNK, CHUNK), (CHUNK + 5, CHUNK), (2 * CHUNK + 5, CHUNK + 3), (2 * CHUNK, 0)] {
        let mut bytes = numbers(n);
        write_atomically(&path, &bytes).unwrap();
        for more in [0, 3, CHUNK + 1] {
            files::put_at(&path, whole as u64, &vec![7; more]).unwrap();
            bytes.truncate(whole);
            bytes.extend(vec![7; more]);
            assert!(read(&path).unwrap() == bytes, "{n} {whole} {more}");
        }
    }
}

#[test]
fn a_database_is_keyed_where_it_has_to_be() {
    let (dir, paths, key, _) = vault();
    let path = paths.library();
    let wanted = key.database();
    assert!(wanted.starts_with("x'") && wanted.len() == 67);
    // As the state says, whatever the file holds: a plain one put in its place is not taken.
    let header = header::load(&paths).unwrap().unwrap();
    for (state, new, there) in [
        (State::On, DatabaseKey::Key(wanted.clone()), DatabaseKey::Key(wanted.clone())),
        (State::TurningOn, DatabaseKey::Key(wanted.clone()), DatabaseKey::Either(wanted.clone())),
        (State::TurningOff, DatabaseKey::None, DatabaseKey::Either(wanted.clone())),
    ] {
        put(&paths, &header.clone().in_state(state, &key), &key).unwrap();
        let _ = fs::remove_file(&path);
        assert_eq!(database_key(&path).unwrap(), new, "{state:?}");
        fs::write(&path, b"SQLite format 3\0...").unwrap();
        assert_eq!(database_key(&path).unwrap(), there, "{state:?}");
    }
    assert!(is_plain_database(&path).unwrap());
    lock(&paths);
    assert!(database_key(&path).is_err());
    assert_eq!(database_key(&dir.path().join("own.sqlite")).unwrap(), DatabaseKey::None);
}

#[test]
fn nobody_turns_it_on_beneath_another_process() {
    let (_dir, paths, ..) = vault();
    let one = enter(&paths).unwrap();
    let two = enter(&paths).unwrap();
    assert!(enter_alone(&paths).is_err());
    drop((one, two));
    let alone = enter_alone(&paths).unwrap();
    assert!(enter(&paths).is_err());
    drop(alone);
}

#[test]
fn a_cost_is_stored_and_bound() {
    let key = DataKey::random().unwrap();
    let (header, _) = Header::new(&key, PASS, COST).unwrap();
    assert_eq!(header.open(PASS).unwrap(), key);
    // The same characters, composed otherwise.
    let (header, _) = Header::new(&key, "schöne Gärten", COST).unwrap();
    assert_eq!(header.open("scho\u{308}ne Ga\u{308}rten").unwrap(), key);
    let cost = Cost::measured().unwrap();
    assert!(cost.memory >= 64 << 10 && cost.passes >= 2);
}
