//! What is laid out on the interpolation grid, as it is kept.

use serde::{Deserialize, Serialize};

use crate::export::sheet::TRIANGLE;
use crate::latent::even_spacing::Measure;
use crate::latent::interpolate::Mode;
use crate::latent::interpolation_grid::Layout;
use crate::ui::widgets::latent_slot::Anchor;

/// Steps in a row at most.
const LONGEST: u32 = 24;

/// The interpolation grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GridState {
    /// How anchors lie.
    pub layout: Layout,
    /// Anchors, row by row; a layout takes as many of the first as it needs.
    #[serde(alias = "corners")]
    pub anchors: Vec<Anchor>,
    /// Anchors of a line.
    pub along: u32,
    /// Steps of a line from anchor to anchor.
    pub stride: u32,
    /// Anchors across a sheet.
    pub across: u32,
    /// Anchors down a sheet.
    pub down: u32,
    /// Steps of a sheet from anchor to anchor.
    pub steps: u32,
    /// Cells across, between corners.
    pub columns: u32,
    /// Cells down between corners, or along a side of a triangle.
    pub rows: u32,
    /// How to get from anchor to anchor.
    pub mode: Mode,
    /// Through styles, for models that have some.
    pub styles: bool,
    /// Whether equal steps mean equal visible change.
    pub even: bool,
    /// What is taken for visible change then.
    pub by: Measure,
}

impl Default for GridState {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            anchors: [1.0, 2.0, 3.0, 4.0].map(Anchor::Seed).to_vec(),
            along: 2,
            stride: 8,
            across: 3,
            down: 3,
            steps: 3,
            columns: 7,
            rows: 7,
            mode: Mode::Slerp,
            styles: false,
            even: false,
            by: Measure::default(),
        }
    }
}

impl GridState {
    /// Anchors of a line at most.
    pub const ALONG: u32 = 12;
    /// Anchors across and down a sheet at most.
    pub const SIDE: u32 = 6;

    /// Anchors that the layout takes.
    pub fn needs(&self) -> usize {
        match self.layout {
            Layout::Line => self.along as usize,
            Layout::Triangle => 3,
            Layout::Corners => 4,
            Layout::Sheet => (self.across * self.down) as usize,
        }
    }

    /// The anchors that the layout takes, as far as they are there.
    pub fn used(&self) -> &[Anchor] {
        &self.anchors[..self.needs().min(self.anchors.len())]
    }

    /// Cells across and down; along a side for a triangle.
    pub fn cells(&self) -> (usize, usize) {
        let between = |anchors: u32, steps: u32| (anchors.saturating_sub(1) * steps + 1) as usize;
        match self.layout {
            Layout::Line => (between(self.along, self.stride), 1),
            Layout::Triangle => (self.rows.max(2) as usize, self.rows.max(2) as usize),
            Layout::Corners => (self.columns as usize, self.rows as usize),
            Layout::Sheet => (between(self.across, self.steps), between(self.down, self.steps)),
        }
    }

    /// Columns of a sheet of all cells.
    pub fn sheet_columns(&self) -> u32 {
        if self.layout == Layout::Triangle { TRIANGLE } else { self.cells().0 as u32 }
    }

    /// Steps from anchor to anchor that a line has room for.
    pub fn longest(&self) -> u32 {
        2 * LONGEST / self.along.saturating_sub(1).max(1)
    }

    /// Steps from anchor to anchor that a sheet has room for.
    pub fn finest(&self) -> u32 {
        (LONGEST / self.across.max(self.down).saturating_sub(1).max(1)).min(8)
    }

    /// Adds the next seeds until there are anchors enough.
    pub fn fill(&mut self) {
        while self.anchors.len() < self.needs().max(4) {
            self.anchors.push(Anchor::Seed(self.anchors.len() as f64 + 1.0));
        }
    }

    /// Takes the numbers of another; anchors of a sheet stay in their row and column.
    pub fn resize(&mut self, to: &Self) {
        if self.layout == Layout::Sheet && to.across != self.across {
            let mut free = (self.anchors.len() as u32 + 1..).map(|n| Anchor::Seed(f64::from(n)));
            let old = |row: u32, column: u32| {
                let there = column < self.across && row < self.down;
                self.anchors.get((row * self.across + column) as usize).filter(|_| there).cloned()
            };
            let spots = (0..to.down).flat_map(|row| (0..to.across).map(move |column| (row, column)));
            self.anchors = spots.filter_map(|(row, column)| old(row, column).or_else(|| free.next())).collect();
        }
        *self = Self { anchors: std::mem::take(&mut self.anchors), ..to.clone() };
        self.clamp();
    }

    /// Puts numbers back into their ranges.
    pub fn clamp(&mut self) {
        self.along = self.along.clamp(2, Self::ALONG);
        self.stride = self.stride.clamp(1, self.longest());
        (self.across, self.down) = (self.across.clamp(1, Self::SIDE), self.down.clamp(1, Self::SIDE));
        self.steps = self.steps.clamp(1, self.finest());
        self.columns = self.columns.clamp(2, 16);
        self.rows = self.rows.clamp(1, 16);
        self.anchors.truncate((Self::SIDE * Self::SIDE) as usize);
        self.fill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_with_four_corners_is_still_read() {
        let old = r#"{"corners":[{"seed":7.0},{"seed":2.0},{"at":{"kind":"point","values":[0.5]}},{"seed":4.0}],
                      "columns":9,"rows":5,"mode":"lerp"}"#;
        let mut state: GridState = serde_json::from_str(old).unwrap();
        state.clamp();
        assert_eq!((state.layout, state.cells(), state.mode), (Layout::Corners, (9, 5), Mode::Lerp));
        assert_eq!((&state.anchors[0], state.used().len()), (&Anchor::Seed(7.0), 4));
        assert!(matches!(&state.anchors[2], Anchor::At(_)));
        let new = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<GridState>(&new).unwrap(), state);
        let mut odd: GridState =
            serde_json::from_str(r#"{"layout":"sheet","across":900,"down":0,"anchors":[]}"#).unwrap();
        odd.clamp();
        assert_eq!((odd.used().len(), odd.cells()), (6, (16, 1)));
    }

    #[test]
    fn a_sheet_grows_and_shrinks_by_columns_and_rows() {
        let mut state = GridState { layout: Layout::Sheet, across: 2, down: 2, ..GridState::default() };
        state.resize(&GridState { across: 3, ..state.clone() });
        let seeds = |d: &GridState| -> Vec<f64> {
            d.used().iter().map(|a| if let Anchor::Seed(s) = a { *s } else { f64::NAN }).collect()
        };
        assert_eq!(seeds(&state), [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]);
        state.resize(&GridState { down: 3, ..state.clone() });
        assert_eq!(seeds(&state)[..6], [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]);
        state.resize(&GridState { across: 1, ..state.clone() });
        assert_eq!(seeds(&state), [1.0, 3.0, 7.0]);
        let mut line = GridState { layout: Layout::Line, ..GridState::default() };
        line.resize(&GridState { along: 12, stride: 16, ..line.clone() });
        assert_eq!((line.used().len(), line.cells()), (12, (45, 1)), "no longer than there is room for");
    }
}
