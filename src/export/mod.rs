//! What leaves the studio: pictures, sheets and films, each with its recipe inside.
//!
//! One table, [`EXPORTERS`]; [`export`] runs a row of it. To add a format, write its file and add its row.
//!
//! ```text
//! pictures ─ scale or canvas ─┬─ png            one file each, recipe in iTXt
//!                             ├─ sheet ─ png    one grid or sprite sheet
//!                             └─ film ─┬─ gif   256 colours a frame
//!                                      ├─ apng  exact, with alpha
//!                                      ├─ mp4   H.264 (openh264) in our own small container
//!                                      └─ frames
//! ```

pub mod apng;
pub mod badge;
pub mod canvas;
pub mod certificate;
pub mod certificate_key;
pub mod film;
pub mod frames;
pub mod frames_json;
pub mod gif;
pub mod metadata;
pub mod mp4;
pub mod mp4_muxer;
pub mod mp4_reader;
pub mod names;
pub mod options;
pub mod palette;
pub mod png;
pub mod read_metadata;
pub mod records;
pub mod report;
pub mod run;
pub mod scale;
pub mod sheet;
pub mod traces;
pub mod watermark;

pub use canvas::{CANVASES, NamedCanvas, place};
pub use film::{FilmSpec, FilmWriter, film};
pub use names::{file_name, free_path, today, write_new};
pub use options::ExportOptions;
pub use png::{decode, png_bytes, write_grid, write_png};
pub use read_metadata::read_recipe;
pub use run::{Shot, export};
pub use scale::{Filter, fit, scale};

use std::path::Path;

use crate::base::{Problem, Result};

/// A way out of the studio.
pub struct Exporter {
    /// What options and the command line call it.
    pub id: &'static str,
    /// What menus call it.
    pub title: &'static str,
    /// Extension of its files, without the dot; empty for folders.
    pub extension: &'static str,
    /// Another extension that its files may have.
    pub also: Option<&'static str>,
    /// What it is good for, in one sentence.
    pub help: &'static str,
    /// What becomes of several pictures.
    pub makes: Makes,
    /// Whether transparency is kept.
    pub alpha: bool,
    /// Begins a film, for formats that are films.
    pub begin: Option<Begin>,
}

/// Begins a film.
pub type Begin = fn(FilmSpec) -> Result<Box<dyn FilmWriter>>;

/// What becomes of several pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// A file each.
    Pictures,
    /// One sheet.
    Sheet,
    /// One film.
    Film,
}

impl Makes {
    /// What settings call it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Pictures => "pictures",
            Self::Sheet => "sheet",
            Self::Film => "film",
        }
    }
}

/// Every way out.
pub const EXPORTERS: &[Exporter] = &[
    Exporter {
        id: "png",
        title: "PNG pictures",
        extension: "png",
        also: None,
        help: "A file for each picture, exact, with transparency",
        makes: Makes::Pictures,
        alpha: true,
        begin: None,
    },
    Exporter {
        id: "grid",
        title: "PNG grid",
        extension: "png",
        also: None,
        help: "All pictures side by side in one file, with a line between them",
        makes: Makes::Sheet,
        alpha: true,
        begin: None,
    },
    Exporter {
        id: "sprites",
        title: "Sprite sheet",
        extension: "png",
        also: None,
        help: "All pictures edge to edge in one file, for games and animation programs",
        makes: Makes::Sheet,
        alpha: true,
        begin: None,
    },
    Exporter {
        id: "mp4",
        title: "MP4 film",
        extension: "mp4",
        also: None,
        help: "A small file that plays everywhere, sharpest at even scales; transparency becomes white",
        makes: Makes::Film,
        alpha: false,
        begin: Some(mp4::begin),
    },
    Exporter {
        id: "gif",
        title: "GIF animation",
        extension: "gif",
        also: None,
        help: "Plays for ever in any browser or chat; at most 256 colours a frame",
        makes: Makes::Film,
        alpha: true,
        begin: Some(gif::begin),
    },
    Exporter {
        id: "apng",
        title: "Animated PNG",
        extension: "png",
        also: Some("apng"),
        help: "Plays for ever in browsers, exact, with transparency; a large file",
        makes: Makes::Film,
        alpha: true,
        begin: Some(apng::begin),
    },
    Exporter {
        id: "frames",
        title: "PNG frames",
        extension: "",
        also: None,
        help: "A folder of numbered pictures, for other programs to make a film of",
        makes: Makes::Film,
        alpha: true,
        begin: Some(frames::begin),
    },
];

/// The exporter of this id.
///
/// # Errors
/// There is none; the remedy names those there are.
pub fn exporter(id: &str) -> Result<&'static Exporter> {
    EXPORTERS.iter().find(|e| e.id == id).ok_or_else(|| {
        let known: Vec<_> = EXPORTERS.iter().map(|e| e.id).collect();
        Problem::usage("There is no such format").of(id).try_this(format!("Choose one of {}", known.join(", ")))
    })
}

impl Exporter {
    /// Whether its files may end so.
    pub fn ends(&self, extension: &str) -> bool {
        extension.eq_ignore_ascii_case(self.extension) || self.also.is_some_and(|a| extension.eq_ignore_ascii_case(a))
    }

    /// Endings of its files with their dots, for a person.
    pub fn endings(&self) -> String {
        let also = self.also.map_or_else(String::new, |a| format!(" or .{a}"));
        format!(".{}{also}", self.extension)
    }
}

/// The exporter of a film with a name: by its ending, or a folder of frames where it has none.
///
/// # Errors
/// No film ends so; the remedy names the endings there are.
pub fn film_format(path: &Path) -> Result<&'static Exporter> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    EXPORTERS.iter().find(|e| e.begin.is_some() && e.ends(extension)).ok_or_else(|| {
        let known: Vec<String> =
            EXPORTERS.iter().filter(|e| e.begin.is_some() && !e.extension.is_empty()).map(Exporter::endings).collect();
        Problem::usage("No film is written under this ending").of(path.display().to_string()).try_this(format!(
            "Use a name that ends in {}, or one without ending for a folder of frames",
            known.join(", ")
        ))
    })
}

/// Largest factor pictures are enlarged by.
pub const LARGEST_SCALE: u32 = 16;

/// The factor that options ask for.
///
/// # Errors
/// It is not between 1 and 16.
pub fn factor(options: &ExportOptions) -> Result<u32> {
    if (1..=LARGEST_SCALE).contains(&options.scale) {
        return Ok(options.scale);
    }
    let remedy = format!("Choose a whole number from 1 to {LARGEST_SCALE}");
    Err(Problem::usage("Pictures cannot be enlarged so").of(format!("×{}", options.scale)).try_this(remedy))
}
