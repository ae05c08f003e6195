//! What several tests need: a home of their own, small pictures, the program itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use latent_studio::base::paths::Paths;
use latent_studio::base::rng::Stream;
use latent_studio::engine::backend::RealBackend;
use latent_studio::engine::runs::launch::{Order, ProcessLaunch};
use latent_studio::engine::studio::{Options, StudioEngine};

/// A folder that is the studio's whole world for one test.
pub struct Home {
    pub dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its folders.
    pub fn paths(&self) -> Paths {
        Paths::under(&self.path("home"))
    }

    /// The program, in this world.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latent-studio"));
        command.env("LATENT_STUDIO_HOME", self.path("home")).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and returns stdout, which must have succeeded.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        assert!(out.status.success(), "{arguments:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs what must end with this exit code and say this.
    pub fn fails(&self, arguments: &[&str], code: i32, said: &str) {
        let out = self.run(arguments);
        let told = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}

/// Writes `n` small pictures of coloured squares, all different, and returns their folder.
pub fn pictures(folder: &Path, n: u64, side: u32) -> String {
    std::fs::create_dir_all(folder).unwrap();
    for i in 0..n {
        let mut s = Stream::new(i, "test pictures");
        let (x, y) = (s.below(u64::from(side / 2)) as u32, s.below(u64::from(side / 2)) as u32);
        let colour = [s.below(256) as u8, s.below(256) as u8, s.below(256) as u8];
        let picture = image::RgbImage::from_fn(side, side, |u, v| {
            let inside = (x..x + side / 2).contains(&u) && (y..y + side / 2).contains(&v);
            image::Rgb(if inside { colour } else { [20, 30, (i % 200) as u8] })
        });
        picture.save(folder.join(format!("{i:04}.png"))).unwrap();
    }
    folder.to_str().unwrap().to_string()
}

/// The process that trains this run.
#[cfg(target_os = "linux")]
pub fn process_of(run: &Path) -> u32 {
    let dir = run.to_string_lossy().into_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains("--resume") && line.contains(&dir)
        })
        .unwrap()
}

/// The real engine in this world, whose runs are processes of the program.
pub fn engine(home: &Home) -> StudioEngine {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_latent-studio"));
    let studio = ProcessLaunch::studio(program.clone());
    let world = format!("LATENT_STUDIO_HOME={}", home.path("home").display());
    let binary = program.clone();
    let keeper = vec![world.clone().into(), binary.clone().into(), "keep".into()];
    let arguments = move |dir: &Path, order: &Order| {
        let mut all = vec![world.clone().into(), binary.clone().into_os_string()];
        all.extend((studio.arguments)(dir, order));
        all
    };
    let paths = Paths::under(&home.path("home"));
    StudioEngine::start(Options {
        launch: Box::new(ProcessLaunch { program: "/usr/bin/env".into(), arguments: Box::new(arguments), keeper }),
        backend: Arc::new(RealBackend::new(paths.clone(), "cpu")),
        program,
        paths,
    })
    .unwrap()
}

/// JSON lines of a command's output.
pub fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect()
}
