//! Damaged files of every kind, made from small whole ones: none may end the program or ask for much.
//!
//! A process of its own reads them, so that what it allocates can be counted and a crash names its file. Cases are
//! numbered; the number of a case gives the same file again:
//! `LATENT_STUDIO_MUTATE_CASE=png:17 cargo test --release --test studio mutate`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use latent_studio::base::rng::Stream;

use crate::seeds::{Kind, kinds};

/// Seconds for all kinds together, unless `LATENT_STUDIO_MUTATE_SECONDS` says otherwise.
const SECONDS: f64 = 4.0;
/// Bytes that may be held at once while a case of any kind is read, beside what each of its bytes may take.
const HELD: i64 = 384 << 20;
/// And never more than this.
const MOST_HELD: i64 = 4 << 30;
/// Bytes that may be asked for in all while a case is read, one after another.
const ASKED: u64 = 16 << 30;

/// Counts what is allocated while [`ON`].
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
/// Bytes held, less what was held before counting began.
static NOW: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);
static ALL: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

fn more(bytes: usize) {
    if ON.load(Relaxed) {
        let now = NOW.fetch_add(bytes as i64, Relaxed) + bytes as i64;
        MOST.fetch_max(now, Relaxed);
        ALL.fetch_add(bytes as u64, Relaxed);
    }
}

fn less(bytes: usize) {
    if ON.load(Relaxed) {
        NOW.fetch_sub(bytes as i64, Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        less(layout.size());
        more(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Notes panics that the studio catches because a foreign decoder may have them; its own code has none.
struct Caught;

static OWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Caught {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().ends_with("panics")
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = if self.enabled(record.metadata()) { record.args().to_string() } else { return };
        let foreign = ["/registry/", "/rustc/", "/rustlib/"].iter().any(|of| text.contains(of));
        if !foreign {
            OWN.lock().unwrap().push(text);
        }
    }

    fn flush(&self) {}
}

/// Numbers that headers are made of, where they hurt.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// The file of a case.
fn mutated(seeds: &[Vec<u8>], s: &mut Stream) -> Vec<u8> {
    let pick = |s: &mut Stream, n: usize| s.below(n.max(1) as u64) as usize;
    let mut bytes = seeds[pick(s, seeds.len())].clone();
    for _ in 0..=s.below(3) {
        let n = bytes.len();
        // Headers stand at the beginning and at the end.
        let at = match s.below(4) {
            0 => pick(s, n.min(64)),
            1 => n.saturating_sub(1 + pick(s, n.min(64))),
            _ => pick(s, n),
        };
        let some = 1 + pick(s, 64);
        match s.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.get_mut(at).into_iter().for_each(|b| *b ^= 1 << s.below(8)),
            2 => bytes.get_mut(at).into_iter().for_each(|b| *b = s.bits() as u8),
            3 => drop(bytes.drain(at..(at + some).min(n))),
            4 => {
                let part: Vec<u8> = bytes[at..(at + some).min(n)].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let other = &seeds[pick(s, seeds.len())];
                let from = pick(s, other.len());
                bytes.splice(at.min(n).., other[from..].iter().copied());
            }
            6 => {
                let noise: Vec<u8> = (0..some).map(|_| s.bits() as u8).collect();
                bytes.splice(at..at, noise);
            }
            7 => {
                let value = EDGES[pick(s, EDGES.len())];
                let width = [1, 2, 4, 8][pick(s, 4)];
                let small = value.to_le_bytes();
                let big: Vec<u8> = small[..width].iter().rev().copied().collect();
                let new = if s.below(2) == 0 { &small[..width] } else { &big[..] };
                bytes.iter_mut().skip(at).zip(new).for_each(|(b, v)| *b = *v);
            }
            _ => {
                // A number in a text, made larger.
                if let Some(digit) = bytes.iter().skip(at).position(u8::is_ascii_digit) {
                    let value = EDGES[pick(s, EDGES.len())].to_string();
                    bytes.splice(at + digit..=at + digit, value.into_bytes());
                }
            }
        }
    }
    bytes
}

fn case(kind: &Kind, number: u64, dir: &Path) {
    let mut stream = Stream::new(number, kind.name);
    let mut bytes = mutated(&kind.seeds, &mut stream);
    if stream.below(2) == 0 {
        (kind.mend)(&mut bytes);
    }
    std::fs::write(dir.join("case"), format!("{}:{number}", kind.name)).unwrap();
    NOW.store(0, Relaxed);
    MOST.store(0, Relaxed);
    ALL.store(0, Relaxed);
    ON.store(true, Relaxed);
    (kind.read)(&bytes, dir);
    ON.store(false, Relaxed);
    let (held, asked) = (MOST.load(Relaxed), ALL.load(Relaxed));
    let most = (HELD + kind.each * bytes.len() as i64).min(MOST_HELD);
    assert!(held <= most, "{}:{number} of {} bytes held {} MiB at once", kind.name, bytes.len(), held >> 20);
    assert!(asked <= ASKED, "{}:{number} of {} bytes asked for {} MiB in all", kind.name, bytes.len(), asked >> 20);
    let own = std::mem::take(&mut *OWN.lock().unwrap());
    assert!(own.is_empty(), "{}:{number} of {} bytes: {own:?}", kind.name, bytes.len());
}

/// The process that reads; started by the test below.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn reader_of_damaged_files() {
    let Ok(seconds) = std::env::var("LATENT_STUDIO_MUTATE_READER") else { return };
    let dir = std::path::PathBuf::from(std::env::var("LATENT_STUDIO_MUTATE_DIR").unwrap());
    let kinds = kinds();
    if log::set_logger(&Caught).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
    // Tables that are made once are made before anything is counted.
    for kind in &kinds {
        for (i, seed) in kind.seeds.iter().enumerate() {
            assert!((kind.read)(seed, &dir), "the whole file {i} of {} is refused", kind.name);
        }
    }
    if let Ok(only) = std::env::var("LATENT_STUDIO_MUTATE_CASE") {
        let (name, number) = only.split_once(':').unwrap();
        let kind = kinds.iter().find(|k| k.name == name).unwrap();
        case(kind, number.parse().unwrap(), &dir);
        return println!("cases: {only}");
    }
    let each = Duration::from_secs_f64(seconds.parse::<f64>().unwrap() / kinds.len() as f64);
    let mut counts = Vec::new();
    for kind in &kinds {
        let started = Instant::now();
        let (mut number, mut slowest) = (0, (Duration::ZERO, 0));
        while number < 8 || started.elapsed() < each {
            let begun = Instant::now();
            case(kind, number, &dir);
            slowest = slowest.max((begun.elapsed(), number));
            number += 1;
        }
        counts.push(format!("{} {number} (longest {:?}: {})", kind.name, slowest.0, slowest.1));
    }
    println!("cases: {}", counts.join(", "));
}

#[test]
fn damaged_files_end_nothing_and_ask_for_little() {
    let seconds = std::env::var("LATENT_STUDIO_MUTATE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(SECONDS);
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let into = File::create(&said).unwrap();
    let mut reader = Command::new(std::env::current_exe().unwrap())
        .args(["mutate::reader_of_damaged_files", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("LATENT_STUDIO_MUTATE_READER", seconds.to_string())
        .env("LATENT_STUDIO_MUTATE_DIR", dir.path())
        .stdout(into.try_clone().unwrap())
        .stderr(into)
        .spawn()
        .unwrap();
    // A file that is read without end is named rather than waited for.
    let last = Instant::now() + Duration::from_secs_f64(3.0 * seconds) + Duration::from_secs(300);
    let status = loop {
        match reader.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > last => {
                reader.kill().unwrap();
                break reader.wait().unwrap();
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let text = String::from_utf8_lossy(&std::fs::read(&said).unwrap()).into_owned();
    let case = std::fs::read_to_string(dir.path().join("case")).unwrap_or_default();
    let counts = text.lines().find(|l| l.contains("cases: ")).filter(|_| status.success());
    println!("{}", counts.unwrap_or_else(|| panic!("{status} at case {case}:\n{text}")));
}
