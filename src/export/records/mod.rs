//! What other programs are told of a run: TensorBoard, MLflow, trackio.
//!
//! Each way is told everything each time, and adds what is missing: an export can be repeated, or repeated while the run
//! goes on. A run is the same one however often its folder is renamed: it has an identity ([`run_log::RunLog::id`]).

mod database;
mod event_file;
mod http;
mod mlflow;
mod mlflow_file;
mod mlflow_server;
pub mod run_log;
mod tensorboard;
#[cfg(test)]
pub mod testing;
mod tls;
mod trackio;

use std::path::PathBuf;

use serde::Serialize;

use crate::base::Result;
use run_log::RunLog;

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Written {
    /// File, folder or address.
    pub place: String,
    /// Files that were looked after, or sent.
    pub files: u64,
    /// What was new: bytes of event files, points or rows elsewhere.
    pub added: u64,
}

/// Who is told.
pub enum Target {
    /// TensorBoard, by files below a folder.
    TensorBoard(PathBuf),
    /// MLflow, by its database.
    MlflowFile(PathBuf),
    /// MLflow, by its server.
    MlflowServer(Box<mlflow_server::Server>),
    /// Trackio, by the file of a project.
    Trackio(PathBuf),
}

impl Target {
    /// MLflow by what a person wrote: the address of a server, or a database.
    ///
    /// # Errors
    /// An address is none, or asks for encryption.
    pub fn mlflow(place: &str) -> Result<Self> {
        if place.contains("://") {
            return Ok(Self::MlflowServer(Box::new(mlflow_server::Server::of(place)?)));
        }
        Ok(Self::MlflowFile(place.into()))
    }

    /// What the command line calls it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::TensorBoard(_) => "tensorboard",
            Self::MlflowFile(_) | Self::MlflowServer(_) => "mlflow",
            Self::Trackio(_) => "trackio",
        }
    }

    /// Tells it everything of a run that it does not know yet.
    ///
    /// # Errors
    /// It cannot be written or reached, or is of another version.
    pub fn write(&mut self, log: &RunLog) -> Result<Written> {
        match self {
            Self::TensorBoard(root) => tensorboard::write(log, root),
            Self::MlflowFile(path) => mlflow_file::write(log, path),
            Self::MlflowServer(server) => server.write(log),
            Self::Trackio(path) => trackio::write(log, path),
        }
    }
}
