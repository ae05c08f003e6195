//! What the engine tells of latent space.

use std::path::PathBuf;
use std::sync::Arc;

use super::retrieval::RealFound;
use crate::base::Picture;
use crate::engine::{Item, JobId};
use crate::latent::activations::Inside;
use crate::latent::activations::codes::{Anomaly, CodePoint, NumberUse};
use crate::latent::atlas::gather::Atlas;
use crate::latent::breed::Child;
use crate::latent::directions::Direction;
use crate::latent::drag::DragState;
use crate::latent::draw::Token;
use crate::latent::encoder::EncoderInfo;
use crate::latent::film::Frame;
use crate::latent::interpolation_grid::Laid;
use crate::latent::invert::{Found, Step};
use crate::latent::latent_edit::{Mended, Painted};
use crate::latent::retrieval::Nearest;
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;

/// A kept picture in a family.
#[derive(Clone, Debug, PartialEq)]
pub struct LineageNode {
    /// The picture.
    pub item: Item,
    /// Numbers of its parents, as far as they are kept.
    pub parents: Vec<i64>,
}

/// Latents whose pictures were held against a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The latents, as they were asked for.
    pub latents: Vec<Latent>,
    /// Their truncation.
    pub truncation: f32,
    /// The text.
    pub text: String,
    /// Places among the latents, that of the best first.
    pub order: Vec<usize>,
    /// How far the order is to be trusted.
    pub told: String,
    /// Whether any picture seems to show what was asked for.
    pub answered: bool,
}

/// What the engine tells of latent space.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum LatentEvent {
    /// Latents that were asked for, in the order of the request.
    Latents { ticket: u64, model: ModelRef, latents: Vec<Latent> },
    /// Cells between anchors; nothing if they could not be laid out, which is told besides.
    LaidOut { ticket: u64, model: ModelRef, laid: Option<Box<Laid>> },
    /// A token of a picture that is drawn, at a place of a grid of rows and columns; with the picture so far, what is not
    /// drawn yet being transparent, unless the token was given.
    TokenDrawn { session: u64, model: ModelRef, grid: [usize; 2], place: usize, token: Token, picture: Option<Picture> },
    /// A picture is drawn; nothing if it could not be, which is told besides.
    TokensDrawn { session: u64, model: ModelRef, picture: Option<Picture> },
    /// Real pictures that were found.
    RealFound { job: JobId, model: ModelRef, found: Arc<RealFound> },
    /// Latents near real pictures, in the order of the seeds, with the place of the picture that each was drawn around.
    NearReal { ticket: u64, model: ModelRef, latents: Vec<Latent>, from: Vec<usize> },
    /// The real picture that each is nearest to.
    NearestReal { ticket: u64, model: ModelRef, nearest: Vec<(Nearest, Picture)> },
    /// All directions of a model as they are kept now.
    Directions { model: ModelRef, directions: Arc<Vec<Direction>> },
    /// Names of the directions that a search found.
    DirectionsFound { job: JobId, model: ModelRef, names: Vec<String> },

    /// What is known of a model's encoder; nothing if it has none.
    Encoder { model: ModelRef, info: Option<EncoderInfo> },
    /// The files that a search is about, those in folders among them.
    InvertFiles { job: JobId, files: Vec<PathBuf> },
    /// A look at the way to a latent.
    Inverting { job: JobId, step: Step },
    /// A picture with its latent, `index` among those asked for.
    Inverted { job: JobId, model: ModelRef, index: usize, path: PathBuf, found: Box<Found> },
    /// A model that was brought closer to a picture.
    Tuned { job: JobId, model: ModelRef, child: ModelRef, picture: Picture, psnr: f64 },

    /// A tile of a map.
    MapTile { map: u64, zoom: i32, tile: (i64, i64), picture: Picture },

    /// Where dragging stands.
    Dragged { session: u64, model: ModelRef, standing: Box<DragState> },
    /// A look at the way to what was painted.
    Painting { job: JobId, step: u32, picture: Picture },
    /// What became of paint or eraser.
    Painted { job: JobId, model: ModelRef, painted: Box<Painted> },
    /// A mended picture.
    Mended { job: JobId, model: ModelRef, path: PathBuf, mended: Box<Mended> },
    /// A picture file as the model sees it; nothing if it cannot be read, which is told besides.
    TakenIn { ticket: u64, model: ModelRef, path: PathBuf, picture: Option<Box<Picture>> },

    /// Frames at the times asked for.
    Frames { ticket: u64, model: ModelRef, frames: Vec<Frame> },

    /// Whether the pictures that a model learned from are on this computer.
    OwnDataFound { model: ModelRef, there: bool },
    /// The pictures that a model learned from are known from now on.
    OwnData { model: ModelRef },

    /// A sheet of pictures.
    Atlas { job: JobId, model: ModelRef, atlas: Arc<Atlas> },
    /// Small pictures of points.
    AtlasThumbs { model: ModelRef, thumbs: Vec<(u32, Picture)> },

    /// How far two pictures are apart: 0 for equals, about 0.1 for a slight blur, about 1 for strangers.
    Apart { ticket: u64, distance: f64 },

    /// Children.
    Offspring { ticket: u64, model: ModelRef, children: Vec<Child> },
    /// A family: the picture asked for is among them.
    Family { item: i64, members: Vec<LineageNode> },

    /// Latents in the order in which a text fits their pictures.
    Ranked { job: JobId, model: ModelRef, ranked: Box<Ranked> },

    /// Features of a picture.
    Inside { ticket: u64, model: ModelRef, inside: Box<Inside> },
    /// How much each channel matters: root mean square change of pixels (of 1) without it.
    ChannelEffects { job: JobId, model: ModelRef, tap: u32, effects: Vec<f32> },
    /// How a VAE uses each number of its latent, and the histogram that the prior has.
    CodeUse { job: JobId, model: ModelRef, numbers: Vec<NumberUse>, prior: Vec<f32> },
    /// Where pictures lie on the plane of a latent of two numbers, and the names of their labels.
    CodePlane { job: JobId, model: ModelRef, points: Arc<Vec<CodePoint>>, labels: Vec<String> },
    /// Where a picture does not come back.
    Anomaly { ticket: u64, model: ModelRef, anomaly: Box<Anomaly> },
}
