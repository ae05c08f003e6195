//! What the engine tells its clients.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{JobId, SlotId};
use super::jobs::likeness::Likeness;
use super::jobs::search::{Facets, SearchAnswer};
use crate::base::series::Reading;
use crate::base::{Picture, Problem};
use crate::data::report::Survey;
use crate::eval::Score;
use crate::eval::context::Suspect;
use crate::library::PastChange;
use crate::library::item::{DataSetInfo, Item, ItemFilter};
use crate::library::storage::Kept;
use crate::models::info::{BrokenModel, ModelInfo, ModelRef};
use crate::models::outline::Outline;
use crate::models::shipped::EncoderCard;
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::recipe::{Edit, Recipe};
use crate::train::doctor::finding::Finding;
use crate::train::report::{Preview, RunSummary};

/// What a dropped or pasted path is.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Inspected {
    /// A source of pictures to train on. Folders can be looked through together with other folders and pictures.
    Source { source: String, folder: bool },
    /// A picture that the studio made, with its recipe, and the model if it is here.
    Generated { path: PathBuf, recipe: Box<PictureRecipe>, model: Option<ModelRef> },
    /// Some other picture.
    Picture { path: PathBuf },
    /// A model or checkpoint.
    Model { model: ModelRef },
    /// A run folder.
    Run { dir: PathBuf },
}

/// Bytes that may still be written where the studio keeps things; nothing where the system does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Space {
    /// Where runs are.
    pub runs: Option<u64>,
    /// Where prepared sets are.
    pub prepared: Option<u64>,
}

/// What is known of how good a model is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Evaluation {
    /// The data it was held against.
    pub source: String,
    /// All scores known, the newest last.
    pub scores: Vec<Score>,
    /// Metrics that were asked for and do not apply, each with its reason.
    pub left_out: Vec<(String, String)>,
    /// Samples beside the training pictures that they are most like, the worst first, if that was asked.
    pub suspects: Arc<Vec<Suspect>>,
}

/// A device and whether it can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// What to ask for it by: `cpu`, `vulkan:0`, `wgsl:0`, `metal:0`, `cuda:0`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it computes right numbers.
    pub usable: bool,
    /// Why not, or a remark.
    pub reason: String,
    /// Whether it is a real GPU.
    pub gpu: bool,
    /// Measured speed, in billions of multiply-adds a second of a small convolution training step.
    pub gmacs_per_s: Option<f64>,
}

/// What the engine tells.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Event {
    /// A job goes on. `total` 0: unknown.
    Job { job: JobId, title: String, done: u64, total: u64 },
    /// A job ended; its result, if any, came as another event.
    JobEnded { job: JobId, problem: Option<Problem> },
    /// Something a person should know.
    Message(Problem),

    /// A source was looked through.
    Surveyed { job: JobId, survey: Arc<Survey> },
    /// Small versions of pictures of a source, by name; empty where one cannot be decoded.
    SourceThumbs { source: String, thumbs: Vec<(String, Picture)> },
    /// One picture before and after preparation.
    PreparationPreview { ticket: u64, name: String, before: Picture, after: Picture, augmented: Vec<Picture> },
    /// A prepared set is in the cache.
    DataReady { job: JobId, pictures: u64, bytes: u64 },
    /// Data sets used before.
    DataSets(Vec<DataSetInfo>),
    /// Bytes that may still be written.
    Space(Space),
    /// What the studio keeps, and how large it is.
    Storage(Vec<Kept>),

    /// A run exists now, or what lists show of it changed.
    Run(Box<RunSummary>),
    /// All runs, newest first.
    Runs(Vec<RunSummary>),
    /// Numbers of a run.
    RunReadings { dir: PathBuf, readings: Vec<Reading> },
    /// Everything kept of a run.
    RunLoaded {
        dir: PathBuf,
        readings: Arc<Vec<Reading>>,
        edits: Vec<Edit>,
        previews: Vec<u64>,
        findings: Vec<Finding>,
    },
    /// The doctor found something in a run, or it is gone.
    RunFinding { dir: PathBuf, finding: Box<Finding> },
    /// A live edit took effect.
    RunEdited { dir: PathBuf, edit: Edit },
    /// Samples of a run; `live` if they are new rather than asked for.
    RunPreview { dir: PathBuf, preview: Arc<Preview>, live: bool },
    /// A run says something.
    RunMessage { dir: PathBuf, problem: Problem },

    /// All models, shipped ones first.
    Models(Vec<ModelInfo>),
    /// Pretrained networks that ship with the studio.
    Networks(Vec<EncoderCard>),
    /// Models that are there and cannot be used.
    BrokenModels(Vec<BrokenModel>),
    /// A model can be explored.
    ModelOpened { model: ModelRef, info: Box<ModelInfo> },
    /// A contact sheet.
    ContactSheet { model: ModelRef, sheet: Picture },
    /// What the networks of a recipe are made of.
    Outlined { recipe: Box<Recipe>, outline: Outline },
    /// Pictures of the same seeds from the standard normal and through the fitted prior.
    PriorCompared { model: ModelRef, seeds: Vec<u64>, normal: Vec<Picture>, fitted: Vec<Picture> },
    /// Pictures, in the order of the request's latents.
    Generated { slot: SlotId, ticket: u64, model: ModelRef, pictures: Vec<Picture>, seconds: f64 },
    /// A request for pictures failed, and why; it is not worth making again as it is.
    NotGenerated { slot: SlotId, ticket: u64, problem: Problem },
    /// A picture's code in a VAE.
    Encoded {
        slot: SlotId,
        model: ModelRef,
        path: PathBuf,
        /// The picture as the encoder saw it.
        input: Picture,
        /// The decoder's picture of its mean.
        reconstruction: Picture,
        /// The posterior's mean.
        latent: Latent,
        /// The posterior's standard deviation.
        deviation: Vec<f32>,
        /// Nearest codes among the training data, if the data are here: small pictures with distances.
        neighbours: Vec<(Picture, f32)>,
    },
    /// How good a model is, as far as it is known: after measuring (`job`), or as measured before.
    Evaluated { job: Option<JobId>, model: ModelRef, evaluation: Box<Evaluation> },
    /// How a kept picture stands to what its model learned from, with the nearest training picture; nothing where that is not
    /// known, with the reason if there is one.
    Likeness { item: i64, found: Option<Box<(Likeness, Picture)>>, problem: Option<Problem> },
    /// Files were written.
    Exported { job: JobId, files: Vec<PathBuf> },

    /// Kept pictures for a filter.
    Items { filter: ItemFilter, items: Arc<Vec<Item>> },
    /// The first of many pictures for a filter, so that there is something to see; all of them follow as `Items`.
    FirstItems { filter: ItemFilter, items: Arc<Vec<Item>> },
    /// What a search found.
    Found { ticket: u64, answer: Arc<SearchAnswer> },
    /// A search failed, and why.
    NotFound { ticket: u64, problem: Problem },
    /// What filters of the library can be chosen from.
    Facets(Facets),
    /// Something about kept pictures changed: ask again.
    ItemsChanged,
    /// A change to kept pictures was made that can be taken back by its number.
    Changed { change: i64, name: String },
    /// The last changes to kept pictures, the newest first.
    Changes(Vec<PastChange>),
    /// Small versions of kept pictures.
    ItemThumbs(Vec<(i64, Picture)>),
    /// A kept picture at full size.
    ItemDetail { item: Box<Item>, picture: Picture },
    /// A thing with what it comes from and what came of it.
    Graph(Box<super::Graph>),
    /// What was made, kept and exported.
    Usage(Box<super::Usage>),
    /// Something of records.
    Records(Box<super::RecordsEvent>),

    /// Something of latent space.
    Latent(super::latent::LatentEvent),

    /// What a path is.
    Inspected(Inspected),
    /// Devices.
    Devices(Vec<DeviceReport>),
}
