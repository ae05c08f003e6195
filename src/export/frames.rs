//! Films as a folder of numbered PNGs.

use std::io::Write;
use std::path::PathBuf;

use super::film::{FilmSpec, FilmWriter, empty, folder_of};
use super::names::free_path;
use super::png::png_bytes;
use crate::base::{Picture, Problem, Result, temp};

struct Frames {
    filling: temp::Filling,
    spec: FilmSpec,
    count: u64,
}

/// Begins a folder of frames. It gets its name when it is finished: `path`, or the next free one (`path-2`, …) if there
/// is something in it already.
///
/// # Errors
/// The folder around it cannot be written (named).
pub fn begin(spec: FilmSpec) -> Result<Box<dyn FilmWriter>> {
    let around = folder_of(&spec.path);
    let fail = |e: std::io::Error| Problem::io("Files cannot be written to this folder", around, &e);
    std::fs::create_dir_all(around).map_err(fail)?;
    temp::sweep_once(around);
    let filling = temp::folder_in(around).map_err(fail)?;
    Ok(Box::new(Frames { filling, spec, count: 0 }))
}

impl FilmWriter for Frames {
    fn frame(&mut self, p: &Picture) -> Result<()> {
        self.count += 1;
        let path = self.filling.folder.path().join(format!("{:05}.png", self.count));
        let bytes = png_bytes(p, self.spec.recipe.as_ref())?;
        let write = || {
            let mut file = std::fs::File::create(&path)?;
            file.write_all(&bytes)?;
            // Some file systems only tell now that there is no room.
            file.sync_all()
        };
        write().map_err(|e| Problem::io("This frame could not be written", &path, &e))
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        let Self { filling, spec, count } = *self;
        if count == 0 {
            return Err(empty(&spec.path));
        }
        // An empty folder, as a dialog may have made it, is taken; it cannot be removed if it is not empty.
        let _ = std::fs::remove_dir(&spec.path);
        let stem = spec.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target = free_path(folder_of(&spec.path), &stem, "");
        filling.rename(&target).map_err(|e| Problem::io("This folder could not be written", &target, &e))?;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::png::decode;
    use super::*;

    #[test]
    fn frames_are_numbered_and_a_full_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("walk");
        std::fs::create_dir(&path).unwrap();
        let spec = FilmSpec { path: path.clone(), width: 3, height: 2, fps: 30, recipe: None };
        for (round, expected) in ["walk", "walk-2"].iter().enumerate() {
            let mut film = begin(spec.clone()).unwrap();
            let sent: Vec<_> = (0..3u8).map(|i| Picture::filled(3, 2, [i, round as u8, 7, 255])).collect();
            sent.iter().for_each(|p| film.frame(p).unwrap());
            let folder = film.finish().unwrap();
            assert_eq!(folder, dir.path().join(expected));
            for (i, p) in sent.iter().enumerate() {
                let bytes = std::fs::read(folder.join(format!("{:05}.png", i + 1))).unwrap();
                assert_eq!(&decode(&bytes).unwrap(), p);
            }
        }
        assert!(begin(spec.clone()).unwrap().finish().is_err());
        drop(begin(spec).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing partial is left");
    }
}
