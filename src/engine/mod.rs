//! The only door for clients: commands in, events out. Neither the window nor the command line touches burn.

pub mod backend;
pub mod command;
pub mod dataset_locator;
pub mod devices;
pub mod event;
pub mod event_queue;
pub mod fake;
pub mod inference;
pub mod inspect;
pub mod jobs;
pub mod latent;
pub mod runs;
pub mod studio;
pub mod trash;
pub mod worker;

pub use crate::data::report::{BrokenFile, DuplicateGroup, Survey, SurveyEntry};
pub use crate::eval::Score;
pub use crate::eval::context::Suspect;
pub use crate::export::options::ExportOptions;
pub use crate::library::PastChange;
pub use crate::library::choices::{ModelRank, Ranked, Ranking};
pub use crate::library::finder::{By, Hit, Why};
pub use crate::library::item::{DataSetInfo, Imported, Item, ItemFilter, ItemSort, Shelf};
pub use crate::library::records::graph::{Edge as GraphEdge, Graph, Node as GraphNode};
pub use crate::library::records::threads::Prompt;
pub use crate::library::usage::{Made, Setting as UsageSetting, Usage, WEEK};
pub use crate::library::versions::Version;
pub use crate::library::{Condition, condition};
pub use crate::models::info::{ModelCard, ModelInfo, ModelRef};
pub use crate::train::doctor::finding::{Course, Evidence, Finding, Remedy};
pub use crate::train::folder::Control;
pub use crate::train::identity::{PictureAnswer, Question, question};
pub use crate::train::report::{CheckpointInfo, Preview, RunProgress, RunState, RunSummary};
pub use command::{Command, GenerateRequest, JobId, SlotId};
pub use event::{DeviceReport, Evaluation, Event, Inspected, Space};
pub use jobs::likeness::Likeness;
pub use jobs::records::{PairsOf, RecordsCommand, RecordsEvent, SHOWN as VERSION_PICTURES, Thumbs as VersionThumbs};
pub use jobs::search::{Facets, Sample, SearchAnswer, SearchRequest};
pub use latent::{LatentCommand, LatentEvent, LineageNode};

/// An engine that works behind the scenes. `send` and `poll` never wait.
pub trait Engine {
    /// Asks for something.
    fn send(&self, command: Command);

    /// What happened since the last call, in order.
    fn poll(&self) -> Vec<Event>;

    /// Has `wake` called whenever there is something to poll (throttled).
    fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>);

    /// Ends the engine's own threads. Runs in processes of their own go on unless told to stop before.
    fn shut_down(&self);
}
