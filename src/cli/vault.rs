//! `library encrypt|decrypt|unlock|lock|passphrase`, and where every other command finds the key of an encrypted library:
//! from the studio that started it, from `library unlock`, from standard input, or by asking on the terminal.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::lists::LibraryTask;
use super::{Task, print_json, print_line, tell, watched};
use crate::base::paths::Paths;
use crate::base::vault::{self, Cost, DataKey, InUse, RecoveryKey, Standing};
use crate::base::{Problem, Result};
use crate::engine::runs::launch::KEY_ON_STDIN;
use crate::library::encryption::{self, Done};

static FROM_STDIN: AtomicBool = AtomicBool::new(false);

/// Notes where passphrases come from.
pub fn from_stdin(yes: bool) {
    FROM_STDIN.store(yes, Ordering::Relaxed);
}

/// What a command needs of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it asks by itself.
    Nothing,
    /// The key where it is at hand.
    IfThere,
    /// The key.
    Key,
}

/// What a command needs.
pub fn needs(task: Option<&Task>) -> Needs {
    use LibraryTask as L;
    match task {
        None
        | Some(Task::Library(
            L::Encrypt(_) | L::Decrypt(_) | L::Unlock(_) | L::Lock(_) | L::Passphrase(_) | L::Path { .. },
        )) => Needs::Nothing,
        Some(Task::Recipe(_) | Task::Bench(_) | Task::Devices(_) | Task::Inspect(_)) => Needs::IfThere,
        Some(_) => Needs::Key,
    }
}

/// Finds the key of an encrypted library, and notes that this process works with it.
///
/// # Errors
/// The library is locked, its passphrase is wrong, or another process converts it.
pub fn enter(paths: &Paths, needs: Needs) -> Result<Option<InUse>> {
    if needs == Needs::Nothing {
        return Ok(None);
    }
    // A folder that is not there yet is made by what needs it.
    let held = if paths.data.is_dir() || needs == Needs::Key { Some(vault::enter(paths)?) } else { None };
    if vault::standing(paths)?.is_locked() {
        let found = key_of_parent().or_else(|| session_key(paths)).map(|key| vault::unlock_with(paths, key));
        match (found, needs) {
            (Some(Ok(_)), _) => {}
            (Some(Err(problem)), Needs::Key) if std::env::var_os(KEY_ON_STDIN).is_some() => return Err(problem),
            (_, Needs::IfThere) if !FROM_STDIN.load(Ordering::Relaxed) => {}
            _ => open(paths)?,
        }
    }
    Ok(held)
}

/// Asks for the secret of a locked library.
fn open(paths: &Paths) -> Result<()> {
    if !vault::standing(paths)?.is_locked() {
        return Ok(());
    }
    let secret = ask("Passphrase or recovery key: ")?.ok_or_else(vault::locked)?;
    vault::unlock(paths, &secret).map(|_| ())
}

/// The key that the process which started this one handed over.
fn key_of_parent() -> Option<DataKey> {
    std::env::var_os(KEY_ON_STDIN)?;
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).ok()?;
    DataKey::from_hex(&line)
}

/// A line from standard input, or from the terminal without showing it; nothing where there is neither.
fn ask(prompt: &str) -> Result<Option<Zeroizing<String>>> {
    let stdin = std::io::stdin();
    let hidden = if FROM_STDIN.load(Ordering::Relaxed) {
        None
    } else if stdin.is_terminal() && std::io::stderr().is_terminal() {
        let mut out = std::io::stderr();
        let _ = write!(out, "{prompt}").and_then(|()| out.flush());
        Some(Hidden::begin())
    } else {
        return Ok(None);
    };
    let mut line = Zeroizing::new(String::new());
    let read = stdin.lock().read_line(&mut line);
    if hidden.is_some() {
        tell("");
    }
    read.map_err(|e| Problem::usage("The passphrase could not be read from standard input").because(e))?;
    Ok(Some(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_string())))
}

fn must_ask(prompt: &str) -> Result<Zeroizing<String>> {
    ask(prompt)?.ok_or_else(|| {
        Problem::usage("A passphrase is needed, and there is no terminal to ask on")
            .try_this("Write it to standard input and give --passphrase-stdin")
    })
}

/// A new passphrase: on a terminal asked for twice.
fn ask_new() -> Result<Zeroizing<String>> {
    let one = must_ask("New passphrase: ")?;
    vault::header::check_passphrase(&one)?;
    if !FROM_STDIN.load(Ordering::Relaxed) && *must_ask("Once more: ")? != *one {
        return Err(Problem::usage("The two passphrases are not the same"));
    }
    Ok(one)
}

/// Keeps what is typed from being shown, until it is dropped.
struct Hidden {
    #[cfg(unix)]
    before: Option<libc::termios>,
}

impl Hidden {
    #[cfg(unix)]
    fn begin() -> Self {
        // SAFETY: the structure is filled by the call before it is used, and the file descriptor is standard input.
        let before = unsafe {
            let mut state: libc::termios = std::mem::zeroed();
            (libc::tcgetattr(0, &raw mut state) == 0).then_some(state)
        };
        if let Some(mut state) = before {
            state.c_lflag &= !libc::ECHO;
            // SAFETY: as above.
            unsafe { libc::tcsetattr(0, libc::TCSAFLUSH, &raw const state) };
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn begin() -> Self {
        Self {}
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(state) = self.before {
            // SAFETY: the state is the one that was read before.
            unsafe { libc::tcsetattr(0, libc::TCSAFLUSH, &raw const state) };
        }
    }
}

/// Arguments of tasks that only print.
#[derive(Args)]
pub struct Plain {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `library passphrase`.
#[derive(Args)]
pub struct Passphrase {
    /// Replace the recovery key in place of the passphrase
    #[arg(long)]
    new_recovery_key: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

const LOSS: &str = "Whoever loses both the passphrase and the recovery key loses everything in the library.";

fn told(recovery: &RecoveryKey, json: bool) -> Result<()> {
    let text = recovery.to_text();
    if json {
        return print_json(&json!({ "recovery_key": *text }));
    }
    print_line(&format!("recovery key: {}", *text))?;
    tell(&format!("Write it down now; it is not shown again. {LOSS}"));
    Ok(())
}

fn done(done: Done, word: &str, json: bool) -> Result<()> {
    if json {
        return print_json(&json!({ "state": word, "files": done.files, "bytes": done.bytes }));
    }
    print_line(&format!("{word}: {} files, {:.1} MB", done.files, done.bytes as f64 / 1e6))
}

/// Encrypts the library.
///
/// # Errors
/// As [`encryption::turn_on`].
pub fn encrypt(task: &Plain, paths: &Paths) -> Result<()> {
    let before = vault::standing(paths)?;
    open(paths)?;
    let passphrase = match before {
        Standing::Plain => ask_new()?,
        _ => Zeroizing::default(),
    };
    let cost = Cost::measured()?;
    let all = encryption::turn_on(paths, &passphrase, cost, &mut |key| told(key, task.json), &watched(task.json))?;
    done(all, "encrypted", task.json)
}

/// Makes the library plain again.
///
/// # Errors
/// As [`encryption::turn_off`].
pub fn decrypt(task: &Plain, paths: &Paths) -> Result<()> {
    open(paths)?;
    // Named by the header, which is gone afterwards.
    let kept = session(paths);
    let all = encryption::turn_off(paths, &watched(task.json))?;
    if let Some(kept) = kept {
        let _ = std::fs::remove_file(kept);
    }
    done(all, "plain", task.json)
}

/// Keeps the key for later commands.
///
/// # Errors
/// The passphrase is wrong, or this system has no memory for it.
pub fn unlock(task: &Plain, paths: &Paths) -> Result<()> {
    if vault::standing(paths)? == Standing::Plain {
        return Err(vault::not_encrypted());
    }
    let place = session(paths).ok_or_else(|| {
        Problem::failed("This system has no folder in memory for a user's session, so no key is kept")
            .try_this("Give the passphrase to each command with --passphrase-stdin")
    })?;
    open(paths)?;
    let key = vault::data_key(paths).ok_or_else(vault::locked)?;
    let fail = |e: std::io::Error| Problem::io("The key could not be kept", &place, &e);
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&place).and_then(|mut f| f.write_all(key.to_hex().as_bytes())).map_err(fail)?;
    state(task, "unlocked")
}

/// Forgets the key that was kept.
///
/// # Errors
/// The library is not encrypted.
pub fn lock(task: &Plain, paths: &Paths) -> Result<()> {
    if vault::standing(paths)? == Standing::Plain {
        return Err(vault::not_encrypted());
    }
    forget(paths);
    state(task, "locked")?;
    if !task.json {
        tell("A window or a run that is on keeps its key until it ends or is locked.");
    }
    Ok(())
}

fn state(task: &Plain, word: &str) -> Result<()> {
    if task.json { print_json(&json!({ "state": word })) } else { print_line(word) }
}

fn forget(paths: &Paths) {
    if let Some(place) = session(paths) {
        let _ = std::fs::remove_file(place);
    }
}

/// Where `library unlock` keeps the key: in the user's folder of this session, which lies in memory.
fn session(paths: &Paths) -> Option<PathBuf> {
    let header = vault::header::load(paths).ok().flatten()?;
    let folder = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    in_memory(&folder).then(|| {
        let name: String = header.id.0.iter().map(|b| format!("{b:02x}")).collect();
        folder.join("latent-studio").join(name)
    })
}

/// Whether a folder is never written to a disk.
#[cfg(target_os = "linux")]
fn in_memory(folder: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58F6;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path ends in zero, and the structure is filled by the call before it is read.
    let kind = unsafe {
        let mut about: libc::statfs = std::mem::zeroed();
        (libc::statfs(path.as_ptr(), &raw mut about) == 0).then_some(about.f_type as i64)
    };
    kind.is_some_and(|k| k == TMPFS || k == RAMFS)
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_: &std::path::Path) -> bool {
    false
}

fn session_key(paths: &Paths) -> Option<DataKey> {
    let text = Zeroizing::new(std::fs::read_to_string(session(paths)?).ok()?);
    DataKey::from_hex(&text)
}

impl Passphrase {
    /// Replaces the passphrase or the recovery key.
    ///
    /// # Errors
    /// The old one is wrong, or the new one too short.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if vault::standing(paths)? == Standing::Plain {
            return Err(vault::not_encrypted());
        }
        let old = must_ask("Passphrase or recovery key: ")?;
        if self.new_recovery_key {
            return told(&encryption::change_recovery(paths, &old)?, self.json);
        }
        // A wrong one is told before a new one is asked for.
        vault::unlock(paths, &old)?;
        encryption::change_passphrase(paths, &old, &ask_new()?)?;
        state(&Plain { json: self.json }, "changed")
    }
}
