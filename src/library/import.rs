//! Pictures of data sets into the library: read on all threads, written in steps. What is there already is passed by, so
//! an import that was stopped, or killed, goes on where it was when it is asked for again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crossbeam_channel::bounded;
use rayon::prelude::*;

use super::imported::{NewImported, place};
use super::items::THUMB;
use super::{Imported, Library, similarity};
use crate::base::{Problem, Progress, Result};
use crate::data::{self, BrokenFile, ImageSource, Opening};
use crate::export::{fit, png, read_recipe};
use crate::recipe::Reading;
use crate::recipe::picture::KEY;

/// Pictures that are written in one step.
const TOGETHER: usize = 1000;
/// The same in the background, where every step may have to wait.
const FEW: usize = 32;
/// Bytes of a file in which marks of other programs are looked for.
const HEAD: u64 = 64 << 10;
/// What files that a model made say of themselves: the digital source types of IPTC, and the settings that common programs
/// write into PNG texts.
const MARKS: [&[u8]; 5] = [
    b"trainedAlgorithmicMedia",
    b"compositeWithTrainedAlgorithmicMedia",
    b"tEXtparameters\0",
    b"tEXtsd-metadata\0",
    b"tEXtprompt\0",
];

/// What became of an import.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Report {
    /// Pictures that are new or have changed.
    pub added: u64,
    /// Pictures that were there already.
    pub known: u64,
    /// Pictures that could not be read: name and reason.
    pub broken: Vec<(String, String)>,
}

/// Notes the pictures of a source, and of archives, IDX and CIFAR files inside of a folder, each of which is a source of its
/// own. `dataset` is the name that filters know them by; without one it is that of each source.
///
/// # Errors
/// The source cannot be read or has no pictures, the library cannot be written (what was noted by then stays), or it was
/// cancelled (likewise).
pub fn import(library: &Library, spec: &str, dataset: Option<&str>, progress: &dyn Progress) -> Result<Report> {
    let (spec, _) = data::typed(spec);
    let mut report = Report::default();
    // Each line is a source of its own, so that every picture is named by where it is.
    for line in spec.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let within = data::within(line);
        if !within.instead {
            whole(library, line, dataset, &within.sources, progress, &mut report)?;
        }
        for inner in &within.sources {
            if let Err(problem) = whole(library, inner, dataset, &[], progress, &mut report) {
                progress.cancel().check()?;
                report.broken.push((inner.clone(), problem.what));
            }
        }
    }
    Ok(report)
}

/// Notes the pictures of a source of one line, but those of the sources inside of it.
fn whole(
    library: &Library,
    line: &str,
    dataset: Option<&str>,
    inside: &[String],
    progress: &dyn Progress,
    report: &mut Report,
) -> Result<()> {
    let source = data::open_as(line, Opening { reading: Reading::default(), progress })?;
    // What is a source of its own is not broken.
    let own = |file: &str| inside.iter().any(|s| data::path_of(s).starts_with(data::path_of(line).join(file)));
    let broken = source.listed_broken().iter().filter(|b| !own(&b.file));
    report.broken.extend(broken.map(|BrokenFile { file, reason }| (file.clone(), reason.clone())));
    if source.is_empty() {
        return match inside.is_empty() && source.listed_broken().is_empty() {
            true => Err(Problem::data("There are no pictures here")
                .of(line)
                .try_this("Give a folder or a file of pictures")),
            false => Ok(()),
        };
    }
    let name = dataset.map(str::to_owned).or_else(|| data::name_of(line)).unwrap_or_else(|| source.kind().to_string());
    one(library, line, &name, source.as_ref(), TOGETHER, progress, report)?;
    library.note_dataset(line, source.len() as u64)
}

fn one(
    library: &Library,
    spec: &str,
    dataset: &str,
    source: &dyn ImageSource,
    together: usize,
    progress: &dyn Progress,
    report: &mut Report,
) -> Result<()> {
    let known = library.imported_from(spec)?;
    let whole = source.fingerprint()?;
    let reader = Reader { spec, dataset, source, whole: whole.clone(), known: &known };
    let total = source.len() as u64;
    let mut done = 0;
    let places: Vec<usize> = (0..source.len()).collect();
    std::thread::scope(|scope| {
        // One step is read while another is written.
        let (send, steps) = bounded(1);
        let cancel = progress.cancel().clone();
        scope.spawn(move || {
            for step in places.chunks(together) {
                let read: Vec<Outcome> = step.par_iter().map(|i| reader.read(*i)).collect();
                if cancel.is_cancelled() || send.send(read).is_err() {
                    return;
                }
            }
        });
        for step in steps {
            progress.cancel().check()?;
            done += step.len() as u64;
            let mut new = Vec::with_capacity(step.len());
            for outcome in step {
                match outcome {
                    Outcome::New(picture) => new.push(*picture),
                    Outcome::Known => report.known += 1,
                    Outcome::Broken(name, reason) => report.broken.push((name, reason)),
                }
            }
            library.add_imported(&new)?;
            report.added += new.len() as u64;
            progress.report("Importing pictures", done, total);
        }
        progress.cancel().check()
    })?;
    library.note_whole(spec, &whole)
}

/// What became of a source that was looked after.
#[derive(Clone, Debug, PartialEq)]
pub enum Gathered {
    /// It is as it was when it was imported whole.
    Same,
    /// It has so many pictures, more than are imported without being asked for.
    Large(u64),
    /// It was imported, or what is new or has changed of it.
    Imported(Report),
}

/// Imports a source of one line if it was not, or has changed since, unless it has more than `most` pictures. It keeps the
/// name that it has in the library, and does not count as used. `progress` is told after every few pictures and may wait.
///
/// # Errors
/// As for [`import`].
pub fn gather(library: &Library, spec: &str, most: u64, progress: &dyn Progress) -> Result<Gathered> {
    let source = data::open_as(spec, Opening { reading: Reading::default(), progress })?;
    if library.whole(spec)? == Some(source.fingerprint()?) {
        return Ok(Gathered::Same);
    }
    let pictures = source.len() as u64;
    if pictures > most {
        return Ok(Gathered::Large(pictures));
    }
    let mut report = Report::default();
    let name = library.imported_as(spec)?.or_else(|| data::name_of(spec)).unwrap_or_else(|| source.kind().to_string());
    one(library, spec, &name, source.as_ref(), FEW, progress, &mut report)?;
    Ok(Gathered::Imported(report))
}

enum Outcome {
    New(Box<NewImported>),
    Known,
    Broken(String, String),
}

/// Reads pictures of a source.
struct Reader<'a> {
    spec: &'a str,
    dataset: &'a str,
    source: &'a dyn ImageSource,
    /// Fingerprint of the source.
    whole: String,
    known: &'a HashMap<String, String>,
}

impl Reader<'_> {
    fn read(&self, i: usize) -> Outcome {
        let name = self.source.name(i);
        let path = place(self.spec, &name);
        let stamp = stamp(&path).unwrap_or_else(|| self.whole.clone());
        if self.known.get(&name) == Some(&stamp) {
            return Outcome::Known;
        }
        match self.picture(i, name.clone(), path, stamp) {
            Ok(new) => Outcome::New(Box::new(new)),
            Err(problem) => Outcome::Broken(name, problem.what),
        }
    }

    fn picture(&self, i: usize, name: String, path: PathBuf, stamp: String) -> Result<NewImported> {
        // Pictures of the studio's own making are refused by a source to learn from, not by a library.
        let decoded = self.source.decode(i);
        let picture = if decoded.is_err() && path.is_file() { data::decode_file(&path) } else { decoded }?;
        let made_by = origin(&path);
        let labels = self.source.labels();
        let some = |text: &String| !text.trim().is_empty();
        let label = self.source.label(i).and_then(|l| labels.get(l as usize).cloned()).filter(some);
        let small = fit(&picture, THUMB);
        Ok(NewImported {
            about: Imported {
                dataset: self.dataset.into(),
                real: made_by.is_none(),
                label,
                caption: self.source.caption(i).filter(some),
                source: self.spec.into(),
                name,
            },
            path,
            stamp,
            width: picture.width,
            height: picture.height,
            thumb: png::thumb_bytes(&small)?,
            look: similarity::look(&small),
            model: made_by.unwrap_or_default(),
        })
    }
}

/// Size and time of a file.
fn stamp(path: &Path) -> Option<String> {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
    Some(format!("{}-{time}", meta.len()))
}

/// The name of the model that made a file by its marks, empty where it is not said; none for a real picture, as which
/// every file without a mark counts.
fn origin(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut head = Vec::new();
    crate::base::vault::File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let holds = |mark: &[u8]| head.windows(mark.len()).any(|w| w == mark);
    if holds(KEY.as_bytes())
        && let Ok(Some(recipe)) = read_recipe(path)
    {
        return Some(recipe.model);
    }
    MARKS.iter().any(|mark| holds(mark)).then(String::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Picture;
    use crate::base::progress::Quiet;
    use crate::library::{Condition, ItemFilter, Shelf};
    use crate::recipe::picture::{Latent, PictureRecipe};

    fn imported(text: &str, conditions: &str) -> ItemFilter {
        let conditions = Condition::all(conditions).unwrap();
        ItemFilter { text: text.into(), shelf: Shelf::Imported, conditions, ..ItemFilter::default() }
    }

    fn write(path: &Path, colour: u8, recipe: Option<&PictureRecipe>) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = png::png_bytes(&Picture::filled(20, 10, [colour, 9, 9, 255]), recipe).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn recipe() -> PictureRecipe {
        PictureRecipe {
            studio: "1".into(),
            model: "faces".into(),
            model_hash: "h".into(),
            latent: Latent::Seed { seed: 1 },
            truncation: 1.0,
            made_by: "sample".into(),
            scale: 1,
            filter: "nearest".into(),
            grid: None,
            device: "cpu".into(),
            prior: None,
            canvas: None,
            watermark: None,
        }
    }

    /// A folder with two labels, one picture that a model made and one that is none.
    fn folder(dir: &Path) -> String {
        for i in 0..6 {
            write(&dir.join(if i % 2 == 0 { format!("boots/{i}.png") } else { format!("hats/{i}.png") }), i, None);
        }
        write(&dir.join("hats/made.png"), 99, Some(&recipe()));
        std::fs::write(dir.join("hats/broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
        dir.display().to_string()
    }

    #[test]
    fn a_folder_is_imported_once_and_what_changed_again() {
        let home = tempfile::tempdir().unwrap();
        let spec = folder(&home.path().join("clothes"));
        let library = Library::open(&home.path().join("library.sqlite")).unwrap();
        let report = import(&library, &spec, None, &Quiet::default()).unwrap();
        assert_eq!((report.added, report.known, report.broken.len()), (7, 0, 1), "{report:?}");
        assert!(report.broken[0].0.contains("broken.png"));
        let count = |text: &str, conditions: &str| library.count(&imported(text, conditions)).unwrap();
        assert_eq!((count("", "label=boots"), count("", "label!=boots"), count("hats", "")), (3, 4, 4));
        assert_eq!((count("", "origin=real"), count("", "origin=generated"), count("faces", "")), (6, 1, 1));
        assert_eq!((count("", "data=Clothes width>=20"), count("", "width>20"), count("", "data=other")), (7, 0, 0));
        assert_eq!(library.count(&ItemFilter::default()).unwrap(), 0, "the gallery of kept pictures stays as it is");
        assert_eq!(library.imported_sets().unwrap(), [("clothes".to_string(), 7)]);
        let again = import(&library, &spec, None, &Quiet::default()).unwrap();
        assert_eq!((again.added, again.known), (0, 7));
        // A changed file is read again and keeps its number, rating and tags; its vectors go.
        let item = library.items(&imported("", "name=boots/0.png")).unwrap().remove(0);
        library.rate(&[item.id], 5).unwrap();
        let (space, _) = library.space("photo", "net", 2).unwrap();
        library.put_vectors(&space, &[(item.id, vec![1.0, 0.0])]).unwrap();
        let file = home.path().join("clothes/boots/0.png");
        std::fs::write(&file, png::png_bytes(&Picture::filled(40, 40, [1, 2, 3, 255]), None).unwrap()).unwrap();
        let again = import(&library, &spec, None, &Quiet::default()).unwrap();
        assert_eq!((again.added, again.known), (1, 6));
        let now = library.item(item.id).unwrap().unwrap();
        assert_eq!((now.width, now.rating, now.path.as_path()), (40, 5, file.as_path()));
        assert_eq!(library.count_vectors(space.id).unwrap(), 0);
        // One that was only touched is noted anew and keeps them.
        library.put_vectors(&space, &[(item.id, vec![1.0, 0.0])]).unwrap();
        let touched = std::fs::File::options().append(true).open(&file).unwrap();
        touched.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(99)).unwrap();
        assert_eq!(import(&library, &spec, None, &Quiet::default()).unwrap().added, 1);
        assert_eq!(library.count_vectors(space.id).unwrap(), 1);
        assert_eq!(super::super::imported::read(&now.imported.unwrap()).unwrap().width, 40);
    }

    #[test]
    fn archives_in_a_folder_are_sources_of_their_own() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sets");
        write(&folder.join("cat.png"), 1, None);
        let mut zip = zip::ZipWriter::new(std::fs::File::create(folder.join("birds.zip")).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for i in 0..3 {
            zip.start_file(format!("{i}.png"), options).unwrap();
            let bytes = png::png_bytes(&Picture::filled(9, 9, [i, 9, 9, 255]), None).unwrap();
            std::io::Write::write_all(&mut zip, &bytes).unwrap();
        }
        zip.finish().unwrap();
        std::fs::write(folder.join("cut.zip"), b"PK\x03\x04").unwrap();
        let library = Library::in_memory().unwrap();
        let spec = folder.display().to_string();
        let report = import(&library, &spec, None, &Quiet::default()).unwrap();
        assert_eq!((report.added, report.broken.len()), (4, 1), "{report:?}");
        assert!(report.broken[0].0.contains("cut.zip") && report.broken[0].1.contains("damaged"), "{report:?}");
        assert_eq!(library.imported_sets().unwrap(), [("birds".to_string(), 3), ("sets".to_string(), 1)]);
        assert_eq!(import(&library, &spec, None, &Quiet::default()).unwrap().known, 4);
        // A folder of IDX files below it is one of them, and not what the whole folder is taken for.
        let below = folder.join("digits/raw");
        std::fs::create_dir_all(&below).unwrap();
        let mut idx = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 8];
        idx.extend([90; 5 * 64]);
        std::fs::write(below.join("train-images-idx3-ubyte"), idx).unwrap();
        std::fs::remove_file(folder.join("cat.png")).unwrap();
        let report = import(&library, &spec, None, &Quiet::default()).unwrap();
        assert_eq!((report.added, report.known), (5, 3), "{report:?}");
        assert!(library.imported_sets().unwrap().iter().any(|(name, n)| name == "digits" && *n == 5));
    }

    #[test]
    fn pictures_without_a_file_of_their_own_are_named_by_their_source() {
        let library = Library::in_memory().unwrap();
        let report = import(&library, "shapes:30", Some("drawn"), &Quiet::default()).unwrap();
        assert_eq!(report.added, 30);
        let items = library.items(&imported("", "data=drawn")).unwrap();
        assert_eq!(items.len(), 30);
        assert!(items[0].path.to_str().unwrap().starts_with("shapes:30#"));
        let full = super::super::imported::read(items[0].imported.as_ref().unwrap()).unwrap();
        assert_eq!((full.width, full.height), (items[0].width, items[0].height));
        assert_eq!(import(&library, "shapes:30", Some("drawn"), &Quiet::default()).unwrap().known, 30);
    }

    #[test]
    fn a_cancelled_import_goes_on_where_it_was() {
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(&home.path().join("library.sqlite")).unwrap();
        let cancel = crate::base::Cancel::new();
        let stop = cancel.clone();
        let progress = crate::base::progress::Watched::new(cancel, move |_: &str, done, _| {
            if done >= TOGETHER as u64 {
                stop.cancel();
            }
        });
        let problem = import(&library, "shapes:3000", None, &progress).unwrap_err();
        assert_eq!(problem.exit_code(), 130);
        let report = import(&library, "shapes:3000", None, &Quiet::default()).unwrap();
        assert!(report.known >= TOGETHER as u64 && report.added + report.known == 3000, "{report:?}");
    }

    #[test]
    fn a_known_source_is_gathered_once_and_again_when_it_changes() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("squares");
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, value: u8| {
            let picture = Picture::filled(8, 8, [value, 9, 9, 255]);
            std::fs::write(folder.join(name), png::png_bytes(&picture, None).unwrap()).unwrap();
        };
        put("a.png", 10);
        put("b.png", 200);
        let library = Library::in_memory().unwrap();
        let spec = folder.to_str().unwrap();
        let gather = |most| gather(&library, spec, most, &Quiet::default()).unwrap();
        assert_eq!(gather(1), Gathered::Large(2));
        assert_eq!(library.count(&imported("", "")).unwrap(), 0);
        let told = |all: Gathered| match all {
            Gathered::Imported(report) => (report.added, report.known),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(gather(2)), (2, 0));
        assert_eq!(gather(2), Gathered::Same);
        assert!(library.datasets().unwrap().is_empty(), "it was not used");
        // What was taken out of the library stays out until its source changes.
        let first = library.items(&imported("", "name=a.png")).unwrap().remove(0).id;
        library.trash(&[first], true).unwrap();
        library.empty_trash().unwrap();
        assert_eq!(gather(2), Gathered::Same);
        put("c.png", 90);
        let (added, known) = told(gather(3));
        assert_eq!((added + known, library.imported_sets().unwrap()), (3, vec![("squares".to_string(), 3)]));
        // The name that it was given stays.
        let library = Library::in_memory().unwrap();
        import(&library, spec, Some("mine"), &Quiet::default()).unwrap();
        let again = |most| super::gather(&library, spec, most, &Quiet::default()).unwrap();
        assert_eq!(again(1), Gathered::Same, "it was asked for, so its size does not matter");
        put("d.png", 60);
        assert_eq!(told(again(9)), (1, 3));
        assert_eq!(library.imported_sets().unwrap(), [("mine".to_string(), 4)]);
    }

    #[test]
    fn what_is_no_source_is_said_plainly() {
        let library = Library::in_memory().unwrap();
        assert_eq!(import(&library, "/nowhere/at/all", None, &Quiet::default()).unwrap_err().exit_code(), 3);
        let empty = tempfile::tempdir().unwrap();
        let problem = import(&library, empty.path().to_str().unwrap(), None, &Quiet::default()).unwrap_err();
        assert!(problem.what.contains("no pictures"));
    }

    #[test]
    fn marks_of_other_programs_count() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.jpg");
        std::fs::write(&file, b"\xff\xd8 <Iptc4xmpExt:DigitalSourceType>.../trainedAlgorithmicMedia</...>").unwrap();
        assert_eq!(origin(&file), Some(String::new()));
        std::fs::write(&file, b"\xff\xd8 a photograph").unwrap();
        assert_eq!(origin(&file), None);
    }
}
