//! A look through a source before anything is made of it.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::aspect::aspect;
use super::attend::{Patience, attended};
use super::channel_guess::is_grey;
use super::decode::Decoded;
use super::decode_pool::{Ticker, pool};
use super::duplicates::{Look, groups};
use super::guess::Guess;
use super::known::is_drawn;
use super::read_notes::{Note, Noted};
use super::report::{BrokenFile, LINES, Survey, SurveyEntry, told};
use super::source::Opening;
use super::sources::open_as;
use crate::base::{Progress, Resolution, Result};
use crate::recipe::advice::Known;
use crate::recipe::{DataRecipe, Reading};

/// What is kept of a picture while surveying.
struct Seen {
    width: u32,
    height: u32,
    grey: bool,
    transparent: bool,
    drawn: bool,
    look: Look,
    note: Note,
}

impl Seen {
    fn of(Decoded { picture, facts }: Decoded) -> Self {
        let picture = &picture;
        Self {
            note: Note::of(picture, facts),
            width: picture.width,
            height: picture.height,
            grey: is_grey(picture),
            transparent: !picture.is_opaque(),
            drawn: is_drawn(picture),
            look: Look::of(picture),
        }
    }
}

/// Looks through a source: counts, sizes, labels, colour, broken files with reasons, duplicates, and what was assumed. All
/// cores decode.
///
/// # Errors
/// The source cannot be opened, or the work was cancelled. Broken files are no error, and neither is a source in which
/// nothing is usable: it has no entries.
pub fn survey(spec: &str, reading: Reading, progress: &dyn Progress) -> Result<Survey> {
    let own = spec.to_owned();
    attended(spec, Patience::WATCHED, progress, move |progress| looked_through(&own, reading, progress))
}

fn looked_through(spec: &str, reading: Reading, progress: &dyn Progress) -> Result<Survey> {
    progress.report("Opening", 0, 0);
    let source = open_as(spec, Opening { reading: reading.clone(), progress })?;
    let source = source.as_ref();
    let ticker = Ticker::new(progress, "Looking at pictures", source.len() as u64);
    let seen: Vec<Result<Result<Seen, BrokenFile>>> = pool()?.install(|| {
        (0..source.len())
            .into_par_iter()
            .map(|i| {
                ticker.check()?;
                let seen = source.decode_told(i).map(Seen::of);
                ticker.tick();
                Ok(seen.map_err(|p| BrokenFile { file: source.name(i), reason: p.what }))
            })
            .collect()
    });
    let mut survey = Survey {
        source: spec.into(),
        kind: source.kind().into(),
        broken: source.listed_broken().to_vec(),
        labels: source.labels().to_vec(),
        factors: source.factor_names().to_vec(),
        bytes: source.bytes(),
        guesses: source.guesses().to_vec(),
        reading,
        ..Survey::default()
    };
    let mut looks = Vec::with_capacity(seen.len());
    let mut sizes: HashMap<(u32, u32), u64> = HashMap::new();
    let mut noted = Noted::default();
    for (i, seen) in seen.into_iter().enumerate() {
        match seen? {
            Err(broken) => survey.broken.push(broken),
            Ok(seen) => {
                *sizes.entry((seen.width, seen.height)).or_default() += 1;
                survey.grey += u64::from(seen.grey);
                survey.transparent += u64::from(seen.transparent);
                survey.drawn += u64::from(seen.drawn);
                survey.entries.push(SurveyEntry {
                    name: source.name(i),
                    width: seen.width,
                    height: seen.height,
                    label: source.label(i),
                    caption: source.caption(i),
                });
                looks.push(seen.look);
                if seen.note.blank {
                    survey.blank.push(survey.entries.len() as u32 - 1);
                }
                noted.add(seen.note);
            }
        }
    }
    survey.sizes = sizes.into_iter().map(|((w, h), n)| (w, h, n)).collect();
    survey.sizes.sort_by_key(|&(w, h, n)| (std::cmp::Reverse(n), w, h));
    survey.guesses.extend(noted.guesses(survey.reading.depth, false));
    survey.guesses.extend(shape_guess(&survey));
    survey.told = told(&survey.broken, LINES);
    progress.report("Comparing pictures", 0, 0);
    progress.cancel().check()?;
    survey.duplicates = groups(&looks);
    Ok(survey)
}

/// What the shape of the pictures says about the one to learn, where a square loses much of them.
fn shape_guess(survey: &Survey) -> Option<Guess> {
    let found = aspect(&survey.sizes);
    let square = Resolution::square(survey.known(&DataRecipe::default(), &BTreeSet::new()).resolution()?);
    let own = Known { aspect: found.ratio, ..Known::default() }.shaped(square)?;
    let percent = |share: f64| (100.0 * share).round();
    let (width, height) = found.ratio;
    let what = format!(
        "Pictures are learned as squares, which crops them to {} % of their area; most are about {width}:{height}, and that \
         shape keeps {} %",
        percent(found.kept_by_square),
        percent(found.kept)
    );
    Some(Guess::new(what).changed_by("data.resolution", format!("For that shape set data.resolution to {own}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::{Quiet, Watched};

    #[test]
    fn a_survey_says_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let save = |name: &str, w: u32, colour: [u8; 4]| {
            let mut image = image::RgbaImage::from_pixel(w, 16, image::Rgba(colour));
            image.put_pixel(2, 3, image::Rgba([9, 9, 9, 255]));
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            image.save(dir.path().join(name)).unwrap();
        };
        save("a/1.png", 16, [50, 50, 50, 255]);
        save("a/2.png", 16, [50, 50, 50, 255]);
        save("b/3.png", 24, [250, 0, 0, 255]);
        save("b/4.png", 16, [0, 0, 200, 90]);
        std::fs::write(dir.path().join("b/5.png"), b"nothing like a picture").unwrap();
        let s = survey(dir.path().to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap();
        assert_eq!((s.entries.len(), s.grey, s.transparent), (4, 2, 1));
        assert_eq!(s.sizes, [(16, 16, 3), (24, 16, 1)]);
        assert_eq!(s.labels, ["a", "b"]);
        assert!(s.guesses[0].what.contains("taken from folders"), "{:?}", s.guesses);
        assert_eq!(s.broken.len(), 1);
        assert!(s.broken[0].file == "b/5.png" && s.broken[0].reason.contains("text"));
        assert_eq!(s.duplicates.len(), 1);
        assert!(s.duplicates[0].exact && s.duplicates[0].entries == [0, 1]);
    }

    #[test]
    fn a_folder_of_tall_pictures_proposes_their_shape() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..6u8 {
            image::RgbImage::from_fn(100, 150, |x, y| image::Rgb([x as u8, y as u8, 40 * i]))
                .save(dir.path().join(format!("{i}.png")))
                .unwrap();
        }
        let s = survey(dir.path().to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap();
        let told = s.guesses.iter().find(|g| g.setting.as_deref() == Some("data.resolution")).unwrap();
        assert!(told.what.contains("67 %") && told.what.contains("2:3"), "{told}");
        assert!(told.to_string().contains("64x96"), "{told}");
        let square = survey("shapes:20", Reading::default(), &Quiet::default()).unwrap();
        assert!(square.guesses.iter().all(|g| g.setting.as_deref() != Some("data.resolution")));
    }

    #[cfg(unix)]
    #[test]
    fn pipes_are_named_and_never_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = dir.path().join(name);
            let text = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            // SAFETY: a plain system call with a string that ends in zero.
            assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
            path
        };
        let names =
            ["1.png", "captions.tsv", "images-idx3-ubyte", "train.bin", "data_batch_1.bin", "batches.meta.txt", "x"];
        let paths: Vec<_> = names.iter().map(|n| pipe(n)).collect();
        image::RgbImage::new(8, 8).save(dir.path().join("2.png")).unwrap();
        let s = survey(dir.path().to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap();
        assert_eq!((s.entries.len(), s.broken.len()), (1, names.len()), "{:?}", s.broken);
        assert!(s.broken.iter().all(|b| b.reason.contains("pipe")), "{:?}", s.broken);
        for path in paths {
            let p = survey(path.to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap_err();
            assert!(p.what.contains("pipe") && p.exit_code() == 3, "{p}");
        }
    }

    #[test]
    fn blank_pictures_are_counted_and_offered_to_be_left_out() {
        let dir = tempfile::tempdir().unwrap();
        for (name, v) in [("a.png", 9), ("b.png", 90), ("c.png", 200)] {
            let mut image = image::RgbImage::from_pixel(8, 8, image::Rgb([v, v, 250]));
            if v != 90 {
                image.put_pixel(1, 1, image::Rgb([0, 0, 0]));
            }
            image.save(dir.path().join(name)).unwrap();
        }
        let source = dir.path().to_str().unwrap();
        let s = survey(source, Reading::default(), &Quiet::default()).unwrap();
        assert_eq!((s.entries.len(), s.blank.as_slice()), (3, &[1][..]));
        let told = s.guesses.iter().find(|g| g.setting.as_deref() == Some("data.drop_blank")).unwrap();
        assert_eq!(told.count, 1);
        let cache = tempfile::tempdir().unwrap();
        let recipe = crate::recipe::DataRecipe { source: source.into(), drop_blank: true, ..Default::default() };
        let p = crate::data::prepare(&recipe, cache.path(), &Quiet::default()).unwrap();
        assert_eq!((p.name(0), p.name(1), p.len()), ("a.png", "c.png", 2));
        assert!(p.guesses().iter().any(|g| g.what.contains("left out")), "{:?}", p.guesses());
    }

    #[test]
    fn it_can_be_cancelled() {
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let progress = Watched::new(cancel, move |_, done, _| {
            if done > 0 {
                flag.cancel();
            }
        });
        let p = survey("shapes:100000", Reading::default(), &progress).unwrap_err();
        assert_eq!(p.exit_code(), 130);
    }
}
