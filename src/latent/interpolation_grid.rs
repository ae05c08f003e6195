//! Cells between anchors: along a line, in a triangle, between four corners, on a sheet of any number of anchors.
//!
//! Everything lies on a sheet of anchors: a line is one row of them, four corners are two rows of two. A cell lies at a
//! column and a row of that sheet, in anchors (1.5 is half way from the second to the third), and is joined from the
//! anchors around it, rows first. In a triangle a cell is the weighted mean of its three anchors.

mod even;

use serde::{Deserialize, Serialize};

use super::even_spacing::{self, Measure, PerceptualMetric};
use super::interpolate::Mode;
use super::latent_math::{Dims, space_of};
use super::model::LoadedModel;
use super::validate::check_truncation;
use crate::base::{Problem, Progress, Result};
use crate::recipe::picture::{Latent, Space};
use even::Evening;

/// How anchors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One after the other.
    Line,
    /// Three, with rows of one, two, three … cells from the first down to the other two.
    Triangle,
    /// Four: top left, top right, bottom left, bottom right. Of two, every row is the same.
    #[default]
    Corners,
    /// Any number in rows and columns.
    Sheet,
}

impl Layout {
    /// `line`, `triangle`, `corners` or `sheet`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Triangle => "triangle",
            Self::Corners => "corners",
            Self::Sheet => "sheet",
        }
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Line => "Line",
            Self::Triangle => "Triangle",
            Self::Corners => "Corners",
            Self::Sheet => "Sheet",
        }
    }

    /// The layout of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        [Self::Line, Self::Triangle, Self::Corners, Self::Sheet].into_iter().find(|l| l.id() == id).ok_or_else(|| {
            Problem::usage("There is no such layout").of(id).try_this("Choose line, triangle, corners or sheet")
        })
    }
}

/// What lies between which anchors.
#[derive(Clone, Debug, PartialEq)]
pub struct GridConfig {
    /// The anchors, row by row.
    pub anchors: Vec<Latent>,
    /// How they lie.
    pub layout: Layout,
    /// Anchors in a row of a sheet; 0 for as square as can be. A place left over is taken by the last anchor.
    pub across: usize,
    /// Cells across.
    pub columns: usize,
    /// Cells down; a line has one row, a triangle as many as cells along a side.
    pub rows: usize,
    /// How to get from anchor to anchor.
    pub mode: Mode,
    /// Through styles (models that have some) rather than through latents.
    pub styles: bool,
    /// Equal steps mean equal visible change by this measure. See [`LoadedModel::lattice`].
    pub even: Option<Measure>,
}

/// Cells with what is known of them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Laid {
    /// The latents, row by row.
    pub cells: Vec<Latent>,
    /// Cells that are anchors, in their order; those that fall between cells are left out.
    pub anchors: Vec<(usize, usize)>,
    /// Standard deviation of the visible steps over their mean, where they were evened: of a line all steps, else of the
    /// worst stretch.
    pub spread: Option<f64>,
}

/// Where cells lie: columns and rows of a sheet in anchors, or for a triangle shares down its sides and along its base.
#[derive(Clone, Debug, PartialEq)]
struct Places {
    u: Vec<f64>,
    v: Vec<f64>,
}

impl GridConfig {
    /// Whether it can be laid out.
    ///
    /// # Errors
    /// There are too few anchors or no cells.
    pub fn check(&self) -> Result<()> {
        let least = match self.layout {
            Layout::Line => 2,
            Layout::Triangle => 3,
            Layout::Corners | Layout::Sheet => 1,
        };
        if self.anchors.len() < least {
            let title = self.layout.title();
            return Err(Problem::usage("There are too few anchors").of(format!("{title}, at least {least}")));
        }
        if self.columns == 0 || self.rows == 0 {
            return Err(Problem::usage("There are no cells"));
        }
        Ok(())
    }

    /// Anchors across and down.
    fn size(&self) -> (usize, usize) {
        let n = self.anchors.len();
        match self.layout {
            Layout::Line => (n, 1),
            Layout::Triangle => (3, 1),
            Layout::Corners => (n.min(2), if n > 2 { 2 } else { 1 }),
            Layout::Sheet => {
                let across = match self.across {
                    0 => (1..).find(|a| a * a >= n).unwrap_or(1),
                    across => across.min(n),
                };
                (across.max(1), n.div_ceil(across.max(1)))
            }
        }
    }

    fn places(&self) -> Places {
        let (across, down) = self.size();
        let spread = |n: usize, anchors: usize| -> Vec<f64> { (0..n).map(|i| share(i, n, anchors)).collect() };
        match self.layout {
            Layout::Line => Places { u: spread(self.columns, across), v: vec![0.0] },
            Layout::Triangle => Places { u: spread(self.rows, 2), v: spread(self.rows, 2) },
            Layout::Corners | Layout::Sheet => Places { u: spread(self.columns, across), v: spread(self.rows, down) },
        }
    }

    /// The cells as they lie by numbers alone: evenly in latent space.
    ///
    /// # Errors
    /// There are too few anchors, or some are latents and others styles.
    pub fn plain(&self, dims: &Dims) -> Result<Laid> {
        self.check()?;
        self.laid(dims, &self.anchors, &self.places())
    }

    /// The cells at places, between anchors as they are interpolated; the anchors' own cells keep their own words, so
    /// that a seed stays a seed in recipes.
    fn laid(&self, dims: &Dims, anchors: &[Latent], places: &Places) -> Result<Laid> {
        let mut laid = Laid::default();
        let mut put = |latent: Latent, anchor: Option<usize>| {
            let own = anchor.and_then(|a| Some((a, self.anchors.get(a)?)));
            if let Some((a, _)) = own {
                laid.anchors.push((a, laid.cells.len()));
            }
            laid.cells.push(own.map_or(latent, |(_, own)| own.clone()));
        };
        if self.layout == Layout::Triangle {
            for (i, &down) in places.v.iter().enumerate() {
                for j in 0..=i {
                    let along = if i == 0 { 0.0 } else { at(&places.u, j as f64 / i as f64) };
                    let corner = [1.0 - down, down * (1.0 - along), down * along].iter().position(|w| *w == 1.0);
                    put(self.inside(dims, anchors, down, along)?, corner);
                }
            }
        } else {
            let (across, count) = (self.size().0, self.anchors.len());
            for &v in &places.v {
                for &u in &places.u {
                    let anchor = (u.fract() == 0.0 && v.fract() == 0.0).then_some(v as usize * across + u as usize);
                    put(self.between(dims, anchors, u, v)?, anchor.filter(|a| *a < count));
                }
            }
        }
        laid.anchors.sort_unstable();
        // With one anchor, or two for every row, only the first of the cells it fills is its own.
        laid.anchors.dedup_by_key(|a| a.0);
        Ok(laid)
    }

    /// The cell at a column and a row of the sheet.
    fn between(&self, dims: &Dims, anchors: &[Latent], u: f64, v: f64) -> Result<Latent> {
        let (across, down) = self.size();
        let Some(last) = anchors.last() else { return Err(Problem::usage("There is no latent")) };
        let anchor = |column: usize, row: usize| anchors.get(row * across + column).unwrap_or(last);
        let (left, top) = (u as usize, v as usize);
        let joined =
            |row: usize| dims.between(anchor(left, row), anchor((left + 1).min(across - 1), row), u.fract(), self.mode);
        let upper = joined(top)?;
        if v.fract() == 0.0 {
            return Ok(upper);
        }
        dims.between(&upper, &joined((top + 1).min(down - 1))?, v.fract(), self.mode)
    }

    /// The cell of a triangle so far down, and so far along from left to right there.
    fn inside(&self, dims: &Dims, anchors: &[Latent], down: f64, along: f64) -> Result<Latent> {
        let [a, b, c, ..] = anchors else { return Err(Problem::usage("A triangle has three anchors")) };
        let shares = [(1.0 - down, a), (down * (1.0 - along), b), (down * along, c)];
        dims.mean(&shares, self.mode)
    }
}

/// Place `i` of `n`, in anchors, spread from the first anchor to the last.
fn share(i: usize, n: usize, anchors: usize) -> f64 {
    if n < 2 || anchors < 2 { 0.0 } else { (i * (anchors - 1)) as f64 / (n - 1) as f64 }
}

/// Evenly spaced values between which it goes straight, at `t` from 0 to 1.
fn at(values: &[f64], t: f64) -> f64 {
    let (Some(last), true) = (values.len().checked_sub(1), values.len() > 1) else { return t };
    let place = t * last as f64;
    let before = (place as usize).min(last - 1);
    let part = place - before as f64;
    values[before] * (1.0 - part) + values[before + 1] * part
}

impl LoadedModel {
    /// Cells between anchors. Anchors become styles where that is wished, or where some of them are styles.
    ///
    /// Where even steps are wished, their measure says what is visible, and anchors stay where they are.
    /// On a line every step is as large as the next, as far as whole cells from anchor to anchor allow; on a sheet (and
    /// between corners) columns are evened along all rows of anchors together, and rows along all columns of anchors, from
    /// anchor to anchor; in a triangle both sides together, and the base.
    ///
    /// # Errors
    /// There are too few anchors, or fewer cells than anchors to even; an anchor is none of this model's; the model has
    /// no styles; or it was cancelled.
    pub fn lattice(&self, wish: &GridConfig, truncation: f32, progress: &dyn Progress) -> Result<Laid> {
        wish.check()?;
        let dims = self.dims();
        check_truncation(truncation)?;
        let anchors = self.in_one_space(&wish.anchors, wish.styles)?;
        space_of(&anchors)?;
        let Some(measure) = wish.even else {
            return wish.laid(&dims, &anchors, &wish.places());
        };
        let eye = self.eye(measure, truncation)?;
        let of = Evening { eye: &eye, wish, dims, anchors: &anchors, progress };
        let (places, worst) = of.places()?;
        let mut laid = wish.laid(&dims, &anchors, &places)?;
        laid.spread = Some(if wish.layout == Layout::Line {
            even_spacing::spread(&even_spacing::steps_of(&eye.look(&laid.cells)?)?)
        } else {
            worst
        });
        Ok(laid)
    }

    /// Latents that can be blended with each other: as styles where that is wished or where some are styles, as they are
    /// otherwise. Those that are styles already stay as they are.
    ///
    /// # Errors
    /// One is none of this model's, or the model has no styles.
    pub fn in_one_space(&self, latents: &[Latent], styles: bool) -> Result<Vec<Latent>> {
        self.dims().check_all(latents)?;
        let mut out = latents.to_vec();
        if !styles && !latents.iter().any(|l| l.place().space == Space::W) {
            return Ok(out);
        }
        for latent in out.iter_mut().filter(|l| l.place().space != Space::W) {
            if let Some(style) = self.to_styles(std::slice::from_ref(latent), false)?.pop() {
                *latent = style;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::interpolate;
    use super::*;
    use crate::base::paths::Paths;
    use crate::base::progress::Quiet;
    use crate::base::rng::latent_from_seed;
    use crate::latent::testing::fresh;

    const DIMS: Dims = Dims { z: 16, classes: 0, layers: 0 };

    fn seeds(n: u64) -> Vec<Latent> {
        (1..=n).map(|seed| Latent::Seed { seed }).collect()
    }

    fn wish(layout: Layout, anchors: u64, columns: usize, rows: usize) -> GridConfig {
        let anchors = seeds(anchors);
        GridConfig { anchors, layout, across: 0, columns, rows, mode: Mode::Slerp, styles: false, even: None }
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5)
    }

    #[test]
    fn corners_are_the_grid_they_were_and_sheets_go_through_all_anchors() {
        for n in 1..=4 {
            let corners: Vec<Vec<f32>> = (1..=n).map(|s| latent_from_seed(s, 16)).collect();
            let old = interpolate::grid(&corners, 5, 4, Mode::Slerp);
            for layout in [Layout::Corners, Layout::Sheet] {
                let new = wish(layout, n, 5, 4).plain(&DIMS).unwrap().cells;
                assert_eq!(new.len(), 20);
                assert!(new.iter().zip(&old).all(|(c, o)| close(&DIMS.numbers(c), o)), "{layout:?} {n}");
            }
        }
        // Seven anchors: three rows of three, the last one repeated.
        let laid = wish(Layout::Sheet, 7, 5, 5).plain(&DIMS).unwrap();
        let wanted = [(0, 0), (1, 2), (2, 4), (3, 10), (4, 12), (5, 14), (6, 20)];
        assert_eq!(laid.anchors, wanted);
        for (anchor, cell) in wanted {
            assert_eq!(laid.cells[cell], Latent::Seed { seed: anchor as u64 + 1 });
        }
        assert_eq!(laid.cells[24], laid.cells[20]);
        let wide = GridConfig { across: 6, ..wish(Layout::Sheet, 6, 11, 1) };
        assert_eq!(wide.plain(&DIMS).unwrap().anchors.iter().map(|a| a.1).collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10]);
        assert!(wish(Layout::Triangle, 2, 3, 3).plain(&DIMS).is_err() && wish(Layout::Line, 1, 3, 1).check().is_err());
    }

    #[test]
    fn a_line_goes_from_anchor_to_anchor_and_a_triangle_is_the_mean_of_three() {
        let line = wish(Layout::Line, 3, 5, 1).plain(&DIMS).unwrap();
        assert_eq!(line.anchors, [(0, 0), (1, 2), (2, 4)]);
        let half = interpolate::slerp(&latent_from_seed(2, 16), &latent_from_seed(3, 16), 0.5);
        assert!(close(&DIMS.numbers(&line.cells[3]), &half));
        let straight = GridConfig { mode: Mode::Lerp, ..wish(Layout::Triangle, 3, 1, 4) };
        let laid = straight.plain(&DIMS).unwrap();
        assert_eq!((laid.cells.len(), laid.anchors.clone()), (10, vec![(0, 0), (1, 6), (2, 9)]));
        let rows = [1, 2, 3].map(|s| latent_from_seed(s, 16));
        let middle: Vec<f32> = (0..16).map(|i| (rows[0][i] + rows[1][i] + rows[2][i]) / 3.0).collect();
        assert!(close(&DIMS.numbers(&laid.cells[4]), &middle));
        // Along the sphere its edges are those of a line, and its middle is as far from each anchor.
        let round = wish(Layout::Triangle, 3, 1, 4).plain(&DIMS).unwrap();
        let third = interpolate::slerp(&rows[0], &rows[2], 1.0 / 3.0);
        assert!(close(&DIMS.numbers(&round.cells[2]), &third));
        let length: f64 = rows.iter().map(|r| interpolate::norm(r)).sum::<f64>() / 3.0;
        assert!((interpolate::norm(&DIMS.numbers(&round.cells[4])) - length).abs() < 1e-4);
    }

    #[test]
    fn even_steps_on_a_line_change_as_much_to_the_eye() {
        let home = tempfile::tempdir().unwrap();
        let model = LoadedModel::open("fashion-vae", &Paths::under(home.path()), "cpu").unwrap();
        // Features take longer to look at: a short way will do.
        for (measure, anchors, columns) in [(Measure::Pixels, 3, 16), (Measure::Features, 2, 7)] {
            let plain = wish(Layout::Line, anchors, columns, 1);
            let eye = model.eye(measure, 0.9).unwrap();
            let steps =
                |cells: &[Latent]| even_spacing::spread(&even_spacing::steps_of(&eye.look(cells).unwrap()).unwrap());
            let uneven = steps(&model.lattice(&plain, 0.9, &Quiet::default()).unwrap().cells);
            let even = GridConfig { even: Some(measure), ..plain };
            let even = model.lattice(&even, 0.9, &Quiet::default()).unwrap();
            let spread = steps(&even.cells);
            assert!(spread < 0.1 && uneven > 1.5 * spread && uneven > 0.1, "{measure}: {uneven} {spread}");
            assert!((even.spread.unwrap() - spread).abs() < 1e-6);
            assert_eq!((even.cells.len(), even.anchors.len()), (columns, anchors as usize));
            assert_eq!(even.cells[even.anchors[1].1], Latent::Seed { seed: 2 }, "anchors stay");
        }
    }

    #[test]
    fn a_line_on_which_plain_rounds_swing_becomes_even_too() {
        let home = tempfile::tempdir().unwrap();
        let model = LoadedModel::open("fashion-vae", &Paths::under(home.path()), "cpu").unwrap();
        let anchors = [11, 12].map(|seed| Latent::Seed { seed }).to_vec();
        let wish = GridConfig { anchors, even: Some(Measure::Pixels), ..wish(Layout::Line, 2, 16, 1) };
        let spread = model.lattice(&wish, 1.0, &Quiet::default()).unwrap().spread.unwrap();
        assert!(spread < 0.03, "{spread}");
    }

    /// The spread of steps in both measures, left as they are and evened by each: lines through random anchors.
    #[test]
    #[ignore = "measures; run with --release --nocapture"]
    fn how_even_each_measure_makes_the_other() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        for name in ["nouns-gan", "emoji-faces-gan", "fashion-vae"] {
            let model = LoadedModel::open(name, &paths, "cpu").unwrap();
            let eyes = [Measure::Pixels, Measure::Features].map(|m| model.eye(m, 1.0).unwrap());
            for even in [None, Some(Measure::Pixels), Some(Measure::Features)] {
                let (mut sums, mut most) = ([0.0f64; 2], [0.0f64; 2]);
                const LINES: u64 = 8;
                for line in 0..LINES {
                    let anchors = [2 * line + 1, 2 * line + 2].map(|seed| Latent::Seed { seed }).to_vec();
                    let wish = GridConfig { anchors, even, ..wish(Layout::Line, 2, 16, 1) };
                    let cells = model.lattice(&wish, 1.0, &Quiet::default()).unwrap().cells;
                    for (k, eye) in eyes.iter().enumerate() {
                        let spread = even_spacing::spread(&even_spacing::steps_of(&eye.look(&cells).unwrap()).unwrap());
                        sums[k] += spread / LINES as f64;
                        most[k] = most[k].max(spread);
                    }
                }
                let percent = |v: f64| format!("{:.1} %", v * 100.0);
                let [p, f] = [0, 1].map(|k| format!("{} (at most {})", percent(sums[k]), percent(most[k])));
                println!("{name:<16} {:<10} pixels {p:<24} features {f}", even.map_or("as it is", Measure::id));
            }
        }
    }

    #[test]
    fn sheets_and_triangles_are_evened_along_their_edges() {
        let model = fresh("dcgan", 16, 8);
        let edge = |cells: &[Latent], of: &[usize]| {
            let chosen: Vec<Latent> = of.iter().map(|&i| cells[i].clone()).collect();
            even_spacing::spread(&even_spacing::steps_of(&model.pixels(&chosen, 1.0).unwrap()).unwrap())
        };
        let corners = GridConfig { even: Some(Measure::Pixels), ..wish(Layout::Corners, 2, 8, 2) };
        let laid = model.lattice(&corners, 1.0, &Quiet::default()).unwrap();
        assert!(edge(&laid.cells, &[0, 1, 2, 3, 4, 5, 6, 7]) < 0.1);
        let triangle = GridConfig { even: Some(Measure::Pixels), ..wish(Layout::Triangle, 3, 1, 6) };
        let laid = model.lattice(&triangle, 1.0, &Quiet::default()).unwrap();
        assert!(edge(&laid.cells, &[15, 16, 17, 18, 19, 20]) < 0.1 && laid.spread.unwrap() < 0.1);
        assert_eq!(laid.anchors, [(0, 0), (1, 15), (2, 20)]);
        let crowded = GridConfig { even: Some(Measure::Pixels), ..wish(Layout::Line, 5, 4, 1) };
        assert!(model.lattice(&crowded, 1.0, &Quiet::default()).is_err());
    }

    #[test]
    fn ways_lead_through_styles_where_that_is_wished_or_an_anchor_is_one() {
        let model = fresh("style-gan", 8, 6);
        let mut through = GridConfig { styles: true, ..wish(Layout::Line, 2, 3, 1) };
        let laid = model.lattice(&through, 1.0, &Quiet::default()).unwrap();
        assert_eq!(laid.cells[0], Latent::Seed { seed: 1 });
        let styles: Vec<Vec<f32>> =
            model.to_styles(&through.anchors, false).unwrap().into_iter().map(|l| l.place().values).collect();
        let middle = laid.cells[1].place();
        assert_eq!(middle.space, Space::W);
        assert!((0..6).all(|i| (middle.values[i] - (styles[0][i] + styles[1][i]) / 2.0).abs() < 1e-5));
        through.styles = false;
        through.anchors[1] = model.to_styles(&through.anchors[1..], true).unwrap().remove(0);
        assert_eq!(
            model.lattice(&through, 1.0, &Quiet::default()).unwrap().cells[1].place().values.len(),
            6 * model.layers()
        );
        let other = fresh("dcgan", 8, 6);
        assert!(
            other.lattice(&GridConfig { styles: true, ..wish(Layout::Line, 2, 3, 1) }, 1.0, &Quiet::default()).is_err()
        );
    }
}
