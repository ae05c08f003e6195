//! What a client asks of latent space.

use std::path::PathBuf;

use super::retrieval::FindReal;
use crate::base::Picture;
use crate::engine::{ExportOptions, JobId};
use crate::latent::activations::Look;
use crate::latent::atlas::gather;
use crate::latent::directions::search::Find;
use crate::latent::directions::{Direction, Move};
use crate::latent::draw::DrawRequest;
use crate::latent::film::Timeline;
use crate::latent::interpolation_grid;
use crate::latent::map::Plane;
use crate::latent::{breed, drag, invert, latent_edit};
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;

/// What a client asks of latent space. Answers come as [`super::LatentEvent`]s; tickets are handed back with them. Jobs
/// tell `Event::Job` on their way and `Event::JobEnded` at their end, and are ended by `Command::Cancel`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum LatentCommand {
    /// Latents as styles: one for all layers, or one for each (models with styles). → `Latents`
    ToStyles { ticket: u64, model: ModelRef, latents: Vec<Latent>, each_layer: bool },
    /// `base` with the styles of `from` at these layers (the first, and the one past the last): coarse, middle or fine
    /// looks of another picture (models with styles). → `Latents`, one
    MixStyles { ticket: u64, model: ModelRef, base: Latent, from: Latent, layers: [u32; 2] },
    /// Latents moved along directions; they become styles where a direction moves styles. → `Latents`
    Move { ticket: u64, model: ModelRef, latents: Vec<Latent>, moves: Vec<Move> },
    /// Latents at places of a plane. → `Latents`
    PlaneLatents { ticket: u64, model: ModelRef, plane: Plane, places: Vec<(f64, f64)> },

    /// Cells between anchors, with steps evened as they are seen at this truncation; replaces what was asked in this
    /// session before, and is ended by `StopDrag`. → `LaidOut`
    LayOut { session: u64, ticket: u64, model: ModelRef, wish: interpolation_grid::GridConfig, truncation: f32 },

    /// Directions kept of a model. → `Directions`
    ListDirections { model: ModelRef },
    /// Find directions and keep them. → `DirectionsFound`, `Directions`
    FindDirections { job: JobId, model: ModelRef, find: Find },
    /// Measure how much else moves along directions (all if no names are given), with the attributes known of `data` if
    /// that is given; kept with them. → `Directions`
    MeasureDirections { job: JobId, model: ModelRef, names: Vec<String>, data: Option<String> },
    /// Keep a direction: a new one, or in place of the one called `replaces` (to rename or change it). → `Directions`
    KeepDirection { model: ModelRef, direction: Direction, replaces: Option<String> },
    /// Take the parts along others out of a direction (all others that move the same if no names are given). →
    /// `Directions`
    SeparateDirection { model: ModelRef, name: String, others: Vec<String> },
    /// Forget directions. → `Directions`
    RemoveDirections { model: ModelRef, names: Vec<String> },
    /// Write directions to a file; all if no names are given. → `Exported`
    ExportDirections { job: JobId, model: ModelRef, names: Vec<String>, out: PathBuf },
    /// Add directions of a file. → `Directions`
    ImportDirections { model: ModelRef, path: PathBuf },

    /// What is known of a GAN's encoder. → `Encoder`
    ListEncoder { model: ModelRef },
    /// Train an encoder for a GAN on so many thousand of its own pictures; goes on where an earlier training was ended,
    /// and waits while a run is on. → `Encoder`
    TrainEncoder { job: JobId, model: ModelRef, kimg: f64 },
    /// Hold the training of an encoder, or let it go on.
    PauseEncoder { job: JobId, paused: bool },
    /// Find latents of picture files, and of those in folders. → `InvertFiles`, `Inverting` (the way), `Inverted` (each)
    Invert { job: JobId, model: ModelRef, inputs: Vec<PathBuf>, wish: invert::InvertConfig },
    /// Bring a GAN closer to a picture at a latent that was found for it; the result is a model of its own. → `Tuned`,
    /// `Event::Models`
    Tune { job: JobId, model: ModelRef, input: PathBuf, latent: Latent, steps: u32 },

    /// Tiles of a map, the most wanted first; replaces what was asked of this map before (no tiles: nothing is wanted). →
    /// `MapTile` each
    MapTiles { map: u64, model: ModelRef, plane: Plane, truncation: f32, zoom: i32, tiles: Vec<(i64, i64)> },

    /// Drag points of a picture; replaces what was dragged in this session before. → `Dragged` each step
    Drag { session: u64, model: ModelRef, latent: Latent, truncation: f32, wish: drag::DragConfig },
    /// Draw a picture token by token with a prior, at least so many milliseconds apart; replaces what was drawn in this
    /// session before, and is ended by `StopDrag`. → `TokenDrawn` each, `TokensDrawn`
    DrawTokens {
        session: u64,
        model: ModelRef,
        request: Box<DrawRequest>,
        pause: u32,
        /// The prompt that this one goes on from, by the number of its record.
        after: Option<i64>,
    },
    /// Find real pictures of what a model learned from, to draw from them. → `RealFound`
    FindReal { job: JobId, model: ModelRef, ask: Box<FindReal> },
    /// Latents of seeds around the real pictures that were found last for a GAN or VAE; strength 0 as the model learned, 1
    /// like them. → `NearReal`
    DrawNearReal { ticket: u64, model: ModelRef, strength: f32, seeds: Vec<u64> },
    /// The real picture that each of these is nearest to, and whether it nearly is that one. → `NearestReal`
    FindNearest { ticket: u64, model: ModelRef, pictures: Vec<Picture> },
    /// Stop dragging, or laying out, in a session. → `Dragged` or `LaidOut` is not told again
    StopDrag { session: u64 },
    /// Paint on or erase from a picture. → `Painting` (the way), `Painted`
    Paint { job: JobId, model: ModelRef, latent: Latent, truncation: f32, wish: latent_edit::EditConfig },
    /// Fill a hole of a picture file (one byte a pixel of the model's size, 0 where it is known), or take its noise away.
    /// → `Mended`
    Mend { job: JobId, model: ModelRef, input: PathBuf, hole: Option<Vec<u8>>, typical: f64, steps: u32 },
    /// A picture file as the model sees it. → `TakenIn`
    TakeIn { ticket: u64, model: ModelRef, input: PathBuf },
    /// Write a mended picture with the latent that mended it, and with the marks of the file that it was. → `Exported`
    WriteMended { job: JobId, model: ModelRef, latent: Latent, picture: Box<Picture>, photo: PathBuf, out: PathBuf },

    /// Frames of a timeline at some times (in seconds of the timeline), for scrubbing. → `Frames`
    Frames { ticket: u64, model: ModelRef, timeline: Box<Timeline>, times: Vec<f64> },
    /// Write a film. → `Exported`
    Film { job: JobId, model: ModelRef, timeline: Box<Timeline>, options: ExportOptions },

    /// Whether the pictures that a model learned from are on this computer. → `OwnDataFound`
    FindOwnData { model: ModelRef },
    /// Remember where the pictures are that a model learned from. → `OwnData`
    OwnData { model: ModelRef, source: String },

    /// Lay pictures out on a sheet; `kept` are numbers of pictures in the gallery. → `Atlas`
    Atlas { job: JobId, model: ModelRef, wish: gather::AtlasConfig, kept: Vec<i64> },
    /// Small pictures of points of the newest atlas, by place among them. → `AtlasThumbs`
    AtlasThumbs { model: ModelRef, points: Vec<u32>, size: u32 },
    /// The latents at places between the points of the newest atlas. → `Latents`
    AtlasAt { ticket: u64, model: ModelRef, places: Vec<[f32; 2]> },

    /// Write pictures of two models: of each the same number, beside each other or as strips one above the other. →
    /// `Exported`
    ExportBoth {
        job: JobId,
        models: [ModelRef; 2],
        latents: [Vec<Latent>; 2],
        truncation: f32,
        beside: bool,
        options: ExportOptions,
    },
    /// How far two pictures are apart as the studio's features see them. → `Apart`
    Apart { ticket: u64, pictures: Box<[Picture; 2]> },

    /// Children of latents. → `Offspring`
    Breed { ticket: u64, model: ModelRef, parents: Vec<Latent>, wish: breed::BreedConfig },
    /// Keep a child in the gallery, with its parents there. → `Event::ItemsChanged`, `Family`
    KeepChild { model: ModelRef, latent: Latent, truncation: f32, parents: Vec<i64> },
    /// The family of a kept picture: all it comes from and all that comes from it. → `Family`
    Family { item: i64 },

    /// Latents in the order in which a text fits their pictures. → `Ranked`
    Rank { job: JobId, model: ModelRef, latents: Vec<Latent>, truncation: f32, text: String },

    /// Features of a picture at a tap, with channels switched off. → `Inside`
    Inside { ticket: u64, model: ModelRef, latent: Latent, truncation: f32, look: Look },
    /// How much each channel at a tap matters to a picture. → `ChannelEffects`
    ChannelEffects { job: JobId, model: ModelRef, latent: Latent, truncation: f32, tap: u32 },
    /// How a VAE uses its latents over a data set (that of its recipe if `data` is empty). → `CodeUse`
    CodeUse { job: JobId, model: ModelRef, data: String },
    /// Where pictures of a data set (that of its recipe if `data` is empty) lie in a VAE whose latents have two numbers. →
    /// `CodePlane`
    CodePlane { job: JobId, model: ModelRef, data: String },
    /// Where a VAE fails on a picture file. → `Anomaly`
    Anomaly { ticket: u64, model: ModelRef, input: PathBuf },
}
