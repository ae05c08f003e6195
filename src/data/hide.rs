//! Regions of pictures that nobody shall recognise: blurred or pixelated when the picture is read, before anything is made
//! of it. By hand, or from a table of boxes.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::base::{Picture, Problem, Region, Result};

/// Parts that a region is divided into along its shorter side, at most.
const CELLS: u32 = 6;
/// Smallest cell, in pixels.
const SMALLEST: u32 = 4;
/// Longest table of boxes, in bytes.
const LONGEST: u64 = 64 << 20;

/// How a region is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Every cell becomes its mean.
    Pixelate,
    /// Each pixel becomes the mean of those around it, three times.
    Blur,
}

/// What is hidden, by the name of a picture within its source; `*` is every picture.
#[derive(Clone, Debug, Default)]
pub struct Hidden(HashMap<String, Vec<(Region, How)>>);

fn bad(entry: &str, why: impl std::fmt::Display) -> Problem {
    Problem::usage("This is no region to hide")
        .of(entry)
        .because(why)
        .try_this("Write NAME=X,Y,W,H in pixels of the picture, with :blur or :pixelate behind it; * is every picture")
}

impl Hidden {
    /// Of entries as a recipe has them: `NAME=X,Y,W,H`, `NAME=X,Y,W,H:blur`.
    ///
    /// # Errors
    /// An entry is none.
    pub fn of(entries: &[String]) -> Result<Self> {
        let mut all: HashMap<String, Vec<(Region, How)>> = HashMap::new();
        for entry in entries {
            // Names may hold any sign, so the last one counts.
            let (name, rest) = entry.rsplit_once('=').ok_or_else(|| bad(entry, "there is no ="))?;
            let (region, how) = match rest.split_once(':') {
                None => (rest, How::Pixelate),
                Some((region, "pixelate")) => (region, How::Pixelate),
                Some((region, "blur")) => (region, How::Blur),
                Some((_, other)) => return Err(bad(entry, format!("{other} is neither blur nor pixelate"))),
            };
            let region: Region = region.parse().map_err(|p: Problem| bad(entry, p.what))?;
            all.entry(name.to_owned()).or_default().push((region, how));
        }
        Ok(Self(all))
    }

    /// Names that are asked for and are not among these, sorted.
    pub fn missing<'a>(&self, names: impl Iterator<Item = String> + 'a) -> Vec<String> {
        let there: HashSet<String> = names.collect();
        let mut missing: Vec<String> = self.0.keys().filter(|n| *n != "*" && !there.contains(*n)).cloned().collect();
        missing.sort();
        missing
    }

    /// Hides what is to be hidden in a picture; what reaches beyond it is cut.
    pub fn apply(&self, name: &str, picture: &mut Picture) {
        for (region, how) in [name, "*"].iter().filter_map(|n| self.0.get(*n)).flatten() {
            hide(picture, *region, *how);
        }
    }
}

/// A region as far as it lies in the picture: left, top, right, bottom.
fn inside(picture: &Picture, region: Region) -> Option<[usize; 4]> {
    let end = |from: u32, length: u32, most: u32| from.saturating_add(length).min(most) as usize;
    let (right, bottom) = (end(region.x, region.width, picture.width), end(region.y, region.height, picture.height));
    let (left, top) = (region.x as usize, region.y as usize);
    (left < right && top < bottom).then_some([left, top, right, bottom])
}

fn hide(picture: &mut Picture, region: Region, how: How) {
    let Some([left, top, right, bottom]) = inside(picture, region) else { return };
    let cell = (region.width.min(region.height) / CELLS).max(SMALLEST) as usize;
    match how {
        How::Pixelate => {
            for y in (top..bottom).step_by(cell) {
                for x in (left..right).step_by(cell) {
                    let part = [x, y, (x + cell).min(right), (y + cell).min(bottom)];
                    let mean = mean(picture, part);
                    fill(picture, part, mean);
                }
            }
        }
        How::Blur => {
            for _ in 0..3 {
                blur(picture, [left, top, right, bottom], cell);
            }
        }
    }
}

/// Mean colour, weighted by alpha, and mean alpha; in whole numbers, so that it is the same everywhere.
fn mean(picture: &Picture, [left, top, right, bottom]: [usize; 4]) -> [u8; 4] {
    let mut sums = [0u64; 4];
    for y in top..bottom {
        let row = (y * picture.width as usize + left) * 4;
        for pixel in picture.rgba[row..row + (right - left) * 4].chunks_exact(4) {
            let alpha = u64::from(pixel[3]);
            for (sum, channel) in sums.iter_mut().zip(&pixel[..3]) {
                *sum += u64::from(*channel) * alpha;
            }
            sums[3] += alpha;
        }
    }
    let count = ((right - left) * (bottom - top)) as u64;
    let weight = sums[3].max(1);
    let colour = |i: usize| ((sums[i] + weight / 2) / weight).min(255) as u8;
    [colour(0), colour(1), colour(2), ((sums[3] + count / 2) / count) as u8]
}

fn fill(picture: &mut Picture, [left, top, right, bottom]: [usize; 4], colour: [u8; 4]) {
    for y in top..bottom {
        let row = (y * picture.width as usize + left) * 4;
        picture.rgba[row..row + (right - left) * 4].chunks_exact_mut(4).for_each(|p| p.copy_from_slice(&colour));
    }
}

/// Each pixel becomes the mean of the square around it, as far as that lies in the region.
fn blur(picture: &mut Picture, [left, top, right, bottom]: [usize; 4], radius: usize) {
    let (width, height) = (right - left, bottom - top);
    // Sums over everything above and to the left, of colour times alpha, and of alpha.
    let mut sums = vec![[0u64; 4]; (width + 1) * (height + 1)];
    for y in 0..height {
        let mut row = [0u64; 4];
        for x in 0..width {
            let at = ((top + y) * picture.width as usize + left + x) * 4;
            let pixel: [u8; 4] = std::array::from_fn(|i| picture.rgba[at + i]);
            let alpha = u64::from(pixel[3]);
            let value = [pixel[0], pixel[1], pixel[2]].map(|c| u64::from(c) * alpha);
            for (sum, v) in row.iter_mut().zip([value[0], value[1], value[2], alpha]) {
                *sum += v;
            }
            let above = sums[y * (width + 1) + x + 1];
            sums[(y + 1) * (width + 1) + x + 1] = std::array::from_fn(|i| above[i] + row[i]);
        }
    }
    for y in 0..height {
        for x in 0..width {
            let (x0, x1) = (x.saturating_sub(radius), (x + radius + 1).min(width));
            let (y0, y1) = (y.saturating_sub(radius), (y + radius + 1).min(height));
            let at = |x: usize, y: usize| sums[y * (width + 1) + x];
            let sum: [u64; 4] = std::array::from_fn(|i| at(x1, y1)[i] + at(x0, y0)[i] - at(x0, y1)[i] - at(x1, y0)[i]);
            let (count, weight) = (((x1 - x0) * (y1 - y0)) as u64, sum[3].max(1));
            let colour = |i: usize| ((sum[i] + weight / 2) / weight).min(255) as u8;
            let pixel = [colour(0), colour(1), colour(2), ((sum[3] + count / 2) / count) as u8];
            let place = ((top + y) * picture.width as usize + left + x) * 4;
            picture.rgba[place..place + 4].copy_from_slice(&pixel);
        }
    }
}

/// Entries of a recipe out of a table of boxes: CSV with the columns `file,x,y,w,h` and perhaps `how`, or a JSON list of
/// objects with these keys. Boxes with fractions are widened to whole pixels.
///
/// # Errors
/// The table cannot be read, a column is missing, or a row is none (with its number).
pub fn boxes(path: &Path) -> Result<Vec<String>> {
    let fail = |e: &std::io::Error| Problem::io("This table of boxes could not be read", path, e);
    let bytes = super::pread::read_at_most(path, LONGEST).map_err(|e| fail(&e))?;
    let wrong = |why: String| {
        Problem::data("This is no table of boxes")
            .of(path.display().to_string())
            .because(why)
            .try_this("Give a CSV file with the columns file,x,y,w,h, or a JSON list of objects with these keys")
    };
    let mut rows: Vec<HashMap<String, String>> = Vec::new();
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
        let all: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        let text = |v: serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        rows.extend(all.into_iter().map(|row| row.into_iter().map(|(k, v)| (k.to_lowercase(), text(v))).collect()));
    } else {
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes.as_slice());
        let names: Vec<String> =
            reader.headers().map_err(|e| wrong(e.to_string()))?.iter().map(str::to_lowercase).collect();
        for record in reader.records() {
            let record = record.map_err(|e| wrong(e.to_string()))?;
            rows.push(names.iter().cloned().zip(record.iter().map(str::to_owned)).collect());
        }
    }
    let entry = |(i, row): (usize, &HashMap<String, String>)| -> Result<String> {
        let value = |keys: [&str; 3]| keys.iter().find_map(|k| row.get(*k)).filter(|v| !v.is_empty());
        let place = |what: &str| wrong(format!("row {} has no {what}", i + 1));
        let number = |keys: [&str; 3]| -> Result<f64> {
            let number = value(keys).and_then(|v| v.parse::<f64>().ok());
            number.filter(|n| n.is_finite() && (0.0..1e9).contains(n)).ok_or_else(|| place(keys[0]))
        };
        let name = value(["file", "file_name", "name"]).ok_or_else(|| place("file"))?;
        let (x, y) = (number(["x", "left", "x0"])?, number(["y", "top", "y0"])?);
        let (w, h) = (number(["w", "width", "w"])?, number(["h", "height", "h"])?);
        let (right, bottom) = ((x + w).ceil(), (y + h).ceil());
        let (x, y) = (x.floor(), y.floor());
        let how = value(["how", "how", "how"]).map_or_else(String::new, |h| format!(":{h}"));
        Ok(format!("{name}={x},{y},{},{}{how}", right - x, bottom - y))
    };
    let entries = rows.iter().enumerate().map(entry).collect::<Result<Vec<_>>>()?;
    Hidden::of(&entries).map_err(|p| p.of(path.display().to_string()))?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn striped() -> Picture {
        let rgba =
            (0..40u32 * 30).flat_map(|i| if i % 2 == 0 { [0, 0, 0, 255] } else { [255, 200, 100, 255] }).collect();
        Picture { width: 40, height: 30, rgba }
    }

    fn hidden(entries: &[&str]) -> Picture {
        let entries: Vec<String> = entries.iter().map(|e| (*e).to_owned()).collect();
        let mut picture = striped();
        Hidden::of(&entries).unwrap().apply("a=b.png", &mut picture);
        picture
    }

    #[test]
    fn a_region_is_hidden_and_nothing_else_changes() {
        for how in ["", ":pixelate", ":blur"] {
            let out = hidden(&[&format!("a=b.png=8,6,12,12{how}"), "other.png=0,0,40,30"]);
            for y in 0..30 {
                for x in 0..40 {
                    let in_it = (8..20).contains(&x) && (6..18).contains(&y);
                    let (now, before) = (out.pixel(x, y), striped().pixel(x, y));
                    assert!(in_it || now == before, "{how} {x},{y}");
                    // Stripes of one pixel are gone.
                    assert!(!in_it || (100..156).contains(&now[0]), "{how} {x},{y}: {now:?}");
                }
            }
        }
        // Of five columns three are black.
        assert_eq!(hidden(&["*=0,0,40,30"]).pixel(0, 0), [102, 80, 40, 255]);
        // What reaches beyond is cut, what lies beyond is none.
        assert_ne!(hidden(&["*=30,20,400,4294967295"]), striped());
        assert_eq!(hidden(&["*=40,30,5,5"]), striped());
    }

    /// The same bytes on every machine.
    #[test]
    fn hiding_is_exact() {
        let hash = |p: &Picture| blake3::hash(&p.rgba).to_hex()[..8].to_string();
        let all = [hash(&hidden(&["*=3,3,30,20:blur"])), hash(&hidden(&["*=3,3,30,20"]))];
        assert_eq!(all, ["5108c963", "d3a457df"]);
        let mut clear = Picture::filled(16, 16, [9, 9, 9, 0]);
        Hidden::of(&["*=0,0,16,16:blur".into()]).unwrap().apply("x", &mut clear);
        assert_eq!(clear.pixel(3, 3)[3], 0, "what is transparent stays so");
    }

    #[test]
    fn entries_and_tables_that_are_none_are_told() {
        for wrong in ["a.png", "a.png=1,2,3", "a.png=1,2,0,4", "a.png=1,2,3,4:gone"] {
            assert!(Hidden::of(&[wrong.to_string()]).unwrap_err().to_string().contains("no region"), "{wrong}");
        }
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| {
            let path = dir.path().join("boxes");
            std::fs::write(&path, text).unwrap();
            path
        };
        let table = "file, x, y, w, h, how\na.png,1.5,2,3.2,4,blur\n\"b, c.png\",0,0,9,9,\n";
        let entries = boxes(&write(table)).unwrap();
        assert_eq!(entries, ["a.png=1,2,4,4:blur", "b, c.png=0,0,9,9"]);
        let json = r#"[{"file": "a.png", "x": 1, "y": 2, "width": 3, "height": 4}]"#;
        assert_eq!(boxes(&write(json)).unwrap(), ["a.png=1,2,3,4"]);
        for (text, why) in [("file,x,y,w\na,1,1,1\n", "row 1 has no h"), ("file,x,y,w,h\n,1,1,1,1\n", "no file")] {
            assert!(boxes(&write(text)).unwrap_err().to_string().contains(why), "{text}");
        }
        assert!(boxes(&dir.path().join("none")).is_err());
    }
}
