//! Starting a run: as a process of its own, or inside this one for tests.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::base::paths::Paths;
use crate::base::vault::log::Log;
use crate::base::{Problem, Result, vault};
use crate::engine::worker::panicked;
use crate::train::folder::RunFolder;
use crate::train::identity::PictureAnswer;

/// A log larger than this is begun anew when its run is started again.
const LOG_LIMIT: u64 = 1 << 20;

/// What to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Device to train on.
    pub device: String,
    /// Thousands of pictures to stop at, in place of what the run says.
    pub kimg: Option<f64>,
    /// What is said of its pictures, if they were moved or changed.
    pub pictures: PictureAnswer,
}

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether it ended well by its own account.
    pub success: bool,
    /// How, in words: `exit code 4`, `killed by signal 9 (SIGKILL)`, …
    pub how: String,
    /// What most often makes this happen, if that is known.
    pub hint: Option<&'static str>,
}

/// A run at work.
pub trait Alive: Send {
    /// How it ended, or nothing while it works. Never waits.
    fn ended(&mut self) -> Option<Ending>;

    /// Ends it by force.
    fn kill(&mut self);
}

/// A way to start runs.
pub trait Launch: Send {
    /// Starts the run of this folder.
    ///
    /// # Errors
    /// The process or thread could not be started.
    fn launch(&self, run: &RunFolder, order: &Order) -> Result<Box<dyn Alive>>;

    /// Sees that somebody starts what waits in the queue when a run is killed; see [`super::keeper`].
    fn keep(&self) {}
}

/// Set for a process that finds the key of an encrypted library on its standard input.
pub const KEY_ON_STDIN: &str = "LATENT_STUDIO_KEY_ON_STDIN";

/// Arguments for the run of a folder.
pub type Arguments = dyn Fn(&Path, &Order) -> Vec<OsString> + Send;

/// Starts every run as a process of its own, at lower priority, that outlives this one.
pub struct ProcessLaunch {
    /// Program.
    pub program: PathBuf,
    /// Its arguments for a run.
    pub arguments: Box<Arguments>,
    /// Its arguments to keep the queue; nobody does if there are none.
    pub keeper: Vec<OsString>,
}

impl ProcessLaunch {
    /// `program train --resume RUN --json …`, as the studio's binary understands it.
    pub fn studio(program: PathBuf) -> Self {
        let arguments = |dir: &Path, order: &Order| {
            let mut arguments: Vec<OsString> = vec!["train".into(), "--resume".into(), dir.into(), "--json".into()];
            if !order.device.is_empty() {
                arguments.extend(["--device".into(), OsString::from(&order.device)]);
            }
            if let Some(kimg) = order.kimg {
                arguments.extend(["--kimg".into(), kimg.to_string().into()]);
            }
            if let Some(source) = &order.pictures.source {
                arguments.extend(["--data".into(), OsString::from(source)]);
            }
            if order.pictures.accept {
                arguments.push("--accept-data".into());
            }
            arguments
        };
        Self { program, arguments: Box::new(arguments), keeper: vec!["keep".into()] }
    }
}

impl Launch for ProcessLaunch {
    fn launch(&self, run: &RunFolder, order: &Order) -> Result<Box<dyn Alive>> {
        let path = run.log_path();
        if fs::metadata(&path).is_ok_and(|m| m.len() > LOG_LIMIT) {
            let _ = fs::remove_file(&path);
        }
        let fail = |e: &io::Error| Problem::io("The run's log could not be opened", &path, e);
        let mut log = Log::open(&path).map_err(|e| fail(&e))?;
        let appending = |_: &mut fs::File| fs::OpenOptions::new().append(true).open(&path);
        let mut command = Command::new(&self.program);
        // Messages go to the log; the events on standard output are in the run's telemetry as well.
        command.args((self.arguments)(run.dir(), order)).stdin(Stdio::null()).stdout(Stdio::null());
        match log.plain().map(appending) {
            Some(file) => command.stderr(file.map_err(|e| fail(&e))?),
            // What it says is encrypted here; once this process has ended, it says nothing more.
            None => command.stderr(Stdio::piped()),
        };
        set_apart(&mut command);
        let mut child = spawn_with_key(&mut command)
            .map_err(|e| Problem::io("The run's process could not be started", &self.program, &e))?;
        if let Some(mut said) = child.stderr.take() {
            let _ = thread::Builder::new().name("run-log".into()).spawn(move || io::copy(&mut said, &mut log));
        }
        Ok(Box::new(Process(child)))
    }

    fn keep(&self) {
        if self.keeper.is_empty() {
            return;
        }
        let mut command = Command::new(&self.program);
        command.args(&self.keeper).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        set_apart(&mut command);
        match spawn_with_key(&mut command) {
            // Waited for, so that nothing is left of it while this process lives on.
            Ok(mut keeper) => {
                let _ = thread::Builder::new().name("keeper".into()).spawn(move || keeper.wait());
            }
            Err(e) => log::warn!("nobody keeps the queue of runs: {e}"),
        }
    }
}

/// Starts a process of the studio. If this user's library is encrypted, the process gets its key, over its standard input,
/// and keeps it until it ends.
fn spawn_with_key(command: &mut Command) -> io::Result<Child> {
    let Some(key) = vault::data_key(&Paths::of_user()) else { return command.spawn() };
    let mut child = command.env(KEY_ON_STDIN, "1").stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ended at once is told of as any other.
        let _ = stdin.write_all(key.to_hex().as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    Ok(child)
}

/// Gives a process a session of its own, so that neither Ctrl+C in the window's terminal nor the terminal's closing
/// reaches it, and a lower priority than the window.
#[cfg(unix)]
pub(crate) fn set_apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only async-signal-safe calls are made: `setsid` and `setpriority` are plain
    // system calls, and neither allocates nor locks.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            libc::setpriority(libc::PRIO_PROCESS, 0, 10);
            Ok(())
        });
    }
}

#[cfg(windows)]
pub(crate) fn set_apart(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const BELOW_NORMAL_PRIORITY_CLASS: u32 = 0x4000;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(BELOW_NORMAL_PRIORITY_CLASS | CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}

#[cfg(not(any(unix, windows)))]
pub(crate) fn set_apart(_command: &mut Command) {}

struct Process(Child);

impl Alive for Process {
    fn ended(&mut self) -> Option<Ending> {
        match self.0.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(ending(status)),
            Err(e) => Some(Ending { success: false, how: e.to_string(), hint: None }),
        }
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
    }
}

/// An exit status in words.
pub fn ending(status: ExitStatus) -> Ending {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            let (name, hint) = match signal {
                libc::SIGKILL => ("SIGKILL", Some("It was killed, or the computer ran out of memory")),
                libc::SIGSEGV => ("SIGSEGV", Some("It crashed in native code; on a GPU this is most often the driver")),
                libc::SIGABRT => ("SIGABRT", Some("It aborted after an error in native code")),
                libc::SIGBUS => ("SIGBUS", Some("A file it reads became shorter, or the disk is full")),
                libc::SIGILL => ("SIGILL", Some("It used an instruction that this processor does not support")),
                libc::SIGTERM => ("SIGTERM", Some("It was asked to stop, by someone or by the system")),
                libc::SIGHUP => ("SIGHUP", None),
                _ => ("", None),
            };
            let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
            return Ending { success: false, how: format!("killed by signal {signal}{name}"), hint };
        }
    }
    let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
    Ending { success: status.success(), how, hint: None }
}

/// A run inside this process: given its folder and order, works until it is done.
pub type Inside = dyn Fn(RunFolder, Order) -> Result<()> + Send + Sync;

/// Starts every run as a thread of this process; for tests and scripts.
pub struct ThreadLaunch(pub Arc<Inside>);

impl Launch for ThreadLaunch {
    fn launch(&self, run: &RunFolder, order: &Order) -> Result<Box<dyn Alive>> {
        let (work, folder, order) = (self.0.clone(), run.clone(), order.clone());
        let thread = thread::Builder::new()
            .name("run".into())
            .spawn(move || work(folder, order))
            .map_err(|e| Problem::failed("The run's thread could not be started").because(e))?;
        Ok(Box::new(Thread(Some(thread))))
    }
}

struct Thread(Option<JoinHandle<Result<()>>>);

impl Alive for Thread {
    fn ended(&mut self) -> Option<Ending> {
        if self.0.as_ref().is_some_and(|t| !t.is_finished()) {
            return None;
        }
        let how = |how: String| Ending { success: false, how, hint: None };
        Some(match self.0.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) | None => Ending { success: true, how: "done".into(), hint: None },
            Some(Ok(Err(problem))) => how(problem.to_string()),
            Some(Err(panic)) => how(panicked("run", &*panic).to_string()),
        })
    }

    /// A thread cannot be ended by force; it ends when it is asked to stop.
    fn kill(&mut self) {}
}

/// The last lines of a run's log after byte `from`, at most `lines` of them.
pub fn last_words(log: &Path, from: u64, lines: usize) -> String {
    const MOST: usize = 16 << 10;
    // A log that was begun anew is read from its beginning.
    let from = if fs::metadata(log).map_or(0, |m| m.len()) < from { 0 } else { from };
    let Ok((bytes, _)) = vault::log::read_from(log, from) else { return String::new() };
    let bytes = &bytes[bytes.len().saturating_sub(MOST)..];
    let text = String::from_utf8_lossy(bytes);
    let mut last: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).rev().take(lines).collect();
    last.reverse();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::recipe::Recipe;

    fn run_folder() -> (tempfile::TempDir, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        (dir, run)
    }

    fn wait(alive: &mut dyn Alive) -> Ending {
        let start = Instant::now();
        loop {
            if let Some(ending) = alive.ended() {
                return ending;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it never ended");
            thread::sleep(Duration::from_millis(5));
        }
    }

    const ORDER: Order =
        Order { device: String::new(), kimg: None, pictures: PictureAnswer { source: None, accept: false } };

    #[cfg(unix)]
    fn shell(script: &str) -> ProcessLaunch {
        let script = script.to_string();
        ProcessLaunch {
            program: "/bin/sh".into(),
            arguments: Box::new(move |dir, _| vec!["-c".into(), script.clone().into(), "sh".into(), dir.into()]),
            keeper: Vec::new(),
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_process_writes_its_log_and_tells_how_it_ended() {
        let (_dir, run) = run_folder();
        let mut alive = shell("echo out; echo about $1 >&2; echo bad thing >&2; exit 4").launch(&run, &ORDER).unwrap();
        let ending = wait(&mut *alive);
        assert_eq!((ending.success, ending.how.as_str()), (false, "exit code 4"));
        let words = last_words(&run.log_path(), 0, 1);
        assert_eq!(words, "bad thing");
        assert!(last_words(&run.log_path(), 0, 9).contains("about"));
    }

    #[cfg(unix)]
    #[test]
    fn a_killed_process_is_told_by_its_signal() {
        let (_dir, run) = run_folder();
        let mut alive = shell("sleep 60").launch(&run, &ORDER).unwrap();
        assert_eq!(alive.ended(), None);
        alive.kill();
        let ending = wait(&mut *alive);
        assert!(ending.how.contains("signal 9 (SIGKILL)") && ending.hint.is_some(), "{ending:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_its_own_session_and_a_lower_priority() {
        let (_dir, run) = run_folder();
        let mut alive = shell("cat /proc/self/stat >&2; cat /proc/$$/stat >&2").launch(&run, &ORDER).unwrap();
        wait(&mut *alive);
        let log = last_words(&run.log_path(), 0, 9);
        let line = log.lines().last().unwrap();
        // Fields after the name in brackets: state, ppid, pgrp, session, …; nice is the 17th of them.
        let fields: Vec<&str> = line.rsplit_once(") ").unwrap().1.split(' ').collect();
        let pid = line.split(' ').next().unwrap();
        assert_eq!(fields[3], pid, "it leads its session: {line}");
        assert!(fields[16].parse::<i32>().unwrap() >= 10, "{line}");
    }

    #[test]
    fn the_studio_is_asked_to_go_on_with_the_run() {
        let launch = ProcessLaunch::studio("/x/latent-studio".into());
        let order = Order { device: "cpu".into(), kimg: Some(12.5), ..ORDER };
        let arguments = (launch.arguments)(Path::new("/runs/a"), &order);
        assert_eq!(arguments, ["train", "--resume", "/runs/a", "--json", "--device", "cpu", "--kimg", "12.5"]);
        let pictures = PictureAnswer { source: Some("/new place".into()), accept: true };
        let arguments = (launch.arguments)(Path::new("/runs/a"), &Order { pictures, ..ORDER });
        assert_eq!(arguments[4..], ["--data", "/new place", "--accept-data"]);
        let missing = ProcessLaunch::studio("/nowhere/at/all".into());
        let (_dir, run) = run_folder();
        assert!(missing.launch(&run, &ORDER).is_err());
    }

    #[test]
    fn a_thread_that_panics_is_an_ending() {
        let (_dir, run) = run_folder();
        let launch = ThreadLaunch(Arc::new(|_, order| if order.device == "bad" { panic!("oh") } else { Ok(()) }));
        assert!(wait(&mut *launch.launch(&run, &ORDER).unwrap()).success);
        let bad = Order { device: "bad".into(), ..ORDER };
        assert!(wait(&mut *launch.launch(&run, &bad).unwrap()).how.contains("oh"));
    }
}
