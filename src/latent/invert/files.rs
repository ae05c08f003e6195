//! Picture files to invert: those in folders too, and those that can be read.

use std::path::{Path, PathBuf};

use crate::base::{Picture, Problem, Result};
use crate::data::decode_file;

/// Files as they are, and the pictures in folders, by name.
///
/// # Errors
/// A folder cannot be read, or there is no picture at all.
pub fn picture_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let picture = |p: &Path| image::ImageFormat::from_path(p).is_ok_and(|f| f.reading_enabled());
    let mut out = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            out.push(input.clone());
            continue;
        }
        let entries = std::fs::read_dir(input).map_err(|e| Problem::io("This folder could not be read", input, &e))?;
        let mut here: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| picture(p)).collect();
        here.sort();
        out.extend(here);
    }
    if out.is_empty() {
        let problem = Problem::data("There are no pictures here");
        return Err(match inputs.first() {
            Some(first) => problem.of(first.display().to_string()),
            None => problem,
        });
    }
    Ok(out)
}

/// The pictures that can be read, with their places among `files`; of the others `told` hears.
///
/// # Errors
/// None can be read: what is wrong with the first.
pub fn readable(files: &[PathBuf], mut told: impl FnMut(Problem)) -> Result<Vec<(usize, Picture)>> {
    let mut out = Vec::with_capacity(files.len());
    let mut first = None;
    for (i, file) in files.iter().enumerate() {
        match decode_file(file) {
            Ok(picture) => out.push((i, picture)),
            Err(problem) if first.is_none() => first = Some(problem),
            Err(problem) => told(problem.warning()),
        }
    }
    match (first, out.is_empty()) {
        (Some(problem), true) => return Err(problem),
        (Some(problem), false) => told(problem.warning()),
        (None, _) => {}
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_opened_and_broken_files_left_out() {
        let home = tempfile::tempdir().unwrap();
        let inside = home.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        image::RgbImage::new(4, 4).save(inside.join("b.png")).unwrap();
        std::fs::write(inside.join("a.png"), b"no picture").unwrap();
        std::fs::write(inside.join("notes.txt"), b"text").unwrap();
        let files = picture_files(std::slice::from_ref(&inside)).unwrap();
        assert_eq!(files, [inside.join("a.png"), inside.join("b.png")]);
        let mut told = Vec::new();
        let read = readable(&files, |p| told.push(p)).unwrap();
        assert_eq!((read.len(), read[0].0, told.len()), (1, 1, 1));
        assert!(told[0].subject.as_ref().unwrap().contains("a.png"));
        assert!(readable(&files[..1], |_| panic!("it is the error itself")).is_err());
        let empty = home.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert!(picture_files(&[empty]).is_err());
    }
}
