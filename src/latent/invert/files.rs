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

/// The pictures that can be read, with their places among `files`, and what is wrong with each of the others.
pub fn readable(files: &[PathBuf]) -> (Vec<(usize, Picture)>, Vec<Problem>) {
    let (mut out, mut broken) = (Vec::with_capacity(files.len()), Vec::new());
    for (i, file) in files.iter().enumerate() {
        match decode_file(file) {
            Ok(picture) => out.push((i, picture)),
            Err(problem) => broken.push(problem.warning()),
        }
    }
    (out, broken)
}

/// What is said at the end of work on so many files, some of which were broken, each of which has been told.
///
/// # Errors
/// Some were broken.
pub fn all_of(broken: usize, total: usize) -> Result<()> {
    match broken {
        0 => Ok(()),
        _ if broken == total => Err(Problem::data("None of these pictures can be read").of(format!("{total} files"))),
        _ => {
            let rest = total - broken;
            let done = format!("The other {rest} {} done", if rest == 1 { "is" } else { "are" });
            Err(Problem::data("Some pictures could not be read").of(format!("{broken} of {total}")).because(done))
        }
    }
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
        let (read, broken) = readable(&files);
        assert_eq!((read.len(), read[0].0, broken.len()), (1, 1, 1));
        assert!(broken[0].subject.as_ref().unwrap().contains("a.png"));
        let (read, broken) = readable(&files[..1]);
        assert_eq!((read.len(), broken.len()), (0, 1));
        all_of(0, 2).unwrap();
        assert_eq!(all_of(1, 2).unwrap_err().exit_code(), 3);
        assert!(all_of(2, 2).unwrap_err().what.starts_with("None"));
        let empty = home.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert!(picture_files(&[empty]).is_err());
    }
}
