//! What a person has laid out in Explore: all that Undo comes back to and that is kept from one start to the next.

use serde::{Deserialize, Serialize};

use super::atlas::AtlasDesk;
use super::directions::DirectionsDesk;
use super::directions::sum::{PICKS, SumDesk};
use super::inside::InsideDesk;
pub use super::lattice::GridDesk;
pub use super::mend::MendDesk;
pub use super::twins::TwinsDesk;
use crate::latent::breed::Wish as Breeding;
use crate::latent::film::Timeline;
use crate::latent::interpolate::Mode;
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::widgets::latent_slot::Anchor;

/// The tabs on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Tab {
    /// Random samples.
    #[default]
    Sheet,
    /// Interpolation grid.
    Grid,
    /// Plane of seeds.
    Plane,
    /// Single dimensions.
    Traverse,
    /// Films.
    Walk,
    /// Two latents.
    Compare,
    /// Two models side by side.
    Models,
    /// A picture from elsewhere.
    Picture,
    /// Directions.
    Directions,
    /// A plane as a map.
    Map,
    /// Pictures by likeness on one sheet.
    Atlas,
    /// Films with keys.
    Film,
    /// Parents and children.
    Breed,
    /// Hands on the picture.
    Edit,
    /// What goes on inside the network.
    Inside,
}

impl Tab {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sheet => "Sheet",
            Self::Grid => "Grid",
            Self::Plane => "Plane",
            Self::Traverse => "Traverse",
            Self::Walk => "Walk",
            Self::Compare => "Compare",
            Self::Picture => "Picture",
            Self::Directions => "Directions",
            Self::Map => "Map",
            Self::Film => "Film",
            Self::Breed => "Breed",
            Self::Edit => "Edit",
            Self::Atlas => "Atlas",
            Self::Inside => "Inside",
            Self::Models => "Models",
        }
    }
}

/// Classes with their shares.
pub type Blend = Vec<(u32, f32)>;

/// Where one stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stand {
    /// The model.
    pub model: Option<ModelRef>,
    /// Where.
    pub latent: Latent,
    /// Truncation or temperature.
    pub truncation: f32,
}

impl Stand {
    /// A latent as it is seen from here: of the class of this place, unless it has one of its own.
    #[must_use]
    pub fn classed(&self, latent: &Latent) -> Latent {
        let own = latent.class();
        if own.is_empty() { latent.with_class(self.latent.class()) } else { latent.clone() }
    }

    /// As [`Self::classed`], all of them.
    pub fn all_classed(&self, latents: &[Latent]) -> Vec<Latent> {
        latents.iter().map(|l| self.classed(l)).collect()
    }
}

impl Default for Stand {
    fn default() -> Self {
        Self { model: None, latent: Latent::Seed { seed: 1 }, truncation: 1.0 }
    }
}

/// The random sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SheetDesk {
    /// Its first seed; the others follow.
    pub first: u64,
    /// Samples.
    pub count: u32,
}

impl Default for SheetDesk {
    fn default() -> Self {
        Self { first: 1, count: 36 }
    }
}

/// The seed plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlaneDesk {
    /// Seed in the middle.
    pub x: f64,
    /// Row in the middle.
    pub y: f64,
    /// Points from one seed to the next.
    pub zoom: f64,
}

impl Default for PlaneDesk {
    fn default() -> Self {
        Self { x: 1.0, y: 0.0, zoom: 220.0 }
    }
}

/// The traversal rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraverseDesk {
    /// Place of the first row in the order of dimensions.
    pub first: u32,
    /// Rows.
    pub rows: u32,
    /// Steps across, odd.
    pub steps: u32,
    /// From minus this to plus this.
    pub reach: f32,
}

impl Default for TraverseDesk {
    fn default() -> Self {
        Self { first: 0, rows: 8, steps: 9, reach: 3.0 }
    }
}

/// A film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WalkDesk {
    /// Where it passes.
    pub stops: Vec<Anchor>,
    /// Frames from stop to stop.
    pub stretch: u32,
    /// Whether it runs back into its beginning.
    pub looped: bool,
    /// How to get from stop to stop.
    pub mode: Mode,
}

impl Default for WalkDesk {
    fn default() -> Self {
        Self { stops: [1.0, 2.0, 3.0].map(Anchor::Seed).to_vec(), stretch: 45, looped: true, mode: Mode::Slerp }
    }
}

impl WalkDesk {
    /// Frames in all.
    pub fn frames(&self) -> usize {
        let stops = self.stops.len();
        match (stops, self.looped) {
            (0, _) => 0,
            (1, _) => 1,
            (n, true) => n * self.stretch as usize,
            (n, false) => (n - 1) * self.stretch as usize + 1,
        }
    }
}

/// Two latents beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompareDesk {
    /// Both.
    pub ends: [Anchor; 2],
    /// Place between them, 0 to 1.
    pub share: f32,
    /// How to get from one to the other.
    pub mode: Mode,
}

impl Default for CompareDesk {
    fn default() -> Self {
        Self { ends: [1.0, 2.0].map(Anchor::Seed), share: 0.5, mode: Mode::Slerp }
    }
}

/// Which plane a map is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaneKind {
    /// Through three latents.
    #[default]
    Through,
    /// Along two directions.
    Directions,
    /// All seeds.
    Seeds,
    /// A latent of two numbers, whole.
    Code,
}

impl PlaneKind {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Through => "Three latents",
            Self::Directions => "Two directions",
            Self::Seeds => "All seeds",
            Self::Code => "The whole code",
        }
    }
}

/// The map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapDesk {
    /// Its plane.
    pub kind: PlaneKind,
    /// At (0, 0), (1, 0) and (0, 1).
    pub anchors: [Anchor; 3],
    /// Directions by name; the first ones if they are not there.
    pub right: String,
    /// Downwards.
    pub down: String,
    /// In the middle of the window.
    pub x: f64,
    /// In the middle of the window.
    pub y: f64,
    /// Points a unit of the plane.
    pub scale: f64,
}

impl Default for MapDesk {
    fn default() -> Self {
        Self {
            kind: PlaneKind::default(),
            anchors: [1.0, 2.0, 3.0].map(Anchor::Seed),
            right: String::new(),
            down: String::new(),
            x: 0.5,
            y: 0.5,
            scale: 300.0,
        }
    }
}

/// A film with keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilmDesk {
    /// All of it.
    pub timeline: Timeline,
}

impl Default for FilmDesk {
    fn default() -> Self {
        let plain = Timeline { drift: None, truncation: None, ..Timeline::example() };
        Self { timeline: plain }
    }
}

/// The board of parents.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BreedDesk {
    /// Parents.
    pub parents: Vec<Latent>,
    /// What children are wanted.
    pub wish: Breeding,
}

/// Everything laid out.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// Where one stands.
    pub here: Stand,
    /// Random sheet.
    pub sheet: SheetDesk,
    /// Interpolation grid.
    pub grid: GridDesk,
    /// Seed plane.
    pub plane: PlaneDesk,
    /// Traversal rows.
    pub traverse: TraverseDesk,
    /// Film.
    pub walk: WalkDesk,
    /// Two latents.
    pub compare: CompareDesk,
    /// Map.
    pub map: MapDesk,
    /// Film with keys.
    pub film: FilmDesk,
    /// Parents.
    pub breed: BreedDesk,
    /// Pictures by likeness.
    pub atlas: AtlasDesk,
    /// What goes on inside the network.
    pub inside: InsideDesk,
    /// Pushing along directions.
    pub directions: DirectionsDesk,
    /// Arithmetic with pictures.
    pub sum: SumDesk,
    /// Two models.
    pub twins: TwinsDesk,
    /// A picture to mend.
    pub mend: MendDesk,
    /// Where the present picture came from, in words; empty at first.
    pub came: String,
}

impl Desk {
    /// Puts numbers that a hand-edited file may hold back into their ranges.
    pub fn mend(&mut self) {
        self.here.truncation = finite(self.here.truncation, 1.0).clamp(0.0, 2.0);
        self.sheet.count = self.sheet.count.clamp(1, 256);
        self.grid.mend();
        self.twins.mend();
        self.mend.mend();
        self.plane.zoom = if self.plane.zoom.is_finite() { self.plane.zoom.clamp(60.0, 2000.0) } else { 220.0 };
        if !self.plane.x.is_finite() || !self.plane.y.is_finite() {
            (self.plane.x, self.plane.y) = (1.0, 0.0);
        }
        self.traverse.rows = self.traverse.rows.clamp(1, 32);
        self.traverse.steps = (self.traverse.steps.clamp(3, 21)) | 1;
        self.traverse.reach = finite(self.traverse.reach, 3.0).clamp(0.5, 8.0);
        self.walk.stretch = self.walk.stretch.clamp(2, 600);
        self.walk.stops.truncate(64);
        self.map.scale = if self.map.scale.is_finite() { self.map.scale.clamp(8.0, 1e8) } else { 300.0 };
        if !self.map.x.is_finite() || !self.map.y.is_finite() {
            (self.map.x, self.map.y) = (0.5, 0.5);
        }
        if self.film.timeline.check().is_err() {
            self.film = FilmDesk::default();
        }
        self.atlas.mend();
        self.inside.mend();
        self.directions.rows = self.directions.rows.clamp(1, 8);
        self.directions.find.count = self.directions.find.count.clamp(1, 32);
        self.sum.terms.truncate(PICKS.len());
        self.breed.parents.truncate(16);
        self.breed.wish.count = self.breed.wish.count.clamp(1, 48);
        self.compare.share = finite(self.compare.share, 0.5).clamp(0.0, 1.0);
    }
}

fn finite(v: f32, otherwise: f32) -> f32 {
    if v.is_finite() { v } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_goes_to_json_and_back_and_old_ones_are_filled_up() {
        let mut desk = Desk::default();
        desk.here.latent = Latent::Point { values: vec![0.1, -2.5] };
        desk.walk.stops.push(Anchor::At(Latent::Seed { seed: u64::MAX }));
        let json = serde_json::to_value(&desk).unwrap();
        assert_eq!(serde_json::from_value::<Desk>(json).unwrap(), desk);
        let old: Desk = serde_json::from_str(r#"{"sheet":{"count":100000},"compare":{"share":7}}"#).unwrap();
        let mut mended = old;
        mended.mend();
        assert_eq!((mended.sheet.count, mended.compare.share), (256, 1.0));
    }

    #[test]
    fn a_film_has_frames_for_every_stretch() {
        let mut walk = WalkDesk { stretch: 10, ..WalkDesk::default() };
        assert_eq!(walk.frames(), 30);
        walk.looped = false;
        assert_eq!(walk.frames(), 21);
        walk.stops.truncate(1);
        assert_eq!(walk.frames(), 1);
    }
}
