//! What is laid out on the page of the atlas, and what part of a sheet that shows.

use egui::{Pos2, Rect, vec2};
use serde::{Deserialize, Serialize};

use crate::latent::atlas::gather::AtlasConfig;
use crate::models::info::ModelRef;

/// The largest scale, in points a unit.
pub const NEAREST: f64 = 1e6;
/// Most pictures of a kind.
pub const MOST: u32 = 100_000;

/// Points of the screen around a sheet that is seen whole.
const MARGIN: f32 = 40.0;
/// How far from its middle a sheet is seen whole, in its own units; what strays farther is a few points.
pub const FAR: f32 = 1.6;

/// What colours tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tint {
    /// Real, generated or kept.
    #[default]
    Kind,
    /// The label of a real picture.
    Label,
    /// How far a real picture is from what the model makes of it.
    Hardness,
    /// The rating of a kept picture.
    Rating,
}

impl Tint {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Kind => "Real or generated",
            Self::Label => "Label",
            Self::Hardness => "Hardness",
            Self::Rating => "Rating",
        }
    }

    /// What it tells.
    pub fn help(self) -> &'static str {
        match self {
            Self::Kind => "Pictures of the data, of the model, and those that you kept",
            Self::Label => "What real pictures are labelled as",
            Self::Hardness => {
                "How far off the model is at each real picture: in a VAE what comes back of it, elsewhere what the \
                 encoder finds or the nearest sample"
            }
            Self::Rating => "How you rated kept pictures",
        }
    }
}

/// What is laid out on the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AtlasState {
    /// What shall be on the sheet.
    pub wish: AtlasConfig,
    /// Whether kept pictures of the model are.
    pub kept: bool,
    /// What colours tell.
    pub tint: Tint,
    /// Whether holes are outlined.
    pub holes: bool,
    /// In the middle of the canvas.
    pub x: f64,
    /// In the middle of the canvas.
    pub y: f64,
    /// Points of the screen a unit of the sheet; 0 shows all of it.
    pub scale: f64,
    /// What is looked for; all other points step back.
    pub find: String,
    /// Corners of the lasso.
    pub lasso: Vec<[f32; 2]>,
    /// The sheet that place, scale and lasso are of: its model, and what was wished for.
    pub of: Option<(ModelRef, AtlasConfig)>,
}

impl Default for AtlasState {
    fn default() -> Self {
        let wish = AtlasConfig::default();
        let (find, lasso, of) = (String::new(), Vec::new(), None);
        Self { wish, kept: true, tint: Tint::Kind, holes: true, x: 0.0, y: 0.0, scale: 0.0, find, lasso, of }
    }
}

impl AtlasState {
    /// Another sheet is here: places on the last one mean nothing on it.
    pub fn turn_to(&mut self, model: &ModelRef, wish: Option<&AtlasConfig>) {
        let now = wish.map(|w| (model.clone(), w.clone()));
        if self.of != now {
            (self.x, self.y, self.scale) = (0.0, 0.0, 0.0);
            self.lasso.clear();
            self.of = now;
        }
    }

    /// Puts numbers that a hand-edited file may hold back into their ranges.
    pub fn clamp(&mut self) {
        let finite = |v: f64| if v.is_finite() { v.clamp(-100.0, 100.0) } else { 0.0 };
        (self.x, self.y) = (finite(self.x), finite(self.y));
        self.scale = if self.scale.is_finite() { self.scale.clamp(0.0, NEAREST) } else { 0.0 };
        self.wish.limit = self.wish.limit.clamp(1, MOST);
        self.wish.samples = self.wish.samples.min(MOST);
        self.lasso.retain(|p| p.iter().all(|v| v.is_finite()));
    }
}

/// What part of a sheet is on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// In the middle.
    pub x: f64,
    /// In the middle.
    pub y: f64,
    /// Points of the screen a unit of the sheet.
    pub scale: f64,
    /// The scale at which all of the sheet is seen.
    pub whole: f64,
    /// Where on the screen.
    pub room: Rect,
}

impl View {
    /// Of a sheet that reaches so far from its middle.
    pub fn of(state: &AtlasState, room: Rect, reach: [f32; 2]) -> Self {
        let half = |size: f32, reach: f32| f64::from(size / 2.0 - MARGIN) / f64::from(reach.max(1e-3));
        let whole = half(room.width(), reach[0]).min(half(room.height(), reach[1])).max(1.0);
        let scale = if state.scale > 0.0 { state.scale } else { whole };
        Self { x: state.x, y: state.y, scale, whole, room }
    }

    /// How much nearer than that one is.
    pub fn nearer(&self) -> f64 {
        self.scale / self.whole
    }

    /// Where a place of the sheet is on the screen.
    pub fn screen(&self, [x, y]: [f32; 2]) -> Pos2 {
        let by = [(f64::from(x) - self.x) * self.scale, (f64::from(y) - self.y) * self.scale];
        self.room.center() + vec2(by[0] as f32, by[1] as f32)
    }

    /// What place of the sheet is there on the screen.
    pub fn place(&self, at: Pos2) -> [f32; 2] {
        let by = at - self.room.center();
        [(self.x + f64::from(by.x) / self.scale) as f32, (self.y + f64::from(by.y) / self.scale) as f32]
    }
}
