//! What a person has laid out in Explore: all that Undo comes back to and that is kept from one start to the next.

use serde::{Deserialize, Serialize};
use strum::EnumIter;

use super::tabs::atlas::state::AtlasState;
use super::tabs::compare_models::state::CompareModelsState;
use super::tabs::directions::state::{DirectionsState, PICKS, SumState};
use super::tabs::grid::state::GridState;
use super::tabs::inpaint::state::InpaintState;
use super::tabs::inside_state::InsideState;
use super::viewpoint::{Viewpoint, fitted, instead, misfit};
use crate::latent::breed::BreedConfig as Breeding;
use crate::latent::film::Timeline;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::view::{Cx, ViewId};
use crate::ui::widgets::latent_slot::Anchor;

/// Random samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplesState {
    /// Its first seed; the others follow.
    pub first: u64,
    /// Samples.
    pub count: u32,
}

impl Default for SamplesState {
    fn default() -> Self {
        Self { first: 1, count: 36 }
    }
}

/// The seed plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeedPlaneState {
    /// Seed in the middle.
    pub x: f64,
    /// Row in the middle.
    pub y: f64,
    /// Points from one seed to the next.
    pub zoom: f64,
}

impl Default for SeedPlaneState {
    fn default() -> Self {
        Self { x: 1.0, y: 0.0, zoom: 220.0 }
    }
}

/// Rows of sliders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlidersState {
    /// Place of the first row in the order of dimensions.
    pub first: u32,
    /// Rows.
    pub rows: u32,
    /// Steps across, odd.
    pub steps: u32,
    /// From minus this to plus this.
    pub reach: f32,
}

impl Default for SlidersState {
    fn default() -> Self {
        Self { first: 0, rows: 8, steps: 9, reach: 3.0 }
    }
}

/// A film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WalkState {
    /// Where it passes.
    pub stops: Vec<Anchor>,
    /// Frames from stop to stop.
    pub stretch: u32,
    /// Whether it runs back into its beginning.
    pub looped: bool,
    /// How to get from stop to stop.
    pub mode: Mode,
}

impl Default for WalkState {
    fn default() -> Self {
        Self { stops: [1.0, 2.0, 3.0].map(Anchor::Seed).to_vec(), stretch: 45, looped: true, mode: Mode::Slerp }
    }
}

impl WalkState {
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
pub struct BetweenState {
    /// Both.
    pub ends: [Anchor; 2],
    /// Place between them, 0 to 1.
    pub share: f32,
    /// How to get from one to the other.
    pub mode: Mode,
}

impl Default for BetweenState {
    fn default() -> Self {
        Self { ends: [1.0, 2.0].map(Anchor::Seed), share: 0.5, mode: Mode::Slerp }
    }
}

/// Which plane a map is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum PlaneKind {
    /// All seeds, with the present picture in the middle.
    #[default]
    Here,
    /// All seeds, endless.
    Seeds,
    /// Through three latents.
    Through,
    /// Along two directions.
    Directions,
    /// A latent of two numbers, whole.
    Code,
}

impl PlaneKind {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Here => "Around a seed",
            Self::Seeds => "All seeds",
            Self::Through => "Three pictures",
            Self::Directions => "Two directions",
            Self::Code => "Latent plane",
        }
    }

    /// What it shows.
    pub fn help(self) -> &'static str {
        match self {
            Self::Here => "Seeds side by side with everything between them; what is in the middle is opened",
            Self::Seeds => "Seeds side by side, to zoom far in and out; click to open a place",
            Self::Through => "The plane through three pictures, yours in one corner",
            Self::Directions => "The present picture moved along two directions at once",
            Self::Code => "All that this model can make: its latents have two numbers",
        }
    }
}

/// The map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapState {
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
    /// Pictures that are shown on the plane of a latent of two numbers; empty: those the model learned from.
    pub data: String,
}

impl Default for MapState {
    fn default() -> Self {
        Self {
            kind: PlaneKind::default(),
            anchors: [1.0, 2.0, 3.0].map(Anchor::Seed),
            right: String::new(),
            down: String::new(),
            x: 0.5,
            y: 0.5,
            scale: 300.0,
            data: String::new(),
        }
    }
}

/// A film with keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilmState {
    /// All of it.
    pub timeline: Timeline,
}

impl Default for FilmState {
    fn default() -> Self {
        let plain = Timeline { drift: None, truncation: None, ..Timeline::example() };
        Self { timeline: plain }
    }
}

/// The board of parents.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BreedState {
    /// Parents.
    pub parents: Vec<Latent>,
    /// What children are wanted.
    pub wish: Breeding,
}

/// Everything laid out.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExploreState {
    /// The present picture: the subject of every page.
    pub here: Viewpoint,
    /// Random samples.
    #[serde(alias = "sheet")]
    pub samples: SamplesState,
    /// Interpolation grid.
    pub grid: GridState,
    /// Seed plane.
    #[serde(alias = "plane")]
    pub seed_plane: SeedPlaneState,
    /// Traversal rows.
    #[serde(alias = "traverse")]
    pub sliders: SlidersState,
    /// Film.
    pub walk: WalkState,
    /// Two latents.
    #[serde(alias = "compare")]
    pub between: BetweenState,
    /// Map.
    pub map: MapState,
    /// Film with keys.
    pub film: FilmState,
    /// Parents.
    pub breed: BreedState,
    /// Pictures by likeness.
    pub atlas: AtlasState,
    /// What goes on inside the network.
    pub inside: InsideState,
    /// Pushing along directions.
    pub directions: DirectionsState,
    /// Arithmetic with pictures.
    pub sum: SumState,
    /// Two models.
    #[serde(alias = "twins")]
    pub compare_models: CompareModelsState,
    /// A photo to repair.
    #[serde(alias = "mend")]
    pub inpaint: InpaintState,
    /// Where the present picture came from, in words; empty at first.
    #[serde(alias = "came")]
    pub provenance: String,
}

impl ExploreState {
    /// As Undo keeps it.
    pub fn snapshot(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Keeps this as a step of Undo, before it is changed.
    pub fn undo_point(&self, label: &str, cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Explore, label, self.snapshot());
    }

    /// Puts a model's own places in for those that it cannot make, and drops them where there are others: what is laid
    /// out outlives a change of model, and files of earlier versions. Why the present place could not stay, if it could
    /// not.
    pub fn fit_to(&mut self, info: &ModelInfo) -> Option<String> {
        let why = self.fit_here(info);
        let fit = |latent: &mut Latent| match fitted(latent, info) {
            Ok(own) => {
                *latent = own;
                true
            }
            Err(_) => false,
        };
        let stays = |anchor: &mut Anchor| match anchor {
            Anchor::Seed(x) => x.is_finite(),
            Anchor::At(latent) => fit(latent),
        };
        let fixed = self.grid.anchors.iter_mut().chain(&mut self.between.ends).chain(&mut self.map.anchors);
        for (i, anchor) in fixed.chain(self.sum.terms.iter_mut().map(|t| &mut t.anchor)).enumerate() {
            if !stays(anchor) {
                *anchor = Anchor::Seed(i as f64 + 1.0);
            }
        }
        self.walk.stops.retain_mut(stays);
        self.breed.parents.retain_mut(fit);
        let dims = Dims::of(info);
        let film = &mut self.film.timeline;
        film.keys.retain_mut(|k| fit(&mut k.latent));
        film.tracks.retain(|t| dims.check_direction(&t.direction).is_ok());
        if film.keys.is_empty() {
            film.keys = FilmState::default().timeline.keys;
            film.seconds = film.seconds.max(film.keys.last().map_or(0.0, |k| k.time) + 1.0);
        } else if let Some(first) = film.keys.first_mut() {
            first.time = 0.0;
        }
        let pushed = &mut self.directions;
        if pushed.base.as_ref().is_some_and(|(_, latent)| misfit(latent, info).is_some()) {
            (pushed.base, pushed.led) = (None, None);
            pushed.strengths.clear();
        }
        if self.inpaint.mended.as_ref().is_some_and(|m| misfit(&m.latent, info).is_some()) {
            self.inpaint.mended = None;
        }
        why
    }

    /// The same for the present place alone.
    pub fn fit_here(&mut self, info: &ModelInfo) -> Option<String> {
        match fitted(&self.here.latent, info) {
            Ok(latent) => {
                self.here.latent = latent;
                None
            }
            Err(why) => {
                self.here.latent = self.here.classed(&instead(&self.here.latent));
                Some(why)
            }
        }
    }

    /// Puts numbers that a hand-edited file may hold back into their ranges.
    pub fn clamp(&mut self) {
        self.here.truncation = finite(self.here.truncation, 1.0).clamp(0.0, 2.0);
        self.samples.count = self.samples.count.clamp(1, 256);
        self.grid.clamp();
        self.compare_models.clamp();
        self.inpaint.clamp();
        self.seed_plane.zoom =
            if self.seed_plane.zoom.is_finite() { self.seed_plane.zoom.clamp(60.0, 2000.0) } else { 220.0 };
        if !self.seed_plane.x.is_finite() || !self.seed_plane.y.is_finite() {
            (self.seed_plane.x, self.seed_plane.y) = (1.0, 0.0);
        }
        self.sliders.rows = self.sliders.rows.clamp(1, 32);
        self.sliders.steps = (self.sliders.steps.clamp(3, 21)) | 1;
        self.sliders.reach = finite(self.sliders.reach, 3.0).clamp(0.5, 8.0);
        self.walk.stretch = self.walk.stretch.clamp(2, 600);
        self.walk.stops.truncate(64);
        self.map.scale = if self.map.scale.is_finite() { self.map.scale.clamp(8.0, 1e8) } else { 300.0 };
        if !self.map.x.is_finite() || !self.map.y.is_finite() {
            (self.map.x, self.map.y) = (0.5, 0.5);
        }
        if self.film.timeline.check().is_err() {
            self.film = FilmState::default();
        }
        self.atlas.clamp();
        self.inside.clamp();
        self.directions.rows = self.directions.rows.clamp(1, 8);
        self.directions.find.count = self.directions.find.count.clamp(1, 32);
        self.sum.terms.truncate(PICKS.len());
        self.breed.parents.truncate(16);
        self.breed.wish.count = self.breed.wish.count.clamp(1, 48);
        self.between.share = finite(self.between.share, 0.5).clamp(0.0, 1.0);
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
        let mut state = ExploreState::default();
        state.here.latent = Latent::Point { values: vec![0.1, -2.5] };
        state.walk.stops.push(Anchor::At(Latent::Seed { seed: u64::MAX }));
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(serde_json::from_value::<ExploreState>(json).unwrap(), state);
        let old: ExploreState = serde_json::from_str(r#"{"sheet":{"count":100000},"compare":{"share":7}}"#).unwrap();
        let mut mended = old;
        mended.clamp();
        assert_eq!((mended.samples.count, mended.between.share), (256, 1.0));
    }

    #[test]
    fn what_earlier_versions_kept_is_read_under_its_old_names() {
        let old: ExploreState = serde_json::from_value(serde_json::json!({
            "here": { "latent": { "kind": "seed", "seed": 9 } },
            "sheet": { "first": 40 }, "plane": { "zoom": 300.0 }, "traverse": { "rows": 3 }, "compare": { "share": 0.25 },
            "twins": { "first": 7 }, "mend": { "on": true, "steps": 12 }, "came": "Random sheet",
            "inside": { "page": "codes", "tap": 2 },
        }))
        .unwrap();
        assert_eq!((old.here.latent.seed(), old.samples.first, old.seed_plane.zoom), (Some(9), 40, 300.0));
        assert_eq!((old.sliders.rows, old.between.share, old.compare_models.first), (3, 0.25, 7));
        assert_eq!((old.inpaint.steps, old.provenance.as_str(), old.inside.tap), (12, "Random sheet", 2));
        let json = old.snapshot();
        assert!(json.get("sheet").is_none() && json["samples"]["first"] == 40);
    }

    #[test]
    fn a_change_of_model_leaves_nothing_that_it_cannot_make() {
        let info = crate::engine::fake::models().remove(0);
        let dim = info.latent as usize;
        let style = Latent::of(crate::recipe::picture::Place {
            space: crate::recipe::picture::Space::W,
            values: vec![0.5; 16 * dim],
            ..Default::default()
        });
        let good = Latent::Point { values: vec![0.1; dim] };
        let mut state = ExploreState::default();
        state.here.latent = style.clone();
        state.grid.anchors[2] = style.clone().into();
        state.between.ends = [good.clone().into(), style.clone().into()];
        state.map.anchors[0] = style.clone().into();
        state.sum.terms[1].anchor = style.clone().into();
        state.walk.stops = vec![style.clone().into(), good.clone().into()];
        state.breed.parents = vec![good.clone(), style.clone()];
        state.film.timeline.keys[0].latent = style.clone();
        state.directions.base = Some(("other".into(), style.clone()));
        state.directions.strengths.insert("Warmer".into(), 1.0);
        assert!(state.fit_to(&info).is_some_and(|why| why.contains("style")));
        assert!(!state.snapshot().to_string().contains(r#""space":"w""#), "{}", state.snapshot());
        assert_eq!(state.here.latent, Latent::Seed { seed: 1 });
        assert_eq!(state.between.ends[0], good.clone().into());
        assert_eq!((state.walk.stops, state.breed.parents), (vec![good.clone().into()], vec![good]));
        assert!(state.film.timeline.check().is_ok() && state.film.timeline.keys[0].time == 0.0);
        assert!(state.directions.base.is_none() && state.directions.strengths.is_empty());
        assert_eq!(ExploreState::default().fit_to(&info), None);
    }

    #[test]
    fn a_film_has_frames_for_every_stretch() {
        let mut walk = WalkState { stretch: 10, ..WalkState::default() };
        assert_eq!(walk.frames(), 30);
        walk.looped = false;
        assert_eq!(walk.frames(), 21);
        walk.stops.truncate(1);
        assert_eq!(walk.frames(), 1);
    }
}
