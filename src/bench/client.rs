//! A client of the engine, for measuring it from outside.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::engine::studio::{Options, StudioEngine};
use crate::engine::{Command, Engine, Event, GenerateRequest, ModelInfo};
use crate::recipe::picture::Latent;

/// Nothing that is measured takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// An engine in a home of its own.
pub struct Client {
    engine: StudioEngine,
    wake: Receiver<()>,
    _home: tempfile::TempDir,
}

impl Client {
    /// Starts the engine.
    ///
    /// # Errors
    /// It does not start.
    pub fn start() -> Result<Self> {
        let home = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
        let engine = StudioEngine::start(Options::of_user(Paths::under(home.path())))?;
        let (tell, wake) = bounded(1);
        // One waiting call is as good as many.
        engine.on_wake(Box::new(move || {
            let _ = tell.try_send(());
        }));
        Ok(Self { engine, wake, _home: home })
    }

    /// Asks for something and waits for the event that answers it.
    ///
    /// # Errors
    /// The engine says that something went wrong, or nothing at all.
    pub fn ask<T>(&self, command: Command, answer: impl Fn(Event) -> Option<T>) -> Result<T> {
        self.engine.send(command);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for event in self.engine.poll() {
                if let Event::Message(problem) = event {
                    return Err(problem);
                }
                if let Some(answer) = answer(event) {
                    return Ok(answer);
                }
            }
            // As a window does: told, or looking again with the next frame.
            let _ = self.wake.recv_timeout(Duration::from_millis(8));
        }
        Err(Problem::failed("The engine did not answer in time"))
    }

    /// Loads a model.
    ///
    /// # Errors
    /// There is no such model.
    pub fn open(&self, model: &str) -> Result<ModelInfo> {
        self.ask(Command::OpenModel { model: model.into() }, |event| match event {
            Event::ModelOpened { info, .. } => Some(*info),
            _ => None,
        })
    }

    /// Asks for pictures and waits for all of them; how many came.
    ///
    /// # Errors
    /// The model cannot be computed.
    pub fn generate(&self, model: &str, ticket: u64, latents: Vec<Latent>) -> Result<usize> {
        let request = GenerateRequest { slot: 1, ticket, model: model.into(), latents, truncation: 1.0 };
        self.ask(Command::Generate(request), |event| match event {
            Event::Generated { ticket: of, pictures, .. } if of == ticket => Some(pictures.len()),
            _ => None,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.engine.shut_down();
    }
}
