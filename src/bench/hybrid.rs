//! `bench hybrid`: how often a search finds a picture by its caption with a word replaced, where only half of the pictures
//! have captions that can be searched: by words alone, by networks alone, and by both.

use serde::Serialize;

use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result};
use crate::data;
use crate::export::{fit, png};
use crate::library::finder::By;
use crate::library::items::THUMB;
use crate::library::towers::{CAPTIONS, JOINT, PHOTO, Towers};
use crate::library::{Finder, Imported, Library, NewImported, Search, Shelf};

/// Words with others that mean the same.
const SYNONYMS: [(&str, &str); 48] = [
    ("face", "visage"),
    ("cat", "kitty"),
    ("dog", "hound"),
    ("heart", "love"),
    ("red", "crimson"),
    ("car", "automobile"),
    ("ship", "boat"),
    ("house", "home"),
    ("woman", "lady"),
    ("man", "gentleman"),
    ("boy", "lad"),
    ("girl", "lass"),
    ("hand", "palm"),
    ("crying", "weeping"),
    ("angry", "furious"),
    ("bird", "fowl"),
    ("flower", "blossom"),
    ("tree", "plant"),
    ("clock", "timepiece"),
    ("book", "volume"),
    ("train", "railway"),
    ("cup", "mug"),
    ("bread", "loaf"),
    ("rain", "shower"),
    ("snow", "frost"),
    ("sun", "sunshine"),
    ("moon", "lunar"),
    ("ball", "sphere"),
    ("hat", "cap"),
    ("shoe", "footwear"),
    ("phone", "telephone"),
    ("bag", "sack"),
    ("rabbit", "bunny"),
    ("pig", "hog"),
    ("cow", "cattle"),
    ("rocket", "spaceship"),
    ("box", "crate"),
    ("medal", "award"),
    ("gift", "present"),
    ("police", "cop"),
    ("baby", "infant"),
    ("child", "kid"),
    ("old", "elderly"),
    ("kiss", "smooch"),
    ("sleeping", "asleep"),
    ("smiling", "happy"),
    ("open", "opened"),
    ("fish", "sea animal"),
];

/// Pictures looked at in one step.
const TOGETHER: usize = 64;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The source.
    pub source: String,
    /// Pictures with captions.
    pub pictures: usize,
    /// Questions in each draw.
    pub queries: usize,
    /// For each draw the share of questions whose picture is among the first ten: by words, by networks, by both.
    pub draws: Vec<[f64; 3]>,
    /// Means over the draws.
    pub mean: [f64; 3],
}

/// A caption with one of its words replaced by another that means the same.
fn replaced(caption: &str) -> Option<String> {
    let words: Vec<&str> = caption.split(' ').collect();
    let at = words.iter().position(|w| SYNONYMS.iter().any(|s| s.0 == *w))?;
    let other = SYNONYMS.iter().find(|s| s.0 == words[at])?.1;
    let mut out = words;
    out[at] = other;
    Some(out.join(" "))
}

/// Measures on a source with captions.
///
/// # Errors
/// The source cannot be opened or has no captions, a network is off or missing, or it was cancelled.
pub fn run(source: &str, draws: usize, most: usize, paths: &Paths, progress: &dyn Progress) -> Result<Report> {
    let pictures = data::open(source)?;
    let known: Vec<(usize, String)> = (0..pictures.len()).filter_map(|i| Some((i, pictures.caption(i)?))).collect();
    if known.is_empty() {
        return Err(Problem::data("These pictures have no captions").of(source));
    }
    let mut towers = Towers::new(paths, "cpu");
    towers.check_words()?;
    let (mut looks, mut joint, mut texts, mut small) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for group in known.chunks(TOGETHER) {
        progress.cancel().check()?;
        progress.report("Looking at pictures", small.len() as u64, known.len() as u64);
        let read: Vec<Picture> = group.iter().map(|(i, _)| pictures.decode(*i)).collect::<Result<_>>()?;
        let (look, together) = towers.pictures(&read)?;
        looks.extend(look.iter().map(<[f32]>::to_vec));
        joint.extend(together.iter().flat_map(|rows| rows.iter().map(<[f32]>::to_vec)));
        let captions: Vec<String> = group.iter().map(|(_, caption)| caption.clone()).collect();
        texts.extend(towers.texts(&captions)?.iter().map(<[f32]>::to_vec));
        small.extend(read.iter().map(|p| fit(p, THUMB)));
    }
    let mut asked: Vec<(usize, String)> =
        known.iter().enumerate().filter_map(|(at, (_, caption))| Some((at, replaced(caption)?))).collect();
    Stream::new(7, "questions").shuffle(&mut asked);
    asked.truncate(most);
    let mut report = Report {
        source: source.into(),
        pictures: known.len(),
        queries: asked.len(),
        draws: Vec::new(),
        mean: [0.0; 3],
    };
    for draw in 0..draws.max(1) {
        let mut stream = Stream::new(draw as u64, "half");
        let captioned: Vec<bool> = known.iter().map(|_| stream.below(2) == 0).collect();
        let library = Library::in_memory()?;
        let new = known.iter().zip(&captioned).zip(&small).enumerate().map(|(at, (((_, caption), has), small))| {
            Ok(NewImported {
                path: format!("/bench/{at}").into(),
                about: Imported {
                    dataset: "bench".into(),
                    real: true,
                    label: None,
                    caption: has.then(|| caption.clone()),
                    source: "/bench".into(),
                    name: at.to_string(),
                },
                stamp: "1".into(),
                width: small.width,
                height: small.height,
                thumb: png::thumb_bytes(small)?,
                look: Vec::new(),
                model: String::new(),
            })
        });
        let ids = library.add_imported(&new.collect::<Result<Vec<_>>>()?)?;
        for (name, rows) in [(PHOTO, &looks), (JOINT, &joint), (CAPTIONS, &texts)] {
            let (tower, dims) = towers.tower(name)?;
            let (space, _) = library.space(name, &tower, dims)?;
            let rows = ids.iter().zip(rows).zip(&captioned).filter(|(_, has)| **has || name != CAPTIONS);
            let rows: Vec<(i64, Vec<f32>)> = rows.map(|((id, row), _)| (*id, row.clone())).collect();
            library.put_vectors(&space, &rows)?;
        }
        let mut finder = Finder::new(paths, "cpu");
        let mut found = [0usize; 3];
        for (done, (at, text)) in asked.iter().enumerate() {
            progress.cancel().check()?;
            progress.report("Searching", (draw * asked.len() + done) as u64, (draws * asked.len()) as u64);
            for (found, without) in found.iter_mut().zip([&[By::Text, By::Caption][..], &[By::Words][..], &[][..]]) {
                let search = Search {
                    text: text.clone(),
                    shelf: Shelf::All,
                    limit: 10,
                    without: without.to_vec(),
                    ..Search::default()
                };
                let hits = finder.search(&library, &search)?.hits;
                *found += usize::from(hits.iter().any(|h| h.item.id == ids[*at]));
            }
        }
        report.draws.push(found.map(|n| n as f64 / asked.len().max(1) as f64));
    }
    for (i, mean) in report.mean.iter_mut().enumerate() {
        *mean = report.draws.iter().map(|d| d[i]).sum::<f64>() / report.draws.len() as f64;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn both_halves_and_the_whole_are_measured() {
        let home = tempfile::tempdir().unwrap();
        let report = run("emoji:smileys", 1, 12, &Paths::under(home.path()), &Quiet::default()).unwrap();
        assert!(report.queries == 12 && report.pictures > 20 && report.draws.len() == 1);
        assert!(report.mean.iter().all(|m| (0.0..=1.0).contains(m)) && report.mean[2] > 0.2, "{report:?}");
        // Pictures without captions cannot be asked for.
        let bare = home.path().join("bare");
        std::fs::create_dir_all(&bare).unwrap();
        (0..5u8).for_each(|i| {
            image::GrayImage::from_pixel(8, 8, image::Luma([i * 9])).save(bare.join(format!("{i}.png"))).unwrap()
        });
        assert!(run(&bare.display().to_string(), 1, 5, &Paths::under(home.path()), &Quiet::default()).is_err());
    }

    #[test]
    fn a_word_is_replaced_by_one_that_means_the_same() {
        assert_eq!(replaced("crying cat").as_deref(), Some("weeping cat"));
        assert_eq!(replaced("abacus"), None);
    }
}
