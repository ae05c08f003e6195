//! Which pictures a run learns from, how they are read and how they are prepared.

use serde::{Deserialize, Serialize};

use super::field::{Field, Group, Input, field, int};
use super::marks::Marks;
use crate::base::{Channels, Problem, Resolution};

/// Which pictures, and how they are prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// A folder, a zip, a tar, an IDX or CIFAR file, `emoji`, `emoji:smileys`, `shapes`, …
    pub source: String,
    /// Width and height, 16 to 512 pixels each in steps of 4, at most 4 to 1. A square is one number.
    pub resolution: Resolution,
    /// Grey, RGB or RGBA.
    pub channels: Channels,
    /// How a picture of another shape takes on that of [`Self::resolution`].
    pub fit: Fit,
    /// Colour behind transparency and around padded pictures.
    pub background: [u8; 3],
    /// Whether pictures are mirrored at random while training.
    pub mirror: bool,
    /// Whether pictures that are the same, or nearly, are taken once only.
    pub drop_duplicates: bool,
    /// At most this many pictures (0: all), chosen by content hash.
    pub limit: u32,
    /// Names of pictures that are left out.
    pub exclude: Vec<String>,
    /// What the classes are taken from. Recipes that say nothing of it are older than the choice.
    #[serde(default = "Classes::before")]
    pub classes: Classes,
    /// Whether pictures that are stored on their side are turned. Recipes that say nothing of it are older than the choice.
    #[serde(default = "Sideways::before")]
    pub sideways: Sideways,
    /// What the values in the files mean. Recipes that say nothing of it are older than the choice.
    #[serde(default = "Pixels::before")]
    pub pixels: Pixels,
    /// Bits that pictures with 16 bits a channel really use, 1 to 15; 0 for all of them.
    pub depth: u32,
    /// Whether pictures of one colour all over are left out.
    pub drop_blank: bool,
    /// What columns of tables are taken for where the guess is wrong: `name=role`, see [`COLUMN_ROLES`].
    pub columns: Vec<String>,
    /// Labels, weights and tags that were set for single pictures, by name.
    #[serde(skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// Regions that are blurred or pixelated before anything is made of a picture: `NAME=X,Y,W,H`, with `:blur` or
    /// `:pixelate` behind it.
    pub hide: Vec<String>,
}

/// What the values in the files of pictures mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// What everybody sees: colours in sRGB by the profile of the file, no alpha that hides everything, no empty frames.
    #[default]
    Seen,
    /// The values as they are stored.
    Stored,
}

impl Pixels {
    /// What recipes mean that are older than the choice.
    fn before() -> Self {
        Self::Stored
    }
}

/// What a column of a table may be taken for.
pub const COLUMN_ROLES: &[&str] = &["file", "caption", "label", "number", "category", "none"];

/// What the classes of pictures are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Classes {
    /// A table that names them, else folders that are no splits, shards, masks or copies.
    #[default]
    Auto,
    /// The folders of the first level, whatever they are called; rows of a table overrule them.
    Folders,
    /// The folder each picture lies in.
    Parent,
    /// A table alone.
    Table,
    /// None: pictures have no classes.
    None,
}

/// Whether pictures that are stored on their side are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Sideways {
    /// Those of sets that are known to lie on their side (EMNIST).
    #[default]
    Auto,
    /// Rows and columns of IDX files are swapped.
    Turn,
    /// They stay as they are stored.
    Keep,
}

/// How what lies in a source is understood: the part of a recipe that decides what a listing says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// What the classes are taken from.
    pub classes: Classes,
    /// Whether pictures that are stored on their side are turned.
    pub sideways: Sideways,
    /// What the values in the files mean.
    pub pixels: Pixels,
    /// Bits that pictures with 16 bits a channel really use; 0 for all of them.
    pub depth: u32,
    /// What columns of tables are taken for where the guess is wrong.
    pub columns: Vec<String>,
}

impl Reading {
    /// Whether this is how recipes are understood that are older than the choice.
    pub fn is_before(&self) -> bool {
        (self.classes, self.sideways) == (Classes::before(), Sideways::before())
    }
}

impl Classes {
    /// What recipes mean that are older than the choice.
    fn before() -> Self {
        Self::Folders
    }
}

impl Sideways {
    /// What recipes mean that are older than the choice.
    fn before() -> Self {
        Self::Keep
    }
}

/// How a picture of another shape takes on the shape that is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The largest part of the right shape in the centre.
    Crop,
    /// All of it, with the background beside it.
    Pad,
    /// Pulled to the shape.
    Stretch,
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            source: String::new(),
            resolution: Resolution::square(32),
            channels: Channels::Rgb,
            fit: Fit::Crop,
            background: [255; 3],
            mirror: false,
            drop_duplicates: false,
            limit: 0,
            exclude: Vec::new(),
            classes: Classes::Auto,
            sideways: Sideways::Auto,
            pixels: Pixels::Seen,
            depth: 0,
            drop_blank: false,
            columns: Vec::new(),
            marks: Marks::new(),
            hide: Vec::new(),
        }
    }
}

impl DataRecipe {
    /// How what lies in the source is understood.
    pub fn reading(&self) -> Reading {
        let Self { classes, sideways, pixels, depth, .. } = *self;
        Reading { classes, sideways, pixels, depth, columns: self.columns.clone() }
    }

    /// The same with what the source decides: points are no pictures, whatever size and colours were chosen.
    #[must_use]
    pub fn settled(&self) -> Self {
        let mut data = self.clone();
        if data.source.trim().starts_with("points:") {
            (data.channels, data.resolution, data.mirror) = (Channels::Points, Resolution::square(1), false);
        } else if data.channels == Channels::Points {
            (data.channels, data.resolution) = (Channels::Rgb, Resolution::square(32));
        }
        data
    }

    /// The problem with a resolution that is not allowed: `what` cannot be done, which side, and why.
    pub fn refused(&self, what: &str) -> Problem {
        let problem = Problem::usage(what).of(format!("data.resolution = {}", self.resolution));
        let problem = match self.resolution.refusal() {
            Some(why) => problem.because(why),
            None => problem,
        };
        problem.try_this(Resolution::RULE)
    }
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("data.source", "Pictures", Group::Data, Input::Text,
        "A folder, a zip, a tar, an IDX or CIFAR file, or a built-in set such as emoji:smileys or shapes").common(),
    field("data.resolution", "Resolution", Group::Data, Input::Size { min: 16, max: 512, step: 4, ratio: 4 },
        "Width and height of the pictures; twice as many pixels a side show more detail and take about four times as long").unit("px").common(),
    field("data.channels", "Colours", Group::Data, Input::Choice { options: &["grey", "rgb", "rgba"] },
        "Grey learns fastest; RGBA also learns transparency"),
    field("data.fit", "Fit", Group::Data, Input::Choice { options: &["crop", "pad", "stretch"] },
        "How a picture of another shape takes on that of the resolution"),
    field("data.background", "Background", Group::Data, Input::Colour,
        "The colour behind transparency and beside padded pictures"),
    field("data.mirror", "Mirror at random", Group::Data, Input::Bool,
        "Shows each picture mirrored half of the time; leave it off where left and right matter, as in letters"),
    field("data.drop_duplicates", "Leave out duplicates", Group::Data, Input::Bool,
        "Takes pictures that are the same, or nearly, only once"),
    field("data.limit", "At most", Group::Data, int(0, 100_000_000),
        "Trains on this many pictures only, always the same ones; 0 takes all").unit("pictures"),
    field("data.classes", "Classes from", Group::Data,
        Input::Choice { options: &["auto", "folders", "parent", "table", "none"] },
        "Auto takes a table, else folders that are no splits, shards, masks or copies; folders takes those of the first \
         level as they are, parent the folder each picture lies in"),
    field("data.sideways", "Turn sideways", Group::Data, Input::Choice { options: &["auto", "turn", "keep"] },
        "IDX files of EMNIST hold rows and columns swapped; auto turns those, turn any, keep none"),
    field("data.pixels", "Pixel values", Group::Data, Input::Choice { options: &["seen", "stored"] },
        "Seen takes colours as everybody sees them, by the colour profile in the file; stored takes the values as they are"),
    field("data.depth", "Bits used", Group::Data, int(0, 15),
        "Pictures with 16 bits a channel that use only 10, 12 or 14 of them are nearly black; the bits named here are \
         stretched over the whole range; 0 takes all as they are").unit("bits"),
    field("data.drop_blank", "Leave out blank pictures", Group::Data, Input::Bool,
        "Leaves out pictures that are one colour all over"),
    field("data.columns", "Columns of tables", Group::Data, Input::List,
        "What columns are taken for where the guess is wrong, as name=role: file, caption, label, number, category, none"),
    field("data.hide", "Hidden regions", Group::Data, Input::List,
        "Regions that nobody shall recognise, blurred or pixelated before training: NAME=X,Y,W,H in pixels, :blur for \
         smooth; * is every picture"),
    field("data.exclude", "Left out", Group::Data, Input::List, "Names of pictures that are not used"),
];
