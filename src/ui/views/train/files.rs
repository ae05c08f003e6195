//! Writes charts to files, in a thread of its own: a view never waits for a disk.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::base::paths::write_atomically;
use crate::base::{Picture, Problem, Result};

/// What is to be written.
#[derive(Clone, Debug)]
pub enum Content {
    /// Text, as it is.
    Text(String),
    /// A picture, as PNG.
    Png(Picture),
}

/// Writes files and tells how it went.
#[derive(Debug)]
pub struct Writer {
    done: (Sender<Result<PathBuf>>, Receiver<Result<PathBuf>>),
}

impl Default for Writer {
    fn default() -> Self {
        Self { done: bounded(16) }
    }
}

impl Writer {
    /// Begins to write; [`Self::poll`] tells how it went.
    pub fn write(&self, path: PathBuf, content: Content, wake: egui::Context) {
        let done = self.done.0.clone();
        let work = move || {
            let result = bytes(content).and_then(|bytes| write_atomically(&path, &bytes)).map(|()| path);
            // Nobody looks at more than a few results; one too many is dropped.
            let _ = done.try_send(result);
            wake.request_repaint();
        };
        let spawned = std::thread::Builder::new().name("chart writer".into()).spawn(work);
        if let Err(e) = spawned {
            let _ = self.done.0.try_send(Err(Problem::failed("No thread could be started to write a file").because(e)));
        }
    }

    /// What was written or failed since the last call.
    pub fn poll(&self) -> impl Iterator<Item = Result<PathBuf>> + '_ {
        self.done.1.try_iter()
    }
}

fn bytes(content: Content) -> Result<Vec<u8>> {
    match content {
        Content::Text(text) => Ok(text.into_bytes()),
        Content::Png(picture) => {
            let mut out = std::io::Cursor::new(Vec::new());
            let bad = |e: &dyn std::fmt::Display| Problem::failed("The chart could not be made a PNG").because(e);
            let image = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba)
                .ok_or_else(|| bad(&"the picture has the wrong size"))?;
            image.write_to(&mut out, image::ImageFormat::Png).map_err(|e| bad(&e))?;
            Ok(out.into_inner())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_and_failures_told() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, ctx) = (Writer::default(), egui::Context::default());
        let good = dir.path().join("chart.png");
        writer.write(good.clone(), Content::Png(Picture::filled(3, 2, [9, 8, 7, 255])), ctx.clone());
        let blocked = dir.path().join("file");
        std::fs::write(&blocked, "in the way").unwrap();
        writer.write(blocked.join("chart.csv"), Content::Text("a,b".into()), ctx);
        let (mut wrote, mut failed) = (0, 0);
        let begin = std::time::Instant::now();
        while wrote + failed < 2 && begin.elapsed().as_secs() < 20 {
            for result in writer.poll() {
                match result {
                    Ok(path) => wrote += usize::from(path == good),
                    Err(problem) => failed += usize::from(problem.subject.is_some()),
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!((wrote, failed), (1, 1));
        assert_eq!(image::open(good).unwrap().to_rgba8().get_pixel(1, 1).0, [9, 8, 7, 255]);
    }
}
