//! What a client asks of the engine. Every command returns at once; answers come as [`super::Event`]s.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::jobs::search::SearchRequest;
use crate::eval::joint::Networks;
use crate::export::options::ExportOptions;
use crate::latent::prior::Kind;
use crate::library::item::{DataSetInfo, Item, ItemFilter};
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::recipe::{DataRecipe, ObjectiveRecipe, Reading, Recipe};
use crate::train::folder::Control;
use crate::train::identity::PictureAnswer;

/// Number of a job, chosen by the client, so that it can be cancelled and its events be told apart.
pub type JobId = u64;

/// A stream of pictures to one place on the screen: a newer request replaces an older one of the same slot.
pub type SlotId = u64;

/// What to do with a latent before the generator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// Where the answer is shown.
    pub slot: SlotId,
    /// Handed back with the answer.
    pub ticket: u64,
    /// The model.
    pub model: ModelRef,
    /// One picture each.
    pub latents: Vec<Latent>,
    /// Scales the latent (GAN: truncation; VAE: temperature). 1 leaves it.
    pub truncation: f32,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Command {
    /// Look through a source of pictures. → `Job`, `Surveyed`.
    Survey { job: JobId, source: String, reading: Reading },
    /// Small versions of pictures of a source, by their names within it. → `SourceThumbs`.
    SourceThumbs { source: String, names: Vec<String>, size: u32 },
    /// One picture before and after preparation, and as training shows it a few times. → `PreparationPreview`.
    PreviewPreparation { ticket: u64, data: DataRecipe, name: String, objective: Box<ObjectiveRecipe> },
    /// Make the prepared set. → `Job`, `DataReady`.
    Prepare { job: JobId, data: DataRecipe },
    /// Learn which words belong to pictures from the captions or labels of a source, and keep that. → `Job`
    TeachWords { job: JobId, source: String, reading: Reading },
    /// Name pictures of a data set again that are known to the library. → `DataSets`.
    ListData,
    /// Take a data set off the list; its pictures stay where they are. → `DataSets`.
    ForgetData { source: String },
    /// Put a data set back on the list, as it was. → `DataSets`.
    RestoreData { set: DataSetInfo },
    /// How much may still be written. → `Space`.
    FreeSpace,
    /// How much the studio keeps. → `Storage`.
    Storage,
    /// Empty parts of what the studio keeps, by their ids. → `Storage`.
    CleanStorage { parts: Vec<String> },

    /// Begin a run (or queue it when one is on). → `Run`.
    StartRun { recipe: Box<Recipe>, from: Option<ModelRef>, device: String },
    /// Go on with a run folder, up to so many kimg in all if given. → `Run`.
    ResumeRun { dir: PathBuf, kimg: Option<f64>, device: String, pictures: PictureAnswer },
    /// Make a run that goes on from a checkpoint of this one (its last without `images`), with settings changed by
    /// assignments such as `optim.lr=0.0002`. → `Run`, `Runs`.
    ForkRun { dir: PathBuf, images: Option<u64>, changes: Vec<String> },
    /// Do something to a run.
    ControlRun { dir: PathBuf, control: Control },
    /// Take a waiting run out of the queue.
    Unqueue { dir: PathBuf },
    /// Let what waits wait on when the run before it ends (`true`), or start it again.
    HoldQueue(bool),
    /// Keep the computer from falling asleep while a run is on, or let it.
    KeepAwake(bool),
    /// Which of the pretrained networks that ship with the studio may be used.
    UseNetworks(Networks),
    /// Read a run's curves, edits and list of previews from its folder. → `RunLoaded`.
    LoadRun { dir: PathBuf },
    /// Read one kept sample grid. → `RunPreview`.
    LoadPreview { dir: PathBuf, images: u64 },
    /// Runs that the library knows. → `Runs`.
    ListRuns,
    /// Delete a run with its folder, to the trash. → `Runs`.
    TrashRun { dir: PathBuf },
    /// Call a run something else. → `Runs`.
    RenameRun { dir: PathBuf, name: String },

    /// What the networks of a recipe are made of. → `Outlined`.
    Outline { recipe: Box<Recipe> },
    /// Shipped, imported and trained models. → `Models`.
    ListModels,
    /// Load a model for exploring. → `ModelOpened`.
    OpenModel { model: ModelRef },
    /// A contact sheet. → `ContactSheet`.
    ContactSheet { model: ModelRef },
    /// Copy a checkpoint file into the studio. → `Models`.
    ImportModel { path: PathBuf },
    /// Delete an imported model, to the trash. → `Models`.
    TrashModel { model: ModelRef },
    /// Write weights as safetensors. → `Job`, `Exported`.
    ExportModel { job: JobId, model: ModelRef, out: PathBuf },

    /// Fit a prior to the codes of pictures (those of the model's recipe if `data` is empty) and keep it with the model. →
    /// `Job`, `Models`, `ModelOpened`.
    FitPrior { job: JobId, model: ModelRef, data: String, kind: Kind },
    /// Take a fitted prior away. → `Models`, `ModelOpened`.
    RemovePrior { model: ModelRef },
    /// Draw latents of a model through its fitted prior or not, until the studio closes. → `ModelOpened`.
    UsePrior { model: ModelRef, on: bool },
    /// Pictures of the same seeds from the standard normal and through the fitted prior. → `PriorCompared`.
    ComparePrior { model: ModelRef, seeds: Vec<u64>, truncation: f32 },
    /// Measure how good a model is, against these data or its own. → `Job`, `Evaluated`.
    Evaluate { job: JobId, model: ModelRef, data: Option<String>, metrics: Vec<String>, count: u32 },
    /// What was measured before. → `Evaluated`.
    KnownScores { model: ModelRef },

    /// Make pictures. → `Generated`.
    Generate(GenerateRequest),
    /// Encode a picture file (VAE). → `Encoded`.
    Encode { slot: SlotId, model: ModelRef, path: PathBuf },
    /// Tell whether a kept picture is near to one that its model learned from; only what is known already without `look`.
    /// → `Likeness`.
    Likeness { item: Box<Item>, look: bool },
    /// Write pictures, a grid or a film. → `Job`, `Exported`.
    Export {
        job: JobId,
        model: ModelRef,
        latents: Vec<Latent>,
        truncation: f32,
        made_by: String,
        options: ExportOptions,
    },
    /// Keep pictures in the gallery; many of them as a job that can be watched and ended. → `Job`, `ItemsChanged`.
    Keep { job: Option<JobId>, model: ModelRef, latents: Vec<Latent>, truncation: f32, made_by: String, starred: bool },

    /// Kept pictures. → `Items`.
    ListItems { filter: ItemFilter },
    /// Search kept pictures and those of data sets by words, by what they show and by pictures. → `Found`.
    Search { ticket: u64, request: Box<SearchRequest> },
    /// Bring data sets into the library, so that their pictures are found. → `Job`, `ItemsChanged`.
    ImportPictures { job: JobId, sources: Vec<String> },
    /// What filters of the library can be chosen from. → `Facets`.
    ListFacets,
    /// Save a search by a name. → `Facets`.
    SaveSearch { name: String, request: Box<SearchRequest> },
    /// Forget a saved search. → `Facets`.
    ForgetSearch { name: String },
    /// Small versions of kept pictures. → `ItemThumbs`.
    ItemThumbs { ids: Vec<i64> },
    /// A kept picture at full size with its recipe. → `ItemDetail`.
    ItemDetail { id: i64 },
    /// What a thing comes from and what came of it, by its name: `item:12`, a run's folder, a model's hash; of several, one a
    /// line, the first that is known. → `Graph`.
    Graph { thing: String },
    /// What was made, kept and exported by model and week. → `Usage`.
    Usage,
    /// Something of records: marks and versions of data sets, threads, choices. → `Records`
    Records(super::RecordsCommand),
    /// Rate 0 to 5.
    RateItems { ids: Vec<i64>, rating: u8 },
    /// Star or unstar.
    StarItems { ids: Vec<i64>, starred: bool },
    /// Add or remove a tag.
    TagItems { ids: Vec<i64>, tag: String, add: bool },
    /// To the trash, or back.
    TrashItems { ids: Vec<i64>, trashed: bool },
    /// Take a change to kept pictures back, whatever came after it. → `ItemsChanged`.
    UndoChange { change: i64 },
    /// Do again what was taken back. → `ItemsChanged`.
    RedoChange { change: i64 },
    /// The last changes to kept pictures. → `Changes`.
    ListChanges,
    /// Remove what is in the trash for good: pictures in the studio's own folder go to the system's trash.
    EmptyTrash,
    /// Copy kept picture files to a folder. → `Exported`.
    ExportItems { job: JobId, ids: Vec<i64>, options: ExportOptions },

    /// Something of latent space. → `Latent`.
    Latent(super::latent::LatentCommand),

    /// Find out what was dropped or pasted. → `Inspected`.
    Inspect { path: PathBuf },
    /// Compute models for exploring and export on this device from now on; models that are open are loaded again.
    ExploreOn { device: String },
    /// Probe the devices (cached unless `again`). → `Devices`.
    ProbeDevices { again: bool },
    /// End a job.
    Cancel { job: JobId },
}
