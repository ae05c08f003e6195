//! `latent-studio keep`, which the studio starts itself.

use std::path::PathBuf;

use crate::base::Result;
use crate::base::paths::Paths;
use crate::engine::runs::keeper;
use crate::engine::runs::launch::ProcessLaunch;
use crate::library::Library;

/// Starts what waits in the queue of runs until nothing does.
///
/// # Errors
/// None: what cannot be started is noted in its folder.
pub fn run(paths: &Paths) -> Result<()> {
    let program = std::env::current_exe().unwrap_or_else(|_| "latent-studio".into());
    keeper::keep(paths, &|| known(paths), &ProcessLaunch::studio(program), keeper::EVERY);
    Ok(())
}

/// Folders of runs that the library knows, wherever they lie.
pub fn known(paths: &Paths) -> Vec<PathBuf> {
    let runs = Library::open(&paths.library()).and_then(|l| l.runs()).unwrap_or_default();
    runs.into_iter().map(|run| run.dir).collect()
}
