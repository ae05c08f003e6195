//! The command line: a client of the same floors as the window. Messages go to stderr, results to stdout.
//!
//! Exit 0 done, 2 usage, 3 bad data or file (also where some of several files were bad and the rest is done), 4 failed
//! while running, 130 interrupted.

mod atlas;
mod audit;
mod average;
mod bench;
mod certificate;
mod data;
mod directions;
mod doctor;
mod draw;
mod encoder;
mod evaluate;
mod features;
mod film;
mod forecast;
mod invert;
mod judging;
mod keep;
mod latents;
mod lists;
mod map;
mod marks;
mod notes;
mod numbers;
mod pictures;
mod prior;
mod race;
mod records;
mod report;
mod reproduce;
mod retrieve;
mod runs;
mod search;
mod signals;
mod sizing;
mod soup;
mod store;
mod thin;
mod train;
mod vault;
mod versions;
mod words;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use signals::interrupt;

use crate::base::paths::Paths;
use crate::base::progress::Watched;
use crate::base::{Problem, Resolution, Result, Severity, memory};
use crate::recipe::FeatureSpace;

/// Train GANs and VAEs on your own pictures and explore what they learned.
#[derive(Parser)]
#[command(name = "latent-studio", version, about, after_help = "Without a command the window opens.")]
struct Arguments {
    /// Replace files that are there; without it a result never takes the place of one
    #[arg(long, global = true)]
    overwrite: bool,
    /// Share without traces: what is exported names no user, folder, device or time
    #[arg(long, global = true)]
    no_traces: bool,
    /// Read the passphrase of an encrypted library from the first line of standard input
    #[arg(long, global = true)]
    passphrase_stdin: bool,
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Train a model on pictures, or resume a run
    Train(train::Train),
    /// Make pictures from seeds
    Sample(pictures::Sample),
    /// Draw pictures token by token, from words or a class
    Draw(draw::Draw),
    /// Tell whether a model's pictures, or picture files, are copies of what the model learned from
    Audit(audit::Audit),
    /// Write a report of a run as one HTML file
    Report(report::Report),
    /// Make an interpolation grid between seeds
    Interpolate(pictures::Interpolate),
    /// Make a film that interpolates between seeds
    Walk(pictures::Walk),
    /// Reconstruct pictures with a VAE: inputs above, reconstructions below
    Reconstruct(pictures::Reconstruct),
    /// Fit a prior to a VAE's codes, compare it with the standard normal
    #[command(subcommand)]
    Prior(prior::PriorTask),
    /// Find, list and apply directions through latent space
    #[command(subcommand)]
    Directions(directions::DirectionsTask),
    /// Train encoders that predict the latents of a GAN's pictures
    #[command(subcommand)]
    Encoder(encoder::EncoderTask),
    /// Find the latents of your own pictures (inversion)
    Invert(invert::Invert),
    /// Draw a part of a plane through latent space
    Map(map::Map),
    /// Print vectors of texts and pictures
    Embed(words::Embed),
    /// List pictures in the order in which a text fits them
    Match(words::Match),
    /// Teach the studio your own words, or show how well it knows words
    #[command(subcommand)]
    Words(words::Words),
    /// Lay out all pictures of a data set and a model by similarity
    Atlas(atlas::Atlas),
    /// Make a film from a timeline
    Film(film::Film),
    /// Survey data sets
    #[command(subcommand)]
    Data(data::Data),
    /// Show what goes wrong in a run, and what to do
    Doctor(doctor::Doctor),
    /// Fork runs, and show which came from which
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Score a model against data
    Evaluate(evaluate::Evaluate),
    /// Train or show the feature network behind the scores
    #[command(subcommand)]
    Features(features::Features),
    /// Show what a picture says of itself: recipe, marks, watermark, certificate
    Inspect(reproduce::Inspect),
    /// Sign exported pictures, and manage the key that signs
    #[command(subcommand)]
    Certificate(certificate::Certificates),
    /// Make a picture again from its recipe, and check that it is identical
    Reproduce(reproduce::Reproduce),
    /// List shipped, imported and trained models
    Models(lists::Models),
    /// List devices, and whether they compute correctly
    Devices(lists::Devices),
    /// Show settings and presets, check a recipe
    #[command(subcommand)]
    Recipe(lists::RecipeTask),
    /// Show what the library holds
    #[command(subcommand)]
    Library(lists::LibraryTask),
    /// Start what waits in the queue of runs; the studio calls this itself
    #[command(hide = true)]
    Keep,
    /// Measure how fast this machine is
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Runs the program; the exit code says how it went.
pub fn main() -> ExitCode {
    let kept = memory::keep();
    signals::let_writes_fail();
    let arguments = Arguments::parse();
    if !kept && matches!(arguments.command, Some(Task::Train(_))) {
        say(&Problem::usage("The allocator of this system refused its settings, so training may be slower").info());
    }
    OVERWRITE.store(arguments.overwrite, Ordering::Relaxed);
    if arguments.no_traces {
        NO_TRACES.store(true, Ordering::Relaxed);
        crate::export::metadata::leave_no_traces();
    }
    let paths = Paths::of_user();
    vault::from_stdin(arguments.passphrase_stdin);
    // Held until the end, so that nobody encrypts or decrypts the library meanwhile.
    let _in_use = match vault::enter(&paths, vault::needs(arguments.command.as_ref())) {
        Ok(held) => held,
        Err(problem) => {
            say(&problem);
            return ExitCode::from(problem.exit_code());
        }
    };
    crate::library::model_store::bring(&paths);
    let result = match arguments.command {
        None => window(paths),
        Some(Task::Train(task)) => task.run(&paths),
        Some(Task::Sample(task)) => task.run(&paths),
        Some(Task::Draw(task)) => task.run(&paths),
        Some(Task::Audit(task)) => task.run(&paths),
        Some(Task::Report(task)) => task.run(&paths),
        Some(Task::Interpolate(task)) => task.run(&paths),
        Some(Task::Walk(task)) => task.run(&paths),
        Some(Task::Reconstruct(task)) => task.run(&paths),
        Some(Task::Prior(task)) => task.run(&paths),
        Some(Task::Directions(task)) => task.run(&paths),
        Some(Task::Encoder(task)) => task.run(&paths),
        Some(Task::Invert(task)) => task.run(&paths),
        Some(Task::Map(task)) => task.run(&paths),
        Some(Task::Embed(task)) => task.run(&paths),
        Some(Task::Match(task)) => task.run(&paths),
        Some(Task::Words(task)) => task.run(&paths),
        Some(Task::Atlas(task)) => task.run(&paths),
        Some(Task::Film(task)) => task.run(&paths),
        Some(Task::Data(task)) => task.run(&paths),
        Some(Task::Doctor(task)) => task.run(),
        Some(Task::Runs(task)) => task.run(&paths),
        Some(Task::Evaluate(task)) => task.run(&paths),
        Some(Task::Features(task)) => task.run(&paths),
        Some(Task::Inspect(task)) => task.run(&paths),
        Some(Task::Certificate(task)) => task.run(&paths),
        Some(Task::Reproduce(task)) => task.run(&paths),
        Some(Task::Models(task)) => task.run(&paths),
        Some(Task::Devices(task)) => task.run(&paths),
        Some(Task::Recipe(task)) => task.run(),
        Some(Task::Library(task)) => task.run(&paths),
        Some(Task::Keep) => keep::run(&paths),
        Some(Task::Bench(task)) => task.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&problem);
            ExitCode::from(problem.exit_code())
        }
    }
}

#[cfg(feature = "gui")]
fn window(paths: Paths) -> Result<()> {
    use crate::engine::Engine;
    use crate::engine::studio::{Options, StudioEngine};
    let start =
        |paths: Paths| -> Result<Box<dyn Engine>> { Ok(Box::new(StudioEngine::start(Options::of_user(paths))?)) };
    // Held by the window itself from now on.
    let held = crate::base::vault::enter(&paths)?;
    let engine = if crate::base::vault::standing(&paths)?.is_locked() { None } else { Some(start(paths.clone())?) };
    drop(held);
    let until_picture = std::env::var_os(crate::bench::explore::UNTIL_PICTURE).is_some();
    crate::ui::open(engine, start, &paths, until_picture)
}

#[cfg(not(feature = "gui"))]
fn window(_paths: Paths) -> Result<()> {
    Err(Problem::usage("This build has no window").try_this("Give a command; --help lists them"))
}

/// Tells a person on stderr.
fn say(problem: &Problem) {
    let word = match problem.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{word}: {}", problem.what);
    for (name, text) in [("at", &problem.subject), ("why", &problem.detail), ("try", &problem.remedy)] {
        if let Some(text) = text {
            let _ = writeln!(out, "  {name}: {text}");
        }
    }
}

/// Whether results may take the place of files.
static OVERWRITE: AtomicBool = AtomicBool::new(false);

/// Whether what is exported leaves no traces.
static NO_TRACES: AtomicBool = AtomicBool::new(false);

/// Whether what is exported shall name no user, folder, device or time.
fn no_traces() -> bool {
    NO_TRACES.load(Ordering::Relaxed)
}

/// Makes sure, before the work begins, that a result takes no file's place.
///
/// # Errors
/// There is a file, and nobody said that it may be replaced.
fn may_write(path: &Path) -> Result<()> {
    if !path.is_file() || OVERWRITE.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(Problem::usage("There is a file of this name already")
        .of(path.display().to_string())
        .try_this("Choose another name, or replace the file with --overwrite"))
}

/// As [`may_write`], for a picture that is written as PNG.
fn may_write_png(path: &Path) -> Result<()> {
    crate::export::png::check_name(path)?;
    may_write(path)
}

/// Prints a result on stdout as one line of JSON.
fn print_json<T: Serialize>(value: &T) -> Result<()> {
    let text =
        serde_json::to_string(value).map_err(|e| Problem::failed("This cannot be written as JSON").because(e))?;
    print_line(&text)
}

/// Prints a line on stdout. A reader that has gone away ends the program quietly.
///
/// # Errors
/// It cannot be written: the disk that stdout leads to is full, for example.
fn print_line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(unwritten(&e)),
    }
}

/// What a person is told when the result itself could not be put out.
fn unwritten(error: &std::io::Error) -> Problem {
    let problem = Problem::io("The result could not be written", std::path::Path::new("standard output"), error);
    Problem { kind: crate::base::Kind::Failed, ..problem }
}

/// Tells a person a line on stderr. Whoever closed it, or let its disk fill up, does not want to know.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A bar on a terminal, nothing elsewhere.
fn bar(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{msg:28} {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Progress drawn as a bar, ended by Ctrl+C.
fn watched(quiet: bool) -> Watched<impl Fn(&str, u64, u64) + Sync> {
    let bar = bar(quiet);
    Watched::new(interrupt(), move |stage: &str, done, total| {
        bar.set_message(stage.to_string());
        bar.set_length(total);
        bar.set_position(done);
    })
}

/// Width and height of pictures that can be trained.
fn size(text: &str) -> std::result::Result<Resolution, String> {
    let size: Resolution = text.parse().map_err(|_| format!("this is no size. {}", Resolution::RULE))?;
    match size.refusal() {
        Some(why) => Err(format!("{why}. {}", Resolution::RULE)),
        None => Ok(size),
    }
}

/// A feature network by its name.
fn feature_space(text: &str) -> std::result::Result<FeatureSpace, String> {
    match text {
        "studio" => Ok(FeatureSpace::Studio),
        "photo" => Ok(FeatureSpace::Photo),
        _ => Err("choose studio or photo".into()),
    }
}

/// A device asked for: `auto` is the best that was found usable.
fn device(asked: &str, paths: &Paths) -> String {
    if asked != "auto" {
        return asked.to_string();
    }
    let reports = lists::probe(paths, false);
    crate::engine::devices::preferred(&reports).to_string()
}
